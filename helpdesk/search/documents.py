"""What tickets, customers and calls are found by: all their words, as documents of the index.

The idea: a ticket is one document with everything that was ever said in it and in what was merged into it, so a search
counts tickets and not mails, and words of different mails are found together; only a very long one has several. It
holds its customer's number, not the name: who is renamed is found by the new name at once.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from helpdesk.customers import contact_points
from helpdesk.search import letters
from helpdesk.search.index import CALL, CALLS, CUSTOMERS, DIVIDER, HEAD, MAIL, NOTE, PIECES, Terms
from models import (
    Attachment,
    Call,
    ContactPoint,
    Customer,
    FieldValue,
    Message,
    MessageState,
    Note,
    PointKind,
    Purchase,
    Tag,
    Ticket,
    TicketTag,
)
from models.looking import ask, is_sqlite, listed, numbers

PIECE = 8000
"""Terms of a ticket that are looked at together; what is said beyond makes another document of the same ticket."""
LONGEST = 100_000
"""Characters of one mail that are read."""


@dataclass(slots=True)
class Things:
    """Ids of what is to be looked at anew."""

    tickets: set[int] = field(default_factory=set)
    customers: set[int] = field(default_factory=set)
    calls: set[int] = field(default_factory=set)

    def __len__(self) -> int:
        return len(self.tickets) + len(self.customers) + len(self.calls)


CODE, TAIL, WHOSE, FILE, FROM, TO, KEY = "·n", "·d", "·c", "·file", "·f", "·t", "·k"
"""Before terms that no text has: a number without what divides it, the last four digits of a telephone, a customer's
id; that there is a file; who wrote and to whom; the beginning of a name or reading as contact_points folds them."""


class Terming:
    """Collects the terms of one thing, part by part; no phrase reaches from one part into the next."""

    def __init__(self) -> None:
        self.parts: list[tuple[int, list[str]]] = []
        self.single: list[set[str]] = [set(), set(), set(), set()]
        self.head: dict[str, None] = {}

    def add(self, column: int, text: str) -> None:
        """A text of this column, and the numbers in it."""
        text = text[:LONGEST]
        if found := letters.terms_of(text):
            self.parts.append((column, found))
            self.single[column].update(each for each in found if len(each) == 1 or each[0] > "\u3000")
            if any(map(str.isdigit, text)):
                self.head.update(dict.fromkeys(codes(text)))

    def add_name(self, name: str, before: str = "") -> None:
        """A person's name or address, also as if it had no spaces; `before` says what the person has to do with it."""
        joined = re.sub(r"\s+", "", name) if not name.isascii() else name
        for spelling in dict.fromkeys((name, joined)):
            found = letters.terms_of(spelling)
            self.parts.append((HEAD, found))
            self.single[HEAD].update(each for each in found if each[0] > "\u3000")
            if before:
                self.parts.append((HEAD, [before + each for each in found]))

    def documents(self, first: int, pieces: int = PIECES) -> dict[int, Terms]:
        """Its documents by number. What stands in the head stands in each."""
        head = [part for part in self.parts if part[0] == HEAD]
        size, chunks = 0, [list(head)]
        for column, found in (part for part in self.parts if part[0] != HEAD):
            while found:
                room = PIECE - size
                if len(found) > room and (room < PIECE // 4 or len(found) <= PIECE):
                    chunks.append(list(head))
                    size, room = 0, PIECE
                chunks[-1].append((column, found[:room]))
                size += min(room, len(found))
                # Two pieces share a term, so that no pair of neighbors is torn apart.
                found = found[room - 1 :] if len(found) > room else []
        made = {}
        for number, chunk in enumerate(chunks[:pieces]):
            columns: list[list[str]] = [[], [], [], []]
            for column, found in chunk:
                columns[column] += [*found, DIVIDER]
            columns[HEAD] += self.head
            for column, words in enumerate(columns):
                if len(chunks) == 1 or column == HEAD:
                    words += sorted({each[0] for each in self.single[column]})
                else:
                    words += sorted({each[0] for each in words if each[0] > "\u3000"})
            made[first + number] = tuple(" ".join(words) for words in columns)
        return made  # type: ignore[return-value]


def codes(text: str) -> Iterator[str]:
    """The numbers in a text as they are found however they are divided: of orders, parcels, telephones, and these by
    their last four digits too."""
    folded = letters.fold(text)
    for found in _CODE.finditer(folded):
        joined = re.sub("[^0-9a-z]", "", found[0])
        if 4 <= len(joined) <= letters.LONGEST_TERM and any(map(str.isdigit, joined)):
            yield CODE + joined
    for found in _PHONE.finditer(folded):
        digits = re.sub("[^0-9]", "", found[0])
        if found[0].startswith("+81"):
            digits = "0" + digits[2:].removeprefix("0")
        if 9 <= len(digits) <= 15:
            yield CODE + digits
            yield TAIL + digits[-4:]


_CODE = re.compile(r"[0-9a-z]+(?:[-_/.][0-9a-z]+)+")
_PHONE = re.compile(r"(?<![0-9a-z])(?:\+ ?)?\(?[0-9][0-9() .-]{7,18}[0-9](?![0-9a-z])")


def of(db: Session, things: Things) -> dict[tuple[int, int], dict[int, Terms]]:
    """The documents of these things as they are now: by place, the first and the last number a thing may have. What is
    gone or has no words has none."""
    places: dict[tuple[int, int], dict[int, Terms]] = {}
    if things.calls:
        places |= _calls(db, things)
    if things.customers:
        places |= _customers(db, things.customers)
    if things.tickets:
        places |= _tickets(db, things.tickets)
    return places


def _customers(db: Session, ids: set[int]) -> dict[tuple[int, int], dict[int, Terms]]:
    places: dict[tuple[int, int], dict[int, Terms]] = {(CUSTOMERS + each, CUSTOMERS + each): {} for each in ids}
    told: dict[int, Terming] = {}
    for customer in db.scalars(_CUSTOMERS, {"ids": list(ids)}):
        terming = told[customer.id or 0] = Terming()
        for name in filter(None, (customer.name, customer.reading, customer.company, customer.number)):
            terming.add_name(name)
        keys = [customer.name_key, customer.reading_key, *map(contact_points.reading_key, customer.reading.split()[1:])]
        for key in filter(None, keys):
            terming.parts.append((HEAD, [KEY, *(KEY + term for term in letters.terms_of(key))]))
        for text in filter(None, (customer.caution, customer.note)):
            terming.add(NOTE, text)
    for point in db.scalars(_POINTS, {"ids": list(ids)}):
        if point.kind == PointKind.PHONE:
            told[point.customer_id].head.update(dict.fromkeys(codes(point.key)))
        else:
            told[point.customer_id].add_name(point.value)
    for purchase in db.scalars(_PURCHASES, {"ids": list(ids)}):
        told[purchase.customer_id].add(HEAD, purchase.order_number)
    for customer_id, terming in told.items():
        places[CUSTOMERS + customer_id, CUSTOMERS + customer_id] = terming.documents(CUSTOMERS + customer_id, 1)
    return places


def _calls(db: Session, things: Things) -> dict[tuple[int, int], dict[int, Terms]]:
    """Calls of no ticket are found by themselves; the others' words are their tickets'."""
    places: dict[tuple[int, int], dict[int, Terms]] = {(CALLS + each, CALLS + each): {} for each in things.calls}
    for call in db.scalars(_CALLS, {"ids": list(things.calls)}):
        if call.ticket_id is not None:
            things.tickets.add(call.ticket_id)
            continue
        terming = Terming()
        _hear(terming, call)
        if call.customer_id:
            terming.head[f"{WHOSE}{call.customer_id}"] = None
        places[CALLS + (call.id or 0), CALLS + (call.id or 0)] = terming.documents(CALLS + (call.id or 0), 1)
    return places


def _hear(terming: Terming, call: Call) -> None:
    if call.number:
        terming.head.update(dict.fromkeys(codes(call.number)))
    if call.note:
        terming.add(CALL, call.note)


def _tickets(db: Session, asked: set[int]) -> dict[tuple[int, int], dict[int, Terms]]:
    """The documents of tickets, each with those that were merged into it, which have none of their own."""
    home = homes(db, asked)
    places: dict[tuple[int, int], dict[int, Terms]] = {
        (each * PIECES, each * PIECES + PIECES - 1): {} for each in {*asked, *home, *home.values()}
    }
    told = {each: Terming() for each in home.values()}
    asked_for = {"ids": list(home)}
    run = db.connection().execute
    for ticket_id, subject, customer_id in run(_TICKETS, asked_for):
        terming = told[home[ticket_id]]
        terming.add(HEAD, subject)
        if customer_id and home[ticket_id] == ticket_id:
            terming.head[f"{WHOSE}{customer_id}"] = None
    _read_mails(db, asked_for, home, told)
    for ticket_id, text in run(_NOTES, asked_for):
        told[home[ticket_id]].add(NOTE, text)
    for call in db.scalars(_CALLS_OF, asked_for):
        _hear(told[home[call.ticket_id or 0]], call)
    for ticket_id, word in (*run(_TAGS, asked_for), *run(_VALUES, asked_for)):
        told[home[ticket_id]].add(HEAD, word)
    for ticket_id, terming in told.items():
        first = ticket_id * PIECES
        places[first, first + PIECES - 1] = terming.documents(first)
    return places


def homes(db: Session, asked: Iterable[int]) -> dict[int, int]:
    """All tickets that have to do with these by merging, each with the one its conversation goes on in."""
    into: dict[int, int | None] = {}
    left, ours = set(asked), is_sqlite(db)
    while left:
        rows = ask(db, _merged(ours), ids=numbers(left, ours))
        into |= {ticket_id: target for ticket_id, target in rows}
        left = {*(target for _, target in rows if target), *(ticket_id for ticket_id, _ in rows)} - left - set(into)
        left |= {target for target in into.values() if target and target not in into}
    found = {}
    for ticket_id in into:
        seen, at = {ticket_id}, ticket_id
        while (target := into.get(at)) and target not in seen:
            at = target
            seen.add(at)
        found[ticket_id] = at
    return found


def _read_mails(db: Session, asked_for: dict[str, list[int]], home: dict[int, int], told: dict[int, Terming]) -> None:
    people: dict[int, dict[tuple[str, str], None]] = defaultdict(dict)
    lines: dict[int, set[str]] = defaultdict(set)
    subjects: dict[int, set[str]] = defaultdict(set)
    rows = db.connection().execute(_MAILS, asked_for)
    for ticket_id, subject, name, address, to, cc, text, reply, quoted, signature in rows:
        ticket_id = home[ticket_id]
        terming, own = told[ticket_id], people[ticket_id]
        own |= {(FROM, each): None for each in (name, address) if each}
        own |= {(TO, each): None for each in (*to[:20], *cc[:20])}
        if (stem := _ANSWERS.sub("", subject)) not in subjects[ticket_id]:
            subjects[ticket_id].add(stem)
            terming.add(HEAD, stem)
        said = reply or text
        if said:
            terming.add(MAIL, said)
        seen = lines[ticket_id]
        seen.update(map(str.strip, said.splitlines()))
        # What is quoted was said before, and a signature is always the same: only what is new in them.
        beside = [*quoted.splitlines(), *signature.splitlines()]
        new = dict.fromkeys(_UNQUOTED.sub("", line).strip() for line in beside)
        if reply and (more := [line for line in new if line and line not in seen]):
            seen.update(more)
            terming.add(MAIL, "\n".join(more))
    for ticket_id, named in people.items():
        for before, each in named:
            told[ticket_id].add_name(each, before)
    for ticket_id, name in db.connection().execute(_FILES, asked_for):
        told[home[ticket_id]].add(HEAD, name)
        told[home[ticket_id]].head[FILE] = None


_ANSWERS = re.compile(r"^(?:\s*(?:re|fwd?|返信|転送)\s*[::]\s*)+", re.IGNORECASE)
_UNQUOTED = re.compile(r"^(?:\s*[>＞|]\s?)+")


# Built once: they are asked whenever there is news.
@lru_cache
def _merged(ours: bool) -> Any:
    """These tickets, and those that were merged into them. Asked apart: with both in one condition SQLite may walk
    through every ticket."""
    found: Any = sa.select(col(Ticket.id), col(Ticket.merged_into_id))
    given = listed("ids", ours)
    return sa.union_all(found.where(col(Ticket.id).in_(given)), found.where(col(Ticket.merged_into_id).in_(given)))


def _is_asked_for(column: Any) -> Any:
    return column.in_(sa.bindparam("ids", expanding=True))


_CUSTOMERS = sa.select(Customer).where(_is_asked_for(col(Customer.id)))
_POINTS = sa.select(ContactPoint).where(_is_asked_for(col(ContactPoint.customer_id)))
_PURCHASES = sa.select(Purchase).where(_is_asked_for(col(Purchase.customer_id)))
_CALLS = sa.select(Call).where(_is_asked_for(col(Call.id)))
_CALLS_OF = sa.select(Call).where(_is_asked_for(col(Call.ticket_id)))
_TICKETS: Any = sa.select(col(Ticket.id), col(Ticket.subject), col(Ticket.customer_id)).where(
    _is_asked_for(col(Ticket.id))
)
_NOTES = sa.select(col(Note.ticket_id), col(Note.text)).where(_is_asked_for(col(Note.ticket_id)))
_TAGS = (
    sa.select(col(TicketTag.ticket_id), col(Tag.name))
    .join(Tag, col(Tag.id) == TicketTag.tag_id)
    .where(_is_asked_for(col(TicketTag.ticket_id)))
)
_VALUES = sa.select(col(FieldValue.ticket_id), col(FieldValue.value)).where(_is_asked_for(col(FieldValue.ticket_id)))
_MAILS = (
    sa.select(
        col(Message.ticket_id), col(Message.subject), col(Message.sender_name), col(Message.sender_address),
        col(Message.to), col(Message.cc), col(Message.text), col(Message.reply_text), col(Message.quoted_text),
        col(Message.signature),
    )
    .where(_is_asked_for(col(Message.ticket_id)), col(Message.state) != MessageState.WITHDRAWN)
    .order_by(col(Message.id))
)  # fmt: skip
_FILES = (
    sa.select(col(Message.ticket_id), col(Attachment.name))
    .join(Message, col(Message.id) == Attachment.message_id)
    .where(_is_asked_for(col(Message.ticket_id)), col(Attachment.is_inline).is_(False))
)
