"""What rules and macros did, for who looks back; and taking it back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from helpdesk import acts, agents
from helpdesk.errors import NotFound
from helpdesk.events import emit
from helpdesk.facts import RunTakenBack
from helpdesk.settings import Settings
from models import Agent, Event, Macro, Rule, RuleRun, RunEnd, Ticket
from models.database import hold_still


@dataclass(frozen=True, slots=True)
class Ran:
    """A run as it is shown."""

    run: RuleRun
    name: str
    by_name: str
    subject: str
    can_undo: bool


def runs(db: Session, rule_id: int | None = None, *, language: str, before: int | None = None, limit: int = 50
         ) -> list[Ran]:  # fmt: skip
    """What was done, of one rule or of all and of macros, the newest first; those below the number `before`."""
    query = select(RuleRun).order_by(col(RuleRun.at).desc(), col(RuleRun.id).desc()).limit(limit)
    if rule_id is not None:
        query = query.where(RuleRun.rule_id == rule_id)
    if before is not None:
        query = query.where(col(RuleRun.id) < before)
    rows = list(db.exec(query))
    rules = _called(db, Rule, {row.rule_id for row in rows}, language)
    macros = _called(db, Macro, {row.macro_id for row in rows}, language)
    people = {row.by_id for row in rows} | {row.undone_by_id for row in rows}
    staff = {each.id: agents.called(each, language) for each in db.exec(select(Agent).where(col(Agent.id).in_(people)))}
    subjects = {each.id: each.subject for each in db.exec(
        select(Ticket).where(col(Ticket.id).in_({row.ticket_id for row in rows})))}  # fmt: skip
    return [
        Ran(row, rules.get(row.rule_id or 0) or macros.get(row.macro_id or 0, ""),
            staff.get(row.undone_by_id or row.by_id or 0, ""), subjects.get(row.ticket_id, ""), can_undo(row))
        for row in rows
    ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Named:
    """A run: the name of its rule or macro, whether it failed, and what it did, see `acts.ACTS`."""

    name: str
    is_failed: bool
    did: Sequence[str]


def named(db: Session, told: Sequence[Event], *, language: str) -> dict[int, Named]:
    """What facts that tell of a run say of it, by the event's number. Asks nothing where there is none."""
    mine = {row.id or 0: row for row in told if row.fact in ("rule_ran", "macro_ran", "run_taken_back")}
    if not mine:
        return {}
    numbers = {row.data.get("run_id") for row in mine.values()}
    found = {row.id: row for row in db.exec(select(RuleRun).where(col(RuleRun.id).in_(numbers)))}
    ran = {number: found[row.data["run_id"]] for number, row in mine.items() if row.data.get("run_id") in found}
    names = _called(db, Rule, {row.rule_id for row in ran.values()}, language)
    macros = _called(db, Macro, {row.macro_id for row in ran.values()}, language)
    return {
        number: Named(names.get(row.rule_id or 0) or macros.get(row.macro_id or 0, ""), row.how == RunEnd.FAILED,
                      [each["do"] for each in row.did])
        for number, row in ran.items()
    }  # fmt: skip


def can_undo(row: RuleRun) -> bool:
    """Whether any of it can be taken back, and was not yet."""
    return row.undone_at is None and row.how == RunEnd.DONE and acts.can_be_undone(row.did)


def get_run(db: Session, run_id: int) -> RuleRun:
    """Raises `NotFound`."""
    found = db.get(RuleRun, run_id)
    if found is None:
        raise NotFound("not_found", run_id=run_id)
    return found


def undo(db: Session, row: RuleRun, *, by: Agent, settings: Settings, now: datetime) -> None:
    """Take back what it did, as far as that can be: words that were written and told stay. Twice changes nothing.

    Raises `Conflict("ticket_moved_on")` where somebody has said otherwise since; then nothing of it is taken back.
    """
    if not can_undo(row):
        return
    ticket = db.get(Ticket, row.ticket_id)
    assert ticket is not None
    hold_still(db, ticket)
    acts.undo_all(acts.Doing(db, ticket, by, settings, now), row.did)
    row.undone_at, row.undone_by_id = now, by.id
    emit(db, RunTakenBack(ticket_id=row.ticket_id, queue_id=ticket.queue_id, run_id=row.id or 0, by_id=by.id, at=now))


def _called(db: Session, kind: Any, ids: set[int | None], language: str) -> dict[int, str]:
    wanted = {each for each in ids if each is not None}
    rows = db.exec(select(kind).where(kind.id.in_(wanted))) if wanted else ()
    return {each.id: each.called(language) for each in rows}
