"""Who looks at a ticket and who writes there: over the sockets of pages, and from one process to another."""

import asyncio
import json
import re
import threading
from typing import Any

import pytest

from tests.cast import AIKO, AKIRA, BEN, RETURNS_ADDRESS, SATO, OpenDesk, Screen, text_of
from tests.patience import PATIENCE_SECONDS, until
from web.presence import FAR_SECONDS, OPEN_SECONDS, WRITING_SECONDS, Presence


def says(screen: Screen, **words: Any) -> None:
    screen.socket.send_json(words)


def here(screen: Screen, ticket_id: int = 1) -> str:
    """Who stands in the header of the ticket by now. What is said of it has no number of its own to wait for."""
    assert screen.desk.client.portal is not None
    screen.desk.client.portal.call(screen.desk.app.state.hub.tell_number)
    while (frame := screen.socket.receive_json())["do"]:
        screen.apply(frame)
    said = [step for frame in screen.frames for step in frame["do"] if step.get("here") == ticket_id]
    return text_of(said[-1]["html"]) if said else ""


def names(screen: Screen) -> list[str]:
    """Each of them, with what they do."""
    here(screen)
    html = next(s["html"] for f in reversed(screen.frames) for s in f["do"] if "here" in s)
    return re.findall(r'title="([^"]*)"', html)


def test_whoever_opens_a_ticket_is_shown_to_those_who_have_it_open_and_gone_with_the_page(desk: OpenDesk) -> None:
    desk.mail()
    aiko, akira, sato = (desk.screen_of(who, "/tickets/1") for who in (AIKO, AKIRA, SATO))
    says(aiko, at=1)
    says(akira, at=1)
    until(lambda: AKIRA.name in here(aiko) and AIKO.name in here(akira))
    assert here(sato) == ""  # whose page is somewhere else
    says(akira, at=1, writes="note")
    until(lambda: f"{AKIRA.name}さんが入力中…" in names(aiko))
    akira.close()
    until(lambda: AKIRA.name not in here(aiko))


def test_nobody_is_shown_before_a_ticket_they_may_not_see_nor_sees_who_is_there(desk: OpenDesk) -> None:
    desk.mail(to=RETURNS_ADDRESS)
    ben, aiko, sato = desk.screen_of(BEN), desk.screen_of(AIKO), desk.screen_of(SATO)
    says(ben, at=1)
    until(lambda: BEN.name in here(ben))
    says(aiko, at=1, writes="reply")
    says(sato, at=1)
    until(lambda: "Sato Ken is looking at this" in names(ben))
    assert AIKO.name not in here(ben) and here(aiko) == ""


def test_what_a_page_should_not_say_is_not_heard(desk: OpenDesk) -> None:
    desk.mail()
    aiko, akira = desk.screen_of(AIKO), desk.screen_of(AKIRA)
    wrong = ('{"at": "1"}', '{"at": -1}', '{"at": true}', "[]", "x", '{"at": 1, "writes": "poems"}', "9" * 300)
    for said in wrong:
        aiko.socket.send_text(said)
    says(akira, at=1)
    until(lambda: AKIRA.name in here(akira))
    assert AIKO.name not in here(akira)


def test_who_opens_the_ticket_has_read_what_they_were_told_of_it(desk: OpenDesk) -> None:
    desk.mail()
    desk.as_(SATO).post("/tickets/1/assign", data={"agent_id": desk.agent(AIKO).id})
    aiko = desk.screen_of(AIKO)
    assert 'data-unread="1"' in aiko.loaded
    says(aiko, at=1)
    until(lambda: 'data-unread="0"' in desk.as_(AIKO).get("/notifications/bell").text)


def test_writing_ends_by_itself_and_so_does_a_page_that_fell_silent() -> None:
    presence = Presence()
    assert presence.look("a", 1, 7, "愛子", "reply", now=0) == {1}
    assert presence.look("a", 1, 7, "愛子", "reply", now=3) == set()
    assert presence.expire(3 + WRITING_SECONDS - 0.1) == set()
    assert presence.expire(3 + WRITING_SECONDS) == {1}
    assert [each.writes for each in presence.at(1)] == [""]
    assert presence.expire(3 + OPEN_SECONDS) == {1} and presence.is_empty()


def test_one_agent_with_two_windows_is_one_and_writes_where_either_does() -> None:
    presence = Presence()
    presence.look("a", 1, 7, "愛子", "", now=0)
    presence.look("b", 1, 7, "愛子", "note", now=0)
    assert [(each.agent_id, each.writes) for each in presence.at(1)] == [(7, "note")]
    assert presence.look("b", 2, 7, "愛子", "", now=1) == {1, 2}


def test_processes_hear_of_each_other_and_one_that_died_looks_at_nothing() -> None:
    one, other = Presence(), Presence()
    one.look("a", 1, 7, "愛子", "reply", now=0)
    for text in one.said("p1"):
        assert other.hear(text, "p2", now=0) == {1}
        assert one.hear(text, "p1", now=0) == set()  # its own words come back
    assert [each.name for each in other.at(1)] == ["愛子"]
    assert list(other.said("p2")) == []  # what is another's is not passed on
    one.leave("a")
    for text in one.said("p1", ["a"]):
        assert other.hear(text, "p2", now=1) == {1}
    one.look("a", 1, 7, "愛子", "", now=2)
    for text in one.said("p1"):
        other.hear(text, "p2", now=2)
    assert other.expire(2 + FAR_SECONDS) == {1} and other.is_empty()


def test_what_is_said_to_other_processes_fits_into_a_notify() -> None:
    presence = Presence()
    for number in range(500):
        presence.look(f"line-{number}", 1, number, "長い名前の係" * 3, "", now=0)
    texts = list(presence.said("p1"))
    assert len(texts) > 1 and all(len(text.encode()) < 7900 for text in texts)
    assert sum(len(json.loads(text)["at"]) for text in texts) == 500


@pytest.mark.parametrize("database_kind", ["postgres"], indirect=True)
def test_a_page_of_another_process_is_seen_over_the_bus(desk: OpenDesk) -> None:
    desk.mail()
    aiko = desk.screen_of(AIKO)
    says(aiko, at=1)
    until(lambda: AIKO.name in here(aiko))
    far = Presence()
    far.look("x", 1, desk.agent(AKIRA).id or 0, AKIRA.name, "note", now=0)
    desk.app.state.desk.bus.aside([*far.said("another process")])
    until(lambda: f"{AKIRA.name}さんが入力中…" in names(aiko))


def test_a_page_that_connects_while_logins_are_checked_is_not_sent_to_sign_in(
    desk: OpenDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has one tab and goes to another page just then has no socket when the question is asked, and one when it is
    answered."""
    hub, database = desk.app.state.hub, desk.app.state.desk.database
    sato = desk.screen_of(SATO)
    asks, may_answer = threading.Event(), threading.Event()
    read = database.read

    async def slowly(verb: Any, *args: Any, **kwargs: Any) -> Any:
        answer = await read(verb, *args, **kwargs)
        if "_check_logins" in getattr(verb, "__qualname__", ""):
            asks.set()
            await asyncio.to_thread(may_answer.wait, PATIENCE_SECONDS)
        return answer

    monkeypatch.setattr(database, "read", slowly)
    assert desk.client.portal is not None
    checking = desk.client.portal.start_task_soon(hub._check_logins)
    assert asks.wait(PATIENCE_SECONDS)
    aiko = desk.screen_of(AIKO)
    may_answer.set()
    checking.result(PATIENCE_SECONDS)
    for screen in (aiko, sato):
        here(screen)  # a closed socket would raise
