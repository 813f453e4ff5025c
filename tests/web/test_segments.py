"""Customers found by what is known of them, under a name; and surveys put to them, counted before anybody is asked."""

import re
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col, select

import web.segments
from helpdesk import segments
from helpdesk.customers import contact_points
from helpdesk.runtime.work import NotYet
from helpdesk.survey_sendings import look as survey_look
from helpdesk.survey_sendings import take as survey_take
from models import (
    Answer,
    Ask,
    Channel,
    ContactPoint,
    Customer,
    OptOut,
    PointKind,
    PointSource,
    Purchase,
    Segment,
    SendingState,
    SettingChange,
    SurveySending,
    Ticket,
    TicketState,
    UnreachableAddress,
)
from tests.cast import BEN, DESK_ADDRESS, MONDAY, SATO, TANAKA, OpenDesk, part, text_of
from tests.postbox import Postbox
from tests.web.test_survey_lists import NPS
from tests.web.test_surveys import customer

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


def known(db: Session, name: str, *keys: str, language: str = "ja", **told: Any) -> Customer:
    """A customer with these addresses and numbers."""
    made = Customer(name=name, language=language, created_at=MONDAY, **told)
    db.add(made)
    db.flush()
    for key in keys:
        kind = PointKind.PHONE if key.startswith("+") else PointKind.EMAIL
        db.add(ContactPoint(customer_id=made.id or 0, kind=kind, key=key, value=key, created_at=MONDAY))
    db.flush()
    return made


def bought(db: Session, who: Customer, product: str, days: int) -> None:
    db.add(Purchase(customer_id=who.id or 0, order_number="A-1", product=product,
                    ordered_at=MONDAY - timedelta(days=days)))  # fmt: skip


def asked(db: Session, desk: OpenDesk, who: Customer, queue: str, resolved_days: int | None = None) -> None:
    """They have a ticket, resolved so many days ago or open."""
    at = MONDAY - timedelta(days=resolved_days) if resolved_days is not None else None
    db.add(Ticket(subject="件", channel=Channel.MAIL, queue_id=desk.queue(queue).id or 0, customer_id=who.id,
                  state=TicketState.OPEN if at is None else TicketState.RESOLVED, resolved_at=at,
                  created_at=MONDAY - timedelta(days=40), last_contact_at=at or MONDAY))  # fmt: skip


@pytest.fixture
def shop(desk: OpenDesk) -> OpenDesk:
    """A desk with a survey for lists and customers who differ."""

    def fill(db: Session) -> None:
        for each in db.exec(select(Customer).where(Customer.name != TANAKA.name)):
            db.delete(each)
        one = known(db, "青木", "aoki@example.com", last_contact_at=MONDAY - timedelta(days=3))
        one.company, one.company_key = "株式会社青空", contact_points.name_key("株式会社青空")
        two = known(db, "井上", "inoue@example.com", language="en", last_contact_at=MONDAY - timedelta(days=100))
        known(db, "上田")
        four = known(db, "江口", "+819011112222")
        bought(db, one, "ロボット掃除機 R-5", 10)
        bought(db, two, "ロボット掃除機 R-5", 200)
        bought(db, four, "加湿器 100%", 10)
        bought(db, four, "ﾌｨﾙﾀｰ Ｆ－２", 10)
        asked(db, desk, one, "returns", resolved_days=5)
        asked(db, desk, one, "tech_support")
        asked(db, desk, two, "returns")

    desk.write(fill)
    assert desk.as_(SATO).post("/admin/surveys/new", data=NPS).status_code == 200
    return desk


def found(desk: OpenDesk, **given: Any) -> set[str]:
    """The family names the builder shows for these conditions; they are kept and opened, and say the same."""
    form = {"name": "対象", **{name.replace("__", "."): value for name, value in given.items()}}
    preview = part(desk.as_(SATO).get("/admin/segments/new", params=form).text, "builder-preview")
    names = set(re.findall("青木|井上|上田|江口|田中", preview))
    opened = desk.as_(SATO).post("/admin/segments/new", data=form)
    assert opened.status_code == 200 and set(re.findall("青木|井上|上田|江口|田中", opened.text.split("<tbody>")[-1])
                                             if names else []) == names  # fmt: skip
    desk.write(lambda db: [db.delete(each) for each in db.exec(select(Segment))])
    return names


EVERYBODY = {"青木", "井上", "上田", "江口", "田中"}


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({}, EVERYBODY),
        ({"people__language": "en"}, {"井上"}),
        ({"people__company": "株式会社青"}, {"青木"}),
        ({"people__reach": "email"}, {"青木", "井上", "田中"}),
        ({"people__reach": ["email", "phone"]}, {"田中"}),
        ({"people__bought": "掃除機 R"}, {"青木", "井上"}),
        ({"people__bought": "0%"}, {"江口"}),
        ({"people__bought": "フィルター"}, {"江口"}),
        ({"people__bought": "f-2"}, {"江口"}),
        ({"people__bought": "ﾛﾎﾞｯﾄ"}, {"青木", "井上"}),
        ({"people__bought": "R-5", "people__bought_on_from": "2026-11-06", "people__bought_on_to": "2026-11-06"},
         {"青木"}),
        ({"people__bought_on_to": "2026-10-01"}, {"井上"}),
        ({"people__contact_to": "2026-10-01"}, {"井上"}),
        ({"people__tickets_from": "2"}, {"青木"}),
        ({"people__tickets_from": "1", "people__tickets_to": "1"}, {"井上"}),
        ({"people__tickets_to": "0"}, {"上田", "江口", "田中"}),
        ({"all.state": "open"}, {"青木", "井上"}),
        ({"people__resolved_from": "2026-11-11", "people__resolved_to": "2026-11-12"}, {"青木"}),
        ({"people__resolved_to": "2026-11-10"}, set()),
        ({"people__bought": "ない商品"}, set()),
    ],
)  # fmt: skip
def test_customers_are_found_by_what_is_known_of_them(shop: OpenDesk, given: dict[str, Any], names: set[str]) -> None:
    assert found(shop, **given) == names


@SQLITE
def test_one_and_the_same_ticket_answers_to_all(shop: OpenDesk) -> None:
    tech, returns = (str(shop.queue(name).id) for name in ("tech_support", "returns"))
    resolved = {"people__resolved_from": "2026-11-01"}
    assert found(shop, **{"all.queue": returns}, **resolved) == {"青木"}
    assert found(shop, **{"all.queue": tech}, **resolved) == set(), "resolved was another one"
    assert found(shop, **{"all.state": "open", "any.queue": [tech, returns]}) == {"青木", "井上"}


@SQLITE
@pytest.mark.parametrize(
    "wrong",
    [
        {"people.contact_from": "2026-11-12", "people.contact_to": "2026-11-11"}, {"people.contact_from": "bald"},
        {"people.contact_to": "9999-12-31"}, {"people.resolved_from": "0001-01-01"},
        {"people.tickets_from": "viel"}, {"people.tickets_from": "5", "people.tickets_to": "2"},
        {"people.tickets_from": "-1"}, {"people.tickets_to": "9" * 30}, {"people.language": "fr"},
        {"people.reach": "pigeon"}, {"people.company": "x" * 101}, {"people.bought": "a\x00b"},
        {"people.bought": ["a", "b"]}, {"all.queue": "x"}, {"all.nonsense": "1"}, {"name": ""}, {"name": "x" * 61},
    ],
)  # fmt: skip
def test_what_is_no_condition_is_kept_nowhere_and_stands_in_the_form(shop: OpenDesk, wrong: dict[str, Any]) -> None:
    answer = shop.as_(SATO).post("/admin/segments/new", data={"name": "x"} | wrong)
    assert answer.status_code == 422 and shop.count(Segment) == 0
    assert shop.as_(SATO).get("/admin/segments/new", params={"name": "x"} | wrong).status_code == 200


def changed(desk: OpenDesk) -> int:
    """The number of the last change of a setting."""
    return int(desk.read(lambda db: db.exec(select(SettingChange.id).order_by(col(SettingChange.id))).all())[-1] or 0)


@SQLITE
def test_a_segment_is_renamed_changed_deleted_and_taken_back_and_the_history_says_so(shop: OpenDesk) -> None:
    made = {"name": "掃除機", "people.bought": "掃除機", "all.queue": str(shop.queue("returns").id)}
    shop.as_(SATO).post("/admin/segments/new", data=made)
    assert "返品" in text_of(shop.as_(SATO).get("/admin/segments").text)
    assert shop.as_(SATO).post("/admin/segments/new", data={"name": "掃除機"}).status_code == 422, "there is one"
    shop.as_(SATO).post("/admin/segments/1", data=made | {"name": "ロボット", "people.bought": "R-5"})
    change = text_of(shop.as_(SATO).get(f"/admin/changes/{changed(shop)}").text)
    assert "掃除機" in change and "ロボット" in change and "R-5" in change
    shop.as_(SATO).post("/admin/segments/1/delete")
    assert shop.as_(SATO).get("/admin/segments/1").status_code == 404
    assert shop.as_(SATO).get("/admin/segments/1/customers").status_code == 404
    assert "ロボット" not in part(shop.as_(SATO).get("/admin/segments").text, "segments")
    shop.as_(SATO).post(f"/admin/changes/{changed(shop)}/undo")
    assert "ロボット" in shop.as_(SATO).get("/admin/segments").text


@SQLITE
def test_a_segment_begins_from_a_view_and_stays_when_the_view_goes(shop: OpenDesk) -> None:
    view = {"name": "返品", "all.queue": str(shop.queue("returns").id), "sort": "newest", "all.assignee": "me"}
    shop.as_(SATO).post("/views/new", data=view)
    form = shop.as_(SATO).get("/admin/segments/new?from=saved-1").text
    assert re.search('name="all.queue" value="[0-9]+" checked', form)
    shop.as_(SATO).post("/admin/segments/new", data={key: view[key] for key in ("name", "all.queue", "all.assignee")})
    shop.as_(SATO).post("/views/1/delete")
    assert shop.as_(SATO).get("/admin/segments/1/customers").status_code == 200
    kept = shop.read(lambda db: db.get_one(Segment, 1).conditions)
    assert kept["tickets"]["all"]["assignee"] == [str(shop.agent(SATO).id)], "me is whoever said so"
    assert shop.as_(SATO).get("/admin/segments/new?from=saved-1").status_code == 404


@SQLITE
def test_segments_are_the_supervisors_and_unknown_ones_are_none(shop: OpenDesk) -> None:
    shop.as_(SATO).post("/admin/segments/new", data={"name": "全員"})
    for path in ("", "/new", "/1", "/1/customers"):
        assert shop.as_(BEN).get(f"/admin/segments{path}").status_code == 403, path
    for path in ("/new", "/1", "/1/delete"):
        assert shop.as_(BEN).post(f"/admin/segments{path}", data={"name": "x"}).status_code == 403, path
    for path in ("/9", "/9/customers"):
        assert shop.as_(SATO).get(f"/admin/segments{path}").status_code == 404
    assert shop.as_(SATO).post("/admin/segments/9/delete").status_code == 404


@SQLITE
def test_a_large_desk_is_searched_a_stretch_at_a_time_and_says_where_it_stopped(
    shop: OpenDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "STRETCH", 2)
    monkeypatch.setattr(segments, "GLANCE", 2)
    shop.as_(SATO).post("/admin/segments/new", data={"name": "英語", "people.language": "en"})
    path, names = "/admin/segments/1/customers", ""
    for _ in range(6):
        page = shop.as_(SATO).get(path).text
        names += page.split("<tbody>")[-1] if "<tbody>" in page else ""
        further = re.search(r'href="(/admin/segments/1/customers\?before=\d+)"', page)
        if further is None:
            break
        path = further[1]
    assert further is None and "井上" in names and "青木" not in names


@SQLITE
@pytest.mark.parametrize("most", [2, 3, 100])
def test_the_number_of_customers_is_the_same_however_many_of_them_a_page_shows(
    shop: OpenDesk, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(web.segments, "PAGE", most)
    shop.as_(SATO).post("/admin/segments/new", data={"name": "日本語", "people.language": "ja"})
    assert "現在4人が該当します" in text_of(shop.as_(SATO).get("/admin/segments/1/customers").text)


@pytest.mark.parametrize("database_kind", ["postgres"], indirect=True)
def test_postgresql_is_asked_of_each_customers_own_rows_and_never_of_all_that_was_bought(shop: OpenDesk) -> None:
    asked_for: list[tuple[str, Any]] = []

    def hear(_: Any, __: Any, statement: str, parameters: Any, *more: Any) -> None:
        if "FROM purchase" in statement and "FROM ticket" in statement:
            asked_for.append((statement, parameters))

    sa.event.listen(sa.Engine, "before_cursor_execute", hear)
    try:
        given = {"name": "x", "people.bought": "ない", "people.reach": "phone", "people.resolved_from": "2026-01-01"}
        shop.as_(SATO).post("/admin/segments/new", data=given | {"people.tickets_from": "2"})
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", hear)
    plans = [
        "\n".join(row[0] for row in shop.read(lambda db, each=each: db.connection().exec_driver_sql(
            f"EXPLAIN {each[0]}", each[1]).all()))
        for each in asked_for
    ]  # fmt: skip
    assert plans and not [plan for plan in plans if "Join" in plan or "SubPlan" not in plan]


# --- surveys ----------------------------------------------------------------------------------------------------------


def chosen(desk: OpenDesk, survey: int = 1, **given: Any) -> str:
    """The address of a sending that was counted."""
    name = given.pop("name", "対象")
    if not desk.read(lambda db: db.exec(select(Segment.id).where(Segment.name == name)).first()):
        desk.as_(SATO).post("/admin/segments/new", data={"name": name, **given})
    segment = desk.read(lambda db: db.exec(select(Segment.id).where(Segment.name == name)).one())
    answer = desk.as_(SATO).post(f"/admin/surveys/{survey}/sendings", data={"segment_id": segment})
    assert answer.status_code == 200
    walk(desk)
    return str(answer.url.path)


def walk(desk: OpenDesk) -> None:
    """What is to be counted or sent is done, as far as it goes."""
    rows = desk.read(lambda db: db.exec(select(SurveySending.id).order_by(col(SurveySending.id))).all())
    for each in rows:
        with suppress(NotYet):  # some stand in line
            desk.app.state.desk.jobs.by_name()["send_survey"](each)


def deliver(desk: OpenDesk) -> list[tuple[str, str, str]]:
    """What stands in line leaves; every ask then as key, state and reason."""
    for ask in desk.read(lambda db: db.exec(select(Ask).where(Ask.state == "sent").order_by(col(Ask.id))).all()):
        desk.app.state.desk.jobs.by_name()["mail_survey"](ask.id)
    return [(ask.key, ask.state.value, ask.reason)
            for ask in desk.read(lambda db: db.exec(select(Ask).order_by(col(Ask.id))).all())]  # fmt: skip


def sending(desk: OpenDesk, number: int = 1) -> SurveySending:
    return desk.read(lambda db: db.get_one(SurveySending, number))


def awkward(db: Session) -> None:
    """Customers who are not to be asked, each for another reason."""
    known(db, "一", "stop@example.com")
    known(db, "二", "office@example.com", "+819033334444")
    known(db, "三", "gone@example.com")
    known(db, "四", DESK_ADDRESS)
    known(db, "五", "aoki@example.com")
    six = known(db, "六", "lately@example.com")
    seven = known(db, "七")
    db.add(ContactPoint(customer_id=seven.id or 0, kind=PointKind.EMAIL, key="guess@example.com",
                        value="guess@example.com", source=PointSource.GUESSED, created_at=MONDAY))  # fmt: skip
    db.add(OptOut(key="stop@example.com", at=MONDAY))
    db.add(OptOut(key="+819033334444", at=MONDAY))
    db.add(UnreachableAddress(key="gone@example.com", status="5.1.1", at=MONDAY))
    db.add(Ask(survey_id=1, about="ticket:999", customer_id=six.id, queue_id=1, state="sent", key="other@example.com",
               created_at=MONDAY, sent_at=MONDAY))  # fmt: skip


LEFT_OUT = {
    "opted_out": 2, "unreachable": 1, "machine": 1, "shared_address": 1, "asked_lately": 1, "no_address": 3,
}  # fmt: skip


def test_whom_it_reaches_is_counted_with_the_reasons_before_anybody_is_asked(shop: OpenDesk, postbox: Postbox) -> None:
    shop.write(awkward)
    where = chosen(shop)
    told = sending(shop)
    assert (told.state, told.found, told.asked, told.left_out) == (SendingState.COUNTED, 12, 3, LEFT_OUT)
    page = shop.as_(SATO).get(where).text
    assert "aoki@example.com" in page and "stop@example.com" not in page and "3人に送信する" in page
    assert "まだ誰にも送信していません" in page
    assert deliver(shop)[1:] == [] and postbox.mails == []
    shop.as_(SATO).post(f"{where}/begin")
    walk(shop)
    assert {state for _, state, _ in deliver(shop)} == {"sent"}
    assert sending(shop).state == SendingState.RUNNING, "until all have left it can be stopped"
    walk(shop)
    told = sending(shop)
    assert (told.state, told.found, told.asked, told.left_out) == (SendingState.DONE, 12, 3, LEFT_OUT), "as foretold"
    assert sorted(mail["To"] for _, mail in postbox.mails) == sorted(
        ["aoki@example.com", "inoue@example.com", TANAKA.email]
    )


@SQLITE
def test_of_those_who_share_an_address_the_first_who_is_meant_is_asked_however_many_they_are(
    shop: OpenDesk, postbox: Postbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("helpdesk.survey_reach.SHARING_AT_ONCE", 2)
    monkeypatch.setattr("helpdesk.survey_sendings.COUNTED_AT_ONCE", 3)

    def fill(db: Session) -> None:
        for number in range(9):  # not meant, for they bought nothing
            known(db, f"社員{number}", "office@example.com")
        bought(db, known(db, "停止", "office@example.com", "+819055556666"), "ロボット掃除機 R-5", 3)
        db.add(OptOut(key="+819055556666", at=MONDAY))
        for number in range(7):
            known(db, f"後の社員{number}", "office@example.com")
            bought(db, known(db, f"購入者{number}", "office@example.com"), "ロボット掃除機 R-5", 3)

    shop.write(fill)
    where = chosen(shop, **{"people.bought": "R-5"})
    told = sending(shop)
    assert (told.found, told.asked, told.left_out) == (10, 3, {"opted_out": 1, "shared_address": 6})
    shop.as_(SATO).post(f"{where}/begin")
    for _ in range(2):
        walk(shop)
        deliver(shop)
    told = sending(shop)
    assert (told.found, told.asked, told.left_out) == (10, 3, {"opted_out": 1, "shared_address": 6}), "as foretold"
    assert [mail["To"] for _, mail in postbox.mails].count("office@example.com") == 1


@SQLITE
def test_each_is_asked_in_their_language_and_the_answer_is_theirs(shop: OpenDesk, postbox: Postbox) -> None:
    where = chosen(shop, **{"people.bought": "R-5"})
    shop.as_(SATO).post(f"{where}/begin")
    walk(shop)
    deliver(shop)
    words = {mail["To"]: mail.get_content() for _, mail in postbox.mails}
    assert "How likely are you to recommend" in words["inoue@example.com"] and "すすめたい" in words["aoki@example.com"]
    link = re.search(r"https://desk\.example\.com(/s/[0-9]+-[a-z2-7]+)", words["aoki@example.com"])
    assert link and customer(shop).post(link[1], data={"score": "9", "comment": ""}).status_code == 200
    assert shop.read(lambda db: db.exec(select(Answer)).one()).customer_id == shop.read(
        lambda db: db.exec(select(Customer.id).where(Customer.name == "青木")).one()
    )
    told = text_of(shop.as_(SATO).get(where).text)
    assert "購入した商品名（部分一致）" in told and "R-5" in told and "50 %" in told or "50%" in told
    history = text_of(shop.as_(SATO).get("/admin/surveys/1").text)
    assert "対象" in history and "2人中2人" in history


@SQLITE
def test_nobody_is_asked_twice_by_a_repeat_another_list_or_another_supervisor(shop: OpenDesk, postbox: Postbox) -> None:
    first, second = chosen(shop), chosen(shop)
    for where in (first, second, first):
        assert shop.as_(SATO).post(f"{where}/begin").status_code == 200
    for _ in range(2):
        walk(shop)
        deliver(shop)
    assert len(postbox.mails) == 3
    assert sending(shop, 2).left_out == {"asked_before": 3, "no_address": 2}
    shop.as_(SATO).post("/admin/surveys/1/send", data={"to": "aoki@example.com"})
    assert sending(shop, 3).left_out == {"asked_before": 1} and "入力したリスト" in shop.as_(SATO).get(
        "/admin/surveys/1").text  # fmt: skip


@SQLITE
def test_two_surveys_to_one_segment_at_the_same_time_ask_each_once(shop: OpenDesk, postbox: Postbox) -> None:
    shop.as_(SATO).post("/admin/surveys/new", data=NPS | {"name": "もう一つ"})
    for where in (chosen(shop), chosen(shop, survey=2)):
        shop.as_(SATO).post(f"{where}/begin")
    walk(shop)
    deliver(shop)
    assert len(postbox.mails) == 3 and sending(shop, 2).left_out["asked_lately"] == 3


@SQLITE
def test_who_opts_out_or_is_gone_between_choosing_and_sending_is_not_asked(shop: OpenDesk, postbox: Postbox) -> None:
    where = chosen(shop, **{"people.bought": "R-5"})
    shop.write(lambda db: db.add(OptOut(key="aoki@example.com", at=MONDAY)))
    shop.as_(SATO).post(f"{where}/begin")
    walk(shop)
    assert sending(shop).left_out == {"opted_out": 1}
    shop.write(lambda db: db.add(OptOut(key="inoue@example.com", at=MONDAY)))
    shop.write(lambda db: db.delete(db.exec(select(Customer).where(Customer.name == "青木")).one()))
    assert deliver(shop) == [("inoue@example.com", "left_out", "opted_out")] and postbox.mails == []
    page = part(shop.as_(SATO).get(where).text, "surveys")
    assert re.search(r"配信停止を希望</dt><dd>2<", page), "who said stop later is counted with the others"


@SQLITE
def test_a_sending_that_is_stopped_has_stopped_and_the_rest_can_be_asked_later(
    shop: OpenDesk, postbox: Postbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("helpdesk.survey_sendings.ASKED_AT_ONCE", 1)
    monkeypatch.setattr("helpdesk.survey_sendings.LINE", 2)
    where = chosen(shop)
    shop.as_(SATO).post(f"{where}/begin")
    walk(shop)
    assert shop.count(Ask) == 2 and sending(shop).state == SendingState.RUNNING, "two wait for the mail server"
    shop.app.state.desk.jobs.by_name()["mail_survey"](shop.read(lambda db: db.exec(select(Ask.id)).all())[0])
    shop.as_(SATO).post(f"{where}/stop")
    shop.as_(SATO).post(f"{where}/stop")
    walk(shop)
    deliver(shop)
    told = sending(shop)
    assert (told.state, told.asked, told.left_out["stopped"]) == (SendingState.STOPPED, 1, 1)
    assert len(postbox.mails) == 1 and shop.as_(SATO).post(f"{where}/begin").status_code == 409
    monkeypatch.setattr("helpdesk.survey_sendings.LINE", 100)
    anew = str(shop.as_(SATO).post(f"{where}/again").url.path)
    walk(shop)
    assert sending(shop, 2).left_out == {"asked_before": 1, "no_address": 2}
    shop.as_(SATO).post(f"{anew}/begin")
    walk(shop)
    deliver(shop)
    assert len(postbox.mails) == 3 and len({mail["To"] for _, mail in postbox.mails}) == 3


@SQLITE
def test_a_crash_in_the_middle_loses_nobody_and_asks_nobody_twice(
    shop: OpenDesk, postbox: Postbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("helpdesk.survey_sendings.ASKED_AT_ONCE", 1)
    where = chosen(shop)
    shop.as_(SATO).post(f"{where}/begin")
    work = shop.app.state.desk
    step = work.database.read_now(survey_look, 1, settings=work.settings, now=work.clock())
    for _ in range(2):  # taken down, and again by whoever takes over
        work.database.write_now(survey_take, 1, step, settings=work.settings, now=work.clock())
    work._closing.set()
    walk(shop)
    assert sending(shop).state == SendingState.RUNNING
    work._closing.clear()
    walk(shop)
    deliver(shop)
    deliver(shop)
    assert len(postbox.mails) == 3 and sending(shop).asked == 3 and sending(shop).found == 5


@SQLITE
def test_nothing_is_sent_that_is_off_or_cannot_leave_and_nobody_is_no_list(shop: OpenDesk) -> None:
    where = chosen(shop, **{"people.bought": "ない商品"})
    page = shop.as_(SATO).get(where).text
    assert "送信できるお客様がいません" in page and "/begin" not in page
    shop.as_(SATO).post("/admin/surveys/1/switch", data={"to": "off"})
    off = chosen(shop, name="全員")
    assert "先に" in shop.as_(SATO).post(f"{off}/begin").text or shop.as_(SATO).post(f"{off}/begin").status_code == 422
    assert shop.count(Ask) == 0
    shop.as_(SATO).post(f"{off}/discard")
    assert shop.as_(SATO).get(off).status_code == 404
    assert shop.as_(SATO).post("/admin/surveys/1/sendings", data={"segment_id": "99"}).status_code == 404
    assert shop.as_(SATO).post("/admin/surveys/9/sendings", data={"segment_id": "1"}).status_code == 404


@SQLITE
def test_what_was_sent_says_whom_it_meant_after_the_segment_is_gone(shop: OpenDesk, postbox: Postbox) -> None:
    where = chosen(shop, **{"people.bought": "R-5"})
    shop.as_(SATO).post("/admin/segments/1", data={"name": "別の名前", "people.bought": "加湿器"})
    shop.as_(SATO).post("/admin/segments/1/delete")
    shop.as_(SATO).post(f"{where}/begin")
    walk(shop)
    page = text_of(shop.as_(SATO).get(where).text)
    assert "対象" in page and "R-5" in page and "加湿器" not in page and sending(shop).asked == 2


@SQLITE
def test_only_supervisors_send_and_begin_says_so_to_others(shop: OpenDesk) -> None:
    where = chosen(shop)
    for path in (where.rsplit("/", 1)[0], *(f"{where}/{what}" for what in ("begin", "stop", "again", "discard"))):
        assert shop.as_(BEN).post(path, data={"segment_id": "1"}).status_code == 403, path
    assert shop.as_(BEN).get(where).status_code == 403
    assert shop.as_(SATO).get(where.replace("/surveys/1/", "/surveys/2/")).status_code == 404
    assert sending(shop).state == SendingState.COUNTED
