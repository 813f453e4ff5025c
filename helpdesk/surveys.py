"""Asking customers what they think of the answer they got.

The one idea: an ask is a row before anybody is asked. It is written with the fact that gave the reason, comes due as
work of its own, and only then is decided whether this customer may be asked at all; who is left out, and why, stays to
be seen.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk import outgoing, sms, survey_questions, survey_rests, survey_words, unreachable
from helpdesk.customers import contact_points
from helpdesk.errors import Invalid, NotFound
from helpdesk.events import emit
from helpdesk.facts import CallEnded, SurveyChanged, TicketResolved
from helpdesk.runtime import work
from helpdesk.settings import Settings
from models import (
    Agent,
    Answer,
    Ask,
    AskedAfter,
    AskedBy,
    AskState,
    Call,
    ContactPoint,
    Direction,
    Message,
    MessageKind,
    MessageState,
    Outcome,
    PointKind,
    Queue,
    Scale,
    Survey,
    SurveySending,
    Ticket,
    TicketState,
)
from models.database import hold_still

SATISFIED: Final = 4  # stars, from which a customer counts as satisfied
NAME_MAX: Final = 80
QUESTION_MAX: Final = 2_000
DELAY_MAX: Final = 60 * 24 * 30
REST_MAX: Final = 365


@dataclass(frozen=True, kw_only=True)
class Form:
    """A survey as it is typed."""

    name: str
    scale: str = Scale.STARS.value
    after: str = AskedAfter.RESOLVED.value
    way: str = AskedBy.MAIL.value
    queue_id: int | None = None
    delay_minutes: int = 60
    rest_days: int = 30
    questions: Mapping[str, str] | None = None
    is_active: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A survey on the supervisors' list, with what came of it in the last 30 days."""

    survey: Survey
    queue_name: str
    sent: int
    answered: int
    left_out: Mapping[str, int]  # reason -> how many were not asked


# --- asking ----------------------------------------------------------------------------------------------------------


def after_resolved(db: Session, fact: TicketResolved) -> None:
    """Make the asks that a resolved ticket is a reason for. One ticket is asked about once a survey."""
    if fact.reason:
        return
    for survey in _due(db, AskedAfter.RESOLVED, fact.queue_id):
        ticket = db.get(Ticket, fact.ticket_id)
        if ticket is not None and ticket.merged_into_id is None:
            _put(
                db, survey, f"ticket:{ticket.id}", ticket_id=ticket.id, customer_id=ticket.customer_id,
                queue_id=ticket.queue_id, agent_id=ticket.assignee_id, language=ticket.language, now=fact.at,
            )  # fmt: skip


def after_call(db: Session, fact: CallEnded) -> None:
    """The same for a call that an agent answered and whose customer is known."""
    if fact.outcome != Outcome.ANSWERED:
        return
    for survey in _due(db, AskedAfter.CALL, fact.queue_id):
        call = db.get(Call, fact.call_id)
        if call is not None and call.customer_id and call.ticket_id and call.queue_id:
            ticket = db.get(Ticket, call.ticket_id)
            _put(
                db, survey, f"call:{call.id}", ticket_id=call.ticket_id, customer_id=call.customer_id,
                queue_id=call.queue_id, agent_id=call.agent_id, language=ticket.language if ticket else "ja",
                now=fact.at,
            )  # fmt: skip


def ask(db: Session, ask_id: int, *, settings: Settings, now: datetime) -> None:
    """Send the question, now that it is due, or say why nobody is asked. Twice changes nothing."""
    row = db.get(Ask, ask_id)
    if row is None:
        return
    hold_still(db, row)
    survey, ticket = db.get(Survey, row.survey_id), db.get(Ticket, row.ticket_id) if row.ticket_id else None
    if row.state != AskState.WAITING or survey is None or ticket is None:
        return
    to = _address(db, row, ticket) if survey.way != AskedBy.SMS else ""
    number = _mobile(db, row) if survey.way == AskedBy.SMS or (survey.way == AskedBy.EITHER and not to) else None
    row.key = number if number is not None else contact_points.email_key(to) if to else ""
    if reason := _why_not(db, survey, row, ticket, to, number, settings=settings, now=now):
        row.state, row.reason = AskState.LEFT_OUT, reason
        return
    if number is not None:
        row.state, row.sent_at = AskState.SENT, now
        work.enqueue(db, "send_sms", row.id, key=f"sms:{row.id}")
        return
    name, _ = outgoing.sender_of(db, ticket, default=settings.mail_from, desk_name=settings.name)
    message = outgoing.automatic(
        db, ticket, survey_words.question(survey, ticket, row.language, desk=name), kind=MessageKind.SURVEY, to=to,
        subject=survey_words.subject(ticket.id or 0, row.language), settings=settings, now=now,
    )  # fmt: skip
    row.state, row.sent_at, row.message_id = AskState.SENT, now, message.id


# --- for supervisors -------------------------------------------------------------------------------------------------


def listed(db: Session, *, language: str, now: datetime) -> list[Line]:
    """All surveys, those that ask first."""
    names = {queue.id: queue.called(language) for queue in db.exec(select(Queue))}
    since = now - timedelta(days=30)
    counted: dict[int, dict[tuple[str, str], int]] = {}
    rows = db.execute(
        sa.select(col(Ask.survey_id), col(Ask.state), col(Ask.reason), sa.func.count())
        .where(col(Ask.created_at) >= since)
        # Surveys second: SQLite has them all in that order, and would read them all.
        .group_by(col(Ask.state), col(Ask.survey_id), col(Ask.reason))
    )
    for survey_id, state, reason, count in rows:
        counted.setdefault(survey_id, {})[state, reason] = count
    begun = select(SurveySending).where(col(SurveySending.begun_at) >= since)
    for sending in db.exec(begun):  # whom a list passed over has no ask
        passed = counted.setdefault(sending.survey_id, {})
        for reason, number in sending.left_out.items():
            if sending.name and reason != "stopped":
                passed[AskState.LEFT_OUT, reason] = passed.get((AskState.LEFT_OUT, reason), 0) + number
    lines = []
    for survey in db.exec(select(Survey).order_by(col(Survey.is_active).desc(), col(Survey.id))):
        count = counted.get(survey.id or 0, {})
        answered = count.get((AskState.ANSWERED, ""), 0)
        left = {reason: number for (state, reason), number in count.items() if state == AskState.LEFT_OUT}
        lines.append(
            Line(survey, names.get(survey.queue_id, ""), count.get((AskState.SENT, ""), 0) + answered, answered,
                 dict(sorted(left.items(), key=lambda item: -item[1])))
        )  # fmt: skip
    return lines


def get(db: Session, survey_id: int) -> Survey:
    """Raises `NotFound`."""
    if (found := db.get(Survey, survey_id)) is None:
        raise NotFound("not_found", survey_id=survey_id)
    return found


def make(db: Session, form: Form, *, by: Agent, now: datetime) -> Survey:
    """A new survey. Raises `Invalid` with the field."""
    survey = Survey(name="", created_at=now, changed_at=now)
    _fill(db, survey, form)
    survey.changed_at = now
    db.add(survey)
    db.flush()
    emit(db, SurveyChanged(survey_id=survey.id or 0, state="made", by_id=by.id, at=now))
    return survey


def change(db: Session, survey: Survey, form: Form, *, by: Agent, now: datetime) -> None:
    """Another wording, another time. Its scale stays once somebody has answered: figures of two scales do not add up.

    Raises `Invalid` with the field.
    """
    answered = db.exec(select(Answer.id).where(Answer.survey_id == survey.id).limit(1)).first() is not None
    if answered and form.scale != survey.scale:
        raise Invalid("survey_was_answered", field="scale")
    before = len(survey_questions.asked(survey.questions, "ja"))
    _fill(db, survey, form)
    if answered and 0 < before != len(survey_questions.asked(survey.questions, "ja")):
        raise Invalid("questions_were_answered", field="more_ja")
    survey.changed_at = now
    emit(db, SurveyChanged(survey_id=survey.id or 0, state="changed", by_id=by.id, at=now))


def switch(db: Session, survey: Survey, is_active: bool, *, by: Agent, now: datetime) -> None:
    """Ask from now on, or no more. What is due already is left out when it comes due."""
    if survey.is_active != is_active:
        survey.is_active, survey.changed_at = is_active, now
        emit(db, SurveyChanged(survey_id=survey.id or 0, state="on" if is_active else "off", by_id=by.id, at=now))


# --- what only this module needs ------------------------------------------------------------------------------------


def _due(db: Session, after: AskedAfter, queue_id: int) -> list[Survey]:
    fits = sa.or_(col(Survey.queue_id).is_(None), col(Survey.queue_id) == queue_id)
    found = select(Survey).where(col(Survey.is_active), Survey.after == after, fits).order_by(col(Survey.id))
    return list(db.exec(found))


def _put(
    db: Session,
    survey: Survey,
    about: str,
    *,
    ticket_id: int | None,
    customer_id: int | None,
    queue_id: int,
    agent_id: int | None,
    language: str,
    now: datetime,
) -> None:
    assert survey.id is not None
    if db.exec(select(Ask.id).where(Ask.survey_id == survey.id, Ask.about == about)).first() is not None:
        return
    row = Ask(
        survey_id=survey.id, about=about, ticket_id=ticket_id, customer_id=customer_id, queue_id=queue_id,
        agent_id=agent_id, language=language, created_at=now,
    )  # fmt: skip
    db.add(row)
    db.flush()
    work.enqueue(db, "ask_customer", row.id, key=f"ask:{row.id}", delay=survey.delay_minutes * 60.0)


def _address(db: Session, row: Ask, ticket: Ticket) -> str:
    """Who wrote last in the ticket, or the customer's own first address; "" where neither is known."""
    if row.about.startswith("ticket:"):
        wrote = db.exec(
            select(Message)
            .where(
                Message.ticket_id == ticket.id,
                Message.direction == Direction.IN,
                sa.not_(col(Message.is_from_stranger)),
                sa.not_(col(Message.is_automatic)),
            )
            .order_by(col(Message.id).desc())
            .limit(1)
        ).first()
        if wrote is not None and wrote.sender_address:
            return wrote.sender_address
    if row.customer_id is None:
        return ""
    theirs = (
        select(ContactPoint.value)
        .where(ContactPoint.customer_id == row.customer_id, ContactPoint.kind == PointKind.EMAIL)
        .order_by(col(ContactPoint.id))
    )
    return db.exec(theirs.limit(1)).first() or ""


def _mobile(db: Session, row: Ask) -> str:
    """The number the customer called from, or the customer's own first one, that can be written to; "" for none."""
    called = db.get(Call, int(row.about.removeprefix("call:"))) if row.about.startswith("call:") else None
    theirs = select(ContactPoint.key).where(
        ContactPoint.customer_id == row.customer_id, ContactPoint.kind == PointKind.PHONE
    )
    known = db.exec(theirs.order_by(col(ContactPoint.id))).all() if row.customer_id else []
    return next((each for each in (called.number if called else "", *known) if each and sms.is_mobile(each)), "")


def _why_not(
    db: Session, survey: Survey, row: Ask, ticket: Ticket, to: str, number: str | None, *, settings: Settings,
    now: datetime
) -> str:  # fmt: skip
    """Why this customer is not asked, as a code; "" where nothing speaks against it."""
    if not survey.is_active:
        return "switched_off"
    if row.about.startswith("ticket:") and (ticket.state != TicketState.RESOLVED or ticket.merged_into_id is not None):
        return "reopened"
    if row.about.startswith("ticket:") and not _somebody_answered(db, ticket):
        return "nobody_answered"
    if number is None and (not to or not outgoing.is_address(to)):
        return "no_address"
    if number is None and outgoing.plain(to) in outgoing.ours(db, settings):
        return "machine"
    if number is not None and (reason := sms.why_not(db, number, settings, now=now)):
        return reason
    if survey_rests.has_opted_out(db, row):
        return "opted_out"
    if number is None and unreachable.of(db, [to]):
        return "unreachable"
    if survey_rests.was_asked_lately(db, row, days=survey.rest_days, now=now):
        return "asked_lately"
    if number is not None:
        return ""
    _, address = outgoing.sender_of(db, ticket, default=settings.mail_from, desk_name=settings.name)
    return "" if outgoing.can_send(db, settings, address=address) else "no_server"


def _somebody_answered(db: Session, ticket: Ticket) -> bool:
    """Whether a person of ours wrote or spoke to the customer: nothing else is there to be satisfied with."""
    wrote = select(Message.id).where(
        Message.ticket_id == ticket.id,
        Message.direction == Direction.OUT,
        Message.state == MessageState.SENT,
        sa.not_(col(Message.is_automatic)),
    )
    spoke = select(Call.id).where(Call.ticket_id == ticket.id, col(Call.answered_at).is_not(None))
    return db.exec(wrote.limit(1)).first() is not None or db.exec(spoke.limit(1)).first() is not None


def _fill(db: Session, survey: Survey, form: Form) -> None:
    name = " ".join(form.name.split())[:NAME_MAX]
    if not name:
        raise Invalid("name_missing", field="name")
    if form.scale not in list(Scale) or form.after not in list(AskedAfter):
        raise Invalid("unknown_choice", field="scale" if form.scale not in list(Scale) else "after")
    if form.queue_id is not None and db.get(Queue, form.queue_id) is None:
        raise Invalid("unknown_choice", field="queue_id")
    if not 0 <= form.delay_minutes <= DELAY_MAX:
        raise Invalid("out_of_range", field="delay_minutes")
    if not 0 <= form.rest_days <= REST_MAX:
        raise Invalid("out_of_range", field="rest_days")
    asked = {language: words.strip()[:QUESTION_MAX] for language, words in (form.questions or {}).items()}
    if form.way not in list(AskedBy):
        raise Invalid("unknown_choice", field="way")
    survey.way = AskedBy(form.way)
    survey.name, survey.scale, survey.after = name, Scale(form.scale), AskedAfter(form.after)
    survey.queue_id, survey.delay_minutes, survey.rest_days = form.queue_id, form.delay_minutes, form.rest_days
    survey.questions = {language: words for language, words in asked.items() if language in ("ja", "en") and words}
    survey.questions |= survey_questions.checked(form.questions or {})
    survey.is_active = form.is_active
