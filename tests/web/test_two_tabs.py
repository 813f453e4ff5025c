"""Two people, or two tabs, save the same setting: who comes second is told, and nothing is overwritten unseen."""

import re
from typing import Any

import pytest

from tests.cast import SATO, OpenDesk, part, text_of
from tests.web.test_settings_history import MAILBOX, WEEK, save
from tests.web.test_taking_back import MACRO, PUSH, RULE, SURVEY

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
FORMS: dict[str, tuple[str, dict[str, Any], str]] = {  # where, what is made there, and the field that is changed
    "calendar": ("/admin/calendars", WEEK, "name"),
    "policy": ("/admin/promises", {"name": "標準", "first_response_minutes": "1:00", "at_risk_percent": "50"}, "name"),
    "field": ("/admin/fields", {"name": "型番", "kind": "text"}, "name"),
    "canned": ("/admin/canned", {"title": "お詫び", "text": "申し訳ございません。"}, "title"),
    "mailbox": ("/admin/mailboxes", MAILBOX, "name"), "survey": ("/admin/surveys", SURVEY, "name"),
    "rule": ("/admin/rules", RULE, "name"), "macro": ("/admin/macros", MACRO, "name"),
    "checklist": ("/admin/checklists", {"name": "返品", "items": "箱を確認"}, "name"),
}  # fmt: skip


def seen(page: str) -> str:
    """What the form says of when it was drawn."""
    found = re.search(r'name="seen" value="(\d+)"', page)
    assert found
    return found[1]


@SQLITE
@pytest.mark.parametrize("kind", FORMS)
def test_who_saves_second_is_told_and_may_save_all_the_same(desk: OpenDesk, kind: str) -> None:
    path, told, field = FORMS[kind]
    save(desk, f"{path}/new", **told)
    sato, here = desk.as_(SATO), f"{path}/1"
    told = told | {"secret": ""} if "secret" in told else told
    first = seen(sato.get(here).text)
    save(desk, here, **told | {field: "一番目", "seen": first})
    second = sato.post(here, data=told | {field: "二番目", "seen": first})
    assert second.status_code == 422 and "ほかで保存されました" in text_of(part(second.text, "main"))
    assert "二番目" in second.text, "and what was typed is still there"
    assert "一番目" in sato.get(here).text
    save(desk, here, **told | {field: "二番目", "seen": seen(second.text)})
    assert "二番目" in sato.get(here).text


@SQLITE
def test_a_mistake_or_a_step_of_the_form_does_not_make_one_forget_when_it_was_opened(desk: OpenDesk) -> None:
    save(desk, "/admin/rules/new", **RULE)
    sato, here = desk.as_(SATO), "/admin/rules/1"
    first = seen(sato.get(here).text)
    save(desk, here, **RULE | {"name": "ほかの人"})
    for told in ({"name": ""}, {"step": "add-all", "all-new": "text"}):
        page = sato.post(here, data=RULE | told | {"seen": first})
        assert seen(page.text) == first
    assert sato.post(here, data=RULE | {"name": "自分", "seen": first}).status_code == 422
    looked = sato.post(here, data=RULE | {"name": "自分", "seen": first, "rehearse": "1"})
    assert "ほかの人" in text_of(part(looked.text, "will"))
    save(desk, here, **RULE | {"name": "自分", "seen": seen(looked.text)})


@SQLITE
def test_another_setting_that_was_saved_meanwhile_stands_in_nobodys_way(desk: OpenDesk) -> None:
    save(desk, "/admin/rules/new", **RULE)
    save(desk, "/admin/exchanges/new", **PUSH)
    first = seen(desk.as_(SATO).get("/admin/exchanges/1/edit").text)
    save(desk, "/admin/rules/1", **RULE | {"name": "別の設定"})
    save(desk, "/admin/exchanges/1/edit", **PUSH | {"label": "支社", "seen": first})
    for odd in ("", "x", "²", "9" * 30):
        save(desk, "/admin/exchanges/1/edit", **PUSH | {"label": f"支社{odd[:1]}", "seen": odd})
