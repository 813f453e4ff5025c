"""Nothing lost, nothing doubled: a desk is killed again and again while mail pours in, and then made to account for it.

The one idea: senders behave as mail servers do. A mail counts as handed over when the desk said 250 and not before;
until then the very same bytes are sent again. Some are sent again although the desk had them, as happens when an
answer is lost on the way. At the end what was handed over is compared with messages, tickets and the ledger.

    python -m tests.endurance --mails 10000 --kills 20
    python -m tests.endurance --mails 2000 --kills 8 --database postgres

A new customer's mail opens a ticket; some write again and join it; a few are machines' answers, or name no sender.
"""

import argparse
import random
import smtplib
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk import ledger
from helpdesk.commands.opening import prepare
from models import Inbound, InboundState, Message, Parked, Ticket
from models.database import Database
from tests import cast, postgres
from tests.running import Running

SENDERS = 4
PATIENCE_SECONDS = 900.0


@dataclass(frozen=True)
class Letter:
    """A mail to be handed over. `becomes` is its column of the ledger; `times` says how often it is sent."""

    subject: str
    raw: bytes
    sender: str
    becomes: str
    times: int = 1


@dataclass
class Report:
    """What became of it all. `lost` and `doubled` are subjects of mails; `unlike` says where figures do not agree."""

    mails: int
    kills: int
    seconds: float = 0.0
    repeats: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    unlike: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Whether every mail is there exactly once and the figures agree."""
        return not (self.lost or self.doubled or self.unlike)

    def __str__(self) -> str:
        lines = [
            f"{self.mails} mails, {self.kills} kills, {self.repeats} delivered again, {self.seconds:.0f} s: "
            f"{len(self.lost)} lost, {len(self.doubled)} doubled",
            *self.unlike,
        ]
        return "\n".join(
            [*lines, *(f"lost: {each}" for each in self.lost), *(f"twice: {each}" for each in self.doubled)]
        )


def letters(count: int, *, chance: random.Random) -> list[list[Letter]]:
    """What each sender hands over, in its order; together `count` different mails."""
    piles: list[list[Letter]] = [[] for _ in range(SENDERS)]
    begun: list[list[tuple[str, str]]] = [[] for _ in range(SENDERS)]
    for number in range(count):
        pile, known, dice = piles[number % SENDERS], begun[number % SENDERS], chance.random()
        subject, address, message_id = f"返品 {number}", f"customer-{number}@example.com", f"<{number}@example.com>"
        becomes, before = "ticket", ""
        if dice < 0.25 and known:
            address, before = known[chance.randrange(len(known))]
            becomes = "joined" if dice > 0.03 else "note"
        elif dice > 0.99:
            becomes = "parked"
        mail = EmailMessage()
        if becomes != "parked":
            mail["From"] = address
        mail["To"], mail["Subject"], mail["Message-ID"] = cast.RETURNS_ADDRESS, subject, message_id
        if before:
            mail["In-Reply-To"] = before
        if becomes == "note":
            mail["Auto-Submitted"] = "auto-replied"
        mail.set_content(f"注文番号 {number} の商品を返品したいです。")
        if becomes == "ticket":
            known.append((address, message_id))
        pile.append(Letter(subject, mail.as_bytes(), address, becomes, times=2 if chance.random() < 0.02 else 1))
    return piles


def run(
    folder: Path, *, mails: int, kills: int, seed: int, database_url: str = "",
    say: Callable[[str], object] = lambda _: None,
) -> Report:  # fmt: skip
    """Begin a desk in this folder, pour in the mails, kill it at random moments, and account for all of them.

    `database_url` names an empty PostgreSQL database; without it the desk has a SQLite file in its folder.
    """
    chance, begun = random.Random(seed), time.monotonic()
    database = Database(database_url or f"sqlite:///{folder / 'data' / 'desk.db'}")
    prepare(database)
    database.write_now(cast.settle_in)
    piles = letters(mails, chance=chance)
    handed: list[Letter] = []
    running = Running(folder, **({"database_url": database_url} if database_url else {}))
    running.start()
    try:
        posts = [threading.Thread(target=_hand_over, args=(running, pile, handed), daemon=True) for pile in piles]
        for post in posts:
            post.start()
        for number, moment in enumerate(sorted(chance.sample(range(1, mails), kills)), 1):
            _until(lambda moment=moment: len(handed) >= moment)  # type: ignore[misc]
            time.sleep(chance.random() * 0.1)  # anywhere between two mails, a commit and an answer
            running.kill()
            running.start()
            say(f"killed {number} of {kills} times, {len(handed)} of {mails} mails handed over")
        for post in posts:
            post.join(PATIENCE_SECONDS)
        assert len(handed) == mails, "a sender gave up"
        waiting = sa.select(sa.func.count()).select_from(Inbound).where(col(Inbound.state) == InboundState.WAITING)
        _until(lambda: database.read_now(lambda db: db.scalar(waiting)) == 0)
        report = database.read_now(_account, running, handed, Report(mails, kills))
        report.seconds = time.monotonic() - begun
        return report
    finally:
        running.kill()
        database.close()


def main() -> int:
    """The command line; exit 1 when a mail is lost or doubled."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mails", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    told = parser.parse_args()
    print(f"seed {told.seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as held:
        url = ""
        if told.database == "postgres":
            url = held.enter_context(postgres.Server.start()).create_database("endurance")
        report = run(Path(folder), mails=told.mails, kills=told.kills, seed=told.seed, database_url=url,
                     say=lambda words: print(words, flush=True))  # fmt: skip
    print(report)
    return 0 if report.is_good else 1


def _hand_over(running: Running, pile: list[Letter], handed: list[Letter]) -> None:
    """Each mail until the desk says yes, then the next; some once more all the same."""
    until = time.monotonic() + PATIENCE_SECONDS
    for letter in pile:
        for _ in range(letter.times):
            while True:
                try:
                    running.takes(letter.raw, to=cast.RETURNS_ADDRESS, sender=letter.sender)
                    break
                except (OSError, smtplib.SMTPException):
                    if time.monotonic() > until:
                        return
                    time.sleep(0.05)
        handed.append(letter)


def _account(db: Session, running: Running, handed: list[Letter], report: Report) -> Report:
    """Compare what was handed over with what is there."""
    expected = Counter(letter.becomes for letter in handed)
    there = Counter(db.exec(select(Message.subject)).all())
    readable = [letter.subject for letter in handed if letter.becomes != "parked"]
    report.lost = [subject for subject in readable if there[subject] == 0]
    report.doubled = [subject for subject, count in there.items() if count > 1]
    page = ledger.page(db, settings=running.settings, now=datetime.now(UTC))
    told = next(source for source in page.sources if source.source == "smtp").total
    report.repeats = told.repeats

    def agree(what: str, found: int, wanted: int) -> None:
        if found != wanted:
            report.unlike.append(f"{what}: {found}, and {wanted} were handed over")

    def count(table: type) -> int:
        return db.scalar(sa.select(sa.func.count()).select_from(table)) or 0

    for what in ledger.COLUMNS:
        agree(f"the ledger's {what}", told.counts[what], expected[what])
    agree("the ledger's sum", told.kept, len(handed))
    agree("kept", count(Inbound), len(handed))
    agree("tickets", count(Ticket), expected["ticket"])
    agree("set aside", count(Parked), expected["parked"])
    at_least = sum(letter.times - 1 for letter in handed)
    if told.repeats < at_least:
        report.unlike.append(f"delivered again: {told.repeats}, and at least {at_least} were sent twice")
    return report


def _until(holds: Callable[[], bool]) -> None:
    """Wait for senders or the desk to get there."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.005)


if __name__ == "__main__":
    sys.exit(main())
