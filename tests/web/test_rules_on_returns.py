"""What comes back sets off rules: when it is recorded, has arrived, and is settled."""

import re
from html import unescape
from typing import Any

import pytest

from tests.cast import RETURNS_ADDRESS, SATO, OpenDesk, part, text_of
from tests.helpdesk.test_rules import notes, rule, term
from tests.web.test_returns import DEFECT, record, step

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


def test_each_step_of_a_return_sets_off_its_own_rules(desk: OpenDesk) -> None:
    for trigger, said in (("return_asked", "登録"), ("return_received", "到着"), ("return_ended", "完了")):
        rule(desk, trigger, ("note", said))
    desk.mail(to=RETURNS_ADDRESS)
    assert record(desk) == 200 and notes(desk) == ["登録"]
    step(desk, "received")
    assert notes(desk) == ["登録", "到着"]
    step(desk, "refunded")
    assert notes(desk) == ["登録", "到着", "完了"]


@SQLITE
@pytest.mark.parametrize(
    ("asked", "is_met"),
    [
        (term("return_reason", "is", [DEFECT]), True), (term("return_reason", "is_not", [DEFECT]), False),
        (term("return_state", "is", ["refunded"]), True), (term("return_state", "is", ["exchanged"]), False),
        (term("return_product", "contains", ["こーどれす"]), True),
        (term("return_product", "contains", ["冷蔵庫"]), False),
    ],
)  # fmt: skip
def test_a_rule_asks_about_what_comes_back_and_why(desk: OpenDesk, asked: dict[str, Any], is_met: bool) -> None:
    rule(desk, "return_ended", ("note", "返金済み"), all_of=[asked])
    desk.mail(to=RETURNS_ADDRESS)
    record(desk)
    step(desk, "refunded")
    assert notes(desk) == ["返金済み"] * is_met


@SQLITE
def test_one_that_was_taken_off_is_asked_about_no_more(desk: OpenDesk) -> None:
    rule(desk, "resolved", ("note", "返品あり"), all_of=[term("return_state", "is", ["asked"])])
    desk.mail(to=RETURNS_ADDRESS)
    record(desk)
    step(desk, "withdrawn")
    desk.as_(SATO).post("/tickets/1/resolve")
    assert notes(desk) == []


@SQLITE
def test_the_form_offers_it_and_the_sentence_says_it(desk: OpenDesk) -> None:
    rule(desk, "return_ended", "resolve", all_of=[term("return_state", "is", ["refunded", "repaired"])])
    page = desk.as_(SATO).get("/admin/rules/1").text
    [japanese, english] = [unescape(each) for each in re.findall(r'<p lang="(?:ja|en)">(.*?)</p>', page)]
    assert "返金・交換・修理・お断りのいずれかで完了したとき、返品の状態が「返金済み」か「修理済み」" in japanese
    assert english.startswith("When a return is refunded, exchanged, repaired or declined, if state of the return is ")
    assert "返品の理由" in text_of(part(page, "build-all"))
