"""One mail out by SMTP, and what became of it for each recipient.

The one idea: a server answers twice, to each recipient and to the mail as a whole, and only the second "yes" is a
promise. Until the mail's last byte is on its way nobody has it; from there to the answer nobody knows; `NotTaken`
says which it was.
"""

import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NoReturn
from urllib.parse import unquote, urlsplit

from helpdesk.errors import Rejected, Unreachable

TIMEOUT_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Server:
    """Where mail leaves. `is_tls`: from the first byte. `needs_tls`: nothing is said in clear; else TLS is taken where
    offered. With a `token` the sign-in is XOAUTH2, else by password where there is a user."""

    host: str
    port: int
    is_tls: bool = False
    needs_tls: bool = False
    user: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Told:
    """What the server said of one recipient: "accepted", "refused" for good, or "later"."""

    verdict: str
    words: str = ""


class NotTaken(Unreachable):
    """The mail could not be handed over just now. `is_certain`: nobody has it; else that is not known. `is_server`: the
    server would fail any mail. `detail`: its own words."""

    def __init__(self, code: str, *, is_certain: bool, is_server: bool, detail: str = "") -> None:
        super().__init__(code)
        self.is_certain, self.is_server, self.detail = is_certain, is_server, detail


def server_of(url: str) -> Server:
    """The server a smtp:// or smtps:// address names, with user and password where they stand in it.

    Raises `Rejected("no_outgoing_mail_server")` where it names none.
    """
    told = urlsplit(url)
    if told.scheme not in {"smtp", "smtps"} or not told.hostname:
        raise Rejected("no_outgoing_mail_server")
    is_tls = told.scheme == "smtps"
    return Server(
        told.hostname,
        told.port or (465 if is_tls else 587),
        is_tls=is_tls,
        user=unquote(told.username or ""),
        password=unquote(told.password or ""),
    )


def send(server: Server, mail: bytes, *, sender: str, recipients: Sequence[str]) -> dict[str, Told]:
    """Hand the mail over, once for all recipients; "" as `sender` is the null sender. Returns the server's word on
    each. Raises `NotTaken` when it may work later, `Rejected` when it never will."""
    smtp = _opened(server)
    try:
        try:
            told = _envelope(smtp, sender, recipients, len(mail))
        except smtplib.SMTPResponseException as error:
            _refused(error, is_server=error.smtp_code == 421)
        except smtplib.SMTPNotSupportedError as error:  # cannot carry this address, today or tomorrow
            raise Rejected("smtp_refused") from error
        except (OSError, smtplib.SMTPException) as error:
            _later(error, is_certain=True, is_server=True)
        taken = [address for address in recipients if told[address].verdict == "accepted"]
        if taken:
            told |= _handed_over(smtp, mail, taken)
        return told
    finally:
        _goodbye(smtp)


def knock(server: Server) -> None:
    """Connect and sign in, and send nothing. Raises what `send` raises."""
    _goodbye(_opened(server))


def _opened(server: Server) -> smtplib.SMTP:
    """Connected, under TLS where that is asked for or offered, and signed in."""
    try:
        smtp = _connected(server)
    except smtplib.SMTPResponseException as error:
        _refused(error, is_server=True)
    except ssl.SSLCertVerificationError as error:
        _later(error, is_certain=True, is_server=True, code="smtp_certificate")
    except (OSError, smtplib.SMTPException) as error:
        _later(error, is_certain=True, is_server=True)
    try:
        if server.token:
            first = f"user={server.user}\x01auth=Bearer {server.token}\x01\x01"
            smtp.auth("XOAUTH2", lambda challenge=None: first if challenge is None else "")
        elif server.user:
            smtp.login(server.user, server.password)
    except smtplib.SMTPResponseException as error:
        _goodbye(smtp)
        # The sign-in is the server's affair, not the mail's: whoever mends it should find the mails waiting.
        _later(error, is_certain=True, is_server=True, code="smtp_wrong_password")
    except smtplib.SMTPNotSupportedError as error:
        _goodbye(smtp)
        _later(error, is_certain=True, is_server=True, code="smtp_no_login")
    except (OSError, smtplib.SMTPException) as error:
        _goodbye(smtp)
        _later(error, is_certain=True, is_server=True)
    return smtp


def _connected(server: Server) -> smtplib.SMTP:
    if server.is_tls:
        return smtplib.SMTP_SSL(server.host, server.port, timeout=TIMEOUT_SECONDS, context=ssl.create_default_context())
    smtp = smtplib.SMTP(server.host, server.port, timeout=TIMEOUT_SECONDS)
    try:
        smtp.ehlo()
        if smtp.has_extn("starttls"):
            smtp.starttls(context=ssl.create_default_context())
            smtp.ehlo()
        elif server.needs_tls:
            _later(None, is_certain=True, is_server=True, code="smtp_no_starttls")
    except BaseException:
        smtp.close()
        raise
    return smtp


def _envelope(smtp: smtplib.SMTP, sender: str, recipients: Sequence[str], size_bytes: int) -> dict[str, Told]:
    """MAIL and RCPT: what the server thinks of each recipient, before it has the mail."""
    smtp.ehlo_or_helo_if_needed()
    options = [f"SIZE={size_bytes}"] if smtp.has_extn("size") else []
    if any(not address.isascii() for address in (sender, *recipients)):
        if not smtp.has_extn("smtputf8"):
            raise smtplib.SMTPNotSupportedError("the server takes no such address")
        options.append("SMTPUTF8")
    code, words = smtp.mail(sender, options)
    if code != 250:
        raise smtplib.SMTPSenderRefused(code, words, sender)
    told = {}
    for address in recipients:
        code, words = smtp.rcpt(address)
        if code == 421:
            raise smtplib.SMTPResponseException(code, words)
        told[address] = Told("accepted" if code in (250, 251) else _verdict(code), _words(words))
    return told


def _handed_over(smtp: smtplib.SMTP, mail: bytes, recipients: Sequence[str]) -> dict[str, Told]:
    """DATA: the one answer that is for all who were let in."""
    said: bytes | str
    try:
        code, said = smtp.data(mail)
    except smtplib.SMTPDataError as error:  # at the word DATA: not a byte of the mail was sent
        code, said = error.smtp_code, error.smtp_error
    except (OSError, smtplib.SMTPException) as error:
        _later(error, is_certain=False, is_server=False)
    return dict.fromkeys(recipients, Told("accepted" if code == 250 else _verdict(code), _words(said)))


def _verdict(code: int) -> str:
    return "refused" if 500 <= code < 600 else "later"


def _refused(error: smtplib.SMTPResponseException, *, is_server: bool) -> NoReturn:
    if _verdict(error.smtp_code) == "later" or is_server:
        _later(error, is_certain=True, is_server=is_server)
    raise Rejected("smtp_refused") from error


def _later(cause: Exception | None, *, is_certain: bool, is_server: bool, code: str = "smtp_unreachable") -> NoReturn:
    said = _words(getattr(cause, "smtp_error", b"")) or (type(cause).__name__ if cause else "")
    raise NotTaken(code, is_certain=is_certain, is_server=is_server, detail=said) from cause


def _words(said: bytes | str) -> str:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return " ".join(text.split())[:300]


def _goodbye(smtp: smtplib.SMTP) -> None:
    """Say so where the line still stands; a server that hangs up first has lost nothing."""
    try:
        smtp.quit()
    except (OSError, smtplib.SMTPException):
        smtp.close()
