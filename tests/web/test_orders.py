"""Orders come in by a shop's file: each line says first what it does and whose it is, what is not certain is refused
with the reason and as a file to correct, the same file again changes nothing, and all of it can be taken back."""

import csv
import io
import re
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlmodel import col, select

from helpdesk.search import keeping
from models import Customer, OrderImport, Purchase
from tests.cast import BEN, RETURNS_ADDRESS, SATO, TANAKA, OpenDesk, part, text_of

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
HEADS = "注文番号,明細番号,商品名,数量,金額,注文日時,ステータス,会員番号,メールアドレス,電話番号\n"
KETTLE = f'B-7,1,電気ケトル KT-08,2,"￥7,960",2026/11/1 9:30,発送済み,M-100,{TANAKA.email},\n'
NOBODY = "B-8,1,電気ケトル KT-08,1,3980,2026/11/2,完了,,nobody@example.net,\n"


def shown(desk: OpenDesk, text: str | bytes, status: int = 200) -> str:
    raw = text.encode("cp932") if isinstance(text, str) else text
    answer = desk.as_(SATO).post("/admin/orders", files={"file": ("o.csv", raw, "text/csv")})
    assert answer.status_code == status, text_of(answer.text)
    return text_of(part(answer.text, "main"))


def take(desk: OpenDesk, text: str, status: int = 200) -> str:
    answer = desk.as_(SATO).post("/admin/orders", files={"text": (None, text), "take": (None, "1")})
    assert answer.status_code == status
    return text_of(part(answer.text, "main"))


def bought(desk: OpenDesk) -> list[tuple[str, str, str, int, int, str]]:
    return desk.read(lambda db: [
        (each.order_number, each.line, each.product, each.quantity, each.amount_yen, each.status)
        for each in db.exec(select(Purchase).order_by(col(Purchase.id)))
    ][1:])  # fmt: skip  # the first is of the cast


def test_a_line_says_what_it_does_and_whose_it_is_and_then_does_it_once(desk: OpenDesk) -> None:
    page = shown(desk, HEADS + KETTLE + NOBODY)
    for words in ("追加 1", "取り込めません 1", TANAKA.name, "メールアドレスから特定", "該当するお客様がいません",
                  "nobody@example.net", "まだ何も変更していません", "1行を取り込む"):  # fmt: skip
        assert words in page, words
    assert bought(desk) == [], "nothing is done before it is asked for"
    assert "注文を取り込みました" in take(desk, HEADS + KETTLE + NOBODY)
    kettle = ("B-7", "1", "電気ケトル KT-08", 2, 7960, "shipped")
    assert bought(desk) == [kettle]
    assert "変更なし 1" in shown(desk, HEADS + KETTLE) and "取り込む行がありません" in take(desk, HEADS + KETTLE, 422)
    customer_id = desk.customer(TANAKA).id
    seen = desk.as_(BEN).get(f"/customers/{customer_id}").text
    assert "B-7" in seen and "M-100" in seen, "the shop's number of the customer was learned"
    by_number = shown(desk, "注文番号,商品名,注文日,会員番号\nB-9,扇風機,2026-11-03,M-100\n")
    assert "会員番号から特定" in by_number and "追加 1" in by_number


def test_a_later_file_changes_the_line_and_shows_how(desk: OpenDesk) -> None:
    take(desk, HEADS + KETTLE)
    later = HEADS + KETTLE.replace("発送済み", "キャンセル").replace(",2,", ",1,", 1).replace(
        "2026/11/1 9:30", "2026/11/1"
    )
    page = shown(desk, HEADS + later)
    assert "変更 1" in page and "登録済みの注文から特定" in page and "状況 発送済み キャンセル" in page
    assert "2026-11-01" not in page, "a day alone says nothing against the time that is known"
    take(desk, HEADS + later)
    assert [(each[3], each[5]) for each in bought(desk)] == [(1, "canceled")]


def test_lines_without_a_number_are_told_apart_by_product_and_place(desk: OpenDesk) -> None:
    text = "受注番号,品名,個数,購入日,電話\n" + "".join(
        f"C-1,{product},{many},20261101,{phone}\n"
        for product, many, phone in (("扇風機", 1, TANAKA.phone), ("延長コード", 2, ""), ("扇風機", 3, ""))
    )
    assert "電話番号から特定" in shown(desk, text)
    take(desk, text)
    assert [(each[2], each[3]) for each in bought(desk)] == [("扇風機", 1), ("延長コード", 2), ("扇風機", 3)]
    assert "変更なし 3" in shown(desk, text)


@SQLITE
@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (KETTLE.replace("2026/11/1 9:30", "昨日"), "注文日 “昨日”"),
        (KETTLE.replace(",2,", ",二,", 1), "数量 “二”"),
        (KETTLE.replace(",2,", ",0,", 1), "数量 “0”"),
        (KETTLE.replace("B-7", ""), "注文番号"),
        (KETTLE.replace("電気ケトル KT-08", ""), "商品"),
        (KETTLE + KETTLE, "前の行にもあります"),
        (KETTLE.replace("\n", "05011112222\n").replace("05011112222", "{other}"), "別のお客様のものです"),
        ("A-1001,1,掃除機,1,1,2026/10/27,,,{other_mail},\n", "別のお客様のものです"),
        (KETTLE.replace(TANAKA.email, "shared@example.jp"), "1人に特定できません"),
    ],
)
def test_what_is_not_certain_is_refused_with_the_reason(desk: OpenDesk, lines: str, says: str) -> None:
    sato = desk.as_(SATO)
    for name in ("鈴木 一", "鈴木 二"):
        sato.post("/customers/new", data={"name": name, "addresses": "shared@example.jp", "phones": "",
                                          "language": "ja"})  # fmt: skip
    sato.post("/customers/new", data={"name": "高橋 健", "phones": "050-3111-2222", "addresses": "ken@example.jp",
                                      "language": "ja"})  # fmt: skip
    text = HEADS + lines.replace("{other}", "050-3111-2222").replace("{other_mail}", "ken@example.jp")
    assert says in shown(desk, text) and "取り込めません 1" in shown(desk, text)


def test_the_lines_to_correct_come_as_the_file_had_them_with_the_reason(desk: OpenDesk) -> None:
    text = HEADS + KETTLE + '\n"B-8",1,"扇風機\n白",1,,2026/11/2,,,nobody@example.net,\n'
    answer = desk.as_(SATO).post("/admin/orders/refused", files={"text": (None, text)})
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert rows[0][:2] == ["注文番号", "明細番号"] and rows[0][-1] == "取り込めない理由" and len(rows) == 2
    assert rows[1][0] == "B-8" and "白" in rows[1][2] and "該当するお客様がいません" in rows[1][-1]
    corrected = answer.content.decode("utf-8-sig").replace("nobody@example.net", TANAKA.email)
    assert "追加 1" in shown(desk, corrected.encode())


def test_an_import_is_taken_back_whole_but_for_what_came_after(desk: OpenDesk) -> None:
    take(desk, HEADS + KETTLE)
    take(desk, HEADS + KETTLE.replace("発送済み", "完了") + KETTLE.replace("B-7", "B-70"))
    sato = desk.as_(SATO)
    page = text_of(sato.get("/admin/orders").text)
    assert "最近の取り込み" in page and "追加 1 · 変更 1" in page
    sato.post("/admin/orders/2/undo")
    assert [(each[0], each[5]) for each in bought(desk)] == [("B-7", "shipped")]
    take(desk, HEADS + KETTLE.replace("発送済み", "返品"))
    told = text_of(sato.post("/admin/orders/1/undo").text)
    assert "0行を元に戻しました" in told and "1行はそのまま" in told, "a later file says otherwise"
    assert sato.post("/admin/orders/1/undo").status_code == 409
    assert "注文をファイルから取り込み" in text_of(sato.get("/admin/audit").text)


@SQLITE
def test_what_a_return_names_stays_and_too_late_is_too_late(desk: OpenDesk) -> None:
    take(desk, HEADS + KETTLE)
    desk.mail(TANAKA, to=RETURNS_ADDRESS, subject="返品", body="B-7 の電気ケトルを返品したい。")
    form = desk.as_(BEN).get("/tickets/1/returns").text
    item = re.search(r'value="(purchase:\d+)"[^>]*>(?:(?!value=).)*B-7', form, re.DOTALL)
    assert item, form
    asked = desk.as_(BEN).post("/tickets/1/returns", data={"item": item[1], "reason": "1", "quantity": "1"})
    assert asked.status_code == 200
    desk.as_(SATO).post("/admin/orders/1/undo")
    assert [each[0] for each in bought(desk)] == ["B-7"]
    take(desk, HEADS + KETTLE.replace("B-7", "B-71"))
    desk.write(lambda db: db.execute(sa.update(OrderImport).values(at=desk.clock() - timedelta(days=31))))
    assert desk.as_(SATO).post("/admin/orders/2/undo").status_code == 409
    assert "元に戻す" not in part(desk.as_(SATO).get("/admin/orders").text, "main")
    assert desk.count(OrderImport) == 2


def test_a_customer_is_found_by_the_number_of_an_order_that_came_by_file(desk: OpenDesk) -> None:
    take(desk, HEADS + KETTLE)
    keeping.catch_up(desk.database)
    for words in ("B-7", "M-100"):
        assert f'href="/customers/{desk.customer(TANAKA).id}"' in desk.as_(BEN).get(f"/search?q={words}").text


@SQLITE
def test_a_file_that_is_no_table_of_orders_is_refused_and_agents_may_not(desk: OpenDesk) -> None:
    for raw in (b"", b"a,b\n1,2\n", HEADS.encode(), b"x" * 5_000_001, "注文番号,商品名,注文日\n1,2,3\n".encode()):
        shown(desk, raw, 422)
    assert "引用符" in shown(desk, HEADS + 'B-1,"x\n', 422)
    ben = desk.as_(BEN)
    assert ben.get("/admin/orders").status_code == 403
    for path in ("/admin/orders", "/admin/orders/refused", "/admin/orders/1/undo"):
        assert ben.post(path).status_code == 403
    assert desk.as_(SATO).post("/admin/orders/99/undo").status_code == 404
    assert desk.count(Customer) > 0
