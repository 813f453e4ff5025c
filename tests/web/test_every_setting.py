"""Every setting says in a sentence what it does, to whoever sees it and whoever hears it, and is found by its words.

The idea: nobody lists the forms. The tests walk the settings as a supervisor could, from link to link, and hold each
form they meet to it, so that a new field is explained and findable, or fails here.
"""

import re
from collections import Counter, deque
from html.parser import HTMLParser

import pytest

from helpdesk.queues import everyone
from helpdesk.reviews.form import USUAL
from tests.cast import SATO, OpenDesk, part
from web.administration import places

BEGINNINGS = ("/admin", "/account", "/views", "/reports/boards", "/reports/schedules", "/reviews/form")
SETTINGS = re.compile(
    r"/(admin|account|views|reviews/form|queues/(alarms|walls|\d+/alarms)|reports/(topics|schedules|boards))\b"
)
KINDS_OF_FILES = (".csv", ".pdf", ".xlsx", ".xml")
GROUPS = ("fieldset", "table")
ONES_OWN = ("/account", "/views", "/reports/boards")
"""What belongs to whoever makes it, and so stands not among the desk's settings."""
VOID = {"input", "br", "img", "hr", "meta", "link", "source", "wbr", "col"}


class Page(HTMLParser):
    """The links of a page, the fields of its forms, and the words of whatever has an id."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.fields: list[tuple[dict[str, str | None], list[str]]] = []  # attributes, and ids that tell of it
        self.words: dict[str, str] = {}
        self._labels: list[tuple[list[str], list[str]]] = []  # of a label or legend: its words, and what it holds
        self._open: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        of = dict(attrs)
        if tag == "a":
            self.links.append((of.get("href") or "").split("#")[0])
        if of.get("id"):
            self.words[of["id"] or ""] = ""
        if tag in ("label", "legend") and self._is_asked({}):
            self._labels.append(([], []))
        if tag in ("input", "select", "textarea") and self._is_asked(of):
            groups = [group.get("aria-describedby") for name, group in self._open if name in GROUPS]
            if self._is_labelling():
                self._labels[-1][1].append(of.get("name") or "")
            self.fields.append((of, " ".join(each or "" for each in (of.get("aria-describedby"), *groups)).split()))
        if tag not in VOID:
            self._open.append((tag, of))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        for _, of in self._open:
            if of.get("id"):
                self.words[of["id"] or ""] += data.strip()
        inner, of = self._open[-1] if self._open else ("", {})
        if inner in ("label", "legend", "span") and "class" not in of and self._is_labelling():
            self._labels[-1][0].append(data.strip())

    @property
    def labels(self) -> set[str]:
        """What its settings go by. Of several choices under one name the legend is the label."""
        often = Counter(name for _, names in self._labels for name in names)
        return {"".join(words) for words, names in self._labels if all(often[name] == 1 for name in names)} - {""}

    def _is_labelling(self) -> bool:
        return self._is_asked({}) and any(name in ("label", "legend") for name, _ in self._open)

    def _is_asked(self, of: dict[str, str | None]) -> bool:
        """A field of a form in the page that changes something."""
        names = [name for name, _ in self._open]
        form = next((form for name, form in self._open if name == "form"), {})
        return "main" in names and form.get("method") == "post" and of.get("type") not in ("hidden", "submit")


def walked(desk: OpenDesk) -> dict[str, Page]:
    """One page of each kind there is among the settings, by the address it was met at."""
    to_see, seen, pages = deque(BEGINNINGS), set(), {}
    while to_see:
        path = to_see.popleft()
        kind = re.sub(r"\d+", "N", path)
        if kind in seen or not SETTINGS.match(path) or path.split("?")[0].endswith(KINDS_OF_FILES):
            continue
        seen.add(kind)
        answer = desk.as_(SATO).get(path)
        assert answer.status_code == 200, path
        pages[path] = Page(answer.text)
        to_see.extend(pages[path].links)
    return pages


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_every_field_of_every_setting_is_explained(desk: OpenDesk) -> None:
    pages = walked(desk)
    assert len(pages) > 50
    assert {place.path for place in places() if SETTINGS.match(place.path)} <= {each.split("?")[0] for each in pages}
    fields = [(path, page, of, told) for path, page in pages.items() for of, told in page.fields]
    assert len(fields) > 450
    bare = [(path, of.get("name")) for path, page, of, told in fields if not any(page.words.get(each) for each in told)]
    assert not bare


def home_of(path: str) -> str:
    """The place of the index in which a page is found, "" for what is one's own."""
    homes = [place.path for place in places() if re.match(rf"{place.path}(/|\?|$)", re.sub(r"/\d+", "", path))]
    return "" if path.startswith(ONES_OWN) else max(homes, key=len, default="")


def index(desk: OpenDesk, words: str) -> str:
    """What the index of the settings shows for these words."""
    return part(desk.as_(SATO).get("/admin", params={"q": words}).text, "settings")


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize("language", ["ja", "en"])
def test_every_setting_is_found_by_the_words_of_its_form(desk: OpenDesk, language: str) -> None:
    desk.as_(SATO).post("/account", data={"language": language, "theme": "light"})
    named = desk.read(lambda db: [(each.name, each.name_en) for each in everyone(db)])
    names = {name for pair in [*named, *(each[:2] for each in USUAL)] for name in pair}  # of queues and criteria
    walk = walked(desk).items()
    asked = {(place, label) for path, page in walk if (place := home_of(path)) for label in page.labels - names}
    missing = [(place, label) for place, label in sorted(asked) if f'href="{place}"' not in index(desk, label)]
    assert not missing, "\n".join(map(str, missing))
    assert len(asked) > 150
