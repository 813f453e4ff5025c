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
from models import CallFact, CallOffer, Handling, QueueVisit
from tests.cast import AIKO, AKIRA, TECH_NUMBER, OpenDesk, part, settled
from tests.exchanges import System, settle

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)]

Posts = list[Callable[[], Any]]
UNDER = "/phonebridge/v3/callnotify"


def generic(desk: OpenDesk, front: System, key: str, caller: str) -> Posts:
    """Answered, handed on, and over, with the exchange's own times."""

    def says(after: int, event: str, **told: Any) -> Callable[[], Any]:
        at = (desk.clock() + timedelta(seconds=after)).isoformat()
        return lambda: front.says(event=event, call_id=key, direction="in", at=at, **told)

    return [
        says(0, "ring", from_=caller, to=TECH_NUMBER, user=[AIKO.email]),
        says(5, "answer", user=[AIKO.email]),
        says(30, "transfer", user=[AKIRA.email]),
        says(60, "hangup", cause="normalClearing"),
    ]


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


STORIES = {"push": generic, "zammad": zammad, "sipgate": sipgate, "placetel": placetel, "phonebridge": phonebridge,
           "threecx": threecx}  # fmt: skip


def told_of(desk: OpenDesk, people: list[int]) -> dict[str, Any]:
    """All that is known of the newest call, ids and number aside, and what its agents do and see."""
    call = desk.calls()[-1]

    def rows(db: Any) -> dict[str, Any]:
        of_call = [
            (table.__name__, [each.model_dump(exclude={"id", "call_id"}) for each in
                              db.exec(select(table).where(table.call_id == call.id).order_by(at))])
            for table, at in ((QueueVisit, col(QueueVisit.entered_at)), (Handling, col(Handling.began_at)))
        ]  # fmt: skip
        left = db.exec(select(CallOffer).where(CallOffer.call_id == call.id, col(CallOffer.ended_at).is_(None))).all()
        facts = sorted(fact.kind for fact in db.exec(select(CallFact).where(CallFact.call_id == call.id)))
        states = [agents.state_of(db, agent_id).state for agent_id in people]  # type: ignore[union-attr]
        return dict(of_call) | {"left": len(left), "facts": facts, "states": states}

    hidden = {"id", "call_key", "number", "number_typed", "ticket_id"}
    cards = [part(desk.as_(who).get("/calls").text, f"call-{call.id}") for who in (AIKO, AKIRA)]
    numbers = (str(call.id), str(call.ticket_id), call.call_key, call.number[-4:])
    for number in numbers:
        cards = [settled(card).replace(number, "#") for card in cards]
    return call.model_dump(exclude=hidden) | desk.read(rows) | {"seen": [bool(card) for card in cards]}


@pytest.mark.parametrize("story", STORIES)
def test_whatever_the_order_and_the_repeats_the_call_is_the_same(desk: OpenDesk, story: str) -> None:
    desk.ready(AIKO, AKIRA)
    front = settle(desk, "push" if story == "zammad" else story)
    people = [desk.agent(person).id or 0 for person in (AIKO, AKIRA)]
    first: dict[str, Any] = {}
    length = len(STORIES[story](desk, front, "", ""))
    for number, order in enumerate(permutations(range(length))):
        posts = STORIES[story](desk, front, f"c-{number}", f"+8180055570{number:02}")
        for place in (*order, *order[::2]):
            assert posts[place]().status_code == 200
        told = told_of(desk, people)
        first = first or told
        assert told == first, (order, {name: (told[name], first[name]) for name in told if told[name] != first[name]})
        assert desk.calls()[-1].call_key == f"c-{number}" or story == "threecx"
        if (call := desk.calls()[-1]).agent_id:
            who = AIKO if call.agent_id == people[0] else AKIRA
            done = desk.as_(who).post(f"/calls/{call.id}/wrap-up", data={"disposition": "other", "note": ""})
            assert done.status_code == 200
    assert first["ended_at"] is not None and first["left"] == 0
