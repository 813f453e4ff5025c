"""Telephone systems on their pages: set up, told what to enter where, mapped by what they sent, tried, and followed."""

import xml.etree.ElementTree as ET
from html import unescape
from typing import Any

import pytest
from sqlmodel import select

from helpdesk.exchanges import OPTIONS
from models import Call, CallFact, Exchange, ExchangeKind, ExchangeLog, Inbound, Ticket
from tests.cast import AIKO, PUBLIC_URL, SATO, STRANGER, TANAKA, OpenDesk, part, text_of
from tests.exchanges import SECRET, settle
from tests.web.test_doors import RING

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
ASTERISK = {"kind": "asterisk", "name": "pbx-1", "label": "本社PBX", "host": "pbx.example.jp", "port": "5038",
            "user": "desk", "secret": SECRET, "security": "tls", "inbound_contexts": "from-trunk\r\nfrom-pstn\r\n",
            "dial_context": "from-internal", "dial_channel": "PJSIP/{extension}", "system": ""}  # fmt: skip
PUSH = {"kind": "push", "name": "front-1", "label": "受付", "direction": "", "event": "", "caller_ids": ""}


def row(desk: OpenDesk) -> Exchange:
    return desk.read(lambda db: db.exec(select(Exchange)).one())


def make(desk: OpenDesk, **typed: Any) -> Any:
    return desk.as_(SATO).post("/admin/exchanges/new", data=PUSH | typed)


def address(html: str, name: str = "address") -> str:
    """What stands in a field to copy."""
    return unescape(html.split(f'id="{name}" value="', 1)[1].split('"', 1)[0])


def test_a_supervisor_sets_one_up_and_the_address_shown_works(desk: OpenDesk) -> None:
    page = make(desk, queue_id=str(desk.queue("returns").id))
    assert page.url.path == f"/admin/exchanges/{row(desk).id}"
    shown = address(page.text)
    assert shown.startswith(f"{PUBLIC_URL}/api/v1/cti/")
    assert desk.client.post(shown.removeprefix(PUBLIC_URL), data=RING).status_code == 200
    listed = text_of(part(desk.as_(SATO).get("/admin/exchanges").text, "exchanges"))
    assert "受付" in listed and "接続済み" in listed and "front" in listed  # the setting's beside it


@SQLITE
def test_every_kind_has_a_form_a_page_and_every_option_words(desk: OpenDesk) -> None:
    sato = desk.as_(SATO)
    kinds = sato.get("/admin/exchanges/new").text
    for kind, options in OPTIONS.items():
        assert f'kind={kind.value}"' in kinds
        form = sato.get(f"/admin/exchanges/new?kind={kind.value}").text
        for option in options:
            assert f'name="{option.name}"' in form
            assert f">{option.name}<" not in form  # the bare code means that its words are missing
        typed = {option.name: option.default or (option.choices or ("",))[0] for option in options}
        more = ASTERISK if kind == ExchangeKind.ASTERISK else {}
        made = sato.post(
            "/admin/exchanges/new", data=PUSH | typed | more | {"kind": kind.value, "name": f"x-{kind.value}"}
        )
        assert made.status_code == 200 and made.url.path.startswith("/admin/exchanges/"), text_of(made.text)
        assert sato.get(f"{made.url.path}/edit").status_code == 200


def test_asterisk_s_options_are_kept_as_the_connection_reads_them(desk: OpenDesk) -> None:
    desk.as_(SATO).post("/admin/exchanges/new", data=ASTERISK)
    made = row(desk)
    assert made.options == {
        "host": "pbx.example.jp", "port": 5038, "user": "desk", "security": "tls",
        "inbound_contexts": ["from-trunk", "from-pstn"], "dial_context": "from-internal",
        "dial_channel": "PJSIP/{extension}",
    }  # fmt: skip
    assert made.token_hash is None and SECRET not in desk.everything_kept()
    page = desk.as_(SATO).get(f"/admin/exchanges/{made.id}/edit").text
    assert SECRET not in page and "from-pstn" in page
    moved = desk.as_(SATO).post(f"/admin/exchanges/{made.id}/edit", data=ASTERISK | {"host": "evil.example.net",
                                                                                    "secret": ""})  # fmt: skip
    assert moved.status_code == 422 and row(desk).options["host"] == "pbx.example.jp"
    kept = desk.as_(SATO).post(f"/admin/exchanges/{made.id}/edit", data=ASTERISK | {"secret": "", "label": "支店PBX"})
    assert kept.status_code == 200 and (row(desk).label, row(desk).secret) == ("支店PBX", made.secret)


@SQLITE
def test_what_is_wrong_is_said_beside_its_field_and_what_was_typed_stays(desk: OpenDesk) -> None:
    wrong: list[tuple[dict[str, str], str]] = [
        ({"name": "日本"}, "name"), ({"name": ""}, "name"), ({"name": "front"}, "name"), ({"label": " "}, "label"),
        ({"queue_id": "999"}, "queue_id"), ({"queue_id": "x"}, "queue_id"), ({"direction": "up"}, "direction"),
        ({"caller_ids": "0120* 03-5550-0101"}, "caller_ids"), ({"caller_ids": "* = 12"}, "caller_ids"),
        ({"caller_ids": "nowhere = 03-5550-0101"}, "caller_ids"), ({"kind": "threecx", "country": "japan"}, "country"),
        (ASTERISK | {"port": "x"}, "port"), (ASTERISK | {"host": "a b"}, "host"), (ASTERISK | {"host": ""}, "host"),
        (ASTERISK | {"user": ""}, "user"), (ASTERISK | {"secret": ""}, "secret"),
    ]  # fmt: skip
    for changed, field in wrong:
        answer = make(desk, **changed)
        assert answer.status_code == 422 and desk.count(Exchange) == 0, changed
        assert text_of(part(answer.text, f"f-{field}-error")), changed
        assert (changed.get("label") or "受付") in answer.text


@SQLITE
@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (ASTERISK | {"host": "https://pbx.example.jp"}, "https:// や空白を入れず"),
        (ASTERISK | {"host": "pbx example"}, "https:// や空白を入れず"),
        (ASTERISK | {"user": "desk\tuser"}, "1行で入力してください"),
        (ASTERISK | {"user": "u" * 201}, "長すぎます"),
        ({"kind": "threecx", "country": "japan"}, "大文字2文字で入力してください（例：JP）"),
    ],
)
def test_beside_a_field_stands_what_is_expected_there(desk: OpenDesk, changed: dict[str, str], expected: str) -> None:
    field = next(name for name in ("country", "user", "host") if changed.get(name) != ASTERISK.get(name))
    assert expected in text_of(part(make(desk, **changed).text, f"f-{field}-error"))


@SQLITE
def test_only_supervisors_may(desk: OpenDesk) -> None:
    front = settle(desk, "push")
    for path in ("", "/new", "/log", f"/{front.id}", f"/{front.id}/edit", f"/{front.id}/template.xml"):
        assert desk.as_(AIKO).get(f"/admin/exchanges{path}").status_code == 403
    for path in ("/new", *(f"/{front.id}/{act}" for act in (
            "edit", "mapping", "try", "ring", "pause", "resume", "rotate", "retire", "delete"))):  # fmt: skip
        answer = desk.as_(AIKO).post(f"/admin/exchanges{path}", data=PUSH | {"said": "event=ring"})
        assert answer.status_code == 403, path
    assert front.row.is_active and desk.count(Exchange) == 1 and desk.count(Call) == 0


# --- names and words -------------------------------------------------------------------------------------------------


def test_names_are_mapped_by_choosing_beside_what_was_sent(desk: OpenDesk) -> None:
    front = settle(desk, "push", options={"direction": "in"})
    odd = {"状態": "着信", "番号": "090-1234-5678", "通話ID": "c-1", "to": "0355500101"}
    assert front.posts(odd).status_code == 422
    page = desk.as_(SATO).get(f"/admin/exchanges/{front.id}").text
    table = text_of(part(page, "mapping"))
    assert all(each in table for each in ("状態", "着信", "番号", "090-1234-5678", "自動判別：着信先の番号"))
    mapped = {"name-1": "状態", "ours-1": "event", "name-2": "番号", "ours-2": "from", "name-3": "通話ID",
              "ours-3": "call_id", "name-4": "to", "ours-4": "", "name-90": "", "ours-90": "",
              "word-90": "着信", "field-90": "event", "meaning-90": "ring"}  # fmt: skip
    assert desk.as_(SATO).post(f"/admin/exchanges/{front.id}/mapping", data=mapped).status_code == 200
    assert front.row.mapping == {"event": "状態", "from": "番号", "call_id": "通話ID",
                                 "values": {"event": {"着信": "ring"}}}  # fmt: skip
    assert front.posts(odd).status_code == 200 and desk.call("c-1").number == TANAKA.phone
    page = desk.as_(SATO).get(f"/admin/exchanges/{front.id}").text
    assert 'value="from" selected' in page and 'value="ring" selected' in page
    twice = mapped | {"ours-2": "event"}
    refused = desk.as_(SATO).post(f"/admin/exchanges/{front.id}/mapping", data=twice)
    assert refused.status_code == 422 and "重複" in text_of(part(refused.text, "mapping"))


# --- trying ----------------------------------------------------------------------------------------------------------


def tables(desk: OpenDesk) -> list[int]:
    return [desk.count(table) for table in (Call, CallFact, Ticket, Inbound, ExchangeLog)]


def test_a_request_is_tried_and_nothing_is_kept(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    front, screen = settle(desk, "push"), desk.screen_of(AIKO)
    before = tables(desk)
    query = "event=ring&call_id=c-1&direction=in&from=09012345678&to=0355500101"
    for said in (query, f"GET /api/v1/cti/secret?{query} HTTP/1.1", f"https://desk.example.com/api/v1/cti/x?{query}",
                 '{"event": "ring", "call_id": "c-1", "direction": "in", "from": "090-1234-5678", "to": "0355500101"}',
                 ):  # fmt: skip
        page = desk.as_(SATO).post(f"/admin/exchanges/{front.id}/try", data={"said": said})
        seen = text_of(part(page.text, "try"))
        for each in ("着信", "090-1234-5678", TANAKA.name, "03-5550-0101", "技術サポート", AIKO.name,
                     "新しい問い合わせを作成"):  # fmt: skip
            assert each in seen, said
    assert tables(desk) == before and screen.pops == []


def test_what_is_tried_in_earnest_rings_and_stands_in_the_log(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    front, screen = settle(desk, "push"), desk.screen_of(AIKO)
    said = "event=newCall&callId=c-1&direction=in&from=09012345678&to=0355500101"
    page = desk.as_(SATO).post(f"/admin/exchanges/{front.id}/ring", data={"said": said})
    assert page.status_code == 200 and screen.pops == ["c-1"]
    assert f'href="/calls/{desk.call("c-1").id}"' in page.text
    assert [line.outcome for line in front.log] == ["ring"]
    refused = desk.as_(SATO).post(f"/admin/exchanges/{front.id}/ring", data={"said": "event=dance"})
    assert refused.status_code == 422 and "dance" in text_of(part(refused.text, "try"))


@SQLITE
def test_what_cannot_be_understood_is_told_and_no_crash(desk: OpenDesk) -> None:
    front = settle(desk, "push")
    for said in ("", "dance", "{", "[1]", "event=ring&callId=1", "\x00", "x" * 60_000):
        page = desk.as_(SATO).post(f"/admin/exchanges/{front.id}/try", data={"said": said})
        assert page.status_code == 200 and "イベントとして読み取れません" in text_of(part(page.text, "try")), said[:20]


@SQLITE
def test_a_withheld_caller_is_tried_without_a_number(desk: OpenDesk) -> None:
    front = settle(desk, "push")
    said = "event=newCall&callId=c-1&direction=in&from=09099998888&presentation=withheld&to=0355500101"
    page = desk.as_(SATO).post(f"/admin/exchanges/{front.id}/try", data={"said": said})
    tried = text_of(page.text.split('class="tried"')[1].split("</section>")[0])
    assert "非通知" in tried and "9999" not in tried


def test_each_kind_is_tried_in_its_own_words(desk: OpenDesk) -> None:
    said = {
        "placetel": "event=IncomingCall&from=09012345678&to=0355500101&call_id=p-1&direction=in",
        "sipgate": "event=newCall&from=819012345678&to=81355500101&direction=in&callId=s-1&user%5B%5D=a",
        "phonebridge": "type=received&state=ringing&id=z-1&from=%2B819012345678&to=%2B81355500101",
        "threecx": '{"CallType": "Missed", "Number": "09012345678", "CallStartTimeUTC": "2026-11-16T00:55:00"}',
    }
    for kind, words in said.items():
        phone = settle(desk, kind)
        page = desk.as_(SATO).post(f"/admin/exchanges/{phone.id}/try", data={"said": words})
        assert TANAKA.name in text_of(part(page.text, "try")), kind
    assert desk.count(Call) == 0


# --- the log, keys and files -----------------------------------------------------------------------------------------


def test_the_log_is_filtered_by_system_and_by_what_came_of_it(desk: OpenDesk) -> None:
    front, other = settle(desk, "push", name="a"), settle(desk, "push", name="b")
    front.posts(RING)
    front.posts({"event": "dance"})
    other.posts(RING | {"callId": "c-2", "from": STRANGER.phone})
    sato = desk.as_(SATO)

    def lines(query: str) -> str:
        return text_of(part(sato.get(f"/admin/exchanges/log?{query}").text, "main"))

    assert "c-1" in lines("") and "c-2" in lines("") and "dance" in lines("")
    assert "c-2" not in lines("source=push:a") and "dance" in lines("source=push:a")
    assert "dance" in lines("outcome=bad") and "c-1" not in lines("outcome=bad")
    assert "c-1" in lines("outcome=ring") and "dance" not in lines("outcome=ring")
    for hostile in ("before=99999999999999999999", "before=x", "source=%00", "outcome='"):
        assert sato.get(f"/admin/exchanges/log?{hostile}").status_code in (200, 404, 422)


@SQLITE
def test_the_log_goes_on_page_by_page(desk: OpenDesk) -> None:
    front = settle(desk, "push")
    for number in range(55):
        front.asks("/lookup", number=f"0355{number:06}")
    first = desk.as_(SATO).get("/admin/exchanges/log").text
    onward = unescape(first.split('<p class="list-more"><a class="button" href="')[1].split('"')[0])
    second = desk.as_(SATO).get(onward).text
    assert "0355000054" in first and "0355000000" not in first and "0355000000" in second


@SQLITE
def test_a_new_key_is_made_and_the_old_one_switched_off_on_the_page(desk: OpenDesk) -> None:
    front = settle(desk, "push")
    page = desk.as_(SATO).post(f"/admin/exchanges/{front.id}/rotate")
    new = address(page.text)
    assert front.token not in new and "古いキー" in text_of(part(page.text, "key"))
    assert front.posts(RING).status_code == 200
    page = desk.as_(SATO).get(f"/admin/exchanges/{front.id}")
    assert "最終使用日時" in text_of(part(page.text, "key"))
    desk.as_(SATO).post(f"/admin/exchanges/{front.id}/retire")
    assert front.posts(RING).status_code == 401
    assert desk.client.post(new.removeprefix(PUBLIC_URL), data=RING).status_code == 200
    for act, word in (("pause", "停止中"), ("resume", "未受信")):
        desk.as_(SATO).post(f"/admin/exchanges/{front.id}/{act}")
        assert word in text_of(part(desk.as_(SATO).get("/admin/exchanges").text, "exchanges"))
    desk.as_(SATO).post(f"/admin/exchanges/{front.id}/delete")
    assert desk.count(Exchange) == 0 and desk.count(Call) == 1


def test_the_template_of_3cx_holds_an_address_that_works(desk: OpenDesk) -> None:
    phone = settle(desk, "threecx")
    answer = desk.as_(SATO).get(f"/admin/exchanges/{phone.id}/template.xml")
    assert answer.headers["content-disposition"].endswith('"desk-threecx-1.xml"')
    root = ET.fromstring(answer.text)
    scenarios = {each.attrib["Id"]: each for each in root.iter("Scenario")}
    assert set(scenarios) == {"", "SearchContacts", "ReportCall"}
    asked = scenarios[""].find("Request").attrib["Url"]
    url = asked.replace('[[Number].Replace("+","%2B")]', "%2B819012345678").removeprefix(PUBLIC_URL)
    [contact] = desk.client.get(url).json()["contacts"]
    paths = {each.attrib["Name"]: each.attrib["Path"] for each in scenarios[""].iter("Variable")}
    assert set(paths.values()) == {f"contacts.{name}" for name in contact} and contact["lastname"] == "田中"
    reported = {each.attrib["Key"]: each.text for each in scenarios["ReportCall"].iter("Value")}
    assert reported["Number"] == "[Number]" and {"CallType", "Agent", "Duration"} <= set(reported)
    url = scenarios["ReportCall"].find("Request").attrib["Url"].removeprefix(PUBLIC_URL)
    values = dict.fromkeys(reported, "[Unfilled]") | {"CallType": "Missed", "Number": "+819012345678"}
    assert desk.client.post(url, json=values).status_code == 200 and len(desk.calls()) == 1
    other = settle(desk, "push")
    assert desk.as_(SATO).get(f"/admin/exchanges/{other.id}/template.xml").status_code == 404
