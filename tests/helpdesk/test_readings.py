"""Analyses of many texts are made beside the work: each once, and no few texts wait for many."""

from helpdesk import readings
from helpdesk.feedback import Said, Texts
from tests.cast import MONDAY

NOTHING = Texts([], 0)


def texts(about: str, count: int) -> Texts:
    said = [Said("answer", f"{about} {number}", MONDAY, "ja", ref=f"answer-{number}") for number in range(count)]
    return Texts(said, count)


def test_what_is_still_being_read_is_not_begun_again_however_many_ask() -> None:
    asked = [texts(about, 12) for about in ("配送", "返品", "電話", "値段", "画面", "重さ")]
    made = [readings.of(each, NOTHING, {}) for each in asked]
    assert [readings.of(each, NOTHING, {}) for each in asked[::-1]] == made[::-1]
    assert all(len(each.result().said) == 12 for each in made)


def test_few_texts_do_not_wait_behind_many() -> None:
    many = readings.of(texts("配達が遅れて困っています。箱も壊れていました。", 1500), NOTHING, {})
    few = readings.of(texts("早い", 2), NOTHING, {})
    assert len(few.result().said) == 2 and not many.done()
    assert len(many.result().said) == 1500
