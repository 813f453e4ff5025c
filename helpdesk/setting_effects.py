"""What a change of settings means for people and tickets, beyond what stands in the form.

The idea: the same rows that are kept of a change (helpdesk/settings_history.py) are read for what hangs on them, so
that it can be told before anything is saved. Each effect is a code with its facts; figures are of this moment.
"""

from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk import exchanges
from helpdesk.customers import contact_points
from helpdesk.settings_watched import RowChange
from models import Agent, Exchange, FieldValue, Membership, Promise, Queue, Rule, Ticket, TicketState, TicketTag

Effect = tuple[str, dict[str, Any]]
_HOURS = {"week", "days", "holidays", "timezone"}


def of(db: Session, rows: Sequence[RowChange], *, language: str) -> list[Effect]:
    """In the order of the rows; what concerns several is told once for all of them."""
    told = _leaving(db, rows, language)
    for row in rows:
        told += _EFFECTS.get(row["of"], _nothing)(db, row, language)
    return told + _promises(db, rows)


def _leaving(db: Session, rows: Sequence[RowChange], language: str) -> list[Effect]:
    gone: dict[int, list[int]] = {}
    for row in rows:
        if row["of"] == "member" and row["is"] is None:
            gone.setdefault(row["key"]["queue_id"], []).append(row["key"]["agent_id"])
    told: list[Effect] = []
    for queue_id, agent_ids in gone.items():
        queue = db.get(Queue, queue_id)
        facts = {"queue": queue.called(language) if queue else "", "count": len(agent_ids)}
        told.append(("agents_leave", facts))
        if count := _open(db, col(Ticket.queue_id) == queue_id, col(Ticket.assignee_id).in_(agent_ids)):
            told.append(("their_tickets_stay", facts | {"count": count}))
    return told


def _queue(db: Session, row: RowChange, language: str) -> list[Effect]:
    told: list[Effect] = []
    was, now = row["was"] or {}, row["is"] or {}
    if was.get("phone"):
        told.append(("calls_end", {"number": contact_points.national(was["phone"])}))
    if was.get("address"):
        told.append(("mails_end", {"address": was["address"]}))
    if was.get("assigning") == "manual":
        here = col(Ticket.queue_id) == row["key"]["id"], col(Ticket.assignee_id).is_(None)
        if count := _open(db, *here):
            told.append(("tickets_given_out", {"count": count}))
    if now.get("needs_approval"):
        told.append(("mails_wait", {}))
    return told


def _agent(db: Session, row: RowChange, _language: str) -> list[Effect]:
    told: list[Effect] = []
    was, now = row["was"], row["is"] or {}
    if was is None:
        return []
    if "role" in now:
        told.append((f"becomes_{now['role']}", {"agent": row["name"]}))
    if now.get("is_active") is False:
        told.append(("signed_out", {"agent": row["name"]}))
        if count := _open(db, col(Ticket.assignee_id) == row["key"]["id"]):
            told.append(("tickets_left", {"count": count}))
    return told


def _calendar(db: Session, row: RowChange, language: str) -> list[Effect]:
    kept = db.exec(select(Queue).where(Queue.calendar_id == row["key"]["id"])).all()
    if row["is"] is None or row["was"] is None or not kept:
        return []
    return [("hours_of_queues", {"names": ", ".join(queue.called(language) for queue in kept), "count": len(kept)})]


def _tag(db: Session, row: RowChange, _language: str) -> list[Effect]:
    count = db.scalar(sa.select(sa.func.count()).where(col(TicketTag.tag_id) == row["key"]["id"])) or 0
    return [("tagged_tickets", {"count": count})] if row["was"] is not None and count else []


def _field(db: Session, row: RowChange, _language: str) -> list[Effect]:
    now = row["is"] or {}
    says = sa.select(col(FieldValue.ticket_id)).where(col(FieldValue.field_id) == row["key"]["id"])
    if now.get("is_required") and (count := _open(db, col(Ticket.id).not_in(says))):
        return [("tickets_lack_field", {"count": count})]
    if now.get("is_active") is False:
        count = db.scalar(sa.select(sa.func.count(sa.distinct(col(FieldValue.ticket_id)))).where(
            col(FieldValue.field_id) == row["key"]["id"])) or 0  # fmt: skip
        return [("tickets_hide_field", {"count": count})] if count else []
    return []


def _rule(db: Session, row: RowChange, _language: str) -> list[Effect]:
    rule = db.get(Rule, row["key"]["id"])
    if rule is None or rule.deleted_at is not None:
        return []
    there = sa.select(sa.func.count()).where(col(Rule.deleted_at).is_(None))
    earlier = sa.or_(
        col(Rule.position) < rule.position, sa.and_(col(Rule.position) == rule.position, col(Rule.id) < rule.id)
    )
    place = (db.scalar(there.where(earlier)) or 0) + 1
    told: list[Effect] = [("rule_place", {"place": place, "count": db.scalar(there) or 0})]
    does = {each["do"] for each in rule.acts}
    told += [(f"rule_does_{do}", {}) for do in ("reply", "post") if do in does]
    return [*told, ("rule_runs" if rule.is_active else "rule_rests", {})]


def _mailbox(_db: Session, row: RowChange, _language: str) -> list[Effect]:
    return [("mailbox_begins", {})] if (row["was"] or {}).keys() & {"host", "user", "folder"} else []


def _exchange(db: Session, row: RowChange, _language: str) -> list[Effect]:
    exchange = db.get(Exchange, row["key"]["id"])
    if exchange is None or not exchange.is_active or exchange.kind not in exchanges.CONNECTS:
        return []
    changed = {*(row["was"] or {}), *row.get("hidden", ())} & {"options", "secret"}
    return [("connects_anew", {})] if changed else []


def _offered(db: Session, row: RowChange, _language: str) -> list[Effect]:
    """To how many agents something is offered that belongs to a queue, or to all of them."""
    now = row["is"] or {}
    if "queue_id" not in now or now.get("owner_id") is not None:
        return []
    counted = sa.select(sa.func.count()).select_from(Agent).where(col(Agent.is_active))
    if now["queue_id"] is not None:
        counted = counted.join(Membership, col(Membership.agent_id) == col(Agent.id)).where(
            col(Membership.queue_id) == now["queue_id"]
        )
    return [("offered_to", {"count": db.scalar(counted) or 0})]


def _promises(db: Session, rows: Sequence[RowChange]) -> list[Effect]:
    """How many open tickets have promises that are counted anew."""
    touched: list[sa.ColumnElement[bool]] = []
    for row in rows:
        number = row["key"].get("id")
        changed = {*(row["was"] or {}), *(row["is"] or {})}
        if row["of"] == "policy" and row["was"] is not None:
            touched.append(col(Promise.policy_id) == number)
        elif row["of"] == "calendar" and changed & _HOURS:
            touched.append(col(Promise.calendar_id) == number)
        elif row["of"] == "queue" and "calendar_id" in changed:
            touched.append(col(Ticket.queue_id) == number)
    if not touched:
        return []
    waiting = sa.select(sa.func.count(sa.distinct(col(Promise.ticket_id)))).join(
        Ticket, col(Ticket.id) == col(Promise.ticket_id)
    )
    waiting = waiting.where(col(Ticket.state) != TicketState.RESOLVED, col(Promise.kept_at).is_(None), sa.or_(*touched))
    count = db.scalar(waiting) or 0
    return [("promises_move", {"count": count})] if count else []


def _nothing(_db: Session, _row: RowChange, _language: str) -> list[Effect]:
    return []


def _open(db: Session, *where: sa.ColumnElement[bool]) -> int:
    counted = sa.select(sa.func.count()).select_from(Ticket)
    return db.scalar(counted.where(col(Ticket.state) != TicketState.RESOLVED, *where)) or 0


_EFFECTS: dict[str, Callable[[Session, RowChange, str], list[Effect]]] = {
    "queue": _queue, "agent": _agent, "calendar": _calendar, "tag": _tag, "field": _field, "rule": _rule,
    "mailbox": _mailbox, "exchange": _exchange, "macro": _offered, "checklist": _offered, "canned": _offered,
}  # fmt: skip
