"""What customers say: exact figures, changes only where chance does not explain them, and the texts behind."""

import csv
import io
import re
import signal
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Event, Thread
from typing import Any
from urllib.parse import unquote

import pytest
from sqlmodel import select

from helpdesk import apart as reader
from helpdesk import drift, feedback, matters, readings, topics
from helpdesk.accuracy import Share
from helpdesk.feedback import Marks, Said
from helpdesk.products import catalogue
from helpdesk.reports import Period
from helpdesk.topics import Sought
from models import Answer, AnswerSource, Scale, TicketProduct
from tests.cast import BEN, MONDAY, RETURNS_ADDRESS, SATO, TANAKA, OpenDesk, text_of
from tests.patience import until
from tests.postbox import Postbox
from web import dashboards, reporting
from web import feedback as pages

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


def give(desk: OpenDesk, *given: tuple[int | None, str], scale: Scale = Scale.STARS, days_ago: int = 0) -> None:
    """Answers, as if customers had given them."""

    def verb(db: Any) -> None:
        at = desk.clock() - timedelta(days=days_ago)
        for score, comment in given:
            felt = "" if not comment else "negative" if (score or 0) < 3 else "positive"
            number = len(db.exec(select(Answer)).all())
            db.add(Answer(source=AnswerSource.PAGE, external_id=f"x{number}", scale=scale, score=score, at=at,
                          comment=comment, language="ja", sentiment=felt, changed_at=at))  # fmt: skip
            db.flush()

    desk.write(verb)


def page(desk: OpenDesk, query: str = "") -> str:
    answer = desk.as_(SATO).get(f"/reports/feedback{query}")
    assert answer.status_code == 200
    return answer.text


def said(*texts: str, score: int | None = None) -> list[Said]:
    return [Said("comments", text, MONDAY, "ja", score=score) for text in texts]


def test_csat_and_nps_are_what_their_formulas_say() -> None:
    marks = Marks({5: 3, 4: 1, 3: 2, 1: 2}, {10: 4, 9: 2, 8: 1, 6: 2, 0: 1})
    assert marks.csat == Share(4, 8) and marks.mean == 27 / 8
    points, half = marks.nps or (0, 0)
    assert round(points) == 30 and round(half, 1) == 55.8  # 196 · √((0.6 + 0.3 − 0.3²) / 10)


def test_the_page_counts_what_was_given_in_the_period_and_beside_it_the_period_before(desk: OpenDesk) -> None:
    give(desk, (5, ""), (4, ""), (2, ""), (1, ""))
    give(desk, (5, ""), (5, ""), (5, ""), (1, ""), days_ago=8)
    shown = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page(desk, "?period=week")))
    assert "50 %" in shown and "4件の回答" in shown and "75 % (4)" in shown
    assert "50 % のお客様が満足と回答しました（前期間は 75 %、差は誤差の範囲）" in shown
    give(desk, *[(1, "")] * 12)
    assert "前期間より満足度が下がりました（75 % → 12 %）" in re.sub(r"\s+", " ", page(desk, "?period=week"))


def test_a_topic_opens_the_very_texts_it_counts_and_masks_who_wrote_them(desk: OpenDesk) -> None:
    give(desk, *[(2, f"電話で{n}分待たされました。山田様と言う方") for n in range(5, 11)], (5, "梱包がきれい"))
    shown = page(desk, "?period=today&source=comments")
    link = re.search(r'href="(/reports/feedback\?[^"]*behind=speed[^"]*)"', shown)
    assert link
    behind = page(desk, link[1].replace("&amp;", "&").removeprefix("/reports/feedback").partition("#")[0])
    sentences = behind[behind.index('id="sentences"') :]
    assert sentences.count("sentence-text") == 6 and "梱包" not in sentences
    assert "山田" not in behind and "●●様" in sentences


@SQLITE
def test_every_number_of_the_page_opens_as_many_texts_as_it_says(desk: OpenDesk) -> None:
    give(desk, *[(4, f"配送が早くて助かりました。{n}回目") for n in range(60)], days_ago=1)
    give(desk, *[(4, f"配送が早くて助かりました。{n}日目") for n in range(50)], days_ago=8)
    give(desk, *[(1, f"電池が膨らんで使えません。ひどい品質です。{n}個目") for n in range(60)], days_ago=1)
    give(desk, *[(4, f"電話の応対がていねいでした。{n}人目") for n in range(60)], days_ago=8)
    shown = until(lambda: "behind=every" in (read := page(desk, "?period=week&source=comments")) and read)
    links = dict(re.findall(r'href="/reports/feedback(\?[^"]*behind=[^"#]*)#sentences">([\d,]+)<', shown))
    keys = [unquote(link.rpartition("behind=")[2]) for link in links]
    assert {"every", "glad", "angry", "product.angry", "word-ja-電池"} <= set(keys)
    for link, count in links.items():
        behind = page(desk, link.replace("&amp;", "&"))
        told = re.search(r'id="sentences-title">.*?list-total">([\d,]+)<', behind)
        assert told and told[1] == count, link
    word = next(link for link in links if "word-ja-%E9%9B%BB%E6%B1%A0" in link)
    assert "<mark>電池</mark>" in page(desk, word.replace("&amp;", "&"))


@SQLITE
def test_what_is_said_of_one_product_can_be_looked_at_alone(desk: OpenDesk) -> None:
    for product in ("炊飯器 RC-55", "ライト LT-5"):
        desk.mail(TANAKA, subject=product, body=f"{product} のことで困っています。", to=RETURNS_ADDRESS)

    def verb(db: Any) -> int:
        cooker, lamp = (catalogue.named(db, name, by=None, now=MONDAY) for name in ("炊飯器 RC-55", "ライト LT-5"))
        for number, (product, score) in enumerate(((cooker, 5), (lamp, 1)), 1):
            db.add(TicketProduct(ticket_id=number, product_id=product.id, at=desk.clock()))
            db.add(Answer(source=AnswerSource.PAGE, external_id=f"y{number}", scale=Scale.STARS, score=score,
                          comment=f"{product.name} を買いました", language="ja", ticket_id=number, at=desk.clock(),
                          changed_at=desk.clock()))  # fmt: skip
        return int(cooker.id or 0)

    cooker_id = desk.write(verb)
    everything, one = page(desk, "?period=today"), page(desk, f"?period=today&product={cooker_id}")
    assert "すべての商品" in everything and "topics.pdf" in everything
    assert "50 %" in everything and "100 %" in one and "topics.pdf" not in one  # which does not know of products
    behind = page(desk, f"?period=today&product={cooker_id}&behind=every")
    assert behind.count("炊飯器 RC-55 のことで") == 1 and "ライト LT-5 の" not in behind
    assert f"product={cooker_id}&amp;period=today" in behind
    told = desk.as_(SATO).get(f"/reports/feedback.csv?period=today&product={cooker_id}").text
    assert "炊飯器" in told and "ライト" not in told
    assert desk.as_(SATO).get("/reports/feedback?period=today&product=999").status_code == 404
    assert desk.as_(SATO).get("/reports/feedback?period=today&product=炊飯器").status_code == 404


def test_nothing_is_shown_of_fewer_than_five(desk: OpenDesk) -> None:
    give(desk, *[(1, "アプリにログインできない")] * 4)
    assert "behind=website" not in page(desk, "?period=today")
    give(desk, (1, "アプリの画面が真っ白"))
    assert "behind=website" in page(desk, "?period=today")


TOPICS = {"speed": Sought("Speed", ("待た",)), "box": Sought("Box", ("梱包",))}


def test_a_topic_is_called_rising_only_where_chance_does_not_explain_it() -> None:
    before = said(*["待たされた"] * 10, *["よかった"] * 90)
    for many, is_new in ((14, False), (35, True)):
        now = said(*["待たされた"] * many, *["よかった"] * (100 - many))
        found = matters.analyse(now, before, TOPICS)
        assert [(matter.key, matter.now.held, matter.is_new) for matter in found.matters] == [("speed", many, is_new)]


def test_what_pulls_satisfaction_down_is_named_and_what_does_not_is_not() -> None:
    now = [*said(*["待たされた"] * 20, score=1), *said(*["梱包がよい"] * 20, score=5), *said(*["普通"] * 20, score=5)]
    found = {matter.key: matter for matter in matters.analyse(now, [], TOPICS).matters}
    assert found["speed"].drives and found["speed"].csat == Share(0, 20) and found["speed"].others == Share(40, 40)
    assert not found["box"].drives


def test_a_topic_speaks_in_customers_own_words_and_in_agents_notes_only_where_there_are_no_others(
    desk: OpenDesk,
) -> None:
    noted = [Said("notes", "待たされたとのことでお詫び", MONDAY, "ja")] * 20
    for own, sources in ((said(*["電話で長く待たされた"] * 5), {"comments"}), ([], {"notes"})):
        found = matters.analyse([*noted, *own], [], TOPICS).matters
        assert {quote.source for matter in found for quote in matter.quotes} == sources
    give(desk, *[(1, "アプリの画面が真っ白")] * 5)
    shown = page(desk, "?period=today")
    assert "アンケートのコメント" in text_of(shown[shown.index('id="quotes-title"') :])


def test_a_thousand_draws_without_a_change_are_hardly_ever_called_one() -> None:
    import random

    lots = random.Random(20261121)
    called = 0
    for _ in range(1000):
        held = [sum(lots.random() < 0.2 for _ in range(60)) for _ in range(2)]
        called += drift.p_of(held[0], 60, held[1], 60) <= feedback.SURE
    assert called <= 75  # 50 are expected; 75 would be passed once in three thousand such tests


def test_mails_and_their_guessed_feeling_are_read_too(desk: OpenDesk, postbox: Postbox) -> None:
    words = "返品の返金がまだです。ひどい対応で怒っています。"
    for number in range(5):
        desk.mail(TANAKA, subject=f"返品 {number}", body=words, to=RETURNS_ADDRESS)
    shown = page(desk, "?period=today&source=mails")
    assert "behind=returns" in shown and "behind=angry" in shown
    assert "behind=returns" not in page(desk, "?period=today&source=notes")


def test_files_hold_every_text_masked_and_no_formula(desk: OpenDesk) -> None:
    give(desk, (1, "=1+1 担当の鈴木さんに03-1234-5678へ"), (5, "満足です"))
    answer = desk.as_(SATO).get("/reports/feedback.csv?period=today")
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert len(rows) == 3 and rows[0][6] == "本文"
    texts = {row[6] for row in rows[1:]}
    assert texts == {"'=1+1 担当の●●さんに●●●●へ", "満足です"}
    book = desk.as_(SATO).get("/reports/feedback.xlsx?period=today").content
    with zipfile.ZipFile(io.BytesIO(book)) as parts:
        sheet = parts.read("xl/worksheets/sheet1.xml").decode()
    assert sheet.count("<row ") == 3 and "<f>" not in sheet
    assert "=1+1 担当の●●さんに●●●●へ" in sheet and "満足です" in sheet


def send(desk: OpenDesk, content: bytes) -> str:
    return desk.as_(SATO).post("/reports/feedback/import", files={"file": ("a.csv", content, "text/csv")}).text


@pytest.mark.parametrize("charset", ["utf-8-sig", "utf-8", "cp932"])
def test_comments_of_elsewhere_come_in_once_in_either_charset(desk: OpenDesk, charset: str) -> None:
    lines = "コメント,評価,日時\n対応が早くて助かった,５,2026-11-16\n待たされた,2,\n,,\n".encode(charset)
    assert "新しいコメント 2件、取り込み済み 0件" in send(desk, lines)
    assert "新しいコメント 0件、取り込み済み 2件" in send(desk, lines)
    assert desk.count(Answer) == 2


@SQLITE
@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "ファイルが空です"),
        ("評価\n5\n".encode(), "「コメント」（comment）の列がありません"),
        (b"comment\n\x81\xff\xfe\xfd", "文字コードを"),
        ("コメント,評価\nよい,5\nだめ,9\n".encode(), "3行目"),
        ("コメント,日時\nよい,昨日\n".encode(), "2行目"),
        ('コメント,評価\n"よい\n二行目",5\nだめ,9\n'.encode(), "3行目"),
        (f"コメント\nよい\n{'長' * 140_000}\n".encode(), "131,072文字を超えるセル"),
        ('コメント\nよい\n"閉じない\n'.encode(), "引用符"),
    ],
)
def test_a_file_that_cannot_be_read_says_where_and_changes_nothing(
    standing_desk: OpenDesk, content: bytes, says: str
) -> None:
    assert says in send(standing_desk, content) and standing_desk.count(Answer) == 0


def test_a_question_the_page_cannot_answer_is_refused_plainly(desk: OpenDesk) -> None:
    browser = desk.as_(SATO)
    assert browser.get("/reports/feedback?period=days&from=2026-13-01&to=2026-11-01").status_code == 422
    assert browser.get("/reports/feedback?source=dreams").status_code == 404
    assert browser.get("/reports/feedback?queue=999").status_code == 404
    assert browser.get("/reports/feedback.doc").status_code == 404
    for behind in ("%3Cscript%3E", "word-", "word-ja", "word-ja-", "word-ja-なし", "every."):
        assert browser.get(f"/reports/feedback?behind={behind}").status_code == 200
    assert desk.as_(BEN).get("/reports/feedback.xlsx").status_code == 403


# --- more than can be read at once -----------------------------------------------------------------------------------


@SQLITE
def test_of_many_texts_an_even_sample_is_read_and_the_page_says_of_how_many(
    desk: OpenDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feedback, "MOST", 200)
    for days_ago in range(20):
        give(desk, *((5, f"配送が早かった {days_ago}-{number}") for number in range(20)), days_ago=days_ago)
    shown = text_of(page(desk, "?period=month"))
    assert "全400件から期間全体で均等に抽出" in shown
    interval = Period("month", (MONDAY - timedelta(days=29)).date(), MONDAY.date()).interval("Asia/Tokyo")
    texts = desk.read(lambda db: feedback.collect(db, interval, sources=["comments"]))
    assert texts.of == 400 and 180 <= len(texts.said) <= 220
    by_day = Counter(each.at.date() for each in texts.said)
    assert len(by_day) == 20 and max(by_day.values()) <= 15, "no week of it is read more closely than another"
    again = desk.read(lambda db: feedback.collect(db, interval, sources=["comments"]))
    assert again == texts
    rare = feedback.Part(queue_id=desk.queue("returns").id)

    def moves(db: Any) -> None:
        for each in db.exec(select(Answer)).all()[::4]:
            each.queue_id = rare.queue_id

    desk.write(moves)
    monkeypatch.setattr(feedback, "MOST", 60)  # most numbers are other queues': they cannot be told beforehand
    few = desk.read(lambda db: feedback.collect(db, interval, sources=["comments"], part=rare))
    assert few.of == 100 and 45 <= len(few.said) <= 75 and len({each.at.date() for each in few.said}) == 20


@SQLITE
@pytest.mark.usefixtures("many")
def test_of_more_comments_than_can_all_be_read_an_even_sample_of_as_many_is(
    desk: OpenDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feedback, "MOST", 20)
    for days_ago in range(20):
        give(desk, *((5, f"配送が早かった {days_ago}-{number}") for number in range(20)), days_ago=days_ago)
    for most, told in ((500, ""), (200, "全430件から期間全体で均等に抽出")):
        monkeypatch.setattr(feedback, "COMMENTS_MOST", most)
        desk.app.state.desk.readings._kept.clear()
        shown = until(lambda: "お客様の声を" not in (one := page(desk, "?period=month&source=comments")) and one)
        read = len(desk.as_(SATO).get("/reports/feedback.csv?period=month&source=comments").text.splitlines()) - 1
        assert read == 430, "a file holds all of them"
        assert bool(told) == ("均等に抽出" in text_of(shown)) and told in text_of(shown)
        interval = Period("month", (MONDAY - timedelta(days=29)).date(), MONDAY.date()).interval("Asia/Tokyo")
        texts = feedback.many_comments(desk.database, interval, heed=lambda _: None)
        assert texts is not None and texts.of == 430 and len({each.at.date() for each in texts.said}) == 20
        assert len(texts.said) == 430 if most == 500 else 170 <= len(texts.said) <= 230


@contextmanager
def busy(desk: OpenDesk) -> Iterator[None]:
    """Whoever reads many texts has something else to do until the end."""
    gate = Event()
    desk.app.state.desk.readings._reader.submit(gate.wait)
    try:
        yield
    finally:
        gate.set()


@pytest.fixture
def many(desk: OpenDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten texts are many, and nobody waits for them."""
    monkeypatch.setattr(readings, "AT_ONCE", 10)
    for place in (pages, reporting, dashboards):
        monkeypatch.setattr(place, "PATIENCE_SECONDS", 0.0)
    give(desk, *((2, f"配送が遅い {number}") for number in range(30)))


@SQLITE
@pytest.mark.usefixtures("many")
def test_nobody_waits_for_texts_that_are_not_even_together(desk: OpenDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "PATIENCE_SECONDS", 600.0)
    with busy(desk):  # a page that waited would wait for it
        assert "お客様の声を集めています" in page(desk)
    until(lambda: "お客様の声を" not in page(desk))


@SQLITE
@pytest.mark.usefixtures("many")
def test_many_texts_are_read_beside_the_work_and_the_page_says_so_until_they_are(desk: OpenDesk) -> None:
    with busy(desk):
        first = desk.as_(SATO).get("/reports/feedback")
        assert "お客様の声を集めています" in first.text and first.headers["refresh"] == "4"
        assert "CSAT" in first.text, "what needs no reading stands there at once"
    until(lambda: "お客様の声を" not in page(desk))
    shown = desk.as_(SATO).get("/reports/feedback")
    assert "refresh" not in shown.headers and "配送" in text_of(shown.text)


@SQLITE
@pytest.mark.usefixtures("many")
def test_what_is_still_being_read_is_not_begun_again_however_many_ask(desk: OpenDesk) -> None:
    shelf: readings.Shelf = desk.app.state.desk.readings
    interval = Period("days", MONDAY.date(), MONDAY.date()).interval("Asia/Tokyo")
    asked = [readings.Question(interval, interval, ("comments",), feedback.EVERYTHING, f"x{each}") for each in "abcdef"]

    def all_of_them(questions: list[readings.Question]) -> list[readings.Reading]:
        return desk.read(lambda db: [shelf.of(db, each, now=MONDAY) for each in questions])

    with busy(desk):
        made = all_of_them(asked)
        assert all_of_them(asked[::-1]) == made[::-1]
    assert all(len(each.result().said) == 30 for each in made)


@SQLITE
def test_few_texts_do_not_wait_behind_many(desk: OpenDesk) -> None:
    give(desk, *((2, f"配送が遅い {number}") for number in range(30)))
    with busy(desk):
        assert ">30<" in page(desk)


@SQLITE
@pytest.mark.usefixtures("many")
def test_what_was_read_of_many_texts_stands_for_ten_minutes_and_says_of_when_it_is(desk: OpenDesk) -> None:
    until(lambda: "お客様の声を" not in page(desk))
    give(desk, (1, "配送で箱が壊れた"))
    assert ">30<" in page(desk) and "時点" in text_of(page(desk))
    desk.clock.advance(minutes=11)
    assert ">30<" in page(desk), "the older answer stands until the newer one is there"
    until(lambda: ">31<" in page(desk))
    desk.clock.advance(minutes=31)
    desk.app.state.desk.readings.let_go(desk.clock())
    with busy(desk):
        assert "お客様の声を集めています" in page(desk), "customers' words are not kept for longer"


@SQLITE
@pytest.mark.usefixtures("many")
def test_a_file_and_a_tile_that_need_the_reading_say_so_and_come_when_it_is_done(desk: OpenDesk) -> None:
    sato = desk.as_(SATO)
    made = sato.post("/reports/boards/new", data={"name": "朝", "audience": "owner"}, follow_redirects=False)
    board = made.headers["location"].partition("?")[0]
    for part in ("topics.table.topics", "calls.figure.offered"):
        sato.post(f"{board}/tiles", data={"part": part, "period": "month"}, follow_redirects=False)
    with busy(desk):
        waiting = sato.get("/reports/topics.pdf?period=month")
        assert waiting.status_code == 202 and waiting.headers["refresh"] == "4"
        assert "終わりしだい、ファイルのダウンロードが始まります" in waiting.text
        tiles = sato.get(board).text
        assert "終わりしだい、ここに表示します" in tiles and "入電" in tiles and 'data-every="5"' in tiles
    until(lambda: sato.get("/reports/topics.pdf?period=month").content.startswith(b"%PDF"))
    tiles = until(lambda: "読み取っています" not in (shown := sato.get(board).text) and shown)
    assert "配送" in tiles and 'data-every="60"' in tiles


@SQLITE
@pytest.mark.usefixtures("many")
def test_a_desk_that_closes_gives_up_what_is_being_read(desk: OpenDesk) -> None:
    shelf = readings.Shelf(desk.database)
    interval = Period("days", MONDAY.date(), MONDAY.date()).interval("Asia/Tokyo")
    question = readings.Question(interval, interval, ("comments",), feedback.EVERYTHING, "ja")
    begun, gate = Event(), Event()
    shelf._reader.submit(lambda: (begun.set(), gate.wait()))
    begun.wait()
    waits = desk.read(lambda db: shelf.of(db, question, now=MONDAY))
    closing = Thread(target=shelf.close)
    closing.start()
    gate.set()
    closing.join()
    with pytest.raises(readings.GivenUp):
        waits.result()


def test_a_sure_change_that_is_too_small_to_matter_is_no_news() -> None:
    """Forty-eight of a hundred after fifty: with so many texts that is no chance, and nobody need do anything."""
    waited, other = said("待たされた", "よかった")
    before = [waited if at % 100 < 50 else other for at in range(12_000)]
    for share, is_news in ((48, False), (44, True)):
        now = [waited if at % 100 < share else other for at in range(12_000)]
        found = {each.key: each for each in matters.analyse(now, before, TOPICS).matters}["speed"]
        assert found.p < 0.01 and found.is_sure and found.is_new is is_news


def test_what_did_not_change_notably_says_whether_chance_or_smallness_is_the_reason(desk: OpenDesk) -> None:
    give(desk, *[(5, f"電話で待たされました。{n}回目") for n in range(5)], *[(5, "よかった")] * 45, days_ago=8)
    give(desk, *[(5, f"電話で待たされました。{n}回目") for n in range(8)], *[(5, "よかった")] * 42)
    assert ("待ち時間", "誤差の範囲") in topic_changes(desk)
    give(desk, *[(5, f"電話で待たされました。{n}回目") for n in range(100)])
    assert ("待ち時間", "増加") in topic_changes(desk)


def topic_changes(desk: OpenDesk) -> list[tuple[str, str]]:
    """The topics of this week's comments, and what became of each since the week before."""
    shown = page(desk, "?period=week&source=comments")
    rows = re.findall(r'<tr>\s*<th scope="row">([^<]*)</th>(.*?)</tr>', shown, re.DOTALL)
    changes = ("増加", "減少", "横ばい", "誤差の範囲")
    return [(name, change) for name, row in rows for change in changes if change in row]


@pytest.fixture
def apart(many: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten texts are so many that another process reads them."""
    monkeypatch.setattr(readings, "APART", 10)


def whole(desk: OpenDesk) -> readings.Question:
    """All comments of the day."""
    interval = Period("days", MONDAY.date(), MONDAY.date()).interval("Asia/Tokyo")
    return readings.Question(interval, interval, ("comments",), feedback.EVERYTHING, "ja")


@SQLITE
@pytest.mark.usefixtures("apart")
def test_all_comments_of_a_large_desk_are_read_by_another_process_and_say_the_same(
    desk: OpenDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feedback, "MOST", 12)  # a sample of which would be read otherwise
    shelf: readings.Shelf = desk.app.state.desk.readings
    reading = desk.read(lambda db: shelf.of(db, whole(desk), now=MONDAY))
    there = reading.result()
    assert len(there.said) == there.of == 30 and (reading.read, reading.count) == (60, 60)
    said = list(there.said)
    here = matters.analyse(said, said, desk.read(lambda db: topics.looked_for(db, language="ja")), of=30)
    assert there == here and there.behind("delivery") == here.behind("delivery") != []


@SQLITE
@pytest.mark.usefixtures("apart")
@pytest.mark.parametrize("closes", [True, False], ids=["the desk closes", "the process dies"])
def test_a_process_that_ends_too_early_costs_some_texts_and_never_the_answer(
    desk: OpenDesk, monkeypatch: pytest.MonkeyPatch, closes: bool
) -> None:
    begun: list[reader.Reader] = []

    class Stopped(reader.Reader):
        def __init__(self) -> None:
            super().__init__()
            self._process.send_signal(signal.SIGSTOP)  # it will not have answered before it is ended
            begun.append(self)

    monkeypatch.setattr(reader, "Reader", Stopped)
    shelf = readings.Shelf(desk.database)
    reading = desk.read(lambda db: shelf.of(db, whole(desk), now=MONDAY))
    until(lambda: begun)
    if closes:
        shelf.close()
        with pytest.raises(readings.GivenUp):
            reading.result()
    else:
        begun[0].end()
        assert len(reading.result().said) == 30
        shelf.close()


def test_reading_ends_between_two_handfuls_when_nobody_wants_to_know_any_more() -> None:
    heard: list[int] = []

    def heed(count: int) -> None:
        heard.append(count)
        if sum(heard) >= 512:
            raise readings.GivenUp

    with pytest.raises(readings.GivenUp):
        matters.analyse(said(*(f"配送が遅い {number}" for number in range(2_000))), [], TOPICS, heed=heed)
    assert sum(heard) == 512
