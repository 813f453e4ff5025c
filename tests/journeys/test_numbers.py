"""Whose number it is: known, guessed, learned and taken back; edited in one place; and withheld nowhere to be found."""

from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session, select

from helpdesk.customers import company_lines, records
from models import BlockedCaller, CompanyLine, ContactPoint, Customer, PointKind, PointSource
from tests.cast import AIKO, BEN, SATO, STRANGER, SUZUKI, SUZUKI_WIFE, TANAKA, OpenDesk, Person, part, text_of

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
LINE = "+81355551234"


def rings(desk: OpenDesk, call: str, caller: str) -> tuple[int | None, str]:
    """Somebody calls. Returns whom the desk takes it for, and why."""
    desk.twilio.rings(call, caller=caller)
    found = desk.call(call)
    return found.customer_id, found.match


def knows(desk: OpenDesk, person: Person, number: str, source: PointSource) -> None:
    """The customer is known by a number in this way, and in no other."""

    def verb(db: Session) -> None:
        customer = db.exec(select(Customer).where(Customer.name == person.name)).one()
        if (point := records.point_of(db, customer, PointKind.PHONE, number)) is None:
            point = records.new_point(customer, PointKind.PHONE, number, number, source, "", desk.clock())
            db.add(point)
        point.source = source

    desk.write(verb)


def people_of(desk: OpenDesk, company: str, count: int, phone: str = "") -> list[int]:
    """So many customers of one company."""

    def verb(db: Session) -> list[int]:
        return [
            records.create(db, records.Form(f"社員 {number}", company=company, phones=[phone] if phone else []),
                           region="JP", now=desk.clock()).id or 0
            for number in range(count)
        ]  # fmt: skip

    found: list[int] = desk.write(verb)
    return found


def does(desk: OpenDesk, person: Person, call: str, verb: str, **form: Any) -> Any:
    return desk.as_(person).post(f"/calls/{desk.call(call).id}/{verb}", data=form)


def point(desk: OpenDesk, person: Person, number: str) -> ContactPoint | None:
    return next((each for each in desk.points_of(person) if each.key == number), None)


def edits(desk: OpenDesk, whose: Person, number: str, do: str, by: Person = AIKO, **form: str) -> Any:
    """An agent presses a button beside a number on the customer's page."""
    found = point(desk, whose, number)
    assert found is not None
    return desk.as_(by).post(f"/customers/{found.customer_id}/numbers/{found.id}", data={"do": do, **form})


# --- the order ---------------------------------------------------------------------------------------------------

ORDER = [PointSource.VERIFIED, PointSource.PROFILE, PointSource.LEARNED, PointSource.TICKET, PointSource.GUESSED]


def test_the_strongest_kind_of_knowledge_speaks_first(desk: OpenDesk) -> None:
    calls = 0
    for at, stronger in enumerate(ORDER):
        for weaker in ORDER[at + 1 :]:
            knows(desk, TANAKA, LINE, weaker)
            knows(desk, SUZUKI, LINE, stronger)
            calls += 1
            assert rings(desk, f"CA-{calls}", LINE) == (desk.customer(SUZUKI).id, stronger.value), (stronger, weaker)
    desk.write(lambda db: company_lines.declare(db, "+81355559999", "港商事", now=desk.clock()))
    assert rings(desk, "CA-last", "+81355559999") == (None, "company")


def test_two_who_are_known_equally_well_are_asked_about(desk: OpenDesk) -> None:
    for source in ORDER:
        knows(desk, TANAKA, LINE, source)
        knows(desk, SUZUKI, LINE, source)
        assert rings(desk, f"CA-{source}", LINE) == (None, "several")


def test_a_choice_settles_it_among_equals_and_yields_to_a_record_that_is_surer(desk: OpenDesk) -> None:
    wife = desk.customer(SUZUKI_WIFE).id
    desk.ready(AIKO)
    assert rings(desk, "CA-1", SUZUKI.phone) == (None, "several")
    does(desk, AIKO, "CA-1", "customer", customer_id=wife)
    assert rings(desk, "CA-2", SUZUKI.phone) == (wife, "learned")
    chosen = point(desk, SUZUKI_WIFE, SUZUKI.phone)
    assert chosen and (chosen.source, bool(chosen.learned_at)) == (PointSource.PROFILE, True)
    edits(desk, SUZUKI, SUZUKI.phone, "verify")
    assert rings(desk, "CA-3", SUZUKI.phone) == (desk.customer(SUZUKI).id, "verified")


def test_from_a_companys_main_line_its_people_are_shown_and_nothing_is_learned(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    first, second, *_ = people_of(desk, "株式会社ミナト", 24)
    desk.mail("minato@example.net", subject="見積り")
    desk.as_(AIKO).post("/tickets/1/customer", data={"customer_id": second})
    desk.write(lambda db: company_lines.declare(db, LINE, "（株）ミナト", now=desk.clock()))
    aiko = desk.screen_of(AIKO)
    assert rings(desk, "CA-1", LINE) == (None, "company")
    card = aiko.card("CA-1")
    assert "（株）ミナトの代表番号" in card and card.count("社員 ") == 20
    assert card.index("社員 1 ") < card.index("社員 0 ")  # whom we spoke to last stands first
    aiko.check()
    does(desk, AIKO, "CA-1", "customer", customer_id=first)
    assert desk.call("CA-1").customer_id == first
    aiko.check()
    assert rings(desk, "CA-2", LINE) == (None, "company")


# --- taking it back ----------------------------------------------------------------------------------------------


def test_a_choice_on_the_card_is_taken_back_and_all_is_as_before(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    aiko = desk.screen_of(AIKO)
    rings(desk, "CA-1", SUZUKI.phone)
    before = [(each.customer_id, each.source, each.learned_at) for each in desk.points_of(SUZUKI_WIFE)]
    does(desk, AIKO, "CA-1", "customer", customer_id=desk.customer(SUZUKI_WIFE).id)
    assert "お客様の選択を取り消す" in aiko.card("CA-1")
    for _ in range(2):  # a second press changes nothing
        does(desk, AIKO, "CA-1", "customer/undo")
        assert (desk.call("CA-1").customer_id, desk.call("CA-1").match) == (None, "several")
        assert desk.tickets()[0].customer_id is None
    assert [(each.customer_id, each.source, each.learned_at) for each in desk.points_of(SUZUKI_WIFE)] == before
    assert SUZUKI.name in aiko.card("CA-1") and SUZUKI_WIFE.name in aiko.card("CA-1")
    aiko.check()
    assert rings(desk, "CA-2", SUZUKI.phone) == (None, "several")


def test_taking_back_gives_the_one_chosen_before_the_number_again(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    for call, person in (("CA-1", SUZUKI), ("CA-2", SUZUKI_WIFE)):
        rings(desk, call, STRANGER.phone)
        does(desk, AIKO, call, "customer", customer_id=desk.customer(person).id)
    assert rings(desk, "CA-3", STRANGER.phone) == (desk.customer(SUZUKI_WIFE).id, "learned")
    does(desk, AIKO, "CA-2", "customer/undo")
    assert desk.call("CA-2").customer_id == desk.customer(SUZUKI).id
    assert point(desk, SUZUKI_WIFE, STRANGER.phone) is None
    assert rings(desk, "CA-4", STRANGER.phone) == (desk.customer(SUZUKI).id, "learned")


def test_a_choice_is_forgotten_on_the_customers_page_later(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    rings(desk, "CA-1", STRANGER.phone)
    does(desk, AIKO, "CA-1", "customer", customer_id=desk.customer(TANAKA).id)
    desk.clock.advance(hours=3)
    edits(desk, TANAKA, STRANGER.phone, "forget")
    assert point(desk, TANAKA, STRANGER.phone) is None
    assert desk.call("CA-1").customer_id is None and desk.tickets()[0].customer_id is None
    assert rings(desk, "CA-2", STRANGER.phone) == (None, "nobody")


def test_a_wrong_choice_that_made_a_ticket_of_its_own_goes_back_to_the_first(desk: OpenDesk) -> None:
    desk.ready(BEN)
    desk.mail(TANAKA, subject="返品", to="returns@desk.example.jp")
    desk.twilio.rings("CA-1", to="+81355500102")  # joins her open ticket
    assert desk.call("CA-1").ticket_id == 1
    does(desk, BEN, "CA-1", "customer", customer_id=desk.customer(SUZUKI).id)
    assert desk.call("CA-1").ticket_id == 2
    does(desk, BEN, "CA-1", "customer/undo")
    first, second = desk.tickets()
    assert (desk.call("CA-1").ticket_id, desk.call("CA-1").customer_id) == (1, desk.customer(TANAKA).id)
    assert (first.customer_id, second.customer_id) == (desk.customer(TANAKA).id, None)


# --- read in a signature -----------------------------------------------------------------------------------------

SIGNED = "よろしくお願いいたします。\n\n-- \n田中 美咲\nTEL: 03-5555-1234\nFAX: 03-5555-1235\n"


def test_a_number_in_a_signature_is_a_guess_until_an_agent_confirms_it(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    aiko = desk.screen_of(AIKO)
    desk.mail(TANAKA, subject="保証", body=SIGNED)
    tanaka = desk.customer(TANAKA).id
    assert [(each.key, each.source) for each in desk.points_of(TANAKA) if each.key.startswith("+8135")] == [
        (LINE, PointSource.GUESSED)
    ]
    assert rings(desk, "CA-1", LINE) == (tanaka, "guessed")
    assert "署名から推定" in aiko.card("CA-1")
    assert "署名から推定" in text_of(desk.as_(AIKO).get(f"/customers/{tanaka}").text)
    does(desk, AIKO, "CA-1", "guess", **{"is": "right"})
    assert desk.call("CA-1").match == "profile" and "署名から推定" not in aiko.card("CA-1")
    aiko.check()
    assert rings(desk, "CA-2", LINE) == (tanaka, "profile")


def test_a_wrong_guess_comes_off_in_one_press_and_never_comes_again(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    aiko = desk.screen_of(AIKO)
    desk.mail(TANAKA, subject="保証", body=SIGNED)
    rings(desk, "CA-1", LINE)
    does(desk, AIKO, "CA-1", "guess", **{"is": "wrong"})
    assert (desk.call("CA-1").customer_id, desk.call("CA-1").match) == (None, "nobody")
    assert point(desk, TANAKA, LINE) is None
    aiko.check()
    desk.mail(TANAKA, subject="保証の続き", body=SIGNED)
    assert point(desk, TANAKA, LINE) is None
    assert does(desk, AIKO, "CA-1", "guess", **{"is": "right"}).status_code == 409


@SQLITE
@pytest.mark.parametrize("line", [
    "FAX 03-5555-1234", "TEL 03-5555-1234（代表）", "代表 TEL 03-5555-1234", "TEL 0120-000-123", "03-5555-1234",
    "注文番号 03-5555-1234", "TEL 03-5550-0101", "TEL 050-5550-0111", "TEL 2026-11-21",
])  # fmt: skip
def test_what_is_not_surely_the_writers_own_is_not_guessed(desk: OpenDesk, line: str) -> None:
    desk.mail(TANAKA, subject="保証", body=SIGNED.replace("TEL: 03-5555-1234\nFAX: 03-5555-1235", line))
    assert [each.source for each in desk.points_of(TANAKA)] == [PointSource.PROFILE] * 2


def test_a_number_many_carry_and_a_strangers_signature_guess_nothing(desk: OpenDesk) -> None:
    people_of(desk, "", company_lines.SHARED_BY, LINE)
    desk.mail(TANAKA, subject="保証", body=SIGNED)
    desk.mail(STRANGER, subject="はじめまして", body=SIGNED)
    assert not desk.read(lambda db: db.exec(select(ContactPoint).where(ContactPoint.source == "guessed")).all())


# --- edited in one place -----------------------------------------------------------------------------------------


def test_numbers_are_added_named_verified_taken_off_and_put_back_on_the_customers_page(desk: OpenDesk) -> None:
    tanaka = desk.customer(TANAKA).id
    page = f"/customers/{tanaka}"
    added = desk.as_(AIKO).post(f"{page}/numbers", data={"typed": "０３ー５５５５ー１２３４", "label": "実家"})
    assert added.status_code == 200 and "実家" in part(added.text, "numbers")
    found = point(desk, TANAKA, LINE)
    assert found and (found.source, found.label, found.tail) == (PointSource.PROFILE, "実家", "1234")
    for typed, words in (("03-1234", "電話番号"), ("03-5555-1234", "すでに登録"), ("a@", "")):
        refused = desk.as_(AIKO).post(f"{page}/numbers", data={"typed": typed})
        assert refused.status_code == 422 and words in text_of(refused.text)
    edits(desk, TANAKA, LINE, "label", label="勤務先")
    edits(desk, TANAKA, LINE, "verify")
    before = point(desk, TANAKA, LINE)
    assert before and (before.label, before.source) == ("勤務先", PointSource.VERIFIED)
    edits(desk, TANAKA, LINE, "remove")
    assert point(desk, TANAKA, LINE) is None
    shown = desk.as_(AIKO).get(page).text
    assert "03-5555-1234を外しました" in text_of(shown)
    desk.as_(AIKO).post(f"{page}/numbers/back", data={"removed_id": "1"})
    again = point(desk, TANAKA, LINE)
    assert again and (again.label, again.source) == ("勤務先", PointSource.VERIFIED)
    assert again.created_at == before.created_at
    assert "を外しました" not in text_of(desk.as_(AIKO).get(page).text)
    edits(desk, TANAKA, LINE, "doubt")
    assert (again := point(desk, TANAKA, LINE)) and again.source == PointSource.PROFILE


def test_another_customers_number_is_not_edited_through_this_ones_page(desk: OpenDesk) -> None:
    theirs = point(desk, SUZUKI, SUZUKI.phone)
    assert theirs
    answer = desk.as_(AIKO).post(f"/customers/{desk.customer(TANAKA).id}/numbers/{theirs.id}", data={"do": "remove"})
    assert answer.status_code == 404 and point(desk, SUZUKI, SUZUKI.phone)


def test_an_edited_number_names_the_caller_who_is_on_the_line_and_no_call_that_is_over(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    aiko = desk.screen_of(AIKO)
    rings(desk, "CA-0", STRANGER.phone)
    desk.twilio.says("CA-0", "canceled", caller=STRANGER.phone)
    assert rings(desk, "CA-1", STRANGER.phone) == (None, "nobody")
    tanaka = desk.customer(TANAKA).id
    desk.as_(BEN).post(f"/customers/{tanaka}/numbers", data={"typed": STRANGER.phone})
    assert (desk.call("CA-1").customer_id, desk.call("CA-1").match) == (tanaka, "profile")
    assert desk.tickets()[-1].customer_id == tanaka and TANAKA.name in aiko.card("CA-1")
    assert desk.call("CA-0").customer_id is None
    aiko.check()
    edits(desk, TANAKA, STRANGER.phone, "remove", by=BEN)
    assert (desk.call("CA-1").customer_id, desk.call("CA-1").match) == (None, "nobody")
    assert desk.tickets()[-1].customer_id is None
    aiko.check()


def test_a_number_more_than_three_of_a_company_carry_is_proposed_as_its_main_line(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    first, *_ = people_of(desk, "株式会社ミナト", 3, LINE)
    page = f"/customers/{first}"
    assert "4人以上" not in desk.as_(AIKO).get(page).text
    people_of(desk, "(株)ミナト", 1, LINE)
    shown = text_of(desk.as_(AIKO).get(page).text)
    assert "4人以上" in shown and "4名" in shown
    number = desk.read(lambda db: db.exec(select(ContactPoint.id).where(ContactPoint.customer_id == first)).one())
    desk.as_(AIKO).post(f"{page}/numbers/{number}", data={"do": "line"})
    assert desk.count(CompanyLine) == 1
    assert rings(desk, "CA-1", LINE) == (None, "company")
    desk.as_(AIKO).post(f"{page}/numbers/{number}", data={"do": "no_line"})
    assert desk.count(CompanyLine) == 0 and desk.call("CA-1").match == "several"


# --- blocked -----------------------------------------------------------------------------------------------------


def test_supervisors_block_a_caller_on_the_card_and_on_the_list_and_nobody_else_does(desk: OpenDesk) -> None:
    desk.ready(AIKO)
    aiko = desk.screen_of(AIKO)
    rings(desk, "CA-1", STRANGER.phone)
    assert does(desk, AIKO, "CA-1", "block", reason="迷惑").status_code == 403
    assert desk.as_(AIKO).get("/admin/blocked").status_code == 403
    assert desk.as_(AIKO).post("/admin/blocked", data={"number": STRANGER.phone, "do": "block"}).status_code == 403
    assert desk.count(BlockedCaller) == 0
    does(desk, SATO, "CA-1", "block", reason="無言電話が続く")
    assert "着信拒否中" in aiko.card("CA-1")
    aiko.check()
    listed = text_of(desk.as_(SATO).get("/admin/blocked").text)
    assert "050-1111-2222" in listed and "無言電話が続く" in listed and SATO.name in listed
    assert desk.as_(SATO).post("/admin/blocked", data={"number": "03-12", "do": "block"}).status_code == 422
    desk.as_(SATO).post("/admin/blocked", data={"number": "050-1111-2222", "do": "unblock"})
    assert desk.count(BlockedCaller) == 0


def test_a_supervisor_blocks_a_customers_number_on_the_customers_page(desk: OpenDesk) -> None:
    tanaka = desk.customer(TANAKA).id
    sent = desk.as_(SATO).post("/admin/blocked", data={"number": TANAKA.phone, "do": "block", "back": str(tanaka)})
    assert sent.url.path == f"/customers/{tanaka}"
    assert "着信拒否中" in part(desk.as_(SATO).get(f"/customers/{tanaka}").text, "numbers")
    assert "/admin/blocked" not in part(desk.as_(AIKO).get(f"/customers/{tanaka}").text, "numbers")


# --- withheld ----------------------------------------------------------------------------------------------------

HIDDEN = "09099998888"
PUSHES: list[dict[str, Any]] = [
    {"from_": HIDDEN, "presentation": "withheld", "from_name": "HIDDEN NAME"},
    {"from_": "anonymous", "P-Asserted-Identity": f"<sip:+81{HIDDEN[1:]}@carrier.example.net>", "Privacy": "id"},
    {"from_": f"+81{HIDDEN[1:]}", "CallingPres": "prohib_not_screened", "x": {"pai": [HIDDEN]}},
]


@SQLITE
@pytest.mark.parametrize("told", PUSHES)
def test_a_withheld_number_the_exchange_sends_along_is_nowhere(
    desk: OpenDesk, told: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    desk.ready(AIKO)
    aiko = desk.screen_of(AIKO)
    for _ in range(2):
        desk.exchange.says(event="ring", call_id="c-1", direction="in", to="0355500101", **told)
    desk.exchange.says(event="answer", call_id="c-1", direction="in", from_=HIDDEN, agents=[AIKO.email])
    desk.exchange.says(event="hangup", call_id="c-1", from_=f"+81-{HIDDEN[1:]}", cause="normalClearing")
    call = desk.call("c-1")
    assert (call.is_withheld, call.match, call.number, call.state) == (True, "withheld", "", "ended")
    assert len(desk.calls()) == 1
    aiko.check()
    pages = [desk.as_(SATO).get(page).text for page in ("/inbox", "/calls", f"/tickets/{call.ticket_id}", "/queues")]
    frames = str(aiko.frames)
    kept = b"".join(file.read_bytes() for file in tmp_path.glob("desk.db*"))
    assert b"c-1" in kept  # the pages of the database are really read
    for number in (HIDDEN, HIDDEN[1:], "9999-8888", "99998888", "HIDDEN NAME"):
        assert number.encode() not in kept and number not in frames and number not in caplog.text
        assert not any(number in page for page in pages)
