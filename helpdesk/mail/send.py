"""One mail out by SMTP, said plainly when it could not be."""

import smtplib
import ssl
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

from helpdesk.errors import Rejected, Unreachable

TIMEOUT_SECONDS = 30


def send(url: str, mail: EmailMessage, *, sender: str, recipients: list[str]) -> dict[str, str]:
    """Hand the mail to the server named by `url` (smtp:// or smtps://, with user and password where needed).

    Returns the recipients that were refused, with the server's words; the others were accepted. Raises `Unreachable`
    when it may work later, `Rejected` when it never will.
    """
    server = urlsplit(url)
    secure = server.scheme == "smtps"
    if server.scheme not in {"smtp", "smtps"} or not server.hostname:
        raise Rejected("no_outgoing_mail_server")
    try:
        with _connect(server.hostname, server.port or (465 if secure else 587), secure) as smtp:
            if not secure and smtp.has_extn("starttls"):
                smtp.starttls(context=ssl.create_default_context())
                smtp.ehlo()
            if server.username:
                smtp.login(unquote(server.username), unquote(server.password or ""))
            refused = smtp.send_message(mail, from_addr=sender, to_addrs=recipients)
    except smtplib.SMTPRecipientsRefused as error:
        if all(400 <= code < 500 for code, _ in error.recipients.values()):
            raise Unreachable("smtp_unreachable") from error
        raise Rejected("smtp_refused") from error
    except smtplib.SMTPResponseException as error:
        if 400 <= error.smtp_code < 500:
            raise Unreachable("smtp_unreachable") from error
        raise Rejected("smtp_refused") from error
    except smtplib.SMTPNotSupportedError as error:  # the server cannot carry this address, today or tomorrow
        raise Rejected("smtp_refused") from error
    except (OSError, smtplib.SMTPException) as error:
        raise Unreachable("smtp_unreachable") from error
    return {address: words.decode("utf-8", "replace") for address, (_, words) in refused.items()}


def _connect(host: str, port: int, secure: bool) -> smtplib.SMTP:
    if secure:
        return smtplib.SMTP_SSL(host, port, timeout=TIMEOUT_SECONDS, context=ssl.create_default_context())
    smtp = smtplib.SMTP(host, port, timeout=TIMEOUT_SECONDS)
    smtp.ehlo()
    return smtp
