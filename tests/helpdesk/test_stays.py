"""Stays in waiting lines and agents' parts: what a call's facts leave in the rows figures are computed from."""

from datetime import datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlmodel import Session, col, select

from helpdesk import stays
from helpdesk.stays import LEFT, MOVED, RELEASED, TOOK, TOOK_OVER, WRAPPED_UP, fold
from models import Call, CallFact, Handling, QueueVisit, VisitEnd
from tests.cast import AIKO, AKIRA, MONDAY, TANAKA, TECH_NUMBER, OpenDesk

TECH, RETURNS = 1, 2
A, B = 11, 12


def at(second: float) -> datetime:
    """That many seconds into the morning."""
    return MONDAY + timedelta(seconds=second)


def fact(kind: str, second: float, *, cause: str = "", **detail: Any) -> CallFact:
    """What the telephone system said, or the desk decided, that many seconds into the morning."""
    return CallFact(call_id=1, event_key=f"{kind}:{second}:{cause}:{sorted(detail.items())}", kind=kind, cause=cause,
                    detail=detail, at=at(second), received_at=at(second))  # fmt: skip


def moved(second: float, from_id: int, queue_id: int, how: str = "moved") -> CallFact:
    """The call goes to another queue."""
    return fact(MOVED, second, from_id=from_id, queue_id=queue_id, how=how)


def seen(facts: list[CallFact], *, queue_id: int = TECH, direction: str = "in") -> tuple[list[Any], list[Any]]:
    """The rows in seconds: visits as (queue, entered, left, how, agent); parts as (agent, queue, began, ended, hold,
    wrapped up, heir)."""
    told = fold(facts, direction=direction, queue_id=queue_id)

    def second(moment: datetime | None) -> float | None:
        return None if moment is None else (moment - MONDAY).total_seconds()

    return (
        [(v.queue_id, second(v.entered_at), second(v.left_at), v.how.value, v.agent_id) for v in told.visits],
        [(p.agent_id, p.queue_id, second(p.began_at), second(p.ended_at), p.hold_seconds, second(p.wrapped_up_at),
          p.transferred_to_id) for p in told.parts],
    )  # fmt: skip


RING = fact("ring", 0)
STORIES: dict[str, tuple[list[CallFact], int, list[Any], list[Any]]] = {
    "waiting": ([RING, fact("queued", 1)], TECH, [(TECH, 0, None, "waiting", None)], []),
    "answered at the telephone": (
        [
            RING,
            fact(TOOK, 5, agent_id=A),
            fact("answer", 9, agent_id=A),
            fact("hangup", 60),
            fact(WRAPPED_UP, 80, agent_id=A),
        ],
        TECH,
        [(TECH, 0, 9, "answered", A)],
        [(A, TECH, 9, 60, 0, 80, None)],
    ),
    "answered at somebody else's telephone": (
        [RING, fact(TOOK, 5, agent_id=A), fact("answer", 9, agent_id=B), fact("hangup", 60)],
        TECH,
        [(TECH, 0, 9, "answered", B)],
        [(B, TECH, 9, 60, 0, None, None)],
    ),
    "accepted where no system tells an answer": (
        [RING, fact(TOOK, 5, agent_id=A), fact("hangup", 60)],
        TECH,
        [(TECH, 0, 5, "answered", A)],
        [(A, TECH, 5, 60, 0, None, None)],
    ),
    "answered by a telephone nobody knows": (
        [RING, fact("answer", 9), fact("hangup", 60)],
        TECH,
        [(TECH, 0, 9, "answered", None)],
        [],
    ),
    "accepted, and the telephone that answered has no name": (
        [RING, fact(TOOK, 5, agent_id=A), fact("answer", 9), fact("hangup", 60)],
        TECH,
        [(TECH, 0, 9, "answered", A)],
        [(A, TECH, 9, 60, 0, None, None)],
    ),
    "held": (
        [RING, fact("answer", 10, agent_id=A), fact("hold", 20), fact("resume", 35), fact("hangup", 60)],
        TECH,
        [(TECH, 0, 10, "answered", A)],
        [(A, TECH, 10, 60, 15, None, None)],
    ),
    "given up": ([RING, fact("hangup", 9, cause="cancel")], TECH, [(TECH, 0, 9, "abandoned", None)], []),
    "rang and nobody took it": (
        [RING, fact("hangup", 30, cause="noAnswer")],
        TECH,
        [(TECH, 0, 30, "abandoned", None)],
        [],
    ),
    "taken by the exchange's voicemail": (
        [RING, fact("hangup", 30, cause="voicemail")],
        TECH,
        [(TECH, 0, 30, "voicemail", None)],
        [],
    ),
    "sent elsewhere by the exchange": (
        [RING, fact("hangup", 12, cause="forwarded")],
        TECH,
        [(TECH, 0, 12, "overflowed", None)],
        [],
    ),
    "a blocked number never waited": ([RING, fact("hangup", 0, cause="blocked")], TECH, [], []),
    "refused, and the words took a while": (
        [RING, fact(LEFT, 0, how="refused"), fact("hangup", 11)],
        TECH,
        [(TECH, 0, 0, "refused", None)],
        [],
    ),
    "asked for a call-back": (
        [RING, fact(LEFT, 40, how="callback"), fact("hangup", 45)],
        TECH,
        [(TECH, 0, 40, "callback", None)],
        [],
    ),
    "overflowed, then answered": (
        [RING, moved(60, TECH, RETURNS, "overflowed"), fact("answer", 70, agent_id=B), fact("hangup", 100)],
        RETURNS,
        [(TECH, 0, 60, "overflowed", None), (RETURNS, 60, 70, "answered", B)],
        [(B, RETURNS, 70, 100, 0, None, None)],
    ),
    "overflowed as it arrived": (
        [RING, moved(0, TECH, RETURNS, "overflowed")],
        RETURNS,
        [(TECH, 0, 0, "overflowed", None), (RETURNS, 0, None, "waiting", None)],
        [],
    ),
    "moved back and forth": (
        [RING, moved(10, TECH, RETURNS), moved(20, RETURNS, TECH), fact("hangup", 25)],
        TECH,
        [(TECH, 0, 10, "moved", None), (RETURNS, 10, 20, "moved", None), (TECH, 20, 25, "abandoned", None)],
        [],
    ),
    "sent back to a queue by who had answered": (
        [
            RING,
            fact("answer", 5, agent_id=A),
            moved(30, TECH, RETURNS),
            fact("answer", 50, agent_id=B),
            fact("hangup", 90),
            fact(WRAPPED_UP, 95, agent_id=B),
        ],
        RETURNS,
        [(TECH, 0, 5, "answered", A), (RETURNS, 30, 50, "answered", B)],
        [(A, TECH, 5, 30, 0, 30, B), (B, RETURNS, 50, 90, 0, 95, None)],
    ),
    "handed over blindly": (
        [RING, fact("answer", 5, agent_id=A), fact("transfer", 30), fact("answer", 42, agent_id=B), fact("hangup", 90)],
        TECH,
        [(TECH, 0, 5, "answered", A)],
        [(A, TECH, 5, 30, 0, 30, B), (B, TECH, 42, 90, 0, None, None)],
    ),
    "handed over after asking, while the caller was on hold": (
        [RING, fact("answer", 5, agent_id=A), fact("hold", 20), fact("transfer", 30, agent_id=B), fact("hangup", 90)],
        TECH,
        [(TECH, 0, 5, "answered", A)],
        [(A, TECH, 5, 30, 10, 30, B), (B, TECH, 30, 90, 60, None, None)],
    ),
    "taken over by a supervisor": (
        [RING, fact("answer", 5, agent_id=A), fact(TOOK_OVER, 30, agent_id=B), fact("hangup", 90)],
        TECH,
        [(TECH, 0, 5, "answered", A)],
        [(A, TECH, 5, 30, 0, 30, B), (B, TECH, 30, 90, 0, None, None)],
    ),
    "accepted, given back, and accepted by another": (
        [
            RING,
            fact(TOOK, 5, agent_id=A),
            fact(RELEASED, 25, agent_id=A),
            fact(TOOK, 40, agent_id=B),
            fact("hangup", 90),
        ],
        TECH,
        [(TECH, 0, 40, "answered", B)],
        [(B, TECH, 40, 90, 0, None, None)],
    ),
    "its ring was never told": (
        [fact("answer", 5, agent_id=A), fact("hangup", 9)],
        TECH,
        [],
        [(A, TECH, 5, 9, 0, None, None)],
    ),
}


@pytest.mark.parametrize("story", STORIES)
def test_a_story_leaves_these_rows_in_whatever_order_it_is_told(story: str) -> None:
    facts, queue_id, visits, parts = STORIES[story]
    for order in permutations(facts):
        assert seen(list(order), queue_id=queue_id) == (visits, parts), [each.kind for each in order]


def test_who_calls_out_has_a_part_in_the_call_and_no_wait() -> None:
    facts = [fact("ring", 0, agent_id=A), fact("answer", 8), fact("hangup", 50)]
    assert seen(facts, direction="out") == ([], [(A, TECH, 8, 50, 0, None, None)])


KINDS = [
    "ring",
    "queued",
    "answer",
    "hangup",
    "hold",
    "resume",
    "transfer",
    "dtmf",
    TOOK,
    TOOK_OVER,
    RELEASED,
    WRAPPED_UP,
]


@given(data=st.data())
@settings(max_examples=300, deadline=None)
def test_any_facts_in_any_order_leave_the_same_rows_and_no_time_is_counted_twice(data: st.DataObject) -> None:
    said = st.tuples(st.sampled_from(KINDS), st.integers(0, 30), st.sampled_from([A, B, None]))
    facts = [fact(kind, second, agent_id=who) if who else fact(kind, second)
             for kind, second, who in data.draw(st.lists(said, min_size=1, max_size=9, unique=True))]  # fmt: skip
    here = TECH
    for second in sorted(data.draw(st.sets(st.integers(1, 30), max_size=3))):
        facts.append(moved(second, here, here := RETURNS if here == TECH else TECH))
    is_over = any(each.kind == "hangup" for each in facts)
    told = fold(facts, direction="in", queue_id=here)
    assert fold(data.draw(st.permutations(facts)), direction="in", queue_id=here) == told
    for before, after in zip(told.visits, told.visits[1:], strict=False):
        assert before.left_at is not None and before.entered_at <= before.left_at <= after.entered_at
        assert before.queue_id != after.queue_id
    for one, other in zip(told.parts, told.parts[1:], strict=False):
        assert one.ended_at is not None and one.began_at <= one.ended_at <= other.began_at
    assert sum(visit.left_at is None for visit in told.visits) <= 1
    assert all(visit.left_at is not None for visit in told.visits) or not is_over
    assert all(part.ended_at is not None for part in told.parts) or not is_over
    for part in told.parts:
        assert 0 <= part.hold_seconds <= ((part.ended_at or at(99)) - part.began_at).total_seconds()
    assert all((visit.how == VisitEnd.WAITING) == (visit.left_at is None) for visit in told.visits)


# --- through the doors -------------------------------------------------------------------------------------------


def rows(desk: OpenDesk) -> tuple[list[QueueVisit], list[Handling]]:
    """What is kept."""

    def look(db: Session) -> tuple[list[QueueVisit], list[Handling]]:
        return (list(db.exec(select(QueueVisit).order_by(col(QueueVisit.id)))),
                list(db.exec(select(Handling).order_by(col(Handling.id)))))  # fmt: skip

    told: tuple[list[QueueVisit], list[Handling]] = desk.read(look)
    return told


def test_a_calls_rows_are_there_with_every_step_by_the_telephone_systems_clock(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    desk.twilio.rings("CA-1")
    rang = desk.clock()
    ((visit,), parts) = rows(desk)
    assert (visit.entered_at, visit.left_at, visit.queue_id) == (rang, None, desk.queue("tech_support").id)
    assert not parts
    desk.clock.advance(seconds=12)
    desk.twilio.says("leg", "in-progress", sequence=2, caller=TECH_NUMBER, to=AIKO.phone, parent="CA-1")
    ((visit,), (part,)) = rows(desk)
    assert (visit.how, visit.left_at, visit.agent_id) == (VisitEnd.ANSWERED, desk.clock(), desk.agent(AIKO).id)
    assert (part.began_at, part.ended_at, part.agent_id) == (desk.clock(), None, desk.agent(AIKO).id)
    desk.clock.advance(seconds=100)
    desk.twilio.says("CA-1", "completed", sequence=3)
    ended = desk.clock()
    desk.clock.advance(seconds=20)
    desk.as_(AIKO).post(f"/calls/{desk.call('CA-1').id}/wrap-up", data={"disposition": "solved"})
    ((visit,), (part,)) = rows(desk)
    assert (part.ended_at, part.wrapped_up_at) == (ended, desk.clock())
    assert (part.queue_id, part.transferred_to_id) == (visit.queue_id, None)


def test_a_word_that_comes_late_changes_the_rows_that_are_there_and_adds_none(desk: OpenDesk) -> None:
    rang = desk.clock()
    said = {"call_id": "c-1", "direction": "in", "from_": TANAKA.phone, "to": TECH_NUMBER}
    desk.exchange.says(event="hangup", at=(rang + timedelta(seconds=50)).isoformat(), **said)
    assert rows(desk) == ([], [])
    desk.exchange.says(event="ring", at=rang.isoformat(), **said)
    ((visit,), parts) = rows(desk)
    assert (visit.how, not parts) == (VisitEnd.ABANDONED, True)
    for _ in range(2):
        answered = (rang + timedelta(seconds=7)).isoformat()
        desk.exchange.says(event="answer", at=answered, agents=[AKIRA.email], **said)
    ((again,), (part,)) = rows(desk)
    assert again.id == visit.id
    assert (again.how, again.left_at) == (VisitEnd.ANSWERED, rang + timedelta(seconds=7))
    assert (part.agent_id, part.ended_at) == (desk.agent(AKIRA).id, rang + timedelta(seconds=50))


def test_rows_too_many_go_and_the_one_before_is_open_again(desk: OpenDesk) -> None:
    desk.twilio.rings("CA-1")
    tech, returns = desk.queue("tech_support").id or 0, desk.queue("returns").id or 0
    call_id = desk.call("CA-1").id

    def move(db: Session) -> int:
        call = db.get(Call, call_id)
        assert call
        desk.clock.advance(seconds=10)
        made = stays.decide(db, call, MOVED, from_id=tech, queue_id=returns, how="moved", now=desk.clock())
        call.queue_id = returns
        stays.keep(db, call, list(db.exec(select(CallFact).where(CallFact.call_id == call.id))))
        return made.id or 0

    fact_id = desk.write(move)
    assert [(v.queue_id, v.how) for v in rows(desk)[0]] == [(tech, VisitEnd.MOVED), (returns, VisitEnd.WAITING)]

    def unsay(db: Session) -> None:
        call, said = db.get(Call, call_id), db.get(CallFact, fact_id)
        assert call and said
        db.delete(said)
        db.flush()
        call.queue_id = tech
        stays.keep(db, call, list(db.exec(select(CallFact).where(CallFact.call_id == call.id))))

    desk.write(unsay)
    assert [(v.queue_id, v.how) for v in rows(desk)[0]] == [(tech, VisitEnd.WAITING)]
