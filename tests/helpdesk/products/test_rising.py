"""The early warning: exact, corrected for how many are looked at, told once with the tickets behind it."""

from datetime import datetime, timedelta

import pytest
from scipy import stats
from sqlmodel import Session, col, select

from helpdesk import imports, merging, tickets
from helpdesk.products import catalogue, rising
from models import (
    Agent,
    Channel,
    Notification,
    NotificationKind,
    Product,
    ProductLot,
    ProductWarning,
    Queue,
    Ticket,
    TicketProduct,
)
from tests.cast import MONDAY, OpenDesk

PLANTED = 3  # the product of which a lot is faulty
DAYS = range(63)
SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


def settled(db: Session, at: datetime, product_id: int, lot_id: int | None = None) -> None:
    """An inquiry about a product, long since read."""
    queue_id = db.exec(select(Queue.id).where(Queue.slug == "returns")).one() or 0
    ticket = tickets.start(db, subject="ご相談", channel=Channel.MAIL, queue_id=queue_id, customer_id=None,
                           language="ja", now=at)  # fmt: skip
    db.add(TicketProduct(ticket_id=ticket.id or 0, product_id=product_id, lot_id=lot_id, at=at))


def nine_weeks(db: Session, *, planted: int) -> None:
    """Ten products, each named every third day or so; in the last week one lot of one of them more often."""
    for number in range(1, 11):
        db.add(Product(id=number, name=f"商品{number}", name_key=f"商品{number}", created_at=MONDAY))
    db.add(ProductLot(id=1, product_id=PLANTED, code="K-2608"))
    db.flush()
    for day in DAYS:
        for number in range(1, 11):
            if (day * 7 + number * 3) % 10 < 4:
                settled(db, MONDAY - timedelta(days=62 - day, hours=1 + number), number)
    for number in range(planted):
        settled(db, MONDAY - timedelta(days=number % 6, hours=2), PLANTED, 1)


@pytest.mark.parametrize(("count", "before"), [(0, 5), (1, 0), (4, 0), (5, 8), (12, 30), (40, 250), (900, 6000)])
def test_the_probability_is_the_exact_one_of_the_binomial(count: int, before: int) -> None:
    exact = stats.binom.sf(count - 1, count + before, 1 / 9)
    assert rising.chance(count, before, 1 / 9) == pytest.approx(exact, rel=1e-9)


@SQLITE
def test_the_planted_lot_is_found_by_itself_and_told_to_supervisors_once(desk: OpenDesk) -> None:
    desk.write(lambda db: nine_weeks(db, planted=9))
    found = desk.read(lambda db: rising.find(db, now=MONDAY))
    assert [(each.what, each.product_id, each.lot_id, each.count, each.before) for each in found] == [
        ("inquiries", PLANTED, 1, 9, 0)
    ]
    for hours in (0, 1, 30, 24 * 4):
        desk.write(lambda db, hours=hours: rising.watch(db, now=MONDAY + timedelta(hours=hours)))
    of_products = select(Notification).where(Notification.kind == NotificationKind.PRODUCT)
    told = desk.read(lambda db: db.exec(of_products).all())
    supervisors = desk.read(lambda db: db.exec(select(Agent.id).where(col(Agent.role) == "supervisor")).all())
    assert sorted(each.agent_id for each in told) == sorted(supervisors)
    assert desk.read(lambda db: len(db.exec(select(ProductWarning)).all())) == 1


@SQLITE
def test_where_nothing_changed_nothing_is_told(desk: OpenDesk) -> None:
    desk.write(lambda db: nine_weeks(db, planted=0))
    assert desk.read(lambda db: rising.find(db, now=MONDAY)) == []


@SQLITE
def test_a_desk_of_a_week_has_nothing_to_compare_with(desk: OpenDesk) -> None:
    def busy(db: Session) -> None:
        db.add(Product(id=1, name="商品", name_key="商品", created_at=MONDAY))
        db.flush()
        for number in range(30):
            settled(db, MONDAY - timedelta(hours=number * 5), 1)

    desk.write(busy)
    assert desk.read(lambda db: rising.find(db, now=MONDAY)) == []


def test_inquiries_are_read_for_products_as_they_come_and_again_when_the_list_grows(desk: OpenDesk) -> None:
    def named(db: Session) -> list[tuple[int, str, str]]:
        rows = db.exec(select(TicketProduct).order_by(col(TicketProduct.ticket_id)))
        return [(row.ticket_id, db.get_one(Product, row.product_id).name, row.because[0]["words"]) for row in rows]

    keep = desk.app.state.desk.keepers.keep_products
    desk.mail(subject="KZ-200の吸込み", body="フィルターの場所は?")
    keep()
    assert desk.read(named) == []
    listed = [imports.Row(2, {"name": "掃除機 KZ-200", "lot": "L-77"})]
    desk.write(lambda db: catalogue.bring_in(db, listed, by=None, now=MONDAY))
    keep()
    assert desk.read(named) == [(1, "掃除機 KZ-200", "KZ-200")]
    desk.mail(subject="別件", body="ｋｚ２００、ロットは L77-x です")
    keep()
    keep()
    assert [each[0] for each in desk.read(named)] == [1, 2]
    desk.write(merged)
    keep()
    assert [each[0] for each in desk.read(named)] == [1], "one matter is one inquiry"


def merged(db: Session) -> None:
    """Somebody says that both are one matter."""
    by = db.exec(select(Agent)).first()
    assert by is not None
    merging.merge(db, db.get_one(Ticket, 2), db.get_one(Ticket, 1), by=by, now=MONDAY)
