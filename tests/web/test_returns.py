"""What comes back: written down beside the ticket, moved on with one press, taken back with another."""

import re
from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from models import ProductReturn, Purchase
from tests.cast import AIKO, BEN, MONDAY, PUBLIC_URL, RETURNS_ADDRESS, SATO, STRANGER, TANAKA, OpenDesk, text_of

DEFECT = "1"


def form_of(desk: OpenDesk, ticket_id: int = 1) -> str:
    """The form as an agent's script fetches it."""
    shown = desk.as_(BEN).get(f"/tickets/{ticket_id}/returns", headers={"x-region": f"return-form-{ticket_id}"})
    assert shown.status_code == 200
    return shown.text


def record(desk: OpenDesk, ticket_id: int = 1, **fields: str) -> int:
    """An agent presses one of the buttons."""
    told = {"item": "purchase:1", "reason": DEFECT, "quantity": "1"} | fields
    return desk.as_(BEN).post(f"/tickets/{ticket_id}/returns", data=told).status_code


def step(desk: OpenDesk, to: str, *, ticket_id: int = 1, return_id: int = 1) -> None:
    answer = desk.as_(BEN).post(f"/tickets/{ticket_id}/returns/{return_id}", data={"do": to})
    assert answer.status_code == 200


def row(desk: OpenDesk, return_id: int = 1) -> ProductReturn:
    found = desk.read(lambda db: db.get(ProductReturn, return_id))
    assert found is not None
    return found


def beside(desk: OpenDesk, ticket_id: int = 1) -> str:
    page = desk.as_(BEN).get(f"/tickets/{ticket_id}").text
    return text_of(page[page.index(f'id="returns-{ticket_id}"') : page.index(f'id="links-{ticket_id}"')])


def test_the_form_offers_the_customer_s_order_with_the_words_that_speak_for_it(desk: OpenDesk) -> None:
    desk.mail(to=RETURNS_ADDRESS, subject="返品したい",
              body="注文番号Ａ－１００１の kz200 ですが、電源が入らないので返します。ロット番号: 2026-07B")  # fmt: skip
    form = form_of(desk)
    assert re.search(r'value="purchase:1".*コードレス掃除機 KZ-200', form)
    marked = [text_of(each) for each in re.findall(r"<mark>(.*?)</mark>", form)]
    assert marked == ["電源が入ら", "2026-07B", "A-1001", "kz200"]
    assert f'<option value="{DEFECT}" selected>' in form and 'value="2026-07B"' in form
    assert desk.read(lambda db: db.get(ProductReturn, 1)) is None, "a suggestion writes nothing down"


def test_one_press_records_it_and_one_press_each_moves_it_on(desk: OpenDesk) -> None:
    desk.mail(to=RETURNS_ADDRESS)
    assert record(desk, lot="k-7") == 200
    assert "コードレス掃除機 KZ-200" in beside(desk) and "K-7" in beside(desk) and "Return requested" in beside(desk)
    desk.clock.advance(hours=3)
    step(desk, "received")
    desk.clock.advance(hours=2)
    step(desk, "refunded")
    made = row(desk)
    assert (made.received_at, made.ended_at) == (MONDAY + timedelta(hours=3), MONDAY + timedelta(hours=5))
    assert {made.asked_by_id, made.received_by_id, made.ended_by_id} == {desk.agent(BEN).id}
    assert "Refunded" in beside(desk) and "Has arrived" not in beside(desk)
    history = text_of(desk.as_(BEN).get("/tickets/1").text)
    assert "Ben Carter refunded “コードレス掃除機 KZ-200”" in history
    timeline = text_of(desk.as_(BEN).get(f"/customers/{desk.customer(TANAKA).id}").text)
    assert timeline.index("recorded a return of") < timeline.index("has arrived") < timeline.index("refunded “")


def test_every_step_is_taken_back_by_an_undo_and_the_first_withdraws_it(desk: OpenDesk) -> None:
    desk.mail(to=RETURNS_ADDRESS)
    record(desk)
    step(desk, "received")
    step(desk, "exchanged")

    def undo() -> str:
        page = desk.as_(BEN).get("/tickets/1").text
        event = re.search(r'name="event" value="(\d+)"', page)
        assert event
        desk.as_(BEN).post("/tickets/1/undo", data={"event": event[1]})
        return row(desk).state.value

    assert undo() == "received" and row(desk).ended_at is None and row(desk).received_at == MONDAY
    step(desk, "declined")
    step(desk, "refunded")
    assert undo() == "declined"
    desk.mail(to=RETURNS_ADDRESS, subject="別件", headers={"X-Other": "1"})
    record(desk, ticket_id=2)
    page = desk.as_(BEN).get("/tickets/2").text
    desk.as_(BEN).post("/tickets/2/undo", data={"event": re.search(r'name="event" value="(\d+)"', page)[1]})  # type: ignore[index]
    assert row(desk, 2).state == "withdrawn" and "KZ-200" not in beside(desk, 2)


@pytest.mark.parametrize(
    ("told", "code"),
    [
        ({"reason": ""}, 422), ({"reason": "99"}, 422), ({"quantity": "0"}, 422), ({"quantity": "一つ"}, 422),
        ({"item": ""}, 422), ({"item": "purchase:99"}, 404), ({"item": "product:99"}, 404), ({"item": "cake:1"}, 404),
    ],
)  # fmt: skip
def test_what_cannot_be_recorded_is_refused_and_said_beside_its_field(
    desk: OpenDesk, told: dict[str, str], code: int
) -> None:
    desk.mail(to=RETURNS_ADDRESS)
    assert record(desk, **told) == code
    assert desk.read(lambda db: db.get(ProductReturn, 1)) is None


def test_a_button_pressed_twice_records_one_and_another_reason_a_second(desk: OpenDesk) -> None:
    desk.mail(to=RETURNS_ADDRESS)
    assert record(desk) == 200 and record(desk) == 422
    assert record(desk, reason="6") == 200
    assert desk.read(lambda db: db.get(ProductReturn, 3)) is None


def test_a_product_that_no_order_names_is_known_from_then_on(desk: OpenDesk) -> None:
    desk.mail(STRANGER, to=RETURNS_ADDRESS, body="加湿器が壊れました。")
    assert record(desk, item="", product="加湿器　ＭＳ－３") == 200
    assert row(desk).purchase_id is None
    desk.mail(STRANGER, to=RETURNS_ADDRESS, subject="もう一台", body="MS3 がもう一台あります。")
    assert re.search(r'value="product:1".*<mark>MS3</mark>', form_of(desk, 2))


def test_somebody_else_s_order_is_neither_offered_nor_taken(desk: OpenDesk) -> None:
    other = desk.customer(TANAKA).id

    def buys(db: object) -> None:
        db.add(Purchase(customer_id=other, order_number="A-7777", product="扇風機", ordered_at=MONDAY))  # type: ignore[attr-defined]

    desk.write(buys)
    desk.mail("鈴木 一郎 <suzuki@example.com>", to=RETURNS_ADDRESS, body="注文 A-7777 を返品します。")
    assert "purchase:" not in form_of(desk) and record(desk, item="purchase:2") == 404


def test_a_stranger_s_ticket_takes_only_an_order_that_its_words_name(desk: OpenDesk) -> None:
    desk.mail(STRANGER, to=RETURNS_ADDRESS, subject="返品", body="先日買ったものを返したいです。")
    assert record(desk, ticket_id=1) == 404, "an order's number must not be guessed from a page"
    desk.mail(STRANGER, to=RETURNS_ADDRESS, subject="返品", body="注文番号 A-1001 を返したいです。")
    assert record(desk, ticket_id=2) == 200
    assert row(desk).ticket_id == 2


def test_who_may_not_see_the_ticket_sees_no_form_and_records_nothing(desk: OpenDesk) -> None:
    desk.mail(to=RETURNS_ADDRESS)
    record(desk)
    for answer in (
        desk.as_(AIKO).get("/tickets/1/returns"),
        desk.as_(AIKO).post("/tickets/1/returns", data={"item": "purchase:1", "reason": DEFECT, "quantity": "1"}),
        desk.as_(AIKO).post("/tickets/1/returns/1", data={"do": "received"}),
        desk.as_(SATO).post("/tickets/1/returns/9", data={"do": "nonsense"}),
    ):
        assert answer.status_code == 404
    assert row(desk).state == "asked"


def program(desk: OpenDesk, *scopes: str) -> TestClient:
    """Another program with a key for these purposes."""
    made = desk.as_(SATO).post("/admin/tokens", data={"name": "倉庫", "scope": list(scopes)}).text
    found = re.search(r"<code[^>]*>(desk_[\w-]+)</code>", made)
    assert found
    client = TestClient(desk.app, base_url=PUBLIC_URL, headers={"authorization": f"Bearer {found[1]}"})
    client.portal = desk.client.portal
    return client


def test_shop_and_warehouse_report_what_has_come_and_twice_or_late_changes_nothing(desk: OpenDesk) -> None:
    desk.mail(to=RETURNS_ADDRESS)
    record(desk, lot="K-7")
    warehouse = program(desk, "returns")
    [told] = warehouse.get("/api/v1/returns?order=A-1001").json()["returns"]
    assert (told["id"], told["number"], told["state"], told["lot"]) == (1, "R-1", "asked", "K-7")
    assert TANAKA.name not in str(told)
    before = desk.number()
    answers = [warehouse.post(f"/api/v1/returns/1/{step}").json() for step in ("received", "received", "refunded")]
    assert [each["changed"] for each in answers] == [True, False, True]
    assert desk.number() == before + 2
    late = warehouse.post("/api/v1/returns/1/received")
    assert (late.status_code, late.json()["changed"], late.json()["return"]["state"]) == (200, False, "refunded")
    other = warehouse.post("/api/v1/returns/1/exchanged")
    assert (other.status_code, other.json()) == (409, {"error": "return_ended", "state": "refunded"})
    assert "“コードレス掃除機 KZ-200” was refunded" in text_of(desk.as_(BEN).get("/tickets/1").text)
    step(desk, "withdrawn")
    assert warehouse.post("/api/v1/returns/1/received").json()["error"] == "return_withdrawn"


def test_a_key_opens_what_it_is_for_and_nothing_else(desk: OpenDesk) -> None:
    desk.mail(to=RETURNS_ADDRESS)
    record(desk)
    reader, warehouse = program(desk, "reports"), program(desk, "returns")
    assert reader.get("/api/v1/returns?order=A-1001").status_code == 401
    assert reader.post("/api/v1/returns/1/received").status_code == 401
    assert warehouse.get("/api/v1/reports").status_code == 401
    for path, code in (("/api/v1/returns", 422), ("/api/v1/returns?id=R-9", 404), ("/api/v1/returns?id=R-1", 200)):
        assert warehouse.get(path).status_code == code
    assert warehouse.post("/api/v1/returns/9/received").status_code == 404
    assert warehouse.post("/api/v1/returns/1/asked").status_code == 422
    assert row(desk).state == "asked"
