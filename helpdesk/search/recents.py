"""What an agent searched for last: a few searches of one's own, offered again while the box is empty."""

from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk.search import letters
from helpdesk.search.asking import LONGEST
from models import Agent, RecentSearch
from models.looking import ask

KEPT: Final = 8
_LAST = (
    sa.select(col(RecentSearch.typed))
    .where(col(RecentSearch.agent_id) == sa.bindparam("agent_id"))
    .order_by(col(RecentSearch.at).desc(), col(RecentSearch.id).desc())
    .limit(1)
)


def of(db: Session, agent: Agent) -> list[str]:
    """The last searches, the newest first."""
    newest = select(RecentSearch.typed).where(RecentSearch.agent_id == agent.id)
    return list(db.exec(newest.order_by(col(RecentSearch.at).desc(), col(RecentSearch.id).desc()).limit(KEPT)))


def is_last(db: Session, agent: Agent, typed: str) -> bool:
    """Whether the last search was for the very same."""
    found = ask(db, _LAST, agent_id=agent.id)
    return bool(found) and found[0][0] == typed[:LONGEST]


def remember(db: Session, agent_id: int, typed: str, *, now: datetime) -> None:
    """Put a search in front; the same one again, however it is written, is one."""
    key = " ".join(letters.fold(typed[:LONGEST]).split())
    if not key:
        return
    mine = select(RecentSearch).where(RecentSearch.agent_id == agent_id)
    known = db.exec(mine.where(RecentSearch.key == key)).first()
    if known is None:
        known = RecentSearch(agent_id=agent_id, key=key, typed="", at=now)
        db.add(known)
    known.typed, known.at = typed[:LONGEST], now
    db.flush()
    for old in db.exec(mine.order_by(col(RecentSearch.at).desc(), col(RecentSearch.id).desc()).offset(KEPT)):
        db.delete(old)
    db.flush()


def forget(db: Session, agent: Agent) -> None:
    """Forget them all."""
    db.execute(sa.delete(RecentSearch).where(col(RecentSearch.agent_id) == agent.id))
