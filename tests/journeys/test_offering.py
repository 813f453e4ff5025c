"""Whom a call is offered to, one agent after the other, and what a caller hears whom nobody can take."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

import pytest
from sqlmodel import Session, col, select

from helpdesk import agents, calls, queues
from helpdesk.calls import hearing, wrapping
from helpdesk.offering import Candidate, choose
from models import (
    Agent,
    AgentState,
    Calendar,
    Call,
    Callback,
    CallOffer,
    CallState,
    Customer,
    Login,
    Membership,
    OfferEnd,
    Otherwise,
    Outcome,
    Presence,
    Queue,
    QueueVisit,
    Ringing,
    VisitEnd,
)
from tests.cast import (
    ACCOUNT,
    AIKO,
    AKIRA,
    BEN,
    MONDAY,
    RETURNS_NUMBER,
    STRANGER,
    SUZUKI,
    TANAKA,
    TECH_NUMBER,
    OpenDesk,
    Person,
    part,
    text_of,
)

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
POSTGRES = pytest.mark.parametrize("database_kind", ["postgres"], indirect=True)


def one_at_a_time(desk: OpenDesk, *slugs: str, **more: Any) -> None:
    """These queues ring one agent at a time, and whatever else is said of them."""

    def verb(db: Session) -> None:
        for queue in db.exec(select(Queue).where(col(Queue.slug).in_(slugs or ("tech_support",)))):
            for name, value in ({"ringing": Ringing.LONGEST_IDLE} | more).items():
                setattr(queue, name, value)

    desk.write(verb)


def change(desk: OpenDesk, person: Person, **fields: Any) -> None:
    """Something about an agent is otherwise; `level` is for every queue served."""

    def verb(db: Session) -> None:
        agent = db.exec(select(Agent).where(Agent.email == person.email)).one()
        for name, value in fields.items():
            if name == "level":
                for each in db.exec(select(Membership).where(Membership.agent_id == agent.id)):
                    each.level = value
            else:
                setattr(agent, name, value)

    desk.write(verb)


def serves(desk: OpenDesk, person: Person, slug: str) -> None:
    """One more queue for an agent."""
    queue_id, agent_id = desk.queue(slug).id or 0, desk.agent(person).id or 0
    desk.write(lambda db: db.add(Membership(queue_id=queue_id, agent_id=agent_id)))


def pushed(desk: OpenDesk, call_id: str, *, caller: str = TANAKA.phone, to: str = TECH_NUMBER, **more: Any) -> None:
    """A call at an exchange the desk cannot command, which rings whom it likes."""
    said = {"event": "ring", "call_id": call_id, "direction": "in", "from_": caller, "to": to} | more
    assert desk.exchange.says(**said).status_code == 200


def passes(desk: OpenDesk, **length: float) -> None:
    """Time passes, pages stay open, and the desk does what is due."""
    desk.clock.advance(**length)
    desk.write(lambda db: [setattr(each, "seen_at", desk.clock()) for each in db.exec(select(Login)).all()])
    do_due(desk)


def do_due(desk: OpenDesk) -> None:
    """The desk does what is due."""
    assert desk.client.portal
    desk.client.portal.call(desk.app.state.desk.rounds.keep_calls)


def rung(desk: OpenDesk) -> list[tuple[str, str, str]]:
    """All offers in order: call, agent, how it ended."""

    def look(db: Session) -> list[tuple[str, str, str]]:
        rows = db.exec(
            select(Call.call_key, Agent.name, CallOffer.how).join(CallOffer, col(CallOffer.call_id) == Call.id)
            .join(Agent, col(Agent.id) == CallOffer.agent_id).order_by(col(CallOffer.id))
        )  # fmt: skip
        return [(key, name, how.value) for key, name, how in rows]

    told: list[tuple[str, str, str]] = desk.read(look)
    return told


def state_of(desk: OpenDesk, person: Person) -> tuple[str, str]:
    """What an agent is doing, and why."""
    agent_id = desk.agent(person).id or 0
    state: AgentState = desk.read(lambda db: agents.state_of(db, agent_id))
    return state.state.value, state.reason


def ends(desk: OpenDesk) -> list[tuple[str, str]]:
    """All visits in order: queue, how they ended."""

    def look(db: Session) -> list[tuple[str, str]]:
        rows = db.exec(select(Queue.slug, QueueVisit.how).join(QueueVisit, col(QueueVisit.queue_id) == Queue.id)
                       .order_by(col(QueueVisit.call_id), col(QueueVisit.entered_at), col(QueueVisit.id)))  # fmt: skip
        return [(slug, how.value) for slug, how in rows]

    told: list[tuple[str, str]] = desk.read(look)
    return told


def unanswered(desk: OpenDesk, call_sid: str, leg: str) -> str:
    """Twilio says that the agent's telephone rang in vain. Returns what the caller hears next."""
    form = {"CallSid": call_sid, "AccountSid": ACCOUNT, "From": TANAKA.phone, "To": TECH_NUMBER, "Direction": "inbound",
            "CallStatus": "in-progress", "DialCallStatus": "no-answer", "DialCallSid": leg}  # fmt: skip
    told: str = desk.twilio.posts("/hooks/twilio/dialed", form).text
    return told


# --- who is asked ------------------------------------------------------------------------------------------------


def test_one_agent_at_a_time_is_asked_the_longest_idle_first_and_the_next_when_time_is_up(desk: OpenDesk) -> None:
    one_at_a_time(desk, ring_seconds=20, most_misses=9)
    desk.ready(AKIRA, AIKO)
    aiko, akira = desk.screen_of(AIKO), desk.screen_of(AKIRA)
    pushed(desk, "c-1")
    assert (akira.pops, aiko.pops) == (["c-1"], [])
    passes(desk, seconds=19)
    assert (akira.pops, aiko.pops) == (["c-1"], [])
    passes(desk, seconds=1)
    assert (akira.pops, aiko.pops) == ([], ["c-1"])
    akira.check()
    aiko.check()
    passes(desk, seconds=20)
    assert (akira.pops, aiko.pops) == (["c-1"], []), "all were asked: again from the start"
    assert [how for _, _, how in rung(desk)] == ["timed_out", "timed_out", "open"]


def test_who_does_not_pick_up_twice_in_a_row_counts_as_not_there_and_sees_why(desk: OpenDesk) -> None:
    one_at_a_time(desk, ring_seconds=20, most_misses=2)
    desk.ready(AIKO)
    pushed(desk, "c-1")
    passes(desk, seconds=20)
    assert state_of(desk, AIKO) == ("ready", "")
    passes(desk, seconds=20)
    assert state_of(desk, AIKO) == ("away", "ring_no_answer")
    assert "応答なし" in desk.as_(AIKO).get("/inbox").text
    desk.ready(AIKO)
    passes(desk, seconds=20)
    assert state_of(desk, AIKO) == ("ready", ""), "from here on it is counted anew"


def test_on_twilio_the_chosen_agents_telephone_rings_and_then_the_next_ones(desk: OpenDesk) -> None:
    one_at_a_time(desk, ring_seconds=15, most_misses=9)
    desk.ready(AIKO, AKIRA)
    answer = desk.twilio.rings("CA-1").text
    assert AIKO.phone in answer and AKIRA.phone not in answer and 'timeout="15"' in answer
    assert desk.twilio.rings("CA-1").text == answer, "a repeat hears the same"
    desk.clock.advance(seconds=15)
    told = unanswered(desk, "CA-1", "leg-1")
    assert AKIRA.phone in told and AIKO.phone not in told and "<Say" not in told
    change(desk, AKIRA, is_active=False)
    change(desk, AIKO, is_active=False)
    assert "<Enqueue" in unanswered(desk, "CA-1", "leg-2"), "nobody is left, and the caller goes on waiting"
    assert [how for _, _, how in rung(desk)] == ["timed_out", "timed_out"]


def test_the_first_level_is_asked_before_the_second_however_long_that_has_been_idle(desk: OpenDesk) -> None:
    one_at_a_time(desk)
    change(desk, AIKO, level=2)
    desk.ready(AIKO, AKIRA)
    pushed(desk, "c-1")
    pushed(desk, "c-2", caller=STRANGER.phone)
    assert [(key, name) for key, name, _ in rung(desk)] == [("c-1", AKIRA.name), ("c-2", AIKO.name)]


def test_who_speaks_the_callers_language_is_asked_even_if_that_means_to_wait(desk: OpenDesk) -> None:
    one_at_a_time(desk)
    tanaka = desk.customer(TANAKA).id
    desk.write(lambda db: setattr(db.get(Customer, tanaka), "language", "en"))
    change(desk, AKIRA, languages=["ja", "en"])
    desk.ready(AIKO, AKIRA)
    pushed(desk, "c-1")
    pushed(desk, "c-2")
    assert [(key, name) for key, name, _ in rung(desk)] == [("c-1", AKIRA.name)], "Akira alone speaks English"
    desk.as_(AKIRA).post("/me/state", data={"state": "offline"})
    passes(desk, seconds=30)
    assert ("c-1", AIKO.name, "open") in rung(desk), "nobody who is here does: anybody will do"


def test_waiting_calls_are_served_in_the_order_of_their_wait_over_all_queues(desk: OpenDesk) -> None:
    one_at_a_time(desk, "tech_support", "returns", needs_disposition=False)
    serves(desk, AIKO, "returns")
    pushed(desk, "first", to=RETURNS_NUMBER)
    desk.clock.advance(seconds=5)
    pushed(desk, "second", caller=STRANGER.phone)
    desk.ready(AIKO)
    aiko = desk.screen_of(AIKO)
    assert aiko.pops == ["first"]
    aiko_id = desk.call("first").id
    desk.as_(AIKO).post(f"/calls/{aiko_id}/accept")
    desk.exchange.says(event="hangup", call_id="first", cause="normalClearing")
    passes(desk, seconds=5)
    assert [key for key, _, _ in rung(desk)] == ["first"]
    desk.as_(AIKO).post(f"/calls/{aiko_id}/wrap-up", data={"note": "", "disposition": ""})
    assert aiko.pops == ["second"]
    aiko.check()


def test_an_agent_who_takes_two_calls_at_once_is_offered_a_second_and_no_third(desk: OpenDesk) -> None:
    one_at_a_time(desk)
    change(desk, AIKO, most_calls=2)
    desk.ready(AIKO)
    for key, caller in (("c-1", TANAKA.phone), ("c-2", STRANGER.phone), ("c-3", SUZUKI.phone)):
        pushed(desk, key, caller=caller)
        if key == "c-1":
            desk.as_(AIKO).post(f"/calls/{desk.call(key).id}/accept")
    assert [(key, how) for key, _, how in rung(desk)] == [("c-1", "accepted"), ("c-2", "open")]


def test_who_passes_on_a_call_is_not_asked_at_once_again_and_the_next_one_is(desk: OpenDesk) -> None:
    one_at_a_time(desk, ring_seconds=20)
    desk.ready(AIKO, AKIRA)
    pushed(desk, "c-1")
    desk.as_(AIKO).post(f"/calls/{desk.call('c-1').id}/decline")
    do_due(desk)
    assert [(name, how) for _, name, how in rung(desk)] == [(AIKO.name, "declined"), (AKIRA.name, "open")]
    assert state_of(desk, AIKO) == ("ready", "")


def test_a_call_offered_to_who_goes_away_is_offered_to_the_next(desk: OpenDesk) -> None:
    one_at_a_time(desk, ring_seconds=20)
    desk.ready(AIKO, AKIRA)
    pushed(desk, "c-1")
    desk.as_(AIKO).post("/me/state", data={"state": "away", "reason": "break"})
    do_due(desk)
    assert [(name, how) for _, name, how in rung(desk)] == [(AIKO.name, "declined"), (AKIRA.name, "open")]


def test_whom_the_exchange_itself_rings_sees_the_call_as_told(desk: OpenDesk) -> None:
    one_at_a_time(desk)
    desk.ready(AIKO, AKIRA)
    pushed(desk, "c-1", agents=[AKIRA.email])
    passes(desk, minutes=1)
    assert [(name, how) for _, name, how in rung(desk)] == [(AKIRA.name, "open")]


def test_a_queue_that_rings_everybody_goes_on_as_ever(desk: OpenDesk) -> None:
    desk.ready(AIKO, AKIRA)
    pushed(desk, "c-1")
    passes(desk, minutes=5)
    assert [how for _, _, how in rung(desk)] == ["open", "open"]
    desk.as_(AIKO).post(f"/calls/{desk.call('c-1').id}/accept")
    assert [(name, how) for _, name, how in rung(desk)] == [(AIKO.name, "accepted"), (AKIRA.name, "elsewhere")]


def test_offers_end_with_the_caller(desk: OpenDesk) -> None:
    one_at_a_time(desk)
    desk.ready(AIKO)
    pushed(desk, "c-1")
    desk.exchange.says(event="hangup", call_id="c-1", cause="cancel")
    passes(desk, minutes=1)
    assert [how for _, _, how in rung(desk)] == ["gone"] and state_of(desk, AIKO)[0] == "ready"


def test_a_call_accepted_on_the_screen_whose_telephone_nobody_answers_goes_back_to_the_line(desk: OpenDesk) -> None:
    desk.ready(AIKO, AKIRA)
    desk.twilio.rings("CA-1")
    desk.as_(AIKO).post(f"/calls/{desk.call('CA-1').id}/accept")
    assert desk.call("CA-1").state == CallState.TALKING
    told = unanswered(desk, "CA-1", "leg-1")
    assert AKIRA.phone in told
    call = desk.call("CA-1")
    assert (call.state, call.agent_id, call.answered_at) == (CallState.RINGING, None, None)
    assert state_of(desk, AIKO)[0] == "ready" and ends(desk) == [("tech_support", "waiting")]


NOW = MONDAY


def candidate(agent_id: int, **fields: Any) -> Candidate:
    """Somebody ready for a minute."""
    told = {"languages": ["ja"], "most_calls": 1, "phone": "", "level": 1, "state": Presence.READY,
            "since": NOW - timedelta(minutes=1), "talks": 0, "rung": 0} | fields  # fmt: skip
    return Candidate(agent_id, **told)


def offered(agent_id: int, how: OfferEnd = OfferEnd.TIMED_OUT, *, seconds_ago: int = 30) -> CallOffer:
    """The call was offered to somebody before."""
    at = NOW - timedelta(seconds=seconds_ago)
    return CallOffer(call_id=1, agent_id=agent_id, offered_at=at, ended_at=at, how=how)


@pytest.mark.parametrize(
    "staff, asked, expected",
    [
        ([], [], None),
        ([candidate(1, state=Presence.AWAY)], [], None),
        ([candidate(1, state=Presence.WRAP_UP)], [], None),
        ([candidate(1, rung=1)], [], None),
        ([candidate(1, talks=1, state=Presence.BUSY)], [], None),
        ([candidate(1, talks=1, state=Presence.BUSY, most_calls=2)], [], 1),
        ([candidate(1, talks=1, state=Presence.BUSY, most_calls=2), candidate(2)], [], 2),
        ([candidate(1), candidate(2, since=NOW - timedelta(hours=1))], [], 2),
        ([candidate(1), candidate(2, level=2, since=NOW - timedelta(hours=1))], [], 1),
        ([candidate(1), candidate(2, level=2)], [offered(1)], 2),
        ([candidate(1), candidate(2)], [offered(1), offered(2)], 1),
        ([candidate(1)], [offered(1, OfferEnd.DECLINED, seconds_ago=10)], None),
        ([candidate(1)], [offered(1, OfferEnd.DECLINED, seconds_ago=20)], 1),
        ([candidate(1, languages=["en"]), candidate(2)], [], 2),
        ([candidate(1, languages=["en"]), candidate(2, state=Presence.BUSY, talks=1)], [], None),
        ([candidate(1, languages=["en"])], [], 1),
    ],
)  # fmt: skip
def test_who_is_chosen(staff: list[Candidate], asked: list[CallOffer], expected: int | None) -> None:
    chosen = choose(staff, "ja", asked, pause=timedelta(seconds=20), now=NOW)
    assert (chosen.agent_id if chosen else None) == expected


# --- several at once ---------------------------------------------------------------------------------------------


def at_once(desk: OpenDesk, verb: Callable[[Session], None], times: int) -> None:
    """The same in as many transactions as there are, side by side."""
    assert desk.client.portal
    asked: list[Future[None]] = [
        desk.client.portal.start_task_soon(desk.database.write, verb) for _ in range(times)
    ]  # fmt: skip
    for each in asked:
        each.result(60)


def test_two_schedulers_that_look_at_once_do_a_thing_once(desk: OpenDesk) -> None:
    one_at_a_time(desk, ring_seconds=20, most_misses=9)
    desk.ready(AIKO, AKIRA)
    pushed(desk, "c-1")
    for number in range(3):
        desk.clock.advance(seconds=20)
        at_once(desk, lambda db: wrapping.do_due(db, settings=desk.settings, since=MONDAY, now=desk.clock()), 4)
        assert [how for _, _, how in rung(desk)] == ["timed_out"] * (number + 1) + ["open"]


def test_calls_that_arrive_at_once_are_offered_to_one_agent_each(desk: OpenDesk) -> None:
    one_at_a_time(desk)
    desk.ready(AIKO, AKIRA)
    said = [{"event": "ring", "call_id": f"c-{n}", "direction": "in", "from": f"+8131234{n:04}", "to": TECH_NUMBER}
            for n in range(6)]  # fmt: skip
    from cti import push

    events = [push.read(each, source="front")[0] for each in said]

    def ring(db: Session) -> None:
        hearing.record(db, events.pop(), region="JP", open_ticket_days=14, now=desk.clock())

    at_once(desk, ring, 6)
    assert sorted(name for _, name, _ in rung(desk)) == sorted([AIKO.name, AKIRA.name])
    do_due(desk)
    assert len(rung(desk)) == 2


# --- states ------------------------------------------------------------------------------------------------------


def talked(desk: OpenDesk, key: str = "c-1") -> None:
    """Aiko takes a call and talks for a minute."""
    pushed(desk, key)
    desk.exchange.says(event="answer", call_id=key, agents=[AIKO.email])
    desk.clock.advance(minutes=1)
    desk.exchange.says(event="hangup", call_id=key, cause="normalClearing")


def test_wrap_up_ends_by_itself_where_no_word_on_the_outcome_is_asked_for(desk: OpenDesk) -> None:
    one_at_a_time(desk, wrap_up_seconds=30, needs_disposition=False)
    desk.ready(AIKO)
    talked(desk)
    aiko = desk.screen_of(AIKO)
    passes(desk, seconds=29)
    assert state_of(desk, AIKO)[0] == "wrap_up" and aiko.pops == ["c-1"]
    passes(desk, seconds=1)
    call = desk.call("c-1")
    assert state_of(desk, AIKO)[0] == "ready" and aiko.pops == []
    assert (call.wrap_up_seconds, call.disposition, call.wrapped_up_at) == (30, "", desk.clock())
    aiko.check()


def test_wrap_up_goes_on_past_its_time_until_the_outcome_is_given_where_it_is_asked_for(desk: OpenDesk) -> None:
    one_at_a_time(desk, wrap_up_seconds=30, needs_disposition=True)
    desk.ready(AIKO)
    talked(desk)
    passes(desk, minutes=10)
    assert state_of(desk, AIKO)[0] == "wrap_up"
    card = text_of(part(desk.as_(AIKO).get("/inbox").text, f"call-{desk.call('c-1').id}"))
    assert "時間を過ぎています" in card
    call_id = desk.call("c-1").id
    assert desk.as_(AIKO).post(f"/calls/{call_id}/wrap-up", data={"disposition": ""}).status_code == 422
    assert desk.as_(AIKO).post(f"/calls/{call_id}/wrap-up", data={"disposition": "solved"}).status_code == 200
    assert state_of(desk, AIKO)[0] == "ready"


def test_who_went_away_during_the_wrap_up_stays_away_when_it_ends(desk: OpenDesk) -> None:
    one_at_a_time(desk, wrap_up_seconds=30, needs_disposition=False)
    desk.ready(AIKO)
    talked(desk)
    desk.as_(AIKO).post("/me/state", data={"state": "away", "reason": "lunch"})
    passes(desk, minutes=1)
    assert state_of(desk, AIKO) == ("away", "lunch") and desk.call("c-1").wrapped_up_at


def test_who_has_no_page_open_any_more_is_not_there_and_calls_go_on_to_others(desk: OpenDesk) -> None:
    one_at_a_time(desk)
    desk.ready(AIKO, AKIRA)
    akira = desk.screen_of(AKIRA)
    desk.clock.advance(minutes=1, seconds=50)
    assert desk.client.portal
    desk.client.portal.call(desk.app.state.hub.keep_seen)
    desk.clock.advance(seconds=30)
    do_due(desk)
    assert (state_of(desk, AIKO), state_of(desk, AKIRA)) == (("away", "system"), ("ready", ""))
    pushed(desk, "c-1")
    assert akira.pops == ["c-1"]


def test_after_a_restart_all_are_given_the_time_to_open_their_pages_again(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    desk.clock.advance(hours=1)
    desk.app.state.desk.rounds.since = desk.clock()
    desk.clock.advance(minutes=1, seconds=59)
    do_due(desk)
    assert state_of(desk, AIKO)[0] == "ready"
    desk.clock.advance(seconds=1)
    do_due(desk)
    assert state_of(desk, AIKO) == ("away", "system")


# --- closed, full --------------------------------------------------------------------------------------------------


def closed(desk: OpenDesk, **more: Any) -> None:
    """Tech support is open from nine to five on weekdays."""

    def verb(db: Session) -> None:
        week = {day: [["09:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}
        calendar = Calendar(name="平日", week=week, created_at=MONDAY)
        db.add(calendar)
        db.flush()
        queue = db.exec(select(Queue).where(Queue.slug == "tech_support")).one()
        queue.calendar_id = calendar.id
        for name, value in more.items():
            setattr(queue, name, value)

    desk.write(verb)
    desk.clock.advance(hours=8)  # six in the evening


def test_within_its_hours_a_queue_takes_calls_as_ever(desk: OpenDesk) -> None:
    closed(desk)
    desk.clock.advance(hours=-8)
    desk.ready(AIKO)
    assert AIKO.phone in desk.twilio.rings("CA-1").text


@pytest.mark.parametrize(
    "then, heard, end, outcome",
    [
        (Otherwise.TELL, "営業時間外", VisitEnd.REFUSED, Outcome.REJECTED),
        (Otherwise.CALLBACK, "折り返し", VisitEnd.CALLBACK, Outcome.MISSED),
        (Otherwise.VOICEMAIL, "<Record", VisitEnd.VOICEMAIL, Outcome.VOICEMAIL),
    ],
)
def test_outside_its_hours_a_caller_is_told_so_and_no_telephone_rings(
    desk: OpenDesk, then: Otherwise, heard: str, end: VisitEnd, outcome: Outcome
) -> None:
    closed(desk, when_closed=then)
    desk.ready(AIKO)
    aiko = desk.screen_of(AIKO)
    answer = desk.twilio.rings("CA-1").text
    assert heard in answer and AIKO.phone not in answer and "<Enqueue" not in answer
    assert desk.twilio.rings("CA-1").text == answer
    assert aiko.pops == [] and ends(desk) == [("tech_support", end.value)] and not rung(desk)
    assert desk.read(calls.waiting_count) == 0
    desk.clock.advance(seconds=20)
    desk.twilio.says("CA-1", "completed")
    assert desk.call("CA-1").outcome == outcome and ends(desk) == [("tech_support", end.value)]
    assert desk.tickets()[0].awaits_us
    aiko.check()


def test_a_call_back_is_promised_for_after_the_next_opening(desk: OpenDesk) -> None:
    closed(desk, when_closed=Otherwise.CALLBACK, callback_minutes=60)
    desk.twilio.rings("CA-1")
    (row,) = desk.read(lambda db: db.exec(select(Callback)).all())
    assert row.customer_id == desk.customer(TANAKA).id
    assert row.promised_at == MONDAY + timedelta(days=1)  # ten on Tuesday morning


def test_nobody_is_promised_a_call_back_whose_number_is_withheld(desk: OpenDesk) -> None:
    closed(desk, when_closed=Otherwise.CALLBACK)
    assert "営業時間外" in desk.twilio.rings("CA-1", caller="anonymous").text
    assert desk.count(Callback) == 0 and ends(desk) == [("tech_support", "refused")]


def test_the_queues_own_words_are_said(desk: OpenDesk) -> None:
    closed(desk, when_closed=Otherwise.TELL, closed_words="本日の受付は終了しました。")
    assert "本日の受付は終了しました。" in desk.twilio.rings("CA-1").text


def test_an_exchange_is_asked_to_refuse_calls_of_a_closed_queue_that_says_so(desk: OpenDesk) -> None:
    ring = {"event": "ring", "direction": "in", "from_": TANAKA.phone, "to": TECH_NUMBER}
    assert desk.exchange.says(call_id="p-1", **ring).json() == {}
    closed(desk, when_closed=Otherwise.TELL)
    assert desk.exchange.says(call_id="p-2", **ring).json() == {"action": "reject", "reason": "busy"}
    desk.exchange.says(event="hangup", call_id="p-2", direction="in", cause="busy")
    assert len(desk.calls()) == 2 and desk.calls()[1].state == CallState.ENDED


def test_another_queue_takes_the_calls_of_one_that_is_closed(desk: OpenDesk) -> None:
    closed(desk, when_closed=Otherwise.OVERFLOW, overflow_id=desk.queue("returns").id)
    desk.ready(AIKO, BEN)
    ben = desk.screen_of(BEN)
    answer = desk.twilio.rings("CA-1").text
    assert BEN.phone in answer and AIKO.phone not in answer
    assert ben.pops == ["CA-1"] and ends(desk) == [("tech_support", "overflowed"), ("returns", "waiting")]
    ben.check()
    assert desk.call("CA-1").queue_id == desk.queue("returns").id


def test_two_closed_queues_behind_one_another_do_not_pass_a_call_round_for_ever(desk: OpenDesk) -> None:
    closed(desk, when_closed=Otherwise.OVERFLOW, overflow_id=desk.queue("returns").id)
    tech = desk.queue("tech_support")

    def back(db: Session) -> None:
        queue = db.exec(select(Queue).where(Queue.slug == "returns")).one()
        queue.calendar_id, queue.when_closed, queue.overflow_id = tech.calendar_id, Otherwise.OVERFLOW, tech.id

    desk.write(back)
    assert "<Enqueue" in desk.twilio.rings("CA-1").text
    assert ends(desk) == [("tech_support", "overflowed"), ("returns", "waiting")]


def test_one_more_caller_than_a_queue_lets_wait_is_told_that_it_is_full(desk: OpenDesk) -> None:
    one_at_a_time(desk, most_waiting=2, when_full=Otherwise.TELL)
    for number in range(2):
        assert "<Enqueue" in desk.twilio.rings(f"CA-{number}").text
    assert "混み合って" in desk.twilio.rings("CA-2").text
    assert [end for _, end in ends(desk)] == ["waiting", "waiting", "refused"]
    desk.twilio.says("CA-0", "completed")
    assert "<Enqueue" in desk.twilio.rings("CA-3").text


def test_who_waits_too_long_goes_on_to_the_queue_behind(desk: OpenDesk) -> None:
    one_at_a_time(desk, longest_wait_seconds=60, when_full=Otherwise.OVERFLOW, overflow_id=desk.queue("returns").id)
    desk.ready(BEN)
    ben = desk.screen_of(BEN)
    pushed(desk, "c-1")
    passes(desk, seconds=59)
    assert ben.pops == []
    passes(desk, seconds=1)
    assert ben.pops == ["c-1"]
    assert ends(desk) == [("tech_support", "overflowed"), ("returns", "waiting")]


def test_a_telephone_system_is_told_to_refuse_and_believed_when_somebody_answers_all_the_same(desk: OpenDesk) -> None:
    closed(desk, when_closed=Otherwise.TELL)
    desk.ready(AIKO)
    aiko = desk.screen_of(AIKO)
    pushed(desk, "c-1")
    assert ends(desk) == [("tech_support", "refused")] and aiko.pops == []
    desk.clock.advance(seconds=8)
    desk.exchange.says(event="answer", call_id="c-1", user=[AIKO.email])
    assert ends(desk) == [("tech_support", "answered")] and aiko.pops == ["c-1"]
    desk.exchange.says(event="hangup", call_id="c-1", cause="normalClearing")
    assert desk.call("c-1").outcome == Outcome.ANSWERED


def test_the_desks_other_words_are_there_in_english(desk: OpenDesk) -> None:
    closed(desk, when_closed=Otherwise.TELL, language="en")
    assert "We are closed" in desk.twilio.rings("CA-1").text
    assert desk.read(queues.everyone)


# --- commands to Twilio ------------------------------------------------------------------------------------------


@pytest.fixture
def twilio_api(settings: Any) -> Iterator[list[tuple[str, str]]]:
    """Twilio's side of commands: which call was told what."""
    told: list[tuple[str, str]] = []

    class Api(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # noqa: N802  # the name is the library's
            form = dict(parse_qsl(self.rfile.read(int(self.headers["content-length"])).decode()))
            told.append((self.path.rsplit("/", 1)[1].removesuffix(".json"), form["Twiml"]))
            body = b'{"sid": "CA1", "status": "in-progress"}'
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    settings.twilio_account_sid = ACCOUNT
    settings.twilio_base_url = f"http://127.0.0.1:{server.server_port}"
    yield told
    server.shutdown()
    server.server_close()


def due_work(desk: OpenDesk) -> list[str]:
    """The keys of the work that was enqueued."""
    return [each.workflow_id for each in desk.app.state.desk.worker.client().list_workflows()]


def do_work(desk: OpenDesk, name: str, key: str) -> None:
    """Do a piece of due work, as the work engine would."""
    desk.app.state.desk.jobs.by_name()[name](int(key.split(":")[1]))


def test_a_waiting_caller_is_put_through_when_an_agent_becomes_free(
    twilio_api: list[tuple[str, str]], desk: OpenDesk
) -> None:
    one_at_a_time(desk, ring_seconds=15)
    assert "<Enqueue" in desk.twilio.rings("CA1").text
    assert not due_work(desk)
    desk.ready(AIKO)
    (key,) = due_work(desk)
    do_work(desk, "ring_agent", key)
    ((call_sid, twiml),) = twilio_api
    assert call_sid == "CA1" and AIKO.phone in twiml and 'timeout="15"' in twiml
    unanswered(desk, "CA1", "leg-1")
    do_work(desk, "ring_agent", key)
    assert len(twilio_api) == 1, "the offer is over, so its work does nothing however late it runs"


def test_who_waited_too_long_is_told_while_waiting(twilio_api: list[tuple[str, str]], desk: OpenDesk) -> None:
    one_at_a_time(desk, longest_wait_seconds=60, when_full=Otherwise.CALLBACK)
    desk.twilio.rings("CA1")
    passes(desk, seconds=59)
    assert not due_work(desk)
    passes(desk, seconds=1)
    (key,) = due_work(desk)
    do_work(desk, "tell_caller", key)
    ((call_sid, twiml),) = twilio_api
    assert call_sid == "CA1" and "折り返し" in twiml and "<Hangup" in twiml
    assert ends(desk) == [("tech_support", "callback")] and desk.count(Callback) == 1
