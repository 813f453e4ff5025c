"""The mail entrance from outside: TLS, sign-in, limits, and senders that behave badly. Over real sockets."""

import asyncio
import contextlib
import re
import smtplib
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from helpdesk.mail import listen
from helpdesk.mail.gate import Gate, Limits, networks
from helpdesk.mail.listen import Listener, Security
from helpdesk.settings import Settings
from tests.dovecot import make_certificate
from tests.patience import PATIENCE_SECONDS, until

DESK = "support@desk.example.jp"
PASSWORD = "a password of some length"
MAIL = b"From: tanaka@example.com\r\nSubject: x\r\n\r\nhello\r\n"


class Door:
    """A listener in a thread of its own; `kept` is what it was given, pairs of bytes and envelope."""

    def __init__(self, **more: Any) -> None:
        self.kept: list[tuple[bytes, dict[str, Any]]] = []
        self.broken: set[str] = set()
        self.listener = Listener(keep=self._keep, ours=self._ours, **{"max_bytes": 200_000, **more})
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.port = 0

    def __enter__(self) -> "Door":
        self._thread.start()
        opening = asyncio.run_coroutine_threadsafe(self.listener.start("127.0.0.1", 0), self._loop)
        self.port = opening.result(PATIENCE_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self.listener.stop(), self._loop).result(PATIENCE_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_SECONDS)

    async def _keep(self, raw: bytes, envelope: dict[str, Any]) -> None:
        if "keep" in self.broken:
            raise OSError("the disk is full")
        self.kept.append((raw, envelope))

    async def _ours(self) -> set[str]:
        if "ours" in self.broken:
            raise OSError("the database is gone")
        return {DESK}

    def smtp(self, **more: Any) -> smtplib.SMTP:
        return smtplib.SMTP("127.0.0.1", self.port, timeout=PATIENCE_SECONDS, **more)

    def until_one_waits(self) -> None:
        """Until a mail is here whole that is to be kept together with others."""
        until(lambda: self.listener.waits)

    def raw(self, sent: bytes, *, until: bytes) -> bytes:
        """Say all this at once, and return what was answered up to a word or the end."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_SECONDS) as line:
            line.sendall(sent)
            return _heard(line, until)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a certificate for this machine, and of what vouches for it."""
    folder = tmp_path_factory.mktemp("certificate")
    make_certificate(folder)
    return folder


def secured(folder: Path, **more: Any) -> Security:
    return Security(certificate=str(folder / "certificate.pem"), key=str(folder / "key.pem"), **more)


@pytest.fixture
def trusting(certificate: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(certificate / "authority.pem"))
    context.check_hostname = False  # the tests say 127.0.0.1
    return context


def refusal(act: Callable[..., Any], *args: Any) -> int:
    """The code with which something is refused."""
    with pytest.raises(smtplib.SMTPException) as told:
        act(*args)
    if isinstance(told.value, smtplib.SMTPRecipientsRefused):
        ((code, _),) = told.value.recipients.values()
        return code
    assert isinstance(told.value, smtplib.SMTPResponseException)
    return told.value.smtp_code


# --- TLS and sign-in


def test_tls_is_offered_and_a_mail_comes_through_it(certificate: Path, trusting: ssl.SSLContext) -> None:
    with Door(security=secured(certificate)) as door:
        for encrypts in (True, False):
            with door.smtp() as smtp:
                if encrypts:
                    smtp.starttls(context=trusting)
                smtp.sendmail("tanaka@example.com", [DESK], MAIL)
        assert [raw for raw, _ in door.kept] == [MAIL, MAIL]


def test_where_tls_is_required_nothing_is_taken_without(certificate: Path, trusting: ssl.SSLContext) -> None:
    with Door(security=secured(certificate, tls="required")) as door, door.smtp() as smtp:
        assert refusal(smtp.sendmail, "tanaka@example.com", [DESK], MAIL) == 530
        assert not door.kept
        smtp.starttls(context=trusting)
        smtp.sendmail("tanaka@example.com", [DESK], MAIL)
        assert len(door.kept) == 1


def test_tls_from_the_first_byte(certificate: Path, trusting: ssl.SSLContext) -> None:
    users = {"relay": SecretStr(PASSWORD)}
    with Door(security=secured(certificate, tls="implicit", users=users)) as door:
        with smtplib.SMTP_SSL("127.0.0.1", door.port, timeout=PATIENCE_SECONDS, context=trusting) as smtp:
            smtp.ehlo()
            assert not smtp.has_extn("starttls") and smtp.has_extn("auth")
            smtp.login("relay", PASSWORD)
            smtp.sendmail("tanaka@example.com", [DESK], MAIL)
        assert len(door.kept) == 1


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_where_there_are_users_only_who_signs_in_hands_over_mail(
    certificate: Path, trusting: ssl.SSLContext, mechanism: str
) -> None:
    def way(smtp: smtplib.SMTP) -> tuple[str, Any]:
        return mechanism, getattr(smtp, f"auth_{mechanism.lower()}")

    users = {"relay": SecretStr(PASSWORD), "other": SecretStr("x" * 20)}
    with Door(security=secured(certificate, users=users)) as door:
        with door.smtp() as smtp:
            smtp.ehlo()
            assert not smtp.has_extn("auth")  # nobody is asked for a password in the clear
            assert smtp.docmd("AUTH PLAIN AHJlbGF5AHg=")[0] == 538
            smtp.starttls(context=trusting)
            assert refusal(smtp.sendmail, "tanaka@example.com", [DESK], MAIL) == 530
            for name, password in (("relay", "x" * 20), ("nobody", PASSWORD), ("relay", ""), ("", "")):
                smtp.user, smtp.password = name, password
                assert refusal(smtp.auth, *way(smtp)) == 535
            assert not door.kept
            smtp.user, smtp.password = "relay", PASSWORD
            assert smtp.auth(*way(smtp))[0] == 235
            smtp.sendmail("tanaka@example.com", [DESK], MAIL)
        assert len(door.kept) == 1


def test_without_users_nobody_is_asked_to_sign_in(certificate: Path, trusting: ssl.SSLContext) -> None:
    with Door(security=secured(certificate)) as door, door.smtp() as smtp:
        smtp.starttls(context=trusting)
        smtp.ehlo()
        assert not smtp.has_extn("auth") and smtp.docmd("AUTH PLAIN AHJlbGF5AHg=")[0] == 504


def test_what_was_said_before_tls_began_is_forgotten(certificate: Path, trusting: ssl.SSLContext) -> None:
    """Whoever sits on the line could otherwise put commands of their own before those of the sender."""
    with Door(security=secured(certificate)) as door:
        line = socket.create_connection(("127.0.0.1", door.port), timeout=PATIENCE_SECONDS)
        _heard(line, b"220 ")
        line.sendall(b"EHLO evil\r\n")
        _heard(line, b"250 HELP\r\n")
        line.sendall(b"STARTTLS\r\nMAIL FROM:<evil@example.com>\r\n")
        assert _heard(line, b"\r\n").startswith(b"220")
        with trusting.wrap_socket(line) as inside:
            inside.sendall(b"EHLO good\r\nRCPT TO:<" + DESK.encode() + b">\r\n")
            assert b"503 Error: need MAIL command" in _heard(inside, b"MAIL command")


def test_a_renewed_certificate_is_shown_to_the_next_sender_and_a_broken_one_to_nobody(tmp_path: Path) -> None:
    make_certificate(tmp_path)
    with Door(security=secured(tmp_path)) as door:
        first = _shown(door)
        (tmp_path / "certificate.pem").write_text("half a file")
        assert _shown(door) == first
        make_certificate(tmp_path)
        assert _shown(door) != first


def _heard(line: socket.socket, word: bytes) -> bytes:
    """What is said up to a word."""
    heard = b""
    while word not in heard and (more := line.recv(65536)):
        heard += more
    return heard


def _shown(door: Door) -> bytes:
    """The certificate a sender is shown."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with door.smtp() as smtp:
        smtp.starttls(context=context)
        assert isinstance(smtp.sock, ssl.SSLSocket)
        return smtp.sock.getpeercert(binary_form=True) or b""


def test_lmtp_speaks_tls_and_asks_for_a_sign_in_too(certificate: Path, trusting: ssl.SSLContext) -> None:
    users = {"relay": SecretStr(PASSWORD)}
    with Door(lmtp=True, security=secured(certificate, tls="required", users=users)) as door:
        with smtplib.LMTP("127.0.0.1", door.port) as lmtp:
            lmtp.starttls(context=trusting)
            lmtp.login("relay", PASSWORD)
            lmtp.mail("tanaka@example.com")
            for address in (DESK, DESK.replace("@", "+tag@")):
                assert lmtp.rcpt(address)[0] == 250
            assert lmtp.data(MAIL)[0] == 250 and lmtp.getreply()[0] == 250
        ((_, envelope),) = door.kept
        assert envelope["recipients"] == [DESK, DESK.replace("@", "+tag@")] and envelope["tag"] == "tag"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"mail_tls": "required"}, "mail_tls_certificate"),
        ({"mail_users": "relay=a password of some length"}, "mail_tls_certificate"),
        ({"mail_users": "relay=short"}, "16 characters"),
        ({"mail_tls_certificate": "/nowhere/certificate.pem"}, "cannot be used"),
        ({"mail_tls": "perhaps"}, "implicit"),
        ({"mail_own_peers": "10.0.0.0/8,mail.example.com"}, "no address or network"),
    ],
    ids=str,
)  # fmt: skip
def test_settings_that_cannot_work_stop_the_start(given: dict[str, str], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Settings(**given)  # type: ignore[arg-type]


# --- too much at once


FEW = Limits(connections=4, peer_connections=2, peer_mails=3, peer_recipients=5, own_peers=networks(["127.0.0.9"]))


def test_too_many_connections_of_one_sender_are_asked_to_come_again_and_others_are_served() -> None:
    with Door(limits=FEW) as door:
        with door.smtp(), door.smtp() as second:
            with pytest.raises(smtplib.SMTPConnectError) as full:
                door.smtp()
            assert full.value.smtp_code == 421
            with door.smtp(source_address=("127.0.0.2", 0)) as other:
                other.sendmail("a@example.com", [DESK], MAIL)
            second.quit()
            _eventually(lambda: door.smtp().quit())
        assert len(door.kept) == 1


def test_all_connections_together_have_a_limit_even_for_ones_own_servers() -> None:
    with Door(limits=FEW) as door, contextlib.ExitStack() as held:
        for _ in range(4):
            held.enter_context(door.smtp(source_address=("127.0.0.9", 0)))
        with pytest.raises(smtplib.SMTPConnectError) as full:
            door.smtp(source_address=("127.0.0.3", 0))
        assert full.value.smtp_code == 421


def test_a_sender_above_its_mails_a_minute_is_asked_to_try_again_later() -> None:
    with Door(limits=FEW) as door, door.smtp() as smtp:
        for _ in range(3):
            smtp.sendmail("a@example.com", [DESK], MAIL)
        assert refusal(smtp.sendmail, "a@example.com", [DESK], MAIL) == 452
        assert len(door.kept) == 3
        with door.smtp(source_address=("127.0.0.9", 0)) as own:
            for _ in range(9):
                own.sendmail("a@example.com", [DESK], MAIL)
        assert len(door.kept) == 12


def test_a_sender_above_its_recipients_a_minute_is_asked_to_try_again_later() -> None:
    with Door(limits=FEW) as door, door.smtp() as smtp:
        told = smtp.sendmail("a@example.com", [DESK.replace("@", f"+{number}@") for number in range(7)], MAIL)
        assert [code for code, _ in told.values()] == [452, 452]
        assert len(door.kept[0][1]["recipients"]) == 5


def test_counts_begin_anew_every_minute_and_ipv6_counts_by_network() -> None:
    now = [60.0]
    gate = Gate(Limits(peer_mails=1, peer_connections=1), clock=lambda: now[0])
    assert gate.may_mail("192.0.2.1") and not gate.may_mail("192.0.2.1") and gate.may_mail("192.0.2.2")
    assert gate.may_mail("2001:db8::1") and not gate.may_mail("2001:db8::ffff") and gate.may_mail("2001:db8:0:1::1")
    assert all(gate.may_mail("::ffff:127.0.0.1") for _ in range(9))
    now[0] = 119.9
    assert not gate.may_mail("192.0.2.1")
    now[0] = 120.0
    assert gate.may_mail("192.0.2.1")
    assert gate.enter("192.0.2.1") and not gate.enter("192.0.2.1")
    gate.leave("192.0.2.1")
    assert gate.enter("192.0.2.1")


# --- senders that behave badly


def test_who_guesses_recipients_is_shown_the_door() -> None:
    with Door() as door, door.smtp() as smtp:
        smtp.ehlo()
        smtp.mail("a@example.com")
        codes = []
        with pytest.raises(smtplib.SMTPServerDisconnected):
            for number in range(100):
                codes.append(smtp.rcpt(f"guess{number}@desk.example.jp")[0])
        assert codes[: listen.ERRORS_MAX] == [550] * listen.ERRORS_MAX and len(codes) <= listen.ERRORS_MAX + 1


def test_who_says_nothing_for_too_long_hears_good_bye(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listen, "COMMAND_SECONDS", 0.05)
    with Door() as door:
        heard = door.raw(b"", until=b"good-bye")  # a word that comes after the good-bye would break the line
        assert b"421 4.4.2" in heard


def test_a_mail_that_never_ends_is_not_kept_in_memory_and_refused_at_its_end() -> None:
    """One line of 12 MB where 200 kB are allowed; the sender is heard to its end, as RFC 5321 asks."""
    with Door() as door, door.smtp() as smtp:
        smtp.helo()  # so that the size is not said beforehand
        assert refusal(smtp.sendmail, "a@example.com", [DESK], b"Subject: x\r\n\r\n" + b"x" * 12_000_000) == 552
        smtp.sendmail("a@example.com", [DESK], MAIL)  # and the line still works
        assert [raw for raw, _ in door.kept] == [MAIL]


BODIES: dict[str, bytes] = {
    "nothing": b"",
    "a dot": b".\r\n",
    "dots at the beginning of lines": b".a\r\n..b\r\n...\r\n",
    "a line above any limit": b"x" * 150_000 + b"\r\n",
    "only line feeds around a dot": b"a\n.\nb\r\n",
    "a carriage return around a dot": b"a\r.\rb\r\n",
    "a mixed end": b"a\n.\r\nb\r\n",
    "blank lines": b"\r\n\r\n\r\n",
    "every byte": bytes(byte for byte in range(256) if byte not in (10, 13)) + b"\r\n",
}


@pytest.mark.parametrize("name", BODIES)
def test_every_byte_of_a_mail_arrives_and_nothing_inside_it_ends_it(name: str) -> None:
    """What some servers take for the end of a mail smuggles a second one in behind it."""
    body = BODIES[name]
    sent = re.sub(rb"(^|\r\n)\.", rb"\1..", body)
    talk = b"EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<" + DESK.encode() + b">\r\nDATA\r\n" + sent + b".\r\nNOOP\r\nQUIT\r\n"
    with Door() as door:
        heard = door.raw(talk, until=b"221 ")
        assert [raw for raw, _ in door.kept] == [body] and b"250 2.0.0 Kept\r\n250 OK\r\n221" in heard
        assert door.kept[0][1]["sender"] == ""


@pytest.mark.parametrize("part", ["keep", "ours"])
def test_our_own_fault_is_a_temporary_answer_and_says_nothing_of_us(part: str) -> None:
    with Door() as door, door.smtp() as smtp:
        door.broken.add(part)
        with pytest.raises(smtplib.SMTPException) as told:
            smtp.sendmail("a@example.com", [DESK], MAIL)
        assert "451" in str(told.value) and "database" not in str(told.value) and "disk" not in str(told.value)
        door.broken.clear()
        smtp.sendmail("a@example.com", [DESK], MAIL)
        assert len(door.kept) == 1


def test_addresses_beyond_ascii_and_of_old_carriers_are_taken() -> None:
    with Door() as door, door.smtp() as smtp:
        smtp.ehlo()
        assert smtp.has_extn("smtputf8")
        for sender in ("田中@例え.jp", "a..b@docomo.ne.jp", ".a.@docomo.ne.jp"):
            smtp.sendmail(sender, [DESK], MAIL, mail_options=["SMTPUTF8"])
        assert [envelope["sender"] for _, envelope in door.kept] == [
            "田中@例え.jp", "a..b@docomo.ne.jp", ".a.@docomo.ne.jp"]  # fmt: skip


def _begun(smtp: smtplib.SMTP) -> smtplib.SMTP:
    """A sender in the middle of handing over a mail."""
    smtp.ehlo()
    smtp.mail("a@example.com")
    return smtp


def _answer_to(smtp: smtplib.SMTP, door: Door) -> threading.Thread:
    """A sender hands over a mail and waits for the answer."""
    sending = threading.Thread(target=smtp.sendmail, args=("b@example.com", [DESK], MAIL), daemon=True)
    sending.start()
    door.until_one_waits()
    return sending


def test_mails_handed_over_side_by_side_wait_for_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listen, "TOGETHER_SECONDS", PATIENCE_SECONDS)
    with Door() as door, door.smtp() as first, door.smtp() as second:
        _begun(first)
        sending = _answer_to(second, door)
        assert not door.kept and sending.is_alive()
        first.rcpt(DESK)
        first.data(MAIL)
        sending.join(PATIENCE_SECONDS)
        assert len(door.kept) == 2 and not sending.is_alive()


def test_a_mail_waits_no_longer_for_a_sender_who_has_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listen, "TOGETHER_SECONDS", PATIENCE_SECONDS)
    with Door() as door, door.smtp() as second:
        first = _begun(door.smtp())
        sending = _answer_to(second, door)
        assert not door.kept
        first.close()
        sending.join(PATIENCE_SECONDS / 2)
        assert len(door.kept) == 1 and not sending.is_alive()


def test_a_sender_who_begins_and_says_no_more_keeps_nobody_waiting() -> None:
    with Door() as door, door.smtp() as first, door.smtp() as second:
        _begun(first)
        second.sendmail("b@example.com", [DESK], MAIL)
        assert len(door.kept) == 1


def test_a_mail_alone_waits_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listen, "TOGETHER_SECONDS", 10 * PATIENCE_SECONDS)
    with Door() as door, door.smtp() as first, door.smtp() as second:
        second.ehlo()
        first.sendmail("a@example.com", [DESK], MAIL)
        second.sendmail("b@example.com", [DESK], MAIL)
        assert len(door.kept) == 2


def _eventually(act: Callable[[], object]) -> None:
    """The other end notices a moment later that somebody left."""
    for _ in range(200):
        with contextlib.suppress(smtplib.SMTPConnectError):
            act()
            return
    raise AssertionError("it never worked")
