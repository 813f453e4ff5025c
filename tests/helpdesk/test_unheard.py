"""A telephone system that loses its last word leaves no call behind."""

from sqlmodel import select

from models import CallState, Outcome, QueueVisit
from tests.cast import AIKO, AKIRA, TANAKA, OpenDesk


def look_out(desk: OpenDesk) -> None:
    desk.client.portal.call(desk.app.state.desk.rounds.look_out)  # type: ignore[union-attr]


def test_a_waiting_call_of_which_nothing_is_heard_any_more_is_over_and_is_to_be_called_back(desk: OpenDesk) -> None:
    desk.ready(AIKO, AKIRA)
    aiko = desk.screen_of(AIKO)
    told = {"direction": "in", "to": "0355500101"}
    desk.exchange.says(event="ring", call_id="lost", from_=TANAKA.phone, **told)
    desk.clock.advance(minutes=90)
    desk.exchange.says(event="ring", call_id="waits", from_="+818055570001", **told)
    desk.exchange.says(event="answer", call_id="talks", from_="+818055570002", user=AKIRA.email, **told)
    look_out(desk)
    assert aiko.pops == ["lost", "waits"]

    desk.clock.advance(minutes=31)
    look_out(desk)
    assert aiko.pops == ["waits"]
    assert TANAKA.name in desk.as_(AIKO).get("/callbacks").text
    call = desk.call("lost")
    assert (call.state, call.outcome, call.wait_seconds) == (CallState.ENDED, Outcome.ABANDONED, 0)
    assert (desk.call("waits").state, desk.call("talks").state) == (CallState.RINGING, CallState.TALKING)
    visits = desk.read(lambda db: list(db.exec(select(QueueVisit).where(QueueVisit.call_id == call.id))))
    assert [(each.how, each.left_at) for each in visits] == [("abandoned", call.started_at)]

    number = desk.number()
    look_out(desk)
    desk.exchange.says(event="hangup", call_id="lost", cause="cancel")  # late, and nothing new
    assert desk.call("lost").ended_at == call.ended_at and desk.number() == number


def test_a_caller_of_whom_something_is_said_in_between_waits_on(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    desk.exchange.says(event="ring", call_id="c-1", direction="in", from_=TANAKA.phone, to="0355500101")
    desk.clock.advance(minutes=100)
    desk.exchange.says(event="dtmf", call_id="c-1", digits="1")
    desk.clock.advance(minutes=100)
    look_out(desk)
    assert desk.call("c-1").state == CallState.RINGING
    desk.clock.advance(minutes=21)
    look_out(desk)
    assert desk.call("c-1").state == CallState.ENDED


def test_a_talk_of_which_nothing_is_heard_for_half_a_day_is_over_and_lasted_until_the_last_word(desk: OpenDesk) -> None:
    desk.ready(AIKO, AKIRA)
    told = {"direction": "in", "to": "0355500101"}
    desk.exchange.says(event="ring", call_id="known", from_=TANAKA.phone, **told)
    desk.exchange.says(event="answer", call_id="known", from_=TANAKA.phone, user=AKIRA.email, **told)
    desk.exchange.says(event="ring", call_id="nobody's", from_="+818055570002", **told)
    desk.exchange.says(event="answer", call_id="nobody's", from_="+818055570002", user="somebody@example.net", **told)
    desk.clock.advance(minutes=7)
    desk.exchange.says(event="hold", call_id="nobody's")
    desk.clock.advance(hours=11, minutes=55)
    look_out(desk)
    assert (desk.call("known").state, desk.call("nobody's").state) == (CallState.ENDED, CallState.HELD)
    assert (desk.call("known").outcome, desk.call("known").talk_seconds) == (Outcome.ANSWERED, 0)

    desk.clock.advance(minutes=6)
    look_out(desk)
    call = desk.call("nobody's")
    assert (call.state, call.outcome, call.talk_seconds) == (CallState.ENDED, Outcome.ANSWERED, 7 * 60)
    number = desk.number()
    look_out(desk)
    assert desk.number() == number
