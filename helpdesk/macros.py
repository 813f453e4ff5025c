"""Macros: several acts that agents do to a ticket at once, and take back at once.

The one idea: a macro is a rule that a person sets off. It uses the same acts; what it writes to the customer is a draft
in the reply box, and everything else happens in one transaction, in the agent's own name and with the agent's own
rights: one act that may not be done undoes them all.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk import acts, canned, kept, names
from helpdesk.errors import Invalid, NotAllowed, NotFound
from helpdesk.events import emit, one_act
from helpdesk.facts import MacroRan
from helpdesk.settings import Settings
from models import Agent, CannedReply, ChecklistTemplate, Macro, Queue, Role, RuleRun, Ticket
from models.database import hold_still


@dataclass(frozen=True, kw_only=True)
class Form:
    """A macro as it is typed. `is_own`: for its author alone."""

    name: str
    name_en: str = ""
    queue_id: int | None = None
    is_own: bool = False
    acts: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Row:
    macro: Macro
    queue_name: str
    owner_name: str
    is_stale: bool
    is_broken: bool  # it names what is gone


@dataclass(frozen=True, slots=True)
class Done:
    """What became of using it: the run, None where nothing changed, and the canned reply to lay into the box."""

    run: RuleRun | None
    canned_id: int | None


@dataclass(frozen=True, slots=True)
class Stale:
    """A prepared thing that nobody used for long, or that points to what is gone. `kind`: "canned", "macro" or
    "checklist"."""

    kind: str
    id: int
    name: str
    last_at: datetime | None
    is_broken: bool


def everyone(db: Session, agent: Agent, *, settings: Settings, now: datetime) -> list[Row]:
    """Those the agent may change: one's own, and for supervisors the shared ones; most used first."""
    own = col(Macro.owner_id) == agent.id
    mine = sa.or_(own, col(Macro.owner_id).is_(None)) if agent.role == Role.SUPERVISOR else own
    rows = select(Macro).where(mine, col(Macro.deleted_at).is_(None)).order_by(col(Macro.uses).desc(), col(Macro.id))
    queues = {each.id: each.called(agent.language) for each in db.exec(select(Queue))}
    return [
        Row(each, queues.get(each.queue_id, ""), agent.name if each.owner_id else "", kept.is_stale(each, now=now),
            acts.points_to_nothing(db, each.acts, settings=settings))
        for each in db.exec(rows)
    ]  # fmt: skip


def stale(db: Session, *, language: str, settings: Settings, now: datetime) -> list[Stale]:
    """Shared macros, canned replies and checklists that nobody used or changed for 90 days, or that point to what is
    gone; those that were never used come first, then the longest unused."""
    found = (
        [
            Stale("macro", each.id or 0, each.called(language), each.last_used_at, is_broken)
            for each in db.exec(select(Macro).where(col(Macro.deleted_at).is_(None), col(Macro.owner_id).is_(None)))
            if (is_broken := acts.points_to_nothing(db, each.acts, settings=settings)) or kept.is_stale(each, now=now)
        ]
        + [
            Stale("canned", reply.id or 0, reply.called(language), reply.last_used_at, False)
            for reply in db.exec(select(CannedReply).where(col(CannedReply.is_active)))
            if kept.is_stale(reply, now=now)
        ]
        + [
            Stale("checklist", each.id or 0, each.called(language), each.last_used_at, False)
            for each in db.exec(select(ChecklistTemplate).where(col(ChecklistTemplate.deleted_at).is_(None)))
            if kept.is_stale(each, now=now)
        ]
    )
    return sorted(found, key=lambda each: (not each.is_broken, each.last_at is not None, each.last_at or now))


def deleted(db: Session, agent: Agent) -> list[Macro]:
    """Those the agent can bring back, last deleted first."""
    return [each for each in kept.deleted(db, Macro, limit=50) if _may_change(agent, each)]


def get(db: Session, agent: Agent, macro_id: int) -> Macro:
    """One the agent may change. Raises `NotFound`."""
    found = db.get(Macro, macro_id)
    if found is None or not _may_change(agent, found):
        raise NotFound("not_found", macro_id=macro_id)
    return found


def offers(db: Session, agent: Agent, ticket: Ticket) -> list[Macro]:
    """What the agent may use on this ticket: one's own, those of its queue, of every queue; most used first."""
    rows = select(Macro).where(
        col(Macro.is_active), col(Macro.deleted_at).is_(None),
        sa.or_(col(Macro.owner_id) == agent.id, col(Macro.owner_id).is_(None)),
        sa.or_(col(Macro.queue_id) == ticket.queue_id, col(Macro.queue_id).is_(None)),
    )  # fmt: skip
    return sorted(db.exec(rows), key=lambda each: (each.owner_id is None, each.queue_id is None, -each.uses, each.name))


def save(db: Session, macro: Macro | None, form: Form, *, by: Agent, settings: Settings, now: datetime) -> Macro:
    """Make one, or change one. Raises `Invalid` with the field, `NotAllowed` for a shared one by who may not."""
    name, name_en = names.both(form.name, form.name_en)
    if not form.is_own and by.role != Role.SUPERVISOR:
        raise NotAllowed("not_allowed", agent_id=by.id)
    if form.queue_id is not None and db.get(Queue, form.queue_id) is None:
        raise Invalid("unknown_choice", field="queue_id")
    checked = acts.checked(db, form.acts, "macro", settings=settings)
    if sum(each["do"] == "reply" for each in checked) > 1:
        raise Invalid("one_reply_only", field="acts")
    is_new = macro is None
    macro = macro or Macro(name="", changed_at=now, created_at=now)
    macro.name, macro.name_en, macro.queue_id, macro.acts = name, name_en, form.queue_id, checked
    macro.owner_id, macro.changed_by_id, macro.changed_at = by.id if form.is_own else None, by.id, now
    db.add(macro)
    db.flush()
    kept.say(db, macro, "made" if is_new else "changed", by=by, now=now)
    return macro


def use(db: Session, ticket: Ticket, macro_id: int, *, by: Agent, settings: Settings, now: datetime) -> Done:
    """Do everything it says, or nothing. Raises `NotFound` for one that is not offered, and what its acts raise."""
    macro = next((each for each in offers(db, by, ticket) if each.id == macro_id), None)
    if macro is None:
        raise NotFound("not_found", macro_id=macro_id)
    hold_still(db, ticket)
    doing = acts.Doing(db, ticket, by, settings, now)
    draft = next((each["value"] for each in macro.acts if each["do"] == "reply"), None)
    if draft is not None:
        canned.offer(db, by, ticket, draft, settings=settings, now=now)  # gone, or not the agent's to use: say so now
    before = len(db.info.get("facts", ()))
    macro.uses, macro.last_used_at = macro.uses + 1, now
    with one_act(db):
        did = acts.do_all(doing, [each for each in macro.acts if each["do"] != "reply"])
        if not did:
            return Done(None, draft)
        run = RuleRun(macro_id=macro.id, ticket_id=ticket.id or 0, did=did, by_id=by.id, at=now)
        db.add(run)
        db.flush()
        emit(db, MacroRan(ticket_id=ticket.id or 0, queue_id=ticket.queue_id, macro_id=macro.id or 0,
                          run_id=run.id or 0, by_id=by.id, at=now))  # fmt: skip
    facts = db.info["facts"]
    facts.insert(before, facts.pop())  # what it did is the newest that the agent did, and offered to be taken back
    return Done(run, draft)


def _may_change(agent: Agent, macro: Macro) -> bool:
    return macro.owner_id == agent.id or (macro.owner_id is None and agent.role == Role.SUPERVISOR)
