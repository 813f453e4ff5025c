"""Signing in and out, the first supervisor, passwords: what lets somebody in, and all that does not."""

import re
from datetime import timedelta

import pytest
from sqlmodel import select
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from helpdesk import agents, sample
from helpdesk.settings import Settings
from models import Agent, Login, Role
from tests.cast import AIKO, PASSWORD, PUBLIC_URL, SATO, Clock, OpenDesk, text_of
from tests.conftest import open_desk


def signs_in(desk: OpenDesk, email: str = AIKO.email, password: str = PASSWORD, after: str = "") -> tuple[TestClient, int, str]:
    """A new browser at the sign-in page: itself, the status, and where it is sent."""
    browser = TestClient(desk.app, base_url=PUBLIC_URL, follow_redirects=False, headers={"accept": "text/html"})
    browser.portal = desk.client.portal
    answer = browser.post("/sign-in", data={"email": email, "password": password, "next": after})
    return browser, answer.status_code, answer.headers.get("location", "")


def test_who_knows_the_password_is_let_in_and_nobody_else(desk: OpenDesk) -> None:
    browser, status, where = signs_in(desk)
    assert (status, where) == (303, "/inbox") and browser.get("/inbox").status_code == 200
    for email, password in ((AIKO.email, "wrong"), (AIKO.email, ""), ("nobody@desk.example.jp", PASSWORD), ("", "")):
        browser, status, _ = signs_in(desk, email, password)
        assert status == 422 and browser.get("/inbox").status_code == 303


def test_the_address_is_read_in_any_case(desk: OpenDesk) -> None:
    assert signs_in(desk, f" {AIKO.email.upper()} ")[1] == 303


def test_a_wrong_sign_in_says_the_same_for_a_known_and_an_unknown_address(desk: OpenDesk) -> None:
    def page(email: str) -> str:
        browser = TestClient(desk.app, base_url=PUBLIC_URL)
        browser.portal = desk.client.portal
        return browser.post("/sign-in", data={"email": email, "password": "wrong"}).text.replace(email, "")

    assert page(AIKO.email) == page("nobody@desk.example.jp")


def test_too_many_attempts_are_refused_even_with_the_right_password(desk: OpenDesk) -> None:
    answers = [signs_in(desk, AIKO.email, "wrong")[1] for _ in range(12)]
    assert answers[0] == 422 and answers[-1] == 429
    assert signs_in(desk)[1] == 429
    assert signs_in(desk, SATO.email)[1] == 303  # one address under attack locks nobody else out


def test_one_machine_cannot_try_all_addresses_for_ever(desk: OpenDesk) -> None:
    answers = [signs_in(desk, f"somebody{number}@desk.example.jp", "")[1] for number in range(101)]
    assert set(answers[:100]) == {422} and answers[100] == 429


@pytest.mark.parametrize(
    "after",
    ["https://evil.example.net/", "//evil.example.net/", "/\\evil.example.net", "\\\\evil.example.net", "javascript:alert(1)",
     "evil.example.net", "/\t/evil.example.net", "", "/\n/evil.example.net"],
)  # fmt: skip
def test_signing_in_never_leads_to_another_site(desk: OpenDesk, after: str) -> None:
    _, status, where = signs_in(desk, after=after)
    assert status == 303
    assert re.match(r"/(?![/\\])", re.sub(r"[\t\r\n]|%0[9aAdD]", "", where)), where


def test_signing_in_leads_back_to_where_one_wanted_to_go(desk: OpenDesk) -> None:
    wanted = desk.client.get("/calls?filter=missed", headers={"accept": "text/html"})
    assert wanted.headers["location"] == "/sign-in?next=%2Fcalls%3Ffilter%3Dmissed"
    assert signs_in(desk, after="/calls?filter=missed")[2] == "/calls?filter=missed"


def test_the_cookie_is_out_of_reach_of_scripts_and_neighbours(desk: OpenDesk) -> None:
    answer = desk.client.post("/sign-in", data={"email": AIKO.email, "password": PASSWORD})
    cookie = answer.headers["set-cookie"]
    name, _, rest = cookie.partition("=")
    assert name == "__Host-desk"
    flags = {part.strip().lower() for part in rest.split(";")[1:]}
    assert {"httponly", "secure", "samesite=lax", "path=/"} <= flags and not any("domain" in flag for flag in flags)
    token = rest.partition(";")[0]
    kept = desk.read(lambda db: [login.token_hash for login in db.exec(select(Login))])
    assert token not in kept and all(re.fullmatch(r"[0-9a-f]{64}", value) for value in kept)


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_without_tls_the_cookie_has_its_plain_name(settings: Settings, clock: Clock) -> None:
    settings.public_url = "http://127.0.0.1:8000"
    with open_desk(settings, clock) as desk:
        cookie = desk.client.post("/sign-in", data={"email": AIKO.email, "password": PASSWORD}).headers["set-cookie"]
        assert cookie.startswith("desk=") and "secure" not in cookie.lower() and "httponly" in cookie.lower()


def test_signing_out_ends_the_login_closes_the_sockets_and_takes_the_agent_off_the_line(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    screen = desk.screen_of(AIKO)
    token = desk.as_(AIKO).cookies["__Host-desk"]
    desk.as_(AIKO).post("/sign-out")
    with pytest.raises(WebSocketDisconnect) as closed:
        while True:
            screen.socket.receive_json()
    assert closed.value.code == 4401
    stolen = TestClient(desk.app, base_url=PUBLIC_URL, cookies={"__Host-desk": token}, headers={"accept": "text/html"},
                        follow_redirects=False)  # fmt: skip
    stolen.portal = desk.client.portal
    assert stolen.get("/inbox").headers["location"].startswith("/sign-in")
    desk.twilio.rings("CA-1")
    assert "<Enqueue" in desk.twilio.rings("CA-1").text  # nobody is ready


def test_a_login_ends_when_it_is_not_used(desk: OpenDesk) -> None:
    browser, _, _ = signs_in(desk)
    desk.clock.advance(hours=desk.settings.login_hours, seconds=1)
    assert browser.get("/inbox").status_code == 303


def test_a_login_that_is_used_goes_on(desk: OpenDesk) -> None:
    browser, _, _ = signs_in(desk)
    for _ in range(4):
        desk.clock.advance(hours=desk.settings.login_hours / 2)
        assert browser.get("/inbox").status_code == 200


def test_an_agent_who_left_is_signed_out_at_once(desk: OpenDesk) -> None:
    browser, _, _ = signs_in(desk)

    def leave(db) -> None:  # type: ignore[no-untyped-def]
        db.exec(select(Agent).where(Agent.email == AIKO.email)).one().is_active = False

    desk.write(leave)
    assert browser.get("/inbox").status_code == 303 and signs_in(desk)[1] == 422


def test_a_new_password_needs_the_old_one_and_signs_the_other_browsers_out(desk: OpenDesk) -> None:
    one, two = signs_in(desk)[0], signs_in(desk)[0]
    for old, new in (("wrong", "a new long password"), (PASSWORD, "short")):
        assert one.post("/account/password", data={"old": old, "new": new}).status_code == 422
    assert two.get("/inbox").status_code == 200
    assert one.post("/account/password", data={"old": PASSWORD, "new": "a new long password"}).status_code == 303
    assert one.get("/inbox").status_code == 200 and two.get("/inbox").status_code == 303
    assert signs_in(desk)[1] == 422 and signs_in(desk, password="a new long password")[1] == 303


def test_language_and_appearance_are_the_agents_own(desk: OpenDesk) -> None:
    assert '<html lang="ja"' in desk.as_(AIKO).get("/account").text
    desk.as_(AIKO).post("/account", data={"language": "en", "theme": "dark"})
    page = desk.as_(AIKO).get("/account").text
    assert '<html lang="en"' in page and 'data-theme="dark"' in page
    assert desk.as_(AIKO).post("/account", data={"language": "fr", "theme": ""}).status_code == 422


# --- the first start -----------------------------------------------------------------------------------------------------


@pytest.fixture
def empty(settings: Settings, clock: Clock, tmp_path):  # type: ignore[no-untyped-def]
    """A desk nobody has set up."""
    from helpdesk.__main__ import prepare
    from models.database import Database

    settings.database_url = f"sqlite:///{tmp_path}/new.db"
    database = Database(settings.database)
    prepare(database)
    database.close()
    with open_desk(settings, clock) as desk:
        yield desk


FIRST = {"name": "佐藤 健", "reading": "さとう けん", "email": "first@desk.example.jp", "password": "a long password"}


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_the_first_supervisor_is_made_once_by_whoever_has_the_code(empty: OpenDesk) -> None:
    code = empty.app.state.setup_code
    assert empty.client.get("/sign-in").headers["location"] == "/welcome"
    assert empty.client.get("/welcome").status_code == 200
    assert code not in empty.client.get("/welcome").text
    for wrong in ("", "0000-0000", code + "0", "そう"):
        assert empty.client.post("/welcome", data=FIRST | {"setup_code": wrong}).status_code == 422
    assert empty.count(Agent) == 0
    made = empty.client.post("/welcome", data=FIRST | {"setup_code": code})
    assert (made.status_code, made.headers["location"]) == (303, "/inbox")
    first = empty.read(lambda db: db.exec(select(Agent)).one())
    assert (first.role, first.name) == (Role.SUPERVISOR, "佐藤 健")
    again = empty.client.post("/welcome", data=FIRST | {"setup_code": code, "email": "second@desk.example.jp"})
    assert again.status_code == 404 and empty.client.get("/welcome").status_code == 404
    assert empty.count(Agent) == 1


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_the_link_the_console_prints_fills_the_code_in(empty: OpenDesk, capsys: pytest.CaptureFixture[str]) -> None:
    from helpdesk.__main__ import _greet

    code = empty.app.state.setup_code
    _greet(empty.settings, code)
    link = re.search(r"(/welcome\S*)", capsys.readouterr().out)
    assert link is not None
    assert f'value="{code}"' in empty.client.get(link[1]).text


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize("fault", [{"name": " "}, {"email": "no address"}, {"password": "short"}])
def test_a_mistyped_first_form_is_shown_again_and_makes_nobody(empty: OpenDesk, fault: dict[str, str]) -> None:
    form = FIRST | {"setup_code": empty.app.state.setup_code} | fault
    answer = empty.client.post("/welcome", data=form)
    assert answer.status_code == 422 and "aria-invalid" in answer.text and empty.count(Agent) == 0
    assert form["password"] not in answer.text


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_the_codes_guesses_are_counted(empty: OpenDesk) -> None:
    answers = [empty.client.post("/welcome", data=FIRST | {"setup_code": "1"}).status_code for _ in range(12)]
    assert answers[0] == 422 and answers[-1] == 429


def test_outside_the_demonstration_there_is_no_password_anybody_could_know(desk: OpenDesk) -> None:
    for account in sample.ACCOUNTS:
        assert signs_in(desk, account.email, account.password)[1] == 422
        assert account.password not in desk.client.get("/sign-in").text
    for path in ("/try", "/try/call", "/try/mail"):
        assert desk.as_(SATO).post(path).status_code in (404, 405)
        assert desk.as_(SATO).get(path).status_code == 404


def test_passwords_are_kept_as_argon2_hashes(desk: OpenDesk) -> None:
    rows = desk.read(lambda db: [agent.password_hash for agent in db.exec(select(Agent))])
    assert all(row.startswith("$argon2id$") for row in rows) and len(set(rows)) == len(rows)


def test_an_address_can_sign_in_for_one_person_only(desk: OpenDesk) -> None:
    from helpdesk.errors import Conflict

    with pytest.raises(Conflict):
        desk.write(lambda db: agents.create(db, name="x", email=AIKO.email.upper(), password="a long password",
                                            now=desk.clock() + timedelta(1)))  # fmt: skip


def test_the_wrong_password_is_said_in_the_browsers_language(desk: OpenDesk) -> None:
    for language, words in (("ja", "パスワード"), ("en", "do not belong together")):
        answer = desk.client.post("/sign-in", data={"email": "x@example.com", "password": "x"},
                                  headers={"accept-language": language})  # fmt: skip
        assert words in text_of(answer.text)
