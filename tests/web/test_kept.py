"""Rules, macros and checklists are shown before they are saved, and taken back with one button like any setting."""

from typing import Any

import pytest
from sqlmodel import Session, col, select

from models import ChecklistTemplate, Macro, Rule, RuleWait
from tests.cast import AIKO, RETURNS_ADDRESS, SATO, OpenDesk, part, text_of
from tests.web.test_rules import a_macro, a_rule, form_of
from tests.web.test_settings_history import change_of, save, undo

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
NOTE = {"do": "note", "value": "確認してください"}


def rehearsed(desk: OpenDesk, path: str, who: Any = SATO, **typed: Any) -> str:
    """What the form says it would change."""
    page = desk.as_(who).get(path)
    answer = desk.as_(who).post(path, data=form_of(page.text) | typed | {"rehearse": "1"})
    assert answer.status_code == 200, text_of(answer.text)
    return text_of(part(answer.text, "will"))


def the_rule(desk: OpenDesk, rule_id: int) -> Rule:
    return desk.read(lambda db: db.get_one(Rule, rule_id))


def waits(desk: OpenDesk) -> int:
    return len(desk.read(lambda db: db.exec(select(RuleWait).where(col(RuleWait.rule_id).is_not(None))).all()))


@SQLITE
def test_a_rule_says_what_it_would_mean_where_it_stands_and_whom_it_would_have_met(desk: OpenDesk) -> None:
    a_rule(desk, NOTE)
    second = a_rule(desk, NOTE, is_on=False)
    desk.mail(to=RETURNS_ADDRESS)
    will = rehearsed(desk, f"/admin/rules/{second}", name="改名", stops="1")
    assert "改名" in will and "問い合わせが作成されたとき、メモ「確認してください」を残す" in will, (
        "the new name, and the sentence"
    )
    assert "実行順：2件中2番目" in will and "オフになっています" in will
    assert "過去30日間で対象になる問い合わせ：1件" in will
    assert the_rule(desk, second).name == "規則", "nothing was saved"
    assert "自動でメールを送信" not in will
    assert "変更はありません" in rehearsed(desk, f"/admin/rules/{second}")


@SQLITE
def test_a_new_rule_that_writes_to_customers_says_so_and_is_not_kept(desk: OpenDesk) -> None:
    desk.as_(SATO).post("/admin/canned/new", data={"title": "受付", "text": "承りました"})
    typed = {"name": "自動返信", "trigger": "opened", "acts-0-do": "reply", "acts-0-value": "1", "rehearse": "1"}
    answer = desk.as_(SATO).post("/admin/rules/new", data=typed)
    assert "お客様に自動でメールを送信します" in text_of(part(answer.text, "will"))
    assert desk.read(lambda db: db.exec(select(Rule)).all()) == []


def test_a_rule_that_is_taken_back_waits_as_it_did_before(desk: OpenDesk) -> None:
    rule = a_rule(desk, NOTE, trigger="unsolved_for", after_minutes=60)
    desk.mail(to=RETURNS_ADDRESS)
    began = waits(desk)
    where = save(desk, f"/admin/rules/{rule}/delete")
    assert began == 1 and waits(desk) == 0 and the_rule(desk, rule).deleted_at is not None
    assert f'action="/admin/changes/{change_of(where)}/undo"' in part(desk.as_(SATO).get(where).text, "notice")
    undo(desk, change_of(where))
    assert the_rule(desk, rule).deleted_at is None and the_rule(desk, rule).is_active
    assert waits(desk) == 1


@SQLITE
def test_what_was_made_goes_to_the_deleted_ones_and_can_be_brought_back(desk: OpenDesk) -> None:
    made = change_of(save(desk, "/admin/checklists/new", name="返品", items="箱を確認"))
    undo(desk, made)
    page = text_of(desk.as_(SATO).get("/admin/checklists").text)
    row = desk.read(lambda db: db.exec(select(ChecklistTemplate)).one())
    assert row.deleted_at is not None and "返品" in page
    save(desk, f"/admin/checklists/{row.id}/restore")
    assert desk.read(lambda db: db.exec(select(ChecklistTemplate)).one()).deleted_at is None


@SQLITE
def test_the_order_of_rules_is_taken_back(desk: OpenDesk) -> None:
    first, second = a_rule(desk, NOTE), a_rule(desk, NOTE)

    def order(db: Session) -> list[int | None]:
        return list(db.exec(select(Rule.id).order_by(col(Rule.position))).all())

    moved = change_of(save(desk, f"/admin/rules/{second}/move", to="up"))
    assert desk.read(order) == [second, first]
    undo(desk, moved)
    assert desk.read(order) == [first, second]


@SQLITE
def test_a_macro_and_a_checklist_say_whom_they_are_offered_to(desk: OpenDesk) -> None:
    a_macro(desk, **{"acts-0-do": "note", "acts-0-value": "確認"})
    macro = desk.read(lambda db: db.exec(select(Macro)).one())
    tech = str(desk.queue("tech_support").id)
    will = rehearsed(desk, f"/admin/macros/{macro.id}", queue_id=tech)
    assert "候補に表示されるオペレーター：2名" in will and "確認" in will
    assert desk.read(lambda db: db.exec(select(Macro)).one()).queue_id is None
    change_id = change_of(save(desk, "/admin/checklists/new", name="返品", items="箱を確認"))
    assert change_id
    row = desk.read(lambda db: db.exec(select(ChecklistTemplate)).one())
    assert "候補に表示されるオペレーター：2名" in rehearsed(desk, f"/admin/checklists/{row.id}", queue_id=tech)


@SQLITE
def test_an_agent_sees_what_their_own_macro_would_change_and_is_promised_no_way_back(desk: OpenDesk) -> None:
    a_macro(desk, AIKO, **{"acts-0-do": "note", "acts-0-value": "確認"})
    macro = desk.read(lambda db: db.exec(select(Macro)).one())
    will = rehearsed(desk, f"/admin/macros/{macro.id}", AIKO, name="別の名前")
    assert "別の名前" in will and "まだ保存していません。" in will and "取り消せます" not in will
