"""The page a telephone system opens for whoever calls: it shows, and does nothing else."""

import pytest
from sqlmodel import select

from helpdesk import exchanges
from models import Call, Customer, ExchangeLog, Inbound, Ticket
from tests.cast import AIKO, BEN, SATO, STRANGER, SUZUKI, SUZUKI_WIFE, TANAKA, OpenDesk, Screen, text_of
from tests.exchanges import settle

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


def test_one_customer_is_shown_at_once_in_any_spelling(desk: OpenDesk) -> None:
    aiko = desk.as_(AIKO)
    for number in ("09012345678", "090-1234-5678", "%2B819012345678", "０９０（１２３４）５６７８"):
        assert aiko.get(f"/pop?number={number}&to=0355500101&agent=204").url.path == (
            f"/customers/{desk.customer(TANAKA).id}")  # fmt: skip


@SQLITE
def test_the_names_most_systems_use_are_known(desk: OpenDesk) -> None:
    for name in ("number", "from", "caller", "callerid", "caller_id", "TEL", "cid"):
        assert desk.as_(AIKO).get(f"/pop?{name}=09012345678").url.path.startswith("/customers/"), name


@SQLITE
def test_other_names_are_mapped_at_the_exchange_whose_name_stands_in_the_path(desk: OpenDesk) -> None:
    phone = settle(desk, "push", name="biz")
    desk.write(lambda db: exchanges.map_names(db, exchanges.get(db, phone.id), {"from": "発番", "to": "number"},
                                              by=desk.agent(SATO), now=desk.clock()))  # fmt: skip
    page = desk.as_(AIKO).get("/pop/biz?発番=09012345678&number=0355500101")
    assert page.url.path == f"/customers/{desk.customer(TANAKA).id}"
    assert desk.as_(AIKO).get("/pop/nothing?number=09012345678").url.path.startswith("/customers/")


def test_several_customers_are_a_choice(desk: OpenDesk) -> None:
    page = desk.as_(AIKO).get("/pop?number=03-1234-5678")
    text = text_of(page.text)
    assert page.status_code == 200 and SUZUKI.name in text and SUZUKI_WIFE.name in text and TANAKA.name not in text
    assert f'href="/customers/{desk.customer(SUZUKI).id}"' in page.text


def test_an_unknown_number_is_a_form_with_the_number_in_it(desk: OpenDesk) -> None:
    page = desk.as_(AIKO).get(f"/pop?number={STRANGER.phone.replace('+', '%2B')}")
    assert page.url.path == "/customers/new" and "050-1111-2222" in page.text


@SQLITE
def test_who_withholds_the_number_is_nobody(desk: OpenDesk) -> None:
    for number in ("", "anonymous", "非通知", "P"):
        page = desk.as_(AIKO).get(f"/pop?number={number}")
        assert page.status_code == 200 and "番号非通知です" in text_of(page.text), number


@SQLITE
def test_what_is_no_number_is_said_and_no_crash(desk: OpenDesk) -> None:
    for query in ("number=12", "number=abc", "number=" + "9" * 5000, "number=%00%FF", "number[]=1", "x=1",
                  "number=<script>alert(1)</script>"):  # fmt: skip
        page = desk.as_(AIKO).get(f"/pop?{query}")
        assert page.status_code == 200 and "<script>alert" not in page.text, query[:40]


def test_opening_the_page_makes_nothing_but_a_line_in_the_log(desk: OpenDesk) -> None:
    before = [desk.count(table) for table in (Call, Ticket, Customer, Inbound)]
    for number in ("09012345678", "0312345678", "05011112222", "", "12"):
        desk.as_(AIKO).get(f"/pop?number={number}")
    assert [desk.count(table) for table in (Call, Ticket, Customer, Inbound)] == before
    lines = desk.read(lambda db: list(db.exec(select(ExchangeLog).order_by(ExchangeLog.id))))
    assert [line.outcome for line in lines] == ["found", "several", "nobody", "withheld", "no_number"]
    assert lines[3].said == ""


@SQLITE
def test_who_is_not_signed_in_signs_in_first_and_is_led_on(desk: OpenDesk) -> None:
    answer = desk.client.get("/pop?number=09012345678", headers={"accept": "text/html"}, follow_redirects=False)
    assert answer.status_code == 303 and "/sign-in?next=%2Fpop%3Fnumber%3D09012345678" in answer.headers["location"]


def opened(desk: OpenDesk, screen: Screen) -> list[str]:
    """Where a page was told to go, up to something that happened afterwards."""
    desk.twilio.rings(f"CA-{id(screen)}")
    screen.sync()
    return [step["open"] for frame in screen.frames for step in frame["do"] if "open" in step]


def test_the_tab_that_runs_already_goes_there_and_nobody_else_s(desk: OpenDesk) -> None:
    mine, older, others = desk.screen_of(AIKO, "/calls"), desk.screen_of(AIKO), desk.screen_of(BEN)
    page = desk.as_(AIKO).get("/pop?number=09012345678", headers={"sec-fetch-site": "none"})
    path = f"/customers/{desk.customer(TANAKA).id}"
    assert page.url.path == "/pop" and f'href="{path}"' in page.text and "data-live" not in page.text
    assert sorted([*opened(desk, mine), *opened(desk, older)]) == [path] and opened(desk, others) == []


@SQLITE
def test_a_link_of_ours_a_guessing_browser_and_another_s_call_take_no_tab_away(desk: OpenDesk) -> None:
    screen = desk.screen_of(AIKO)
    aiko = desk.as_(AIKO)
    for headers, query in (({"sec-fetch-site": "same-origin"}, ""), ({"sec-purpose": "prefetch;prerender"}, ""),
                           ({}, "&here=1"), ({}, f"&agent={BEN.email}")):  # fmt: skip
        page = aiko.get(f"/pop?number=09012345678{query}", headers=headers)
        assert page.url.path.startswith("/customers/")
    assert opened(desk, screen) == []
