"""What an agent is asked before a mail leaves, as desks in Japan expect it; each question is a switch of the queue.

The one idea: a concern stands beside a draft and changes nothing in it. Whoever writes sees the concerns and says "send
it all the same"; that word holds for exactly this text, these recipients and these files, so a mail that was changed
afterwards is looked at anew. What must never leave is a stop, which only a supervisor sets aside.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk import outgoing, reply_locks, tickets, wording
from helpdesk.customers import records
from helpdesk.customers.contact_points import email_key
from helpdesk.errors import Invalid
from helpdesk.outgoing import UNSAID, Draft
from helpdesk.wording import Place
from models import (
    Agent,
    Customer,
    Direction,
    Mailbox,
    Message,
    MessageKind,
    Queue,
    Role,
    Ticket,
    UnreachableAddress,
)

SEEN_BY_ALL_MAX = 5
"""More addresses than this in To and Cc, where each sees all others, are asked about."""
MESSAGES_MAX = 500
AROUND = 24
"""Characters shown before and after the words a concern is about."""


@dataclass(frozen=True, slots=True)
class Concern:
    """One thing to think of. A "stop" keeps the mail here, a "confirm" asks. `excerpts` are the words it is about, and
    what stands around them; `addresses` those it is about."""

    code: str
    severity: Literal["stop", "confirm"] = "confirm"
    excerpts: Sequence[tuple[str, str, str]] = ()
    addresses: Sequence[str] = ()
    data: dict[str, Any] = field(default_factory=dict)


class Halted(Invalid):
    """The mail stays here until its author has decided about `concerns`. `confirmation` is the word that sends it all
    the same; "" where it must not."""

    def __init__(self, concerns: Sequence[Concern], confirmation: str) -> None:
        super().__init__("please_check", codes=[concern.code for concern in concerns])
        self.concerns, self.confirmation = concerns, confirmation


def check(db: Session, ticket: Ticket, draft: Draft, *, by: Agent, now: datetime, confirmed: str = "") -> None:
    """Raises `Halted` unless there is nothing to ask, or `confirmed` is the word given for this very mail; and where a
    colleague is writing to the customer. Raises `Invalid` for what could not be sent at all."""
    outgoing.check(draft, now=now)
    if lock := reply_locks.held_by_other(db, ticket, by=by, now=now):
        writer = db.get(Agent, lock.agent_id)
        raise Halted([Concern("reply_locked", "stop", data={"name": writer.name if writer else ""})], "")
    _ask(db, ticket, draft, by=by, confirmed=confirmed)


def check_first(
    db: Session, queue: Queue, customer: Customer | None, draft: Draft, *, by: Agent, now: datetime, confirmed: str = ""
) -> None:
    """The same for a mail that begins a ticket of this queue."""
    outgoing.check(draft, now=now)
    assert queue.id is not None
    unborn = tickets.unborn(queue_id=queue.id, customer=customer, language=queue.language, now=now)
    _ask(db, unborn, draft, by=by, confirmed=confirmed)


def concerns(db: Session, ticket: Ticket, draft: Draft, queue: Queue, agent: Agent) -> list[Concern]:
    """Everything to think of before this mail leaves, what stops it first."""
    text = draft.text
    found = [_about("banned_words", text, wording.banned(text, queue.banned_words), severity="stop")]
    if queue.warns_of_attachment and not draft.files and draft.kind != MessageKind.FORWARD:
        found.append(_about("attachment_forgotten", text, wording.attachment_said(text)))
    if queue.warns_of_name and draft.kind != MessageKind.FORWARD:
        customer = db.get(Customer, ticket.customer_id) if ticket.customer_id else None
        known = _known(db, ticket, customer)
        names = _about("wrong_name", text, wording.wrong_names(text, known))
        if names and customer:
            names.data["customer"] = customer.name
        found.append(names)
    if queue.warns_of_recipients:
        found += _of_recipients(db, ticket, draft)
    if queue.confirms_recipients:
        files = [{"name": file.name, "size_bytes": file.size_bytes} for file in draft.files]
        lines = {"to": list(draft.to), "cc": list(draft.cc), "bcc": list(draft.bcc), "files": files}
        found.append(Concern("recipients", data=lines))
    return [concern for concern in found if concern is not None]


def confirmation(ticket: Ticket, draft: Draft, found: Iterable[Concern], by: Agent) -> str:
    """The word that says: this very mail, with these very concerns, by this agent."""
    mail = [
        ticket.id, by.id, draft.kind.value, draft.subject, draft.text.replace("\r\n", "\n").strip(), list(draft.to),
        list(draft.cc), list(draft.bcc), [(file.name, file.sha256) for file in draft.files],
        [asdict(concern) for concern in found],
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(mail, ensure_ascii=False).encode("utf-8", "surrogatepass")).hexdigest()


def _ask(db: Session, ticket: Ticket, draft: Draft, *, by: Agent, confirmed: str) -> None:
    queue = db.get(Queue, ticket.queue_id)
    assert queue is not None
    found = concerns(db, ticket, draft, queue, by)
    if not found:
        return
    may = by.role == Role.SUPERVISOR or all(concern.severity != "stop" for concern in found)
    word = confirmation(ticket, draft, found, by) if may else ""
    if not word or confirmed != word:
        raise Halted(found, word)


def _about(
    code: str, text: str, places: Sequence[Place], severity: Literal["stop", "confirm"] = "confirm"
) -> Concern | None:
    if not places:
        return None
    return Concern(code, severity, [_excerpt(text, place) for place in places[:5]])


def _excerpt(text: str, place: Place) -> tuple[str, str, str]:
    """The words in their line, as far as a glance reaches."""
    before = text[max(0, place.start - AROUND) : place.start].rpartition("\n")[2]
    after = text[place.end : place.end + AROUND].partition("\n")[0]
    cut = place.start - len(before) > 0 and text[place.start - len(before) - 1] != "\n"
    goes_on = place.end + len(after) < len(text) and text[place.end + len(after)] not in "\r\n"
    return ("…" if cut else "") + before, place.words, after.rstrip("\r") + ("…" if goes_on else "")


def _known(db: Session, ticket: Ticket, customer: Customer | None) -> wording.Known:
    """By what the customer's side is called: on record, and in the heads of their own mails."""
    names, readings, companies = [], [], []
    if customer is not None:
        names, readings, companies = [customer.name], [customer.reading], [customer.company]
    names += [name for name, *_ in _received(db, ticket)]
    return wording.known_as(filter(None, names), filter(None, readings), filter(None, companies))


def _of_recipients(db: Session, ticket: Ticket, draft: Draft) -> list[Concern]:
    everyone = [*draft.to, *draft.cc, *draft.bcc]
    keys = {address: email_key(address) for address in everyone}
    part = _participants(db, ticket)
    new = [address for address in everyone if keys[address] not in part]
    found = []
    if new and (ticket.id or ticket.customer_id):  # to somebody of whom nothing is known, every address is new
        domains = {key.rpartition("@")[2] for key in part}
        foreign = [address for address in new if keys[address].rpartition("@")[2] not in domains]
        found.append(Concern("new_recipients", addresses=new, data={"foreign": foreign}))
    came_back = set(db.exec(select(UnreachableAddress.key).where(col(UnreachableAddress.key).in_(keys.values()))))
    if unreachable := [address for address in everyone if keys[address] in came_back]:
        found.append(Concern("unreachable", addresses=unreachable))
    if (seen := len(draft.to) + len(draft.cc)) > SEEN_BY_ALL_MAX:
        found.append(Concern("many_recipients", data={"count": seen}))
    return found


def _participants(db: Session, ticket: Ticket) -> set[str]:
    """The keys of all addresses that take part: who wrote, whom they named beside us, whom we wrote to before, the
    customer's own on record, and the desk's."""
    told: list[str] = []
    for _, address, to, cc in _received(db, ticket):
        told += [address, *to, *cc]
    sent = select(Message.to, Message.cc, Message.bcc).where(
        col(Message.ticket_id).in_(tickets.family(ticket.id or 0)),
        Message.direction == Direction.OUT,
        col(Message.state).not_in(UNSAID),
    )
    for lines in db.exec(sent.order_by(col(Message.id).desc()).limit(MESSAGES_MAX)):
        told += [address for line in lines for address in line]
    if ticket.customer_id:
        told += [point.value for point in records.points_of(db, ticket.customer_id) if point.kind == "email"]
    told += [address for address in db.exec(select(Queue.address)) if address]
    told += [address for address in db.exec(select(Mailbox.address)) if address]
    told += list(db.exec(select(Agent.email).where(col(Agent.is_active))))
    return {key for address in told if (key := email_key(address))}


def _received(db: Session, ticket: Ticket) -> Sequence[tuple[str, str, Sequence[str], Sequence[str]]]:
    """Name, address, To and Cc of what the customer's side wrote. Strangers who quoted the ticket's id take no part."""
    return db.exec(
        select(Message.sender_name, Message.sender_address, Message.to, Message.cc)
        .where(
            col(Message.ticket_id).in_(tickets.family(ticket.id or 0)),
            Message.direction == Direction.IN,
            sa.not_(col(Message.is_from_stranger)),
        )
        .order_by(col(Message.id).desc())
        .limit(MESSAGES_MAX)
    ).all()
