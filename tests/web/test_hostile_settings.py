"""A supervisor types nonsense into every form of settings: it is refused or kept as it is, and breaks no page.

Nobody lists the forms, see tests/web/test_every_setting.py: the test walks the settings from link to link.
"""

import re
from html.parser import HTMLParser

import pytest

from tests.cast import RETURNS_ADDRESS, SATO, OpenDesk
from tests.web.test_every_setting import walked

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
MARKUP = "<script>alert(1)</script>\"'><img src=x>"
NONSENSE = {
    "markup and emoji": f"{MARKUP} 👩‍👩‍👧‍👦🏳️‍🌈 é\u0301",
    "control characters and braces": "\u202eekat\u202c \u0000\u0007 {customer.__class__} %(name)s {{ 7*7 }} {",
    "far too long": "長い" * 15_000,
    "a number beyond all": "99999999999999999999",
}
APART = re.compile(r"/(delete|revoke|undo|pause|check|test|send|try|ring|sign-out|password)\b|/account")
"""What takes away, or reaches out of the desk."""


class Forms(HTMLParser):
    """The forms of a page that change something: their address, and their fields as (name, kind, value)."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.forms: list[tuple[str, list[tuple[str, str, str]]]] = []
        self._select = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        of = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append((of.get("action", "") if of.get("method") == "post" else "-", []))
        fields = self.forms[-1][1] if self.forms else []
        if tag == "input" and of.get("type") not in ("file", "search") and of.get("name"):
            if of.get("type") not in ("checkbox", "radio") or "checked" in of:
                fields.append((of["name"], of.get("type", "text"), of.get("value", "")))
        elif tag == "textarea":
            fields.append((of.get("name", ""), "text", ""))
        elif tag == "select":
            self._select = of.get("name", "")
        elif tag == "option" and self._select and ("selected" in of or of.get("value")):
            fields[:] = [each for each in fields if each[0] != self._select or "selected" not in of]
            if all(name != self._select for name, _, _ in fields):
                fields.append((self._select, "select", of.get("value", "")))
        elif tag == "button" and of.get("name") and of.get("value") in ("save", "rename"):
            fields.append((of["name"], "hidden", of["value"]))

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._select = ""


@SQLITE
@pytest.mark.slow
@pytest.mark.parametrize("kind", NONSENSE)
def test_nonsense_in_every_form_of_settings_breaks_nothing(desk: OpenDesk, kind: str) -> None:
    sato, nonsense = desk.as_(SATO), NONSENSE[kind]
    desk.mail(to=RETURNS_ADDRESS)
    tried = set()
    for path in walked(desk):
        for action, fields in Forms(sato.get(path).text).forms:
            where = action or path
            if where == "-" or APART.search(where) or (where, tuple(name for name, *_ in fields)) in tried:
                continue
            tried.add((where, tuple(name for name, *_ in fields)))
            typed = {name: nonsense if kind not in ("hidden", "select", "checkbox", "radio") else value
                     for name, kind, value in fields}  # fmt: skip
            chosen = {name: nonsense if kind in ("select", "radio", "checkbox") else value
                      for name, kind, value in fields}  # fmt: skip
            for told in (typed, chosen) if nonsense.isdecimal() else (typed,):
                answer = sato.post(where, data=told)
                assert answer.status_code in (200, 404, 409, 422), (where, told, answer.status_code)
                assert MARKUP not in answer.text and "<img src=x>" not in answer.text, where
    assert len(tried) > 25
    for path in (*walked(desk), "/inbox", "/tickets/1", "/tickets/1/macros", "/tickets/1/canned", "/admin/audit"):
        page = sato.get(path)
        assert page.status_code == 200 and MARKUP not in page.text and "<img src=x>" not in page.text, path
