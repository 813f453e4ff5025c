"""The ledger of mail: what arrived by which way on which day, and what came of every one of them.

The one idea: every mail that was kept is in exactly one column (helpdesk/mail/outcomes.py), so the columns add up to
what was kept, and each figure is a list of mails. A day is one of the desk's own zone and of the hour at which a mail
was kept. What a mailbox had is told apart (`MailboxDay`): how many mails its server listed for the first time that day.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk import inbox, mailboxes
from helpdesk.errors import NotFound
from helpdesk.mail import outcomes, parse, posted
from helpdesk.settings import Settings
from models import (
    Direction,
    Inbound,
    InboundKind,
    InboundState,
    Mailbox,
    MailboxDay,
    Message,
    Parked,
    Redelivery,
)

DAYS = 14
PAGE = 50
HEAD_BYTES = 32_768  # enough of a mail that became no message to say who wrote about what
COLUMNS: Final = ("ticket", "joined", "note", "ignored", "parked", "failed", "waiting")
"""What was kept is their sum."""
WHAT: Final = ("kept", "read", *COLUMNS, "repeat")
"""The lists there are."""


@dataclass(slots=True)
class Day:
    """One source's figures of one day. `had` is None where nobody says how many there were."""

    day: date
    counts: Counter[str] = field(default_factory=Counter)
    repeats: int = 0
    had: int | None = None

    @property
    def kept(self) -> int:
        """All that was stored."""
        return sum(self.counts[name] for name in COLUMNS)

    @property
    def read(self) -> int:
        """All that was stored and does not wait."""
        return self.kept - self.counts["waiting"]


@dataclass(frozen=True, slots=True)
class Source:
    """A way by which mail comes: "smtp", "http:NAME" or "mailbox:3", whose name the mailbox says."""

    source: str
    name: str
    days: list[Day]

    @property
    def busy(self) -> list[Day]:
        """The days on which anything came."""
        return [day for day in self.days if day.kept or day.repeats or day.had]

    @property
    def total(self) -> Day:
        """All days together."""
        had = [day.had for day in self.days if day.had is not None]
        counts = sum((day.counts for day in self.days), Counter[str]())
        return Day(self.days[-1].day, counts, sum(day.repeats for day in self.days), sum(had) if had else None)


@dataclass(frozen=True, slots=True)
class Page:
    """Some days, newest first. `older` and `newer` are the last days of the pages beside it, None at the ends."""

    sources: list[Source]
    first: date
    last: date
    older: date | None
    newer: date | None


@dataclass(frozen=True, slots=True)
class Row:
    """A mail in a list. Sender and subject are as its message has them, or as its head says."""

    inbound_id: int
    at: datetime
    kind: str
    outcome: str
    sender_name: str
    sender_address: str
    subject: str
    ticket_id: int | None


@dataclass(frozen=True, slots=True)
class Rows:
    """A page of mails, newest first; `older` begins the next one."""

    rows: list[Row]
    older: str
    day: Day


@dataclass(frozen=True, slots=True)
class Detail:
    """All that is known about one mail. `message` is what it became, `parked` what a person still has to decide."""

    inbound: Inbound
    source_name: str
    kind: str
    message: Message | None
    parked: Parked | None
    size_bytes: int
    repeats: int
    can_assign: bool


def today(settings: Settings, now: datetime) -> date:
    """The day it is at the desk."""
    return day_of(now, settings)


def day_of(at: datetime, settings: Settings) -> date:
    """The day a mail is counted on."""
    return at.astimezone(ZoneInfo(settings.timezone)).date()


def page(db: Session, *, last: date | None = None, settings: Settings, now: datetime) -> Page:
    """The fourteen days that end with `last`, or with today."""
    newest = today(settings, now)
    last = min(last or newest, newest)
    days = [last - timedelta(days=back) for back in range(DAYS)]
    found, present = _figures(db, days, settings), _sources(db, settings)
    named = {source: _name_of_old(source) for source, _ in found} | present
    sources = [
        Source(source, name, [found.get((source, day)) or Day(day) for day in days])
        for source, name in (present | named).items()
    ]
    before = sa.select(sa.literal(1)).where(
        col(Inbound.kind) == InboundKind.MAIL, col(Inbound.received_at) < _begin(days[-1], settings)
    )
    has_older = db.scalar(before.limit(1)) is not None
    return Page(
        sources,
        days[-1],
        last,
        days[-1] - timedelta(days=1) if has_older else None,
        min(last + timedelta(days=DAYS), newest) if last < newest else None,
    )


def rows(db: Session, source: str, day: date, what: str, *, cursor: str = "", settings: Settings) -> Rows:
    """The mails behind a figure. Raises `NotFound` for a figure there is not."""
    if what not in WHAT:
        raise NotFound("not_found", what=what[:40])
    begin, end = _begin(day, settings), _begin(day + timedelta(days=1), settings)
    at = col(Redelivery.at) if what == "repeat" else col(Inbound.received_at)
    key = col(Redelivery.id) if what == "repeat" else col(Inbound.id)
    heard = sa.and_(col(Message.inbound_id) == col(Inbound.id), col(Message.direction) == Direction.IN)
    query = (
        sa.select(
            col(Inbound.id), at, col(Inbound.state), col(Inbound.outcome), col(Inbound.ticket_id), key,
            col(Message.sender_name), col(Message.sender_address), col(Message.subject),
        )
        .join(Message, heard, isouter=True)
        .where(at >= begin, at < end)
        .order_by(at.desc(), key.desc())
        .limit(PAGE + 1)
    )  # fmt: skip
    if what == "repeat":
        query = query.join(Redelivery, col(Redelivery.inbound_id) == Inbound.id).where(col(Redelivery.source) == source)
    else:
        query = query.where(col(Inbound.kind) == InboundKind.MAIL, col(Inbound.source) == source, *counted_as(what))
    if cursor:
        query = query.where(sa.tuple_(at, key) < sa.tuple_(*_parse(cursor)))
    found = db.execute(query).all()
    shown = found[:PAGE]
    heads = _heads(db, [row[0] for row in shown if row[7] is None])
    listed = []
    for inbound_id, when, state, outcome, ticket_id, _, name, address, subject in shown:
        kind = "repeat" if what == "repeat" else outcomes.kind_of(InboundState(state), outcome)
        told = (name, address, subject) if address is not None else heads.get(inbound_id, ("", "", ""))
        listed.append(Row(inbound_id, when, kind, outcome, told[0], told[1], told[2], ticket_id))
    older = f"{shown[-1][1].isoformat()}~{shown[-1][5]}" if len(found) > PAGE else ""
    return Rows(listed, older, _figures(db, [day], settings).get((source, day)) or Day(day))


def detail(db: Session, inbound_id: int) -> Detail:
    """Raises `NotFound` for what is no mail."""
    inbound = db.get(Inbound, inbound_id)
    if inbound is None or inbound.kind != InboundKind.MAIL:
        raise NotFound("not_found", inbound_id=inbound_id)
    message = db.exec(
        select(Message).where(Message.inbound_id == inbound_id, Message.direction == Direction.IN)
    ).first()
    parked = db.exec(select(Parked).where(Parked.inbound_id == inbound_id, col(Parked.settled_at).is_(None))).first()
    repeats = db.scalar(sa.select(sa.func.count()).where(col(Redelivery.inbound_id) == inbound_id)) or 0
    return Detail(
        inbound,
        called(db, inbound.source),
        outcomes.kind_of(inbound.state, inbound.outcome),
        message,
        parked,
        len(inbound.raw),
        repeats,
        inbox.is_loose(inbound),
    )


def called(db: Session, source: str) -> str:
    """A source as people know it; "" where its own kind says all, as "smtp" does."""
    kind, _, name = source.partition(":")
    if kind == "mailbox":
        mailbox = db.get(Mailbox, int(name)) if name.isdecimal() and len(name) <= 9 else None
        return mailbox.name if mailbox else _name_of_old(source)
    return _name_of_old(source)


def _sources(db: Session, settings: Settings) -> dict[str, str]:
    """The ways by which mail may come now, with their names."""
    return {
        **({"smtp": ""} if settings.mail_port else {}),
        **{f"http:{name}": name for name in settings.mail_push_tokens},
        **{mailboxes.source_of(mailbox): mailbox.name for mailbox in mailboxes.everyone(db)},
    }


def _name_of_old(source: str) -> str:
    """Of a way that is no more, such as a mailbox that was deleted."""
    kind, _, name = source.partition(":")
    return {"smtp": "", "mailbox": f"#{name}", "http": name}.get(kind, source)


def _begin(day: date, settings: Settings) -> datetime:
    """Midnight at the desk, in UTC; days with 23 or 25 hours included."""
    return datetime.combine(day, time(), ZoneInfo(settings.timezone)).astimezone(UTC)


def _figures(db: Session, days: Sequence[date], settings: Settings) -> dict[tuple[str, date], Day]:
    """By source and day; `days` follow one another. Reads nothing but indexes, and of these days alone."""
    oldest_first = sorted(days)
    begins = [_begin(day, settings) for day in (*oldest_first, oldest_first[-1] + timedelta(days=1))]
    found: dict[tuple[str, date], Day] = {}

    def of(source: str, day: date) -> Day:
        return found.setdefault((source, day), Day(day))

    place = _place(col(Inbound.received_at), begins)
    kept = (
        sa.select(col(Inbound.source), place, col(Inbound.state), col(Inbound.outcome), sa.func.count())
        .where(
            col(Inbound.kind) == InboundKind.MAIL,
            col(Inbound.received_at) >= begins[0],
            col(Inbound.received_at) < begins[-1],
        )
        .group_by(col(Inbound.source), sa.literal_column("2"), col(Inbound.state), col(Inbound.outcome))
    )
    for source, number, state, outcome, count in db.execute(kept):
        of(source, oldest_first[number]).counts[outcomes.kind_of(InboundState(state), outcome)] += count
    again = sa.select(col(Redelivery.source), _place(col(Redelivery.at), begins), sa.func.count()).where(
        col(Redelivery.at) >= begins[0], col(Redelivery.at) < begins[-1]
    ).group_by(col(Redelivery.source), sa.literal_column("2"))  # fmt: skip
    for source, number, count in db.execute(again):
        of(source, oldest_first[number]).repeats += count
    had = sa.select(col(MailboxDay.mailbox_id), col(MailboxDay.day), col(MailboxDay.had)).where(
        col(MailboxDay.mailbox_id).in_([mailbox.id for mailbox in mailboxes.everyone(db)]),
        col(MailboxDay.day).between(oldest_first[0], oldest_first[-1]),
    )
    for mailbox_id, day, count in db.execute(had):
        of(f"mailbox:{mailbox_id}", day).had = count
    return found


def _place(at: Any, begins: Sequence[datetime]) -> "sa.ColumnElement[int]":
    """The number of the day a time lies in."""
    return sa.case(*((at < end, number) for number, end in enumerate(begins[1:])), else_=len(begins) - 2)


def counted_as(what: str) -> "list[sa.ColumnElement[bool]]":
    """A condition for each list; together those of `COLUMNS` hold for every mail, and no two of them for one."""
    state, outcome = col(Inbound.state), col(Inbound.outcome)
    done = state == InboundState.DONE
    return {
        "kept": [],
        "read": [state != InboundState.WAITING],
        "waiting": [state == InboundState.WAITING],
        "parked": [state == InboundState.PARKED, outcome.in_(outcomes.PARKED)],
        "failed": [state == InboundState.PARKED, outcome.not_in(outcomes.PARKED)],
        "ignored": [state == InboundState.IGNORED],
        "joined": [done, outcome.in_(outcomes.JOINED)],
        "note": [done, outcome.in_(outcomes.NOTE)],
        "ticket": [done, outcome.not_in((*outcomes.JOINED, *outcomes.NOTE))],
    }[what]


def _heads(db: Session, inbound_ids: Sequence[int]) -> dict[int, tuple[str, str, str]]:
    """Name, address and subject of mails that became no message, from the beginning of their bytes."""
    found = db.execute(
        sa.select(col(Inbound.id), sa.func.substr(col(Inbound.raw), 1, HEAD_BYTES)).where(
            col(Inbound.id).in_(inbound_ids)
        )
    )
    told = {}
    for inbound_id, beginning in found:
        head = posted.mail_of(bytes(beginning)).replace(b"\r\n", b"\n").partition(b"\n\n")[0]
        email = parse.read(head + b"\n\n")
        sender = email.sender
        told[inbound_id] = (sender.name if sender else "", sender.address if sender else "", email.subject)
    return told


def _parse(cursor: str) -> tuple[datetime, int]:
    at, _, key = cursor.partition("~")
    try:
        return datetime.fromisoformat(at).astimezone(UTC), int(key)
    except (ValueError, OverflowError) as error:
        raise NotFound("not_found", cursor=cursor[:60]) from error
