"""Who wrote a mail, as the channel it came by says: the address in From, or the one in Reply-To.

The one idea: it is settled once, before anybody asks who the customer is. A form on a website sends every inquiry from
one address and names the person who filled it in as Reply-To; a person who writes names there whatever they like. Only
whoever runs the address knows which it is, so mailbox, queue and the desk's other addresses each have a switch for it.
"""

from dataclasses import replace

from sqlmodel import Session

from helpdesk import outgoing, queues
from helpdesk.customers.contact_points import email_key
from helpdesk.mail import automatic
from helpdesk.mail.addresses import Address
from helpdesk.mail.parse import Email
from helpdesk.settings import Settings
from models import Inbound, Mailbox

_LISTS = ("mailing_list", "precedence")
"""Why a mail is automatic where Reply-To names everybody on the list, and nobody in particular."""


def settled(db: Session, inbound: Inbound, email: Email, *, settings: Settings) -> Email:
    """The mail with the sender it has here. Where that is taken from Reply-To, `header_from` keeps what From said.

    An address in Reply-To is not taken where it is the desk's own or one that nobody reads, nor from a mailing list.
    """
    other = email.reply_to
    if other is None or email.sender is None or email.is_bounce:
        return email
    if email_key(other.address) == email_key(email.sender.address) or email.automatic_reason in _LISTS:
        return email
    if not _takes_reply_to(db, inbound, email, settings) or not _is_somebody(db, other, settings):
        return email
    return replace(email, sender=other, header_from=email.sender.address)


def written_to(inbound: Inbound, email: Email) -> list[str]:
    """Whom the mail was for, without plus-tags: the envelope first, which is true, then what the header shows."""
    header = [address.address for address in (*email.to, *email.cc)]
    return [outgoing.plain(address) for address in (*inbound.envelope.get("recipients", ()), *header)]


def _takes_reply_to(db: Session, inbound: Inbound, email: Email, settings: Settings) -> bool:
    mailbox = db.get(Mailbox, inbound.envelope["mailbox"]) if "mailbox" in inbound.envelope else None
    if mailbox is not None:
        return mailbox.takes_reply_to
    queue = queues.written_to(db, written_to(inbound, email))
    return queue.takes_reply_to if queue is not None else settings.mail_takes_reply_to


def _is_somebody(db: Session, address: Address, settings: Settings) -> bool:
    is_ours = outgoing.plain(address.address) in outgoing.ours(db, settings)
    return not is_ours and not automatic.is_robot(address.address)
