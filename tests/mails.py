"""Mails as they lie in mailboxes and arrive by SMTP, written by the cast and by mail servers."""

from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from tests.cast import DESK_ADDRESS, RETURNS_ADDRESS, TANAKA


def mail(number: int = 1, *, to: str = DESK_ADDRESS, body: str = "掃除機の電源が入りません。", **headers: str) -> bytes:
    """A mail by Ms. Tanaka, as it lies in a mailbox."""
    written = EmailMessage()
    written["From"], written["To"], written["Subject"] = f"{TANAKA.name} <{TANAKA.email}>", to, f"ご相談 {number}"
    written["Message-ID"] = f"<imap-{number}@example.com>"
    for name, value in headers.items():
        written[name.replace("_", "-")] = value
    written.set_content(body)
    return written.as_bytes()


def subject_of(raw: bytes) -> str:
    """What a mail is about, read by Python's own reader."""
    return str(message_from_bytes(raw, policy=policy.default)["subject"])


def answer_to(mail: Any, body: str, **headers: str) -> dict[str, Any]:
    """What the customer's mail program makes of "reply"."""
    return {"subject": f"Re: {mail['Subject']}", "body": body,
            "headers": {"In-Reply-To": mail["Message-ID"], "References": mail["Message-ID"]} | headers}  # fmt: skip


def bounce(message_id: str, status: str, *, action: str = "failed") -> bytes:
    """What a mail server writes when it cannot deliver (RFC 3464)."""
    return "\r\n".join([
        "From: MAILER-DAEMON@mx.example.com", f"To: {RETURNS_ADDRESS}", "Subject: Undelivered Mail Returned to Sender",
        "Auto-Submitted: auto-replied", "MIME-Version: 1.0",
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"', "", "--b",
        "Content-Type: text/plain", "", "I am sorry to have to inform you.", "--b",
        "Content-Type: message/delivery-status", "", "Reporting-MTA: dns; mx.example.com", "",
        f"Final-Recipient: rfc822; {TANAKA.email}", f"Action: {action}", f"Status: {status}", "--b",
        "Content-Type: message/rfc822", "", f"Message-ID: {message_id}", f"From: {RETURNS_ADDRESS}", "Subject: Re: x",
        "", "x", "--b--", "",
    ]).encode()  # fmt: skip
