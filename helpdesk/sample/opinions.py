"""What the sample company's customers say when they are asked, and what was gathered of them elsewhere.

The words are in `helpdesk/sample/`: `answers.csv` to the survey after each ticket
(each with what that must have been: a call or mails, answered by whom, about what), `further.csv` to its further
question, `recommend.csv` to a survey sent to a list, and `elsewhere.csv` from cards in the shop, brought in as a file.
"""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlmodel import col, select

from helpdesk import comments, imports, segments, survey_reach, survey_sendings, surveys
from helpdesk.events import emit
from helpdesk.facts import FeedbackGiven, SurveySendingChanged
from helpdesk.letters import table
from helpdesk.sample.stage import Act, Stage, when
from models import (
    Answer,
    AnswerSource,
    Ask,
    AskedAfter,
    AskState,
    Channel,
    Scale,
    Segment,
    SendingState,
    Survey,
    SurveySending,
    Ticket,
    TicketState,
)

ABOUT_CLEANERS = {
    "more_ja": "掃除機で困っていることはありますか\nあるとうれしい機能は何ですか",
    "more_en": "Does anything about the cleaner trouble you?\nWhich feature would you like to have?",
}
FURTHER = {"more_ja": "ほかに改善してほしいことはありますか", "more_en": "What else should we improve?"}


def after_tickets(stage: Stage) -> Act:
    """Every evening at half past eight: what customers answered whose tickets were resolved since the last one."""
    db, since = stage.db, stage.now - timedelta(days=61)
    survey = Survey(name="解決後のアンケート", questions=FURTHER, created_at=since, changed_at=since)
    db.add(survey)
    db.flush()
    said: dict[tuple[str, str], list[dict[str, str]]] = {}
    for row in table("answers.csv"):
        said.setdefault((row["queue"], row["language"]), []).append(row)
    further: dict[str, list[str]] = {}
    for row in table("further.csv"):
        further.setdefault(row["language"], []).append(row["comment"])
    slugs = {queue.id: slug for slug, queue in stage.lines.items()}
    for days in range(60, 0, -1):
        day = (stage.now - timedelta(days=days)).astimezone(stage.zone)
        at = day.replace(hour=20, minute=30, second=0, microsecond=0).astimezone(stage.now.tzinfo)
        yield at
        solved = select(Ticket).where(
            Ticket.state == TicketState.RESOLVED, col(Ticket.resolved_at) >= since, col(Ticket.resolved_at) < at
        )
        for ticket in db.exec(solved.order_by(col(Ticket.id))).all():
            left = said.get((slugs[ticket.queue_id], ticket.language), [])
            fit = next((each for each in left if _fits(stage, each, ticket)), None)
            is_answered = fit is not None and (ticket.id or 0) % 5 < 3  # many are not
            more = further.get(ticket.language, []) if is_answered and (ticket.id or 0) % 2 else []
            ask = _asked(stage, survey, ticket, is_answered, at)
            if ask is not None and fit is not None and is_answered:
                left.remove(fit)
                _answer(stage, ask, fit, at, more=more.pop(0) if more else "")
        since = at


def to_a_list(stage: Stage) -> Act:
    """Two weeks ago everybody with an address was asked whether they recommend the company; some have answered."""
    db, at = stage.db, when(stage, "14d 10:30")
    yield at
    survey = Survey(
        name="おすすめ度調査", scale=Scale.ELEVEN, after=AskedAfter.LIST, rest_days=3, is_active=True, created_at=at,
        changed_at=at,
    )  # fmt: skip
    reached = segments.Asked({"reach": ("email",)})
    everybody = segments.save(db, None, name="メールで連絡できる方", asked=reached, by=stage.staff["sato"], now=at)
    asks: dict[str, list[Ask]] = {}
    for ask in _sent(stage, _counted(stage, survey, everybody, at), at):
        asks.setdefault(ask.language, []).append(ask)
    for row in table("recommend.csv"):
        at = max(at, stage.now - timedelta(days=int(row["ago"])))
        yield at
        if waiting := asks.get(row["language"]):
            ask = waiting.pop(0)
            ask.state = AskState.ANSWERED
            _answer(stage, ask, row, at, scale=Scale.ELEVEN)


def ready_to_send(stage: Stage, whom: Segment) -> None:
    """A survey whose recipients are counted and that waits for the supervisor's word."""
    survey = Survey(
        name="掃除機の使い心地", scale=Scale.NONE, after=AskedAfter.LIST, rest_days=0, is_active=True,
        questions=ABOUT_CLEANERS, created_at=stage.now, changed_at=stage.now,
    )  # fmt: skip
    _counted(stage, survey, whom, stage.now)


def ask_from_now_on(stage: Stage) -> None:
    """The survey after each ticket asks by itself; of what was resolved before now nobody is asked again."""
    for survey in stage.db.exec(select(Survey).where(Survey.after == AskedAfter.RESOLVED)):
        survey.is_active = True


def gathered_elsewhere(stage: Stage) -> None:
    """Cards from the shop of the last five weeks, brought in this morning as a file."""
    rows = []
    for number, told in enumerate(table("elsewhere.csv"), 2):
        day = (stage.now - timedelta(days=int(told["ago"]))).astimezone(stage.zone)
        at = f"{day:%Y-%m-%d} {10 + number * 5 % 9}:{number * 17 % 60:02d}"  # while the shop is open
        rows.append(imports.Row(number, {"comment": told["comment"], "score": told["score"], "at": at}))
    said = comments.brought(rows, timezone=stage.settings.timezone, now=stage.now)
    comments.bring_in(stage.db, said, by=stage.staff["sato"], now=stage.now)


def _counted(stage: Stage, survey: Survey, whom: Segment, at: datetime) -> SurveySending:
    """A sending after the walk that counts whom it reaches, which the desk does beside its work."""
    db, by = stage.db, stage.staff["sato"]
    db.add(survey)
    db.flush()
    sending = SurveySending(
        survey_id=survey.id or 0, segment_id=whom.id, name=whom.name, conditions=whom.conditions, by_id=by.id,
        last=segments.newest(db), created_at=at,
    )  # fmt: skip
    db.add(sending)
    db.flush()
    assert sending.id is not None
    emit(db, SurveySendingChanged(sending_id=sending.id, survey_id=sending.survey_id, what="made", by_id=by.id, at=at))
    while step := survey_sendings.look(db, sending.id, settings=stage.settings, now=at):
        survey_sendings.take(db, sending.id, step, settings=stage.settings, now=at)
    return sending


def _sent(stage: Stage, sending: SurveySending, at: datetime) -> list[Ask]:
    """It was sent then: `survey_sendings.begin` would put the mails on their way now."""
    db, asked = stage.db, segments.read(sending.conditions)
    survey, zone = surveys.get(db, sending.survey_id), stage.settings.timezone
    ids = sorted(segments.holding(db, asked, range(1, sending.last + 1), zone=zone, now=at))

    def holds(others: Sequence[int]) -> set[int]:
        return segments.holding(db, asked, others, zone=zone, now=at)

    reached = survey_reach.of(db, survey, ids, holds=holds, settings=stage.settings, now=at)
    asks = [
        Ask(
            survey_id=sending.survey_id, sending_id=sending.id, about=f"list:{each.key}", key=each.key,
            customer_id=each.customer_id, queue_id=survey_sendings.queue_of(db, survey), language=each.language,
            created_at=at, sent_at=at, state=AskState.SENT,
        )
        for each in reached if not each.reason
    ]  # fmt: skip
    db.add_all(asks)
    sending.state, sending.begun_at, sending.ended_at = SendingState.DONE, at, at
    for what, by_id in (("begun", sending.by_id), ("done", None)):
        emit(db, SurveySendingChanged(
            sending_id=sending.id or 0, survey_id=sending.survey_id, what=what, by_id=by_id, at=at
        ))  # fmt: skip
    db.flush()
    return asks


def _fits(stage: Stage, row: dict[str, str], ticket: Ticket) -> bool:
    """Whether it can have been said of this ticket: of a call or of mails, of who answered, of what it was about."""
    way = "call" if ticket.channel == Channel.PHONE else "mail"
    answered_by = stage.staff[row["by"]].id if row["by"] else ticket.assignee_id
    return (
        row["way"] in ("", way)
        and answered_by == ticket.assignee_id
        and re.search(row["about"], ticket.subject) is not None
    )


def _asked(stage: Stage, survey: Survey, ticket: Ticket, is_answered: bool, at: datetime) -> Ask | None:
    """The ask about a ticket; None where there was one."""
    known = select(Ask.id).where(Ask.survey_id == survey.id, Ask.about == f"ticket:{ticket.id}")
    if stage.db.exec(known).first() is not None:
        return None
    ask = Ask(
        survey_id=survey.id or 0, about=f"ticket:{ticket.id}", ticket_id=ticket.id, customer_id=ticket.customer_id,
        queue_id=ticket.queue_id, agent_id=ticket.assignee_id, language=ticket.language, created_at=at, sent_at=at,
        state=AskState.ANSWERED if is_answered else AskState.SENT,
    )  # fmt: skip
    stage.db.add(ask)
    stage.db.flush()
    return ask


def _answer(
    stage: Stage, ask: Ask, row: dict[str, str], at: datetime, *, more: str = "", scale: Scale = Scale.STARS
) -> None:
    """What the customer said, `more` to the further question."""
    ids = []
    for external_id, comment, score in ((f"{ask.id}", row["comment"], int(row["score"])), (f"{ask.id}:1", more, None)):
        if score is None and not comment:
            continue
        felt = comments.felt(comment) if comment else ("", 0.0)
        given = Answer(
            source=AnswerSource.PAGE, external_id=external_id, survey_id=ask.survey_id, ticket_id=ask.ticket_id,
            customer_id=ask.customer_id, queue_id=ask.queue_id, agent_id=ask.agent_id, scale=scale, score=score,
            comment=comment, language=row["language"] if comment else "", sentiment=felt[0],
            sentiment_confidence=felt[1], at=at, changed_at=at,
        )  # fmt: skip
        stage.db.add(given)
        stage.db.flush()
        ids.append(given.id or 0)
    emit(stage.db, FeedbackGiven(ticket_id=ask.ticket_id, queue_id=ask.queue_id, answer_id=ids[0], at=at))
