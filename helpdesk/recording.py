"""What telephone systems told this desk, as a recording that can be played elsewhere and names nobody.

The idea: callbacks are kept as they came, so a day can be told again. In the recording every number is another one,
the same for the same caller, of a block that is given to nobody; lines and agents are counted; names, notes and the
systems' own ids stay here.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from cti.scenarios import EVENTS, Step
from helpdesk import callbacks, exchanges
from helpdesk.errors import Rejected
from helpdesk.settings import Settings
from models import Inbound, InboundKind

MASKED = "+81800{:07}"
_SYSTEMS = (InboundKind.TWILIO, InboundKind.PUSH)


def recorded(db: Session, *, since: datetime, until: datetime, settings: Settings) -> Iterator[Step]:
    """The steps of what was told in that time, oldest first. What nobody understood is left out."""
    kept = select(Inbound).where(
        col(Inbound.kind).in_(_SYSTEMS), Inbound.received_at >= since, Inbound.received_at < until
    )
    began: datetime | None = None
    callers: dict[str, int] = {}
    lines: dict[str, int] = {}
    staff: dict[str, int] = {}
    calls: dict[tuple[str, str], int] = {}
    for inbound in db.exec(kept.order_by(col(Inbound.received_at), col(Inbound.id)).execution_options(yield_per=500)):
        try:
            told = callbacks.events_of(inbound, exchanges.behind(db, inbound), settings=settings)
        except Rejected:
            continue
        for event in told:
            if event.kind not in EVENTS or event.direction in ("out", "internal"):
                continue
            began = began or inbound.received_at
            yield Step(
                at=round((inbound.received_at - began).total_seconds(), 3),
                event=event.kind,
                call=f"call-{_counted(calls, (event.source, event.call_id))}",
                caller="anonymous" if event.withheld else _masked(callers, event.caller),
                called=f"line-{_counted(lines, event.called)}" if event.called and event.kind == "ring" else "",
                agents=tuple(f"agent-{_counted(staff, agent)}" for agent in event.agents),
                cause=event.cause,
                door="twilio" if inbound.kind == InboundKind.TWILIO else "push",
            )


def _masked(callers: dict[str, int], caller: str) -> str:
    return MASKED.format(_counted(callers, caller)) if caller else ""


def _counted(known: dict[Any, int], name: Any) -> int:
    return known.setdefault(name, len(known) + 1)
