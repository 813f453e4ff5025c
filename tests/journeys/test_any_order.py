"""What a telephone system says of a call, in every order there is and some of it twice, is the same call.

One story for each way of telling; Twilio's stand in test_a_call.py, and those of Asterisk in tests/cti, since a line
keeps its order.
"""

from collections.abc import Callable
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from sqlmodel import col, select

from helpdesk import agents
from models import CallFact, CallOffer, CallState, Handling, Outcome, QueueVisit
from tests.cast import AIKO, AKIRA, TECH_NUMBER, OpenDesk, Person, part, settled
from tests.exchanges import System, settle

pytestmark = pytest.mark.slow

Posts = list[Callable[[], Any]]
UNDER = "/phonebridge/v3/callnotify"


def generic(desk: OpenDesk, front: System, key: str, caller: str) -> Posts:
    """Answered, handed on, and over, with the exchange's own times."""
    says = _with_its_times(desk, front, key)
    return [
        says(0, "ring", from_=caller, to=TECH_NUMBER, user=[AIKO.email]),
        says(5, "answer", user=[AIKO.email]),
        says(30, "transfer", user=[AKIRA.email]),
        says(60, "hangup", cause="normalClearing"),
    ]


def picked_up(desk: OpenDesk, front: System, key: str, caller: str) -> Posts:
    """Answered by one, then by another, of which no word but the second answer tells; they still talk."""
    says = _with_its_times(desk, front, key)
    return [
        says(0, "ring", from_=caller, to=TECH_NUMBER, user=[AIKO.email]),
        says(5, "answer", user=[AIKO.email]),
        says(30, "answer", user=[AKIRA.email]),
    ]


def _with_its_times(desk: OpenDesk, front: System, key: str) -> Callable[..., Callable[[], Any]]:
    """What an exchange says of an incoming call so many seconds after now, by its own clock."""

    def says(after: int, event: str, **told: Any) -> Callable[[], Any]:
        at = (desk.clock() + timedelta(seconds=after)).isoformat()
        return lambda: front.says(event=event, call_id=key, direction="in", at=at, **told)

    return says


def zammad(desk: OpenDesk, front: System, key: str, caller: str) -> Posts:
    """Without any time, as most exchanges do it, and on hold in between."""
    told = {"callId": key, "direction": "in", "from": caller, "to": TECH_NUMBER}
    return [
        lambda: front.posts(told | {"event": "newCall", "user[]": AIKO.email}),
        lambda: front.posts(told | {"event": "answer", "answeringNumber": AIKO.phone}),
        lambda: front.posts(told | {"event": "hangup", "cause": "normalClearing"}),
        lambda: front.posts(told | {"event": "hold"}),
    ]


def sipgate(desk: OpenDesk, front: System, key: str, caller: str) -> Posts:
    """Nobody takes it, and its voice mail has a leg of its own."""
    told = {"direction": "in", "from": caller[1:], "to": TECH_NUMBER[1:]}
    return [
        lambda: front.posts(told | {"event": "newCall", "callId": key, "user[]": "Aiko"}),
        lambda: front.posts(told | {"event": "hangup", "callId": key, "cause": "forwarded"}),
        lambda: front.posts(told | {"event": "answer", "callId": f"{key}-mail", "origCallId": key,
                                    "user": "voicemail"}),
        lambda: front.posts(told | {"event": "hangup", "callId": f"{key}-mail", "origCallId": key,
                                    "cause": "normalClearing"}),
    ]  # fmt: skip


def placetel(desk: OpenDesk, front: System, key: str, caller: str) -> Posts:
    """No direction after the first."""
    return [
        lambda: front.posts({"event": "IncomingCall", "from": caller, "to": TECH_NUMBER, "call_id": key,
                             "direction": "in"}),
        lambda: front.posts({"event": "CallAccepted", "from": caller, "to": TECH_NUMBER, "call_id": key,
                             "peer": AIKO.email}),
        lambda: front.posts({"event": "HungUp", "call_id": key, "type": "accepted", "duration": "20"}),
    ]  # fmt: skip


def phonebridge(desk: OpenDesk, front: System, key: str, caller: str) -> Posts:
    """In the words made for Zoho."""
    told = {"type": "received", "id": key, "from": caller, "to": TECH_NUMBER, "zohouser": AIKO.email}
    states = ("ringing", "answered", "ended")
    return [lambda state=state: front.posts(told | {"state": state}, under=UNDER) for state in states]  # type: ignore[misc]


def threecx(desk: OpenDesk, front: System, key: str, caller: str) -> Posts:
    """Told when it is over, and told again."""
    told = {"CallType": "Inbound", "Number": caller, "AgentEmail": AIKO.email, "Duration": "30",
            "CallStartTimeUTC": f"{desk.clock() - timedelta(seconds=40):%Y-%m-%d %H:%M:%S}"}  # fmt: skip
    return [lambda: front.says("/report", **told), lambda: front.posts(told, under="/report")]


STORIES: dict[str, tuple[Callable[..., Posts], str, Person | None, CallState, Outcome]] = {
    "push": (generic, "push", AKIRA, CallState.ENDED, Outcome.ANSWERED),
    "picked up": (picked_up, "push", AKIRA, CallState.TALKING, Outcome.OPEN),
    "zammad": (zammad, "push", AIKO, CallState.ENDED, Outcome.ANSWERED),
    "sipgate": (sipgate, "sipgate", None, CallState.ENDED, Outcome.VOICEMAIL),
    "placetel": (placetel, "placetel", AIKO, CallState.ENDED, Outcome.ANSWERED),
    "phonebridge": (phonebridge, "phonebridge", AIKO, CallState.ENDED, Outcome.ANSWERED),
    "threecx": (threecx, "threecx", AIKO, CallState.ENDED, Outcome.ANSWERED),
}
"""What is said, by which kind of telephone system, whose the call is in the end, and how it stands."""
WHERE = [*(("sqlite", story) for story in STORIES), ("postgres", "picked up"), ("postgres", "placetel")]
"""All on one database; on the other what is short, for a lost lock is a lost word in any of them."""
TIMED = ("push", "picked up", "threecx")
"""Who say when it happened. With the others each word happens when it comes, so that in another order the seconds are
other ones, and nothing else is."""
TIMES = {"started_at", "answered_at", "ended_at", "wait_seconds", "talk_seconds", "hold_seconds", "entered_at",
         "left_at", "began_at"}  # fmt: skip


def told_of(desk: OpenDesk, people: list[int], *, with_times: bool) -> dict[str, Any]:
    """All that is known of the newest call, ids and number aside, and what its agents do and see."""
    call = desk.calls()[-1]
    hidden = {"id", "call_id", "call_key", "number", "number_typed", "ticket_id"} | (set() if with_times else TIMES)

    def rows(db: Any) -> dict[str, Any]:
        of_call = [
            (table.__name__, [each.model_dump(exclude=hidden) for each in
                              db.exec(select(table).where(table.call_id == call.id).order_by(at))])
            for table, at in ((QueueVisit, col(QueueVisit.entered_at)), (Handling, col(Handling.began_at)))
        ]  # fmt: skip
        left = db.exec(select(CallOffer).where(CallOffer.call_id == call.id, col(CallOffer.ended_at).is_(None))).all()
        facts = sorted(fact.kind for fact in db.exec(select(CallFact).where(CallFact.call_id == call.id)))
        states = [agents.state_of(db, agent_id).state for agent_id in people]  # type: ignore[union-attr]
        return dict(of_call) | {"left": len(left), "facts": facts, "states": states}

    cards = [part(desk.as_(who).get("/calls").text, f"call-{call.id}") for who in (AIKO, AKIRA)]
    numbers = (str(call.id), str(call.ticket_id), call.call_key, call.number[-4:])
    for number in numbers:
        cards = [settled(card).replace(number, "#") for card in cards]
    return call.model_dump(exclude=hidden) | desk.read(rows) | {"seen": [bool(card) for card in cards]}


@pytest.mark.parametrize(("database_kind", "story"), WHERE, indirect=["database_kind"])
def test_whatever_the_order_and_the_repeats_the_call_is_the_same(desk: OpenDesk, story: str) -> None:
    desk.ready(AIKO, AKIRA)
    said, kind, whose, state, outcome = STORIES[story]
    front = settle(desk, kind)
    people = [desk.agent(person).id or 0 for person in (AIKO, AKIRA)]
    pause = 0 if story in TIMED else 3
    first: dict[str, Any] = {}
    length = len(said(desk, front, "", ""))
    for number, order in enumerate(permutations(range(length))):
        posts = said(desk, front, f"c-{number}", f"+8180055570{number:02}")
        for place in (*order, *order[::2]):
            assert posts[place]().status_code == 200
            desk.clock.advance(seconds=pause)
        told = told_of(desk, people, with_times=not pause)
        first = first or told
        assert told == first, (order, {name: (told[name], first[name]) for name in told if told[name] != first[name]})
        assert desk.calls()[-1].call_key == f"c-{number}" or story == "threecx"
        call = desk.calls()[-1]
        assert (call.state, call.outcome, call.agent_id) == (state, outcome, whose and desk.agent(whose).id), order
        if whose is not None:
            done = desk.as_(whose).post(f"/calls/{call.id}/wrap-up", data={"disposition": "other", "note": ""})
            assert done.status_code == 200
    assert first["left"] == 0
