"""Whom to call back: what missed calls add up to, whatever order their callbacks come in, and what settles it."""

from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from sqlmodel import Session, col, select

from helpdesk import agents, recalls
from helpdesk.errors import Conflict, Invalid, NotAllowed
from models import Agent, Call, Callback, CallbackState, Event, Queue
from tests.cast import AIKO, BEN, MONDAY, SATO, STRANGER, SUZUKI, TANAKA, TECH_NUMBER, OpenDesk, Person


def board(desk: OpenDesk) -> list[Callback]:
    """Everything on the board, settled or not, oldest first."""
    return desk.read(lambda db: list(db.exec(select(Callback).order_by(col(Callback.id)))))


def open_rows(desk: OpenDesk) -> list[Callback]:
    return [row for row in board(desk) if row.state == CallbackState.OPEN]


def misses(desk: OpenDesk, sid: str, caller: Person = TANAKA, **more: str) -> None:
    """Somebody calls tech support, waits for half a minute and hangs up; then five minutes pass."""
    desk.twilio.rings(sid, caller=caller.phone, **more)
    desk.clock.advance(seconds=30)
    desk.twilio.says(sid, "completed", sequence=2, caller=caller.phone)
    desk.clock.advance(minutes=5)


def calls_out(desk: OpenDesk, sid: str, to: Person = TANAKA, *, answered: bool) -> None:
    """An agent calls somebody from the exchange."""
    told = {"call_id": sid, "direction": "out", "from_": TECH_NUMBER, "to": to.phone, "agents": [AIKO.email]}
    desk.exchange.says(event="ring", at=desk.clock().isoformat(), **told)
    desk.clock.advance(seconds=10)
    if answered:
        desk.exchange.says(event="answer", at=desk.clock().isoformat(), **told)
        desk.clock.advance(seconds=60)
    cause = "normalClearing" if answered else "noAnswer"
    desk.exchange.says(event="hangup", at=desk.clock().isoformat(), cause=cause, **told)


def of(desk: OpenDesk, person: Person) -> Any:
    return desk.agent(person)


def test_missed_calls_of_a_customer_are_one_row_with_the_first_the_last_and_their_number(desk: OpenDesk) -> None:
    misses(desk, "CA-1")
    misses(desk, "CA-2")
    misses(desk, "CA-3", SUZUKI)
    tanaka, suzuki = board(desk)
    assert (tanaka.customer_id, tanaka.calls, tanaka.queue_id) == (
        desk.customer(TANAKA).id, 2, desk.queue("tech_support").id)  # fmt: skip
    assert (tanaka.first_at, tanaka.last_at) == (MONDAY, MONDAY + timedelta(minutes=5, seconds=30))
    assert tanaka.promised_at == MONDAY + timedelta(minutes=6, hours=2), "two hours from the end of the last call"
    assert tanaka.call_id == desk.call("CA-2").id and tanaka.ticket_id == desk.call("CA-2").ticket_id
    assert (suzuki.customer_id, suzuki.key, suzuki.calls) == (None, f"number:{SUZUKI.phone}", 1), "two share it"


def test_a_withheld_number_is_not_on_the_board(desk: OpenDesk) -> None:
    desk.twilio.rings("CA-1", caller="anonymous")
    desk.twilio.says("CA-1", "completed", sequence=2, caller="anonymous")
    assert desk.call("CA-1").outcome == "abandoned" and board(desk) == []


@pytest.mark.parametrize("direction", ["in", "out"])
def test_a_later_answered_call_settles_it_by_itself(desk: OpenDesk, direction: str) -> None:
    desk.ready(AIKO)
    misses(desk, "CA-1")
    if direction == "in":
        desk.twilio.rings("CA-2")
        desk.as_(AIKO).post(f"/calls/{desk.call('CA-2').id}/accept")
    else:
        calls_out(desk, "out-1", answered=True)
    (row,) = board(desk)
    assert (row.state, row.done_by_id) == (CallbackState.DONE, of(desk, AIKO).id)
    desk.clock.advance(minutes=1)
    misses(desk, "CA-3")
    assert [row.calls for row in open_rows(desk)] == [1], "the next missed call begins anew"


def test_our_attempts_are_counted_and_settle_nothing(desk: OpenDesk) -> None:
    misses(desk, "CA-1")
    calls_out(desk, "out-1", answered=False)
    calls_out(desk, "out-2", answered=False)
    (row,) = board(desk)
    assert (row.state, row.attempts, row.calls) == (CallbackState.OPEN, 2, 1)


def test_whatever_the_order_of_the_callbacks_the_board_is_the_same(desk: OpenDesk) -> None:
    """An abandoned call, and one of the same customer that was answered before the first one's end was told."""
    seen = set()
    for number, order in enumerate(permutations(range(4))):
        number_of = f"+8190111122{number:02}"
        at = [(MONDAY + timedelta(seconds=offset)).isoformat() for offset in (0, 30, 60, 70)]
        told = [
            {"event": "ring", "call_id": f"a{number}", "at": at[0]},
            {"event": "hangup", "call_id": f"a{number}", "at": at[1], "cause": "normalClearing"},
            {"event": "ring", "call_id": f"b{number}", "at": at[2]},
            {"event": "answer", "call_id": f"b{number}", "at": at[3], "agents": [AIKO.email]},
        ]
        for place in order:
            event = told[place] | {"direction": "in", "from_": number_of, "to": TECH_NUMBER}
            assert desk.exchange.says(**event).status_code == 200
            desk.exchange.says(**event)  # and once more
        rows = [row for row in board(desk) if row.number == number_of]
        seen.add(tuple((row.state, row.calls, row.last_at) for row in rows if row.state == CallbackState.OPEN))
    assert seen == {()}


def test_what_was_taken_for_missed_and_was_answered_leaves_the_board(desk: OpenDesk) -> None:
    told = {"call_id": "x", "direction": "in", "from_": STRANGER.phone, "to": TECH_NUMBER}
    desk.exchange.says(event="ring", at=MONDAY.isoformat(), **told)
    desk.exchange.says(event="hangup", at=(MONDAY + timedelta(seconds=90)).isoformat(), cause="noAnswer", **told)
    assert [row.calls for row in open_rows(desk)] == [1]
    late = (MONDAY + timedelta(seconds=10)).isoformat()
    desk.exchange.says(event="answer", at=late, agents=[AIKO.email], **told)
    assert desk.call("x").outcome == "answered" and open_rows(desk) == []


def test_a_number_that_becomes_a_customer_s_takes_its_row_and_owner_along(desk: OpenDesk) -> None:
    misses(desk, "CA-1", STRANGER)
    desk.write(lambda db: recalls.assign(db, db.get(Callback, 1), db.get(Agent, of(desk, AIKO).id),
                                         by=of(desk, SATO), now=desk.clock()))  # fmt: skip
    desk.as_(AIKO).post(f"/calls/{desk.call('CA-1').id}/customer/new", data={"name": "中村 葵"})
    (row,) = board(desk)
    made = desk.call("CA-1").customer_id
    assert (row.customer_id, row.key, row.owner_id, row.calls) == (made, f"customer:{made}", of(desk, AIKO).id, 1)


def test_a_promise_of_a_talking_agent_is_not_settled_by_that_very_call(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    desk.twilio.rings("CA-1")
    call = desk.call("CA-1")
    desk.as_(AIKO).post(f"/calls/{call.id}/accept")
    desk.clock.advance(minutes=1)

    def promise(db: Session) -> None:
        found = db.get(Call, call.id)
        assert found and found.queue_id
        recalls.promise(db, customer_id=found.customer_id, number=found.number, queue_id=found.queue_id,
                        call_id=found.id, at=MONDAY + timedelta(hours=5), now=desk.clock())  # fmt: skip

    desk.write(promise)
    desk.clock.advance(minutes=1)
    desk.twilio.says("CA-1", "completed", sequence=3)
    (row,) = board(desk)
    assert (row.state, row.asked_by_customer, row.promised_at) == (
        CallbackState.OPEN, True, MONDAY + timedelta(hours=5))  # fmt: skip
    misses(desk, "CA-2")
    (row,) = board(desk)
    assert row.calls == 1 and row.promised_at < MONDAY + timedelta(hours=3), "the earlier of the two promises"
    calls_out(desk, "out-1", answered=True)
    assert board(desk)[0].state == CallbackState.DONE


def test_who_is_neither_known_nor_has_a_number_cannot_be_promised_a_call(desk: OpenDesk) -> None:
    with pytest.raises(Invalid, match="nobody_to_call"):
        desk.write(lambda db: recalls.promise(db, customer_id=None, number="", queue_id=1, now=MONDAY))


def test_an_overdue_promise_is_said_once_and_anew_after_another_one(desk: OpenDesk) -> None:
    misses(desk, "CA-1")

    def raised() -> int:
        assert desk.read(lambda db: recalls.is_any_overdue(db, now=desk.clock())) == (late := due())
        told = desk.write(lambda db: recalls.raise_overdue(db, now=desk.clock()))
        assert (told > 0) == late
        return told

    def due() -> bool:
        return any(row.promised_at <= desk.clock() and row.alarmed_at is None for row in open_rows(desk))

    assert raised() == 0
    desk.clock.advance(hours=2)
    assert (raised(), raised()) == (1, 0)
    misses(desk, "CA-2")
    assert raised() == 0
    desk.clock.advance(hours=2)
    assert raised() == 1
    said = desk.read(
        lambda db: [e.data["what"] for e in db.exec(select(Event).where(Event.fact == "callback_changed"))]
    )
    assert said == ["made", "overdue", "changed", "overdue"]


def test_done_can_be_undone_and_stays_undone_until_they_are_reached_again(desk: OpenDesk) -> None:
    misses(desk, "CA-1")
    calls_out(desk, "out-1", answered=True)
    sato = of(desk, SATO)
    desk.write(lambda db: recalls.reopen(db, db.get(Callback, 1), by=sato, now=desk.clock()))
    calls_out(desk, "out-2", answered=False)
    assert (board(desk)[0].state, board(desk)[0].calls) == (CallbackState.OPEN, 1)
    desk.clock.advance(minutes=1)
    calls_out(desk, "out-3", answered=True)
    assert board(desk)[0].state == CallbackState.DONE


def test_only_who_serves_the_queue_can_own_it_and_what_is_settled_is_nobody_s_to_take(desk: OpenDesk) -> None:
    misses(desk, "CA-1")
    sato, ben, aiko = of(desk, SATO), of(desk, BEN), of(desk, AIKO)

    def own(db: Session, who: Agent) -> None:
        recalls.assign(db, db.get_one(Callback, 1), who, by=sato, now=desk.clock())

    with pytest.raises(NotAllowed, match="agent_not_in_queue"):
        desk.write(own, ben)
    desk.write(lambda db: recalls.settle(db, db.get(Callback, 1), CallbackState.DROPPED, note=" 間違い電話 ", by=sato,
                                         now=desk.clock()))  # fmt: skip
    row = board(desk)[0]
    assert (row.state, row.note, row.done_by_id) == (CallbackState.DROPPED, "間違い電話", sato.id)
    with pytest.raises(Conflict, match="callback_is_settled"):
        desk.write(own, aiko)
    desk.clock.advance(minutes=1)
    misses(desk, "CA-2")
    with pytest.raises(Conflict, match="callback_again"):
        desk.write(lambda db: recalls.reopen(db, db.get(Callback, 1), by=sato, now=desk.clock()))


def test_the_board_shows_a_queue_s_callers_to_who_serves_it_first_promised_first(desk: OpenDesk) -> None:
    desk.write(lambda db: setattr(db.get(Queue, desk.queue("returns").id), "callback_minutes", 10))
    misses(desk, "CA-1")
    misses(desk, "CA-2", STRANGER, to="+81355500102")
    desk.clock.advance(minutes=30)

    def page(person: Person, chosen: str = "open", **more: Any) -> list[str]:
        def look(db: Session) -> list[str]:
            agent = agents.get(db, of(desk, person).id)
            told = recalls.page(db, agent, chosen, settings=desk.settings, now=desk.clock(), **more)
            return [row.customer_name or row.number_display for row in told.rows]

        return desk.read(look)

    assert page(SATO) == ["050-1111-2222", TANAKA.name]
    assert (page(AIKO), page(BEN), page(SATO, "overdue")) == ([TANAKA.name], ["050-1111-2222"], ["050-1111-2222"])
    assert page(SATO, queue_id=desk.queue("tech_support").id) == [TANAKA.name]
    ids = desk.read(lambda db: agents.queue_ids(db, of(desk, SATO)))
    assert desk.read(lambda db: db.scalar(recalls.open_query(ids))) == 2
    assert desk.read(lambda db: db.scalar(recalls.open_query(ids, due_by=desk.clock()))) == 1
