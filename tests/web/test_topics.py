"""The topics of the feedback report: what came along becomes the desk's own, and is worded by supervisors."""

import re

import pytest
from sqlmodel import select

from classifiers import themes
from models import Answer, Topic, TopicMark
from tests.cast import BEN, SATO, OpenDesk
from tests.web.test_feedback import give, page

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
WORDED = {"key": "", "name": "店舗", "name_en": "Shop", "words": "店員、レジ\nshop, till"}


def test_a_new_topic_is_looked_for_beside_those_that_came_along(desk: OpenDesk) -> None:
    give(desk, *[(4, "店員さんが親切でした")] * 5)
    assert "店舗" not in page(desk, "?period=today")
    assert desk.as_(SATO).post("/reports/topics", data=WORDED).status_code == 200
    assert desk.count(Topic) == len(themes.shipped()) + 1
    shown = page(desk, "?period=today")
    assert "店舗" in shown and "応対品質" in shown


def test_what_came_along_can_be_worded_anew_and_rests_without_being_lost(desk: OpenDesk) -> None:
    give(desk, *[(2, "アプリの画面が真っ白")] * 5)
    changed = {"key": "website", "name": "ウェブ", "name_en": "Web", "words": "画面"}
    desk.as_(SATO).post("/reports/topics", data=changed)
    assert "ウェブ" in page(desk, "?period=today") and "サイト/アプリ" not in page(desk, "?period=today")
    listed = desk.as_(SATO).get("/reports/topics").text
    key = next(f"t{row.id}" for row in desk.read(lambda db: db.exec(select(Topic)).all()) if row.name == "ウェブ")
    assert f'id="{key}"' in listed
    for to, is_there in (("off", False), ("on", True)):
        desk.as_(SATO).post("/reports/topics/switch", data={"key": key, "to": to})
        assert ("ウェブ" in page(desk, "?period=today")) is is_there
        assert "ウェブ" in desk.as_(SATO).get("/reports/topics").text


@SQLITE
@pytest.mark.parametrize(("field", "typed"), [("name", " "), ("name_en", ""), ("words", "、,\n"), ("words", "x\n" * 0)])
def test_a_mistake_stands_beside_its_field_and_changes_nothing(standing_desk: OpenDesk, field: str, typed: str) -> None:
    answer = standing_desk.as_(SATO).post("/reports/topics", data=WORDED | {field: typed})
    assert answer.status_code == 422 and "field-error" in answer.text and standing_desk.count(Topic) == 0


def test_too_many_words_are_refused(desk: OpenDesk) -> None:
    words = "\n".join(f"語{number}" for number in range(601))
    assert desk.as_(SATO).post("/reports/topics", data=WORDED | {"words": words}).status_code == 422


def test_a_topic_there_is_not_and_a_word_that_is_none_are_refused(desk: OpenDesk) -> None:
    assert desk.as_(SATO).post("/reports/topics", data=WORDED | {"key": "t999"}).status_code == 404
    assert desk.as_(SATO).post("/reports/topics/switch", data={"key": "speed", "to": "sideways"}).status_code == 422


def test_only_supervisors_word_topics(desk: OpenDesk) -> None:
    assert desk.as_(BEN).get("/reports/topics").status_code == 403
    assert desk.as_(BEN).post("/reports/topics", data=WORDED).status_code == 403


def sentences(shown: str) -> list[str]:
    return shown[shown.index('id="sentences"') :].split('class="sentence-text"')[1:]


def test_what_a_supervisor_says_of_a_text_is_learned_and_its_like_follow(desk: OpenDesk) -> None:
    give(desk, *[(2, f"車を{word}場所がありません") for word in ("止める", "置く", "停める", "とめておく", "おく")])
    give(desk, (2, "車を寄せる場所がない"), *[(4, "駐車場が広い")] * 5, (5, "味がよい"))
    desk.as_(SATO).post("/reports/topics", data={"key": "", "name": "駐車場", "name_en": "Parking", "words": "駐車場"})
    key = next(f"t{row.id}" for row in desk.read(lambda db: db.exec(select(Topic)).all()) if row.name == "駐車場")
    every = page(desk, "?period=today&behind=every")
    refs = re.findall(r'name="ref" value="(answer-\d+)"', every)
    assert (
        len(refs) == 12
        and every.count("駐車場が広い")
        and "<mark>駐車場</mark>" in page(desk, f"?period=today&behind={key}")
    )
    for ref, said in zip(refs, sentences(every), strict=True):
        if "場所があり" in said:
            shown = re.findall(r'name="shown" value="([^"]+)"', said)
            told = {"ref": ref, "back": f"period=today&behind={key}", "shown": shown, "topic": [key]}
            answer = desk.as_(SATO).post("/reports/feedback/topics", data=told)
            assert answer.status_code == 200 and str(answer.url).endswith(f"behind={key}#sentences")
    found = sentences(page(desk, f"?period=today&behind={key}"))
    assert len(found) == 11 and any("寄せる" in each for each in found)  # nobody has said anything of that one
    assert desk.count(TopicMark) == 5 * (len(themes.shipped()) + 1)
    assert "学習した文章 5件" in desk.as_(SATO).get("/reports/topics").text


def test_a_topic_that_came_along_is_denied_of_a_text_and_the_link_still_opens(desk: OpenDesk) -> None:
    give(desk, *[(2, f"電話で{n}分待たされました") for n in range(5, 11)])
    shown = page(desk, "?period=today&behind=speed")
    ref = re.findall(r'name="ref" value="(answer-\d+)"', shown)[0]
    assert len(sentences(shown)) == 6
    back = {"ref": ref, "back": "period=today&behind=speed&evil=1", "shown": ["speed"]}
    after = desk.as_(SATO).post("/reports/feedback/topics", data=back)
    assert len(sentences(after.text)) == 5 and "evil" not in str(after.url)


def test_forgetting_a_comment_forgets_what_was_said_of_it(desk: OpenDesk) -> None:
    give(desk, (2, "待たされた"))
    desk.as_(SATO).post("/reports/feedback/topics", data={"ref": "answer-1", "shown": ["speed"]})
    assert desk.count(TopicMark) == 1
    desk.write(lambda db: db.delete(db.exec(select(Answer)).one()))
    assert desk.count(TopicMark) == 0


def test_two_topics_become_one_with_all_they_know(desk: OpenDesk) -> None:
    give(desk, *[(2, "電話で一時間待たされました")] * 5, *[(4, "店員さんが親切でした")] * 5)
    desk.as_(SATO).post("/reports/feedback/topics", data={"ref": "answer-6", "shown": ["staff"]})
    desk.as_(SATO).post("/reports/topics/merge", data={"key": "staff", "into": "speed"})
    rows = {row.name: row for row in desk.read(lambda db: db.exec(select(Topic)).all())}
    assert not rows["応対品質"].is_active and rows["待ち時間"].learned == ["speed", "staff"]
    mark = desk.read(lambda db: db.exec(select(TopicMark)).one())
    assert mark.topic_id == rows["待ち時間"].id and not mark.is_about
    shown = page(desk, f"?period=today&behind=t{rows['待ち時間'].id}")
    assert len(sentences(shown)) == 5  # the denied words were the same in five, so the five about waiting are left
    again = desk.as_(SATO).post("/reports/topics/merge", data={"key": "speed", "into": "speed"})
    assert again.status_code == 422 and "別の話題" in again.text


def test_a_topic_is_split_by_words_and_the_new_one_knows_what_the_old_one_knew(desk: OpenDesk) -> None:
    give(desk, *[(2, f"メールの返信が{n}日ありません") for n in range(5, 11)], *[(2, "一時間も待たされました")] * 5)
    halves = {"key": "speed", "name": "返信", "name_en": "Replies", "words": "返信, メール"}
    assert desk.as_(SATO).post("/reports/topics/split", data=halves).status_code == 200
    rows = {row.name: row for row in desk.read(lambda db: db.exec(select(Topic)).all())}
    assert rows["返信"].learned == ["speed"] and "返信" not in rows["待ち時間"].words
    for name, many in (("返信", 6), ("待ち時間", 5)):
        found = sentences(page(desk, f"?period=today&behind=t{rows[name].id}"))
        assert len(found) == many, [each[:90] for each in found]
    everything = halves | {"key": f"t{rows['返信'].id}", "name": "x", "name_en": "x"}
    refused = desk.as_(SATO).post("/reports/topics/split", data=everything)
    assert refused.status_code == 422 and "言葉を1つ以上残して" in refused.text


@SQLITE
@pytest.mark.parametrize("ref", ["answer-99", "ticket-1", "answer-", "answer-1x", ""])
def test_of_a_text_there_is_not_nothing_is_said(desk: OpenDesk, ref: str) -> None:
    assert (
        desk.as_(SATO)
        .post("/reports/feedback/topics", data={"ref": ref, "shown": "speed", "topic": "speed"})
        .status_code
        == 404
    )
    assert desk.count(TopicMark) == 0


def test_only_supervisors_correct_merge_and_split(desk: OpenDesk) -> None:
    for path in ("/reports/feedback/topics", "/reports/topics/merge", "/reports/topics/split"):
        assert desk.as_(BEN).post(path, data={"key": "speed", "into": "staff", "ref": "answer-1"}).status_code == 403
