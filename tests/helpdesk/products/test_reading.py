"""What a text names: products in any spelling, lots, orders, and the reason something comes back."""

import pytest

from helpdesk.products import reading
from models import Product, ProductLot
from tests.cast import MONDAY

NAMES = ("炊飯器 こめびより RC-55（5.5合）", "RC-55用内ぶた", "ロボット掃除機 くるり RV-3", "スチーマー ST-7")
PRODUCTS = [
    Product(id=number, name=name, name_key=name, words=["くるり"] if "くるり" in name else [], created_at=MONDAY)
    for number, name in enumerate(NAMES, 1)
]
LOTS = [ProductLot(id=7, product_id=1, code="RC55-2608B"), ProductLot(id=8, product_id=3, code="RV3-2605A")]
READER = reading.Reader(PRODUCTS, LOTS)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("RC-55が動きません", [(1, None, "RC-55")]),
        ("ＲＣ－５５ と rc 55", [(1, None, "ＲＣ－５５"), (1, None, "rc 55")]),
        ("RC-550もXRC-55もRC-55Bも別の商品です", []),
        ("RC-55用内ぶたがほしい", [(2, None, "RC-55用内ぶた")]),
        ("くるり(RV3)のロットはRV3-2605Aです", [(3, None, "くるり"), (3, None, "RV3"), (3, 8, "RV3-2605A")]),
        ("本体の裏に rc55-2608b とあります", [(1, 7, "rc55-2608b")]),
        ("炊飯器　こめびより　ＲＣ５５(5.5合)", [(1, None, "炊飯器　こめびより　ＲＣ５５(5.5合)")]),
        ("ｽﾁｰﾏｰ ST-7", [(4, None, "ｽﾁｰﾏｰ ST-7")]),
        ("", []),
    ],
)
def test_a_product_is_found_in_any_spelling_and_never_inside_another_word(
    text: str, named: list[tuple[int, int | None, str]]
) -> None:
    assert [(each.product_id, each.lot_id, each.words) for each in READER.find(text)] == named


def test_a_word_that_two_products_share_names_neither() -> None:
    twins = [Product(id=each, name=f"色違い{each} KX-1", name_key=str(each), created_at=MONDAY) for each in (1, 2)]
    assert reading.Reader(twins, []).find("KX-1について") == []
    assert reading.Reader([], []).find("RC-55") == []


@pytest.mark.parametrize(
    ("text", "lot"),
    [
        ("ロット番号は「ab-1234」です", "AB-1234"), ("Lot No. 2026-07B", "2026-07B"), ("ロット：Ｋ１２３", "K123"),
        ("a lot of thanks", ""), ("ロット番号がわかりません", ""),
    ],
)  # fmt: skip
def test_what_a_text_calls_a_lot_is_read(text: str, lot: str) -> None:
    assert reading.lot_in(text) == lot


def test_numbers_that_may_be_of_orders_are_read_as_they_are_stored() -> None:
    assert reading.numbers("注文Ａ－１００１と HY-20261102-7、電話は別です。2回目") == ["A-1001", "HY-20261102-7"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("届いたらガラスが割れていました", "damaged"), ("電源が入らず、動かない", "defect"),
        ("色違いが届いた", "wrong_item"),
        ("写真と違う", "not_described"), ("棚に置けないので", "size"), ("不要になりました", "unwanted"),
        ("It arrived dented", "damaged"), ("I changed my mind", "unwanted"), ("It doesn't turn on", "defect"),
        ("よろしくお願いします", ""),
    ],
)  # fmt: skip
def test_the_reason_is_read_from_the_words(text: str, reason: str) -> None:
    assert reading.reason_in(text)[0] == reason
