"""Promises: made when a ticket is opened, kept by what is said, resting, at risk, broken; on both databases."""

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import col, select

from helpdesk import hours, policies, routing, tickets
from helpdesk.sla import stored
from models import (
    Calendar,
    Channel,
    Event,
    MessageState,
    Notification,
    Promise,
    Queue,
    Ticket,
)
from models.database import Database
from tests.cast import AIKO, BEN, MONDAY, RETURNS_ADDRESS, SATO, OpenDesk
from tests.web.test_statements import counted

OFFICE = {day: [["09:00", "12:00"], ["13:00", "18:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}


def office(desk: OpenDesk, **fields: Any) -> int:
    """A calendar of the usual office hours in Tokyo; its id."""

    def verb(db: Any) -> int:
        row = Calendar(**{"name": "平日", "week": OFFICE, "created_at": MONDAY} | fields)
        db.add(row)
        db.flush()
        return row.id or 0

    return desk.write(verb)


def promised(desk: OpenDesk, **fields: Any) -> int:
    """A policy; its id."""
    form = policies.Form(**{"name": "標準", "first_response_minutes": 60} | fields)
    return desk.write(lambda db: policies.save(db, None, form, by=None, now=desk.clock()).id)


def promises(desk: OpenDesk, ticket_id: int) -> dict[str, Promise]:
    """The ticket's latest promises by kind."""
    return {each.kind.value: each for each in desk.read(stored.of, ticket_id)}


def ticket(desk: OpenDesk, ticket_id: int = 1) -> Ticket:
    return desk.read(lambda db: db.get(Ticket, ticket_id))


def stated(desk: OpenDesk, *facts: str) -> list[tuple[str, str]]:
    """Facts of these names in order, each with the kind of promise it names."""
    query = select(Event).where(col(Event.fact).in_(facts)).order_by(col(Event.id))
    return desk.read(lambda db: [(row.fact, row.data.get("what", "")) for row in db.exec(query)])


def look_out(desk: OpenDesk) -> None:
    desk.client.portal.call(desk.app.state.desk.rounds.look_out)


def do(desk: OpenDesk, verb: Any, ticket_id: int = 1, **told: Any) -> None:
    """A verb on a ticket, now."""
    desk.write(lambda db: verb(db, db.get(Ticket, ticket_id), **told, now=desk.clock()))


def test_without_a_policy_nothing_is_promised(desk: OpenDesk) -> None:
    desk.mail()
    assert desk.count(Promise) == 0
    assert ticket(desk).due_at is None


def test_a_mail_is_due_by_the_hours_of_its_policy(desk: OpenDesk) -> None:
    promised(desk, calendar_id=office(desk), first_response_minutes=120, resolution_minutes=8 * 60)
    desk.clock.advance(minutes=90)  # half past eleven: half an hour, a break of an hour, and an hour and a half
    desk.mail()
    told = promises(desk, 1)
    assert told["first_response"].due_at == MONDAY + timedelta(hours=4, minutes=30)
    assert told["resolution"].due_at == MONDAY + timedelta(days=1, hours=1, minutes=30)
    assert (ticket(desk).due_at, ticket(desk).due_kind) == (told["first_response"].due_at, "first_response")


def test_a_policy_without_a_calendar_counts_by_the_queues_hours(desk: OpenDesk) -> None:
    calendar_id = office(desk, week={"mon": [["14:00", "18:00"]]})
    desk.write(lambda db: setattr(db.get(Queue, desk.queue("returns").id), "calendar_id", calendar_id))
    promised(desk)
    desk.mail(to=RETURNS_ADDRESS)
    assert ticket(desk).due_at == MONDAY + timedelta(hours=5)


def test_the_first_policy_that_fits_holds_alone(desk: OpenDesk) -> None:
    promised(desk, name="急ぎ", priority=4, first_response_minutes=10)
    promised(desk, name="返品", queue_id=desk.queue("returns").id, channel=Channel.MAIL, first_response_minutes=30)
    promised(desk, name="ほか", first_response_minutes=240)
    desk.mail(to=RETURNS_ADDRESS)
    assert ticket(desk).due_at == MONDAY + timedelta(minutes=30)


def test_an_answer_keeps_the_first_promise_and_another_mail_asks_for_the_next(desk: OpenDesk, postbox: Any) -> None:
    promised(desk, next_response_minutes=30)
    sent = desk.mail()
    desk.clock.advance(minutes=10)
    message = desk.reply(AIKO, 1, "お調べします。")
    first = promises(desk, 1)["first_response"]
    assert (first.kept_at, first.answer_id, first.breached_at) == (desk.clock(), message.id, None)
    assert ticket(desk).due_at is None
    desk.post(message)
    desk.clock.advance(minutes=5)
    desk.mail(subject="Re: ご相談", headers={"In-Reply-To": message.internet_id, "References": sent})
    following = promises(desk, 1)["next_response"]
    assert following.due_at == desk.clock() + timedelta(minutes=30)
    assert ticket(desk).due_kind == "next_response"
    desk.clock.advance(minutes=31)
    desk.reply(AIKO, 1, "分かりました。")
    following = promises(desk, 1)["next_response"]
    assert (following.kept_at, following.breached_at) == (desk.clock(), desk.clock() - timedelta(minutes=1))
    assert stated(desk, "promise_breached") == [("promise_breached", "next_response")]


def test_a_second_mail_before_any_answer_moves_nothing(desk: OpenDesk) -> None:
    promised(desk, next_response_minutes=30)
    sent = desk.mail()
    desk.clock.advance(minutes=20)
    desk.mail(headers={"In-Reply-To": sent})
    assert ticket(desk).due_at == MONDAY + timedelta(minutes=60)
    assert list(promises(desk, 1)) == ["first_response"]


def test_a_receipt_a_forward_and_a_note_answer_nothing(desk: OpenDesk) -> None:
    desk.write(lambda db: setattr(db.get(Queue, desk.queue("tech_support").id), "acknowledges", True))
    promised(desk)
    desk.mail()
    desk.as_(AIKO).post("/tickets/1/note", data={"body": "見ておきます"})
    about = {"body": "ご確認ください", "mode": "forward", "forward_to": "maker@example.net"}
    assert desk.as_(AIKO).post("/tickets/1/reply", data=about).status_code == 200
    assert [each.kind.value for each in desk.messages(1)] == ["mail", "receipt", "forward"]
    assert promises(desk, 1)["first_response"].kept_at is None


@pytest.mark.parametrize("undo_seconds", [30])
def test_a_reply_that_is_taken_back_kept_nothing(desk: OpenDesk, undo_seconds: int) -> None:
    desk.settings.undo_seconds = undo_seconds
    promised(desk)
    desk.mail()
    message = desk.reply(AIKO, 1, "お調べします。")
    assert promises(desk, 1)["first_response"].kept_at is not None
    assert desk.as_(AIKO).post(f"/messages/{message.id}/undo").status_code == 200
    assert desk.messages(1)[-1].state == MessageState.WITHDRAWN
    assert promises(desk, 1)["first_response"].kept_at is None
    assert ticket(desk).due_at == MONDAY + timedelta(minutes=60)


def test_a_call_that_is_answered_keeps_the_promise_and_one_that_is_missed_does_not(desk: OpenDesk) -> None:
    promised(desk, first_response_minutes=5)
    desk.ready(AIKO)
    desk.twilio.rings("CA-1")
    rung = desk.clock()
    assert ticket(desk).due_at == rung + timedelta(minutes=5)
    desk.clock.advance(seconds=20)
    desk.twilio.says("CA-2", "in-progress", parent="CA-1", to=AIKO.phone)
    assert promises(desk, 1)["first_response"].kept_at == desk.clock()
    desk.twilio.rings("CA-9", caller="+815011112222")
    desk.clock.advance(seconds=20)
    desk.twilio.says("CA-9", "no-answer", caller="+815011112222")
    assert promises(desk, 2)["first_response"].kept_at is None
    assert ticket(desk, 2).due_at is not None


def test_clocks_rest_while_a_ticket_is_pending_and_go_on_where_they_stood(desk: OpenDesk) -> None:
    promised(desk, calendar_id=office(desk), resolution_minutes=240, first_response_minutes=0)
    desk.mail()  # at ten: due at three
    assert ticket(desk).due_at == MONDAY + timedelta(hours=5)
    desk.clock.advance(minutes=30)
    do(desk, tickets.pend, until=None, by=desk.agent(AIKO))
    resting = promises(desk, 1)["resolution"]
    assert (resting.due_at, resting.paused_at, resting.left_seconds) == (None, desk.clock(), 210 * 60)
    assert ticket(desk).due_at is None
    desk.clock.advance(days=3)
    do(desk, tickets.reopen)  # at half past ten on Thursday: an hour and a half, then two from one o'clock
    assert ticket(desk).due_at == desk.clock() + timedelta(hours=4, minutes=30)


def test_resolving_keeps_and_reopening_goes_on(desk: OpenDesk) -> None:
    promised(desk, first_response_minutes=30, resolution_minutes=120)
    desk.mail()
    desk.clock.advance(minutes=20)
    assert desk.as_(AIKO).post("/tickets/1/resolve").status_code == 200
    told = promises(desk, 1)
    assert told["resolution"].kept_at == desk.clock()
    assert (told["first_response"].kept_at, told["first_response"].paused_at) == (None, desk.clock())
    assert ticket(desk).due_at is None
    desk.clock.advance(hours=10)
    look_out(desk)
    assert stated(desk, "promise_breached") == []
    assert desk.as_(AIKO).post("/tickets/1/reopen").status_code == 200
    told = promises(desk, 1)
    assert told["first_response"].due_at == desk.clock() + timedelta(minutes=10)
    assert told["resolution"].due_at == desk.clock() + timedelta(minutes=100)


def test_another_queue_promises_something_else_and_what_has_passed_counts(desk: OpenDesk) -> None:
    promised(desk, queue_id=desk.queue("returns").id, first_response_minutes=30)
    promised(desk, first_response_minutes=120)
    desk.mail()
    assert ticket(desk).due_at == MONDAY + timedelta(minutes=120)
    desk.clock.advance(minutes=10)
    move(desk, "returns")
    assert ticket(desk).due_at == MONDAY + timedelta(minutes=30)
    desk.clock.advance(minutes=30)
    look_out(desk)
    assert stated(desk, "promise_breached") == [("promise_breached", "first_response")]
    move(desk, "billing")  # it has more time there after all
    kept = promises(desk, 1)["first_response"]
    assert (kept.due_at, kept.breached_at) == (MONDAY + timedelta(minutes=120), None)


def move(desk: OpenDesk, slug: str) -> None:
    to = desk.queue(slug)
    do(desk, lambda db, found, now: routing.move(db, found, db.get(Queue, to.id), by=desk.agent(SATO), now=now))


def test_time_alone_brings_warning_and_breach_once_each_and_tells_whom_the_policy_names(desk: OpenDesk) -> None:
    ben = desk.agent(BEN)
    promised(desk, at_risk_percent=50, at_risk_told=["assignee"], breached_told=["assignee", "supervisors"],
             breached_agent_id=ben.id)  # fmt: skip
    desk.mail()
    do(desk, tickets.assign, to=desk.agent(AIKO), by=desk.agent(SATO))
    desk.clock.advance(minutes=29)
    look_out(desk)
    assert stated(desk, "promise_at_risk", "promise_breached") == []
    desk.clock.advance(minutes=1)
    look_out(desk)
    look_out(desk)
    assert stated(desk, "promise_at_risk", "promise_breached") == [("promise_at_risk", "first_response")]
    desk.clock.advance(minutes=30)
    look_out(desk)
    look_out(desk)
    assert stated(desk, "promise_at_risk", "promise_breached")[1:] == [("promise_breached", "first_response")]
    told = desk.read(lambda db: db.exec(select(Notification).order_by(col(Notification.id))).all())
    wanted = {(desk.agent(AIKO).id, "at_risk"), (desk.agent(AIKO).id, "breached"), (desk.agent(SATO).id, "breached"),
              (ben.id, "breached")}  # fmt: skip
    assert {(each.agent_id, each.kind.value) for each in told if each.kind != "assigned"} == wanted


def test_whoever_waits_in_a_merged_ticket_waits_in_the_other_for_the_sooner_time(desk: OpenDesk) -> None:
    promised(desk, next_response_minutes=60)
    desk.mail()
    desk.clock.advance(minutes=10)
    desk.mail(subject="別件", body="返品したいです。")
    assert desk.as_(SATO).post("/tickets/1/merge", data={"into": "2"}).status_code == 200
    assert ticket(desk, 2).due_at == MONDAY + timedelta(minutes=60)
    assert ticket(desk, 1).due_at is None
    desk.clock.advance(minutes=60)
    look_out(desk)
    assert stated(desk, "promise_breached") == [("promise_breached", "first_response")]


def test_taken_back_a_merge_leaves_each_customer_the_time_that_was_theirs(desk: OpenDesk) -> None:
    promised(desk, next_response_minutes=60)
    desk.mail()
    desk.clock.advance(minutes=10)
    desk.mail(subject="別件", body="返品したいです。")
    desk.as_(SATO).post("/tickets/1/merge", data={"into": "2"})
    desk.clock.advance(minutes=20)
    desk.as_(SATO).post("/tickets/1/unmerge")
    assert [ticket(desk, number).due_at for number in (1, 2)] == [
        MONDAY + timedelta(minutes=60), MONDAY + timedelta(minutes=70)
    ]  # fmt: skip
    desk.clock.advance(minutes=35)
    look_out(desk)
    assert stated(desk, "promise_breached") == [("promise_breached", "first_response")]
    assert ticket(desk, 2).due_at == MONDAY + timedelta(minutes=70)


def test_a_customer_answered_in_the_other_ticket_has_not_waited_meanwhile(desk: OpenDesk) -> None:
    promised(desk)
    desk.mail()
    desk.mail(subject="別件", body="返品したいです。")
    desk.as_(SATO).post("/tickets/1/merge", data={"into": "2"})
    desk.clock.advance(minutes=20)
    desk.reply(SATO, 2, "お答えします。")
    desk.as_(SATO).post("/tickets/1/unmerge")
    assert ticket(desk, 1).due_at == MONDAY + timedelta(minutes=80) and ticket(desk, 2).due_at is None


def test_a_changed_calendar_and_a_changed_policy_move_open_tickets(desk: OpenDesk) -> None:
    calendar_id = office(desk)
    policy_id = promised(desk, calendar_id=calendar_id, first_response_minutes=8 * 60)
    desk.mail()
    assert ticket(desk).due_at == MONDAY + timedelta(days=1)
    said = {"name": "平日", "timezone": "Asia/Tokyo", "holidays": "", "days": "2026-11-17 closed",
            **{day: "9:00-12:00, 13:00-18:00" for day in hours.WEEK[:5]}}  # fmt: skip
    assert desk.as_(SATO).post(f"/admin/calendars/{calendar_id}", data=said).status_code == 200
    desk.app.state.desk.jobs.by_name()["recount_promises"]()
    assert ticket(desk).due_at == MONDAY + timedelta(days=2)
    form = policies.Form(name="標準", calendar_id=calendar_id, first_response_minutes=60)
    desk.write(lambda db: policies.save(db, policies.get(db, policy_id), form, by=None, now=desk.clock()))
    desk.app.state.desk.jobs.by_name()["recount_promises"]()
    assert ticket(desk).due_at == MONDAY + timedelta(hours=1)


def test_the_promises_of_a_mail_cost_one_statement_and_the_policies_none(desk: OpenDesk) -> None:
    promised(desk, resolution_minutes=600, calendar_id=office(desk))
    desk.mail()  # whoever comes first reads the policies
    with counted(desk) as said:
        desk.mail(subject="もう一つ")
    own = [
        " ".join(each.split()[:3])
        for each in said
        if re.search(r"(FROM|INTO|UPDATE) (promise|policy|calendar)\b", each)
    ]
    looks = "SELECT promise.id FROM"  # of the loop that waits for what time brings about
    assert [each for each in own if each != looks] == ["INSERT INTO promise"]
    assert desk.count(Promise) == 4


def test_what_another_process_promises_is_heard_of(desk: OpenDesk) -> None:
    promised(desk)
    desk.mail()
    other = Database(desk.settings.database)
    form = policies.Form(name="短め", first_response_minutes=5)

    def shorten(db: Any) -> None:
        db.info["work"] = desk.database.info["work"]
        policies.save(db, policies.get(db, 1), form, by=None, now=desk.clock())

    other.write_now(shorten)
    other.close()
    desk.read(policies.refresh)
    desk.mail(subject="もう一つ")
    assert ticket(desk, 2).due_at == MONDAY + timedelta(minutes=5)
