"""A mail as it was understood, in plain values for JSON: what `helpdesk mail read` prints.

The one idea: everything the desk acts on is here and nothing else, so that who wonders why a mail became what it became
need not open the database. Files are told by name, size and hash, never by their bytes.
"""

import hashlib
from typing import Any

from helpdesk.mail import parse
from helpdesk.mail.addresses import Address
from helpdesk.mail.files import Attachment, is_encrypted
from helpdesk.mail.parse import Email


def as_json(email: Email) -> dict[str, Any]:
    """Strings, numbers, lists and dicts; times in ISO 8601; None where there is no such thing in the mail."""
    return {
        "unreadable": email.unreadable or None,
        "problems": list(email.problems),
        "message_id": email.message_id or None,
        "in_reply_to": list(email.in_reply_to),
        "references": list(email.references),
        "sent_at": email.sent_at.isoformat() if email.sent_at else None,
        "from": _address(email.sender),
        "reply_to": _address(email.reply_to),
        "to": [_address(each) for each in email.to],
        "cc": [_address(each) for each in email.cc],
        "subject": email.subject,
        "subject_stem": parse.subject_stem(email.subject),
        "reply_text": email.reply_text,
        "quoted_text": email.quoted_text,
        "signature": email.signature,
        "phone_numbers": list(parse.phone_hints(email)),
        "text": email.text,
        "html": email.html or None,
        "attachments": [_file(each) for each in email.attachments],
        "is_forward": email.is_forward,
        "is_automatic": email.is_automatic,
        "automatic_reason": email.automatic_reason or None,
        "may_answer_automatically": email.may_answer_automatically,
        "bounce": {
            "of": email.bounced_message_id or None,
            "status": email.bounce_status or None,
            "is_certain": email.is_certain_bounce,
        }
        if email.is_bounce
        else None,
    }


def _address(address: Address | None) -> dict[str, str] | None:
    return {"name": address.name, "address": address.address} if address else None


def _file(file: Attachment) -> dict[str, Any]:
    return {
        "name": file.name,
        "content_type": file.content_type,
        "size_bytes": len(file.content),
        "sha256": hashlib.sha256(file.content).hexdigest(),
        "content_id": file.content_id or None,
        "is_inline": file.is_inline,
        "is_encrypted": is_encrypted(file.content_type, file.name),
    }
