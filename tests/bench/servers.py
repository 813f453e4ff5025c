"""Starts the desk and the floor as their own processes, on ports of this machine that were free a moment ago."""

import contextlib
import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.bench.floor import TOKEN

ROOT = Path(__file__).parents[2]
PATIENCE = 300.0
RESTING = 0.08
"""Share of a processor below which a desk does nothing but wait."""


@dataclass
class Server:
    """A running process and where it listens."""

    process: "subprocess.Popen[bytes]"
    port: int
    mail_port: int = 0
    data: Path = Path()
    first_page_seconds: float = 0.0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def database(self) -> Path:
        return self.data / "desk.db"

    def get(self, path: str) -> tuple[int, bytes, str]:
        """Status, body and Location of one GET on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read(), answer.headers.get("location", "")
        finally:
            connection.close()

    def wait_until_ready(self) -> None:
        """Until the classifier is loaded and due work runs, and a second more for what settles after."""
        until = time.monotonic() + PATIENCE
        while self.get("/readyz")[0] != 200:
            if time.monotonic() > until:
                raise TimeoutError("the desk did not become ready")
            time.sleep(0.05)
        time.sleep(1.0)

    def wait_until_caught_up(self, *, longest: float = 900) -> float:
        """Until it rests: whatever was put into its file at once has been indexed and counted. Returns the share of a
        processor it then takes by itself."""
        until, quiet, share = time.monotonic() + longest, 0, 1.0
        while quiet < 3 and time.monotonic() < until:
            before, began = self.processor_seconds(), time.monotonic()
            time.sleep(3.0)
            share = (self.processor_seconds() - before) / (time.monotonic() - began)
            quiet = quiet + 1 if share < RESTING else 0
        return share

    def memory_mb(self) -> float:
        """Resident memory, in 10^6 bytes."""
        told = subprocess.run(
            ["ps", "-o", "rss=", "-p", str(self.process.pid)], capture_output=True, text=True, check=True
        )
        return int(told.stdout) * 1024 / 1e6

    def processor_seconds(self) -> float:
        """Processor time of all its threads so far, as Linux counts it; nan elsewhere."""
        try:
            told = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return float("nan")
        return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def desk(data: Path, *, database_url: str = "") -> Iterator[Server]:
    """`helpdesk serve` on the database in `data`, or on another one, up to its first page."""
    port, mail_port = free_port(), free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("DESK_")},
        "PYTHONPATH": str(ROOT),
        "DESK_DATA": str(data),
        "DESK_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "DESK_PORT": str(port),
        "DESK_MAIL_PORT": str(mail_port),
        "DESK_TWILIO_AUTH_TOKEN": TOKEN,
        **({"DESK_DATABASE_URL": database_url} if database_url else {}),
    }
    data.mkdir(parents=True, exist_ok=True)
    with _running([sys.executable, "-m", "helpdesk", "serve"], port, environment, data) as server:
        server.mail_port, server.data = mail_port, data
        yield server


@contextlib.contextmanager
def floor(folder: Path) -> Iterator[Server]:
    """The bare server, up to its first page; what it stores lies in `folder`."""
    port = free_port()
    command = [sys.executable, "-m", "tests.bench.floor", str(port)]
    with _running(command, port, {**os.environ, "PYTHONPATH": str(ROOT)}, folder) as server:
        yield server


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def _running(command: list[str], port: int, environment: dict[str, str], folder: Path) -> Iterator[Server]:
    began = time.monotonic()
    process = subprocess.Popen(command, env=environment, cwd=folder, stdout=subprocess.DEVNULL)
    server = Server(process, port)
    try:
        _wait_for_page(server)
        server.first_page_seconds = time.monotonic() - began
        yield server
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for_page(server: Server) -> None:
    """Until /sign-in, or the page it leads to on an empty desk, answers 200."""
    until, path = time.monotonic() + PATIENCE, "/sign-in"
    while time.monotonic() < until:
        if server.process.poll() is not None:
            raise RuntimeError(f"the server ended with {server.process.returncode}")
        with contextlib.suppress(OSError):
            status, _, location = server.get(path)
            if status == 200:
                return
            path = location or path
            continue
        time.sleep(0.01)
    raise TimeoutError("no page came")
