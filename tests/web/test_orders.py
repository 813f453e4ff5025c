"""Orders come in by a shop's file: each line says first what it does and whose it is, what is not certain is refused
with the reason and as a file to correct, the same file again changes nothing, and all of it can be taken back."""

import cProfile
import csv
import io
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col, select

from helpdesk import orders
from helpdesk.errors import Invalid
from helpdesk.products import catalogue
from helpdesk.search import keeping
from models import Customer, OrderImport, Purchase
from tests.cast import BEN, RETURNS_ADDRESS, SATO, TANAKA, OpenDesk, part, text_of
from tests.patience import until

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
        (KETTLE.replace("2026/11/1 9:30", "昨日"), "注文日「昨日」"),
        (KETTLE.replace(",2,", ",二,", 1), "数量「二」"),
        (KETTLE.replace(",2,", ",0,", 1), "数量「0」"),
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
    assert "最近の取り込み" in page and "追加 1 · 変更 1" in page and " 0" not in page.partition("最近の取り込み")[2]
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


def test_a_moment_and_an_amount_no_database_can_hold_are_errors_of_their_lines(desk: OpenDesk) -> None:
    heads = "注文番号,商品名,数量,単価,注文日,メールアドレス\n"
    told = f"C-1,扇風機,1,1,0001-01-01,{TANAKA.email}\nC-2,扇風機,90000,999999,2026/11/1,{TANAKA.email}\n"
    page = shown(desk, heads + told + f"C-3,扇風機,1,1980,2026/11/1,{TANAKA.email}\n")
    assert "追加 1" in page and "取り込めません 2" in page
    assert "注文日「0001-01-01」" in page and "単価「999999」" in page


def test_what_a_later_file_changed_in_another_column_stays_too(desk: OpenDesk) -> None:
    heads, line = "注文番号,商品名,注文日,メールアドレス", f"C-1,扇風機,2026/11/1,{TANAKA.email}"
    take(desk, f"{heads}\n{line}\n")
    take(desk, f"{heads},数量\n{line},3\n")
    told = text_of(desk.as_(SATO).post("/admin/orders/1/undo").text)
    assert "1行はそのまま" in told and [each[3] for each in bought(desk)] == [3]
    desk.as_(SATO).post("/admin/orders/2/undo")
    assert [each[3] for each in bought(desk)] == [1]


@SQLITE
def test_lines_that_are_numbered_later_are_each_the_line_they_were(desk: OpenDesk) -> None:
    heads = "注文番号,商品名,注文日,メールアドレス,数量"
    lines = [f"C-1,扇風機,2026/11/1,{TANAKA.email},{quantity}" for quantity in (1, 3)]
    take(desk, "\n".join([heads, *lines]))
    numbered = "\n".join([heads + ",明細番号", *(f"{line},{place}" for place, line in enumerate(lines, 1))])
    assert "変更なし 2" in shown(desk, numbered)
    take(desk, numbered.replace(",3,2", ",4,2"))
    assert [(each[1], each[3]) for each in bought(desk)] == [("", 1), ("2", 4)]


@SQLITE
def test_a_number_that_a_file_gives_to_two_customers_is_learned_of_neither(desk: OpenDesk) -> None:
    sato = desk.as_(SATO)
    sato.post("/customers/new", data={"name": "高橋 健", "phones": "", "addresses": "ken@example.jp", "language": "ja"})
    heads = "注文番号,商品名,注文日,会員番号,メールアドレス\n"
    take(desk, heads + f"C-1,扇風機,2026/11/1,M-1,{TANAKA.email}\nC-2,扇風機,2026/11/1,M-1,ken@example.jp\n")
    assert desk.read(lambda db: set(db.exec(select(Customer.number)))) == {""}
    assert len(bought(desk)) == 2


@SQLITE
def test_the_work_of_a_file_grows_with_its_lines_and_not_with_their_square(desk: OpenDesk) -> None:
    """A shop that calls all its orders alike: each line is looked for among all of them."""
    heads, count = "注文番号,商品名,注文日,メールアドレス\n", 300
    text = heads + "".join(f"WEB,商品{n},2026/11/1,{TANAKA.email}\n" for n in range(count))
    take(desk, text)
    profile = cProfile.Profile()
    lines = profile.runcall(desk.database.read_now, orders.read, text, region="JP", timezone="Asia/Tokyo")
    assert {line.what for line in lines} == {"same"} and len(lines) == count
    asked = sum(entry.callcount for entry in profile.getstats() if entry.code is catalogue.key_of.__code__)
    assert 0 < asked <= 5 * count


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)
def test_a_file_that_two_bring_at_once_is_taken_in_once(desk: OpenDesk) -> None:
    """The second waits for the first, and finds nothing new."""
    sato = desk.agent(SATO)

    def bring(db: Session) -> None:
        orders.take_in(db, HEADS + KETTLE, region="JP", timezone="Asia/Tokyo", by=sato, now=desk.clock())

    waits = sa.text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    with (
        desk.database.engine.connect() as watching,
        Session(desk.database.engine, info=desk.database.info) as first,
        ThreadPoolExecutor(1) as hands,
    ):
        bring(first)
        second = hands.submit(desk.database.write_now, bring)
        until(lambda: second.done() or watching.scalar(waits))
        first.commit()
        with pytest.raises(Invalid, match="nothing_to_import"):
            second.result()
    assert len(bought(desk)) == 1


def test_nothing_that_is_brought_is_a_mistake_of_ours(desk: OpenDesk) -> None:
    heads = "注文番号,商品名,注文日,メールアドレス,会員番号\n"
    lines = [
        f"\x00B-1,\x00扇風機,2026/11/1,{TANAKA.email},\x00\n", f"<script>,<b>x</b>,2026/11/1,{TANAKA.email},\n",
        f"B-1,扇風機,２０２６年１１月１日,{TANAKA.email},\ud800\n",
        f"{'B' * 200},{'扇' * 5000},2026/11/1,{TANAKA.email},\n",
        f"B-1,=1+1,2026/11/1,{TANAKA.email},{'9' * 5000}\n", "B-1,,,,\n", "B-1,扇風機,2026-11-01T99:99,x@@y,%00\n",
    ]  # fmt: skip
    sato = desk.as_(SATO)
    for line in lines:
        raw = (heads + line).encode("utf-8", "surrogatepass")
        for answer in (
            sato.post("/admin/orders", files={"file": ("\x00.csv", raw, "text/csv")}),
            sato.post("/admin/orders", files={"text": (None, raw), "take": (None, "1")}),
            sato.post("/admin/orders/refused", files={"text": (None, raw)}),
            sato.post("/admin/orders", data={"text": line.encode("utf-8", "replace"), "take": ["1", "2"]}),
        ):
            assert answer.status_code in (200, 422), (line[:30], answer.status_code)
            assert "<b>x</b>" not in answer.text or "refused" in str(answer.url)
    inverted = "multipart/form-data; boundary=x; charset=utf-7"
    body = (
        b'--x\r\ncontent-disposition: form-data; name="text"\r\n\r\n' + heads.encode("utf-7") + b"+2AA-,1\r\n--x--\r\n"
    )
    for path in ("/admin/orders", "/admin/orders/refused"):
        answer = sato.post(path, content=body, headers={"content-type": inverted})
        assert answer.status_code in (200, 422), answer.status_code
    for path in ("/admin/orders/0/undo", "/admin/orders/999999999/undo", "/admin/orders/9999999999/undo"):
        assert sato.post(path).status_code == 404
