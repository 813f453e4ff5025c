"""What was drawn before is shown again where it would be drawn the same, and nowhere else."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from jinja2 import DictLoader, Environment

from tests.cast import AIKO, SATO, TANAKA, OpenDesk
from web.keeping import Keeping, frozen


@dataclass(frozen=True, slots=True)
class Said:
    text: str
    to: list[str] = field(default_factory=list)


NOON = datetime(2026, 11, 16, 3, 0, tzinfo=UTC)


class Page:
    """A template that counts how often what it keeps is drawn."""

    def __init__(self, values: str = "said") -> None:
        source = "{% keep " + values + " %}{{ draw(said.text, *said.to) }}{% endkeep %}"
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
