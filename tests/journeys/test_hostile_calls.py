"""Calls that lie, race and repeat: what a telephone system or two hasty agents do, and what the desk makes of it."""

import json
import threading
from concurrent.futures import Future
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import Session, col, select

from cti import LONGEST_ID, LONGEST_NAME
from helpdesk import access, calls
from helpdesk.calls import wrapping
from helpdesk.errors import DeskError
from helpdesk.events import emit
from helpdesk.facts import CallChanged, CallWrappedUp
from helpdesk.runtime import log
from models import Agent, Call, CallFact, CallOffer, CallState, Inbound, InboundState, Parked, Ticket, TicketState
from tests.cast import (
    AIKO,
    AKIRA,
    BEN,
    PUBLIC_URL,
    PUSH_TOKEN,
    RETURNS_ADDRESS,
    RETURNS_NUMBER,
    STRANGER,
    SUZUKI,
    TANAKA,
    TECH_NUMBER,
    OpenDesk,
    Person,
)

POSTGRES = pytest.mark.parametrize("database_kind", ["postgres"], indirect=True)
NEVER = "9999-12-31T23:59:59Z"


def rings(desk: OpenDesk, call_id: str, **event: Any) -> Any:
    """The exchange says that Ms. Tanaka calls tech support."""
    told = {"event": "ring", "call_id": call_id, "direction": "in", "from": TANAKA.phone, "to": TECH_NUMBER} | event
    return desk.exchange.says(**told)


def does(desk: OpenDesk, person: Person, call_key: str, verb: str, **form: Any) -> Any:
    """An agent presses a button of the card."""
    return desk.as_(person).post(f"/calls/{desk.call(call_key).id}/{verb}", data=form)


def facts_of(desk: OpenDesk, call_key: str) -> list[CallFact]:
    """What is kept of what a call's system said."""
    call_id = desk.call(call_key).id
    kept = select(CallFact).where(CallFact.call_id == call_id).order_by(col(CallFact.id))
    return list(desk.read(lambda db: db.exec(kept).all()))


# --- a clock that is wrong ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", [NEVER, "0001-01-01T00:00:00Z", 253402300799, 1])
def test_a_time_that_cannot_be_true_is_replaced_by_our_own(desk: OpenDesk, at: Any) -> None:
    assert rings(desk, "c-1", at=at).status_code == 200
    desk.clock.advance(minutes=3)
    assert desk.exchange.says(event="hangup", call_id="c-1", at=at).status_code == 200
    call = desk.call("c-1")
    assert call.ended_at == desk.clock() and call.wait_seconds == 180
    assert desk.count(Parked) == 0


def test_a_time_of_the_same_day_is_believed(desk: OpenDesk) -> None:
    said = desk.clock() - timedelta(hours=20)
    rings(desk, "c-1", at=said.isoformat())
    assert desk.call("c-1").started_at == said


def test_a_callback_that_waited_for_days_happened_when_it_reached_us(desk: OpenDesk) -> None:
    came = desk.clock()
    rings(desk, "c-1")
    desk.clock.advance(days=3)
    kept = desk.read(lambda db: db.exec(select(Inbound)).one())

    def as_if_unread(db: Session) -> None:
        db.delete(db.exec(select(CallFact)).one())
        for offer in db.exec(select(CallOffer)):
            db.delete(offer)
        db.flush()
        db.delete(db.exec(select(Call)).one())
        inbound = db.get(Inbound, kept.id)
        assert inbound
        inbound.state, inbound.read_at, inbound.call_id = InboundState.WAITING, None, None

    desk.write(as_if_unread)
    desk.read_everything()
    assert desk.call("c-1").started_at == came


def test_a_hangup_at_the_end_of_time_leaves_the_screens_alive(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    aiko = desk.screen_of(AIKO)
    rings(desk, "c-1")
    does(desk, AIKO, "c-1", "accept")
    desk.exchange.says(event="hangup", call_id="c-1", at=NEVER)
    assert aiko.pops == ["c-1"]
    assert desk.as_(AIKO).get("/inbox").status_code == 200
    desk.mail(TANAKA)
    aiko.check()
    assert len(aiko.tickets) == 2 and aiko.reloads == 0


def test_a_fact_that_cannot_be_rendered_costs_a_reload_and_never_the_facts_behind_it(desk: OpenDesk) -> None:
    desk.ready(AIKO, BEN)
    aiko, ben = desk.screen_of(AIKO), desk.screen_of(BEN)
    desk.twilio.rings("CA-1")
    does(desk, AIKO, "CA-1", "accept")
    desk.twilio.says("CA-1", "completed")
    aiko.sync()

    def spoil(db: Session) -> None:
        call = db.exec(select(Call)).one()
        call.ended_at = desk.clock().replace(year=9999, month=12, day=31, hour=23, minute=59, second=59)
        told = {"call_id": call.id, "queue_id": call.queue_id, "agent_ids": [call.agent_id], "ticket_id": None}
        emit(db, CallChanged(**told, what="held", at=desk.clock()))  # type: ignore[arg-type]

    number = desk.number()
    desk.write(spoil)
    aiko.sync()
    ben.sync()
    assert (aiko.reloads, ben.reloads) == (1, 1)
    desk.mail(TANAKA)
    aiko.sync()
    assert aiko.tickets, "what came afterwards arrives as ever"
    missed = f"wss://desk.example.com/live?after={number}"
    with desk.as_(AIKO).websocket_connect(missed, headers={"origin": PUBLIC_URL}) as late:
        assert late.receive_json() == {"n": desk.number(), "do": [{"reload": True}]}, "so does catching up"


# --- two agents at once ------------------------------------------------------------------------------------------


def at_once(desk: OpenDesk, call_key: str, verb: Any, *people: Person) -> list[str]:
    """All press the same button, each having read the call before any of them wrote. Returns what each was told."""
    call_id, gate = desk.call(call_key).id, threading.Barrier(len(people))

    def press(db: Session, person: Person) -> str:
        agent = db.exec(select(Agent).where(Agent.email == person.email)).one()
        call = access.call(db, agent, call_id or 0)
        gate.wait(30)
        try:
            verb(db, call, agent)
        except DeskError as error:
            return error.code
        return "done"

    assert desk.client.portal
    asked: list[Future[str]] = [
        desk.client.portal.start_task_soon(desk.database.write, press, person) for person in people
    ]
    return sorted(answer.result(30) for answer in asked)


@POSTGRES
def test_of_two_agents_who_take_a_call_at_once_one_has_it_and_the_other_is_told(desk: OpenDesk) -> None:
    desk.ready(AIKO, AKIRA)
    desk.twilio.rings("CA-1")
    told = at_once(desk, "CA-1", lambda db, call, agent: calls.accept(db, call, agent, now=desk.clock()), AIKO, AKIRA)
    assert told == ["already_accepted", "done"]
    assert desk.call("CA-1").agent_id in (desk.agent(AIKO).id, desk.agent(AKIRA).id)


@POSTGRES
def test_two_wrap_ups_pressed_at_once_are_one(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    desk.twilio.rings("CA-1")
    does(desk, AIKO, "CA-1", "accept")
    before = desk.number()

    def wrap_up(db: Session, call: Call, agent: Agent) -> None:
        wrapping.wrap_up(db, call, note="済", disposition="solved", by=agent, guess=None, now=desk.clock())

    assert at_once(desk, "CA-1", wrap_up, AIKO, AIKO) == ["done", "done"]
    said = [fact for _, fact in desk.read(log.after, before)]
    assert len([fact for fact in said if isinstance(fact, CallWrappedUp)]) == 1


def test_a_note_is_not_rewritten_after_the_wrap_up(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    desk.twilio.rings("CA-1")
    does(desk, AIKO, "CA-1", "accept")
    assert does(desk, AIKO, "CA-1", "note", note="話し中").status_code == 200
    does(desk, AIKO, "CA-1", "wrap-up", note="電源を確認して解決", disposition="solved")
    assert does(desk, AIKO, "CA-1", "note", note="上書き").status_code == 409
    assert desk.call("CA-1").note == "電源を確認して解決"


# --- whose matter it is ------------------------------------------------------------------------------------------


def test_a_call_that_joined_the_wrong_customers_mail_leaves_that_ticket_where_it_is(desk: OpenDesk) -> None:
    desk.mail(TANAKA, subject="保証書が見つかりません")
    (letter,) = desk.tickets()
    desk.write(lambda db: setattr(db.get(Ticket, letter.id), "queue_id", desk.queue("tech_support").id))
    desk.ready(AIKO)
    desk.twilio.rings("CA-1")
    assert desk.call("CA-1").ticket_id == letter.id, "her only open matter"
    does(desk, AIKO, "CA-1", "accept")
    does(desk, AIKO, "CA-1", "customer", customer_id=desk.customer(SUZUKI).id)
    letter, fresh = desk.tickets()
    assert letter.customer_id == desk.customer(TANAKA).id
    assert desk.call("CA-1").ticket_id == fresh.id
    assert (fresh.customer_id, fresh.assignee_id) == (desk.customer(SUZUKI).id, desk.agent(AIKO).id)
    assert desk.call("CA-1").customer_id == desk.customer(SUZUKI).id


def test_a_ticket_the_call_itself_opened_goes_with_it_to_the_right_customer(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    desk.twilio.rings("CA-1")
    does(desk, AIKO, "CA-1", "accept")
    does(desk, AIKO, "CA-1", "customer", customer_id=desk.customer(SUZUKI).id)
    (ticket,) = desk.tickets()
    assert ticket.customer_id == desk.customer(SUZUKI).id and desk.call("CA-1").ticket_id == ticket.id


def test_a_ticket_an_earlier_call_opened_stays_with_its_customer(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    desk.twilio.rings("CA-1")
    desk.twilio.says("CA-1", "no-answer")
    desk.clock.advance(minutes=5)
    desk.twilio.rings("CA-2")
    assert desk.call("CA-2").ticket_id == desk.call("CA-1").ticket_id
    does(desk, AIKO, "CA-2", "accept")
    does(desk, AIKO, "CA-2", "customer", customer_id=desk.customer(SUZUKI).id)
    first, second = desk.tickets()
    assert (first.customer_id, second.customer_id) == (desk.customer(TANAKA).id, desk.customer(SUZUKI).id)


def test_a_new_ticket_asked_for_again_and_again_is_one(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    desk.mail(TANAKA)
    letter = desk.tickets()[0]
    desk.write(lambda db: setattr(db.get(Ticket, letter.id), "queue_id", desk.queue("tech_support").id))
    desk.twilio.rings("CA-1")
    does(desk, AIKO, "CA-1", "accept")
    for _ in range(3):
        assert does(desk, AIKO, "CA-1", "ticket").status_code == 200
    assert len(desk.tickets()) == 2 and desk.call("CA-1").ticket_id == desk.tickets()[1].id


def test_a_call_whose_own_ticket_was_resolved_gets_it_back_open_when_a_new_one_is_asked_for(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    desk.twilio.rings("CA-1")
    does(desk, AIKO, "CA-1", "accept")
    (ticket,) = desk.tickets()
    desk.as_(AIKO).post(f"/tickets/{ticket.id}/resolve")
    assert desk.tickets()[0].state == TicketState.RESOLVED
    does(desk, AIKO, "CA-1", "ticket")
    (ticket,) = desk.tickets()
    assert ticket.state == TicketState.OPEN and ticket.awaits_us


# --- what no telephone system should say -------------------------------------------------------------------------


@pytest.mark.parametrize("number", [999_999_999_999_999, 2**31, 2**63, 10**40])
def test_a_sequence_or_duration_past_any_column_is_no_reason_to_keep_ringing(desk: OpenDesk, number: int) -> None:
    rings(desk, "c-1", seq=number)
    answer = desk.exchange.says(event="hangup", call_id="c-1", seq=number, duration=number)
    assert answer.status_code == 200
    assert desk.count(Parked) == 0 and desk.call("c-1").state == CallState.ENDED
    kept = {fact.kind: fact for fact in facts_of(desk, "c-1")}
    assert kept["hangup"].sequence == (number if number < 10**15 else None)
    assert kept["hangup"].detail.get("seconds", 0) < 10**9


@pytest.mark.parametrize("depth", [3_000, 100_000])
def test_brackets_within_brackets_are_refused_with_a_reason(desk: OpenDesk, depth: int) -> None:
    for body in (b"[" * depth, b'{"event":"ring","call_id":' + b"[" * depth + b"]" * depth + b"}"):
        answer = desk.client.post(
            f"/api/v1/cti/{PUSH_TOKEN}", content=body, headers={"content-type": "application/json"}
        )
        assert answer.status_code == 422 and answer.json()["error"]
    assert desk.count(Inbound) == 0


@pytest.mark.parametrize("odd", ["c\ud800", "c\x00", "\udfffc\x00\ud800"])
def test_letters_no_database_can_hold_do_not_keep_a_push_out(desk: OpenDesk, odd: str) -> None:
    told = {"event": "ring", "call_id": odd, "direction": "in", "from": TANAKA.phone, "to": TECH_NUMBER,
            "from_name": odd, "leg_id": odd, "agents": [odd], "queue": odd, odd: odd}  # fmt: skip
    body = json.dumps(told).encode()
    answer = desk.client.post(f"/api/v1/cti/{PUSH_TOKEN}", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 200
    (call,) = desk.calls()
    assert call.call_key == odd.replace("\x00", "").replace("\ud800", "\ufffd").replace("\udfff", "\ufffd")
    assert call.number == TANAKA.phone and desk.count(Parked) == 0


def test_letters_no_database_can_hold_do_not_keep_twilio_out(desk: OpenDesk) -> None:
    answer = desk.twilio.rings("CA-1\x00", caller=TANAKA.phone + "\x00", CallerName="田中\x00", Digits="")
    assert answer.status_code == 200
    assert desk.twilio.posts("/hooks/twilio/status", {
        "CallSid": "CA-1\x00", "CallStatus": "in-progress", "Digits": "1\x00", "SpeechResult": "返品\x00です",
    }).status_code == 200  # fmt: skip
    assert desk.call("CA-1").number == TANAKA.phone
    assert [fact.detail for fact in facts_of(desk, "CA-1")][-1] == {"digits": "1"}
    assert desk.count(Parked) == 0


LONG = "9" * 1900


def test_what_is_too_long_to_be_a_number_or_an_id_is_cut_before_it_is_kept(desk: OpenDesk) -> None:
    rings(desk, "c-1", from_=f"+{LONG}", to=LONG, from_name=LONG, leg_id=LONG, queue=LONG, agents=[LONG], digits=LONG)
    call = desk.call("c-1")
    assert len(call.number_typed) <= LONGEST_NAME and len(call.dialed) <= LONGEST_NAME
    (fact,) = facts_of(desk, "c-1")
    assert len(fact.leg) == LONGEST_ID and len(fact.agents[0]) == LONGEST_ID and len(fact.detail["digits"]) == 64
    assert "9" * 100 not in desk.as_(AIKO).get("/calls").text


def test_what_twilio_sends_is_cut_to_the_same_lengths_and_a_repeat_is_still_known(desk: OpenDesk) -> None:
    for _ in range(2):
        desk.twilio.rings(f"CA{LONG}", caller=f"+{LONG}", to=LONG, CallerName=LONG)
    (call,) = desk.calls()
    assert len(call.call_key) == LONGEST_ID and len(call.number_typed) <= LONGEST_NAME >= len(call.dialed)
    for words in (LONG + "1", LONG + "2", LONG + "2"):
        desk.twilio.posts("/hooks/twilio/status", {"CallSid": "CA-2", "Digits": LONG, "SpeechResult": words})
    said = facts_of(desk, "CA-2")
    assert len(said) == 2, "two things were said, one of them twice"
    assert all(len(fact.event_key) <= LONGEST_ID and len(fact.detail["digits"]) <= LONGEST_NAME for fact in said)


def test_a_call_that_moves_to_another_ticket_leaves_none_open_and_empty_behind(desk: OpenDesk) -> None:
    desk.mail(subject="掃除機の件", body="掃除機の電源が入りません。", to=RETURNS_ADDRESS)
    (matter,) = desk.tickets()
    desk.ready(BEN)
    desk.twilio.rings("CA-1", caller=STRANGER.phone, to=RETURNS_NUMBER)
    own = desk.call("CA-1").ticket_id
    assert own != matter.id
    answer = desk.as_(BEN).post(f"/calls/{desk.call('CA-1').id}/ticket", data={"ticket_id": str(matter.id)})
    assert answer.status_code == 200 and desk.call("CA-1").ticket_id == matter.id
    states = {ticket.id: ticket.state.value for ticket in desk.tickets()}
    assert states == {matter.id: "open", own: "resolved"}
