"""Calls an agent begins from a number on a page: their own telephone rings first, then the number is dialed.

The one idea: the call has its id before Asterisk hears of it (`ChannelId`), so the row, the card on the agent's screen
and whatever the manager interface says of it are one call from the beginning. What became of it is said by the card.
"""

import re
import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from cti import CallEvent
from cti.asterisk import DESK
from helpdesk import agents, seals
from helpdesk.asterisk.connection import Access, access_of, connected
from helpdesk.asterisk.wires import source_of
from helpdesk.calls import hearing
from helpdesk.customers import contact_points
from helpdesk.errors import NotAllowed, NotFound, Rejected
from helpdesk.events import emit
from helpdesk.facts import CallChanged
from helpdesk.settings import Settings
from models import Agent, Call, CallState, Exchange, ExchangeKind, ExchangeState, Presence, Ticket

RING_SECONDS = 30
"""How long the agent's own telephone rings."""
_CONNECTED = (
    select(Exchange)
    .where(
        col(Exchange.is_active), Exchange.kind == ExchangeKind.ASTERISK, Exchange.state == ExchangeState.CONNECTED
    )
    .order_by(col(Exchange.id))
    .limit(1)
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Order:
    """A call that is about to be begun."""

    call_id: int
    key: str
    access: Access
    channel: str
    context: str
    number: str  # as it is dialed


def can_dial(db: Session, agent: Agent) -> bool:
    """Whether a number on a page has a button for this agent."""
    return bool(agent.extension) and db.exec(_CONNECTED).first() is not None


def begin(
    db: Session, agent: Agent, typed: str, *, ticket: Ticket | None = None, settings: Settings, now: datetime
) -> Order:
    """Make the row of the call. Raises `NotAllowed` without an extension, `NotFound` without an exchange, `Invalid` for
    what is no number, and `Rejected("secret_lost")`."""
    if not re.fullmatch(r"[A-Za-z0-9_.*#-]{1,40}", agent.extension):
        raise NotAllowed("dial_no_extension", agent_id=agent.id)
    exchange = db.exec(_CONNECTED).first()
    if exchange is None:
        raise NotFound("dial_no_exchange")
    e164 = contact_points.to_e164(typed, region=settings.region)
    system = str(exchange.options.get("system") or "")
    key = f"{DESK}{secrets.token_hex(12)}"
    event = CallEvent(
        source=source_of(exchange), call_id=f"{system}-{key}" if system else key, kind="ring", direction="out",
        event_id=f"{source_of(exchange)}:{key}:dialed", caller=agent.extension, called=e164, at=now,
    )  # fmt: skip
    call = hearing.record(db, event, region=settings.region, open_ticket_days=settings.open_ticket_days, now=now)
    if ticket is not None:
        call.ticket_id, call.queue_id = ticket.id, ticket.queue_id
    assert call.id is not None
    access = access_of(exchange.options, seals.unseal(exchange.secret, settings=settings))
    channel = str(exchange.options.get("dial_channel") or "PJSIP/{extension}")
    return Order(
        call.id, key, access, channel.replace("{extension}", agent.extension),
        str(exchange.options.get("dial_context") or "from-internal"), dialed(e164, region=settings.region),
    )  # fmt: skip


async def ring(order: Order) -> None:
    """Have the agent's telephone rung, and the number dialed when it is picked up. Returns when Asterisk has taken the
    order; what becomes of it is told to whoever listens.

    Raises `Rejected("dial_refused")` when it says no, and what `connected` raises.
    """
    async with connected(order.access, events="off") as connection:
        answer = await connection.ask(
            "Originate", key=order.key, Channel=order.channel, ChannelId=order.key, Context=order.context,
            Exten=order.number, Priority="1", CallerID=f"<{order.number}>", Timeout=str(RING_SECONDS * 1000),
            Async="true",
        )  # fmt: skip
    if answer.get("Response") != "Success":
        raise Rejected("dial_refused")


def rings(db: Session, call_id: int, agent: Agent, *, now: datetime) -> None:
    """Asterisk rings the agent's telephone: the call is on their screen. It may be over already."""
    call = _call(db, call_id)
    call.agent_id = agent.id
    agents.set_state(
        db, agent.id or 0, Presence.WRAP_UP if call.state == CallState.ENDED else Presence.BUSY, now=now
    )  # fmt: skip
    _say(db, call, agent, "dialed", now=now)


def failed(db: Session, call_id: int, agent: Agent, *, settings: Settings, now: datetime) -> None:
    """It never began: the list of calls says so, and there is nothing to wrap up."""
    call = _call(db, call_id)
    event = CallEvent(
        source=call.source, call_id=call.call_key, kind="hangup", direction="out", cause="failed", at=now,
        event_id=f"{call.source}:{call.call_key}:hangup",
    )  # fmt: skip
    hearing.record(db, event, region=settings.region, open_ticket_days=settings.open_ticket_days, now=now)
    call.agent_id, call.wrapped_up_at = agent.id, now
    _say(db, call, agent, "dial_failed", now=now)


def dialed(e164: str, *, region: str) -> str:
    """A number as one dials it at home: digits with the leading zero; from abroad with its plus."""
    told = contact_points.national(e164, region)
    return e164 if told.startswith("+") else re.sub(r"\D", "", told)


def _call(db: Session, call_id: int) -> Call:
    call = db.exec(select(Call).where(Call.id == call_id).with_for_update()).first()
    if call is None:
        raise NotFound("not_found", call_id=call_id)
    return call


def _say(db: Session, call: Call, agent: Agent, what: str, *, now: datetime) -> None:
    emit(
        db,
        CallChanged(
            call_id=call.id or 0, queue_id=call.queue_id or 0, agent_ids=[agent.id or 0], ticket_id=call.ticket_id,
            what=what, by_id=agent.id, at=now,
        ),
    )  # fmt: skip
