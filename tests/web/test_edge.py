"""What every request passes: where it came from, who is signed in, what leaves with the answer, how errors look."""

import re
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
import sqlalchemy as sa
from sqlmodel import select
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from cti import replay
from helpdesk.settings import Settings
from models import Attachment, Inbound, Message, Note, Parked, Presence, Ticket
from tests.cast import (
    ACCOUNT,
    AIKO,
    BEN,
    DESK_ADDRESS,
    PASSWORD,
    PUBLIC_URL,
    PUSH_TOKEN,
    RETURNS_ADDRESS,
    SATO,
    TANAKA,
    TECH_NUMBER,
    TOKEN,
    OpenDesk,
    part,
    text_of,
)
from tests.web.test_account import browser, presence
from web import assets
from web.app import routes
from web.edge import HEADERS

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
EVIL = "https://evil.example.net"
HUGE = 10**30
FOR_ALL = {"/files/{token}", "/sign-in", "/welcome", "/healthz", "/readyz", "/metrics", "/api/v1/cti/{token}",
           "/wall/{secret}", "/wall/b/{secret}", "/s/{token}", "/s/{token}/stop", "/m/{token}", "/manifest.webmanifest",
           "/sw.js", "/offline", "/logo/{logo_id:id}", "/appearance.css",
           "/join/{token}", *(f"/static/{name}" for name in assets.JOINED)}  # fmt: skip
FOR_MACHINES = ("/hooks/", "/api/")


def addresses(method: str, *, number: int = 1) -> list[str]:
    """Every address people may ask with this method, ids filled in."""
    found = [route.path for route in routes(demo=True) if isinstance(route, Route) and method in (route.methods or ())]
    people = [path for path in found if path not in FOR_ALL and not path.startswith(FOR_MACHINES)]
    return [re.sub(r"\{\w+:id\}", str(number), path) for path in people]


@pytest.fixture
def demo_desk(fresh_desk: Callable[[str], Any], settings: Settings) -> Iterator[OpenDesk]:
    """A desk with the demonstration's doors too."""
    settings.demo = True
    with fresh_desk("demo") as desk:
        yield desk


def letter(desk: OpenDesk, *, name: str = "写真.html") -> Message:
    """A mail to returns with an evil HTML body and an HTML file."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = TANAKA.email, RETURNS_ADDRESS, "返品"
    mail["Message-ID"] = "<letter@example.com>"
    mail.set_content("返品したいです。")
    evil = f"<p onclick='steal()'>返品<script>steal()</script><img src='{EVIL}/x'></p>"
    mail.add_alternative(evil, "html")
    mail.add_attachment(b"<script>steal()</script>", "text", "html", filename=name)
    desk.mail(to=RETURNS_ADDRESS, raw=mail.as_bytes())
    return desk.messages()[-1]


# --- who may come in -------------------------------------------------------------------------------------------------


@SQLITE
def test_every_page_needs_a_sign_in(demo_desk: OpenDesk) -> None:
    letter(demo_desk)
    client = browser(demo_desk)
    for path in addresses("GET"):
        if path == "/":
            assert client.get(path).headers["location"] == "/inbox"
            continue
        asked = client.get(path)
        assert asked.status_code == 303 and asked.headers["location"].startswith("/sign-in?next="), path
        assert TANAKA.name not in asked.text
    assert len(addresses("GET")) > 20


@SQLITE
def test_scripts_that_ask_without_a_sign_in_hear_401(demo_desk: OpenDesk) -> None:
    client = browser(demo_desk)
    regions = [*addresses("GET")[1:], "/tickets/1/region", "/queues/board", "/rail"]
    for path in regions:
        for headers in ({"accept": "*/*"}, {"x-region": "rail"}):
            answer = client.get(path, headers=headers)
            assert (answer.status_code, answer.text) == (401, "signed_out"), path


@SQLITE
def test_nothing_is_changed_without_a_sign_in(demo_desk: OpenDesk) -> None:
    letter(demo_desk)
    demo_desk.twilio.rings("CA-1")
    number, client = demo_desk.number(), browser(demo_desk)
    form = dict.fromkeys(("body", "name", "note"), "x") | dict.fromkeys(("agent_id", "queue_id", "customer_id"), "1")
    form |= {"state": "ready", "language": "en", "theme": "dark", "old": PASSWORD, "new": PASSWORD, "caller": "tanaka"}
    for path in addresses("POST"):
        answer = client.post(path, data=form)
        refused = answer.status_code in (303, 422, 401)
        assert refused and answer.headers.get("location", "/sign-in").startswith("/sign-in"), (path, answer.status_code)
    assert demo_desk.number() == number and demo_desk.count(Note) == 0
    assert demo_desk.agent(AIKO).language == "ja"


def test_a_file_of_somebody_who_may_not_reply_is_not_kept(desk: OpenDesk) -> None:
    ticket_id = letter(desk).ticket_id
    folder = desk.app.state.desk.settings.attachments
    before = sorted(folder.rglob("*"))
    for client in (browser(desk), desk.as_(AIKO)):
        file = {"attachments": ("x.txt", b"fills the disk", "text/plain")}
        client.post(f"/tickets/{ticket_id}/reply", data={"body": "x"}, files=file)
    assert sorted(folder.rglob("*")) == before


@SQLITE
def test_the_supervisors_pages_are_shut_for_agents(desk: OpenDesk) -> None:
    letter(desk)
    desk.write(lambda db: db.add(Parked(kind="callback", error="unreadable", parked_at=desk.clock())))
    inbound_id = desk.read(lambda db: db.exec(select(Inbound.id)).first())
    for path in ("/admin/parked", f"/admin/inbound/{inbound_id}/raw"):
        assert desk.as_(SATO).get(path).status_code == 200
        answer = desk.as_(AIKO).get(path)
        assert answer.status_code == 403 and "権限がありません" in text_of(answer.text), path
    for verb in ("replay", "dismiss"):
        assert desk.as_(AIKO).post(f"/admin/parked/1/{verb}").status_code == 403
    assert desk.read(lambda db: db.get(Parked, 1).settled_at) is None
    assert "/admin/parked" not in desk.as_(AIKO).get("/inbox").text


# --- where it came from ----------------------------------------------------------------------------------------------


@SQLITE
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": EVIL},
        {"origin": "null"},
        {"origin": f"{PUBLIC_URL}.evil.example.net"},
        {"origin": "https://desk.example.com:8443"},
        {"origin": "http://[desk.example.com"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "cross-site", "origin": PUBLIC_URL},
        {"sec-fetch-site": "same-origin", "origin": EVIL},
    ],
    ids=str,
)
def test_a_form_on_another_sites_page_changes_nothing(desk: OpenDesk, headers: dict[str, str]) -> None:
    desk.mail()
    client = desk.as_(AIKO)
    number = desk.number()
    for path, form in (("/me/state", {"state": "ready"}), ("/tickets/1/note", {"body": "x"}), ("/sign-out", {})):
        answer = client.post(path, data=form, headers=headers)
        assert (answer.status_code, answer.text) == (403, "forbidden_origin")
    assert desk.number() == number and presence(desk, AIKO) == Presence.AWAY
    assert desk.as_(AIKO).get("/inbox").url.path == "/inbox"


@pytest.mark.parametrize(
    "headers",
    [{}, {"origin": PUBLIC_URL}, {"sec-fetch-site": "same-origin", "origin": PUBLIC_URL}, {"sec-fetch-site": "none"}],
    ids=str,
)
def test_our_own_pages_and_programs_may_change_things(desk: OpenDesk, headers: dict[str, str]) -> None:
    assert desk.as_(AIKO).post("/me/state", data={"state": "ready"}, headers=headers).status_code == 200
    assert presence(desk, AIKO) == Presence.READY


@SQLITE
def test_another_sites_page_cannot_sign_a_visitor_in(desk: OpenDesk) -> None:
    answer = browser(desk).post("/sign-in", data={"email": AIKO.email, "password": PASSWORD}, headers={"origin": EVIL})
    assert answer.status_code == 403 and "set-cookie" not in answer.headers


@SQLITE
@pytest.mark.parametrize("path", ["/s/1-aaaa", "/m/1-aaaa", "/files/aaaa"])
def test_a_customer_whose_link_leads_nowhere_is_not_sent_to_the_inbox(standing_desk: OpenDesk, path: str) -> None:
    assert browser(standing_desk).get(path).status_code == 404
    assert "/inbox" not in browser(standing_desk).get(path).text
    assert 'href="/inbox"' in standing_desk.as_(AIKO).get("/nothing").text


@SQLITE
def test_a_link_on_another_site_opens_the_page(standing_desk: OpenDesk) -> None:
    assert standing_desk.as_(AIKO).get("/inbox", headers={"sec-fetch-site": "cross-site"}).status_code == 200


@SQLITE
def test_machines_prove_themselves_and_are_asked_nothing_else(desk: OpenDesk) -> None:
    path, form = "/hooks/twilio/voice", replay.voice_form("CA-1", TANAKA.phone, TECH_NUMBER, ACCOUNT)
    headers = {"origin": EVIL, "sec-fetch-site": "cross-site", "content-type": "application/x-www-form-urlencoded"}
    signed = headers | {"x-twilio-signature": replay.sign(PUBLIC_URL + path, form, TOKEN)}
    assert desk.client.post(path, content=replay.body(form), headers=signed).status_code == 200
    assert desk.client.post(path, content=replay.body(form), headers=headers).status_code == 403
    told = {"event": "newCall", "direction": "in", "from": TANAKA.phone, "to": TECH_NUMBER, "callId": "77"}
    assert desk.client.post(f"/api/v1/cti/{PUSH_TOKEN}", json=told, headers={"origin": EVIL}).status_code == 200
    assert len(desk.calls()) == 2


@pytest.mark.parametrize("headers", [{"origin": EVIL}, {"origin": PUBLIC_URL, "sec-fetch-site": "cross-site"}], ids=str)
def test_another_sites_page_cannot_listen(standing_desk: OpenDesk, headers: dict[str, str]) -> None:
    connection = standing_desk.as_(AIKO).websocket_connect("wss://desk.example.com/live?after=0", headers=headers)
    with pytest.raises(WebSocketDisconnect) as refused, connection:
        raise AssertionError("it was let in")
    assert refused.value.code == 4403


@SQLITE
@pytest.mark.parametrize("after", ["0", "", "x", "²", "9" * 30, "-1"])
def test_who_is_signed_out_cannot_listen_and_is_told_so(standing_desk: OpenDesk, after: str) -> None:
    address = f"wss://desk.example.com/live?after={after}"
    with browser(standing_desk).websocket_connect(address, headers={"origin": PUBLIC_URL}) as socket:
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_json()
    assert closed.value.code == 4401


@pytest.mark.parametrize("after", ["", "x", "²", "9" * 18, "9" * 30, "-1"])
def test_a_strange_number_does_not_break_a_screen(standing_desk: OpenDesk, after: str) -> None:
    address = f"wss://desk.example.com/live?after={after}"
    with standing_desk.as_(AIKO).websocket_connect(address, headers={"origin": PUBLIC_URL}) as socket:
        standing_desk.client.portal.call(standing_desk.app.state.hub.tell_number)
        assert socket.receive_json()["n"] == standing_desk.number()


@pytest.mark.parametrize(
    "wanted",
    [
        "//evil.example.net",
        EVIL,
        "/\\evil.example.net",
        "\\\\evil.example.net",
        "/\t/evil.example.net",
        "/\n//evil.example.net",
        " //evil.example.net",
        "javascript:alert(1)",
        "evil.example.net",
        "///evil.example.net",
        "/%5cevil.example.net",
        "\x00",
    ],
)
@SQLITE
def test_signing_in_leads_to_no_other_site(desk: OpenDesk, wanted: str) -> None:
    answer = browser(desk).post("/sign-in", data={"email": AIKO.email, "password": PASSWORD, "next": wanted})
    assert answer.status_code == 303 and _stays(answer.headers["location"])


@pytest.mark.parametrize("path", ["//evil.example.net/", "/\\evil.example.net/", "///evil.example.net"])
@SQLITE
def test_no_form_leads_to_another_site_whatever_page_it_says_it_stood_on(desk: OpenDesk, path: str) -> None:
    answer = desk.as_(AIKO).post("/me/state", data={"state": "ready"}, headers={"referer": f"{PUBLIC_URL}{path}"},
                                 follow_redirects=False)  # fmt: skip
    assert answer.status_code == 303 and _stays(answer.headers["location"])
    elsewhere = desk.as_(AIKO).post("/me/state", data={"state": "away"}, headers={"referer": f"{EVIL}/calls"},
                                    follow_redirects=False)  # fmt: skip
    assert elsewhere.headers["location"] == "/inbox"
    nowhere = desk.as_(AIKO).post("/me/state", data={"state": "ready"}, headers={"referer": f"http://[{EVIL}"},
                                  follow_redirects=False)  # fmt: skip
    assert nowhere.headers["location"] == "/inbox"


def _stays(location: str) -> bool:
    """As browsers read it: tabs and line ends fall out, a backslash is a slash."""
    read = re.sub(r"[\t\r\n]", "", location).strip().replace("\\", "/")
    there = urlsplit(urljoin(PUBLIC_URL + "/sign-in", read))
    return (there.scheme, there.netloc) == ("https", "desk.example.com")


# --- what leaves with the answer -------------------------------------------------------------------------------------


@SQLITE
def test_security_headers_are_on_every_answer(demo_desk: OpenDesk) -> None:
    letter(demo_desk)
    client = demo_desk.as_(SATO)
    fragile = TestClient(demo_desk.app, base_url=PUBLIC_URL, raise_server_exceptions=False)
    fragile.portal = demo_desk.client.portal
    fragile.cookies, fragile.headers["accept"] = client.cookies, "text/html"
    paths = [*addresses("GET"), *sorted(FOR_ALL), "/static/css/base.css", "/nothing", "/tickets/999"]
    answers = [client.get(path, follow_redirects=False) for path in paths]
    answers += [
        browser(demo_desk).get("/inbox"), demo_desk.client.post("/hooks/twilio/voice"),
        client.post("/me/state", headers={"origin": EVIL}), client.post("/inbox"),
    ]  # fmt: skip
    demo_desk.write(lambda db: db.execute(sa.text("DROP TABLE callfact")))
    demo_desk.write(lambda db: db.execute(sa.text("ALTER TABLE purchase RENAME TO elsewhere")))
    answers.append(fragile.get("/customers/1"))
    assert answers[-1].status_code == 500
    for answer in answers:
        for name, value in HEADERS.items():
            boxed = "sandbox" in answer.headers.get("content-security-policy", "")  # what others wrote says even less
            own = boxed and (name == "content-security-policy" or answer.headers.get(name) == "no-referrer")
            assert own or answer.headers.get(name) == value, (answer.request.url, name)
        assert answer.headers["strict-transport-security"].startswith("max-age=")
    assert {200, 303, 403, 404, 405, 500} <= {answer.status_code for answer in answers}


@SQLITE
def test_no_cache_keeps_what_belongs_to_people(desk: OpenDesk) -> None:
    letter(desk)
    for path in addresses("GET"):
        answer = desk.as_(SATO).get(path, follow_redirects=False)
        if answer.status_code == 200:
            kept = answer.headers.get("cache-control", "")
            assert "no-store" in kept or kept.startswith("private"), (path, kept)
    versioned = desk.client.get("/static/js/main.js?v=1")
    assert "immutable" in versioned.headers["cache-control"]


@SQLITE
def test_scripts_and_styles_come_from_us_alone(standing_desk: OpenDesk) -> None:
    answer = standing_desk.as_(SATO).get("/inbox")
    policy = dict(line.split(" ", 1) for line in answer.headers["content-security-policy"].split("; "))
    assert policy["script-src"] == policy["style-src"] == policy["default-src"] == "'self'"
    assert policy["object-src"] == policy["base-uri"] == "'none'" and policy["form-action"] == "'self'"
    for source in re.findall(r'(?:src|href)="([^"]+\.(?:js|css|svg)[^"]*)"', answer.text):
        assert source.startswith("/static/"), source


@SQLITE
@pytest.mark.parametrize("name", ["写真.html", 'a".html', "a\\b.svg", "x;filename=y.exe", "..html"])
def test_an_attachment_is_saved_and_never_opened_in_place(desk: OpenDesk, name: str) -> None:
    letter(desk, name=name)
    attachment_id = desk.read(lambda db: db.exec(select(Attachment.id)).one())
    answer = desk.as_(BEN).get(f"/attachments/{attachment_id}")
    assert answer.content == b"<script>steal()</script>\n" or b"steal" in answer.content
    assert answer.headers["content-type"] == "application/octet-stream"
    assert re.fullmatch(r"attachment; filename\*=UTF-8''[\w.%~-]+", answer.headers["content-disposition"])
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert desk.as_(AIKO).get(f"/attachments/{attachment_id}").status_code == 404


@SQLITE
def test_a_mails_html_is_cleaned_and_boxed_in(desk: OpenDesk) -> None:
    message = letter(desk)
    answer = desk.as_(BEN).get(f"/messages/{message.id}/html")
    assert "返品" in answer.text and "steal" not in answer.text and "evil.example.net/x" not in _fetched(answer.text)
    policy = answer.headers["content-security-policy"]
    assert "sandbox" in policy and "allow-scripts" not in policy and "allow-same-origin" not in policy
    assert "default-src 'none'" in policy and answer.headers["x-content-type-options"] == "nosniff"
    for what in ("html", "text", "source"):
        assert desk.as_(AIKO).get(f"/messages/{message.id}/{what}").status_code == 404
    source = desk.as_(BEN).get(f"/messages/{message.id}/source")
    assert source.headers["content-disposition"].startswith("attachment") and b"steal()" in source.content
    text = desk.as_(BEN).get(f"/messages/{message.id}/text")
    assert text.headers["content-type"].startswith("text/plain") and "返品したいです。" in text.text


def _fetched(html: str) -> str:
    """What a browser would fetch of a page by itself."""
    return " ".join(re.findall(r'\s(?:src|background|poster|srcset)="([^"]*)"', html))


# --- errors ----------------------------------------------------------------------------------------------------------


NOBODY_KNOWS = (999, 2**31, 2**63, HUGE)


@pytest.mark.parametrize("number", NOBODY_KNOWS)
def test_an_unknown_number_is_a_page_that_says_so_in_both_languages(standing_desk: OpenDesk, number: int) -> None:
    for path in (path for path in addresses("GET", number=number) if str(number) in path):
        for person, words, lang in ((SATO, "ページがありません", "ja"), (BEN, "Nothing here", "en")):
            answer = standing_desk.as_(person).get(path)
            if path.startswith(("/admin", "/reports/schedules", "/reviews")) and person is BEN:
                assert answer.status_code in (403, 404)
                continue
            assert answer.status_code == 404, path
            assert words in text_of(answer.text) and f'<html lang="{lang}"' in answer.text
    for path in (path for path in addresses("POST", number=number) if str(number) in path):
        assert standing_desk.as_(SATO).post(path, data={"body": "x", "name": "x"}).status_code == 404, path


@pytest.mark.parametrize(
    "path",
    [
        "/inbox?view=nothing",
        "/inbox?view=queue-999",
        "/inbox?view=queue-²",
        f"/inbox?view=queue-{HUGE}",
        "/inbox?view=queue-",
        "/inbox?after=x",
        "/calls?filter=nothing",
        "/calls?after=~",
        "/tickets/-1",
        "/tickets/x",
        "/tickets/１",
        "/nothing",
        "/static/nothing.css",
        "/static/../app.py",
        "/static/%2e%2e/app.py",
    ],
)
def test_an_address_that_leads_nowhere_is_not_found(standing_desk: OpenDesk, path: str) -> None:
    assert standing_desk.as_(SATO).get(path).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        f"/inbox?after=2026-11-16T00:00:00%2B00:00~{HUGE}",
        "/inbox?after=2026-11-16T00:00:00~1",
        "/inbox?after=%00~1",
        f"/calls?after=2026-11-16T00:00:00%2B00:00~{HUGE}",
        "/calls?after=2026-11-16T00:00:00~1",
        "/customers?q=%00",
        "/customers?q=%23²",
        f"/customers?q=%23{HUGE}",
        "/customers?q=%23",
        "/customers?q=%EF%BC%83",
        "/customers?q=%ff%fe",
        "/customers?q=%ed%a0%80",
        "/calls?q=%00",
        "/calls?q=" + "9" * 3000,
        "/customers?q=" + "あ" * 2000,
        "/inbox?notice=%00&sort=%00",
        "/calls?q=%F0%9F%98%80",
        "/customers/new?phone=%00",
    ],
)
def test_whatever_stands_in_an_address_is_answered(standing_desk: OpenDesk, path: str) -> None:
    assert standing_desk.as_(SATO).get(path).status_code in (200, 404)


@pytest.mark.parametrize("number", ["", "x", "²", "-1", "9" * 18, "9" * 30, "１", "\x00"])
def test_a_number_in_a_form_that_is_none_is_refused(desk: OpenDesk, number: str) -> None:
    desk.mail()
    desk.twilio.rings("CA-1")
    call_id = desk.call("CA-1").id
    before = desk.read(lambda db: db.get(Ticket, 1).model_dump())
    forms = [
        ("/tickets/1/move", "queue_id"),
        ("/tickets/1/customer", "customer_id"),
        (f"/calls/{call_id}/customer", "customer_id"),
    ]
    if number:  # without one, "to nobody" and "a new ticket" are meant
        forms += [("/tickets/1/assign", "agent_id"), (f"/calls/{call_id}/ticket", "ticket_id")]
    for path, field in forms:
        known = number == "１" and desk.as_(SATO).post(path, data={field: number}).status_code == 200
        assert known or desk.as_(SATO).post(path, data={field: number}).status_code in (404, 422), path
    if number != "１":
        assert desk.read(lambda db: db.get(Ticket, 1).model_dump()) == before


@pytest.mark.parametrize(
    "letters", ["a\x00b", "\x01\x1b[31m", "\u202eevil", "😀", "</script><script>steal()</script>"], ids=ascii
)
def test_whatever_is_typed_into_a_note_is_kept_or_refused_and_shown_as_letters(desk: OpenDesk, letters: str) -> None:
    desk.mail()
    answer = desk.as_(AIKO).post("/tickets/1/note", data={"body": letters})
    assert answer.status_code in (200, 422) and "<script>steal" not in answer.text
    assert desk.count(Note) == (answer.status_code == 200)


def test_an_error_page_shows_nothing_of_what_went_wrong(desk: OpenDesk) -> None:
    client = desk.as_(BEN)
    fragile = TestClient(desk.app, base_url=PUBLIC_URL, raise_server_exceptions=False)
    fragile.portal = desk.client.portal
    fragile.cookies, fragile.headers["accept"] = client.cookies, "text/html"
    fragile.headers["accept-language"] = "en"
    desk.write(lambda db: db.execute(sa.text("ALTER TABLE purchase RENAME TO elsewhere")))
    answer = fragile.get("/customers/1")
    assert answer.status_code == 500 and "Something went wrong" in text_of(answer.text)
    for word in ("purchase", "Traceback", "sqlalchemy", "Error", "SELECT", "no such", ".py", TANAKA.name, "/work"):
        assert word not in text_of(part(answer.text, "main") or answer.text), word
    assert fragile.get("/inbox").status_code == 200  # and the desk goes on


@SQLITE
def test_scripts_are_told_the_code_of_an_error_and_no_page(desk: OpenDesk) -> None:
    desk.mail()
    client = desk.as_(AIKO)
    assert (client.post("/tickets/1/note", data={"body": " "}, headers={"accept": "*/*"}).text) == "body_missing"
    answer = client.get("/tickets/999/region", headers={"x-region": "ticket"})
    assert (answer.status_code, answer.text) == (404, "not_found")


@SQLITE
def test_a_form_that_is_wrong_is_shown_again_with_the_reason(desk: OpenDesk) -> None:
    desk.mail()
    answer = desk.as_(AIKO).post(
        "/tickets/1/note", data={"body": " "}, headers={"referer": f"{PUBLIC_URL}/tickets/1?view=mine"}
    )
    assert answer.url.path == "/tickets/1" and dict(answer.url.params) == {
        "view": "mine", "notice": "body_missing", "field": "body"}  # fmt: skip


# --- machines and operators ------------------------------------------------------------------------------------------


def test_figures_are_told_to_this_machine_alone(desk: OpenDesk) -> None:
    desk.mail()
    answer = browser(desk, host="127.0.0.1").get("/metrics")
    assert answer.status_code == 200 and "\ndesk_tickets_open 1\n" in answer.text
    for host in ("192.0.2.7", "10.0.0.1", "127.0.0.1.evil.example.net"):
        for headers in ({}, {"x-forwarded-for": "127.0.0.1"}, {"forwarded": "for=127.0.0.1"}, {"host": "127.0.0.1"}):
            refused = browser(desk, host=host).get("/metrics", headers=headers)
            assert refused.status_code == 403 and "desk_" not in refused.text


def test_health_and_readiness_are_told_to_everybody_and_tell_nothing_else(desk: OpenDesk) -> None:
    client = browser(desk, host="192.0.2.7")
    assert [client.get(path).text for path in ("/healthz", "/readyz")] == ["ok", "ready"]


@SQLITE
def test_an_upload_beyond_all_measure_is_refused_before_it_fills_the_disk(desk: OpenDesk) -> None:
    desk.mail(to=RETURNS_ADDRESS)

    def endless() -> Iterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="attachments"; filename="a.bin"\r\n\r\n'
        for _ in range(60):
            yield b"x" * 1_000_000

    sent = {"content-type": "multipart/form-data; boundary=x"}
    assert desk.as_(BEN).post("/tickets/1/reply", content=endless(), headers=sent).status_code == 413
    assert desk.count(Attachment) == 0 and len(desk.messages()) == 1


@SQLITE
def test_a_body_beyond_all_measure_is_refused_though_its_length_is_not_told(desk: OpenDesk) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(20):
            yield b"x" * 50_000

    answer = desk.client.post("/hooks/twilio/voice", content=endless(), headers={"x-twilio-signature": "x"})
    assert answer.status_code in (403, 413)
    assert desk.client.post(f"/api/v1/cti/{PUSH_TOKEN}", content=endless()).status_code == 413
    assert desk.count(Inbound) == 0
    signed_out = browser(desk).post("/sign-in", content=b"email=" + b"x" * 3_000_000,
                                    headers={"content-type": "application/x-www-form-urlencoded"})  # fmt: skip
    assert signed_out.status_code in (400, 413)


@SQLITE
def test_mail_to_the_desk_is_not_answered_by_its_pages(desk: OpenDesk) -> None:
    """An address of ours in a page's query is text like any other."""
    shown = desk.as_(SATO).get(f'/customers?q="><img src=x onerror=alert(1)>{DESK_ADDRESS}').text
    assert "<img src=x" not in shown and "&lt;img src=x" in shown
