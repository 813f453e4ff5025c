"""The desk as people run it: a process of its own, with a folder, ports and a console.

The one idea: `Running` is the machine, not the process. It may be started, stopped, killed and started again, and keeps
its folder and its ports, so what a browser or a mail server saw before a break it meets again after it.
"""

import contextlib
import http.client
import json
import os
import smtplib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cti import replay
from helpdesk.settings import Settings
from tests import cast
from tests.patience import PATIENCE_SECONDS
from tests.ports import free_port

ROOT = Path(__file__).parents[1]
START_SECONDS = 5 * PATIENCE_SECONDS
"""A start is seconds of work, and minutes beside others who work as hard; a desk that cannot start ends at once."""


class Running:
    """A desk on 127.0.0.1 whose data lives in `folder`; `more` are further settings, such as `smtp_url="smtp://..."`."""

    def __init__(self, folder: Path, *, command: str = "serve", **more: str) -> None:
        self.folder, self.command, self.more = folder, command, more
        self.port, self.mail_port = free_port(), free_port()
        self.process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def url(self) -> str:
        """Where its pages are."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def console(self) -> str:
        """What it has printed so far, over all its lives."""
        return (self.folder / "console.txt").read_text(errors="replace")

    @property
    def settings(self) -> Settings:
        """Its settings, for the simulator and for whoever looks into its database."""
        told: dict[str, Any] = {"port": self.port, "mail_port": self.mail_port, "public_url": self.url,
                "twilio_auth_token": cast.TOKEN, "mail_from": cast.DESK_ADDRESS}  # fmt: skip
        data = self.folder / "data"
        if self.command == "demo":
            data /= "demo"
            told |= json.loads((data / "running.json").read_text())
        return Settings(**told | {"data": data, "demo": self.command == "demo"})

    def start(self) -> None:
        """Start it and wait until it is ready. Raises with its console's words when it ends instead."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("DESK_")}
        environment |= {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        environment |= {f"DESK_{name.upper()}": value for name, value in self._settings().items()}
        with (self.folder / "console.txt").open("ab") as console:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "helpdesk", self.command], env=environment, cwd=self.folder,
                stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT,
            )  # fmt: skip
        until = time.monotonic() + START_SECONDS
        while not self.is_ready():
            if self.process.poll() is not None or time.monotonic() > until:
                raise AssertionError(f"The desk did not start:\n{self.console[-3000:]}")
            time.sleep(0.02)

    def is_ready(self) -> bool:
        """What /readyz says now."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def stop(self) -> None:
        """Ask it to end, as Ctrl+C does, and wait."""
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
        self.process = None

    def kill(self) -> None:
        """End it in the middle of whatever it does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(PATIENCE_SECONDS)
        self.process = None

    def posts(self, path: str, form: dict[str, str], *, token: str = cast.TOKEN) -> tuple[int, str]:
        """Post a form as Twilio does, signed. Returns status and body; raises OSError without a whole answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)
        headers = {"Content-Type": "application/x-www-form-urlencoded",
                   "X-Twilio-Signature": replay.sign(self.url + path, form, token)}  # fmt: skip
        try:
            connection.request("POST", path, replay.body(form), headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except http.client.HTTPException as broken:  # it died between the head of its answer and the body
            raise ConnectionError(broken) from broken
        finally:
            connection.close()

    def takes(self, raw: bytes, *, to: str, sender: str) -> None:
        """Hand a mail to its listener by SMTP. Raises what smtplib raises when it is not taken."""
        with smtplib.SMTP("127.0.0.1", self.mail_port, timeout=PATIENCE_SECONDS) as smtp:
            smtp.sendmail(sender, [to], raw)

    def _settings(self) -> dict[str, Any]:
        return {
            "data": str(self.folder / "data"), "port": str(self.port), "mail_port": str(self.mail_port),
            "public_url": self.url, "twilio_auth_token": "" if self.command == "demo" else cast.TOKEN,
            "mail_from": cast.DESK_ADDRESS, **self.more,
        }  # fmt: skip


@contextlib.contextmanager
def running(folder: Path, *, command: str = "serve", **more: str) -> Iterator[Running]:
    """Start a desk, and stop it however the test ends."""
    desk = Running(folder, command=command, **more)
    try:
        desk.start()
        yield desk
    finally:
        desk.stop()
