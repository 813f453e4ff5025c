"""The power goes while mails leave: nobody goes without a mail, and nobody gets it twice, but for one gap we know.

A real process is killed with SIGKILL while the mail server keeps several of its mails at chosen points of their way: a
recipient named, the bytes on the line, the mail taken and its "yes" not yet said.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import Session, col, select

from helpdesk import outgoing
from helpdesk.runtime.work import Worker
from models import Agent, Delivery, DeliveryState, Message, MessageState, Parked, Queue
from models.database import Database
from tests import cast
from tests.patience import until
from tests.postbox import Postbox
from tests.running import Running

pytestmark = pytest.mark.slow

NAMED, ON_THE_LINE, TAKEN, LATER, WAITING = (
    f"{name}@example.com" for name in ("named", "line", "taken", "full", "soon")
)
FRIEND = "friend@example.com"


@pytest.fixture
def machine(database_url: str, tmp_path: Path) -> Iterator[tuple[Callable[[str], Running], str]]:
    """What starts a desk with the cast in it that sends by the server given, and its database's address."""
    made: list[Running] = []

    def running(smtp_url: str) -> Running:
        made.append(Running(tmp_path, smtp_url=smtp_url, undo_seconds="0", database_url=database_url))
        return made[-1]

    yield running, database_url
    for each in made:
        each.stop()


def test_a_kill_at_any_point_of_sending_leaves_one_copy_for_everybody(
    machine: tuple[Callable[[str], Running], str],
) -> None:
    running, url = machine
    with Postbox() as postbox:
        postbox.stalls = {NAMED: "rcpt", ON_THE_LINE: "data", TAKEN: "kept"}
        postbox.later = {LATER}
        desk = running(postbox.url)
        database = Database(url)
        try:
            written = _write(database, desk, [[NAMED, FRIEND], [ON_THE_LINE], [TAKEN], [FRIEND, LATER]])
            _write(database, desk, [[WAITING]], leaves_at=datetime.now(UTC) + timedelta(seconds=8))
            desk.start()
            until(lambda: postbox.stalled == {NAMED, ON_THE_LINE, TAKEN})
            until(lambda: _accepted(database, written[3]) == {FRIEND})
            desk.kill()
            postbox.stalls, postbox.later = {}, set()
            desk.start()
            until(lambda: _all_sent(database), seconds=120)
            desk.stop()
            assert database.read_now(lambda db: db.exec(select(Parked)).all()) == []
        finally:
            database.close()
        copies = postbox.copies()
        ids = {message_id for message_id, _ in copies}
        assert len(ids) == 5 and len(copies) == 7
        twice = {recipient for (_, recipient), count in copies.items() if count > 1}
        # The gap: the server had taken it and we had not heard so. It has it twice, under the same Message-ID.
        assert twice == {TAKEN} and max(copies.values()) == 2


# PostgreSQL waits half a minute for each that died.
@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_mails_that_pour_out_while_the_process_dies_again_and_again_all_arrive(
    machine: tuple[Callable[[str], Running], str],
) -> None:
    running, url = machine
    with Postbox() as postbox:
        desk = running(postbox.url)
        database = Database(url)
        try:
            everybody = [[f"customer-{number}@example.com", f"copy-{number}@example.com"] for number in range(40)]
            _write(database, desk, everybody)
            for share in (1, 2):
                desk.start()
                until(lambda share=share: len(postbox.mails) > 12 * share, seconds=90)  # type: ignore[misc]
                desk.kill()
            desk.start()
            until(lambda: _all_sent(database), seconds=120)
            desk.stop()
        finally:
            database.close()
        copies = postbox.copies()
        assert {recipient for _, recipient in copies} == {each for two in everybody for each in two}
        assert len({message_id for message_id, _ in copies}) == len(everybody)
        # Each death may find four mails in the gap, one for each thread that sends.
        assert sum(count - 1 for count in copies.values()) <= 2 * 4 * 2 and max(copies.values()) <= 3


def _write(database: Database, desk: Running, everybody: list[list[str]], *, leaves_at: datetime | None = None
           ) -> list[int]:  # fmt: skip
    """Mails of Ben's in the desk's database, due when it starts."""
    worker = Worker(database)
    worker.connect()

    def verb(db: Session) -> list[int]:
        ben = db.exec(select(Agent).where(Agent.email == cast.BEN.email)).one()
        queue = db.exec(select(Queue).where(Queue.slug == "returns")).one()
        made = []
        for number, recipients in enumerate(everybody):
            draft = outgoing.Draft(f"{number} 通目 {leaves_at}", recipients, subject="お知らせ", leaves_at=leaves_at)
            message = outgoing.begin(
                db, draft, queue=queue, customer=None, by=ben, settings=desk.settings, now=datetime.now(UTC)
            )
            message.leaves_at = leaves_at
            made.append(message.id or 0)
        return made

    try:
        return database.write_now(verb)
    finally:
        worker.stop()


def _accepted(database: Database, message_id: int) -> set[str]:
    query = select(Delivery.address).where(
        Delivery.message_id == message_id, col(Delivery.state) == DeliveryState.ACCEPTED
    )
    return set(database.read_now(lambda db: db.exec(query).all()))


def _all_sent(database: Database) -> bool:
    return set(database.read_now(lambda db: db.exec(select(Message.state)).all())) == {MessageState.SENT}
