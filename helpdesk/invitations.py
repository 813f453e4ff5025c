"""How a new agent comes to a password: a link that is shown once, opens once, and ends after a week.

Only the hash of its token is kept, so nobody who reads the database can use it; a new link ends the one before.
"""

import secrets
from datetime import datetime, timedelta

from sqlmodel import Session, select

from helpdesk import agents, tokens
from helpdesk.errors import NotFound
from models import Agent, Invitation

LASTS = timedelta(days=7)


def invite(db: Session, agent: Agent, *, now: datetime) -> str:
    """The token of the link, which is kept nowhere but with whoever is told it."""
    assert agent.id is not None
    token = secrets.token_urlsafe(24)
    row = db.get(Invitation, agent.id) or Invitation(agent_id=agent.id, token_hash="", created_at=now, expires_at=now)
    row.token_hash, row.created_at, row.expires_at = tokens.hash_of(token), now, now + LASTS
    db.add(row)
    db.flush()
    return token


def opened(db: Session, token: str, *, now: datetime) -> Agent:
    """Whom a link invites. Raises `NotFound` for one that was used, ended, or never was."""
    row = db.exec(select(Invitation).where(Invitation.token_hash == tokens.hash_of(token))).first()
    agent = db.get(Agent, row.agent_id) if row and row.expires_at > now else None
    if agent is None or not agent.is_active:
        raise NotFound("invitation_gone")
    return agent


def accept(db: Session, token: str, password: str, *, now: datetime) -> Agent:
    """Let the agent sign in with this password from now on. Raises `NotFound`, or `Invalid("password_too_short")`."""
    agent = opened(db, token, now=now)
    agents.change(db, agent, password=password, by=agent, now=now)
    db.delete(db.get_one(Invitation, agent.id))
    return agent
