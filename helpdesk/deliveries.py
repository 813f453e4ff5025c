"""How a mail leaves: handed over once to each recipient, by the server its sender's address belongs to.

The one idea: what was promised is written down before the next step. A mail is claimed in the database before its
server hears of it, so whoever takes it back afterwards is told that it is leaving; each recipient has a row, and only
those without the server's "yes" are handed over again. One gap cannot be closed: between that "yes" and its row a
process may die, and the mail goes out once more, under the same Message-ID.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sqlmodel import Session, col, select

from helpdesk import agents, mailboxes, signatures, survey_words, tickets
from helpdesk.errors import Rejected, Unreachable
from helpdesk.events import emit
from helpdesk.facts import MessageDelayed, MessageFailed, MessageSent
from helpdesk.mail import attachments, compose, dkim, oauth, send
from helpdesk.mail.send import NotTaken, Server, Told
from helpdesk.mailboxes import Access
from helpdesk.runtime.work import NotYet
from helpdesk.settings import Settings
from models import (
    Agent,
    Attachment,
    Delivery,
    DeliveryState,
    Mailbox,
    Message,
    MessageKind,
    MessageState,
    Queue,
    Ticket,
)
from models.database import Database

BUSY_SECONDS = 5.0
"""When somebody else is handing the same mail over."""
PAUSES = (5.0, 15.0, 60.0, 180.0)
"""How long a server that cannot be reached is left alone, from the first time to the last."""
PATIENCE = timedelta(hours=3)
"""Mails older than this no longer wait for a server that is left alone: they count their attempts, and are given up."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Parcel:
    """A mail as it is handed over: its bytes, the envelope's sender ("" is the null one), who has not got it yet."""

    raw: bytes
    address: str  # it comes from
    sender: str
    recipients: list[str]


class Postman:
    """Hands mails over for one process, and remembers which servers are better left alone for a while."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        folder: Path,
        *,
        clock: Callable[[], datetime],
    ) -> None:
        self._database, self._settings, self._folder, self._clock = database, settings, folder, clock
        self._resting: dict[str, tuple[float, int]] = {}  # server -> until when (monotonic), after how many failures
        self._tokens: dict[int, tuple[float, str]] = {}
        self._guard = threading.Lock()

    def deliver(self, message_id: int) -> None:
        """Hand one mail over, if it is due. Raises `NotYet` when it came too early, `Unreachable` when it is worth
        another attempt, `Rejected` when nobody will ever get it."""
        with self._database.alone(f"mail:{message_id}") as is_mine:
            if not is_mine:
                raise NotYet(BUSY_SECONDS)
            early = self._database.write_now(claim, message_id, rests=self._rests, now=self._clock())
            if early is None:
                return
            if early > 0:
                raise NotYet(early)
            self._hand_over(message_id)

    def post(self, raw: bytes, *, sender: str, recipient: str) -> None:
        """Hand over a mail of the desk's own that belongs to no ticket, by the server of the sender's address.

        Raises `Unreachable` when it is worth another attempt, `Rejected` when the recipient will never get it.
        """
        mailbox, access = self._database.read_now(self._way_of, sender)
        told = send.send(self._server(mailbox, access), raw, sender=sender, recipients=[recipient])[recipient]
        if told.verdict == "later":
            raise Unreachable("smtp_unreachable")
        if told.verdict == "refused":
            raise Rejected("smtp_refused")

    def _way_of(self, db: Session, address: str) -> tuple[Mailbox | None, Access | None]:
        mailbox = mailboxes.sending(db, address)
        return mailbox, mailboxes.access_by(mailbox, settings=self._settings) if mailbox else None

    def _hand_over(self, message_id: int) -> None:
        try:
            parcel, mailbox, access = self._database.read_now(self._look, message_id)
        except Rejected as error:  # a key or a password that can no longer be opened
            self._database.write_now(given_up, message_id, error=str(error), now=self._clock())
            raise
        if not parcel.recipients:  # a crash after the last "yes" was written down, and before the end was
            self._database.write_now(told, message_id, {}, now=self._clock())
            return
        name = server_name(mailbox, self._settings)
        try:
            server = self._server(mailbox, access)
            verdicts = send.send(server, parcel.raw, sender=parcel.sender, recipients=parcel.recipients)
        except Unreachable as error:
            self._trouble(message_id, name, error)
            raise
        except Rejected as error:
            self._database.write_now(given_up, message_id, error=str(error), now=self._clock())
            raise
        with self._guard:
            self._resting.pop(name, None)
        self._database.write_now(told, message_id, verdicts, now=self._clock())
        outcomes = {each.verdict for each in verdicts.values()}
        if "later" in outcomes:
            raise Unreachable("smtp_unreachable")
        if outcomes == {"refused"} and not self._database.read_now(is_sent, message_id):
            raise Rejected("smtp_refused")

    def _look(self, db: Session, message_id: int) -> tuple[Parcel, Mailbox | None, Access | None]:
        parcel = prepare(db, message_id, self._folder, self._settings)
        return parcel, *self._way_of(db, parcel.address)

    def _trouble(self, message_id: int, name: str, error: Unreachable) -> None:
        # Whoever hands out tokens has no mail of ours, and keeps every mail of that server waiting.
        is_certain, is_server = (error.is_certain, error.is_server) if isinstance(error, NotTaken) else (True, True)
        self._database.write_now(delayed, message_id, error=str(error), is_certain=is_certain, now=self._clock())
        if is_server:
            with self._guard:
                _, times = self._resting.get(name, (0.0, 0))
                self._resting[name] = (time.monotonic() + PAUSES[min(times, len(PAUSES) - 1)], times + 1)
            logger.warning("mail server %s is left alone for a while: %s", name, error)

    def _rests(self, db: Session, message: Message, now: datetime) -> float:
        """How many seconds the server of this mail is left alone still; 0 where it is not, or the mail is too old to
        wait without counting."""
        if now - (message.leaves_at or message.created_at) > PATIENCE:
            return 0.0
        name = server_name(mailboxes.sending(db, message.sender_address), self._settings)
        with self._guard:
            until, _ = self._resting.get(name, (0.0, 0))
        return max(0.0, until - time.monotonic())

    def _server(self, mailbox: Mailbox | None, access: Access | None) -> Server:
        if mailbox is None or access is None:
            return send.server_of(self._settings.smtp_url.get_secret_value())
        token = self._token(mailbox.id or 0, access) if mailboxes.sends_by_token(access) else ""
        return mailboxes.smtp_server(access, token=token)

    def _token(self, mailbox_id: int, access: Access) -> str:
        """An access token that is good for another minute at least."""
        until, known = self._tokens.get(mailbox_id, (0.0, ""))
        if time.monotonic() < until:
            return known
        fresh = oauth.ask(
            access.token_url, client_id=access.client_id, client_secret=access.client_secret,
            refresh_token=access.secret, scope=access.scope,
        )  # fmt: skip
        if fresh.refresh and fresh.refresh != access.secret:
            self._database.write_now(mailboxes.renewed, mailbox_id, fresh.refresh, settings=self._settings)
        self._tokens[mailbox_id] = (time.monotonic() + fresh.seconds - 60, fresh.access)
        return fresh.access


def server_name(mailbox: Mailbox | None, settings: Settings) -> str:
    """Which server the mails of a mailbox's address leave by, the desk's own for None; nothing secret is in it."""
    if mailbox is not None:
        return f"{mailbox.smtp_host}:{mailbox.smtp_port}"
    told = urlsplit(settings.smtp_url.get_secret_value())
    return f"{told.hostname}:{told.port or ''}"


def claim(
    db: Session, message_id: int, *, rests: Callable[[Session, Message, datetime], float], now: datetime
) -> float | None:
    """Take a mail that is due in hand, and write down to whom it goes: 0. Nobody can take it back afterwards.

    Returns for how many seconds it is too early, or None when it needs no sending (any more).
    """
    message = db.exec(select(Message).where(Message.id == message_id).with_for_update()).first()
    if message is None or message.state not in (MessageState.QUEUED, MessageState.SENDING):
        return None
    if message.state == MessageState.QUEUED and message.leaves_at and message.leaves_at > now:
        return (message.leaves_at - now).total_seconds()
    if early := rests(db, message, now):
        return early
    message.state = MessageState.SENDING
    known = set(db.exec(select(Delivery.address).where(Delivery.message_id == message_id)))
    for address in dict.fromkeys((*message.to, *message.cc, *message.bcc)):
        if address not in known:
            db.add(Delivery(message_id=message_id, address=address, at=now))
    return 0.0


def prepare(db: Session, message_id: int, folder: Path, settings: Settings) -> Parcel:
    """The mail of a claimed message for those of its recipients who have not got it, signed where its domain signs.
    The same message is the same bytes, however often it is prepared."""
    message = db.get(Message, message_id)
    assert message is not None
    ticket = db.get(Ticket, message.ticket_id)
    assert ticket is not None
    queue = db.get(Queue, ticket.queue_id)
    rows = db.exec(select(Attachment).where(Attachment.message_id == message_id).order_by(col(Attachment.id)))
    files = [(row, attachments.path_of(folder, row.sha256).read_bytes()) for row in rows]
    author = db.get(Agent, message.author_id) if message.author_id else None
    name = agents.called(author, ticket.language) if author else ""
    signature = signatures.below(queue, ticket.language, agent=name) if queue else ""
    quoted = _quoted(db, message) if message.kind == MessageKind.REPLY else None
    links = survey_words.links(db, message_id, settings) if message.kind == MessageKind.SURVEY else None
    mail = compose.compose(
        message, ticket, signature=signature, quoted=quoted, files=files, timezone=settings.timezone,
        choices=links.scores if links else (), way_out=links.stop if links else None,
        unsubscribe=links.one_click if links else "",
    )  # fmt: skip
    waiting = set(
        db.exec(
            select(Delivery.address).where(Delivery.message_id == message_id, Delivery.state == DeliveryState.WAITING)
        )
    )
    everyone = dict.fromkeys((*message.to, *message.cc, *message.bcc))
    recipients = [compose.specification(address) for address in everyone if address in waiting]
    sender = "" if message.kind in compose.AUTOMATIC else compose.tagged(message.sender_address, ticket, message_id)
    raw = _bytes(mail, sender, recipients)
    sign = dkim.signer(db, message.sender_address.rpartition("@")[2], settings)
    return Parcel(sign(raw) if sign else raw, message.sender_address, sender, recipients)


def told(db: Session, message_id: int, verdicts: dict[str, Told], *, now: datetime) -> None:
    """What the server said of each recipient. With a word on all of them the mail is sent, or has failed."""
    message = _in_hand(db, message_id)
    if message is None:
        return
    rows = list(db.exec(select(Delivery).where(Delivery.message_id == message_id)))
    for row in rows:
        if (verdict := verdicts.get(compose.specification(row.address))) is None or row.state != DeliveryState.WAITING:
            continue
        row.told, row.at = verdict.words, now
        row.state = {"accepted": DeliveryState.ACCEPTED, "refused": DeliveryState.REFUSED}.get(
            verdict.verdict, DeliveryState.WAITING
        )
        db.add(row)
    if any(row.state == DeliveryState.WAITING for row in rows):
        if all(row.state != DeliveryState.ACCEPTED for row in rows):
            message.state = MessageState.QUEUED  # nobody has it: it may still be taken back
        _is_delayed(db, message, "smtp_later", now=now)
        return
    _end(db, message, rows, error="smtp_refused", now=now)


def delayed(db: Session, message_id: int, *, error: str, is_certain: bool, now: datetime) -> None:
    """It could not be handed over. Where nobody has any of it, it may still be taken back."""
    message = _in_hand(db, message_id)
    if message is None:
        return
    some = select(Delivery.address).where(
        Delivery.message_id == message_id, col(Delivery.state) == DeliveryState.ACCEPTED
    )
    if is_certain and db.exec(some.limit(1)).first() is None:
        message.state = MessageState.QUEUED
    _is_delayed(db, message, error, now=now)


def given_up(db: Session, message_id: int, *, error: str, now: datetime) -> None:
    """No further attempt: who has not got it by now will not."""
    message = db.get(Message, message_id)
    if message is None or message.state not in (MessageState.QUEUED, MessageState.SENDING):
        return
    rows = list(db.exec(select(Delivery).where(Delivery.message_id == message_id)))
    for row in rows:
        if row.state == DeliveryState.WAITING:
            row.state, row.told, row.at = DeliveryState.REFUSED, row.told or error, now
            db.add(row)
    _end(db, message, rows, error=error, now=now)


def is_sent(db: Session, message_id: int) -> bool:
    """Whether anybody got it."""
    return db.exec(select(Message.state).where(Message.id == message_id)).first() == MessageState.SENT


def _end(db: Session, message: Message, rows: list[Delivery], *, error: str, now: datetime) -> None:
    ticket = db.get(Ticket, message.ticket_id)
    assert ticket is not None and ticket.id is not None and message.id is not None
    taken = [row for row in rows if row.state == DeliveryState.ACCEPTED]
    refused = ", ".join(f"{row.address}: {row.told}" for row in rows if row.state != DeliveryState.ACCEPTED)
    facts: dict[str, Any] = {"ticket_id": ticket.id, "queue_id": ticket.queue_id, "message_id": message.id, "at": now}
    if taken:
        message.state, message.error, message.sent_at = MessageState.SENT, refused[:500], now
        emit(db, MessageSent(**facts))
    else:
        message.state, message.error, message.sent_at = MessageState.FAILED, error[:500], None
        emit(db, MessageFailed(error=error[:80], **facts))
    db.add(message)


def _is_delayed(db: Session, message: Message, error: str, *, now: datetime) -> None:
    if message.error == error:
        return
    message.error = error
    ticket = db.get(Ticket, message.ticket_id)
    assert ticket is not None and ticket.id is not None and message.id is not None
    emit(db, MessageDelayed(ticket_id=ticket.id, queue_id=ticket.queue_id, message_id=message.id, error=error, at=now))


def _in_hand(db: Session, message_id: int) -> Message | None:
    message = db.get(Message, message_id)
    return message if message is not None and message.state == MessageState.SENDING else None


def _quoted(db: Session, message: Message) -> Message | None:
    """The mail that is answered."""
    if not message.in_reply_to:
        return None
    answered = select(Message).where(
        col(Message.ticket_id).in_(tickets.family(message.ticket_id)), Message.internet_id == message.in_reply_to
    )
    return db.exec(answered.order_by(col(Message.id).desc()).limit(1)).first()


def _bytes(mail: EmailMessage, sender: str, recipients: list[str]) -> bytes:
    """As RFC 5322 writes it, or RFC 6532 where an address is not of ASCII."""
    is_plain = all(address.isascii() for address in (sender, *recipients))
    return mail.as_bytes() if is_plain else mail.as_bytes(policy=compose.POLICY.clone(utf8=True))
