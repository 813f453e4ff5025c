"""The search page and the list below the box: what they show, to whom, and what is remembered."""

import re

import pytest
from sqlmodel import Session

from helpdesk.search import keeping, letters, recents
from helpdesk.settings import Settings
from models import Bookmark
from tests.cast import AIKO, BEN, RETURNS_ADDRESS, SATO, SUZUKI, TANAKA, Clock, OpenDesk, Person, text_of
from tests.conftest import open_desk
from tests.patience import until


def shown(desk: OpenDesk, query: str, who: Person = SATO) -> str:
    """The search page's own part, as HTML."""
    keeping.catch_up(desk.database)
    answer = desk.as_(who).get(f"/search?{query}")
    assert answer.status_code == 200
    return answer.text[answer.text.index('<main id="main"') :]


def test_what_was_just_said_is_found_without_anybody_asking_for_it(settings: Settings, clock: Clock) -> None:
    with open_desk(settings, clock, works=True) as desk:
        desk.mail(body="換気扇から音がします。")
        until(lambda: "1件" in text_of(desk.as_(SATO).get("/search?q=換気扇").text))
        desk.as_(SATO).post("/tickets/1/note", data={"body": "型番を確認"})
        until(lambda: "1件" in text_of(desk.as_(SATO).get("/search?q=型番&kind=note").text))


def test_the_words_are_marked_and_nothing_written_there_is_taken_for_html(desk: OpenDesk) -> None:
    desk.mail(subject="<b>換気扇</b>", body="<script>alert(1)</script>換気扇です。")
    page = shown(desk, "q=換気扇")
    assert "&lt;b&gt;<mark>換気扇</mark>&lt;/b&gt;" in page and "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;<mark>換気扇</mark>です。" in page
    assert '<script>"' not in shown(desk, "q=%3Cscript%3E%22") and "&lt;script&gt;" in shown(desk, "q=%3Cscript%3E%22")


def test_a_number_goes_to_its_ticket_and_one_that_may_not_be_seen_is_told_nobody(desk: OpenDesk) -> None:
    desk.mail(subject="返品したい", to=RETURNS_ADDRESS)
    assert desk.as_(BEN).get("/search?q=%231", follow_redirects=False).headers["location"] == "/tickets/1"
    assert desk.as_(BEN).get("/search?q=＃１", follow_redirects=False).headers["location"] == "/tickets/1"
    for number in (1, 99):
        answer = desk.as_(AIKO).get(f"/search?q=%23{number}", follow_redirects=False)
        assert answer.status_code == 200 and "この番号の問い合わせは見つかりません。" in answer.text
    assert 'href="/tickets/1"' in shown(desk, "q=1", BEN) and 'href="/tickets/1"' not in shown(desk, "q=1", AIKO)


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_a_condition_that_makes_no_sense_is_said_in_the_agents_language(desk: OpenDesk) -> None:
    assert "「before:いつか」は日付として読み取れないため" in shown(desk, "q=箱 before:いつか")
    assert "No queue is called “nowhere”" in shown(desk, "q=box queue:nowhere", BEN)


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_pages_kinds_and_orders_lead_on(desk: OpenDesk) -> None:
    for number in range(23):
        desk.mail(f"客{number} <c{number}@example.net>", subject=f"換気扇{number}", body="音")
    page = shown(desk, "q=換気扇")
    assert "問い合わせ 23件" in text_of(page) and page.count('class="hit"') == 20
    assert shown(desk, "q=換気扇&page=2").count('class="hit"') == 3
    assert shown(desk, "q=換気扇&page=999&sort=newest&kind=nothing").count('class="hit"') == 3
    assert "見つかりませんでした" in shown(desk, "q=換気扇&kind=note")


def test_ones_last_searches_are_ones_own_and_can_be_forgotten(desk: OpenDesk) -> None:
    for typed in ("一", "二", "三", "ﾃｽﾄ", "四", "五", "六", "七", "八", "てすと"):
        desk.as_(AIKO).get(f"/search?q={typed}")
        desk.clock.advance(seconds=1)
    mine = desk.agent(AIKO)
    assert desk.read(recents.of, mine) == ["てすと", "八", "七", "六", "五", "四", "三", "二"]
    assert "てすと" in shown(desk, "", AIKO) and "てすと" not in shown(desk, "", BEN)
    assert "てすと" in desk.as_(AIKO).get("/search/suggest?q=").text
    assert "てすと" not in desk.as_(AIKO).post("/search/forget").text
    assert desk.read(recents.of, mine) == []


def test_while_somebody_types_the_best_tickets_and_customers_are_offered(desk: OpenDesk) -> None:
    desk.mail(subject="Printer broken", body="It does not print.", to=RETURNS_ADDRESS)
    desk.mail(SUZUKI, subject="電源が入らない", body="掃除機です。使い方を教えてください。")
    keeping.catch_up(desk.database)

    def offers(typed: str, who: Person = SATO) -> list[str]:
        answer = desk.as_(who).get(f"/search/suggest?q={typed}")
        return re.findall(r'data-href="(/(?:tickets|customers)/\d+)"', answer.text)

    tanaka = desk.customer(TANAKA).id
    assert offers("prin") == offers("Printe", BEN) == ["/tickets/1"]
    assert offers("prin", AIKO) == []
    assert offers("電") == offers("電源") == ["/tickets/2"]
    assert offers("たな") == [f"/customers/{tanaka}", "/tickets/1"]
    assert offers("%231") == ["/tickets/1"]


def test_a_desk_that_is_still_taking_in_its_past_says_how_far_it_is(desk: OpenDesk) -> None:
    keeping.catch_up(desk.database)
    assert "準備しています" not in shown(desk, "")

    def step_back(db: Session) -> None:
        mark = db.get(Bookmark, f"search:{letters.VERSION}:tickets")
        assert mark is not None
        mark.number = 1

    desk.write(step_back)
    assert "準備しています" in desk.as_(SATO).get("/search").text


@pytest.mark.parametrize("path", ["/search", "/search/suggest", "/search?q=箱"])
@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_whoever_is_not_signed_in_finds_nothing(desk: OpenDesk, path: str) -> None:
    assert desk.client.get(path, headers={"accept": "text/html"}, follow_redirects=False).status_code in (303, 401)
