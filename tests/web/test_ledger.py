"""The ledger of mail: every mail stands in one column, every figure opens its mails, and each can be looked into."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import sqlalchemy as sa
from sqlmodel import select

from helpdesk import inbox, ledger
from helpdesk.mail import outcomes, parse
from models import Inbound, InboundState, Parked, Redelivery
from tests.cast import AIKO, BEN, MONDAY, RETURNS_ADDRESS, SATO, STRANGER, TANAKA, OpenDesk, part, text_of
from tests.postbox import Postbox

MESSAGES = Path(__file__).parents[1] / "helpdesk" / "mail" / "messages"
SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
NOBODYS = b"Subject: nobody\r\n\r\nhello\r\n"


def figures(desk: OpenDesk, *, source: str = "smtp", day: Any = None) -> dict[str, int]:
    """What the ledger tells of one source and day: what is not nothing."""
    page = desk.read(lambda db: ledger.page(db, settings=desk.settings, now=desk.clock()))
    found = next(each for each in page.sources if each.source == source)
    told = next(each for each in found.days if each.day == (day or page.last))
    return {name: count for name, count in {"kept": told.kept, "read": told.read, **told.counts,
                                            "repeat": told.repeats, "had": told.had or 0}.items() if count}  # fmt: skip


def rows(desk: OpenDesk, what: str, **query: str) -> str:
    """A list as a supervisor sees it."""
    day = desk.clock().date().isoformat()
    asked = {"source": "smtp", "day": day, "what": what, **query}
    shown = desk.as_(SATO).get("/admin/mail/list", params=asked)
    assert shown.status_code == 200, shown.text
    return shown.text


def busy_day(desk: OpenDesk, postbox: Postbox) -> None:
    """A mail of every kind."""
    asked = desk.mail(subject="返品したい", to=RETURNS_ADDRESS)  # 1: a ticket
    answer = desk.reply(BEN, 1, "承りました。")
    desk.post(answer)
    desk.mail(subject="Re: 返品", headers={"In-Reply-To": answer.internet_id})  # 2: joined
    desk.mail(STRANGER, subject="Re: 返品", headers={"In-Reply-To": answer.internet_id})  # 3: noted
    desk.mail(subject="不在", headers={"In-Reply-To": answer.internet_id, "Auto-Submitted": "auto-replied"})  # 4: noted
    desk.mail(raw=(MESSAGES / "postfix-bounce.eml").read_bytes())  # 5: nothing of ours
    desk.mail(raw=NOBODYS)  # 6: set aside
    desk.mail(subject="返品したい", to=RETURNS_ADDRESS, message_id=asked)  # once more


def test_every_mail_of_a_day_stands_in_one_column_and_a_repeat_beside_them(desk: OpenDesk, postbox: Postbox) -> None:
    busy_day(desk, postbox)
    told = figures(desk)
    assert told == {"kept": 6, "read": 6, "ticket": 1, "joined": 1, "note": 2, "ignored": 1, "parked": 1, "repeat": 1}
    shown = text_of(part(desk.as_(SATO).get("/admin/mail").text, "ledger"))
    assert "メールサーバーから受信（SMTP）" in shown and "11/16(月)" in shown


def test_the_columns_add_up_to_what_was_stored_over_every_recorded_and_hostile_mail(desk: OpenDesk) -> None:
    for file in sorted(MESSAGES.glob("*.eml")):
        desk.mail(raw=file.read_bytes())
    for number in range(40):
        desk.mail(
            raw=bytes((number * 7 + each) % 256 for each in range(300)) + b"\r\n" + b"From: a@b\r\n" * (number % 2)
        )
    with_error = desk.read(lambda db: db.exec(select(Inbound).limit(1)).one().id)
    desk.write(lambda db: _broke(db, with_error))
    told = figures(desk)
    kept = desk.count(Inbound)
    assert told["kept"] == kept > 40 and sum(told.get(name, 0) for name in ledger.COLUMNS) == kept
    assert told["failed"] == 1 and told.get("waiting", 0) == 0
    for what in ("kept", "read", *ledger.COLUMNS, "repeat"):  # and each figure opens as many mails as it says
        listed = 0
        after = ""
        while True:
            html = rows(desk, what, after=after)
            listed += len(re.findall(r'class="ledger-subject"', html))
            older = re.search(r'rel="next" href="[^"]*after=([^"]+)"', html)
            if older is None:
                break
            after = unquote(older[1])
        assert listed == told.get(what, 0), what


def _broke(db: Any, inbound_id: int) -> None:
    inbound = db.get(Inbound, inbound_id)
    inbound.state, inbound.outcome = InboundState.PARKED, "KeyError"


@pytest.mark.parametrize("state", InboundState)
@pytest.mark.parametrize(
    "outcome", ["", "by_thread", "automatic", "bounce", "by_address", "no_sender", "KeyError", "?"]
)
def test_whatever_came_of_a_mail_is_in_exactly_one_list(state: InboundState, outcome: str) -> None:
    """The condition in the database and the word in the program must mean the same."""
    engine = sa.create_engine("sqlite://")
    with engine.connect() as connection:
        columns = sa.literal(state.value).label("state"), sa.literal(outcome).label("outcome")
        row = sa.select(*columns).subquery()
        named = {"inbound.state": row.c.state, "inbound.outcome": row.c.outcome}
        holds = []
        for what in ledger.COLUMNS:
            condition = sa.and_(sa.true(), *ledger.counted_as(what))
            text = str(condition.compile(engine, compile_kwargs={"literal_binds": True}))
            for name, column in named.items():
                text = text.replace(name, column.name)
            if connection.exec_driver_sql(f"SELECT {text} FROM (SELECT ? AS state, ? AS outcome)",
                                          (state.value, outcome)).scalar():  # fmt: skip
                holds.append(what)
    assert holds == [outcomes.kind_of(state, outcome)]


def test_a_day_is_the_desks_own(desk: OpenDesk) -> None:
    desk.clock.now = MONDAY.replace(hour=14, minute=59)  # a minute before midnight in Tokyo
    desk.mail()
    desk.clock.advance(minutes=2)
    desk.mail()
    desk.mail()
    today = (MONDAY + timedelta(days=1)).date()
    assert figures(desk, day=today)["kept"] == 2 and figures(desk, day=MONDAY.date())["kept"] == 1


def test_older_days_are_a_page_away_and_the_way_back_leads_to_today(desk: OpenDesk) -> None:
    desk.mail()
    desk.clock.advance(days=20)
    desk.mail()
    newest = desk.as_(SATO).get("/admin/mail").text
    assert "11/16" not in text_of(part(newest, "ledger")) and 'rel="prev"' not in newest
    older = re.search(r'rel="next" href="([^"]+)"', newest)
    assert older
    shown = desk.as_(SATO).get(older[1]).text
    assert "11/16(月)" in text_of(part(shown, "ledger"))
    newer = re.search(r'rel="prev" href="([^"]+)"', shown)
    assert newer and "12/6(日)" in text_of(part(desk.as_(SATO).get(newer[1]).text, "ledger"))
    for nonsense in ("yesterday", "2026-02-31", "9999-12-31", "0001-01-01", "-1"):
        assert desk.as_(SATO).get("/admin/mail", params={"to": nonsense}).status_code == 200


def test_a_list_names_sender_subject_outcome_and_ticket_also_of_what_became_none(
    desk: OpenDesk, postbox: Postbox
) -> None:
    busy_day(desk, postbox)
    joined = text_of(rows(desk, "joined"))
    assert "Re: 返品" in joined and TANAKA.name in joined and "#1" in joined and "返信として" in joined
    assert "nobody" in text_of(rows(desk, "parked")) and "差出人の記載なし" in text_of(rows(desk, "parked"))
    assert "当方が送っていない" in text_of(rows(desk, "ignored"))
    assert "すでに受け取っていた" in text_of(rows(desk, "repeat")) and "返品したい" in text_of(rows(desk, "repeat"))


def test_a_long_list_is_read_page_by_page_without_losing_or_repeating_one(desk: OpenDesk) -> None:
    for number in range(ledger.PAGE + 7):
        desk.mail(raw=f"Subject: number {number}.\r\n\r\nx{number}\r\n".encode())
    seen: list[str] = []
    after = ""
    for _ in range(2):
        html = rows(desk, "parked", after=after)
        seen += re.findall(r"number (\d+)\.", html)
        more = re.search(r"after=([^\"&]+)\"", html.partition('rel="next"')[2])
        after = unquote(more[1]) if more else ""
    assert seen == [str(number) for number in reversed(range(ledger.PAGE + 7))] and after == ""


@pytest.mark.parametrize("query", [{"what": "everything"}, {"after": "x"}, {"after": "2026-01-01~"}], ids=str)
@SQLITE
def test_a_list_there_is_not_is_not_found(desk: OpenDesk, query: dict[str, str]) -> None:
    assert desk.as_(SATO).get("/admin/mail/list", params={"source": "smtp", **query}).status_code == 404


def test_one_mail_shows_what_was_stored_and_what_todays_reader_says(desk: OpenDesk) -> None:
    desk.mail(
        subject="ご相談",
        body="電源が入りません。\n\n2026年11月1日(日) 10:00 窓口 <support@desk.example.jp>:\n> 以前の返信",
    )
    before = desk.count(Inbound), len(desk.messages())
    plain = text_of(desk.as_(SATO).get("/admin/mail/1").text)
    assert "保存されている内容" in plain and "いま読み取った内容" not in plain and TANAKA.email in plain
    desk.write(lambda db: setattr(db.merge(desk.messages()[0]), "reply_text", "昔の読み取り方"))
    html = desk.as_(SATO).get("/admin/mail/1?again=1").text
    assert "昔の読み取り方" in html and "電源が入りません。" in html and "data-differs" in html
    assert (desk.count(Inbound), len(desk.messages())) == before  # looking changes nothing
    assert desk.as_(SATO).get("/admin/inbound/1/raw").content.startswith(b"From:")


def test_a_mail_that_was_set_aside_is_read_again_from_its_page(desk: OpenDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = parse.Email(unreadable="reader_failed", problems=("reader_failed:KeyError",))
    with monkeypatch.context() as breaking:
        breaking.setattr(parse, "read", lambda raw: broken)
        desk.mail()
    assert figures(desk)["failed"] == 1
    answer = desk.as_(SATO).post("/admin/mail/1/again")
    assert answer.status_code == 200 and len(desk.tickets()) == 1
    assert figures(desk) == {"kept": 1, "read": 1, "ticket": 1} and desk.count(Parked) == 1
    assert desk.as_(SATO).post("/admin/mail/1/again").status_code == 409


def test_a_mail_that_was_set_aside_is_put_on_a_ticket_by_hand(desk: OpenDesk) -> None:
    desk.mail(to=RETURNS_ADDRESS)
    desk.as_(SATO).post("/tickets/1/resolve")
    desk.mail(raw=NOBODYS)
    rail = desk.as_(SATO).get("/rail").text
    assert 'data-kind="urgent">1<' in rail
    answer = desk.as_(SATO).post("/admin/mail/2/assign", data={"way": "ticket", "ticket": " #1"})
    assert answer.url.path == "/tickets/1" and "hello" in answer.text
    (ticket,) = desk.tickets()
    assert ticket.state == "open" and ticket.awaits_us and figures(desk)["joined"] == 1
    parked = desk.read(lambda db: db.exec(select(Parked)).one())
    assert (parked.settlement, parked.settled_by_id) == ("assigned", desk.agent(SATO).id)
    again = desk.as_(SATO).post("/admin/mail/2/assign", data={"way": "ticket", "ticket": "1"})
    assert again.status_code == 409 and len(desk.messages()) == 2


def test_a_mail_that_was_ignored_becomes_a_ticket_by_hand(desk: OpenDesk) -> None:
    desk.mail(raw=(MESSAGES / "postfix-bounce.eml").read_bytes())
    assert figures(desk)["ignored"] == 1
    returns = desk.queue("returns").id
    answer = desk.as_(SATO).post("/admin/mail/1/assign", data={"way": "queue", "queue_id": returns})
    assert answer.url.path == "/tickets/1"
    (ticket,) = desk.tickets()
    assert desk.queue_of(ticket) == "returns" and ticket.routed_by == "by_agent"
    assert figures(desk) == {"kept": 1, "read": 1, "ticket": 1}
    assert "管理者が作成" in text_of(rows(desk, "ticket"))


@pytest.mark.parametrize("typed", ["", "x", "99", "-1", "1" * 30], ids=repr)
@SQLITE
def test_a_ticket_there_is_not_is_said_beside_the_field(desk: OpenDesk, typed: str) -> None:
    desk.mail(raw=NOBODYS)
    answer = desk.as_(SATO).post("/admin/mail/1/assign", data={"way": "ticket", "ticket": typed})
    assert answer.status_code == 422 and "この番号の問い合わせはありません" in part(answer.text, "f-ticket-error")
    assert not desk.tickets() and figures(desk)["parked"] == 1


@SQLITE
def test_what_is_on_a_ticket_or_erased_cannot_be_assigned(desk: OpenDesk) -> None:
    desk.mail()
    desk.mail(raw=(MESSAGES / "postfix-bounce.eml").read_bytes())
    desk.clock.advance(days=100)
    desk.write(lambda db: inbox.forget(db, before=desk.clock()))
    for inbound_id in (1, 2):
        assert "assign-title" not in desk.as_(SATO).get(f"/admin/mail/{inbound_id}").text
        refused = desk.as_(SATO).post(f"/admin/mail/{inbound_id}/assign", data={"way": "ticket", "ticket": "1"})
        assert refused.status_code == 409
    assert "保存期間を過ぎた" in desk.as_(SATO).get("/admin/mail/2").text


def test_the_ledger_stays_true_on_an_open_page(desk: OpenDesk, postbox: Postbox) -> None:
    screens = [desk.screen_of(SATO, page) for page in ("/admin/mail", "/admin/mail/list?source=smtp&what=kept")]

    def see_it_told() -> None:
        for screen in screens:
            screen.check()
            assert "ledger" in screen.stale
            screen.stale.clear()
            screen.loaded = desk.as_(SATO).get(screen.page).text

    busy_day(desk, postbox)
    see_it_told()
    # Each of these becomes no message, whose fact would tell of it.
    desk.mail(subject="返品したい", to=RETURNS_ADDRESS, message_id="<mail-1@example.com>")  # nothing but a repeat
    see_it_told()
    bounce = (MESSAGES / "postfix-bounce.eml").read_bytes()
    desk.mail(raw=bounce + b"\r\n")  # of nothing we sent
    see_it_told()


def test_a_repeat_is_written_down_once_for_each_time_it_came(desk: OpenDesk) -> None:
    for _ in range(3):
        desk.mail(message_id="<again@example.com>")
    assert desk.count(Inbound) == 1 and desk.count(Redelivery) == 2 and figures(desk)["repeat"] == 2
    assert "2" in text_of(desk.as_(SATO).get("/admin/mail/1").text)


@pytest.mark.parametrize(
    ("method", "path"),
    [("get", "/admin/mail"), ("get", "/admin/mail/list?source=smtp"), ("get", "/admin/mail/1"),
     ("post", "/admin/mail/1/again"), ("post", "/admin/mail/1/assign")],
)  # fmt: skip
@SQLITE
def test_the_ledger_is_for_supervisors(desk: OpenDesk, method: str, path: str) -> None:
    desk.mail(raw=NOBODYS)
    assert getattr(desk.as_(AIKO), method)(path).status_code == 403
    signed_out = getattr(desk.client, method)(path, headers={"accept": "text/html"})
    assert signed_out.status_code == 303 and "/sign-in" in signed_out.headers["location"]
    assert desk.read(lambda db: db.exec(select(Inbound)).one().state) == InboundState.PARKED
