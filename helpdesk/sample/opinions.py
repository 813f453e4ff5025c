"""What the sample company's customers say when they are asked, and what was gathered of them elsewhere.

The words are in `helpdesk/sample/`: `answers.csv` to the survey after each ticket, `further.csv` to its further
question, `recommend.csv` to a survey sent to a list, and `elsewhere.csv` from cards in the shop, brought in as a file.
"""

from datetime import datetime, timedelta

from sqlmodel import col, select

from helpdesk import comments, imports
from helpdesk.customers import contact_points
from helpdesk.events import FeedbackGiven, emit
from helpdesk.letters import table
from helpdesk.sample.stage import Act, Stage
from models import Answer, AnswerSource, Ask, AskedAfter, AskState, Scale, Survey, Ticket, TicketState

FURTHER = {"more_ja": "ほかに改善してほしいことはありますか", "more_en": "What else should we improve?"}


def after_tickets(stage: Stage) -> Act:
    """Every evening at half past eight: what customers answered whose tickets were resolved since the evening before.
    From now on the survey asks by itself."""
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
            is_answered = bool(left) and (ticket.id or 0) % 5 < 3  # most are not
            more = further.get(ticket.language, []) if is_answered and (ticket.id or 0) % 2 else []
            ask = _asked(stage, survey, ticket, is_answered, at)
            if ask is not None and is_answered:
                _answer(stage, ask, left.pop(0), at, more=more.pop(0) if more else "")
        since = at
    survey.is_active = True


def to_a_list(stage: Stage) -> Act:
    """Two weeks ago customers were asked by a list whether they recommend the company; some have answered."""
    db, at = stage.db, stage.now - timedelta(days=14, hours=2)
    yield at
    survey = Survey(name="おすすめ度調査", scale=Scale.ELEVEN, after=AskedAfter.LIST, created_at=at, changed_at=at)
    db.add(survey)
    db.flush()
    asks: dict[str, list[Ask]] = {}
    told = table("recommend.csv")
    for key, customer in stage.customers.items():
        address = contact_points.email_key(stage.addresses[key])
        ask = Ask(
            survey_id=survey.id or 0, about=f"list:{address}", customer_id=customer.id,
            queue_id=stage.lines["general"].id or 0, key=address, language=customer.language, created_at=at,
            sent_at=at, state=AskState.SENT,
        )  # fmt: skip
        db.add(ask)
        asks.setdefault(customer.language, []).append(ask)
    db.flush()
    for row in told:
        at = max(at, stage.now - timedelta(days=int(row["ago"])))
        yield at
        if waiting := asks.get(row["language"]):
            ask = waiting.pop(0)
            ask.state = AskState.ANSWERED
            _answer(stage, ask, row, at, scale=Scale.ELEVEN)


def gathered_elsewhere(stage: Stage) -> None:
    """Cards from the shop of the last five weeks, brought in this morning as a file."""
    rows = []
    for number, told in enumerate(table("elsewhere.csv"), 2):
        day = (stage.now - timedelta(days=int(told["ago"]))).astimezone(stage.zone)
        at = f"{day:%Y-%m-%d} {10 + number * 5 % 9}:{number * 17 % 60:02d}"  # while the shop is open
        rows.append(imports.Row(number, {"comment": told["comment"], "score": told["score"], "at": at}))
    said = comments.brought(rows, timezone=stage.settings.timezone, now=stage.now)
    comments.bring_in(stage.db, said, by=stage.staff["sato"], now=stage.now)


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
