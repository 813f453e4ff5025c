"""What one agent is told: a mention, a ticket given to them, a promise about to break.

The idea: a verb that concerns somebody in particular says so once, here, in its own transaction. By which ways it
reaches them, the page, the desktop, a mail or a telephone, is decided from the fact afterwards, by their own choice
(helpdesk/ways.py). A notification holds no words: they are read from what it points to, by whoever may see that now.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from helpdesk import access, romaji, ways
from helpdesk.events import emit
from helpdesk.facts import AgentNotified, NotificationsRead
from models import Agent, Notification, NotificationKind, Product, ProductWarning, Ticket
from models.base import called

LISTED = 100

SAID = {
    "ja": {
        "mentioned": "{who}さんがメモであなたを呼びました",
        "assigned": "{who}さんがあなたを担当にしました",
        "assigned_by_desk": "問い合わせが割り当てられました",
        "answered": "お客様から返信がありました",
        "watched": "ウォッチ中の問い合わせに動きがありました",
        "at_risk": "対応期限が近づいています",
        "breached": "対応期限を過ぎました",
        "reviewed": "あなたの応対に評価が届きました",
        "product": "商品についての問い合わせか返品が増えています",
        "product_inquiries": "{product}についての問い合わせが増えています",
        "product_returns": "{product}の返品が増えています",
    },
    "en": {
        "mentioned": "{who} mentioned you in a note",
        "assigned": "{who} assigned a ticket to you",
        "assigned_by_desk": "A ticket was assigned to you",
        "answered": "The customer has answered",
        "watched": "There is news in a ticket you watch",
        "at_risk": "A promise is about to be broken",
        "breached": "A promise is overdue",
        "reviewed": "Your answer was rated",
        "product": "Inquiries about a product or its returns have risen",
        "product_inquiries": "Inquiries about {product} have risen",
        "product_returns": "Returns of {product} have risen",
    },
}
"""One sentence a kind, for page, mail and push alike, by the reader's language."""
_SOMEBODY = {"ja": "同僚", "en": "A colleague"}


@dataclass(frozen=True, slots=True)
class Told:
    """One notification in words."""

    id: int
    kind: str
    words: str
    ticket_id: int | None  # None: there is none, or it may no longer be seen
    subject: str
    by_name: str
    at: datetime
    is_read: bool
    path: str  # where it leads


def tell(
    db: Session,
    agent_id: int,
    kind: NotificationKind,
    *,
    ticket_id: int | None = None,
    note_id: int | None = None,
    warning_id: int | None = None,
    by_id: int | None = None,
    now: datetime,
) -> None:
    """Tell an agent something. Nobody is told what they did themselves."""
    if agent_id == by_id:
        return
    row = Notification(agent_id=agent_id, kind=kind, ticket_id=ticket_id, note_id=note_id, warning_id=warning_id,
                       by_id=by_id, at=now)  # fmt: skip
    db.add(row)
    db.flush()
    assert row.id is not None
    emit(db, AgentNotified(agent_id=agent_id, notification_id=row.id, what=kind, by_id=by_id, at=now))


def unread_query(agent_id: Any, kinds: Sequence[NotificationKind]) -> sa.Select[Any]:
    """How many the agent has not read, of those that are shown on the page."""
    mine = sa.and_(col(Notification.agent_id) == agent_id, col(Notification.read_at).is_(None))
    return sa.select(sa.func.count(col(Notification.id))).where(mine, col(Notification.kind).in_(kinds))


def unread(db: Session, agent: Agent) -> int:
    """The same, asked by itself."""
    return db.scalar(unread_query(agent.id, ways.kinds_by(agent, "page"))) or 0


def has_unread(db: Session, agent: Agent, ticket_id: int) -> bool:
    """Whether the agent was told something of this ticket and has not read it."""
    mine = sa.and_(col(Notification.agent_id) == agent.id, col(Notification.read_at).is_(None))
    found = sa.select(col(Notification.id)).where(mine, col(Notification.ticket_id) == ticket_id)
    return db.scalar(found.limit(1)) is not None


def listed(db: Session, agent: Agent, *, way: str = "page", limit: int = LISTED) -> list[Told]:
    """The newest, in the agent's language: those that reach them by this way."""
    query = _rows(db, agent).where(col(Notification.kind).in_(ways.kinds_by(agent, way)))
    return in_words(db.execute(query.order_by(col(Notification.id).desc()).limit(limit)), agent.language)


def one(db: Session, agent: Agent, notification_id: int) -> Told | None:
    """A notification of the agent's in words; None where it is not theirs."""
    told = in_words(db.execute(_rows(db, agent).where(col(Notification.id) == notification_id)), agent.language)
    return told[0] if told else None


def to_mail(db: Session, agent: Agent) -> list[Told]:
    """What a mail to the agent would say: unread, in no mail before, and wanted by mail. Oldest first."""
    query = _rows(db, agent).where(
        col(Notification.read_at).is_(None),
        col(Notification.mailed_at).is_(None),
        col(Notification.kind).in_(ways.kinds_by(agent, "mail")),
    )
    return in_words(db.execute(query.order_by(col(Notification.id)).limit(LISTED)), agent.language)


def mailed(db: Session, ids: Sequence[int], *, now: datetime) -> None:
    """These stood in a mail."""
    db.execute(sa.update(Notification).where(col(Notification.id).in_(ids)).values(mailed_at=now))


def read(db: Session, agent: Agent, *, ids: Sequence[int] | None = None, ticket_id: int | None = None,
         now: datetime) -> int:  # fmt: skip
    """The agent has read some, those of a ticket, or all. Returns how many were unread."""
    assert agent.id is not None
    mine = sa.and_(col(Notification.agent_id) == agent.id, col(Notification.read_at).is_(None))
    change = sa.update(Notification).where(mine)
    if ids is not None:
        change = change.where(col(Notification.id).in_(ids))
    if ticket_id is not None:
        change = change.where(col(Notification.ticket_id) == ticket_id)
    changed = db.execute(change.values(read_at=now).returning(col(Notification.id))).all()
    if changed:
        emit(db, NotificationsRead(agent_id=agent.id, by_id=agent.id, at=now))
    return len(changed)


def unread_again(db: Session, agent: Agent, notification_id: int, *, now: datetime) -> None:
    """Lay it by for later."""
    assert agent.id is not None
    row = db.get(Notification, notification_id)
    if row is not None and row.agent_id == agent.id and row.read_at is not None:
        row.read_at = None
        emit(db, NotificationsRead(agent_id=agent.id, by_id=agent.id, at=now))


def in_words(rows: Any, language: str) -> list[Told]:
    """Rows of `_rows` as sentences."""
    lang = language if language in SAID else "en"
    said = []
    for row in rows:
        code = "assigned_by_desk" if row.kind == NotificationKind.ASSIGNED and not row.name else str(row.kind)
        code += f"_{row.what}" if row.product else ""
        who = romaji.spoken(row.name or "", row.reading or "", lang)
        words = SAID[lang][code].format(who=who or _SOMEBODY[lang], product=row.product)
        path = f"/tickets/{row.ticket_id}" if row.ticket_id else "/notifications"
        path = "/reviews/mine" if row.kind == NotificationKind.REVIEWED else path
        path = f"/reports/products#warning-{row.warning_id}" if row.warning_id else path
        path += f"#note-entry-{row.note_id}" if row.ticket_id and row.note_id else ""
        said.append(Told(row.id, str(row.kind), words, row.ticket_id, row.subject or "", who, row.at,
                         row.read_at is not None, path))  # fmt: skip
    return said


def _rows(db: Session, agent: Agent) -> sa.Select[Any]:
    """With who did it, the product it is about, and the ticket's subject as far as the agent may see it now."""
    by: Any = aliased(Agent)
    rows: sa.Select[Any] = (
        sa.select(
            col(Notification.id),
            col(Notification.kind),
            col(Notification.note_id),
            col(Notification.warning_id),
            col(Notification.at),
            col(Notification.read_at),
            col(Ticket.id).label("ticket_id"),
            col(Ticket.subject),
            by.name,
            by.reading,
            called(Product, agent.language).label("product"),
            col(ProductWarning.what),
        )
        .join(Ticket, sa.and_(col(Ticket.id) == Notification.ticket_id, access.seen_tickets(db, agent)), isouter=True)
        .join(by, by.id == Notification.by_id, isouter=True)
        .join(ProductWarning, col(ProductWarning.id) == Notification.warning_id, isouter=True)
        .join(Product, col(Product.id) == ProductWarning.product_id, isouter=True)
        .where(col(Notification.agent_id) == agent.id)
    )
    return rows
