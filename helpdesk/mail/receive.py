"""Email -> Inquiry -> ticket: what is done with a mail that was kept.

Reading and guessing need no database and take most of the time, so they happen first (`understand`), in whatever
thread there is; `take` then writes everything in one transaction.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sqlmodel import Session

from classifiers import Prediction
from classifiers.text import language as language_of
from helpdesk import impressions, inbox, intake, mailboxes, outgoing, queues, receipts, tickets
from helpdesk.customers import contact_points, guesses, matching, records
from helpdesk.events import emit
from helpdesk.facts import MessageReceived, TicketLinked
from helpdesk.mail import attachments, automatic, backstops, bounces, parse, posted, senders, threads
from helpdesk.mail.parse import Email
from helpdesk.settings import Settings
from models import Attachment, Channel, Customer, Direction, Inbound, Message, MessageState, Ticket
from models.database import insert

if TYPE_CHECKING:
    from classifiers import Router
    from classifiers.features import Reading

CLASSIFY_MAX = 20_000  # characters given to the classifier
PROBLEMS = 30  # codes of what was mended that are kept with a mail; there are not many more


@dataclass(frozen=True, slots=True)
class Understood:
    """A mail read and guessed at; its attachments already on the disk."""

    email: Email
    language: str
    prediction: Prediction | None
    files: tuple[Attachment, ...]
    impression: impressions.Guess | None = None  # what a person's own words tell besides


def understand(
    raw: bytes, *, router: "Router | None", folder: Path, asked: Collection[str] = frozenset()
) -> Understood:
    """Read the bytes, ask the classifiers, store the attachments. Touches no database.

    `asked` says what to guess besides the queue, see helpdesk/impressions.py.
    """
    return understand_all([raw], router=router, folder=folder, asked=asked)[0]


def understand_all(
    raws: Sequence[bytes], *, router: "Router | None", folder: Path, asked: Collection[str] = frozenset()
) -> list[Understood]:
    """`understand` for several mails, sooner than one by one: each text is read once, all of them together."""
    emails = [parse.read(posted.mail_of(raw)) for raw in raws]
    inquiries = [(parse.subject_stem(email.subject), email.reply_text[:CLASSIFY_MAX]) for email in emails]
    readings = router.read_many(inquiries) if router is not None else []
    predictions = _predictions(emails, inquiries, router, readings)
    own = _impressions(emails, inquiries, readings, asked)
    return [
        Understood(email, "ja", None, ())
        if email.unreadable
        else Understood(email, language_of(f"{email.subject}\n{words}"), prediction, _stored(email, folder), impression)
        for email, (_, words), prediction, impression in zip(emails, inquiries, predictions, own, strict=True)
    ]


def _predictions(
    emails: Sequence[Email], inquiries: Sequence[tuple[str, str]], router: "Router | None", readings: "list[Reading]"
) -> list[Prediction | None]:
    found: list[Prediction | None] = [None] * len(emails)
    if router is None:
        return found
    places = [
        place
        for place, (email, (_, words)) in enumerate(zip(emails, inquiries, strict=True))
        if not email.unreadable and not email.is_certain_bounce and (words.strip() or email.subject.strip())
    ]
    for place, weighed in zip(places, router.weigh([readings[place] for place in places]), strict=True):
        subject, words = inquiries[place]
        found[place] = router.tell(weighed, words, subject)
    return found


def _impressions(
    emails: Sequence[Email], inquiries: Sequence[tuple[str, str]], readings: "list[Reading]", asked: Collection[str]
) -> list[impressions.Guess | None]:
    """Of a person's own words only. An answer carries a subject that was written for an earlier one: it is not read
    again, or what was urgent once would be so in every answer."""
    told: list[tuple[str, str]] = []
    known: list[Reading | None] = []
    for place, (email, (subject, words)) in enumerate(zip(emails, inquiries, strict=True)):
        if email.unreadable or email.is_automatic or email.is_bounce:
            subject = words = ""  # nobody's words
        is_whole = not (subject and (email.in_reply_to or email.references))
        told.append((subject if is_whole else "", words))
        known.append(readings[place] if readings and is_whole else None)
    return impressions.of_many(told, asked=asked, readings=known)


def _stored(email: Email, folder: Path) -> tuple[Attachment, ...]:
    return tuple(
        attachments.store(
            folder,
            name=file.name,
            content_type=file.content_type,
            content=file.content,
            content_id=file.content_id,
            is_inline=file.is_inline,
        )
        for file in email.attachments
    )


def take_all(
    db: Session, mails: list[tuple[int, Understood]], *, settings: Settings, now: datetime
) -> list[int | None]:
    """`take` for several in one transaction: all of them, or none when one breaks."""
    known = _look_up(db, mails, settings)
    return [take(db, inbound_id, mail, settings=settings, now=now, known=known) for inbound_id, mail in mails]


def take(
    db: Session, inbound_id: int, mail: Understood, *, settings: Settings, now: datetime, known: "_Known | None" = None
) -> int | None:
    """Make the mail part of the desk. Returns its ticket's id; None when it was parked, set aside or read already."""
    known = known or _look_up(db, [(inbound_id, mail)], settings)
    inbound = known.claimed.get(inbound_id)
    if inbound is None:
        return None
    mail = known.settled.get(inbound_id, mail)
    email = mail.email
    if email.unreadable:
        inbox.park(db, inbound, email.unreadable, ", ".join(email.problems), now=now)
        return None
    if (bounced := bounces.take(db, inbound, email, now=now)) is not None:
        return bounced
    if email.is_certain_bounce:
        inbox.done_quietly(db, inbound, "bounce_of_nothing", ignored=True, now=now)
        return None
    if email.sender is None:  # reads like a bounce of nothing we sent, and names nobody who wrote it
        inbox.park(db, inbound, "no_sender", ", ".join(email.problems), now=now)
        return None
    returns_to_nobody = inbound.envelope.get("sender") in ("", "<>")  # the envelope's word, whatever the head says
    answers_by_itself = returns_to_nobody or automatic.answers_by_itself(email.automatic_reason)
    thread = threads.find(
        db,
        email,
        tag=inbound.envelope.get("tag", ""),
        answers_by_itself=answers_by_itself,
        reopen_days=settings.reopen_days,
        now=now,
    )
    if thread.came_back is not None:
        inbox.done_quietly(db, inbound, "own_mail", ignored=True, ticket_id=thread.came_back, now=now)
        return None
    if thread.is_stranger and not answers_by_itself and backstops.holds_strangers(db, inbound, settings, now=now):
        return None
    if thread.ticket is not None and (thread.is_stranger or answers_by_itself):
        # A stranger's words, or a robot's answer: on the ticket for agents to see. Only a person's wait for a look.
        message = _message(
            db, inbound, thread.ticket, mail, is_automatic=answers_by_itself, is_stranger=thread.is_stranger, now=now
        )
        if not answers_by_itself:
            tickets.touch(thread.ticket, "", awaits_us=True, now=now)
        _heard(db, thread.ticket, message, inbound, "automatic" if answers_by_itself else "by_stranger", now=now)
        return thread.ticket.id
    if thread.ticket is None:
        is_held = backstops.opens_too_many(db, inbound, email.sender.address, settings, now=now)
    else:
        is_held = backstops.reopens_too_often(db, inbound, thread.ticket, now=now)
    if is_held:
        return None
    taken = intake.take_in(
        db,
        intake.Inquiry(
            channel=Channel.MAIL,
            subject=parse.subject_stem(email.subject) or mail.email.reply_text[:60].strip() or "—",
            text=email.reply_text or email.text,
            match=known.matches[contact_points.email_key(email.sender.address)],
            language=mail.language,
            written_to=mailboxes.queue_of(db, inbound) or queues.written_to(db, senders.written_to(inbound, email)),
            continues=thread.ticket,
            impression=mail.impression,
            prediction=mail.prediction,
        ),
        open_ticket_days=settings.open_ticket_days,
        now=now,
    )
    is_automatic = taken.is_new and (returns_to_nobody or email.is_automatic)
    message = _message(db, inbound, taken.ticket, mail, is_automatic=is_automatic, is_stranger=False, now=now)
    if not taken.is_new:
        tickets.touch(taken.ticket, email.reply_text or email.text, awaits_us=True, now=now)
    if not is_automatic:
        impressions.keep(db, taken.ticket, mail.impression, message_id=message.id, now=now)
    if taken.is_new:
        if taken.routing is not None:
            taken.routing.message_id = message.id
        tickets.announce(db, taken.ticket, now=now)
        if other := thread.follows or thread.claims:
            _link(db, taken.ticket, other, "follows" if thread.follows else "claims", now=now)
    else:
        outgoing.hold(db, taken.ticket, now=now)
    _heard(db, taken.ticket, message, inbound, taken.reason, now=now)
    if not answers_by_itself and not is_automatic:
        _guess_numbers(db, email, known.matches, settings=settings, now=now)
    if taken.is_new and not is_automatic and thread.claims is None:
        receipts.acknowledge(db, taken.ticket, message, email, settings=settings, now=now)
    return taken.ticket.id


def _guess_numbers(
    db: Session, email: Email, matches: Mapping[str, matching.Match], *, settings: Settings, now: datetime
) -> None:
    """What a known writer's signature says where to call."""
    if not email.signature or email.sender is None:
        return
    writer = matches[contact_points.email_key(email.sender.address)].customer_id
    if writer is None or not (numbers := guesses.sure(email.signature, region=settings.region)):
        return
    if customer := db.get(Customer, writer):
        guesses.keep(db, customer, numbers, now=now)


@dataclass(frozen=True, slots=True)
class _Known:
    """What mails taken together ask of the database, asked once for all: those nobody has read yet, and who wrote."""

    claimed: dict[int, Inbound]
    matches: dict[str, matching.Match]  # by the key of the sender's address
    settled: dict[int, Understood]  # those whose channel says that somebody else wrote them than From does


def _look_up(db: Session, mails: Sequence[tuple[int, Understood]], settings: Settings) -> _Known:
    claimed = inbox.claim_all(db, [inbound_id for inbound_id, _ in mails])
    settled = {
        inbound_id: replace(mail, email=email)
        for inbound_id, mail in mails
        if inbound_id in claimed
        and (email := senders.settled(db, claimed[inbound_id], mail.email, settings=settings)) is not mail.email
    }
    writers = [settled.get(inbound_id, mail).email.sender for inbound_id, mail in mails]
    keys = {contact_points.email_key(writer.address) for writer in writers if writer}
    matches = matching.by_addresses(db, keys)
    records.load(db, {match.customer_id for match in matches.values() if match.customer_id is not None})
    return _Known(claimed, matches, settled)


def plain_address(address: str) -> str:
    """An address of the desk without its plus-tag, lower case."""
    local, _, domain = address.strip().lower().rpartition("@")
    return f"{local.partition('+')[0]}@{domain}"


def _message(
    db: Session,
    inbound: Inbound,
    ticket: Ticket,
    mail: Understood,
    *,
    is_automatic: bool,
    is_stranger: bool,
    now: datetime,
) -> Message:
    email = mail.email
    assert ticket.id is not None
    message = Message(
        ticket_id=ticket.id,
        direction=Direction.IN,
        state=MessageState.RECEIVED,
        internet_id=email.message_id,
        in_reply_to=email.in_reply_to[0] if email.in_reply_to else "",
        references=list(email.references[:20]),
        sender_name=email.sender.name if email.sender else "",
        sender_address=email.sender.address if email.sender else "",
        header_from=email.header_from,
        reply_to=_answers_elsewhere(email),
        to=[address.address for address in email.to[:500]],
        cc=[address.address for address in email.cc[:500]],
        subject=email.subject,
        text=email.text,
        reply_text=email.reply_text,
        quoted_text=email.quoted_text,
        signature=email.signature,
        html=email.html,
        problems=list(email.problems[:PROBLEMS]),
        is_automatic=is_automatic,
        is_from_stranger=is_stranger,
        inbound_id=inbound.id,
        created_at=now,
        sent_at=email.sent_at,
    )
    insert(db, message)
    for file in mail.files:
        db.add(Attachment(**{**file.model_dump(exclude={"id"}), "message_id": message.id}))
    return message


def _answers_elsewhere(email: Email) -> str:
    """The address in Reply-To where it is another than the sender's."""
    if email.reply_to is None or email.sender is None:
        return ""
    same = contact_points.email_key(email.reply_to.address) == contact_points.email_key(email.sender.address)
    return "" if same else email.reply_to.address


def _heard(db: Session, ticket: Ticket, message: Message, inbound: Inbound, outcome: str, *, now: datetime) -> None:
    assert ticket.id is not None and message.id is not None
    inbox.done(inbound, outcome, ticket_id=ticket.id, now=now)
    emit(db, MessageReceived(ticket_id=ticket.id, queue_id=ticket.queue_id, message_id=message.id, at=now))


def _link(db: Session, ticket: Ticket, other_id: int, reason: str, *, now: datetime) -> None:
    """Let either ticket tell of the other."""
    other = db.get(Ticket, other_id)
    assert other is not None and other.id is not None and ticket.id is not None
    back = {"follows": "followed", "claims": "claimed"}[reason]
    for here, there, word in ((ticket, other, reason), (other, ticket, back)):
        told = TicketLinked(ticket_id=here.id or 0, queue_id=here.queue_id, other_id=there.id or 0, reason=word, at=now)
        emit(db, told)


def place(db: Session, inbound: Inbound, ticket: Ticket, mail: Understood, outcome: str, *, now: datetime) -> Message:
    """Write a mail onto a ticket because a person said that it belongs there."""
    message = _message(db, inbound, ticket, mail, is_automatic=mail.email.is_automatic, is_stranger=False, now=now)
    tickets.touch(ticket, mail.email.reply_text or mail.email.text, awaits_us=True, now=now)
    _heard(db, ticket, message, inbound, outcome, now=now)
    return message
