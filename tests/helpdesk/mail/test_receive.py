"""Mails taken in by the handful: each becomes what it would have become alone, and what all ask is asked once."""

from collections.abc import Iterator, Sequence
from email.message import EmailMessage

import pytest
import sqlalchemy as sa
from sqlmodel import Session, select

from helpdesk import inbox
from helpdesk.customers import matching
from helpdesk.mail import receive
from helpdesk.settings import Settings
from models import ContactPoint, Customer, Event, Inbound, InboundKind, InboundState, Message, PointKind, Ticket
from models.database import Database
from tests.cast import DESK_ADDRESS, MONDAY, RETURNS_ADDRESS, STRANGER, SUZUKI, TANAKA, Person


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    yield opened
    opened.close()


def letter(sender: Person | None, number: int, *, to: str = DESK_ADDRESS, answers: int | None = None) -> bytes:
    """The mail with that number; `answers` is the number of another one, and it comes from the sender of that."""
    mail = EmailMessage()
    if sender:
        mail["From"] = f"{sender.name} <{sender.email}>"
    mail["To"], mail["Subject"], mail["Message-ID"] = to, f"ご相談 {number}", f"<{number}@example.com>"
    if answers is not None:
        mail["In-Reply-To"] = f"<{answers}@example.com>"
    mail.set_content(f"{number} 番目のメールです。電源が入りません。")
    return mail.as_bytes()


def taken(db: Session, raws: Sequence[bytes], settings: Settings, *, by_handful: bool = True) -> list[Inbound]:
    """Keep these mails and take them in, together or one by one; what came of each."""
    arrived = [inbox.Arrived("smtp", raw, {"recipients": [], "sender": "somebody@example.com"}, MONDAY) for raw in raws]
    ids = [inbound_id for inbound_id, _ in inbox.keep_mails(db, arrived)]
    mails = receive.understand_all(inbox.mails_of(db, ids), router=None, folder=settings.data / "attachments")
    handful = list(zip(ids, mails, strict=True))
    for some in [handful] if by_handful else [[one] for one in handful]:
        receive.take_all(db, some, settings=settings, now=MONDAY)
    db.flush()
    return [db.get_one(Inbound, each) for each in ids]


HANDFUL = (
    letter(TANAKA, 1),
    letter(TANAKA, 2, answers=1),
    letter(STRANGER, 3, answers=1),
    letter(SUZUKI, 4, to=RETURNS_ADDRESS),
    letter(None, 5),
    letter(STRANGER, 6),
)


@pytest.mark.parametrize("by_handful", [True, False])
def test_each_of_a_handful_becomes_what_it_would_have_become_alone(
    database: Database, settings: Settings, by_handful: bool
) -> None:
    kept = database.write_now(taken, HANDFUL, settings, by_handful=by_handful)
    assert [each.outcome for each in kept] == [
        "no_words_yet", "by_thread", "by_stranger", "by_address", "no_sender", "no_words_yet"
    ]  # fmt: skip
    states = [InboundState.DONE] * 6
    states[4] = InboundState.PARKED
    assert [each.state for each in kept] == states
    assert kept[0].ticket_id == kept[1].ticket_id == kept[2].ticket_id is not None

    def written(db: Session) -> tuple[list[str | None], list[tuple[str, int | None]], list[tuple[int | None, bool]]]:
        names = {each.id: each.name for each in db.exec(select(Customer))}
        tickets = db.exec(select(Ticket).order_by(sa.text("id"))).all()
        facts = db.exec(select(Event.fact, Event.ticket_id).order_by(sa.text("id"))).all()
        messages = db.exec(select(Message).order_by(sa.text("id"))).all()
        return (
            [names.get(each.customer_id) for each in tickets],
            [(fact, ticket_id) for fact, ticket_id in facts],
            [(each.ticket_id, each.is_from_stranger) for each in messages],
        )

    customers, facts, messages = database.read_now(written)
    one, two, three = (kept[place].ticket_id for place in (0, 3, 5))
    assert customers == [TANAKA.name, SUZUKI.name, None]
    assert [each for each in facts if each[0] in ("ticket_opened", "message_received", "something_parked")] == [
        ("ticket_opened", one), ("message_received", one), ("message_received", one), ("message_received", one),
        ("ticket_opened", two), ("message_received", two), ("something_parked", None),
        ("ticket_opened", three), ("message_received", three),
    ]  # fmt: skip
    assert messages == [(one, False), (one, False), (one, True), (two, False), (three, False)]


def test_a_mail_that_was_read_meanwhile_is_left_alone_and_the_others_are_taken(
    database: Database, settings: Settings
) -> None:
    def verb(db: Session) -> list[int | None]:
        first, second = taken(db, [letter(TANAKA, 1), letter(TANAKA, 2)], settings)
        second.state, second.ticket_id = InboundState.WAITING, None
        db.flush()
        mails = receive.understand_all(
            inbox.mails_of(db, [first.id or 0, second.id or 0]), router=None, folder=settings.data
        )
        again = [(each.id or 0, mail) for each, mail in zip((first, second), mails, strict=True)]
        return receive.take_all(db, again, settings=settings, now=MONDAY)

    nothing, ticket_id = database.write_now(verb)
    assert nothing is None and ticket_id is not None


def test_a_handful_asks_the_database_no_more_often_than_one_mail(database: Database, settings: Settings) -> None:
    asked: list[str] = []

    def count(db: Session, raws: Sequence[bytes]) -> int:
        sa.event.listen(db.connection(), "before_cursor_execute", lambda *told: asked.append(told[2]))
        before = len(asked)
        taken(db, raws, settings)
        return sum(each.startswith("SELECT") for each in asked[before:])

    one = database.write_now(count, [letter(TANAKA, 1)])
    many = database.write_now(
        count, [letter((TANAKA, SUZUKI, STRANGER)[number % 3], number) for number in range(2, 18)]
    )
    assert many <= one + 1  # of a stranger alone no customer is read


def test_a_mail_that_comes_twice_side_by_side_is_kept_once(database: Database) -> None:
    arrived = [inbox.Arrived("smtp", letter(TANAKA, number), {}, MONDAY) for number in (1, 2, 1)]
    one, two, again = database.write_now(inbox.keep_mails, arrived)
    assert (one[1], two[1], again[1]) == (True, True, False) and one[0] == again[0] != two[0]
    assert database.read_now(inbox.waiting, limit=9, kind=InboundKind.MAIL) == [one[0], two[0]]


def test_many_addresses_mean_what_each_means_alone(database: Database) -> None:
    """One address is a family's, one is everybody's, more than are looked at."""

    def share(db: Session, key: str, count: int) -> None:
        for number in range(count):
            customer = Customer(name=f"会員 {number}", created_at=MONDAY)
            db.add(customer)
            db.flush()
            db.add(ContactPoint(customer_id=customer.id, kind=PointKind.EMAIL, key=key, value=key, created_at=MONDAY))

    keys = [TANAKA.email, SUZUKI.email, STRANGER.email, "family@example.jp", ""]

    def both(db: Session, keys: list[str]) -> tuple[dict[str, matching.Match], dict[str, matching.Match]]:
        return matching.by_addresses(db, keys), {key: matching.by_address(db, key) for key in keys}

    database.write_now(share, "family@example.jp", 2)
    together, alone = database.read_now(both, keys)
    assert together == alone and together["family@example.jp"].reason == "several"
    database.write_now(share, "everybody@example.jp", matching.MOST * 7)
    together, alone = database.read_now(both, [*keys, "everybody@example.jp"])
    assert together == alone and len(together["everybody@example.jp"].candidates) == matching.MOST


def test_the_bytes_of_several_mails_come_in_the_order_asked_for(database: Database) -> None:
    raws = [letter(TANAKA, number) for number in range(3)]
    ids = [
        each
        for each, _ in database.write_now(inbox.keep_mails, [inbox.Arrived("smtp", raw, {}, MONDAY) for raw in raws])
    ]
    assert database.read_now(inbox.mails_of, ids[::-1]) == raws[::-1]


def test_mails_are_read_together_up_to_a_number_and_a_weight_and_in_their_order(database: Database) -> None:
    raws = [bytes([97 + place]) * size for place, size in enumerate((10, 20, 30, 100, 10, 10, 10, 10))]
    arrived = [inbox.Arrived("smtp", raw, {}, MONDAY) for raw in raws]
    ids = [inbound_id for inbound_id, _ in database.write_now(inbox.keep_mails, arrived)]
    sizes = database.read_now(inbox.sizes_of, ids)
    assert [size for _, size in sizes] == [len(raw) for raw in raws]
    assert list(inbox.handfuls(sizes, 3, 50)) == [ids[0:2], ids[2:3], ids[3:4], ids[4:7], ids[7:8]]
    assert list(inbox.handfuls([], 3, 50)) == []
