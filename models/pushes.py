"""Where Web Push reaches an agent who has no page of the desk open, and the key that says it is this desk."""

from datetime import datetime

from sqlmodel import Field

from models.base import Row, points_to


class PushKey(Row, table=True):
    """The desk's own pair of keys for Web Push (VAPID, RFC 8292). Made when the first browser subscribes."""

    id: int | None = Field(default=None, primary_key=True)
    public_key: str  # the point, uncompressed, as base64url: what browsers are given
    private_key: str  # sealed
    created_at: datetime


class PushSubscription(Row, table=True):
    """One browser that may be pushed to. Whoever signs out there is told nothing more; a sign-in that ran out, or
    another one since, leaves it in force, as one expects of a telephone in a pocket."""

    id: int | None = Field(default=None, primary_key=True)
    agent_id: int = points_to("agent.id", index=True, ondelete="CASCADE")
    login_id: int | None = points_to("login.id", default=None, index=True, ondelete="SET NULL")
    endpoint: str = Field(unique=True)
    p256dh: str  # the browser's public key and
    auth: str  # its secret, both as base64url: what a push is encrypted for
    created_at: datetime
