"""What the desk writes to customers: from an agent's words to a mail that is due to leave, and back again.

The one idea: a mail is a row before it is a mail. The verbs here write the row and state the fact; the work that the
fact causes hands the mail over when its time has come (helpdesk/deliveries.py). Until then its author can take it back,
and the database decides who was first.
"""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from classifiers.text import language as language_of
from helpdesk import agents, canned, mailboxes, merging, queues, subjects, tickets
from helpdesk.customers import matching
from helpdesk.customers.contact_points import email_key
from helpdesk.errors import Conflict, Invalid, NotAllowed
from helpdesk.events import WITH_A_MAIL, emit, one_act
from helpdesk.facts import (
    MessageAwaits,
    MessageHeld,
    MessageQueued,
    MessageRescheduled,
    MessageWithdrawn,
    TicketAssigned,
    TicketMerged,
    TicketPended,
    TicketReopened,
    TicketResolved,
    TicketUnmerged,
    name_of,
)
from helpdesk.mail import compose
from helpdesk.settings import Settings
from models import (
    Agent,
    Attachment,
    Channel,
    Customer,
    Delivery,
    DeliveryState,
    Direction,
    Event,
    Message,
    MessageKind,
    MessageState,
    Parked,
    Queue,
    Ticket,
    TicketState,
)
from models.database import hold_still

RECIPIENTS_MAX = 100
TWICE = timedelta(minutes=1)
"""The same answer sent again within this time is the same answer."""
SOON = timedelta(seconds=60)
"""What leaves later than this was scheduled; sooner, it only waits for second thoughts."""
LATEST = timedelta(days=366)
SUBJECT_MAX = 500
WRITTEN_ANEW = "written_anew"
"""Of a mail that was taken back: it was sent after all, by another one."""
UNSAID = (MessageState.AWAITING, MessageState.WITHDRAWN)
"""States of mails that nobody outside the desk has or will have as things stand."""

# What can be written into a head and an envelope; stricter rules would refuse carriers' old addresses (a..b@, .a@).
_PART = r'[^\s\x00-\x1f\x7f"(),:;<>@\[\]\\\ud800-\udfff'
_ADDRESS = re.compile(
    rf'(?:{_PART}]{{1,128}}|"[^\x00-\x1f\x7f-\x9f"\\\u2028\u2029\ud800-\udfff]{{1,126}}")'
    rf"@(?=.{{1,253}}\Z)(?:{_PART}.]+(?:\.{_PART}.]+)*|\[[0-9A-Za-z.:]{{2,60}}\])"
)


@dataclass(frozen=True, slots=True)
class Draft:
    """What an agent wrote. `files` are already stored, see mail/attachments.py. `about` is the message that is answered
    or forwarded, None the customer's newest; `subject` counts for new and forwarded mail; `leaves_at` None is now.
    `instead` is a mail that was taken back and is sent by this one; `canned_ids` the canned replies it was made of."""

    text: str
    to: Sequence[str]
    cc: Sequence[str] = ()
    files: Sequence[Attachment] = ()
    bcc: Sequence[str] = ()
    kind: MessageKind = MessageKind.REPLY
    subject: str = ""
    about: Message | None = None
    leaves_at: datetime | None = None
    instead: Message | None = None
    canned_ids: Sequence[int] = ()


def write(db: Session, ticket: Ticket, draft: Draft, *, by: Agent, settings: Settings, now: datetime) -> Message:
    """Write a mail that leaves as work of its own; until then the message is queued and can be taken back.

    A reply, or a mail that begins a ticket, makes its author answerable and reopens; a forward only goes out. Pressed
    twice it is one mail. Raises `Invalid` with the field.
    """
    text = _checked(draft, now=now)
    assert ticket.id is not None
    hold_still(db, ticket)
    if twin := _said_just_now(db, ticket.id, draft, text, by=by, now=now):
        return twin
    answers = draft.about or (answered(db, ticket) if draft.kind == MessageKind.REPLY else None)
    name, address = sender_of(db, ticket, default=settings.mail_from, desk_name=settings.name)
    undo = timedelta(seconds=settings.undo_seconds)
    message = Message(
        ticket_id=ticket.id,
        direction=Direction.OUT,
        state=MessageState.QUEUED,
        kind=draft.kind,
        internet_id=compose.new_id(address.rpartition("@")[2], ticket.id),
        sender_name=name,
        sender_address=address,
        to=_once(draft.to),
        cc=_once(draft.cc, draft.to),
        bcc=_once(draft.bcc, [*draft.to, *draft.cc]),
        subject=_subject(db, draft, ticket, answers),
        text=text,
        reply_text=text,
        author_id=by.id,
        created_at=now,
        leaves_at=draft.leaves_at or (now + undo if undo else None),
        **_threading(answers),
    )
    if draft.kind == MessageKind.FORWARD and draft.about is not None:
        _carry(message, draft.about, ticket, settings)
    _put(db, message, draft.files)
    if draft.kind == MessageKind.FORWARD and draft.about is not None:
        _copy_files(db, draft.about, message)
    if draft.instead is not None and draft.instead.state == MessageState.WITHDRAWN:
        draft.instead.error = WRITTEN_ANEW
    canned.used(db, by, draft.canned_ids, ticket=ticket, now=now)
    if _needs_approval(db, ticket):
        message.state = MessageState.AWAITING
        _taken(db, ticket, message, by=by, now=now)
        emit(db, MessageAwaits(**_told(message, ticket), by_id=by.id, at=now))
        return message
    if draft.kind != MessageKind.FORWARD:
        _answered(db, ticket, message, by=by, now=now)
    _enqueue(db, message, ticket, by_id=by.id, now=now)
    return message


def check(draft: Draft, *, now: datetime) -> None:
    """Raises `Invalid` with the field for what cannot be sent."""
    _checked(draft, now=now)


def begin(
    db: Session, draft: Draft, *, queue: Queue, customer: Customer | None, by: Agent, settings: Settings, now: datetime
) -> Message:
    """Write first: a new ticket of this queue whose first words are the desk's. Without a customer the one is taken who
    alone has the first address. Pressed twice it is one ticket."""
    draft = replace(draft, kind=MessageKind.NEW)
    text = _checked(draft, now=now)
    assert queue.id is not None
    if not agents.serves(db, by, queue.id):
        raise NotAllowed("agent_not_in_queue", agent_id=by.id, queue_id=queue.id)
    if twin := _begun_just_now(db, draft, text, by=by, now=now):
        return twin
    customer_id = customer.id if customer else matching.by_address(db, email_key(draft.to[0])).customer_id
    ticket = tickets.start(
        db,
        subject=" ".join(draft.subject.split()),
        channel=Channel.MAIL,
        queue_id=queue.id,
        customer_id=customer_id,
        language=language_of(f"{draft.subject}\n{text}"),
        text=text,
        now=now,
    )
    ticket.assignee_id, ticket.awaits_us = by.id, False
    tickets.announce(db, ticket, by_id=by.id, now=now)
    return write(db, ticket, draft, by=by, settings=settings, now=now)


def receipt(
    db: Session,
    ticket: Ticket,
    text: str,
    *,
    to: str,
    settings: Settings,
    now: datetime,
    answers: Message | None = None,
    subject: str = "",
    files: Sequence[Attachment] = (),
) -> Message:
    """The desk's own automatic answer to one address. Whether one may be sent at all is asked before, see R14, R16."""
    return automatic(
        db, ticket, text, kind=MessageKind.RECEIPT, to=to, subject=subject or subjects.reply(ticket), answers=answers,
        files=files, settings=settings, now=now,
    )  # fmt: skip


def automatic(
    db: Session,
    ticket: Ticket,
    text: str,
    *,
    kind: MessageKind,
    to: str,
    subject: str,
    settings: Settings,
    now: datetime,
    answers: Message | None = None,
    files: Sequence[Attachment] = (),
) -> Message:
    """A mail the desk writes by itself to one address: at once, not to be taken back, with a null envelope sender and
    marked so that no machine answers it."""
    assert ticket.id is not None
    name, address = sender_of(db, ticket, default=settings.mail_from, desk_name=settings.name)
    message = Message(
        ticket_id=ticket.id,
        direction=Direction.OUT,
        state=MessageState.QUEUED,
        kind=kind,
        internet_id=compose.new_id(address.rpartition("@")[2], ticket.id),
        sender_name=name,
        sender_address=address,
        to=[to],
        subject=subject,
        text=text.strip(),
        reply_text=text.strip(),
        is_automatic=True,
        created_at=now,
        **_threading(answers),
    )
    _put(db, message, files)
    _enqueue(db, message, ticket, by_id=None, now=now)
    return message


def take_back(db: Session, message: Message, *, by: Agent, now: datetime) -> None:
    """Withdraw a mail before it leaves: nobody gets it, and the ticket is as if it had not been written: it is with
    whom it was with, and resolved where the mail had reopened it, unless somebody has said otherwise since.

    Raises `Conflict("already_leaving")` once it was claimed, whoever was a moment faster.
    """
    ticket = _locked(db, message)
    if message.state not in (MessageState.QUEUED, MessageState.HELD, MessageState.AWAITING) or message.is_automatic:
        raise Conflict("already_leaving", message_id=message.id)
    message.state, message.error = MessageState.WITHDRAWN, ""
    db.flush()
    home = merging.home(db, ticket)
    _put_back(db, home, message, by=by, now=now)
    retell(db, home)
    emit(db, MessageWithdrawn(**_told(message, ticket), by_id=by.id, at=now))


def reschedule(db: Session, message: Message, leaves_at: datetime | None, *, by: Agent, now: datetime) -> None:
    """Let a mail that waits leave at another time, None: now. A mail that was held leaves then, too.

    Raises `Conflict("already_leaving")`, or `Invalid` with the field.
    """
    ticket = _locked(db, message)
    if message.state not in (MessageState.QUEUED, MessageState.HELD) or message.is_automatic:
        raise Conflict("already_leaving", message_id=message.id)
    _check_time(leaves_at, now=now)
    was_held = message.state == MessageState.HELD
    message.state, message.error, message.leaves_at = MessageState.QUEUED, "", leaves_at or now
    if was_held and message.kind != MessageKind.FORWARD:
        tickets.touch(merging.home(db, ticket), message.reply_text, awaits_us=False, now=now)
    told = _told(message, ticket) | {"delay_seconds": _seconds(message, now)}
    emit(db, MessageRescheduled(**told, by_id=by.id, at=now))


def let_go(db: Session, message: Message, ticket: Ticket, *, by: Agent, settings: Settings, now: datetime) -> None:
    """Put a mail that awaited something into the line, as if it had been written now."""
    undo = timedelta(seconds=settings.undo_seconds)
    if message.leaves_at is None or message.leaves_at < now + undo:
        message.leaves_at = now + undo if undo else None
    message.state = MessageState.QUEUED
    home = merging.home(db, ticket)
    last = tickets.last_received(db, home.id or 0)
    is_newest = last is None or (last.id or 0) < (message.id or 0)
    if message.kind != MessageKind.FORWARD and is_newest:  # else the customer wrote meanwhile, and still waits
        _answered(db, home, message, by=by, now=now)
    _enqueue(db, message, ticket, by_id=by.id, now=now)


def hold(db: Session, ticket: Ticket, *, now: datetime) -> None:
    """The customer wrote: what was to leave later stays until its author has read that, also what was written in a
    ticket that was merged into this one."""
    assert ticket.id is not None
    waiting = select(Message).where(
        col(Message.ticket_id).in_(tickets.family(ticket.id)),
        Message.state == MessageState.QUEUED,
        col(Message.kind).in_((MessageKind.REPLY, MessageKind.NEW)),
        col(Message.leaves_at) > now + SOON,
    )
    for message in db.exec(waiting.with_for_update()).all():
        message.state = MessageState.HELD
        emit(db, MessageHeld(**_told(message, ticket) | {"ticket_id": message.ticket_id}, at=now))


def retry(db: Session, message: Message, *, by: Agent, now: datetime) -> None:
    """Send a failed mail again, to those who have not got it."""
    if message.state != MessageState.FAILED:
        raise Conflict("not_failed", message_id=message.id)
    ticket = db.get(Ticket, message.ticket_id)
    assert ticket and message.id
    message.state, message.error = MessageState.QUEUED, ""
    db.execute(
        sa.update(Delivery)
        .where(col(Delivery.message_id) == message.id, col(Delivery.state) != DeliveryState.ACCEPTED)
        .values(state=DeliveryState.WAITING, at=now)
    )
    given_up = db.scalar(select(sa.func.count()).select_from(Parked).where(Parked.message_id == message.id)) or 0
    emit(db, MessageQueued(**_told(message, ticket), attempt=given_up + 1, by_id=by.id, at=now))


def is_address(text: str) -> bool:
    """Whether it can be written into a head and an envelope."""
    return _ADDRESS.fullmatch(text) is not None


def answered(
    db: Session, ticket: Ticket, *, last: Message | None = None, said: Sequence[Message] | None = None
) -> Message | None:
    """The mail a reply answers: the newest from the customer's side, which is `last` to who knows it already. Somebody
    whom the ticket's mail was only forwarded to is not on it. `said`: all its mail, for who knows that."""
    if said is not None and not any(message.kind == MessageKind.FORWARD for message in said):
        return last
    assert ticket.id is not None
    last = last or tickets.last_received(db, ticket.id)
    here = tickets.family(ticket.id)
    others = select(Message).where(col(Message.ticket_id).in_(here), Message.kind == MessageKind.FORWARD)
    told = {email_key(each) for message in db.exec(others) for each in (*message.to, *message.cc, *message.bcc)}
    if last is None or not told:
        return last
    received = select(Message).where(
        col(Message.ticket_id).in_(here), Message.direction == Direction.IN, sa.not_(col(Message.is_from_stranger))
    )
    heard = db.exec(received.order_by(col(Message.id))).all()
    told.discard(email_key(heard[0].sender_address))
    return next((message for message in reversed(heard) if email_key(message.sender_address) not in told), last)


def everyone(db: Session, message: Message, settings: Settings) -> tuple[list[str], list[str]]:
    """To and Cc of a reply to all: who wrote the mail and whom it was for, without the desk's own addresses."""
    own = {*ours(db, settings)}
    to = [message.sender_address, *(each for each in message.to if plain(each) not in own)]
    return _once(to), _once([each for each in message.cc if plain(each) not in own], to)


def ours(db: Session, settings: Settings) -> set[str]:
    """The desk's own addresses, in small letters."""
    own = [queue.address for queue in queues.everyone(db)]
    known = [*own, *mailboxes.ways_out(db), settings.mail_from]
    return {address.lower() for address in known if address} | set(settings.mail_addresses)


def plain(address: str) -> str:
    """An address without its plus-tag, in small letters."""
    local, _, domain = address.strip().lower().rpartition("@")
    return f"{local.partition('+')[0]}@{domain}"


def sender_of(db: Session, ticket: Ticket, *, default: str, desk_name: str) -> tuple[str, str]:
    """The name and address a mail comes from: the queue's own, in the customer's language, or the desk's."""
    queue = queues.get(db, ticket.queue_id)
    in_english = queue.sender_name_en if ticket.language != "ja" else ""
    return in_english or queue.sender_name or desk_name, queue.address or default


def can_send(db: Session, settings: Settings, *, address: str = "") -> bool:
    """Whether there is a server by which mail leaves: the desk's own, or one of the mailbox with this address, "" for
    any mailbox."""
    if settings.smtp_url.get_secret_value():
        return True
    own = mailboxes.ways_out(db)
    return own.get(address.lower(), False) if address else any(own.values())


def is_scheduled(message: Message) -> bool:
    """Whether it was meant to leave later, and not only to wait for second thoughts."""
    return message.leaves_at is not None and message.leaves_at - message.created_at > SOON


def addresses(typed: str) -> list[str]:
    """What was typed between commas, semicolons or on lines of its own; "Name <a@b>" is a@b."""
    parts = re.split(r"[,、，;；\n]", typed[:20_000])
    found = (re.search(r"<([^<>]*)>\s*$", part) for part in parts)
    named = ((match[1] if match else part).strip() for match, part in zip(found, parts, strict=True))
    return [address for address in named if address]


# --- private ---------------------------------------------------------------------------------------------------------


def _checked(draft: Draft, *, now: datetime) -> str:
    text = draft.text.strip()
    if not text and draft.kind != MessageKind.FORWARD:
        raise Invalid("body_missing", field="body")
    everyone = [("to", each) for each in draft.to] + [("cc", each) for each in draft.cc]
    everyone += [("bcc", each) for each in draft.bcc]
    if not draft.to:
        raise Invalid("recipient_missing", field="to")
    if len(everyone) > RECIPIENTS_MAX:
        raise Invalid("too_many_recipients", field="to")
    for field, address in everyone:
        if not is_address(address):
            raise Invalid("not_an_address", field=field, typed=address)
    if draft.kind == MessageKind.NEW and not draft.subject.strip():
        raise Invalid("subject_missing", field="subject")
    if draft.kind == MessageKind.FORWARD and draft.about is None:
        raise Invalid("nothing_to_forward", field="body")
    _check_time(draft.leaves_at, now=now)
    return text


def _check_time(leaves_at: datetime | None, *, now: datetime) -> None:
    if leaves_at is not None and not now < leaves_at < now + LATEST:
        raise Invalid("not_in_the_future" if leaves_at <= now else "too_far_away", field="later")


def _once(addresses: Sequence[str], but: Sequence[str] = ()) -> list[str]:
    """Each address once, and not again where it stands in another line."""
    known = set(but)
    return [address for address in dict.fromkeys(addresses) if address not in known]


def _subject(db: Session, draft: Draft, ticket: Ticket, answers: Message | None) -> str:
    typed = " ".join(draft.subject.split())[:SUBJECT_MAX]
    if draft.kind == MessageKind.REPLY or not typed:
        words = subjects.forward if draft.kind == MessageKind.FORWARD else subjects.reply
        return words(ticket, subjects.called(db, ticket, answers))
    return typed if f"[#{ticket.id}]" in typed else f"{typed} [#{ticket.id}]"


def _threading(answers: Message | None) -> dict[str, Any]:
    ids = [answers.internet_id] if answers and answers.internet_id else []
    return {
        "in_reply_to": ids[0] if ids else "",
        "references": list(dict.fromkeys(ids + (answers.references if answers else [])))[:20],
    }


def _carry(message: Message, forwarded: Message, ticket: Ticket, settings: Settings) -> None:
    """The forwarded mail becomes part of this one, as it is now."""
    head = compose.forwarded_head(forwarded, language=ticket.language, timezone=settings.timezone)
    message.quoted_text = f"{head}\n\n{forwarded.text.strip()}"
    message.text = "\n\n".join(part for part in (message.reply_text, message.quoted_text) if part)
    message.html = forwarded.html
    message.in_reply_to = ""  # it answers nobody


def _put(db: Session, message: Message, files: Sequence[Attachment]) -> None:
    db.add(message)
    db.flush()
    assert message.id is not None
    for file in files:
        file.message_id = message.id
        if compose.is_placed(file.name, file.content_type, message.reply_text):
            domain = message.sender_address.rpartition("@")[2]
            file.is_inline, file.content_id = True, f"{secrets.token_hex(8)}@{domain}"
        db.add(file)


def _copy_files(db: Session, source: Message, target: Message) -> None:
    for file in db.exec(select(Attachment).where(Attachment.message_id == source.id).order_by(col(Attachment.id))):
        db.add(Attachment(**{**file.model_dump(exclude={"id"}), "message_id": target.id}))


def _needs_approval(db: Session, ticket: Ticket) -> bool:
    queue = db.get(Queue, ticket.queue_id)
    return queue is not None and queue.needs_approval


def _taken(db: Session, ticket: Ticket, message: Message, *, by: Agent, now: datetime) -> None:
    if ticket.assignee_id is None and by.id is not None:
        with one_act(db, f"{WITH_A_MAIL}{message.id}"):
            tickets.assign(db, ticket, by, by=by, now=now)
        message.undoes = message.undoes | {"assigned": by.id}


def _answered(db: Session, ticket: Ticket, message: Message, *, by: Agent, now: datetime) -> None:
    _taken(db, ticket, message, by=by, now=now)
    if ticket.state != TicketState.OPEN:
        resolved_at = ticket.resolved_at.isoformat() if ticket.resolved_at else None
        pending_until = ticket.pending_until.isoformat() if ticket.pending_until else None
        message.undoes = message.undoes | {
            "state": ticket.state.value, "resolved_at": resolved_at, "pending_until": pending_until
        }  # fmt: skip
        with one_act(db, f"{WITH_A_MAIL}{message.id}"):
            tickets.reopen(db, ticket, by_id=by.id, now=now)
    tickets.touch(ticket, message.reply_text, awaits_us=False, now=now)


def _put_back(db: Session, ticket: Ticket, message: Message, *, by: Agent, now: datetime) -> None:
    """Undo what writing the mail did to its ticket. Where another mail of ours was written since, that one has to be
    taken back as well; what somebody did to the ticket since stays."""
    undoes, message.undoes = message.undoes, {}
    if not undoes:
        return
    after = select(Message).where(Message.ticket_id == message.ticket_id, col(Message.id) > message.id)
    later = [each for each in db.exec(after.order_by(col(Message.id))) if not each.is_automatic]
    answers = (each for each in later if each.direction == Direction.OUT and each.kind != MessageKind.FORWARD)
    if heir := next((each for each in answers if each.state != MessageState.WITHDRAWN), None):
        heir.undoes = undoes | heir.undoes
        return
    since = _since(db, ticket, message)
    if ticket.assignee_id == undoes.get("assigned", 0) and name_of(TicketAssigned) not in since:
        tickets.assign(db, ticket, None, by=by, now=now)
    has_heard = any(each.direction == Direction.IN and not each.is_from_stranger for each in later)
    if "state" not in undoes or has_heard or ticket.state != TicketState.OPEN or since - {name_of(TicketAssigned)}:
        return
    state, at = TicketState(undoes["state"]), undoes["resolved_at"] or undoes.get("pending_until")
    if state == TicketState.PENDING and at and datetime.fromisoformat(at) <= now:
        return  # it would have been opened by now
    tickets.restore(
        db, ticket, state, at=datetime.fromisoformat(at) if at else None, awaits_us=ticket.awaits_us, by_id=by.id,
        now=now, reason="taken_back",
    )  # fmt: skip


def _since(db: Session, ticket: Ticket, message: Message) -> set[str]:
    """What was done to the ticket since the mail was last put in line, as names of facts."""
    written = {name_of(kind) for kind in (MessageQueued, MessageAwaits)}
    kinds = (TicketAssigned, TicketReopened, TicketPended, TicketResolved, TicketMerged, TicketUnmerged)
    done = {name_of(kind) for kind in kinds}
    told = select(Event).where(Event.ticket_id == ticket.id, col(Event.fact).in_(written | done))
    found: set[str] = set()
    for row in db.exec(told.order_by(col(Event.id).desc()).limit(200)):
        if row.fact in done:
            found.add(row.fact)
        elif row.data.get("message_id") == message.id:
            break
    return found


def retell(db: Session, ticket: Ticket) -> None:
    """What the list says of the ticket, once its last mail is not there any more."""
    assert ticket.id is not None
    said = select(Message).where(
        col(Message.ticket_id).in_(tickets.family(ticket.id)),
        col(Message.state).not_in(UNSAID),
        col(Message.kind) != MessageKind.FORWARD,
        sa.not_(col(Message.is_automatic)),
    )
    last = db.exec(said.order_by(col(Message.id).desc()).limit(1)).first()
    if last is not None:
        awaits = last.direction == Direction.IN and ticket.state != TicketState.RESOLVED
        tickets.touch(ticket, last.reply_text or last.text, awaits_us=awaits, now=ticket.last_contact_at)
    db.add(ticket)


def _enqueue(db: Session, message: Message, ticket: Ticket, *, by_id: int | None, now: datetime) -> None:
    told = _told(message, ticket) | {"delay_seconds": _seconds(message, now)}
    emit(db, MessageQueued(**told, by_id=by_id, at=now))


def _told(message: Message, ticket: Ticket) -> dict[str, Any]:
    assert ticket.id is not None and message.id is not None
    return {"ticket_id": ticket.id, "queue_id": ticket.queue_id, "message_id": message.id}


def _seconds(message: Message, now: datetime) -> float:
    return max(0.0, (message.leaves_at - now).total_seconds()) if message.leaves_at else 0.0


def _locked(db: Session, message: Message) -> Ticket:
    """The message as it is now, kept from the work that would hand it over, and its ticket."""
    hold_still(db, message)
    ticket = db.get(Ticket, message.ticket_id)
    assert ticket is not None
    return ticket


def _begun_just_now(db: Session, draft: Draft, text: str, *, by: Agent, now: datetime) -> Message | None:
    recent = (
        select(Message)
        .join(Ticket, col(Ticket.id) == col(Message.ticket_id))
        .where(Ticket.assignee_id == by.id, Ticket.state == TicketState.OPEN, col(Ticket.last_contact_at) > now - TWICE)
        .where(Message.author_id == by.id, Message.kind == MessageKind.NEW, Message.text == text)
        .where(col(Message.state) != MessageState.WITHDRAWN)
    )
    return next((message for message in db.exec(recent) if list(message.to) == _once(draft.to)), None)


def _said_just_now(db: Session, ticket_id: int, draft: Draft, text: str, *, by: Agent, now: datetime) -> Message | None:
    """The same words to the same people with the same files, a moment ago: a button that was pressed twice."""
    newest = select(Message).where(Message.ticket_id == ticket_id).order_by(col(Message.id).desc()).limit(1)
    last = db.exec(newest).first()
    if last is None or last.author_id != by.id or last.kind != draft.kind or now - last.created_at > TWICE:
        return None
    if last.state == MessageState.WITHDRAWN:
        return None
    if last.leaves_at != draft.leaves_at if draft.leaves_at else is_scheduled(last):
        return None  # to leave at another time
    if draft.kind == MessageKind.FORWARD:
        return None if (last.reply_text, list(last.to)) != (text, _once(draft.to)) else last
    files = db.exec(select(Attachment.sha256).where(Attachment.message_id == last.id))
    said = (last.text, list(last.to), list(last.cc), list(last.bcc), sorted(files))
    cc, bcc = _once(draft.cc, draft.to), _once(draft.bcc, [*draft.to, *draft.cc])
    return last if said == (text, _once(draft.to), cc, bcc, sorted(file.sha256 for file in draft.files)) else None
