"""What the desk did by itself, and what came of it: rules, macros, receipts, surveys and prepared replies.

The one idea: whatever it was, it happened in a ticket at a time, so what came of all kinds is asked in the same way:
did the customer write in the ticket within three days, was it resolved or opened again within seven, was the survey
answered, was it taken back. That something followed does not say that it was caused. It is told once the seven days are
over, and then for good.
"""

from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import aliased
from sqlmodel import Session, col
from sqlmodel.sql.sqltypes import UTCDateTime

from helpdesk.measures import Interval
from models import (
    Ask,
    AskState,
    CannedUse,
    Direction,
    Message,
    MessageKind,
    MessageState,
    RuleMail,
    RuleRun,
    Stretch,
)
from models.rules import RunEnd

KINDS: Final = ("rule", "rule_mail", "macro", "receipt", "survey", "canned")
WRITES: Final = timedelta(days=3)
FOLLOWS: Final = timedelta(days=7)
PIECE: Final = 400


@dataclass(slots=True)
class Came:
    """How often something was done, and what came of it; `settled` is of how many that is known."""

    count: int = 0
    settled: int = 0
    wrote: int = 0
    resolved: int = 0
    reopened: int = 0
    answered: int = 0
    undone: int = 0

    def __add__(self, other: "Came") -> "Came":
        return Came(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(Came)))


def of(db: Session, interval: Interval, *, is_settled: bool) -> dict[tuple[str, int], Came]:
    """What was done in an interval, by kind and by what it was: the rule, macro, survey or prepared reply, and of
    receipts the queue."""
    done = _done(db, interval)
    found: dict[tuple[str, int], Came] = {}
    came = _came(db, {ticket_id for _, _, ticket_id, _, _, _ in done}, interval) if is_settled else {}
    for kind, thing_id, ticket_id, at, undone, answered in done:
        own = found.setdefault((kind, thing_id), Came())
        own.count += 1
        own.undone += undone
        if not is_settled:
            continue
        wrote, resolved, reopened = came.get(ticket_id, ((), (), ()))
        own.settled += 1
        own.answered += answered
        own.wrote += any(at < each <= at + WRITES for each in wrote)
        own.resolved += any(at <= each <= at + FOLLOWS for each in resolved)
        own.reopened += any(at < each <= at + FOLLOWS for each in reopened)
    return found


def _done(db: Session, interval: Interval) -> list[Any]:
    """(kind, thing, ticket, when, whether it was taken back, whether it was answered)"""
    queries = (
        _what("rule", RuleRun.rule_id, RuleRun.ticket_id, RuleRun.at, interval, undone=RuleRun.undone_at)
        .where(col(RuleRun.rule_id).is_not(None), col(RuleRun.how) == RunEnd.DONE),
        _what("macro", RuleRun.macro_id, RuleRun.ticket_id, RuleRun.at, interval, undone=RuleRun.undone_at)
        .where(col(RuleRun.macro_id).is_not(None), col(RuleRun.how) == RunEnd.DONE),
        _what("rule_mail", sa.literal(0), RuleMail.ticket_id, RuleMail.at, interval),
        # A receipt leaves with the opening of its ticket, and a survey not long after it was meant to.
        _what("receipt", Stretch.queue_id, Stretch.ticket_id, Stretch.began_at, interval)
        .join(Message, col(Message.ticket_id) == Stretch.ticket_id)
        .where(col(Stretch.number) == 1, col(Message.kind) == MessageKind.RECEIPT,
               col(Message.state).not_in((MessageState.FAILED, MessageState.WITHDRAWN))),
        _what("survey", Ask.survey_id, Ask.ticket_id, Ask.sent_at, interval, answered=Ask.state)
        .where(col(Ask.ticket_id).is_not(None), col(Ask.created_at) >= interval.begin - timedelta(days=31),
               col(Ask.created_at) < interval.end),
        _what("canned", CannedUse.canned_id, CannedUse.ticket_id, CannedUse.at, interval),
    )  # fmt: skip
    return [tuple(row) for query in queries for row in db.execute(query)]


def _what(kind: str, thing: Any, ticket: Any, at: Any, interval: Interval, *, undone: Any = None,
          answered: Any = None) -> Any:  # fmt: skip
    return sa.select(
        sa.literal(kind), thing, ticket, sa.type_coerce(at, UTCDateTime()),
        sa.case((undone.is_not(None), 1), else_=0) if undone is not None else sa.literal(0),
        sa.case((answered == AskState.ANSWERED, 1), else_=0) if answered is not None else sa.literal(0),
    ).where(at >= interval.begin, at < interval.end)  # fmt: skip


def _came(db: Session, ticket_ids: set[int], interval: Interval) -> dict[int, tuple[list[Any], list[Any], list[Any]]]:
    """By ticket: when its customer wrote, when it was resolved, and when it was opened again."""
    found: dict[int, tuple[list[Any], list[Any], list[Any]]] = {each: ([], [], []) for each in ticket_ids}
    ids, until = sorted(ticket_ids), interval.end + FOLLOWS
    again = aliased(Stretch)
    for begin in range(0, len(ids), PIECE):
        piece = ids[begin : begin + PIECE]
        said = sa.select(col(Message.ticket_id), col(Message.created_at)).where(
            col(Message.ticket_id).in_(piece), col(Message.direction) == Direction.IN,
            sa.not_(col(Message.is_automatic)), col(Message.created_at) > interval.begin,
            col(Message.created_at) <= until,
        )  # fmt: skip
        for ticket_id, at in db.execute(said):
            found[ticket_id][0].append(at)
        rows = sa.select(col(again.ticket_id), col(again.number), col(again.began_at), col(again.ended_at)).where(
            col(again.ticket_id).in_(piece)
        )
        for ticket_id, number, began_at, ended_at in db.execute(rows):
            if ended_at is not None:
                found[ticket_id][1].append(ended_at)
            if number > 1:
                found[ticket_id][2].append(began_at)
    return found
