"""One survey put to a segment: counted first, sent when a supervisor says so, stopped when they say so.

The one idea: counting and sending are the same walk over the customers, and how far it came stands in the row. A step
looks without holding anybody up, then is taken down in one short transaction only if nothing was said in between; so a
crash, a repeat and a second process lose nothing and ask nobody twice. Never more than `LINE` wait for the mail server:
so a sending that is stopped has stopped.
"""

import secrets
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk import outgoing, segments, sms, survey_reach, survey_words, surveys
from helpdesk.errors import Conflict, Invalid, NotFound
from helpdesk.events import emit
from helpdesk.facts import SurveySendingChanged
from helpdesk.runtime import work
from helpdesk.runtime.work import NotYet
from helpdesk.segments import Asked
from helpdesk.settings import Settings
from helpdesk.survey_reach import Reached
from models import Agent, Ask, AskedAfter, AskedBy, AskState, Queue, Segment, SendingState, Survey, SurveySending
from models.database import Database, hold_still, one_at_a_time

COUNTED_AT_ONCE: Final = 500
"""Customers told apart in one step while nobody is asked."""
ASKED_AT_ONCE: Final = 20
"""The same where they are: a call that rings meanwhile waits for so many."""
LINE: Final = 100
PAUSE_SECONDS: Final = 5.0
TOMORROW_SECONDS: Final = 900.0
"""How often it is asked whether there is another day, when a day's short messages are used up."""
LOST: Final = timedelta(hours=3)
"""What did not leave by then was given up and waits for a person under "Set aside"; it holds nobody up."""
SAMPLE: Final = 8
TOLD_EVERY: Final = 20
"""Parts of the walk after each of which screens are told how far it is."""
ASKING: Final = 7_291_029
"""The lock under which people are chosen."""
_WALKING: Final = (SendingState.COUNTING, SendingState.RUNNING)


@dataclass(frozen=True, slots=True)
class Step:
    """The next part of a walk: the customers beyond `above` up to `until` who belong. While it counts they are told
    apart already; where they are asked that is done in the moment of asking."""

    above: int
    until: int
    ids: Sequence[int]
    reached: Sequence[Reached] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """How a sending stands. `asked` are those who were written to or would be, `in_line` of them leave any moment;
    `left_out` by reason, most first."""

    sending: SurveySending
    by: Agent | None
    asked: int
    in_line: int
    answered: int
    left_out: dict[str, int]
    share: float  # of the walk, in [0, 1]


# --- what supervisors say ---------------------------------------------------------------------------------------------


def prepare(db: Session, survey: Survey, segment: Segment, *, by: Agent, now: datetime) -> SurveySending:
    """Begin to count whom it would reach. Nobody is asked. Raises `Invalid` for a survey that asks by itself."""
    return _made(db, survey, segment.id, segment.name, segment.conditions, by=by, now=now)


def again(db: Session, survey: Survey, sending: SurveySending, *, by: Agent, now: datetime) -> SurveySending:
    """Count anew with the conditions of an earlier one. Raises `Conflict` where that had none."""
    if not sending.conditions:
        raise Conflict("not_allowed", sending_id=sending.id)
    return _made(db, survey, sending.segment_id, sending.name, sending.conditions, by=by, now=now)


def typed(db: Session, survey: Survey, *, by: Agent, count: int, now: datetime) -> SurveySending:
    """Take down that a list of so many addresses and numbers was typed."""
    row = SurveySending(survey_id=survey.id or 0, state=SendingState.DONE, found=count, asked=count, by_id=by.id,
                        created_at=now, begun_at=now, ended_at=now)  # fmt: skip
    db.add(row)
    _say(db, row, "done", by=by, now=now)
    return row


def were_known(sending: SurveySending, count: int) -> None:
    """So many of a typed list had been asked before."""
    if count:
        sending.asked, sending.left_out = sending.found - count, {"asked_before": count}


def begin(db: Session, sending: SurveySending, *, settings: Settings, by: Agent, now: datetime) -> None:
    """Ask them. Twice changes nothing. Raises `Invalid` for a survey that is off or cannot leave, `Conflict` before
    they were counted, and for one that was stopped."""
    hold_still(db, sending)
    if sending.state in (SendingState.RUNNING, SendingState.DONE):
        return
    if sending.state != SendingState.COUNTED:
        raise Conflict("sending_not_counted", sending_id=sending.id)
    survey = surveys.get(db, sending.survey_id)
    if not survey.is_active or survey.after != AskedAfter.LIST:
        raise Invalid("survey_is_off" if survey.after == AskedAfter.LIST else "survey_asks_by_itself", field="begin")
    by_mail = survey.way != AskedBy.SMS and outgoing.can_send(db, settings, address=settings.mail_from)
    by_sms = survey.way != AskedBy.MAIL and sms.is_on(settings)
    if not by_mail and not by_sms:
        raise Invalid("survey_cannot_leave", field="begin")
    sending.state, sending.begun_at = SendingState.RUNNING, now
    sending.walked, sending.found, sending.asked, sending.left_out = 0, 0, 0, {}
    _say(db, sending, "begun", by=by, now=now)
    _enqueue(db, sending)


def stop(db: Session, sending: SurveySending, *, by: Agent, now: datetime) -> None:
    """Ask nobody more. What has not left yet does not leave, and they may be asked later."""
    hold_still(db, sending)
    if sending.state != SendingState.RUNNING:
        return
    waiting = sa.update(Ask).where(*_in_line(sending))
    freed = sa.literal("stopped:") + sa.cast(col(Ask.id), sa.String)
    left: Any = db.execute(waiting.values(state=AskState.LEFT_OUT, reason="stopped", about=freed))
    sending.state, sending.ended_at = SendingState.STOPPED, now
    sending.asked -= left.rowcount
    if left.rowcount:
        sending.left_out = {**sending.left_out, "stopped": left.rowcount}
    _say(db, sending, "stopped", by=by, now=now)


def discard(db: Session, sending: SurveySending, *, by: Agent, now: datetime) -> None:
    """Let go of one that was only counted. Raises `Conflict` for one that has begun."""
    hold_still(db, sending)
    if sending.begun_at is not None:
        raise Conflict("sending_has_begun", sending_id=sending.id)
    _say(db, sending, "discarded", by=by, now=now)
    db.delete(sending)


# --- for their pages --------------------------------------------------------------------------------------------------


def get(db: Session, survey_id: int, sending_id: int) -> SurveySending:
    """Raises `NotFound`."""
    found = db.get(SurveySending, sending_id)
    if found is None or found.survey_id != survey_id:
        raise NotFound("not_found", sending_id=sending_id)
    return found


def of(db: Session, survey: Survey, *, limit: int = 20) -> list[SurveySending]:
    """The newest sendings of a survey."""
    rows = select(SurveySending).where(SurveySending.survey_id == survey.id)
    return list(db.exec(rows.order_by(col(SurveySending.id).desc()).limit(limit)))


def told(db: Session, sending: SurveySending) -> Told:
    """How it stands now."""
    mine = col(Ask.sending_id) == sending.id
    in_line = db.scalar(sa.select(sa.func.count()).select_from(Ask).where(*_in_line(sending))) or 0
    answered = sa.select(sa.func.count()).select_from(Ask).where(mine, col(Ask.state) == AskState.ANSWERED)
    late = sa.select(col(Ask.reason), sa.func.count()).where(mine, col(Ask.state) == AskState.LEFT_OUT)
    left, asked = Counter(sending.left_out), sending.asked
    for reason, count in db.execute(late.group_by(col(Ask.reason))):  # what was found out after they were chosen
        if reason != "stopped":
            left[reason] += count
            asked -= count
    agent = db.get(Agent, sending.by_id) if sending.by_id else None
    share = 1.0 if sending.state not in _WALKING else sending.walked / max(1, sending.last)
    return Told(sending, agent, asked, in_line, db.scalar(answered) or 0, dict(left.most_common()), share)


# --- the walk ---------------------------------------------------------------------------------------------------------


def walk(
    database: Database, sending_id: int, *, settings: Settings, clock: Callable[[], datetime],
    is_closing: Callable[[], bool],
) -> None:  # fmt: skip
    """Go on until it is done, stopped, or has to wait: then `NotYet`."""
    while (step := database.read_now(look, sending_id, settings=settings, now=clock())) is not None:
        if not database.write_now(take, sending_id, step, settings=settings, now=clock()):
            return
        if is_closing():
            raise NotYet(1.0)


def look(db: Session, sending_id: int, *, settings: Settings, now: datetime) -> Step | None:
    """What the next step finds; None where none is left. Raises `NotYet` where enough wait to leave."""
    sending = db.get(SurveySending, sending_id)
    if sending is None or sending.state not in _WALKING:
        return None
    asked, zone = segments.read(sending.conditions), settings.timezone
    if sending.state == SendingState.RUNNING:
        waiting = _waiting(db, sending, now=now)
        if sending.walked >= sending.last:  # it is over when all have left: until then it can be stopped
            if waiting:
                raise NotYet(PAUSE_SECONDS)
            return Step(sending.walked, sending.walked, ())
        room = _room(db, surveys.get(db, sending.survey_id), waiting, settings, now=now)
        ids, until = _next(db, asked, sending, room, zone=zone)
        return Step(sending.walked, until, ids)
    ids, until = _next(db, asked, sending, COUNTED_AT_ONCE, zone=zone)
    return Step(sending.walked, until, ids, _reached(db, sending, ids, settings=settings, now=now))


def take(db: Session, sending_id: int, step: Step, *, settings: Settings, now: datetime) -> bool:
    """Take a step down, and ask whom it found where they are to be asked. False when the walk is over."""
    one_at_a_time(db, ASKING)  # or two surveys at once would ask one person
    sending = db.exec(select(SurveySending).where(SurveySending.id == sending_id).with_for_update()).first()
    if sending is None or sending.state not in _WALKING:
        return False
    if sending.walked != step.above:  # somebody else went on
        return True
    is_running = sending.state == SendingState.RUNNING
    reached = _reached(db, sending, step.ids, settings=settings, now=now) if is_running else step.reached
    reasons = Counter(sending.left_out)
    reasons.update(each.reason for each in reached if each.reason)
    chosen = [each for each in reached if not each.reason]
    sending.found += len(reached)
    sending.asked += len(chosen)
    sending.left_out = dict(reasons)
    if is_running:
        _ask(db, sending, chosen, now=now)
    else:
        sending.sample = _sampled([*sending.sample, *({"customer_id": e.customer_id, "key": e.key} for e in chosen)])
    part = TOLD_EVERY * step.until // max(1, sending.last)
    is_news = part > TOLD_EVERY * sending.walked // max(1, sending.last)
    sending.walked = step.until
    if is_over := step.until >= sending.last and (not is_running or step.until == step.above):
        sending.state = SendingState.DONE if is_running else SendingState.COUNTED
        sending.ended_at = now if is_running else None
    if is_over or is_news:
        _say(db, sending, sending.state.value if is_over else "went_on", by=None, now=now)
    return not is_over


# --- private ----------------------------------------------------------------------------------------------------------


def _made(
    db: Session, survey: Survey, segment_id: int | None, name: str, conditions: dict[str, Any], *, by: Agent,
    now: datetime,
) -> SurveySending:  # fmt: skip
    if survey.after != AskedAfter.LIST:
        raise Invalid("survey_asks_by_itself", field="segment_id")
    row = SurveySending(survey_id=survey.id or 0, segment_id=segment_id, name=name, conditions=conditions, by_id=by.id,
                        last=segments.newest(db), created_at=now)  # fmt: skip
    db.add(row)
    _say(db, row, "made", by=by, now=now)
    _enqueue(db, row)
    return row


def _enqueue(db: Session, sending: SurveySending) -> None:
    """The key is another every time: SQLite gives the number of a discarded row to the next."""
    work.enqueue(db, "send_survey", sending.id, key=f"sending:{sending.id}:{secrets.token_hex(8)}")


def _next(db: Session, asked: Asked, sending: SurveySending, most: int, *, zone: str) -> tuple[list[int], int]:
    """The next customers who belong, over stretches in which nobody does, but not for ever in one look. What has to do
    with the time is asked as of when it was made."""
    now = sending.created_at
    above, until, ids = sending.walked, sending.walked, list[int]()
    while not ids and until < sending.last and until - above < segments.GLANCE:
        ids, until = segments.step(db, asked, above=until, last=sending.last, limit=most, zone=zone, now=now)
    return ids, until


def _in_line(sending: SurveySending) -> list[Any]:
    """Who was chosen and has not been written to, in the words of their index. Nobody was chosen before it was made;
    SQLite must be told a time, or it may take another index and look through all who were written to."""
    made = col(Ask.created_at) > sending.created_at - LOST  # machines' clocks differ
    return [col(Ask.sending_id) == sending.id, made, sa.text("ask.state = 'sent'"), sa.text("ask.sent_at IS NULL")]


def _waiting(db: Session, sending: SurveySending, *, now: datetime) -> int:
    """How many stand in line."""
    fresh = col(Ask.created_at) > now - LOST
    query = sa.select(sa.func.count()).select_from(Ask).where(fresh, *_in_line(sending))
    return db.scalar(query) or 0


def _room(db: Session, survey: Survey, waiting: int, settings: Settings, *, now: datetime) -> int:
    """How many may be chosen in the next step. Short messages leave by day, and no more than are paid for."""
    if survey.way == AskedBy.SMS or (survey.way == AskedBy.EITHER and sms.is_on(settings)):
        if wait := sms.seconds_of_quiet(settings, now):
            raise NotYet(wait)
        parts = max(sms.segments(survey_words.sms_alike(survey, language, settings)) for language in ("ja", "en"))
        left = sms.left_today(db, settings, now=now) // parts - waiting
        if left <= 0:
            raise NotYet(PAUSE_SECONDS if waiting else TOMORROW_SECONDS)
        return min(ASKED_AT_ONCE, left)
    if waiting >= LINE:
        raise NotYet(PAUSE_SECONDS)
    return ASKED_AT_ONCE


def _reached(
    db: Session, sending: SurveySending, ids: Sequence[int], *, settings: Settings, now: datetime
) -> list[Reached]:
    survey, asked = surveys.get(db, sending.survey_id), segments.read(sending.conditions)

    def holds(others: Sequence[int]) -> set[int]:
        return segments.holding(db, asked, others, zone=settings.timezone, now=sending.created_at)

    found = survey_reach.of(db, survey, ids, holds=holds, settings=settings, now=now)
    if sending.state == SendingState.RUNNING and not survey.is_active:
        return [replace(each, reason=each.reason or "switched_off") for each in found]
    return found


def _ask(db: Session, sending: SurveySending, chosen: Sequence[Reached], *, now: datetime) -> None:
    survey = surveys.get(db, sending.survey_id)
    queue_id = queue_of(db, survey)
    for each in chosen:
        row = Ask(survey_id=survey.id or 0, about=f"list:{each.key}", customer_id=each.customer_id, queue_id=queue_id,
                  key=each.key, language=each.language, state=AskState.SENT, sending_id=sending.id,
                  created_at=now)  # fmt: skip
        db.add(row)
        db.flush()
        work.enqueue(db, "send_sms" if each.key.startswith("+") else "mail_survey", row.id, key=f"listed:{row.id}")


def queue_of(db: Session, survey: Survey) -> int:
    """Whose an ask is that is about no ticket: the survey's queue, or the one for what nobody is sure of."""
    first = select(Queue.id).order_by(col(Queue.is_triage).desc(), col(Queue.id))
    return survey.queue_id or db.exec(first).first() or 0


def _sampled(found: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """An even few of them, the same however they came: those whose numbers, well shaken, are smallest."""
    shaken = sorted(found, key=lambda each: each["customer_id"] * 2_654_435_761 % 2**32)
    return shaken[:SAMPLE]


def _say(db: Session, sending: SurveySending, what: str, *, by: Agent | None, now: datetime) -> None:
    db.flush()
    emit(db, SurveySendingChanged(sending_id=sending.id or 0, survey_id=sending.survey_id, what=what,
                                  by_id=by.id if by else None, at=now))  # fmt: skip
