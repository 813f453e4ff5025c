"""Sending domains: the records to set, what a name server on this machine says of them, and the key that signs."""

import re
from collections.abc import Iterator
from html import unescape

import pytest
from pydantic import SecretStr
from sqlmodel import select

from helpdesk.mail import dkim, published
from models import DkimKey, DomainCheck, Mailbox
from tests.cast import AIKO, MONDAY, SATO, OpenDesk, part, text_of
from tests.nameserver import Nameserver

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
DOMAIN, SERVER = "desk.example.jp", "mail.example.net"
PAGE = "/admin/mail/domains"
SPF = "v=spf1 a:mail.example.net ~all"


@pytest.fixture
def names(settings) -> Iterator[Nameserver]:  # type: ignore[no-untyped-def]
    """The name server this test's desk asks; the desk sends by mail.example.net."""
    settings.smtp_url = SecretStr(f"smtp://{SERVER}:587")
    with Nameserver() as server:
        settings.dns_server = server.address
        server.zone[SERVER, "A"] = ["203.0.113.7"]
        yield server


def key(desk: OpenDesk) -> DkimKey:
    found: DkimKey = desk.read(lambda db: db.exec(select(DkimKey)).one())
    return found


def make_key(desk: OpenDesk) -> DkimKey:
    assert desk.as_(SATO).post(f"{PAGE}/key", data={"domain": DOMAIN}).status_code == 200
    return key(desk)


def check(desk: OpenDesk, domain: str = DOMAIN) -> str:
    answer = desk.as_(SATO).post(f"{PAGE}/check", data={"domain": domain})
    assert answer.status_code == 200, text_of(answer.text)
    return answer.text


def said(html: str, what: str) -> list[tuple[str, str]]:
    """What stands on the page of one kind of record: pairs of level and words."""
    block = re.search(
        rf'<section class="domain-part" aria-labelledby="domain-1-{what}-title">(.*?)</section>', html, re.S
    )
    assert block is not None
    return [(level, text_of(words)) for level, words in
            re.findall(r'<li data-level="(\w+)">.*?<span>(.*?)</span></li>', block[1], re.DOTALL)]  # fmt: skip


def to_set(html: str, what: str) -> tuple[str, str]:
    """The record to copy: its name and value."""
    name = re.search(rf'<input readonly id="domain-1-{what}-name" value="([^"]*)"', html)
    value = re.search(rf'<textarea readonly id="domain-1-{what}-value"[^>]*>([^<]*)<', html)
    assert name is not None and value is not None
    return unescape(name[1]), unescape(value[1])


def test_from_nothing_to_signed_mail_with_every_record_right(desk: OpenDesk, names: Nameserver) -> None:
    page = desk.as_(SATO).get(PAGE).text
    assert to_set(page, "spf") == (DOMAIN, SPF) and to_set(page, "dmarc") == (f"_dmarc.{DOMAIN}", "v=DMARC1; p=none")
    assert names.asked == []  # nothing is looked up while a page is drawn
    first = check(desk)
    assert [said(first, what)[0][0] for what in ("spf", "dkim", "dmarc")] == ["wrong", "doubtful", "wrong"]
    made = make_key(desk)
    page = desk.as_(SATO).get(PAGE).text
    name, value = to_set(page, "dkim")
    assert (name, value) == (f"{made.selector}._domainkey.{DOMAIN}", f"v=DKIM1; k=rsa; p={made.public_key}")
    for each in ("spf", "dkim", "dmarc"):  # as a person sets what the page says
        names.txt(*to_set(page, each))
    desk.clock.advance(minutes=5)
    last = check(desk)
    assert [level for what in ("spf", "dkim", "dmarc") for level, _ in said(last, what)] == ["right"] * 3
    assert "2026/11/16(月) 10:05" in text_of(last) and "署名を開始できます" in text_of(last)
    signed = desk.as_(SATO).post(f"{PAGE}/switch", data={"domain": DOMAIN, "value": "on"})
    assert "署名中" in text_of(signed.text) and key(desk).is_active
    assert desk.read(dkim.signer, DOMAIN, desk.settings) is not None


@SQLITE
def test_a_long_record_is_also_given_in_strings_as_zone_files_have_it(desk: OpenDesk) -> None:
    made = make_key(desk)
    zone = unescape(text_of(part(desk.as_(SATO).get(PAGE).text, "domain-1-dkim-strings")))
    strings = re.findall(r'"([^"]*)"', zone)
    assert zone.startswith(f"{made.selector}._domainkey.{DOMAIN}. IN TXT (") and len(strings) == 2
    assert max(map(len, strings)) == 255 and "".join(strings) == f"v=DKIM1; k=rsa; p={made.public_key}"


@pytest.mark.parametrize(
    ("records", "level", "words", "proposed"),
    [
        ([], "wrong", "ありません", SPF),
        (["v=spf1 -all", "v=spf1 mx -all"], "wrong", "複数", "v=spf1 mx a:mail.example.net ~all"),
        (["v=spf1 ip4:203.0.113.0/24 -all"], "right", SERVER, "v=spf1 ip4:203.0.113.0/24 -all"),
        (["v=spf1 a:mail.example.net/28 ~all"], "right", SERVER, "v=spf1 a:mail.example.net/28 ~all"),
        (["v=spf1 mx -all"], "right", SERVER, "v=spf1 mx -all"),
        (["v=spf1 include:list.example.net -all"], "right", SERVER, "v=spf1 include:list.example.net -all"),
        (["v=spf1 redirect=list.example.net"], "right", SERVER, "v=spf1 redirect=list.example.net"),
        (["V=SPF1 IP4:203.0.113.7 -ALL"], "right", SERVER, "V=SPF1 IP4:203.0.113.7 -ALL"),
        (["v=spf1 ip4:198.51.100.1 -all"], "doubtful", "a:mail.example.net",
         "v=spf1 ip4:198.51.100.1 a:mail.example.net -all"),
        (["v=spf1 -ip4:203.0.113.7 ~all"], "doubtful", SERVER, "v=spf1 -ip4:203.0.113.7 a:mail.example.net ~all"),
        (["v=spf1 redirect=none.example.net"], "doubtful", "~all",
         "v=spf1 a:mail.example.net redirect=none.example.net"),
        (["v=spf1 ip4:203.0.113.7"], "doubtful", "~all", "v=spf1 ip4:203.0.113.7"),
        (["v=spf1 ip4:203.0.113.7 +all"], "wrong", "+all", "v=spf1 ip4:203.0.113.7 +all"),
        (["v=spf1 ip4:203.0.113.7 ipv4:1.2.3.4 -all"], "wrong", "ipv4:1.2.3.4",
         "v=spf1 ip4:203.0.113.7 ipv4:1.2.3.4 -all"),
        (["v=spf1 ip4:203.0.113.700 -all"], "wrong", "ip4:203.0.113.700",
         "v=spf1 ip4:203.0.113.700 a:mail.example.net -all"),
        (["v=spf1 " + "include:list.example.net " * 11 + "-all"], "wrong", "11", None),
        (["v=spf1 include:loop.example.net -all"], "wrong", "11", None),
    ],
    ids=lambda value: str(value)[:50],
)  # fmt: skip
@SQLITE
def test_an_spf_record_is_read_as_receivers_read_it(
    desk: OpenDesk, names: Nameserver, records: list[str], level: str, words: str, proposed: str | None
) -> None:
    names.txt(DOMAIN, "unrelated=1", *records)
    names.txt("list.example.net", "v=spf1 ip4:203.0.113.0/28 -all")
    names.txt("loop.example.net", "v=spf1 include:loop.example.net -all")
    names.zone[DOMAIN, "MX"] = [f"10 {SERVER}."]
    page = check(desk)
    assert said(page, "spf")[0][0] == level and words in said(page, "spf")[0][1], said(page, "spf")
    assert proposed is None or to_set(page, "spf")[1] == proposed
    assert len(names.asked) < 60


@pytest.mark.parametrize(
    ("server", "mechanism"),
    [
        ("smtp.gmail.com", "include:_spf.google.com"),
        ("smtp.office365.com", "include:spf.protection.outlook.com"),
        ("email-smtp.ap-northeast-1.amazonaws.com", "include:amazonses.com"),
        ("203.0.113.9", "a:desk.example.com"),  # an address of documents, and none of the world's
        ("mail.example.net", "a:mail.example.net"),
        ("127.0.0.1", "a:desk.example.com"),  # a server beside the desk is seen as the desk's own address
        ("postfix", "a:desk.example.com"),
    ],
)
@SQLITE
def test_the_record_fits_the_server_mail_leaves_by(desk: OpenDesk, server: str, mechanism: str) -> None:
    desk.settings.smtp_url = SecretStr(f"smtp://{server}:587")
    assert to_set(desk.as_(SATO).get(PAGE).text, "spf")[1] == f"v=spf1 {mechanism} ~all"


def test_an_address_stands_in_the_record_as_itself() -> None:
    assert published.mechanism("203.0.113.9") == "ip4:203.0.113.9"
    assert published.mechanism("[2001:db8::9]") == "ip6:2001:db8::9"


@SQLITE
def test_a_provider_that_is_missing_is_wrong_and_one_that_is_included_is_right(
    desk: OpenDesk, names: Nameserver
) -> None:
    desk.settings.smtp_url = SecretStr("smtp://smtp.gmail.com:587")
    names.txt(DOMAIN, "v=spf1 mx -all")
    ((level, words),) = said(check(desk), "spf")
    assert level == "wrong" and "include:_spf.google.com" in words
    names.txt(DOMAIN, "v=spf1 include:_spf.google.com -all")
    names.txt("_spf.google.com", "v=spf1 ~all")
    assert said(check(desk), "spf")[0][0] == "right"


@pytest.mark.parametrize(
    ("record", "level", "words"),
    [
        ("v=DKIM1; k=rsa; p={key}", "right", "正しい鍵"),
        ("p={key}", "right", "正しい鍵"),
        ("v=DKIM1;k=rsa;h=sha1:sha256;s=email;p={key};", "right", "正しい鍵"),
        ("v=DKIM1; t=y; p={key}", "doubtful", "t=y"),
        ("v=DKIM1; p={other}", "wrong", "一致しません"),
        ("v=DKIM1; p={half}", "wrong", "一致しません"),
        ("v=DKIM1; p=", "wrong", "失効"),
        ("v=DKIM1; k=rsa", "wrong", "形式"),
        ("v=DKIM2; p={key}", "wrong", "形式"),
        ("v=DKIM1; k=ed25519; p={key}", "wrong", "形式"),
        ("v=DKIM1; h=sha1; p={key}", "wrong", "許可"),
        ("v=DKIM1; s=other; p={key}", "wrong", "許可"),
        ("", "wrong", "見つかりません"),
    ],
)
@SQLITE
def test_a_dkim_record_is_read_as_receivers_read_it(
    desk: OpenDesk, names: Nameserver, record: str, level: str, words: str
) -> None:
    made = make_key(desk)
    name = f"{made.selector}._domainkey.{DOMAIN}"
    if record:
        half = made.public_key[:200]
        names.txt(name, record.format(key=made.public_key, other="MIIB" + made.public_key[4:-4] + "AAAA", half=half))
    (found,) = said(check(desk), "dkim")
    assert found[0] == level and words in found[1]
    desk.as_(SATO).post(f"{PAGE}/switch", data={"domain": DOMAIN, "value": "on"})
    again = said(check(desk), "dkim")
    assert (len(again) == 2 and "検証に失敗" in again[1][1]) is (level == "wrong")


@SQLITE
def test_two_keys_under_one_name_are_wrong(desk: OpenDesk, names: Nameserver) -> None:
    made = make_key(desk)
    value = f"v=DKIM1; p={made.public_key}"
    names.txt(f"{made.selector}._domainkey.{DOMAIN}", value, "v=DKIM1; p=AAAA")
    assert said(check(desk), "dkim")[0][0] == "wrong"


@pytest.mark.parametrize(
    ("zone", "levels", "words"),
    [
        ({}, ["wrong"], "ありません"),
        ({DOMAIN: ["v=DMARC1; p=none; rua=mailto:dmarc@example.jp"]}, ["right"], "none"),
        ({DOMAIN: ["v=DMARC1;p=Reject"]}, ["right", "wrong"], "自社のメールも対象"),
        ({"example.jp": ["v=DMARC1; p=reject; sp=none"]}, ["right"], "example.jp"),
        ({"example.jp": ["v=DMARC1; p=quarantine"]}, ["right", "wrong"], "自社のメールも対象"),
        ({DOMAIN: ["v=DMARC1"]}, ["wrong"], "ポリシー"),
        ({DOMAIN: ["v=DMARC1; p=maybe"]}, ["wrong"], "ポリシー"),
        ({DOMAIN: ["v=DMARC1; p=none", "v=DMARC1; p=reject"]}, ["wrong"], "複数"),
        ({DOMAIN: ["something else"], "example.jp": ["v=DMARC1; p=none"]}, ["right"], "example.jp"),
        ({"jp": ["v=DMARC1; p=none"]}, ["wrong"], "ありません"),
    ],
    ids=str,
)
@SQLITE
def test_a_dmarc_record_is_found_as_receivers_find_it(
    desk: OpenDesk, names: Nameserver, zone: dict[str, list[str]], levels: list[str], words: str
) -> None:
    for name, texts in zone.items():
        names.txt(f"_dmarc.{name}", *texts)
    found = said(check(desk), "dmarc")
    assert [level for level, _ in found] == levels and words in found[-1][1]


@SQLITE
def test_a_strict_policy_is_no_danger_to_mail_that_is_signed_or_allowed(desk: OpenDesk, names: Nameserver) -> None:
    names.txt(f"_dmarc.{DOMAIN}", "v=DMARC1; p=reject")
    names.txt(DOMAIN, "v=spf1 ip4:203.0.113.7 -all")
    assert [level for level, _ in said(check(desk), "dmarc")] == ["right"]
    names.txt(DOMAIN, "v=spf1 -all")
    assert [level for level, _ in said(check(desk), "dmarc")] == ["right", "wrong"]
    made = make_key(desk)
    names.txt(f"{made.selector}._domainkey.{DOMAIN}", f"v=DKIM1; p={made.public_key}")
    desk.as_(SATO).post(f"{PAGE}/switch", data={"domain": DOMAIN, "value": "on"})
    assert [level for level, _ in said(check(desk), "dmarc")] == ["right"]


@SQLITE
def test_a_name_server_that_fails_is_said_and_judged_as_nothing(desk: OpenDesk, names: Nameserver) -> None:
    make_key(desk)
    names.fails = True
    page = check(desk)
    for what in ("spf", "dkim", "dmarc"):
        ((level, words),) = said(page, what)
        assert level == "unknown" and "DNSに問い合わせできない" in words
    assert to_set(page, "spf")[1] == SPF  # what to set is still there to copy


@SQLITE
def test_a_name_server_that_is_silent_costs_no_more_than_its_time(
    desk: OpenDesk, names: Nameserver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("helpdesk.mail.published.EACH_SECONDS", 0.2)
    monkeypatch.setattr("helpdesk.mail.published.ALL_SECONDS", 0.5)
    names.silent |= {DOMAIN, f"_dmarc.{DOMAIN}"}
    page = check(desk)
    assert [said(page, what)[0][0] for what in ("spf", "dmarc")] == ["unknown", "unknown"]
    assert "応答がありません" in said(page, "spf")[0][1]


@SQLITE
def test_a_new_key_has_a_new_name_signs_nothing_yet_and_forgets_what_was_found(
    desk: OpenDesk, names: Nameserver
) -> None:
    first = make_key(desk)
    names.txt(f"{first.selector}._domainkey.{DOMAIN}", f"v=DKIM1; p={first.public_key}")
    check(desk)
    desk.as_(SATO).post(f"{PAGE}/switch", data={"domain": DOMAIN, "value": "on"})
    second = make_key(desk)
    assert second.selector != first.selector and second.public_key != first.public_key and not second.is_active
    page = desk.as_(SATO).get(PAGE).text
    assert said(page, "dkim") == [] and said(page, "spf") != []
    desk.as_(SATO).post(f"{PAGE}/delete", data={"domain": DOMAIN})
    assert desk.count(DkimKey) == 0
    refused = desk.as_(SATO).post(f"{PAGE}/switch", data={"domain": DOMAIN, "value": "on"})
    assert refused.status_code == 422


@SQLITE
def test_every_domain_mail_is_sent_from_is_there_with_its_own_server(desk: OpenDesk) -> None:
    desk.settings.smtp_url = SecretStr(f"smtp://{SERVER}:587")
    box = Mailbox(name="x", address="info@shop.example", host="imap.shop.example", user="info", takes_from=MONDAY,
                  smtp_host="smtp.office365.com", state_since=MONDAY, created_at=MONDAY)  # fmt: skip
    desk.write(lambda db: db.add(box))
    queue = desk.queue("billing").id
    desk.as_(SATO).post(f"/admin/queues/{queue}", data={"name": "請求", "name_en": "Billing",
                                                       "address": "billing@窓口.example"})  # fmt: skip
    page = desk.as_(SATO).get(PAGE).text
    assert re.findall(r'<h2 id="domain-\d-title">([^<]+)</h2>', page) == [
        "desk.example.jp", "shop.example", "xn--6or331g.example"]  # fmt: skip
    values = re.findall(r'<textarea readonly id="domain-\d-spf-value"[^>]*>([^<]*)<', page)
    assert values == [SPF, "v=spf1 include:spf.protection.outlook.com ~all", SPF]


@SQLITE
def test_the_private_key_is_nowhere_to_be_seen(desk: OpenDesk) -> None:
    made = make_key(desk)
    page = desk.as_(SATO).get(PAGE).text
    assert "PRIVATE KEY" not in page + desk.everything_kept() and made.private_key not in page


@SQLITE
def test_an_open_page_hears_what_was_found(desk: OpenDesk, names: Nameserver) -> None:
    screen = desk.screen_of(SATO, PAGE)
    check(desk)
    screen.check()
    assert "domains" in screen.stale


@SQLITE
def test_agents_neither_see_nor_touch_sending_domains(desk: OpenDesk, names: Nameserver) -> None:
    agent = desk.as_(AIKO)
    assert agent.get(PAGE).status_code == 403 and PAGE not in agent.get("/inbox").text
    for path in ("check", "key", "switch", "delete"):
        assert agent.post(f"{PAGE}/{path}", data={"domain": DOMAIN, "value": "on"}).status_code == 403
    assert desk.count(DkimKey) == desk.count(DomainCheck) == 0 and names.asked == []


@SQLITE
def test_a_domain_that_is_not_ours_is_not_found_and_not_asked_about(desk: OpenDesk, names: Nameserver) -> None:
    for domain in ("example.com", "", "x" * 400, "a..b", "ａ" * 80):
        for path in ("check", "key", "switch", "delete"):
            answer = desk.as_(SATO).post(f"{PAGE}/{path}", data={"domain": domain, "value": "on"})
            assert answer.status_code == 404, (path, domain)
    assert desk.as_(SATO).post(f"{PAGE}/switch", data={"domain": DOMAIN, "value": "x"}).status_code == 422
    assert names.asked == [] and desk.count(DkimKey) == 0
