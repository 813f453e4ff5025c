"""Keep what arrived before reading it; read it; park what cannot be read, for a person to replay.

The bytes are committed before the sender hears "yes", under the sender's own id, so a repeat changes nothing and a
crash loses nothing: whatever is still waiting at the next start is read then.
"""

import hashlib
import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import defer, make_transient_to_detached
from sqlmodel import Session, col, select

from helpdesk.errors import Conflict, place_of
from helpdesk.events import emit
from helpdesk.facts import MailIgnored, ParkedSettled, SomethingParked
from models import Agent, Inbound, InboundKind, InboundState, Parked, ParkedKind, Redelivery
from models.database import Prepared

ATTEMPTS = 3
"""A mail or callback that breaks this often is parked."""

# Built once, as are the other statements on the way from a ringing telephone to the card.
_TABLE: sa.Table = Inbound.__table__  # type: ignore[attr-defined]
_KEPT = (
    "kind", "source", "sender_key", "state", "outcome", "raw", "envelope", "attempts", "is_forgotten", "received_at"
)  # fmt: skip
_KEEP = {
    name: Prepared(dialect.insert(_TABLE).on_conflict_do_nothing().returning(_TABLE.c.id), _KEPT)
    for name, dialect in (("sqlite", sqlite), ("postgresql", postgresql))
}
_ROW = select(Inbound).where(Inbound.id == sa.bindparam("id")).with_for_update()
_WAITING = select(Inbound).where(Inbound.id == sa.bindparam("id"), Inbound.state == InboundState.WAITING)
_TOLD = re.compile(rb"^(?:from|subject|date)[ \t]*:[^\n]*(?:\n[ \t][^\n]*)*", re.IGNORECASE | re.MULTILINE)
_RAWS = sa.select(_TABLE.c.id, _TABLE.c.raw).where(_TABLE.c.id.in_(sa.bindparam("ids", expanding=True)))
_SIZES = sa.select(_TABLE.c.id, sa.func.length(_TABLE.c.raw)).where(
    _TABLE.c.id.in_(sa.bindparam("ids", expanding=True))
)
_CLAIM_ALL = (
    select(Inbound)
    .where(col(Inbound.id).in_(sa.bindparam("ids", expanding=True)), Inbound.state == InboundState.WAITING)
    .options(defer(Inbound.raw))  # type: ignore[arg-type]
    .with_for_update(skip_locked=True)
)
_CLAIM = {wait: _WAITING.with_for_update(skip_locked=not wait) for wait in (False, True)}

logger = logging.getLogger(__name__)


def keep(
    db: Session,
    kind: InboundKind,
    source: str,
    sender_key: str,
    raw: bytes,
    *,
    envelope: dict[str, Any] | None = None,
    now: datetime,
) -> tuple[int, bool]:
    """Store what arrived. Returns its id, and whether it is new; a repeat returns the first one's id."""
    values = {
        "kind": kind,
        "source": source,
        "sender_key": sender_key,
        "state": InboundState.WAITING,
        "outcome": "",
        "raw": raw,
        "envelope": envelope or {},
        "attempts": 0,
        "is_forgotten": False,
        "received_at": now,
    }
    new = _KEEP[db.get_bind().dialect.name].run(db, values).scalar()
    if new is not None:
        return new, True
    first = db.scalar(sa.select(_TABLE.c.id).where(_TABLE.c.kind == kind, _TABLE.c.sender_key == sender_key))
    assert first is not None
    if kind == InboundKind.MAIL:
        db.add(Redelivery(inbound_id=first, source=source, at=now))
        emit(db, MailIgnored(inbound_id=first, outcome="repeat", at=now))
    return first, False


@dataclass(frozen=True, slots=True)
class Arrived:
    """One mail, as it stood at the door."""

    source: str
    raw: bytes
    envelope: dict[str, Any]
    at: datetime
    key: str = ""  # "": worked out from the bytes


def keep_mails(db: Session, mails: Sequence[Arrived]) -> list[tuple[int, bool]]:
    """`keep`, for mails that arrived side by side."""
    return [
        keep(
            db,
            InboundKind.MAIL,
            mail.source,
            mail.key or mail_key(mail.raw),
            mail.raw,
            envelope=mail.envelope,
            now=mail.at,
        )  # fmt: skip
        for mail in mails
    ]


def keep_row(
    db: Session,
    kind: InboundKind,
    source: str,
    sender_key: str,
    raw: bytes,
    *,
    envelope: dict[str, Any],
    now: datetime,
) -> Inbound:
    """`keep`, for who reads it in the same transaction: the row itself, locked; a repeat gets the first one's."""
    inbound_id, is_new = keep(db, kind, source, sender_key, raw, envelope=envelope, now=now)
    if not is_new:
        return db.exec(_ROW, params={"id": inbound_id}).one()
    row = Inbound(
        id=inbound_id, kind=kind, source=source, sender_key=sender_key, raw=raw, envelope=envelope, received_at=now
    )
    make_transient_to_detached(row)  # it is what was just written: reading it back would only cost time
    db.add(row)
    return row


def mail_key(raw: bytes) -> str:
    """What makes two deliveries the same mail: its Message-ID, From, Subject, Date and body.

    The trace headers above, their order and the folding may differ between two attempts of a sender that did not hear
    our "yes". Some forms give every mail the same id, which is why it is not enough. A mail without one, or without a
    blank line below its head, is compared by all its bytes.
    """
    head, below, body = raw.replace(b"\r\n", b"\n").partition(b"\n\n")
    found = re.search(rb"^message-id:\s*(?:\n[ \t]+)?(<[^>\n]{1,500}>)", head, re.IGNORECASE | re.MULTILINE)
    if not found or not below:
        return "sha256:" + hashlib.sha256(raw).hexdigest()
    told = sorted(b" ".join(field[0].split()) for field in _TOLD.finditer(head))
    parts = (found[1].strip(), hashlib.sha256(b"\n".join(told)).digest(), hashlib.sha256(body).digest())
    return hashlib.sha256(b"\n".join(parts)).hexdigest()


def waiting(db: Session, *, limit: int, above: int = 0, kind: InboundKind | None = None) -> list[int]:
    """Ids of what is kept but not read, oldest first."""
    query = select(Inbound.id).where(Inbound.state == InboundState.WAITING, col(Inbound.id) > above)
    if kind:
        query = query.where(Inbound.kind == kind)
    return [found for found in db.exec(query.order_by(col(Inbound.id)).limit(limit)) if found is not None]


def sizes_of(db: Session, inbound_ids: Sequence[int]) -> list[tuple[int, int]]:
    """Ids with how many bytes each has, in the order asked for, without reading these."""
    sizes = {each: size for each, size in db.connection().execute(_SIZES, {"ids": inbound_ids})}
    return [(each, sizes.get(each, 0)) for each in inbound_ids]  # whoever reads one that is gone says so


def handfuls(sizes: Iterable[tuple[int, int]], most: int, most_bytes: int) -> Iterator[list[int]]:
    """The ids in their order, so many and so many bytes together; what is larger alone is alone."""
    handful: list[int] = []
    weight = 0
    for inbound_id, size in sizes:
        if handful and (len(handful) == most or weight + size > most_bytes):
            yield handful
            handful, weight = [], 0
        handful.append(inbound_id)
        weight += size
    if handful:
        yield handful


def mails_of(db: Session, inbound_ids: Sequence[int]) -> list[bytes]:
    """The bytes of several mails, in the order asked for."""
    raws = {each: raw for each, raw in db.connection().execute(_RAWS, {"ids": inbound_ids})}
    return [raws[each] for each in inbound_ids]


def bytes_of(db: Session, inbound_id: int) -> tuple[InboundKind, bytes]:
    """What arrived, and as what."""
    kind, raw = db.exec(select(Inbound.kind, Inbound.raw).where(Inbound.id == inbound_id)).one()
    return InboundKind(kind), raw


def claim(db: Session, inbound_id: int, *, wait: bool = False) -> Inbound | None:
    """Take something to read in this transaction; None when it was read already or somebody else is reading it.

    With `wait` somebody else is waited for, so that None means: read.
    """
    return db.exec(_CLAIM[wait], params={"id": inbound_id}).first()


def claim_all(db: Session, inbound_ids: Sequence[int]) -> dict[int, Inbound]:
    """`claim` for several, in one statement. Their bytes stay where they are: who asks has read them already."""
    return {row.id or 0: row for row in db.exec(_CLAIM_ALL, params={"ids": inbound_ids})}


def done(
    inbound: Inbound,
    outcome: str,
    *,
    now: datetime,
    ticket_id: int | None = None,
    call_id: int | None = None,
    ignored: bool = False,
) -> None:
    """It was read, and this came of it."""
    inbound.state = InboundState.IGNORED if ignored else InboundState.DONE
    inbound.outcome, inbound.read_at, inbound.ticket_id, inbound.call_id = outcome, now, ticket_id, call_id


def done_quietly(
    db: Session,
    inbound: Inbound,
    outcome: str,
    *,
    now: datetime,
    ticket_id: int | None = None,
    ignored: bool = False,
) -> None:
    """A mail was read and became no message, so no message's fact tells of it: it has one of its own."""
    assert inbound.id is not None
    done(inbound, outcome, now=now, ticket_id=ticket_id, ignored=ignored)
    emit(db, MailIgnored(inbound_id=inbound.id, outcome=outcome, at=now))


def park(
    db: Session, inbound: Inbound, error: str, detail: str = "", *, within: Parked | None = None, now: datetime
) -> Parked:
    """It cannot be read; a supervisor will see it, as one of those `within` another line where that is given."""
    assert inbound.id is not None
    inbound.state, inbound.outcome, inbound.read_at = InboundState.PARKED, error, now
    kind = ParkedKind.MAIL if inbound.kind == InboundKind.MAIL else ParkedKind.CALLBACK
    parked = Parked(
        kind=kind, source=inbound.source, error=error, detail=detail, inbound_id=inbound.id,
        within_id=within.id if within else None, parked_at=now,
    )  # fmt: skip
    db.add(parked)
    db.flush()
    assert parked.id is not None
    emit(db, SomethingParked(parked_id=parked.id, at=now))
    return parked


def failed(db: Session, inbound_id: int, error: Exception, *, now: datetime) -> bool:
    """Reading broke. Counts the attempt; parks at the last one and returns True then."""
    inbound = claim(db, inbound_id)
    if inbound is None:
        return True
    inbound.attempts += 1
    if inbound.attempts < ATTEMPTS:
        return False
    park(db, inbound, type(error).__name__, place_of(error), now=now)
    return True


def park_work(db: Session, work: str, error: Exception, *, message_id: int | None = None, post_id: int | None = None,
              source: str = "", now: datetime) -> None:  # fmt: skip
    """Due work was given up; where it is to send a message, or a post to another system, that can be done again.
    `source` is whom it could not be done with, the work's own name where that is nobody in particular."""
    parked = Parked(
        kind=ParkedKind.WORK,
        source=source or work,
        error=getattr(error, "code", str(error))[:200] or work,
        detail=place_of(error),
        message_id=message_id,
        post_id=post_id,
        work=work,
        parked_at=now,
    )
    db.add(parked)
    db.flush()
    assert parked.id is not None
    emit(db, SomethingParked(parked_id=parked.id, at=now))


def replay(db: Session, parked: Parked, *, by: Agent, now: datetime) -> None:
    """Put it back in line, to be read or done again. Raises `Conflict` when somebody was faster."""
    _settle(db, parked, "replayed", by=by, now=now)
    for other in (parked, *_within(db, parked)):
        other.settled_at, other.settled_by_id, other.settlement = now, by.id, "replayed"
        _try_again(db, other, by=by, now=now)


def replay_posts(db: Session, *, by: Agent, now: datetime) -> int:
    """Put every post to another system that was given up back in line, the oldest first; how many."""
    waiting = select(Parked).where(col(Parked.post_id).is_not(None), col(Parked.settled_at).is_(None))
    rows = db.exec(waiting.order_by(col(Parked.id)).with_for_update()).all()
    for parked in rows:
        replay(db, parked, by=by, now=now)
    return len(rows)


def _try_again(db: Session, parked: Parked, *, by: Agent, now: datetime) -> None:
    if parked.inbound_id is not None and (inbound := db.get(Inbound, parked.inbound_id)):
        inbound.state, inbound.outcome, inbound.attempts, inbound.read_at = InboundState.WAITING, "", 0, None
    elif parked.message_id is not None:
        from helpdesk import outgoing
        from models import Message

        if message := db.get(Message, parked.message_id):
            outgoing.retry(db, message, by=by, now=now)
    elif parked.post_id is not None:
        from helpdesk import posts

        posts.again(db, parked.post_id, turn=parked.id or 0)


def dismiss(db: Session, parked: Parked, *, by: Agent, now: datetime) -> None:
    """Set it aside for good. The bytes stay as long as all bytes stay."""
    _settle(db, parked, "dismissed", by=by, now=now)
    for other in _within(db, parked):
        other.settled_at, other.settled_by_id, other.settlement = now, by.id, "dismissed"


def is_loose(inbound: Inbound) -> bool:
    """Whether a person may say where a mail belongs: it is on no ticket, and its bytes are here, all of them."""
    is_over = inbound.state in (InboundState.PARKED, InboundState.IGNORED) and inbound.kind == InboundKind.MAIL
    return is_over and inbound.ticket_id is None and not inbound.is_forgotten and inbound.outcome != "too_large"


def assigned(db: Session, inbound: Inbound, *, by: Agent, now: datetime) -> None:
    """A person said where it belongs: what was set aside about it is settled."""
    waiting = select(Parked).where(Parked.inbound_id == inbound.id, col(Parked.settled_at).is_(None))
    for parked in db.exec(waiting).all():
        _settle(db, parked, "assigned", by=by, now=now)


def forget(db: Session, *, before: datetime, limit: int = 500) -> int:
    """Empty the bytes of what was read before that time; what waits or is set aside keeps them. Returns how many."""
    old = (
        select(Inbound.id)
        .where(
            col(Inbound.received_at) < before,
            col(Inbound.state).in_((InboundState.DONE, InboundState.IGNORED)),
            col(Inbound.is_forgotten).is_(False),
        )
        .order_by(col(Inbound.received_at))
        .limit(limit)
    )
    ids = db.exec(old).all()
    db.execute(sa.update(Inbound).where(col(Inbound.id).in_(ids)).values(raw=b"", is_forgotten=True))
    return len(ids)


def open_count(db: Session) -> int:
    """How many wait for a supervisor."""
    return db.scalar(open_query()) or 0


def open_query() -> sa.Select[int]:
    """What `open_count` asks."""
    return sa.select(sa.func.count()).where(col(Parked.settled_at).is_(None), col(Parked.within_id).is_(None))


def _within(db: Session, parked: Parked) -> Sequence[Parked]:
    """What waits with it, for the same reason and from the same sender."""
    return db.exec(select(Parked).where(Parked.within_id == parked.id, col(Parked.settled_at).is_(None))).all()


def _settle(db: Session, parked: Parked, settlement: str, *, by: Agent, now: datetime) -> None:
    if parked.settled_at is not None:
        raise Conflict("already_settled", parked_id=parked.id)
    parked.settled_at, parked.settled_by_id, parked.settlement = now, by.id, settlement
    assert parked.id is not None
    emit(db, ParkedSettled(parked_id=parked.id, settlement=settlement, by_id=by.id, at=now))
