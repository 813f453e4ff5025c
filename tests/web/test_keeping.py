"""What was drawn before is shown again where it would be drawn the same, and nowhere else."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from jinja2 import DictLoader, Environment

from tests.cast import AIKO, SATO, TANAKA, OpenDesk
from web import keeping
from web.keeping import STAND_IN, Keeping, frozen


@dataclass(frozen=True, slots=True)
class Said:
    text: str
    to: list[str] = field(default_factory=list)


NOON = datetime(2026, 11, 16, 3, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Thing:
    id: int
    name: str = ""


class Page:
    """A template that counts how often what it keeps is drawn."""

    def __init__(self, values: str = "said", *, source: str = "") -> None:
        source = source or "{% keep " + values + " %}{{ draw(said.text, *said.to) }}{% endkeep %}"
        self.drawn = 0
        self._environment = Environment(loader=DictLoader({"page": source}), autoescape=True, extensions=[Keeping])
        self._environment.globals["draw"] = self._draw

    def _draw(self, *words: str) -> str:
        self.drawn += 1
        return " ".join(words)

    def text(self, said: Said, **context: object) -> str:
        return self._environment.get_template("page").render(said=said, **({"now": NOON} | context))


@pytest.fixture(autouse=True)
def as_people_see_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here it is told apart what is drawn and what was; everywhere else all is drawn, to be compared."""
    monkeypatch.setattr(Keeping, "checks", False)


def test_what_is_said_again_is_not_drawn_again() -> None:
    page = Page()
    assert [page.text(Said("hello", ["Ben"])) for _ in range(3)] == ["hello Ben"] * 3
    assert page.drawn == 1


@pytest.mark.parametrize("other", [Said("hello"), Said("hello", ["Aiko"]), Said("goodbye", ["Ben"])])
def test_anything_else_is_drawn(other: Said) -> None:
    page = Page()
    page.text(Said("hello", ["Ben"]))
    assert page.text(other) == " ".join([other.text, *other.to])


def test_a_new_day_is_drawn_anew_and_a_later_hour_is_not() -> None:
    page = Page()
    for hours, drawn in ((0, 1), (5, 1), (24, 2)):
        page.text(Said("hello"), now=NOON + timedelta(hours=hours))
        assert page.drawn == drawn


def test_what_must_not_be_kept_is_drawn_each_time() -> None:
    page = Page("said if is_still else none")
    for _ in range(2):
        page.text(Said("hello"), is_still=False)
    assert page.drawn == 2


def test_markup_stays_markup_and_words_stay_words() -> None:
    page = Page()
    assert [page.text(Said("<b>")) for _ in range(2)] == ["&lt;b&gt;"] * 2


def test_a_check_finds_what_depends_on_more_than_was_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Keeping, "checks", True)
    page = Page("said.text")
    page.text(Said("hello", ["Ben"]))
    with pytest.raises(AssertionError, match="page:1"):
        page.text(Said("hello", ["Aiko"]))


NUMBERED = "{% keep thing.name numbering thing %}{{ draw('%d' % thing.id, thing.name) }}{% endkeep %}"


def test_what_differs_only_by_a_number_is_drawn_once_for_all() -> None:
    page = Page(source=NUMBERED)
    assert [page.text(Said(""), thing=Thing(number, "a")) for number in (7, 8, 7)] == ["7 a", "8 a", "7 a"]
    assert page.drawn == 1
    assert page.text(Said(""), thing=Thing(7, "<b>")) == "7 &lt;b&gt;"
    assert page.drawn == 2


def test_whoever_writes_a_number_of_the_page_finds_it_as_written() -> None:
    page = Page(source=NUMBERED)
    assert [page.text(Said(""), thing=Thing(number, "7 and 8")) for number in (7, 8)] == ["7 7 and 8", "8 7 and 8"]
    assert STAND_IN > 10**17


def test_a_check_finds_a_number_that_is_more_than_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Keeping, "checks", True)
    page = Page(source="{% keep 1 numbering thing %}{{ thing.id % 2 }}{% endkeep %}")
    with pytest.raises(AssertionError, match="page:1"):
        for number in (1, 2, 3):  # the first is what the others are held against
            page.text(Said(""), thing=Thing(number))


def test_where_much_is_kept_the_oldest_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "MOST_LETTERS", 10)
    page = Page()
    for text, drawn in (("aaaa", 1), ("bbbb", 2), ("cccc", 3), ("cccc", 3), ("bbbb", 3), ("aaaa", 4)):
        assert page.text(Said(text)) == text
        assert page.drawn == drawn


def test_lists_and_tuples_in_rows_are_compared_by_what_is_in_them() -> None:
    told = {"a": [1, {"b": ("c",)}], "d": Said("e", ["f"])}
    assert hash(frozen(told)) == hash(frozen({"a": [1, {"b": ("c",)}], "d": Said("e", ["f"])}))
    assert frozen(told) != frozen(told | {"d": Said("e", ["g"])})


def test_a_colleague_sees_the_same_mail_and_their_own_buttons(desk: OpenDesk) -> None:
    desk.mail(TANAKA)
    desk.as_(AIKO).get("/tickets/1")
    own, other = (desk.as_(who).get("/tickets/1").text for who in (AIKO, SATO))
    assert TANAKA.name in own and TANAKA.name in other
    assert own.count('class="entry"') == other.count('class="entry"')
    assert "/admin" in other and 'href="/admin"' not in own


def test_a_list_is_the_same_beside_a_ticket_but_for_the_row_of_that_ticket(desk: OpenDesk) -> None:
    for _ in range(3):
        desk.mail(TANAKA)
    browser, mark = desk.as_(AIKO), ' aria-current="true"'
    alone = _rows(browser.get("/inbox").text)
    for number in (2, 2, 1):
        beside = _rows(browser.get(f"/tickets/{number}").text)
        assert beside.count(mark) == 1 and f'data-open-ticket="{number}"{mark}' in beside
        assert beside.replace(mark, "") == alone


def _rows(page: str) -> str:
    return page[page.index('<ol class="rows"') : page.index("data-list-empty")]
