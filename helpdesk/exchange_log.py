"""What telephone systems said and what they were answered, line by line, for whoever sets one up or looks for a call.

The idea: a line is written with the call it made, in the same transaction, so the log never tells of a call there is
not. The words are those that were kept, without the number of a caller who withholds it, and are forgotten after the
days of the setting DESK_EXCHANGE_LOG_DAYS.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlmodel import Session, col, select

import cti.push
from cti import Rejected, legible
from models import Call, ExchangeLog, Inbound

LONGEST: Final = 4000
PAGE: Final = 50
RECENT: Final = 12
_REASONS: Final = {
    r"event is missing": "no_event", r"event ": "event", r"call_id is missing": "no_call_id", r"call_id ": "call_id",
    r"direction is missing": "no_direction", r"direction ": "direction", r"CallType": "report",
    r"not_json|not_an_object|not_a_form|the body": "fields", r"REQUIRED_PARAM_MISSING: id": "no_call_id",
    r"REQUIRED_PARAM_MISSING: state": "no_event", r"REQUIRED_PARAM_MISSING": "no_direction",
    r"this exchange is paused": "paused",
}  # fmt: skip
_OURS: Final = frozenset({"to", "call_id", "callid", "at", "timestamp", "seq"})


@dataclass(frozen=True, slots=True)
class Line:
    """One line as it is shown. `fields` is what was said as names and values, where it can be read as such."""

    id: int
    source: str
    what: str
    said: str
    shown: str  # the same for people to read
    reason: str  # why it was not taken, a code; "" where it was
    fields: Sequence[tuple[str, str]]
    answered: str
    status: int
    outcome: str
    call_id: int | None
    at: datetime


def write(
    db: Session, source: str, what: str, said: bytes | str, *, now: datetime, answered: str = "", status: int = 200,
    outcome: str = "", inbound: Inbound | None = None, call_id: int | None = None,
) -> None:  # fmt: skip
    """Add a line. `said` must be without a withheld number already."""
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    db.add(
        ExchangeLog(
            source=source[:100],
            what=what,
            said=legible(text, most=LONGEST),
            answered=legible(answered, most=500),
            status=status,
            outcome=outcome[:60],
            inbound_id=inbound.id if inbound else None,
            call_id=call_id or (inbound.call_id if inbound else None),
            at=now,
        )  # fmt: skip
    )


def page(
    db: Session, *, source: str = "", outcome: str = "", before: int | None = None, limit: int = PAGE
) -> tuple[list[Line], int | None]:
    """The newest lines, and the id to go on before; None when there are no more. `outcome` "bad" means what was not
    taken."""
    query = select(ExchangeLog).order_by(col(ExchangeLog.id).desc()).limit(limit + 1)
    if source:
        query = query.where(ExchangeLog.source == source)
    if outcome == "bad":
        query = query.where(ExchangeLog.status >= 400)
    elif outcome:
        query = query.where(ExchangeLog.outcome == outcome)
    if before:
        query = query.where(col(ExchangeLog.id) < before)
    rows = db.exec(query).all()
    lines = [_line(row) for row in rows[:limit]]
    return lines, lines[-1].id if len(rows) > limit else None


def recent(db: Session, source: str, *, limit: int = RECENT) -> list[Line]:
    """What this one posted last, newest first."""
    query = select(ExchangeLog).where(ExchangeLog.source == source, ExchangeLog.what == "push")
    return [_line(row) for row in db.exec(query.order_by(col(ExchangeLog.id).desc()).limit(limit))]


def sources(db: Session) -> list[str]:
    """Who has said anything that is still known."""
    return list(db.exec(select(ExchangeLog.source).distinct().order_by(ExchangeLog.source)))


def conceal(db: Session, call: Call) -> None:
    """The caller of this call turned out to withhold the number: what was written before names it no more."""
    lines = select(ExchangeLog).where(ExchangeLog.call_id == call.id, col(ExchangeLog.inbound_id).is_not(None))
    for line in db.exec(lines).all():
        if _names_somebody(line.said) and (inbound := db.get(Inbound, line.inbound_id)):
            line.said, inbound.raw, inbound.is_forgotten = "", b"", True


def forget(db: Session, *, before: datetime, limit: int = 1000) -> int:
    """Let go of lines older than that. Returns how many."""
    old = select(ExchangeLog.id).where(col(ExchangeLog.at) < before).order_by(col(ExchangeLog.at)).limit(limit)
    ids = db.exec(old).all()
    if ids:
        db.execute(sa.delete(ExchangeLog).where(col(ExchangeLog.id).in_(ids)))
    return len(ids)


def _line(row: ExchangeLog) -> Line:
    fields = fields_of(row.said)
    is_form = len(fields) > 0 and not row.said.lstrip().startswith("{") and row.what == "push"
    shown = "  ".join(f"{name}={value}" for name, value in fields) if is_form else row.said
    reason = reason_of(row.answered) if row.outcome == "unreadable" else ""
    return Line(row.id or 0, row.source, row.what, row.said, shown, reason, fields, row.answered, row.status,
                row.outcome, row.call_id, row.at)  # fmt: skip


def reason_of(sentence: str) -> str:
    """The code of what an exchange was told is wrong with its post, for pages that speak other languages."""
    return next((code for begins, code in _REASONS.items() if re.match(begins, sentence)), "other")


def fields_of(said: str) -> list[tuple[str, str]]:
    """Names and values of what was said; [] when it has none."""
    try:
        told: dict[str, Any] = cti.push.flat(cti.push.decode(said.encode("utf-8", "replace"), ""))
    except Rejected:
        return []
    return [(name, ", ".join(values)) for name, values in told.items()][:60]


def _names_somebody(said: str) -> bool:
    """Whether a number can be read in it, whatever stands beside it. What we dialed and who answered are numbers, too:
    a line too many is emptied rather than one too few."""
    return any(re.search(r"\d{6}", re.sub(r"[\s()+-]", "", value)) and name.lower() not in _OURS
               for name, value in fields_of(said))  # fmt: skip
