"""The IMAP server whose mailboxes the tests empty: Debian's Dovecot, started from a folder and gone when it is closed.

The one idea: nothing of the machine's own mail is touched. Configuration, mail, sockets and a certificate made for the
occasion live in a temporary folder; any user may log in with the one password and finds an empty mailbox.

    python -m tests.dovecot     find it or install it; says so when neither works, and its tests are skipped then

Mail is put in and looked at with Python's own IMAP client, which knows nothing of ours. `Wire` stands between the desk
and the server where a test wants the line to break at a certain word.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import functools
import getpass
import imaplib
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.patience import PATIENCE_SECONDS
from tests.ports import free_port
from tests.postgres import UNTIL_INPUT_ENDS

PACKAGE = "dovecot-imapd"
PASSWORD = 'wörd"窓口\\42'  # whatever a person may choose
START_SECONDS = 60

CONFIGURATION = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
default_internal_user = {internal}
default_login_user = {login}
default_internal_group = {group}
first_valid_uid = 1
mail_location = maildir:{folder}/mail/%u
ssl = yes
ssl_cert = <{folder}/certificate.pem
ssl_key = <{folder}/key.pem
disable_plaintext_auth = no
auth_mechanisms = plain login xoauth2
auth_failure_delay = 0
auth_cache_size = 0
mail_max_userip_connections = 100
mail_fsync = never
passdb {{
  driver = static
  mechanisms = plain login
  args = password={password}
}}
passdb {{
  driver = oauth2
  mechanisms = xoauth2
  args = {folder}/oauth2.conf
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/home/%u
}}
service imap-login {{
  chroot =
  process_min_avail = 1
  inet_listener imap {{
    port = {plain_port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
"""


class Unavailable(RuntimeError):
    """No Dovecot here; the message says what would help."""


@functools.cache
def program() -> str:
    """The server's program file. Raises `Unavailable`; never installs anything."""
    search = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin"])
    found = shutil.which("dovecot", path=search)
    if found and Path("/usr/lib/dovecot/imap").exists():
        return found
    raise Unavailable(f"No Dovecot is here, so no IMAP server to test against; as root, `apt-get install {PACKAGE}`.")


def main() -> int:
    """Find or install it. Never an error: without it the tests of mailboxes are skipped, and say so."""
    try:
        program()
    except Unavailable:
        if hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get"):
            print("IMAP server: installing", PACKAGE, flush=True)
            quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
            for arguments in (["update"], ["install", "-y", "--no-install-recommends", PACKAGE]):
                subprocess.run(["apt-get", "-qq", *arguments], env=quiet, stdin=subprocess.DEVNULL, check=False)
            program.cache_clear()
    try:
        version = subprocess.run([program(), "--version"], capture_output=True, text=True, check=False).stdout.split()
        print(f"IMAP server: Dovecot {version[0] if version else '?'}, {program()}")
    except Unavailable as missing:
        print(f"IMAP server: {missing} The tests of mailboxes are SKIPPED.", file=sys.stderr)
    return 0


@dataclass
class Server:
    """A running server. `start` makes one; leaving the `with` block ends it and removes its files."""

    folder: Path
    tls_port: int
    plain_port: int
    introspection_port: int = 0
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @classmethod
    def start(cls, *, introspection_port: int = 0) -> Server:
        """A server with no mail. `introspection_port` is where it asks whether an access token is good."""
        program()
        # Under /tmp whatever TMPDIR says: a socket's path may have 107 bytes, and the mail belongs to another user.
        folder = Path(tempfile.mkdtemp(prefix="desk-imap-", dir="/tmp" if os.path.isdir("/tmp") else None))
        folder.chmod(0o755)
        server = cls(folder, free_port(), free_port(), introspection_port)
        make_certificate(folder)
        server._configure()
        server.up()
        return server

    @property
    def authority(self) -> Path:
        """The certificate that vouches for the server's; SSL_CERT_FILE names it in tests."""
        return self.folder / "authority.pem"

    def up(self) -> None:
        """Start it, or start it again with the mail it had."""
        self._process = subprocess.Popen(
            ["sh", "-c", UNTIL_INPUT_ENDS, "dovecot", program(), "-F", "-c", str(self.folder / "dovecot.conf")],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        until = time.monotonic() + START_SECONDS
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.plain_port), timeout=1) as probe:
                    if probe.recv(4) == b"* OK":
                        return
            except OSError:
                pass
            if time.monotonic() > until or self._process.poll() is not None:
                said = (self._process.stderr.read() if self._process.poll() is not None else b"").decode()  # type: ignore[union-attr]
                log = self.folder / "log"
                raise RuntimeError(f"Dovecot does not start: {said} {log.read_text() if log.exists() else ''}")
            time.sleep(0.05)

    def down(self) -> None:
        """Stop it, as an operator does; connections are closed. Its mail stays."""
        if self._process:
            self._process.terminate()
            self._process.wait(START_SECONDS)
            assert self._process.stdin and self._process.stderr
            self._process.stdin.close()
            self._process.stderr.close()
            self._process = None

    def client(self, user: str) -> imaplib.IMAP4:
        """Another mail program in which this user is logged in."""
        client = imaplib.IMAP4("127.0.0.1", self.plain_port, timeout=PATIENCE_SECONDS)
        client.authenticate("PLAIN", lambda _: f"\0{user}\0{PASSWORD}".encode())
        return client

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process:  # an orderly end takes up to six seconds, and nobody needs the mail any more
            self._process.kill()
            self.down()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _configure(self) -> None:
        is_root = os.geteuid() == 0
        nobody = __import__("pwd").getpwnam("nobody")
        uid, gid = (nobody.pw_uid, nobody.pw_gid) if is_root else (os.getuid(), os.getgid())
        me = getpass.getuser()
        for name in ("mail", "home", "run", "state"):
            (self.folder / name).mkdir()
        for name in ("mail", "home"):
            os.chown(self.folder / name, uid, gid)
        group = __import__("grp").getgrgid(os.getgid()).gr_name
        (self.folder / "oauth2.conf").write_text(
            f"introspection_mode = get\nintrospection_url = http://127.0.0.1:{self.introspection_port}/token/\n"
            "username_attribute = email\nactive_attribute = active\nactive_value = yes\n"
        )
        (self.folder / "dovecot.conf").write_text(CONFIGURATION.format(
            folder=self.folder, password=PASSWORD, tls_port=self.tls_port, plain_port=self.plain_port, uid=uid, gid=gid,
            internal="dovecot" if is_root else me, login="dovenull" if is_root else me,
            group="dovecot" if is_root else group,
        ), encoding="utf-8")  # fmt: skip


@dataclass
class Account:
    """One user's mail on the server, as another mail program sees and changes it."""

    server: Server
    user: str

    def put(self, raw: bytes, *, at: dt.datetime | None = None, folder: str = "INBOX", flags: str = "") -> None:
        """Deliver a mail; `at` is when the server got it."""
        with self._client() as client:
            when = imaplib.Time2Internaldate(at) if at else None
            status, words = client.append(folder, flags, when, raw)  # type: ignore[arg-type]
            assert status == "OK", words

    def put_many(self, mails: list[bytes], *, at: dt.datetime) -> None:
        """Deliver a backlog in one go."""
        with self._client() as client:
            for raw in mails:
                assert client.append("INBOX", "", imaplib.Time2Internaldate(at), raw)[0] == "OK"  # type: ignore[arg-type]

    def make(self, folder: str) -> None:
        """A new folder, its name as IMAP spells it."""
        with self._client() as client:
            assert client.create(folder)[0] == "OK"

    def remove(self, folder: str) -> None:
        """Delete a folder with its mail."""
        with self._client() as client:
            assert client.delete(folder)[0] == "OK"

    def expunge(self) -> None:
        """Somebody empties the inbox."""
        with self._client() as client:
            client.select("INBOX")
            client.store("1:*", "+FLAGS", r"(\Deleted)")
            client.expunge()

    def flags(self, folder: str = "INBOX") -> list[set[str]]:
        """The flags of every mail in a folder, oldest first."""
        with self._client() as client:
            if client.select(folder, readonly=True)[1] == [b"0"]:
                return []
            told = client.fetch("1:*", "(FLAGS)")[1]
            return [set(re.findall(r"\\?\w+", line.decode().partition("FLAGS (")[2])) - {r"\Recent"}  # type: ignore[union-attr]
                    for line in told]  # fmt: skip

    def count(self, folder: str = "INBOX") -> int:
        """How many mails are in a folder."""
        return len(self.flags(folder))

    def unseen(self, folder: str = "INBOX") -> int:
        """How many of them nobody has marked seen."""
        return sum(r"\Seen" not in flags for flags in self.flags(folder))

    def renumber(self) -> None:
        """The server numbers its mails anew, as after a restored backup: another UIDVALIDITY."""
        for name in ("dovecot-uidlist", "dovecot.index", "dovecot.index.log", "dovecot.index.cache"):
            (self.server.folder / "mail" / self.user / name).unlink(missing_ok=True)

    @contextmanager
    def _client(self) -> Iterator[imaplib.IMAP4]:
        client = self.server.client(self.user)
        try:
            yield client
        finally:
            client.logout()


class Wire:
    """A line between the desk and the server, where a test can cut it or put words into the server's mouth.

    It ends TLS with the server's own certificate and speaks plainly behind. `on(words, what)` watches what the desk
    says; `what` is "cut", an answer to give instead (with `{tag}`), or a function called before the words go on.
    `mends` changes what the server says.
    """

    def __init__(self, server: Server) -> None:
        self.port = 0
        self.said: list[str] = []
        self.connections = 0
        self.mends: Callable[[bytes], bytes] = lambda data: data
        self._server = server
        self._watched: list[tuple[str, str | Callable[[], object], int]] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._open: set[asyncio.StreamWriter] = set()

    def on(self, words: str, what: str | Callable[[], object], *, times: int = 1, after: int = 0) -> None:
        """The next `times` lines in which the desk says these words, `after` so many that pass."""
        for _ in range(after):
            self._watched.append((words, lambda: None, 1))
        self._watched.append((words, what, times))

    def cut(self) -> None:
        """Break every line now."""
        self._loop.call_soon_threadsafe(lambda: [writer.transport.abort() for writer in self._open])

    def __enter__(self) -> Wire:
        self._thread.start()
        self.port = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(PATIENCE_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        async def close() -> None:
            self._listener.close()
            for writer in self._open:
                writer.transport.abort()
            await asyncio.sleep(0)

        asyncio.run_coroutine_threadsafe(close(), self._loop).result(PATIENCE_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_SECONDS)

    async def _listen(self) -> int:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self._server.folder / "certificate.pem", self._server.folder / "key.pem")
        self._listener = await asyncio.start_server(self._carry, "127.0.0.1", 0, ssl=context, limit=2**24)
        return int(self._listener.sockets[0].getsockname()[1])

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        there, beyond = await asyncio.open_connection("127.0.0.1", self._server.plain_port, limit=2**24)
        self._open |= {writer, beyond}
        back = asyncio.create_task(self._answers(there, writer))
        try:
            while line := await reader.readline():
                self.said.append(line.decode("utf-8", "replace").strip())
                answer = self._watch(line)
                if answer == "cut":
                    break
                if isinstance(answer, str):
                    writer.write(answer.format(tag=line.split()[0].decode()).encode() + b"\r\n")
                else:
                    beyond.write(line)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            back.cancel()
            for each in (writer, beyond):
                each.transport.abort()
                self._open.discard(each)

    def _watch(self, line: bytes) -> str | None:
        for number, (words, what, times) in enumerate(self._watched):
            if words in line.decode("utf-8", "replace"):
                self._watched[number] = (words, what, times - 1)
                if times == 1:
                    del self._watched[number]
                if callable(what):
                    what()
                    return None
                return what
        return None

    async def _answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(self.mends(data))
            writer.transport.abort()
        except OSError:
            pass


def make_certificate(folder: Path, *, host: str = "localhost") -> None:
    """A certificate for this machine and one that vouches for it: certificate.pem, key.pem, authority.pem."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    def made(subject: str, key: Any, issuer: str, by: Any, *more: tuple[Any, bool]) -> bytes:
        now = dt.datetime.now(dt.UTC)
        builder = (
            x509.CertificateBuilder().subject_name(name(subject)).issuer_name(name(issuer)).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=30))
        )  # fmt: skip
        for extension, is_critical in more:
            builder = builder.add_extension(extension, critical=is_critical)
        return builder.sign(by, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    parent, own = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    usage = x509.KeyUsage(digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False,
                          key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False,
                          decipher_only=False)  # fmt: skip
    authority = made("Test authority", parent, "Test authority", parent,
                     (x509.BasicConstraints(ca=True, path_length=None), True), (usage, True))  # fmt: skip
    names = x509.SubjectAlternativeName([x509.DNSName(host)])
    certificate = made(host, own, "Test authority", parent, (names, False))
    (folder / "authority.pem").write_bytes(authority)
    (folder / "certificate.pem").write_bytes(certificate)
    (folder / "key.pem").write_bytes(own.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
