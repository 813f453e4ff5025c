"""Who answers and who watches. A supervisor is an agent with a role."""

from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field

from models.base import Row, choice, json_column, points_to


class Role(StrEnum):
    AGENT = "agent"
    SUPERVISOR = "supervisor"


class Presence(StrEnum):
    """What an agent is doing. `busy` covers ringing accepted and talking; `away` carries a reason."""

    OFFLINE = "offline"
    READY = "ready"
    BUSY = "busy"
    WRAP_UP = "wrap_up"
    AWAY = "away"


class Agent(Row, table=True):
    id: int | None = Field(default=None, primary_key=True)
    name: str
    reading: str = ""
    email: str = Field(unique=True)  # lower case; the name one signs in with
    role: Role = choice(Role, Role.AGENT)
    language: str = "ja"  # of the pages: "ja" or "en"
    theme: str = ""  # "", "light" or "dark"; "" follows the machine
    password_hash: str = ""
    phone: str = ""  # where the telephone system rings the agent: E.164, "sip:..." or "client:..."
    extension: str = Field(default="", index=True)  # how an exchange names the agent
    languages: list[str] = json_column(default_factory=lambda: ["ja"])  # in which the agent can answer
    most_calls: int = 1  # at once
    most_tickets: int = 0  # open ones, to be given more by the desk; 0: no limit
    shortcuts: bool = True  # keys that are a single letter do something
    telling: dict[str, Any] = json_column(default_factory=dict)  # what by which ways, see helpdesk/ways.py
    is_active: bool = True
    created_at: datetime


class Login(Row, table=True):
    """One signed-in browser. Only the SHA-256 of its token is kept, so a stolen database signs nobody in."""

    id: int | None = Field(default=None, primary_key=True)
    token_hash: str = Field(unique=True)
    agent_id: int = points_to("agent.id", index=True, ondelete="CASCADE")
    created_at: datetime
    seen_at: datetime
    expires_at: datetime


class AgentState(Row, table=True):
    """One stretch of an agent's day. The stretch without an end is what the agent is doing now."""

    __table_args__ = (
        sa.Index(
            "uq_agentstate_current",
            "agent_id",
            unique=True,
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        ),
        sa.Index("ix_agentstate_agent_started", "agent_id", "started_at"),
    )

    id: int | None = Field(default=None, primary_key=True)
    agent_id: int = points_to("agent.id", ondelete="CASCADE")
    state: Presence = choice(Presence)
    reason: str = ""
    started_at: datetime
    ended_at: datetime | None = None
