"""The topics of the feedback report: what came along becomes the desk's own, and is worded by supervisors."""

import pytest
from sqlmodel import select

from classifiers import themes
from models import Topic
from tests.cast import BEN, SATO, OpenDesk
from tests.web.test_feedback import give, page

WORDED = {"key": "", "name": "店舗", "name_en": "Shop", "words": "店員、レジ\nshop, till"}


def test_a_new_topic_is_looked_for_beside_those_that_came_along(desk: OpenDesk) -> None:
    give(desk, *[(4, "店員さんが親切でした")] * 5)
    assert "店舗" not in page(desk, "?period=today")
    assert desk.as_(SATO).post("/reports/topics", data=WORDED).status_code == 200
    assert desk.count(Topic) == len(themes.shipped()) + 1
    shown = page(desk, "?period=today")
    assert "店舗" in shown and "応対・言葉づかい" in shown  # the second by its word 親切


def test_what_came_along_can_be_worded_anew_and_rests_without_being_lost(desk: OpenDesk) -> None:
    give(desk, *[(2, "アプリの画面が真っ白")] * 5)
    changed = {"key": "website", "name": "ウェブ", "name_en": "Web", "words": "画面"}
    desk.as_(SATO).post("/reports/topics", data=changed)
    assert "ウェブ" in page(desk, "?period=today") and "サイト・アプリ" not in page(desk, "?period=today")
    listed = desk.as_(SATO).get("/reports/topics").text
    key = next(f"t{row.id}" for row in desk.read(lambda db: db.exec(select(Topic)).all()) if row.name == "ウェブ")
    assert f'id="{key}"' in listed
    for to, is_there in (("off", False), ("on", True)):
        desk.as_(SATO).post("/reports/topics/switch", data={"key": key, "to": to})
        assert ("ウェブ" in page(desk, "?period=today")) is is_there
        assert "ウェブ" in desk.as_(SATO).get("/reports/topics").text


@pytest.mark.parametrize(("field", "typed"), [("name", " "), ("name_en", ""), ("words", "、,\n"), ("words", "x\n" * 0)])
def test_a_mistake_stands_beside_its_field_and_changes_nothing(desk: OpenDesk, field: str, typed: str) -> None:
    answer = desk.as_(SATO).post("/reports/topics", data=WORDED | {field: typed})
    assert answer.status_code == 422 and "field-error" in answer.text and desk.count(Topic) == 0


def test_too_many_words_are_refused(desk: OpenDesk) -> None:
    words = "\n".join(f"語{number}" for number in range(201))
    assert desk.as_(SATO).post("/reports/topics", data=WORDED | {"words": words}).status_code == 422


def test_a_topic_there_is_not_and_a_word_that_is_none_are_refused(desk: OpenDesk) -> None:
    assert desk.as_(SATO).post("/reports/topics", data=WORDED | {"key": "t999"}).status_code == 404
    assert desk.as_(SATO).post("/reports/topics/switch", data={"key": "speed", "to": "sideways"}).status_code == 422


def test_only_supervisors_word_topics(desk: OpenDesk) -> None:
    assert desk.as_(BEN).get("/reports/topics").status_code == 403
    assert desk.as_(BEN).post("/reports/topics", data=WORDED).status_code == 403
