"""Every field of every setting says in a sentence what it does, to whoever sees it and to whoever hears it.

The idea: nobody lists the forms. The test walks the settings as a supervisor could, from link to link, and holds each
form it meets to it, so that a new field is explained or fails here.
"""

import re
from collections import deque
from html.parser import HTMLParser

import pytest

from tests.cast import SATO, OpenDesk
from web.administration import places

BEGINNINGS = ("/admin", "/account", "/views", "/reports/boards", "/reports/schedules", "/reviews/form")
SETTINGS = re.compile(r"/(admin|account|views|reviews/form|queues/(alarms|walls|\d+/alarms)|reports/(topics|schedules|boards))\b")
KINDS_OF_FILES = (".csv", ".pdf", ".xlsx", ".xml")
GROUPS = ("fieldset", "table")
VOID = {"input", "br", "img", "hr", "meta", "link", "source", "wbr", "col"}


class Page(HTMLParser):
    """The links of a page, the fields of its forms, and the words of whatever has an id."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.fields: list[tuple[dict[str, str | None], list[str]]] = []  # attributes, and ids that tell of it
        self.words: dict[str, str] = {}
        self._open: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        of = dict(attrs)
        if tag == "a":
            self.links.append((of.get("href") or "").split("#")[0])
        if of.get("id"):
            self.words[of["id"] or ""] = ""
        if tag in ("input", "select", "textarea") and self._is_asked(of):
            groups = [group.get("aria-describedby") for name, group in self._open if name in GROUPS]
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
