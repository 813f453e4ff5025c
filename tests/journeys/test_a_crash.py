"""The power goes in the middle of the morning: nothing that was answered is lost, and nothing is done twice.

A real process is killed with SIGKILL while mails and callbacks pour in. Senders behave as senders do: what was not
answered "yes" is sent again, the very same bytes, until it is.
"""

import smtplib
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlmodel import col, select

from cti import replay
from models import Call, CallFact, Inbound, InboundState, Message, Parked, Ticket
from models.database import Database
from tests import cast
from tests.patience import until
from tests.running import START_SECONDS, Running

pytestmark = pytest.mark.slow

MAILS = CALLS = 100
DEATHS = 3


@pytest.fixture
def machine(database_url: str, tmp_path: Path) -> Iterator[tuple[Running, str]]:
    """A desk in a process of its own with the cast in it, and its database's address."""
    running = Running(tmp_path, database_url=database_url)
    yield running, database_url
    running.stop()


def test_a_kill_in_the_middle_of_mails_and_callbacks_loses_none_and_doubles_none(machine: tuple[Running, str]) -> None:
    running, url = machine
    running.start()
    answered: list[str] = []
    works = [[_mail(running, number) for number in range(half, MAILS, 2)] for half in (0, 1)]
    works += [[_rings(running, number) for number in range(half, CALLS, 2)] for half in (0, 1)]
    with ThreadPoolExecutor(len(works)) as threads:
        senders = [threads.submit(_sends, each, answered) for each in works]
        for death in range(1, DEATHS + 1):
            until(lambda death=death: len(answered) >= death * (MAILS + CALLS) // (DEATHS + 1))  # type: ignore[misc]
            running.kill()
            running.start()
        for sender in senders:
            sender.result(2 * START_SECONDS)
    assert len(answered) == MAILS + CALLS
    database = Database(url)
    try:
        until(lambda: _count(database, sa.select(sa.func.count()).select_from(Inbound).where(
            col(Inbound.state) == InboundState.WAITING)) == 0)  # fmt: skip
        running.stop()
        subjects = database.read_now(lambda db: db.exec(select(Message.subject)).all())
        assert sorted(subjects) == sorted(_subject(number) for number in range(MAILS))
        keys = database.read_now(lambda db: db.exec(select(Call.call_key)).all())
        assert sorted(keys) == sorted(_call_sid(number) for number in range(CALLS))
        tickets = _count(database, sa.select(sa.func.count()).select_from(Ticket))
        facts = _count(database, sa.select(sa.func.count()).select_from(CallFact))
        parked = _count(database, sa.select(sa.func.count()).select_from(Parked))
        assert (tickets, facts, parked) == (MAILS + CALLS, CALLS, 0)
    finally:
        database.close()


def _sends(works: list[Callable[[], str]], answered: list[str]) -> None:
    """Does each work until it is answered, then the next."""
    for work in works:
        end = time.monotonic() + START_SECONDS
        while True:
            try:
                answered.append(work())
                break
            except (OSError, smtplib.SMTPException):
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)  # as a sender waits before it tries again


def _mail(running: Running, number: int) -> Callable[[], str]:
    mail = EmailMessage()
    mail["From"], mail["To"] = f"customer-{number}@example.com", cast.RETURNS_ADDRESS
    mail["Subject"], mail["Message-ID"] = _subject(number), f"<crash-{number}@example.com>"
    mail.set_content(f"注文番号 {number} の商品を返品したいです。")
    raw = mail.as_bytes()

    def work() -> str:
        running.takes(raw, to=cast.RETURNS_ADDRESS, sender=f"customer-{number}@example.com")
        return _subject(number)

    return work


def _rings(running: Running, number: int) -> Callable[[], str]:
    form = replay.voice_form(_call_sid(number), f"+8190{50_000_000 + number}", cast.TECH_NUMBER, cast.ACCOUNT)

    def work() -> str:
        status, body = running.posts("/hooks/twilio/voice", form)
        # A caller who is asked to wait and come back has not been kept yet: Twilio asks again.
        if status != 200 or "<Redirect" in body:
            raise ConnectionError(status)
        return _call_sid(number)

    return work


def _subject(number: int) -> str:
    return f"返品 {number}"


def _call_sid(number: int) -> str:
    return f"CA{number:032}"


def _count(database: Database, query: sa.Select[tuple[int]]) -> int:
    return int(database.read_now(lambda db: db.scalar(query)) or 0)
