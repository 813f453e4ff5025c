"""Similar solved tickets on the page: fetched beside it, explained, switched off, laid into the box, never sent."""

import pytest

from models import Preference, Ticket
from tests.cast import AIKO, BEN, MONDAY, SATO, SUZUKI, OpenDesk, part, text_of
from tests.helpdesk.test_similar import ANSWER, VACUUM, VACUUM_TOO, ask, catch_up, solve

FRAGMENT = {"x-region": "similar-2"}


@pytest.fixture
def two(desk: OpenDesk) -> OpenDesk:
    """A desk with a solved ticket, #1, and an open one like it, #2."""
    solve(desk, ask(desk, VACUUM))
    catch_up(desk)
    assert ask(desk, VACUUM_TOO, sender=SUZUKI) == 2
    return desk


def test_the_ticket_says_where_they_are_and_the_region_shows_them_with_their_reasons(two: OpenDesk) -> None:
    page = part(two.as_(BEN).get("/tickets/2").text, "similar-2")
    assert 'data-src="/tickets/2/similar"' in page and "data-fetch" in page and "VC-9" not in page
    region = two.as_(BEN).get("/tickets/2/similar", headers=FRAGMENT).text
    assert region.startswith('<section class="side-block similar" id="similar-2"')
    assert "<mark>VC-9</mark>" in region and "フィルム" in region and 'href="/tickets/1"' in region
    assert "%" in text_of(region) and "Tanaka Misaki" in text_of(region)


def test_without_a_script_they_have_a_page_and_a_link_that_lays_the_answer_into_the_box(two: OpenDesk) -> None:
    page = two.as_(BEN).get("/tickets/2/similar").text
    assert '<html lang="en"' in page and "/tickets/2?draft=1" in page
    box = part(two.as_(BEN).get("/tickets/2?draft=1").text, "reply-2")
    assert "鈴木 様" in box and "フィルム" in box and "田中" not in box
    assert part(two.as_(BEN).get("/tickets/2").text, "reply-2").endswith("></textarea>")


def test_looking_at_an_answer_sends_nothing(two: OpenDesk) -> None:
    before = two.number(), len(two.messages())
    two.as_(BEN).get("/tickets/2/similar", headers=FRAGMENT)
    two.as_(BEN).get("/tickets/2?draft=1")
    assert (two.number(), len(two.messages())) == before


def test_a_supervisor_switches_it_off_for_everybody(two: OpenDesk) -> None:
    two.write(lambda db: db.add(Preference(name="show_similar", value=False, changed_at=MONDAY)))
    region = two.as_(BEN).get("/tickets/2/similar", headers=FRAGMENT).text
    assert " hidden>" in region and "VC-9" not in region
    assert "フィルム" not in part(two.as_(BEN).get("/tickets/2?draft=1").text, "reply-2")
    assert "switched off" in text_of(two.as_(BEN).get("/tickets/2/similar").text)
    two.write(lambda db: setattr(db.get(Preference, "show_similar"), "value", True))
    assert "VC-9" in two.as_(BEN).get("/tickets/2/similar", headers=FRAGMENT).text


def test_who_may_not_see_the_ticket_gets_nothing_like_it(two: OpenDesk) -> None:
    assert two.as_(AIKO).get("/tickets/2/similar", headers=FRAGMENT).status_code == 404
    assert two.as_(AIKO).get("/tickets/2?draft=1").status_code == 404


@pytest.mark.parametrize("asked", ["0", "2", "999999999", "9999999999", "x", "-1", "１", ""])
def test_an_address_that_asks_for_no_case_lays_nothing_in(two: OpenDesk, asked: str) -> None:
    answer = two.as_(BEN).get("/tickets/2", params={"draft": asked})
    assert answer.status_code in (200, 404) and ANSWER[:10] not in part(answer.text, "reply-2")


def test_where_none_is_like_it_the_region_says_so(desk: OpenDesk) -> None:
    ask(desk, VACUUM)
    for person, words in ((BEN, "None yet that is like this one"), (SATO, "似たものはまだありません")):
        assert words in text_of(desk.as_(person).get("/tickets/1/similar", headers={"x-region": "similar-1"}).text)


def test_words_of_customers_and_agents_come_back_as_words(desk: OpenDesk) -> None:
    evil = "</template><script>alert(1)</script>"
    solve(desk, ask(desk, f"{evil} {VACUUM}"), f"{evil} {ANSWER}")
    catch_up(desk)
    ask(desk, VACUUM_TOO, sender=SUZUKI)
    region = desk.as_(BEN).get("/tickets/2/similar", headers=FRAGMENT).text
    assert "VC-9" in region and "<script" not in region
    assert "<script>alert" not in desk.as_(BEN).get("/tickets/2?draft=1").text


def test_the_answer_of_a_ticket_that_moved_out_of_sight_is_gone(two: OpenDesk) -> None:
    tech = two.queue("tech_support").id

    def away(db):
        first = db.get(Ticket, 1)
        first.queue_id, first.assignee_id = tech, None

    two.write(away)
    assert "VC-9" not in two.as_(BEN).get("/tickets/2/similar", headers=FRAGMENT).text
    assert two.as_(BEN).get("/tickets/2?draft=1").status_code == 404
