"""Signing in and out, the first supervisor, and an agent's own settings."""

import re
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import select
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from helpdesk import queues
from helpdesk.sample import company
from helpdesk.settings import Settings
from models import Agent, Login, Presence, Queue, Role
from tests.cast import AIKO, BEN, PASSWORD, PUBLIC_URL, SATO, STRANGER, Clock, OpenDesk, Person
from tests.conftest import open_desk

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
NEW_PASSWORD = "staple battery horse"
FIRST = {"name": "佐藤 健", "reading": "さとう けん", "email": "ken@desk.example.jp", "password": PASSWORD}


def browser(desk: OpenDesk, *, base_url: str = PUBLIC_URL, host: str = "testclient") -> TestClient:
    """A browser in which nobody is signed in, on another machine if need be."""
    client = TestClient(desk.app, base_url=base_url, follow_redirects=False, client=(host, 50000))
    client.portal = desk.client.portal
    client.headers["accept"] = "text/html"
    return client


def signs_in(client: TestClient, person: Person, password: str = PASSWORD, **more: str) -> Any:
    """What is typed into the form."""
    return client.post("/sign-in", data={"email": person.email, "password": password} | more)


def is_in(client: TestClient) -> bool:
    """Whether the inbox is shown."""
    return client.get("/inbox").status_code == 200


def presence(desk: OpenDesk, person: Person) -> Presence:
    """What the board says of somebody."""
    from helpdesk import agents

    return desk.read(lambda db: agents.state_of(db, desk.agent(person).id or 0).state)  # type: ignore[union-attr]


def closes_with(socket: Any) -> int:
    """The code a socket is closed with, after whatever it still had to say."""
    with pytest.raises(WebSocketDisconnect) as closed:
        while True:
            socket.receive_json()
    return closed.value.code


# --- signing in ------------------------------------------------------------------------------------------------------


def test_the_right_password_opens_the_inbox(desk: OpenDesk) -> None:
    client = browser(desk)
    assert not is_in(client)
    answer = signs_in(client, AIKO)
    assert (answer.status_code, answer.headers["location"]) == (303, "/inbox")
    assert is_in(client) and presence(desk, AIKO) == Presence.AWAY


def test_the_address_may_be_typed_in_capitals_and_with_spaces_around(desk: OpenDesk) -> None:
    client = browser(desk)
    assert client.post("/sign-in", data={"email": f" {AIKO.email.upper()} ", "password": PASSWORD}).status_code == 303
    assert is_in(client)


def test_one_comes_back_to_the_page_one_wanted(desk: OpenDesk) -> None:
    client = browser(desk)
    asked = client.get("/calls?filter=missed")
    assert asked.headers["location"] == "/sign-in?next=%2Fcalls%3Ffilter%3Dmissed"
    form = client.get(asked.headers["location"]).text
    (wanted,) = re.findall(r'name="next" value="([^"]*)"', form)
    assert signs_in(client, AIKO, next=wanted).headers["location"] == "/calls?filter=missed"


def test_wrong_unknown_and_dismissed_get_the_same_answer(desk: OpenDesk) -> None:
    desk.write(lambda db: db.execute(sa.update(Agent).where(Agent.email == BEN.email).values(is_active=False)))  # type: ignore[arg-type]
    client = browser(desk)
    answers = {
        email: client.post("/sign-in", data={"email": email, "password": password})
        for email, password in ((AIKO.email, "wrong horse battery"), (STRANGER.email, PASSWORD), (BEN.email, PASSWORD))
    }
    assert {answer.status_code for answer in answers.values()} == {422}
    assert len({answer.text.replace(email, "") for email, answer in answers.items()}) == 1
    assert all("set-cookie" not in answer.headers for answer in answers.values())
    assert desk.count(Login) == 0 and not is_in(client)


@pytest.mark.parametrize("email", ["", "\x00", "aiko@desk.example.jp\x00", "'; drop table agent; --", "＠", "x" * 5000])
def test_a_strange_address_is_a_wrong_one(desk: OpenDesk, email: str) -> None:
    assert browser(desk).post("/sign-in", data={"email": email, "password": PASSWORD}).status_code == 422


def test_who_tries_too_often_waits_even_with_the_right_password_and_others_do_not(desk: OpenDesk) -> None:
    client = browser(desk)
    tries = [signs_in(client, AIKO, "wrong horse battery").status_code for _ in range(11)]
    assert tries == [422] * 10 + [429]
    answer = signs_in(client, AIKO)
    assert answer.status_code == 429 and "set-cookie" not in answer.headers
    assert signs_in(browser(desk, host="192.0.2.7"), AIKO).status_code == 429  # from another machine too
    assert signs_in(client, BEN).status_code == 303


def test_one_machine_that_tries_many_addresses_waits_and_other_machines_do_not(desk: OpenDesk) -> None:
    client = browser(desk, host="192.0.2.66")
    desk.app.state.limiter.hit(_hundred(), "machine", "192.0.2.66", cost=99)
    assert client.post("/sign-in", data={"email": "a@example.com", "password": PASSWORD}).status_code == 422
    assert client.post("/sign-in", data={"email": "b@example.com", "password": PASSWORD}).status_code == 429
    assert signs_in(browser(desk, host="192.0.2.7"), AIKO).status_code == 303


def _hundred() -> Any:
    from web.account import TRIES_OF_MACHINE

    return TRIES_OF_MACHINE


# --- the cookie ------------------------------------------------------------------------------------------------------


def test_with_tls_the_cookie_is_bound_to_this_host_and_kept_from_scripts(desk: OpenDesk) -> None:
    cookie = signs_in(browser(desk), AIKO).headers["set-cookie"]
    name, *attributes = cookie.lower().split("; ")
    assert name.startswith("__host-desk=") and len(name) > 40
    assert {"secure", "httponly", "samesite=lax", "path=/"} < set(attributes)
    assert not any(attribute.startswith("domain") for attribute in attributes)


def test_without_tls_the_cookie_has_a_plain_name_which_browsers_accept(settings: Settings, clock: Clock) -> None:
    settings.public_url = "http://127.0.0.1:8000"
    with open_desk(settings, clock) as desk:
        client = browser(desk, base_url=settings.public_url)
        answer = signs_in(client, AIKO)
        cookie = answer.headers["set-cookie"].lower()
        assert (
            cookie.startswith("desk=") and "secure" not in cookie and "httponly" in cookie and "samesite=lax" in cookie
        )
        assert is_in(client) and "strict-transport-security" not in answer.headers


def test_the_database_holds_no_token_that_signs_anybody_in(desk: OpenDesk) -> None:
    client = browser(desk)
    signs_in(client, AIKO)
    token = client.cookies["__Host-desk"]
    assert token not in desk.everything_kept()
    (kept,) = desk.read(lambda db: db.exec(select(Login.token_hash)).all())
    thief = browser(desk)
    thief.cookies.set("__Host-desk", kept)
    assert is_in(client) and not is_in(thief)


@pytest.mark.parametrize("token", ["", "x", "0" * 43, "\x7f", "x" * 4000])
def test_a_token_that_was_never_given_signs_nobody_in(standing_desk: OpenDesk, token: str) -> None:
    client = browser(standing_desk)
    client.cookies.set("__Host-desk", token)
    assert client.get("/inbox").status_code == 303


# --- and out ---------------------------------------------------------------------------------------------------------


def test_signing_out_ends_the_login_the_screens_and_the_shift(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    aiko = desk.screen_of(AIKO)
    client = desk.as_(AIKO)
    token = client.cookies["__Host-desk"]
    assert client.post("/sign-out").url.path == "/sign-in"
    assert closes_with(aiko.socket) == 4401
    assert presence(desk, AIKO) == Presence.OFFLINE and desk.count(Login) == 0
    thief = browser(desk)
    thief.cookies.set("__Host-desk", token)
    assert not is_in(thief)


def test_signing_out_of_one_browser_leaves_the_other_at_work(desk: OpenDesk) -> None:
    one, other = browser(desk), browser(desk)
    for client in (one, other):
        signs_in(client, AIKO)
    other.post("/me/state", data={"state": "ready"})
    one.post("/sign-out")
    assert not is_in(one) and is_in(other) and presence(desk, AIKO) == Presence.READY


def test_signing_out_twice_or_without_having_signed_in_does_no_harm(desk: OpenDesk) -> None:
    client = browser(desk)
    signs_in(client, AIKO)
    assert [client.post("/sign-out").status_code for _ in range(2)] == [303, 303]
    assert browser(desk).post("/sign-out").status_code == 303


def test_a_link_cannot_sign_anybody_out(desk: OpenDesk) -> None:
    assert desk.as_(AIKO).get("/sign-out").status_code == 405
    assert is_in(desk.as_(AIKO))


def test_a_login_ends_after_its_hours_without_use_and_so_does_its_screen(desk: OpenDesk) -> None:
    client = desk.as_(AIKO)
    aiko = desk.screen_of(AIKO)
    desk.clock.advance(hours=desk.settings.login_hours)
    assert client.get("/rail", headers={"accept": "*/*"}).status_code == 401
    assert client.get("/inbox").url.path == "/sign-in"
    desk.client.portal.call(desk.app.state.hub._check_logins)  # as it does by itself every twenty seconds
    assert closes_with(aiko.socket) == 4401


def test_who_works_stays_signed_in_past_the_hours(desk: OpenDesk) -> None:
    client = browser(desk)
    signs_in(client, AIKO)
    for state in ("ready", "away", "ready"):
        desk.clock.advance(hours=desk.settings.login_hours, seconds=-1)
        assert client.post("/me/state", data={"state": state}, follow_redirects=True).url.path == "/inbox"
    desk.clock.advance(hours=desk.settings.login_hours)
    assert not is_in(client)


def test_the_cookie_outlives_the_hours_for_the_row_decides(desk: OpenDesk) -> None:
    cookie = signs_in(browser(desk), AIKO).headers["set-cookie"]
    lasts = re.search(r"max-age=(\d+)", cookie.lower())
    assert lasts is None or int(lasts[1]) > desk.settings.login_hours * 3600 * 10


def test_an_agent_who_is_dismissed_is_out_at_once(desk: OpenDesk) -> None:
    client = desk.as_(BEN)
    desk.write(lambda db: db.execute(sa.update(Agent).where(Agent.email == BEN.email).values(is_active=False)))  # type: ignore[arg-type]
    assert client.get("/inbox").url.path == "/sign-in"


# --- password, language, appearance ----------------------------------------------------------------------------------


def test_a_new_password_signs_the_other_browsers_out(desk: OpenDesk) -> None:
    one, other = browser(desk), browser(desk)
    for client in (one, other):
        signs_in(client, AIKO)
    answer = one.post("/account/password", data={"old": PASSWORD, "new": NEW_PASSWORD})
    assert (answer.status_code, answer.headers["location"]) == (303, "/account?notice=saved")
    assert is_in(one) and not is_in(other)
    assert signs_in(other, AIKO).status_code == 422
    assert signs_in(other, AIKO, NEW_PASSWORD).status_code == 303


def test_pages_open_in_other_browsers_hear_of_a_new_password_at_once(desk: OpenDesk) -> None:
    screen, one = desk.screen_of(AIKO), browser(desk)
    signs_in(one, AIKO)
    one.post("/account/password", data={"old": PASSWORD, "new": NEW_PASSWORD})
    with pytest.raises(WebSocketDisconnect) as closed:
        while True:
            screen.apply(screen.socket.receive_json())
    assert closed.value.code == 4409  # it comes back at once, and is sent to the sign-in page then


@SQLITE
@pytest.mark.parametrize(
    ("old", "new"), [("wrong horse battery", NEW_PASSWORD), (PASSWORD, "short"), (PASSWORD, ""), ("", "")]
)
def test_without_the_present_password_or_with_a_short_one_nothing_changes(desk: OpenDesk, old: str, new: str) -> None:
    one, other = browser(desk), browser(desk)
    for client in (one, other):
        signs_in(client, AIKO)
    answer = one.post("/account/password", data={"old": old, "new": new})
    assert answer.status_code == 422 and 'aria-invalid="true"' in answer.text
    assert is_in(other) and signs_in(browser(desk), AIKO).status_code == 303


def test_a_password_is_shown_and_kept_nowhere(desk: OpenDesk) -> None:
    client = browser(desk)
    shown = signs_in(client, AIKO, "wrong horse battery").text
    signs_in(client, AIKO)
    shown += client.post("/account/password", data={"old": "wrong horse battery", "new": NEW_PASSWORD}).text
    assert "horse" not in shown
    assert "horse" not in desk.everything_kept()


def test_language_and_appearance_are_the_agents_own(desk: OpenDesk) -> None:
    client = desk.as_(AIKO)
    assert '<html lang="ja" data-theme="">' in client.get("/inbox").text
    answer = client.post("/account", data={"language": "en", "theme": "dark"})
    assert answer.url.path == "/account" and '<html lang="en" data-theme="dark">' in answer.text
    assert '<html lang="en" data-theme="dark">' in client.get("/inbox").text
    assert '<html lang="ja" data-theme="">' in desk.as_(SATO).get("/inbox").text


@SQLITE
@pytest.mark.parametrize("typed", [{"language": "xx", "theme": ""}, {"language": "ja", "theme": '"><script>'}, {}])
def test_a_language_or_appearance_there_is_not_is_refused(desk: OpenDesk, typed: dict[str, str]) -> None:
    assert desk.as_(AIKO).post("/account", data=typed).status_code == 422
    assert (desk.agent(AIKO).language, desk.agent(AIKO).theme) == ("ja", "")


@SQLITE
def test_before_anybody_has_signed_in_the_page_speaks_the_browsers_language(desk: OpenDesk) -> None:
    def language(path: str = "/sign-in", **headers: str) -> str:
        text = browser(desk).get(path, headers={k.replace("_", "-"): v for k, v in headers.items()}).text
        return re.search(r'<html lang="(\w+)"', text)[1]  # type: ignore[index]

    assert language() == "ja"  # the desk's own
    assert language(accept_language="en-GB,en;q=0.9,ja;q=0.8") == "en"
    assert language(accept_language="fr, ja-JP") == "ja"
    assert language("/sign-in?lang=en", accept_language="ja") == "en"
    assert language("/sign-in?lang=xx", accept_language="\x7f;;,") == "ja"


# --- the first start -------------------------------------------------------------------------------------------------


@pytest.fixture
def empty_desk(desk: OpenDesk) -> OpenDesk:
    """A desk on its first day: nobody works here yet."""
    desk.write(lambda db: [db.execute(sa.delete(table)) for table in (Agent, Queue)])
    return desk


@pytest.fixture
def code(empty_desk: OpenDesk) -> str:
    """What the console printed."""
    return str(empty_desk.app.state.setup_code)


def test_the_first_visitor_is_welcomed(empty_desk: OpenDesk, code: str) -> None:
    client = browser(empty_desk)
    assert client.get("/inbox").headers["location"].startswith("/sign-in")
    assert client.get("/sign-in").headers["location"] == "/welcome"
    page = client.get("/welcome")
    assert page.status_code == 200 and code not in page.text


def test_the_code_makes_a_supervisor_and_the_default_queues_and_is_gone(empty_desk: OpenDesk, code: str) -> None:
    client = browser(empty_desk)
    answer = client.post("/welcome", data=FIRST | {"setup_code": code})
    assert (answer.status_code, answer.headers["location"]) == (303, "/inbox")
    (agent,) = empty_desk.read(lambda db: db.exec(select(Agent)).all())
    assert (agent.name, agent.email, agent.role) == (FIRST["name"], FIRST["email"], Role.SUPERVISOR)
    assert {queue.slug for queue in empty_desk.read(queues.everyone)} == {slug for slug, *_ in queues.DEFAULTS}
    assert is_in(client)
    again = browser(empty_desk)
    assert again.get("/welcome").status_code == 404
    assert again.post("/welcome", data=FIRST | {"email": "second@example.com", "setup_code": code}).status_code == 404
    assert empty_desk.count(Agent) == 1


@SQLITE
@pytest.mark.parametrize("wrong", ["", "0000-000", "コード", "0000-0000-0000"])
def test_without_the_right_code_nobody_is_made(empty_desk: OpenDesk, wrong: str) -> None:
    answer = browser(empty_desk).post("/welcome", data=FIRST | {"setup_code": wrong})
    assert answer.status_code == 422 and "set-cookie" not in answer.headers
    assert empty_desk.count(Agent) == 0 and PASSWORD not in answer.text
    assert FIRST["name"] in answer.text  # what was typed stands there still


def test_the_code_cannot_be_guessed_by_trying(empty_desk: OpenDesk, code: str) -> None:
    client = browser(empty_desk)
    tries = [client.post("/welcome", data=FIRST | {"setup_code": f"x{n}"}).status_code for n in range(11)]
    assert tries == [422] * 10 + [429]
    assert client.post("/welcome", data=FIRST | {"setup_code": code}).status_code == 429
    assert empty_desk.count(Agent) == 0


@SQLITE
@pytest.mark.parametrize("change", [{"name": " "}, {"email": "nobody"}, {"password": "short"}])
def test_what_is_missing_is_said_beside_its_field_and_nothing_is_made(
    empty_desk: OpenDesk, code: str, change: dict[str, str]
) -> None:
    answer = browser(empty_desk).post("/welcome", data=FIRST | {"setup_code": code} | change)
    (field,) = change
    assert answer.status_code == 422
    assert re.search(rf'<input[^>]*name="{field}"[^>]*aria-invalid="true"', answer.text)
    assert empty_desk.count(Agent) == empty_desk.count(Queue) == 0


def test_a_desk_where_somebody_works_welcomes_nobody(desk: OpenDesk) -> None:
    client = browser(desk)
    assert client.get("/welcome").status_code == 404
    form = FIRST | {"setup_code": desk.app.state.setup_code}
    assert client.post("/welcome", data=form).status_code == 404
    assert STRANGER.email not in desk.everything_kept() and FIRST["email"] not in desk.everything_kept()


def test_no_two_starts_have_the_same_code() -> None:
    from web.account import new_setup_code

    codes = {new_setup_code() for _ in range(50)}
    assert len(codes) == 50 and all(re.fullmatch(r"\d{4}-\d{4}", code) for code in codes)


# --- the demonstration, and nowhere else -----------------------------------------------------------------------------


def _seats(desk: OpenDesk) -> list[bool]:
    page = browser(desk).get("/sign-in").text
    return [account.email in page or account.password in page for account in company.ACCOUNTS]


def _doors(desk: OpenDesk) -> dict[str, int]:
    client = desk.as_(SATO)
    posts = {path: client.post(path).status_code for path in ("/try/call", "/try/hang-up", "/try/mail", "/try/answer")}
    return posts | {"/try": client.get("/try").status_code}


@SQLITE
def test_a_desk_at_work_has_no_demonstration_accounts_and_no_demonstration_doors(desk: OpenDesk) -> None:
    assert not any(_seats(desk))
    assert set(_doors(desk).values()) == {404}
    assert 'href="/try"' not in desk.as_(SATO).get("/inbox").text
    for account in company.ACCOUNTS:
        typed = {"email": account.email, "password": account.password}
        assert browser(desk).post("/sign-in", data=typed).status_code == 422


@SQLITE
def test_a_demonstration_has_both(fresh_desk: Callable[[str], Any], settings: Settings) -> None:
    settings.demo = True
    with fresh_desk("demo") as desk:
        assert all(_seats(desk))
        assert _doors(desk) == {"/try": 200} | dict.fromkeys(
            ("/try/call", "/try/hang-up", "/try/mail", "/try/answer"), 422)  # fmt: skip
        assert 'href="/try"' in desk.as_(SATO).get("/inbox").text
