"""Views that somebody kept: a filter, an order and what rows show, under a name in the rail.

A view is a question and never a list: whoever opens a shared one gets the tickets that they may see themselves. One
that was deleted can be taken back for `KEPT`.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlmodel import Session, col

from helpdesk import agents, filters
from helpdesk.errors import Invalid, NotAllowed, NotFound
from helpdesk.events import emit
from helpdesk.facts import ViewChanged
from helpdesk.filters import Filter, sorting
from models import Agent, Membership, Role, SavedView, ViewAudience
from models.looking import remembered

NAME_MAX = 60
MOST = 50
"""Views of one owner: a longer rail is found through by nobody."""
KEPT = timedelta(hours=1)
COLUMNS = ("snippet", "queue", "assignee", "tags", "confidence", "created", "company")
"""What a row can show besides its customer, subject, state, priority and due time."""
USUAL = ("snippet", "queue", "assignee", "tags", "confidence", "company")

_AGENT: Any = sa.bindparam("agent_id")
_OWN = col(SavedView.owner_id) == _AGENT
_SERVED = col(SavedView.queue_id).in_(sa.select(col(Membership.queue_id)).where(col(Membership.agent_id) == _AGENT))


def _seen_by(is_served: Any) -> Callable[[sa.Select[Any]], sa.Select[Any]]:
    def seen(every: sa.Select[Any]) -> sa.Select[Any]:
        return every.where(
            col(SavedView.deleted_at).is_(None),
            sa.or_(
                _OWN,
                col(SavedView.audience) == ViewAudience.EVERYBODY,
                sa.and_(col(SavedView.audience) == ViewAudience.QUEUE, is_served),
            ),
        ).order_by(sa.case((_OWN, 0), else_=1), col(SavedView.position), col(SavedView.id))

    return seen


_BY_ROLE = {Role.AGENT: _seen_by(_SERVED), Role.SUPERVISOR: _seen_by(sa.true())}
_OF = {role: seen(sa.select(SavedView)) for role, seen in _BY_ROLE.items()}
_SEEN = {role: remembered(SavedView, seen) for role, seen in _BY_ROLE.items()}


def of(db: Session, agent: Agent) -> list[SavedView]:
    """The agent's own, then those shared with them, each in their order. Asked once a transaction."""
    found: dict[int | None, list[SavedView]] = db.info.setdefault("saved_views", {})
    if agent.id not in found:
        if db.info.get("is_reading"):
            found[agent.id] = _SEEN[agent.role].all(db, agent_id=agent.id)
        else:
            found[agent.id] = list(db.scalars(_OF[agent.role], {"agent_id": agent.id}))
    return found[agent.id]


def get(db: Session, agent: Agent, view_id: int) -> SavedView:
    """Raises `NotFound` for one that the agent does not see."""
    found = db.get(SavedView, view_id)
    if found is None or found.deleted_at is not None or not sees(db, agent, found):
        raise NotFound("not_found", view_id=view_id)
    return found


def sees(db: Session, agent: Agent, view: SavedView) -> bool:
    """Whether it is the agent's own or shared with them."""
    if view.owner_id == agent.id or view.audience == ViewAudience.EVERYBODY:
        return True
    is_shared = view.audience == ViewAudience.QUEUE and view.queue_id is not None
    return is_shared and agents.serves(db, agent, view.queue_id or 0)


def may_change(agent: Agent, view: SavedView) -> bool:
    """The owner; and supervisors, what is shared."""
    if view.owner_id == agent.id:
        return view.audience == ViewAudience.OWNER or agent.role == Role.SUPERVISOR
    return agent.role == Role.SUPERVISOR and view.audience != ViewAudience.OWNER


def save(
    db: Session,
    view: SavedView | None,
    *,
    name: str,
    asked: Filter,
    sort: str,
    columns: Sequence[str],
    audience: str,
    queue_id: int | None,
    by: Agent,
    now: datetime,
) -> SavedView:
    """A new view, or another question for one. Raises `Invalid` with the field, or `NotAllowed`."""
    name = " ".join(name.split())
    if not name:
        raise Invalid("view_name_missing", field="name")
    if len(name) > NAME_MAX:
        raise Invalid("view_name_too_long", field="name")
    if sort not in sorting.SORTS:
        raise Invalid("unknown_choice", field="sort")
    if audience not in set(ViewAudience):
        raise Invalid("unknown_choice", field="audience")
    if audience != ViewAudience.OWNER and by.role != Role.SUPERVISOR:
        raise NotAllowed("not_allowed", agent_id=by.id)
    if audience == ViewAudience.QUEUE and (queue_id is None or queue_id not in agents.queue_ids(db, by)):
        raise Invalid("queue_missing", field="queue_id")
    checked = filters.checked(db, asked)
    assert by.id is not None
    if view is None:
        owned = sa.select(sa.func.count(), sa.func.max(col(SavedView.position))).where(
            col(SavedView.owner_id) == by.id, col(SavedView.deleted_at).is_(None)
        )
        count, last = db.execute(owned).one()
        if count >= MOST:
            raise Invalid("too_many_views", field="name")
        view = SavedView(name=name, owner_id=by.id, position=(last or 0) + 1, created_at=now)
        db.add(view)
    elif not may_change(by, view):
        raise NotAllowed("not_allowed", view_id=view.id)
    view.name, view.conditions, view.sort = name, checked.stored(), sort
    view.columns = [column for column in COLUMNS if column in columns]
    view.audience = ViewAudience(audience)
    view.queue_id = queue_id if view.audience == ViewAudience.QUEUE else None
    _say(db, view, "saved", by=by, now=now)
    return view


def move(db: Session, view: SavedView, *, up: bool, by: Agent, now: datetime) -> None:
    """One place up or down among those of its owner. At the end it stays."""
    _must_change(by, view)
    mine = col(SavedView.owner_id) == view.owner_id
    rows = list(db.scalars(sa.select(SavedView).where(mine, col(SavedView.deleted_at).is_(None))
                           .order_by(col(SavedView.position), col(SavedView.id))))  # fmt: skip
    at = rows.index(view)
    to = max(0, min(len(rows) - 1, at + (-1 if up else 1)))
    if to == at:
        return
    rows.insert(to, rows.pop(at))
    for place, each in enumerate(rows, start=1):
        each.position = place
    _say(db, view, "moved", by=by, now=now)


def delete(db: Session, view: SavedView, *, by: Agent, now: datetime) -> None:
    """Take it out of the rail; `restore` puts it back."""
    _must_change(by, view)
    view.deleted_at = now
    _say(db, view, "deleted", by=by, now=now)


def restore(db: Session, view_id: int, *, by: Agent, now: datetime) -> SavedView:
    """Put back what was deleted within `KEPT`. Raises `NotFound` afterwards, and for those of others."""
    view = db.get(SavedView, view_id)
    if view is None or not may_change(by, view) or (view.deleted_at and view.deleted_at < now - KEPT):
        raise NotFound("not_found", view_id=view_id)
    if view.deleted_at is not None:
        view.deleted_at = None
        _say(db, view, "restored", by=by, now=now)
    return view


def forget_deleted(db: Session, *, now: datetime) -> None:
    """Erase what can no longer be taken back."""
    db.execute(sa.delete(SavedView).where(col(SavedView.deleted_at) < now - KEPT))


def _must_change(by: Agent, view: SavedView) -> None:
    if not may_change(by, view):
        raise NotAllowed("not_allowed", view_id=view.id)


def _say(db: Session, view: SavedView, what: str, *, by: Agent, now: datetime) -> None:
    db.flush()
    db.info.pop("saved_views", None)
    assert view.id is not None
    emit(db, ViewChanged(view_id=view.id, what=what, by_id=by.id, at=now))


@event.listens_for(Session, "after_commit")
@event.listens_for(Session, "after_rollback")
def _forget(db: Session) -> None:
    db.info.pop("saved_views", None)
