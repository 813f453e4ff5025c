"""Returns and product quality: figures that open their rows, warnings that are read, and the list they rest on."""

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import Session, col, select

from helpdesk import tickets
from helpdesk.products import figures, rising
from models import (
    Agent,
    Channel,
    Notification,
    Product,
    ProductLot,
    ProductReturn,
    ProductWarning,
    Purchase,
    Queue,
    ReturnReason,
    ReturnState,
    TicketProduct,
    WarningState,
)
from tests.cast import BEN, MONDAY, RETURNS_ADDRESS, SATO, TANAKA, OpenDesk, text_of

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
PERIOD = "period=days&from=2026-10-01&to=2026-11-20"
LISTED = """商品名,英語名,品番,ロット番号,販売数
炊飯器 RC-55,Rice cooker RC-55,rc55,K-2608,400
炊飯器 RC-55,,rc55,K-2609,400
"""


def came_back(db: Session) -> None:
    """Ten of a lot in the last week: seven refunded after two days, one declined after one, two still open. One of
    another product, weeks ago, which was exchanged; and one that was a mistake."""
    rice = Product(name="炊飯器 RC-55", name_en="Rice cooker", name_key="炊飯器rc55", created_at=MONDAY)
    lamp = Product(name="ライト LT-5", name_key="ライトlt5", created_at=MONDAY)
    db.add_all((rice, lamp))
    db.flush()
    lot = ProductLot(product_id=rice.id or 0, code="K-2608", units=400)
    db.add(lot)
    db.flush()
    queue_id = db.exec(select(Queue.id).where(Queue.slug == "returns")).one() or 0
    customer_id = db.exec(select(Purchase.customer_id)).first() or 0
    db.add(Purchase(customer_id=customer_id, order_number="B-1", product="炊飯器　ＲＣ－５５", quantity=200,
                    ordered_at=MONDAY - timedelta(days=30)))  # fmt: skip
    plan = [("refunded", 2.0)] * 7 + [("declined", 1.0)] + [("asked", 0.0)] * 2 + [("withdrawn", 0.0)]
    for number, (state, days) in enumerate([("exchanged", 3.0), *plan]):
        is_lamp = state == "exchanged"
        at = MONDAY - timedelta(days=40 if is_lamp else 5)
        ticket = tickets.start(db, subject=f"返品 {number}", channel=Channel.MAIL, queue_id=queue_id,
                               customer_id=customer_id, language="ja", now=at - timedelta(days=1))  # fmt: skip
        of = lamp if is_lamp else rice
        db.add(TicketProduct(ticket_id=ticket.id or 0, product_id=of.id or 0, lot_id=None if is_lamp else lot.id,
                             at=ticket.created_at))  # fmt: skip
        db.add(ProductReturn(
            ticket_id=ticket.id or 0, product_id=of.id or 0, lot_id=None if is_lamp else lot.id,
            reason_id=6 if is_lamp else 1, state=ReturnState(state), inquired_at=ticket.created_at, asked_at=at,
            ended_at=at + timedelta(days=days) if days else None,
        ))  # fmt: skip


def shown(desk: OpenDesk, query: str = PERIOD) -> str:
    answer = desk.as_(SATO).get(f"/reports/products?{query}")
    assert answer.status_code == 200
    return answer.text


def test_the_report_says_what_came_back_at_which_rate_and_how_long_it_took(desk: OpenDesk) -> None:
    desk.write(came_back)
    told = desk.read(lambda db: figures.read(db, _days(), queue_id=None, language="ja", now=MONDAY))
    rice, lamp = told.products
    assert (rice.name, rice.returns, rice.inquiries, rice.sold) == ("炊飯器 RC-55", 10, 11, 200)
    assert (lamp.returns, lamp.sold, lamp.rate) == (1, 0, None), "nobody is known to have bought it"
    assert rice.rate is not None and rice.rate.value == 0.05 and 0.02 < rice.rate.interval[0] < 0.03
    # Of eleven, one ends after a day, seven after two, one after three; two of five days are not over.
    assert told.spans["to_end"] == figures.Length(11, 9, 2.0, None)
    assert told.spans["to_request"].median == 1.0
    assert (told.lots[0].name, told.lots[0].units, told.lots[0].sold) == ("炊飯器 RC-55 · K-2608", 10, 400)
    page = text_of(shown(desk))
    for words in ("返品率が最も高いのは炊飯器 RC-55で、5 %", "K-2608", "不良・故障", "カプラン・マイヤー法"):
        assert words in page
    assert "ライト LT-5" in page and "withdrawn" not in page


@pytest.mark.parametrize(
    ("sold", "words"),
    [(30, "の5 %（95%信頼区間 3 %〜9 %）ですが、ほかの商品との明らかな差はありません"),
     (2000, "で、5 %（95%信頼区間 3 %〜9 %）です")],
)  # fmt: skip
def test_the_highest_rate_is_said_to_stand_out_only_where_it_does(desk: OpenDesk, sold: int, words: str) -> None:
    desk.write(came_back)

    def sell(db: Session) -> None:
        customer_id = db.exec(select(Purchase.customer_id)).first() or 0
        db.add(Purchase(customer_id=customer_id, order_number="B-2", product="ライト LT-5", quantity=sold,
                        ordered_at=MONDAY - timedelta(days=30)))  # fmt: skip

    desk.write(sell)
    assert f"返品率が最も高いのは炊飯器 RC-55{words}" in text_of(shown(desk))


@pytest.mark.parametrize(
    ("spans", "told"),
    [
        ([], (0, 0, None, None)),
        ([(1.0, True)], (1, 1, 1.0, 1.0)),
        ([(float(day), True) for day in range(1, 11)], (10, 10, 5.0, 9.0)),
        ([(1.0, True), (2.0, False), (3.0, True), (4.0, False)], (4, 2, 3.0, None)),  # 3/4, then 3/8
        ([(1.0, False)] * 5, (5, 0, None, None)),
        ([(2.0, True), (2.0, False), (2.0, True)], (3, 2, 2.0, None)),
    ],
)
def test_lengths_are_estimated_with_what_is_not_over(spans: Any, told: Any) -> None:
    codes = [int(days * figures.DAY) * 2 + is_over for days, is_over in spans]
    assert figures.length(codes) == figures.Length(*told)


def test_every_number_opens_its_rows_and_the_rows_go_out_as_files(desk: OpenDesk) -> None:
    desk.write(came_back)
    page = shown(desk)
    assert "what=returns&amp;period=days&amp;from=2026-10-01&amp;to=2026-11-20&amp;product=1" in page
    rows = desk.as_(SATO).get(f"/reports/products/rows?what=returns&{PERIOD}&product=1").text
    assert rows.count('<th scope="row"') == 10 and "返品 11" not in rows, "a withdrawn one is none"
    by_reason = desk.as_(SATO).get(f"/reports/products/rows?what=returns&{PERIOD}&reason=6").text
    assert by_reason.count('<th scope="row"') == 1
    asked = desk.as_(SATO).get(f"/reports/products/rows?what=inquiries&{PERIOD}&lot=1").text
    assert asked.count('<th scope="row"') == 11
    answer = desk.as_(SATO).get(f"/reports/products/rows.csv?what=returns&{PERIOD}")
    lines = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert len(lines) == 12 and "炊飯器 RC-55" in lines[2]
    for kind in ("csv", "xlsx", "pdf"):
        assert desk.as_(SATO).get(f"/reports/products.{kind}?{PERIOD}").status_code == 200
    for query in ("what=cakes", "what=returns&product=x", "what=returns&cursor=9"):
        assert desk.as_(SATO).get(f"/reports/products/rows?{query}").status_code == 404


@SQLITE
def test_pages_of_rows_follow_each_other_without_a_gap(desk: OpenDesk) -> None:
    desk.write(came_back)
    met: list[int] = []
    cursor = ""
    while not met or cursor:
        found, cursor = desk.read(
            lambda db, at=cursor: figures.rows(
                db, "returns", _days(), figures.Which(), language="en", cursor=at, limit=3
            )
        )
        met += [each.id for each in found]
        assert found
    assert len(met) == len(set(met)) == 11 and cursor == ""


def warned(db: Session) -> None:
    """Returns of a lot have risen, and supervisors were told."""
    rising.watch(db, now=MONDAY)


def test_a_rise_is_told_with_the_tickets_behind_it_and_acknowledged_or_muted(desk: OpenDesk) -> None:
    desk.write(came_back)
    desk.write(warned)
    warnings = desk.read(lambda db: db.exec(select(ProductWarning).order_by(col(ProductWarning.id))).all())
    assert {(each.what, each.lot_id, each.count, each.before) for each in warnings} == {
        ("inquiries", 1, 11, 0), ("returns", 1, 10, 0)}  # fmt: skip
    told = desk.read(lambda db: db.exec(select(Notification.id).order_by(col(Notification.id))).all())
    followed = desk.as_(SATO).get(f"/notifications/{told[0]}", follow_redirects=False)
    assert followed.headers["location"] == f"/reports/products#warning-{warnings[0].id}"
    news = text_of(desk.as_(SATO).get("/notifications").text)
    assert "炊飯器 RC-55についての問い合わせが増えています" in news and "炊飯器 RC-55の返品が増えています" in news
    page = shown(desk)
    assert "炊飯器 RC-55（ロットK-2608）の返品が増えています。7日間で10件" in text_of(page)
    assert "from=2026-11-09&amp;to=2026-11-16&amp;product=1&amp;lot=1" in page
    desk.as_(SATO).post(f"/reports/products/warnings/{warnings[0].id}", data={"do": "acknowledged"})
    desk.as_(SATO).post(f"/reports/products/warnings/{warnings[1].id}", data={"do": "muted"})
    for days, expected in ((0, 2), (10, 2), (40, 2)):
        desk.write(lambda db, days=days: rising.watch(db, now=MONDAY + timedelta(days=days)))
        assert desk.read(lambda db: len(db.exec(select(ProductWarning)).all())) == expected
    states = desk.read(lambda db: db.exec(select(ProductWarning.state).order_by(col(ProductWarning.id))).all())
    assert states == [WarningState.ACKNOWLEDGED, WarningState.MUTED]
    assert "通知停止中" in text_of(shown(desk))


def test_a_list_of_products_with_lots_is_brought_in_and_twice_changes_nothing(desk: OpenDesk) -> None:
    def bring(text: str | bytes) -> str:
        raw = text.encode("cp932") if isinstance(text, str) else text
        return text_of(desk.as_(SATO).post("/admin/products/import", files={"file": ("p.csv", raw, "text/csv")}).text)

    assert "追加 2件、変更 0件、変更なし 0件" in bring(LISTED)
    assert "追加 0件、変更 0件、変更なし 2件" in bring(LISTED)
    assert "追加 0件、変更 1件" in bring('品番,ロット,数量\nrc55,Ｋ-2608,"1,200"\n')
    page = text_of(desk.as_(SATO).get("/admin/products").text)
    assert "炊飯器 RC-55" in page and "K-2608" in page and "1,200" in page
    for text, said in (("", "ファイル"), ("a,b\n1,2\n", "列名"), ("name,lot,units\nX,L,many\n", "2行目"),
                       ("name,lot,sold_from\nX,L,soon\n", "2行目"), (b"\xff\xfe\x00", "文字コード"),
                       ("name\n" + "x" * 140_000, "131,072文字を超えるセル")):  # fmt: skip
        assert said in bring(text)
    assert desk.read(lambda db: db.exec(select(Product.name)).all()) == ["炊飯器 RC-55"], "refused files leave nothing"


def test_supervisors_keep_the_reasons_and_agents_choose_among_those_in_use(desk: OpenDesk) -> None:
    sato = desk.as_(SATO)
    sato.post("/admin/products/reasons", data={"name": "色が合わない", "name_en": "Colour"})
    sato.post("/admin/products/reasons/8", data={"name": "色違い", "name_en": "Colour", "do": "save"})
    for _ in range(9):
        sato.post("/admin/products/reasons/8", data={"do": "up"})
    sato.post("/admin/products/reasons/1", data={"do": "off"})
    rows = desk.read(lambda db: db.exec(select(ReturnReason).order_by(col(ReturnReason.position))).all())
    assert (rows[0].name, len(rows)) == ("色違い", 8) and not rows[1].is_active
    assert "色違い Colour" in text_of(sato.get("/admin/products").text)
    sato.post("/account", data={"language": "en"})
    assert "Colour 色違い" in text_of(sato.get("/admin/products").text), "each reader's own language stands first"
    desk.mail(TANAKA, to=RETURNS_ADDRESS)
    form = desk.as_(BEN).get("/tickets/1/returns").text
    assert "Colour" in form and "Defective" not in form
    assert desk.as_(BEN).post("/tickets/1/returns", data={"item": "purchase:1", "reason": "1", "quantity": "1"}
                              ).status_code == 422  # fmt: skip
    for number in range(2, 9):
        sato.post(f"/admin/products/reasons/{number}", data={"do": "off"})
    left = desk.read(lambda db: db.exec(select(ReturnReason).where(col(ReturnReason.is_active))).all())
    assert len(left) == 1, "the last one stays"
    assert sato.post("/admin/products/reasons/99", data={"do": "cake"}).status_code == 404


def test_agents_see_neither_report_nor_list(desk: OpenDesk) -> None:
    ben = desk.as_(BEN)
    for path in ("/reports/products", "/reports/products/rows?what=returns", "/reports/products/rows.csv?what=returns",
                 "/admin/products"):  # fmt: skip
        assert ben.get(path).status_code == 403
    for path in ("/reports/products/warnings/1", "/admin/products/import", "/admin/products/reasons"):
        assert ben.post(path, data={"do": "acknowledged", "name": "x"}).status_code == 403
    assert desk.read(lambda db: db.exec(select(Agent.id).where(Agent.email == BEN.email)).one())


def _days() -> figures.Interval:
    return figures.Interval(MONDAY - timedelta(days=46), MONDAY + timedelta(days=5))
