"""The customer's part, played against a running desk: ring, hang up, write, answer.

The idea: nothing here reaches into the desk. A pretended call is a form posted and signed as Twilio posts it, a
pretended mail goes in by SMTP, so whatever works here works with real telephones and mailboxes. Because it plays the
outside world it reads the clock itself. Every refusal is a `SimulationFailed` that says what to do.
"""

import json
import re
import secrets
import smtplib
import urllib.error
import urllib.request
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message as Mail
from email.utils import formataddr, getaddresses, make_msgid, parsedate_to_datetime
from typing import Literal
from zoneinfo import ZoneInfo

from cti import replay
from cti.twilio import STATUS_PATH, VOICE_PATH
from helpdesk.customers import contact_points
from helpdesk.letters import build, quoted, shipped
from helpdesk.sample.company import CALLERS, LINES
from helpdesk.settings import Settings

__all__ = ["VOICE_PATH", "SimulationFailed", "answer", "drop", "hang_up", "push_ring", "ring"]

TIMEOUT_SECONDS = 10


class SimulationFailed(Exception):
    """The desk is not running, or said no. The message is a sentence for the one who tried."""


def ring(settings: Settings, caller: str, *, called: str | None = None, call_sid: str | None = None) -> str:
    """Ring a call at the desk as Twilio would, and return its CallSid.

    `caller` is a key of `sample.company.CALLERS`, "withheld", or a number in any spelling. `called` is a queue's slug
    or a number; without it the caller dials the line they usually dial, and a number tech support's.
    """
    call_sid = call_sid or f"CA{secrets.token_hex(16)}"
    number, line = _parties(settings, caller, called)
    post_as_twilio(settings, VOICE_PATH, replay.voice_form(call_sid, number, line))
    return call_sid


def hang_up(settings: Settings, call_sid: str) -> None:
    """The caller puts the receiver down. A CallSid the desk has not heard of ends a call it never saw ring."""
    form = replay.status_form(call_sid, "completed", "", "", sequence=9, at=datetime.now(UTC), duration_seconds=0)
    for parties in ("From", "To", "Caller", "Called"):
        del form[parties]  # an empty caller would be a withheld one; not named, the desk keeps what it knows
    post_as_twilio(settings, STATUS_PATH, form)


def push_ring(
    settings: Settings, name: str, caller: str = "tanaka", *, called: str | None = None, call_id: str | None = None,
    event: Literal["ring", "answer", "hangup"] = "ring",
) -> str:  # fmt: skip
    """The same by the exchange `name` of `settings.push_tokens`, as JSON. Returns the exchange's id of the call."""
    token = settings.push_tokens.get(name)
    if token is None:
        raise SimulationFailed(
            f"No exchange is called {name!r}. Set DESK_PUSH_TOKENS={name}=... and start the desk again."
        )
    call_id = call_id or secrets.token_hex(12)
    number, line = _parties(settings, caller, called)
    told = {
        "event": event, "call_id": call_id, "direction": "in", "from": number, "to": line,
        "at": datetime.now(UTC).isoformat(),
    }  # fmt: skip
    post(
        settings,
        f"/api/v1/cti/{token.get_secret_value()}",
        json.dumps(told).encode(),
        {"Content-Type": "application/json"},
    )
    return call_id


def drop(settings: Settings, letter_key: str) -> str:
    """Send one of `letters.shipped()` to the desk by SMTP. Returns its Message-ID."""
    letter = shipped().get(letter_key)
    if letter is None:
        raise SimulationFailed(f"No letter is called {letter_key!r}. There are: {', '.join(shipped())}.")
    line = LINES.get("tech_support" if letter.to == "tech" else letter.to)
    to = (line.address if line else None) or settings.mail_from
    raw = letter.build(to=to, now=_here(settings))
    _send(settings, raw, sender=letter.address, to=to)
    return str(message_from_bytes(raw)["Message-ID"]).strip()


def answer(settings: Settings, sent: bytes, text: str) -> None:
    """Answer a mail the desk sent, as its recipient would: to its Reply-To address, with the mail quoted below."""
    mail = message_from_bytes(sent)
    recipients = getaddresses([_decoded(mail, "To")])
    desk = getaddresses([_decoded(mail, "Reply-To") or _decoded(mail, "From")])
    message_id = str(mail["Message-ID"] or "").strip()
    if not recipients or not desk or not message_id:
        raise SimulationFailed("This mail names no sender, no recipient or no Message-ID, so nobody can answer it.")
    (name, address), (_, to) = recipients[0], desk[0]
    subject = _decoded(mail, "Subject")
    told = _words(mail)
    below = quoted(
        told,
        sender=_decoded(mail, "From"),
        at=_sent_at(mail, settings),
        language="ja" if re.search(r"[ぁ-ヿ一-鿿]", told) else "en",
    )
    raw = build(
        sender=formataddr((name, address)) if name else address,
        to=to,
        subject=subject if subject.lower().startswith("re:") else f"Re: {subject}",
        text=f"{text.strip()}\n\n{below}",
        message_id=make_msgid(domain=address.rpartition("@")[2]),
        at=_here(settings),
        in_reply_to=message_id,
        references=[*re.findall(r"<[^<>\s]+>", str(mail["References"] or "")), message_id],
    )
    _send(settings, raw, sender=address, to=to)


def _parties(settings: Settings, caller: str, called: str | None) -> tuple[str, str]:
    """Who calls and whom, as a telephone system writes them."""
    known = CALLERS.get(caller)
    number = known.number if known else _number(settings, caller)
    if called is None:
        return number, known.called if known else LINES["tech_support"].phone
    return number, LINES[called].phone if called in LINES else _number(settings, called)


def _number(settings: Settings, typed: str) -> str:
    read = contact_points.read_number(typed, region=settings.region)
    if read.kind not in {"number", "withheld"}:
        raise SimulationFailed(f"{typed!r} is no telephone number. Known callers are {', '.join(CALLERS)}.")
    return read.e164 or "anonymous"


def post_as_twilio(settings: Settings, path: str, form: dict[str, str]) -> None:
    token = settings.twilio_auth_token.get_secret_value()
    if not token:
        raise SimulationFailed(
            "No Twilio token is known here, so the call cannot be signed. Set DESK_TWILIO_AUTH_TOKEN."
        )
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Twilio-Signature": replay.sign(settings.public_url + path, form, token),
    }
    post(settings, path, replay.body(form), headers)


def post(settings: Settings, path: str, body: bytes, headers: dict[str, str]) -> None:
    """To the desk on this machine, past whatever stands before it; proxies of the environment are not asked."""
    url = f"http://{at_host(settings.host)}:{settings.port}{path}"
    request = urllib.request.Request(url, data=body, headers=headers, method="POST")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=TIMEOUT_SECONDS) as response:
            response.read()
    except urllib.error.HTTPError as error:
        hint = " Its token or its DESK_PUBLIC_URL is another one than here." if error.code in (401, 403) else ""
        raise SimulationFailed(
            f"The desk at {settings.host}:{settings.port} refused with {error.code}.{hint}"
        ) from error
    except OSError as error:
        raise SimulationFailed(
            f"No desk answers at {settings.host}:{settings.port}. Start one with `make demo`."
        ) from error


def _send(settings: Settings, raw: bytes, *, sender: str, to: str) -> None:
    kind = smtplib.LMTP if settings.mail_lmtp else smtplib.SMTP
    place = f"{settings.mail_host}:{settings.mail_port}"
    if settings.mail_port <= 0:
        raise SimulationFailed("This desk listens for no mail. Set DESK_MAIL_PORT.")
    try:
        with kind(at_host(settings.mail_host), settings.mail_port, timeout=TIMEOUT_SECONDS) as smtp:
            smtp.sendmail(sender, [to], raw)
    except smtplib.SMTPRecipientsRefused as error:
        raise SimulationFailed(f"The desk at {place} takes no mail for {to}: no queue has that address.") from error
    except smtplib.SMTPResponseException as error:
        raise SimulationFailed(f"The desk at {place} refused the mail with {error.smtp_code}.") from error
    except (OSError, smtplib.SMTPException) as error:
        raise SimulationFailed(f"No desk takes mail at {place}. Start one with `make demo`.") from error


def at_host(host: str) -> str:
    """Where a server that listens everywhere is met from this machine."""
    return "127.0.0.1" if host in {"", "0.0.0.0", "::"} else f"[{host}]" if ":" in host else host


def _here(settings: Settings) -> datetime:
    return datetime.now(ZoneInfo(settings.timezone))


def _decoded(mail: Mail, name: str) -> str:
    return str(make_header(decode_header(str(mail[name] or "")))).replace("\r", "").replace("\n", "")


def _words(mail: Mail) -> str:
    for part in mail.walk():
        if part.get_content_type() == "text/plain" and not part.get_filename():
            content = part.get_payload(decode=True)
            if isinstance(content, bytes):
                return content.decode(part.get_content_charset() or "utf-8", "replace").replace("\r\n", "\n")
    return ""


def _sent_at(mail: Mail, settings: Settings) -> datetime:
    try:
        return parsedate_to_datetime(str(mail["Date"])).astimezone(ZoneInfo(settings.timezone))
    except ValueError:
        return _here(settings)
