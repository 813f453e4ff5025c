"""Two hundred agents with their pages open, eight queues, every role and state: whom a call reaches, frame by frame."""

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlmodel import select

from helpdesk import agents
from models import Agent, Membership, Presence, Queue, Ringing, Role
from tests.cast import AIKO, PUBLIC_URL, OpenDesk, text_of
from web import hub, lines

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
pytestmark = pytest.mark.slow

QUEUES, STAFF = 8, 200
STATES = (Presence.READY, Presence.AWAY, Presence.READY, Presence.BUSY, Presence.READY, Presence.WRAP_UP)
CALLER = "+818005550{:03}"


@dataclass
class Watcher:
    """An agent's open page."""

    agent_id: int
    socket: Any
    queues: frozenset[int]
    state: Presence
    is_supervisor: bool
    frames: list[dict[str, Any]] = field(default_factory=list)

    def hear(self, number: int) -> None:
        """Everything up to the event of this number. An empty frame says "up to here", as one does every 20 seconds."""
        self.frames.clear()
        while (frame := self.socket.receive_json())["do"] or frame["n"] < number:
            if frame["do"]:
                self.frames.append(frame)

    @property
    def did(self) -> Counter[str]:
        """How many cards were put or dropped, rows shown, and frames came."""
        steps = [step for frame in self.frames for step in frame["do"]]
        told = Counter(card=sum("put" in step for step in steps), row=sum("row" in step for step in steps))
        told["drop"] = sum(str(step.get("drop", "")).startswith("call-") for step in steps)
        told["frames"] = len(self.frames)
        return told

    @property
    def text(self) -> str:
        """All that came."""
        return json.dumps(self.frames, ensure_ascii=False)


@dataclass
class Floor:
    """The whole office."""

    desk: OpenDesk
    queues: list[Queue]
    people: list[Watcher]

    def hears(self, *said: Any) -> None:
        """Telephone systems say something, and everybody hears what is theirs."""
        assert {each.status_code for each in said} <= {200}
        self.desk.client.portal.call(self.desk.app.state.hub.tell_number)  # type: ignore[union-attr]
        for each in self.people:
            each.hear(self.desk.number())

    def ready_in(self, queue: Queue) -> list[Watcher]:
        """Who may be rung for a call of this queue."""
        return [each for each in self.people if queue.id in each.queues and each.state == Presence.READY]

    def outside(self, queue: Queue) -> list[Watcher]:
        """Whom a call of this queue does not concern."""
        return [each for each in self.people if queue.id not in each.queues and not each.is_supervisor]


@pytest.fixture
def office(desk: OpenDesk) -> Floor:
    """Eight queues, every other of which rings one agent at a time; agents who serve one, two or none of them."""

    def made(db: Any) -> tuple[list[Queue], list[tuple[int, str, frozenset[int], Presence, bool]]]:
        for known in db.exec(select(Queue)):
            known.position += QUEUES
        lines = [
            Queue(slug=f"line-{number}", name=f"窓口{number}", name_en=f"Line {number}", phone=f"+8135550020{number}",
                  ringing=Ringing.LONGEST_IDLE if number % 2 else Ringing.EVERYBODY)
            for number in range(QUEUES)
        ]  # fmt: skip
        db.add_all(lines)
        db.flush()
        people = []
        for number in range(STAFF):
            is_supervisor = number % 20 == 7
            agent = Agent(name=f"担当 {number}", email=f"agent-{number}@desk.example.jp", extension=f"{1000 + number}",
                          language=("ja", "en")[number % 2], created_at=desk.clock(),
                          role=Role.SUPERVISOR if is_supervisor else Role.AGENT)  # fmt: skip
            db.add(agent)
            db.flush()
            serves = {number % QUEUES, *({number // 7 % QUEUES} if number % 3 == 0 else ())} if number % 11 else set()
            for place in serves:
                db.add(Membership(queue_id=lines[place].id or 0, agent_id=agent.id or 0))
            token = agents.sign_in(db, agent, hours=12, now=desk.clock())
            state = STATES[number // QUEUES % len(STATES)]
            desk.clock.advance(seconds=1)
            agents.set_state(db, agent.id or 0, state, now=desk.clock())
            own = frozenset(lines[place].id or 0 for place in serves)
            people.append((agent.id or 0, token, own, state, is_supervisor))
        return lines, people

    lines, people = desk.write(made)
    desk.clock.advance(minutes=1)
    floor = Floor(desk, lines, [])
    for agent_id, token, own, state, is_supervisor in people:
        connection = desk.client.websocket_connect(
            "wss://desk.example.com/live", headers={"origin": PUBLIC_URL, "cookie": f"__Host-desk={token}"}
        )
        desk._open.append(connection)
        floor.people.append(Watcher(agent_id, connection.__enter__(), own, state, is_supervisor))
    floor.hears()  # what was made above may still be on its way to the first of them
    return floor


@pytest.mark.parametrize("is_late", [False, True], ids=["card first", "log first"])
def test_a_card_comes_once_whether_it_or_the_log_is_first(desk: OpenDesk, is_late: bool) -> None:
    desk.ready(AIKO)
    aiko = desk.screen_of(AIKO)
    screens: hub.Hub = desk.app.state.hub

    def waits_for_the_log(_: Any) -> None:
        """As a thread may have to, between its commit and what it does next."""
        desk.client.portal.call(screens._pass_on)  # type: ignore[union-attr]

    if is_late:
        desk.database.after_commit.insert(0, waits_for_the_log)
    desk.twilio.rings("CA1", caller=CALLER.format(1))
    desk.client.portal.call(screens.tell_number)  # type: ignore[union-attr]
    cards = 0
    while (frame := aiko.socket.receive_json())["do"] or frame["n"] < desk.number():
        cards += sum("put" in step for step in frame["do"])
    assert cards == 1


def test_a_call_reaches_the_screens_it_is_for_once_and_no_other_screen_hears_of_it(office: Floor) -> None:
    for number, queue in enumerate(office.queues):
        caller, key, door = CALLER.format(number), f"call-{number}", number // 2 % 2
        ready = office.ready_in(queue)
        assert len(ready) > 5 and len(office.outside(queue)) > 120
        if door:
            told = {"event": "ring", "call_id": key, "direction": "in", "from": caller, "queue": queue.slug}
            office.hears(office.desk.exchange.says(**told))
        else:
            office.hears(office.desk.twilio.rings(key, caller=caller, to=queue.phone or ""))

        shown = [each for each in office.people if each.did["card"]]
        assert {each.did["card"] for each in shown} == {1}
        if queue.ringing == Ringing.EVERYBODY:
            assert shown == ready
        else:
            assert shown == ready[:1], "who has been ready longest"
        assert {each.did["frames"] for each in office.outside(queue)} == {0}
        for each in office.people:
            if queue.id in each.queues or each.is_supervisor:
                assert each.did["row"] == 1, "the call's ticket is new in the list"
            if each not in shown:
                assert f"call-{office.desk.call(key).id}" not in each.text

        by = shown[0]
        if door:
            office.hears(
                office.desk.exchange.says(event="answer", call_id=key, user=[str(1000 + office.people.index(by))])
            )
        else:
            leg = {"parent": key, "caller": queue.phone or "", "to": f"client:agent_{by.agent_id}", "sequence": 2}
            office.hears(office.desk.twilio.says(f"{key}-leg", "in-progress", **leg))
        assert office.desk.call(key).agent_id == by.agent_id
        assert [each for each in office.people if each.did["card"]] == [by]
        assert [each for each in office.people if each.did["drop"]] == shown[1:]
        for each in office.outside(queue):
            assert each.did["row"] == 0 and "5550" not in each.text and "ticket-" not in each.text, text_of(each.text)
        by.state = Presence.BUSY


def test_whom_the_exchange_itself_rings_sees_the_call_and_nobody_else(office: Floor) -> None:
    queue = office.queues[0]
    named = [office.people[9], office.people[35], office.people[102]]
    told = {"event": "ring", "call_id": "c-1", "direction": "in", "from": CALLER.format(1), "to": queue.phone,
            "user": [str(1000 + office.people.index(each)) for each in named]}  # fmt: skip
    office.hears(office.desk.exchange.says(**told))
    assert [each for each in office.people if each.did["card"]] == named
    for each in office.outside(queue):
        assert each in named or each.did["frames"] == 0
    office.hears(office.desk.exchange.says(event="hangup", call_id="c-1", cause="cancel"))
    assert [each for each in office.people if each.did["drop"]] == named
    for each in office.outside(queue):
        assert each in named or each.did["frames"] == 0


@SQLITE
def test_of_many_steps_in_a_moment_screens_they_do_not_concern_are_told_twice_at_most(
    office: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each step of a call makes everybody's live view another one, which a page fetches once a second at most."""
    monkeypatch.setattr(lines, "GATHER_SECONDS", 3600.0)
    exchange, queue = office.desk.exchange, office.queues[0]
    others = office.outside(queue)
    steps: list[Any] = []
    for number, each in enumerate(office.ready_in(queue)[:5]):
        about = {"call_id": f"c-{number}", "user": [str(1000 + office.people.index(each))]}
        steps.append(exchange.says(event="ring", direction="in", from_=CALLER.format(number), to=queue.phone, **about))
        steps.append(exchange.says(event="answer", **about))
        steps.append(exchange.says(event="hangup", call_id=f"c-{number}", cause="normalClearing"))
    office.hears(*steps)
    assert len(steps) == 15 and len(others) > 100
    stale = [{"stale": ["board"]}]  # once alone where the line was told so before, when somebody became ready
    assert {json.dumps([frame["do"] for frame in each.frames]) for each in others} <= {
        json.dumps([stale]), json.dumps([stale, stale])
    }  # fmt: skip
    assert {each.frames[-1]["n"] for each in others} == {office.desk.number()}
