"""What stands beside a conversation: tags, links, watchers, the checklist, what comes back, the desk's own fields.

All but the fields come in one statement, whatever there is of them, because every look at a ticket asks for them and
most tickets have none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from helpdesk import agents, fields, links, returns, tags
from helpdesk.fields import Asked
from helpdesk.returns import Shown
from models import (
    Agent,
    ChecklistItem,
    KeptDraft,
    LinkKind,
    Product,
    ProductReturn,
    ReturnState,
    Tag,
    Ticket,
    TicketField,
    TicketLink,
    TicketTag,
    TicketWatcher,
)
from models.base import called
from models.looking import ask


@dataclass(frozen=True, slots=True)
class LinkView:
    """Another ticket and what this one is to it. `subject` is empty where the viewer may not see it."""

    other_id: int
    reason: str
    subject: str
    state: str
    is_seen: bool


@dataclass(frozen=True, slots=True)
class ItemView:
    """One thing on the checklist."""

    id: int
    text: str
    done_at: datetime | None
    done_by: str


@dataclass(frozen=True, slots=True)
class Aside:
    """Everything beside one ticket. `called` has the names of what its history speaks of, by kind and id."""

    tags: Sequence[tuple[int, str]] = ()
    links: Sequence[LinkView] = ()
    watchers: Sequence[tuple[int, str]] = ()
    items: Sequence[ItemView] = ()
    fields: Sequence[Asked] = ()
    returns: Sequence[Shown] = ()
    distinct: frozenset[int] = frozenset()  # tickets somebody said are not about the same matter
    called: Mapping[tuple[str, int], str] = field(default_factory=dict)
    has_draft: bool = False  # the viewer has begun to write, or has thrown that away

    @property
    def done_count(self) -> int:
        """How many items are ticked off."""
        return sum(item.done_at is not None for item in self.items)

    def is_watched_by(self, agent_id: int) -> bool:
        """Whether they hear of it."""
        return any(agent_id == watcher_id for watcher_id, _ in self.watchers)


def of(db: Session, ticket: Ticket, *, agent: Agent, staff: Mapping[int, Agent], language: str) -> Aside:
    """What stands beside a ticket for this agent."""
    assert ticket.id is not None
    found: dict[str, list[Any]] = {}
    for row in ask(db, _everything(), ticket_id=ticket.id, agent_id=agent.id):
        found.setdefault(row[0], []).append(row)
    asked = fields.of(db, ticket)
    items = sorted(found.get("item", ()), key=lambda row: (row.number, row.id))
    called = {("tag", row.id): row.text for row in found.get("tag", ())}
    called |= {("item", row.id): row.text for row in items}
    called |= {("field", each.id): each.called(language) for each in asked}
    linked = _links(db, ticket.id, found.get("link", ()), agent)
    back = returns.of_ticket(db, ticket.id, language=language) if "return" in found else []
    called |= {("return", each.id): each.product for each in back}
    return Aside(
        sorted(((row.id, row.text) for row in found.get("tag", ())), key=lambda pair: tags.key_of(pair[1])),
        [each for each in linked if each.reason != "distinct"],
        [(row.id, staff[row.id].name) for row in found.get("watcher", ()) if row.id in staff],
        [
            ItemView(row.id, row.text, row.at, by.name if (by := staff.get(row.other or 0)) else "")
            for row in items
            if row.code != "removed"
        ],
        asked,
        back,
        frozenset(each.other_id for each in linked if each.reason == "distinct"),
        called,
        "draft" in found,
    )


def names(
    db: Session, aside: Aside | None, wanted: set[tuple[str, int]], *, language: str
) -> Mapping[tuple[str, int], str]:
    """What tags, items and fields are called, those included that are not there any more."""
    known = aside.called if aside else {}
    missing = wanted - known.keys()
    if not missing:
        return known
    ids = {kind: [number for each, number in missing if each == kind] for kind in ("tag", "item", "field")}
    asked = [
        sa.select(sa.literal(kind).label("kind"), column, text).where(column.in_(ids[kind]))
        for kind, column, text in (
            ("tag", col(Tag.id), col(Tag.name)),
            ("item", col(ChecklistItem.id), col(ChecklistItem.text)),
            ("field", col(TicketField.id), called(TicketField, language)),
        )
        if ids[kind]
    ]
    if back := [number for each, number in missing if each == "return"]:
        product = sa.select(sa.literal("return"), col(ProductReturn.id), called(Product, language)).join(
            Product, col(Product.id) == ProductReturn.product_id
        )
        asked.append(product.where(col(ProductReturn.id).in_(back)))
    if not asked:
        return known
    return {**known, **{(kind, number): text for kind, number, text in db.execute(sa.union_all(*asked))}}


def _links(db: Session, ticket_id: int, rows: Sequence[Any], agent: Agent) -> list[LinkView]:
    if not rows:
        return []
    served = set(agents.queue_ids(db, agent))
    made = []
    for row in rows:
        first, second = (ticket_id, row.id) if row.number else (row.id, ticket_id)
        reason = links.seen_from(TicketLink(ticket_id=first, other_id=second, kind=LinkKind(row.code)), ticket_id)
        is_seen = row.other in served
        made.append(LinkView(row.id, reason, row.text if is_seen else "", row.state, is_seen))
    return sorted(made, key=lambda each: each.other_id)


@lru_cache(maxsize=1)
def _everything() -> sa.CompoundSelect[Any]:
    ticket_id = sa.bindparam("ticket_id", type_=sa.Integer)
    nothing, no_time = sa.cast(sa.null(), sa.Integer), sa.cast(sa.null(), sa.DateTime(timezone=True))

    def columns(what: str, number_of: Any, **told: Any) -> sa.Select[Any]:
        return sa.select(
            sa.literal(what).label("what"),
            number_of.label("id"),
            told.get("code", sa.literal("")).label("code"),
            told.get("text", sa.literal("")).label("text"),
            told.get("state", sa.literal("")).label("state"),
            told.get("number", sa.literal(0)).label("number"),
            told.get("other", nothing).label("other"),
            told.get("at", no_time).label("at"),
        )

    linked = {
        "code": sa.cast(TicketLink.kind, sa.String), "text": col(Ticket.subject),
        "state": sa.cast(Ticket.state, sa.String), "other": col(Ticket.queue_id),
    }  # fmt: skip
    return sa.union_all(
        columns("tag", col(Tag.id), text=col(Tag.name))
        .join(TicketTag, col(TicketTag.tag_id) == Tag.id)
        .where(col(TicketTag.ticket_id) == ticket_id),
        columns("link", col(TicketLink.other_id), number=sa.literal(1), **linked)
        .join(Ticket, col(Ticket.id) == TicketLink.other_id)
        .where(col(TicketLink.ticket_id) == ticket_id),
        columns("link", col(TicketLink.ticket_id), number=sa.literal(0), **linked)
        .join(Ticket, col(Ticket.id) == TicketLink.ticket_id)
        .where(col(TicketLink.other_id) == ticket_id),
        columns("watcher", col(TicketWatcher.agent_id), at=col(TicketWatcher.since)).where(
            col(TicketWatcher.ticket_id) == ticket_id
        ),
        columns(
            "item", col(ChecklistItem.id), text=col(ChecklistItem.text), number=col(ChecklistItem.position),
            other=col(ChecklistItem.done_by_id), at=col(ChecklistItem.done_at),
            code=sa.case((col(ChecklistItem.removed_at).is_not(None), "removed"), else_=""),
        ).where(col(ChecklistItem.ticket_id) == ticket_id),
        columns("return", col(ProductReturn.id)).where(
            col(ProductReturn.ticket_id) == ticket_id, col(ProductReturn.state) != ReturnState.WITHDRAWN
        ),
        columns("draft", col(KeptDraft.id)).where(
            col(KeptDraft.ticket_id) == ticket_id,
            col(KeptDraft.agent_id) == sa.bindparam("agent_id", type_=sa.Integer),
        ),
    )  # fmt: skip
