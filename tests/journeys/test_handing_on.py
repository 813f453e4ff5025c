"""A call goes from agent to agent or from queue to queue: who sees it, whose it is, and where its ticket is."""

from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select

from models import (
    CallOffer,
    Handling,
    OfferEnd,
    Otherwise,
    Presence,
    QueueVisit,
    TicketState,
    VisitEnd,
)
from tests.cast import (
    AIKO,
    AKIRA,
    BEN,
    STRANGER,
    TANAKA,
    TECH_NUMBER,
    OpenDesk,
    Person,
    part,
    text_of,
)
from tests.exchanges import System, settle

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
RING = {"event": "ring", "call_id": "c-1", "direction": "in", "from_": TANAKA.phone, "to": TECH_NUMBER}
CARD = "転送"


def at(desk: OpenDesk, seconds: float = 0) -> str:
    """The exchange's own time."""
    return (desk.clock() + timedelta(seconds=seconds)).isoformat()


def state_of(desk: OpenDesk, person: Person) -> Presence:
    """What the agent is doing."""
    from helpdesk import agents

    return desk.read(lambda db: agents.state_of(db, desk.agent(person).id).state)


def parts(desk: OpenDesk) -> list[int]:
    """Who had the call, one after the other."""
    rows = desk.read(lambda db: db.exec(select(Handling).order_by(Handling.began_at)).all())
    return [row.agent_id for row in rows]


def answered(desk: OpenDesk, front: System) -> None:
    """Aiko talks to Ms. Tanaka."""
    front.says(**RING, user=[AIKO.email], at=at(desk))
    desk.clock.advance(seconds=5)
    front.says(event="answer", call_id="c-1", user=[AIKO.email], at=at(desk))
    desk.clock.advance(seconds=30)


def test_the_one_a_call_is_handed_on_to_sees_who_calls_while_it_still_rings(desk: OpenDesk) -> None:
    desk.ready(AIKO, AKIRA, BEN)
    front, aiko, akira, ben = settle(desk, "push"), *(desk.screen_of(each) for each in (AIKO, AKIRA, BEN))
    answered(desk, front)
    assert akira.pops == []
    front.says(event="ring", call_id="c-1", direction="in", user=[AKIRA.email], at=at(desk))
    assert aiko.pops == akira.pops == ["c-1"] and ben.pops == []
    card = akira.card("c-1")
    assert TANAKA.name in card and f"{AIKO.name}さんから転送" in card and "応答" not in card
    assert CARD not in aiko.card("c-1"), "hers is the talk as before"
    for screen in (aiko, akira, ben):
        screen.check()
    desk.clock.advance(seconds=4)
    front.says(event="answer", call_id="c-1", user=[AKIRA.email], at=at(desk))
    assert aiko.pops == [] and akira.pops == ["c-1"] and CARD not in akira.card("c-1")
    assert desk.call("c-1").agent_id == desk.agent(AKIRA).id
    assert (state_of(desk, AIKO), state_of(desk, AKIRA)) == (Presence.READY, Presence.BUSY)
    assert parts(desk) == [desk.agent(AIKO).id, desk.agent(AKIRA).id]
    ends = desk.read(lambda db: {o.agent_id: o.how for o in db.exec(select(CallOffer))})
    assert ends == {desk.agent(AIKO).id: OfferEnd.ACCEPTED, desk.agent(AKIRA).id: OfferEnd.ACCEPTED}
    for screen in (aiko, akira):
        screen.check()


def test_a_call_that_is_handed_on_in_vain_stays_where_it_was(desk: OpenDesk) -> None:
    desk.ready(AIKO, AKIRA)
    front, aiko, akira = settle(desk, "push"), desk.screen_of(AIKO), desk.screen_of(AKIRA)
    answered(desk, front)
    front.says(event="transfer", call_id="c-1", at=at(desk))
    front.says(event="ring", call_id="c-1", direction="in", user=[AKIRA.email], at=at(desk, 1))
    assert akira.pops == ["c-1"]
    desk.as_(AKIRA).post(f"/calls/{desk.call('c-1').id}/decline")
    assert akira.pops == [] and aiko.pops == ["c-1"]
    desk.clock.advance(seconds=20)
    front.says(event="hangup", call_id="c-1", cause="normalClearing", at=at(desk))
    assert state_of(desk, AIKO) == Presence.WRAP_UP and state_of(desk, AKIRA) == Presence.READY
    assert desk.read(lambda db: db.exec(select(CallOffer).where(CallOffer.ended_at.is_(None))).all()) == []
    for screen in (aiko, akira):
        screen.check()


@SQLITE
def test_a_ring_that_is_told_late_pops_on_nobody_s_screen(desk: OpenDesk) -> None:
    """All telephones rang; one was picked up, and only then came word that another rang."""
    desk.ready(AIKO, AKIRA)
    front, akira = settle(desk, "push"), desk.screen_of(AKIRA)
    rang = at(desk)
    answered(desk, front)
    front.says(event="ring", call_id="c-1", direction="in", user=[AKIRA.email], at=rang)
    assert akira.pops == []
    front.says(event="ring", call_id="c-1", direction="in", user=[AKIRA.email])
    assert akira.pops == [], "without the system's own time nobody knows that it is not an old one"


@SQLITE
def test_a_transfer_that_names_its_goal_moves_the_card_at_once(desk: OpenDesk) -> None:
    desk.ready(AIKO, AKIRA)
    front, aiko, akira = settle(desk, "push"), desk.screen_of(AIKO), desk.screen_of(AKIRA)
    answered(desk, front)
    front.says(event="transfer", call_id="c-1", user=[AKIRA.email], at=at(desk))
    assert aiko.pops == [] and akira.pops == ["c-1"]
    front.says(event="answer", call_id="c-1", user=[AKIRA.email], at=at(desk, 3))
    desk.clock.advance(seconds=60)
    front.says(event="hangup", call_id="c-1", cause="normalClearing", at=at(desk))
    assert parts(desk) == [desk.agent(AIKO).id, desk.agent(AKIRA).id]
    assert state_of(desk, AKIRA) == Presence.WRAP_UP and state_of(desk, AIKO) == Presence.READY


@SQLITE
def test_phonebridge_says_which_call_the_leg_that_rings_came_from(desk: OpenDesk) -> None:
    desk.ready(AIKO, AKIRA)
    bridge, aiko, akira = settle(desk, "phonebridge"), desk.screen_of(AIKO), desk.screen_of(AKIRA)

    def says(**fields: str) -> None:
        fields = {name.removesuffix("_"): value for name, value in fields.items()}
        told = {"type": "received", "to": TECH_NUMBER} | fields
        assert bridge.posts(told, under="/phonebridge/v3/callnotify").status_code == 200

    says(state="ringing", id="z-1", from_=TANAKA.phone, zohouser=AIKO.email)
    says(state="answered", id="z-1", from_=TANAKA.phone, zohouser=AIKO.email)
    says(state="ringing", id="z-2", transferredcallid="z-1", from_=TANAKA.phone, zohouser=AKIRA.email)
    assert aiko.pops == akira.pops == ["z-1"]
    says(state="answered", id="z-2", from_=TANAKA.phone, zohouser=AKIRA.email)
    assert aiko.pops == [] and akira.pops == ["z-1"] and len(desk.calls()) == 1
    says(state="ended", id="z-2", from_=TANAKA.phone)
    assert desk.call("z-1").ended_at is not None and state_of(desk, AKIRA) == Presence.WRAP_UP


# --- from queue to queue -----------------------------------------------------------------------------------------


def full(desk: OpenDesk, **rules: Any) -> None:
    """Tech support lets one caller wait."""

    def verb(db: Any) -> None:
        tech = db.merge(desk.queue("tech_support"))
        tech.most_waiting = 1
        for name, value in rules.items():
            setattr(tech, name, value)

    desk.write(verb)


def test_the_ticket_of_a_call_that_overflows_goes_with_it_and_says_why(desk: OpenDesk) -> None:
    full(desk, when_full=Otherwise.OVERFLOW, overflow_id=desk.queue("returns").id)
    desk.twilio.rings("CA-1")
    desk.ready(BEN)
    ben = desk.screen_of(BEN)
    desk.twilio.rings("CA-2", caller=STRANGER.phone)
    assert ben.pops == ["CA-2"]
    first, second = desk.tickets()
    assert (desk.queue_of(first), desk.queue_of(second)) == ("tech_support", "returns")
    assert second.routed_by == "by_overflow" and ben.tickets == [second.id]
    assert "could not take the call" in text_of(desk.as_(BEN).get(f"/tickets/{second.id}").text)
    ben.check()


@SQLITE
def test_a_matter_that_was_there_before_stays_where_it_is_when_its_call_overflows(desk: OpenDesk) -> None:
    desk.twilio.rings("CA-0", caller=STRANGER.phone)
    desk.mail(TANAKA, subject="使い方")
    before = desk.tickets()[-1]
    desk.write(lambda db: setattr(db.merge(before), "queue_id", desk.queue("tech_support").id))
    full(desk, when_full=Otherwise.OVERFLOW, overflow_id=desk.queue("returns").id)
    desk.twilio.rings("CA-1")
    call = desk.call("CA-1")
    assert call.ticket_id == before.id and call.queue_id == desk.queue("returns").id
    assert desk.queue_of(desk.tickets()[-1]) == "tech_support"


@pytest.mark.parametrize(
    ("kind", "then", "answer"),
    [("push", Otherwise.TELL, '{"action":"reject","reason":"busy"}'), ("push", Otherwise.VOICEMAIL, "{}"),
     ("sipgate", Otherwise.TELL, '<Reject reason="busy"/>'), ("sipgate", Otherwise.VOICEMAIL, "<Voicemail/>"),
     ("placetel", Otherwise.TELL, '<Reject reason="busy"/>'), ("placetel", Otherwise.CALLBACK, "<Response/>"),
     ("phonebridge", Otherwise.TELL, "SUCCESS")],
)  # fmt: skip
@SQLITE
def test_a_full_queue_answers_what_the_telephone_system_understands(
    desk: OpenDesk, kind: str, then: Otherwise, answer: str
) -> None:
    full(desk, when_full=then)
    desk.twilio.rings("CA-1", caller=STRANGER.phone)
    desk.ready(AIKO)
    desk.as_(AIKO).post("/me/state", data={"state": "away"})
    front, aiko = settle(desk, kind), desk.screen_of(AIKO)
    desk.ready(AIKO)
    ring: dict[str, Any] = {"event": "newCall", "callId": "c-1", "direction": "in", "from": TANAKA.phone,
                            "to": TECH_NUMBER}  # fmt: skip
    if kind == "placetel":
        ring = ring | {"event": "IncomingCall", "call_id": "c-1"}
    if kind == "phonebridge":
        ring = {"type": "received", "state": "ringing", "id": "c-1", "from": TANAKA.phone, "to": TECH_NUMBER}
    told = [front.posts(ring, under="/phonebridge/v3/callnotify" if kind == "phonebridge" else "") for _ in range(2)]
    assert all(answer in each.text.replace(" ", "").replace("Rejectreason", "Reject reason") for each in told)
    (visit,) = desk.read(lambda db: db.exec(select(QueueVisit).where(QueueVisit.call_id == desk.call("c-1").id)).all())
    is_told = "eject" in answer or "Voicemail" in answer
    assert ("c-1" in aiko.pops) != is_told, "who is turned away rings on no screen, who waits does"
    assert (visit.how in (VisitEnd.REFUSED, VisitEnd.VOICEMAIL)) == is_told


# --- a key -------------------------------------------------------------------------------------------------------


def key(desk: OpenDesk, digits: str, call: str = "CA-1", caller: str = TANAKA.phone) -> Any:
    """A key is pressed while the caller waits, as Twilio tells it: with the place in the line."""
    form = {"CallSid": call, "CallStatus": "in-progress", "Direction": "inbound", "From": caller, "To": TECH_NUMBER,
            "Digits": digits, "QueueSid": "QU1", "QueuePosition": "1", "QueueTime": "12"}  # fmt: skip
    return desk.twilio.posts("/hooks/twilio/key", form)


def test_who_waits_presses_a_key_and_is_called_back(desk: OpenDesk) -> None:
    full(desk, most_waiting=0, callback_key="1")
    answer = desk.twilio.rings("CA-1")
    assert 'waitUrl="https://desk.example.com/hooks/twilio/wait"' in answer.text
    form = {"CallSid": "CA-1", "CallStatus": "in-progress", "Direction": "inbound", "From": TANAKA.phone,
            "To": TECH_NUMBER, "QueueSid": "QU1", "QueuePosition": "1", "QueueTime": "3"}  # fmt: skip
    heard = desk.twilio.posts("/hooks/twilio/wait", form).text
    assert "<Gather" in heard and "1を押してください" in heard and "<Play>" in heard
    assert key(desk, "5").text.count("<Redirect") == 1 and desk.calls()[0].outcome == "open"
    desk.clock.advance(seconds=40)
    for _ in range(2):
        told = key(desk, "1").text
        assert "折り返しお電話いたします" in told and "<Hangup" in told
    (visit,) = desk.read(lambda db: db.exec(select(QueueVisit)).all())
    assert (visit.how, visit.left_at) == (VisitEnd.CALLBACK, desk.clock())
    desk.ready(AIKO)
    assert desk.screen_of(AIKO).pops == [], "nobody is rung for who does not wait any more"
    desk.twilio.says("CA-1", "completed", sequence=3)
    board = text_of(desk.as_(AIKO).get("/callbacks").text)
    assert TANAKA.name in board and "折り返し希望" in board


@SQLITE
def test_who_withholds_the_number_is_told_so_and_goes_on_waiting(desk: OpenDesk) -> None:
    full(desk, most_waiting=0, callback_key="*")
    desk.twilio.rings("CA-1", caller="anonymous")
    told = key(desk, "*", caller="anonymous").text
    assert "折り返しを承ることができません" in told and "<Redirect" in told and "<Hangup" not in told
    desk.ready(AIKO)
    assert desk.screen_of(AIKO).pops == ["CA-1"]


@SQLITE
def test_a_key_told_by_an_exchange_promises_the_same(desk: OpenDesk) -> None:
    full(desk, most_waiting=0, callback_key="1")
    front = settle(desk, "sipgate")
    front.posts({"event": "newCall", "callId": "c-1", "direction": "in", "from": TANAKA.phone, "to": TECH_NUMBER})
    front.posts({"event": "dtmf", "callId": "c-1", "dtmf": "2"})
    assert TANAKA.name not in text_of(part(desk.as_(AIKO).get("/callbacks").text, "callbacks"))
    front.posts({"event": "dtmf", "callId": "c-1", "dtmf": "1"})
    assert TANAKA.name in text_of(part(desk.as_(AIKO).get("/callbacks").text, "callbacks"))
    front.posts({"event": "hangup", "callId": "c-1", "cause": "normalClearing"})
    assert desk.call("c-1").ended_at is not None and desk.tickets()[0].state == TicketState.OPEN


# --- a report that comes late ------------------------------------------------------------------------------------


@SQLITE
@pytest.mark.parametrize(("minutes", "state"), [(0, Presence.WRAP_UP), (30, Presence.READY)])
def test_a_call_of_3cx_that_is_reported_late_leaves_its_agent_alone(
    desk: OpenDesk, minutes: int, state: Presence
) -> None:
    desk.ready(AIKO)
    phone, aiko = settle(desk, "threecx"), desk.screen_of(AIKO)
    began = desk.clock() - timedelta(minutes=minutes, seconds=60)
    for _ in range(2):
        phone.says("/report", CallType="Inbound", Number=TANAKA.phone, AgentEmail=AIKO.email, Duration="60",
                   CallStartTimeUTC=f"{began:%Y-%m-%d %H:%M:%S}")  # fmt: skip
    (call,) = desk.calls()
    assert call.agent_id == desk.agent(AIKO).id and call.talk_seconds == 60
    assert state_of(desk, AIKO) == state
    assert (aiko.pops == []) == (state == Presence.READY)
    aiko.check()


@SQLITE
def test_the_end_of_one_call_does_not_take_an_agent_out_of_another(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    phone, front = settle(desk, "threecx"), settle(desk, "push")
    answered(desk, front)
    phone.says("/report", CallType="Inbound", Number=STRANGER.phone, AgentEmail=AIKO.email, Duration="5",
               CallStartTimeUTC=f"{desk.clock() - timedelta(seconds=5):%Y-%m-%d %H:%M:%S}")  # fmt: skip
    assert state_of(desk, AIKO) == Presence.BUSY
    front.says(event="hangup", call_id="c-1", cause="normalClearing")
    assert state_of(desk, AIKO) == Presence.WRAP_UP
    for call in desk.calls():
        assert call.queue_id is not None
        desk.as_(AIKO).post(f"/calls/{call.id}/wrap-up", data={"disposition": "other", "note": ""})
    assert state_of(desk, AIKO) == Presence.READY
