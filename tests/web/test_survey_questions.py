"""Further questions of a survey: asked on its page, answered in free words, read like comments."""

import re

import pytest

from tests.cast import BEN, SATO, TANAKA, OpenDesk
from tests.postbox import Postbox
from tests.web.test_survey_lists import NPS, put, work
from tests.web.test_surveys import STARS, address, answers, asks, customer, due, solved  # noqa: F401  # a fixture

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
MORE = {
    "more_ja": "何が決め手でしたか\n\n ほかに  困っていることは ",
    "more_en": "What decided it?\nAny other trouble?",
}


def test_each_further_question_is_an_answer_of_its_own_and_moves_no_figure(desk: OpenDesk, postbox: Postbox) -> None:
    assert desk.as_(SATO).post("/admin/surveys/new", data=NPS | MORE).status_code == 200
    put(desk, TANAKA.email)
    work(desk)
    words = postbox.last.get_body(("plain",)).get_content()
    found = re.search(r"https://desk\.example\.com(/s/[0-9]+-[a-z2-7]+)", words)
    assert found
    shown = customer(desk).get(found[1]).text
    assert "何が決め手でしたか" in shown and "ほかに 困っていることは" in shown and 'name="more-3"' not in shown
    told = {"score": "9", "comment": "", "more-1": "価格です", "more-2": "説明書が読みにくい", "more-3": "余分"}
    assert customer(desk).post(found[1], data=told).status_code == 200
    assert [(each.score, each.comment) for each in answers(desk)] == [
        (9, ""), (None, "価格です"), (None, "説明書が読みにくい")]  # fmt: skip
    assert 'rows="3" maxlength="5000" data-grow>価格です</textarea>' in customer(desk).get(found[1]).text
    customer(desk).post(found[1], data=told | {"more-1": "", "more-2": "説明書と保証"})
    report = desk.as_(SATO).get("/reports/feedback?period=week&behind=every").text
    assert "+100" in report and "説明書と保証" in report and "価格です" not in report
    assert "ほかに 困っていることは" in report and "何が決め手でしたか" not in report
    assert len(answers(desk)) == 3


FREE = NPS | {"scale": "none"}


def asked_freely(desk: OpenDesk, postbox: Postbox, **more: str) -> str:
    """The address of a form without a score that was sent to a list."""
    assert desk.as_(SATO).post("/admin/surveys/new", data=FREE | more).status_code == 200
    put(desk, TANAKA.email)
    work(desk)
    words = postbox.last.get_body(("plain",)).get_content()
    assert "?score=" not in words
    found = re.search(r"回答する: https://desk\.example\.com(/s/[0-9]+-[a-z2-7]+)", words)
    assert found
    return found[1]


def test_a_form_of_ones_own_questions_asks_for_no_score(desk: OpenDesk, postbox: Postbox) -> None:
    form = asked_freely(desk, postbox, **MORE)
    shown = customer(desk).get(form).text
    assert 'name="score"' not in shown and 'name="comment"' not in shown and "何が決め手でしたか" in shown
    empty = customer(desk).post(form, data={"more-1": " "})
    assert empty.status_code == 422 and "回答をご記入ください" in empty.text and answers(desk) == []
    assert customer(desk).post(form, data={"score": "5", "more-2": "梱包が大きすぎる"}).status_code == 200
    assert [(each.score, each.comment) for each in answers(desk)] == [(None, ""), (None, "梱包が大きすぎる")]
    assert "ありがとうございました" in customer(desk).get(f"{form}?done=yes").text
    report = desk.as_(SATO).get("/reports/feedback?period=week&behind=every").text
    assert "梱包が大きすぎる" in report and "回答した人 1人" not in report and "1/1" in report


@SQLITE
def test_a_form_of_a_comment_alone_says_nothing_about_satisfaction(desk: OpenDesk, postbox: Postbox) -> None:
    form = asked_freely(desk, postbox)
    assert 'name="comment"' in (shown := customer(desk).get(form).text) and 'name="score"' not in shown
    assert customer(desk).post(form, data={"comment": ""}).status_code == 422
    customer(desk).post(form, data={"comment": "いつも早くて助かります"})
    customer(desk).post(form, data={"comment": "いつも早くて助かっています"})
    assert [(each.score, each.comment) for each in answers(desk)] == [(None, "いつも早くて助かっています")]
    assert desk.as_(SATO).get("/reports/satisfaction.csv?period=week").status_code in (200, 404)
    refused = desk.as_(SATO).post("/admin/surveys/1", data=FREE | {"scale": "stars"})
    assert refused.status_code == 422, "what was answered without a score stays so"
    assert 'name="score"' not in desk.as_(SATO).get("/admin/surveys/1/preview").text


@SQLITE
def test_the_ticket_shows_question_and_answer(desk: OpenDesk, postbox: Postbox, asks) -> None:  # noqa: F811
    asks(**MORE)
    solved(desk)
    due(desk)
    customer(desk).post(address(postbox), data={"score": "5", "more-2": "配送が遅い"})
    shown = desk.as_(BEN).get("/tickets/1").text
    assert "ほかに 困っていることは" in shown and "配送が遅い" in shown and "何が決め手でしたか" not in shown
    typed = STARS | {"more_ja": "何が決め手でしたか", "more_en": ""}
    refused = desk.as_(SATO).post("/admin/surveys/1", data=typed)
    assert refused.status_code == 422 and "すでに回答されている質問です" in refused.text
    assert desk.as_(SATO).post("/admin/surveys/1", data=STARS | MORE | {"more_en": ""}).status_code == 200


@SQLITE
@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ({"more_ja": "一\n二\n三\n四\n五\n六"}, "5問まで"),
        ({"more_ja": "あ" * 201}, "5問まで"),
        ({"more_ja": "一\n二", "more_en": "one"}, "同じ数・同じ順番"),
    ],
)
def test_questions_that_cannot_be_asked_are_refused_beside_their_field(desk: OpenDesk, typed, says) -> None:
    answer = desk.as_(SATO).post("/admin/surveys/new", data=STARS | typed)
    assert answer.status_code == 422 and says in answer.text and typed["more_ja"].split("\n")[0] in answer.text


@SQLITE
def test_a_preview_asks_them_too_in_the_language_there_is(desk: OpenDesk, asks) -> None:  # noqa: F811
    asks(more_ja="何が決め手でしたか")
    assert "何が決め手でしたか" in desk.as_(SATO).get("/admin/surveys/1/preview?lang=en").text
