"""Reports in every form: one sheet, and its page, its file and its paper say the same."""

import io
import re
import threading
import zipfile
import zlib
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from xml.etree import ElementTree

import pytest

from helpdesk import feedback, reports
from helpdesk.errors import Conflict
from helpdesk.measures import Interval
from helpdesk.reporting import catalog, drawing, files, paper
from helpdesk.reporting.values import Chart, Column, Fact, Figure, Series, Sheet, Table, Voice, Word, said, written
from tests.cast import AIKO, BEN, MONDAY, RETURNS_NUMBER, SATO, OpenDesk
from tests.web.test_feedback import give
from web import words
from web.render import Renderer

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


@pytest.fixture(scope="module")
def voice() -> Voice:
    return Renderer(timezone="Asia/Tokyo", desk_name="あおば電機").voice("ja")


def served(desk: OpenDesk) -> None:
    """Two calls to returns: one is answered, one gives up."""
    desk.ready(BEN)
    desk.twilio.rings("CA-1", to=RETURNS_NUMBER)
    desk.twilio.says("CA-leg", "in-progress", sequence=2, caller=RETURNS_NUMBER, to=BEN.phone, parent="CA-1")
    desk.clock.advance(seconds=90)
    desk.twilio.says("CA-1", "completed", sequence=3, to=RETURNS_NUMBER)
    desk.twilio.rings("CA-2", caller="+815033334444", to=RETURNS_NUMBER)
    desk.clock.advance(seconds=60)
    desk.twilio.says("CA-2", "completed", sequence=2, caller="+815033334444", to=RETURNS_NUMBER)


def chart(drawn: str, **changed: object) -> Chart:
    given = {"places": ["11/16", "初期不良"], "kind": "count", "along": "日",
             "series": (Series("応答", [3, 5]), Series("放棄", [1, None], tone="bad"))} | changed  # fmt: skip
    return Chart("k", drawn, "最も多いのは<b>", **given)  # type: ignore[arg-type]


# --- drawings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("drawn", ["line", "bars", "stacked", "heat", "intervals"])
@pytest.mark.parametrize("width", drawing.WIDTHS)
def test_every_drawing_says_its_numbers_escapes_its_words_and_keeps_in_its_frame(drawn, width, voice) -> None:
    svg = str(drawing.draw(chart(drawn), voice, width=width, name="a"))
    assert "最も多いのは&lt;b&gt;" in svg and "<b>" not in svg and "style=" not in svg
    assert "11/16 · 応答 3" in svg and "初期不良 · 応答 5" in svg and "放棄 1" in svg
    assert f'viewBox="0 0 {width} ' in svg and "nan" not in svg
    ends = [
        float(x) + float(w) for x, w in re.findall(r'<rect class="[^"]*" x="([^"]+)" y="[^"]+" width="([^"]+)"', svg)
    ]
    assert all(end <= width for end in ends)


@pytest.mark.parametrize(("language", "day"), [("ja", "11/16"), ("en", "16 Nov")])
def test_a_day_along_a_drawing_is_as_the_reader_writes_it_and_whole_in_the_table_below(language, day) -> None:
    reader = Renderer(timezone="Asia/Tokyo", desk_name="あおば電機").voice(language)
    lines = chart("line", places=[MONDAY.date(), MONDAY.date()])
    svg = str(drawing.draw(lines, reader))
    assert f">{day}</text>" in svg and f"{day} · 応答 3" in svg
    assert written("text", lines.table().rows[0][0], reader) in ("2026/11/16(月)", "Mon 16 Nov 2026")


@pytest.mark.parametrize(
    "places", [["不良・故障", "違う商品が届いた", "Damaged on delivery", "その他"], [f"{h}:00" for h in range(24)]]
)
@pytest.mark.parametrize("width", drawing.WIDTHS)
def test_the_names_below_a_field_stand_apart_and_inside(places, width, voice) -> None:
    field = chart("heat", places=places, series=(Series("電気毛布", [1] * len(places)),))
    svg = str(drawing.draw(field, voice, width=width))
    ends: dict[str, float] = {}
    found = re.findall(r'class="chart-tick" x="([^"]+)" y="([^"]+)" text-anchor="middle">([^<]+)<', svg)
    for x, y, name in found:
        half = sum(12 if ord(letter) > 255 else 7 for letter in name) / 2
        assert ends.get(y, 0) <= float(x) - half and float(x) + half <= width, name
        ends[y] = float(x) + half
    assert found[0][2].startswith(places[0][:2])


def test_a_name_below_a_field_is_folded_evenly(voice) -> None:
    field = chart("heat", places=["不要になった", "配送時の破損", "Damaged on delivery"] + ["他"] * 5)
    svg = str(drawing.draw(field, voice, width=drawing.MIDDLE))
    lines = re.findall(r'class="chart-tick"[^>]*>([^<]+)<', svg)
    assert ["不要に", "なった", "配送時", "の破損"] == [line for line in lines if line[0] in "不な配の"]


def test_whiskers_stand_where_the_interval_ends_and_few_are_hollow(voice) -> None:
    series = Series("満足", [0.5, None], low=[0.25, None], high=[0.75, None], of=[8, 0])
    svg = str(drawing.draw(chart("line", series=(series,), kind="share"), voice))
    whisker = re.search(r'chart-whisker" x1="[^"]+" y1="([^"]+)" x2="[^"]+" y2="([^"]+)"', svg)
    dot = re.search(r'chart-few" cx="[^"]+" cy="([^"]+)"', svg)
    assert whisker and dot
    low, high, middle = float(whisker[1]), float(whisker[2]), float(dot[1])
    assert low > middle > high and low - middle == pytest.approx(middle - high, abs=0.2)
    assert "50 % (25 % – 75 %) · n = 8" in svg


def test_the_table_below_has_the_numbers_of_the_drawing() -> None:
    series = Series("満足", [0.5], low=[0.25], high=[0.75], of=[8])
    table = chart("line", places=["11/16"], series=(series,), kind="share").table()
    assert [row for row in table.rows] == [["11/16", 0.5, 0.25, 0.75, 8]] and len(table.columns) == 5


def test_a_value_is_written_by_its_kind_and_a_fact_inside_a_sentence_too(voice) -> None:
    given = (("share", 0.999), ("seconds", 75), ("points", 12.4), ("count", 1234), ("count", None), ("moment", MONDAY))
    shown = ["99 %", "1:15", "+12", "1,234", "–", "2026/11/16(月) 10:00"]
    assert [written(*each, voice) for each in given] == shown
    word = Word("report_finding", "level", {"now": Fact("share", 0.8)})
    assert said(word, voice) == "時間内の応答は 80 % でした。"


def test_every_part_of_every_report_has_its_words() -> None:
    for report in catalog.REPORTS.values():
        assert report.key in words.WORDS["report_title"] and report.key in words.WORDS["report_purpose"]
        assert {part for _, part in report.parts()} <= set(words.WORDS["report_part"])
        for choice in report.choices:
            assert set(choice.values) <= set(words.WORDS[choice.words])


# --- files -----------------------------------------------------------------------------------------------------------


def test_a_spreadsheet_goes_on_in_the_next_sheet_when_one_is_full(monkeypatch) -> None:
    monkeypatch.setattr(files, "ROWS_MAX", 4)
    leaf = files.Leaf("表[1]", ("=名前", "https://example.com"), ([f"=行{number}", number] for number in range(7)))
    raw = b"".join(files.spreadsheet_pieces([leaf]))
    book = zipfile.ZipFile(io.BytesIO(raw))
    sheets = sorted(name for name in book.namelist() if name.startswith("xl/worksheets/sheet"))
    rows = [len(re.findall(r"<row ", book.read(name).decode())) for name in sheets]
    assert rows == [4, 4, 2]
    assert "<f>" not in book.read(sheets[0]).decode() and "hyperlink" not in book.read(sheets[0]).decode()
    assert re.findall(r'<sheet name="([^"]+)"', book.read("xl/workbook.xml").decode()) == ["表 1", "表 1 2", "表 1 3"]


def test_a_spreadsheet_leaves_while_its_rows_are_read_and_none_is_left_out_or_changed() -> None:
    read: list[int] = []

    def rows() -> Iterator[list[Any]]:
        for number in range(20_000):
            read.append(number)
            yield [f"<行> & {number}\x0b", number / 8, number % 2 == 0, None, float("nan"), "改\n行 "]

    pieces = files.spreadsheet_pieces([files.Leaf("a", tuple("abcdef"), rows(), (), ("text", "share"))])
    first = next(pieces)
    assert first and len(read) < 20_000
    book = zipfile.ZipFile(io.BytesIO(first + b"".join(pieces)))
    shown = book.read("xl/worksheets/sheet1.xml").decode()
    told = ElementTree.fromstring(shown).findall(".//{*}sheetData/{*}row")
    assert [int(each.get("r", "0")) for each in told] == list(range(1, 20_002))
    cells = {each.get("r"): each for each in told[9]}
    assert {place: "".join(cell.itertext()) for place, cell in cells.items()} == {
        "A10": "<行> & 8", "B10": "1.0", "C10": "1", "F10": "改\n行 "}  # fmt: skip
    assert [cells[place].get("t") for place in ("A10", "B10", "C10")] == ["inlineStr", None, "b"]
    styles = ElementTree.fromstring(book.read("xl/styles.xml"))
    kind = styles.findall(".//{*}cellXfs/{*}xf")[int(cells["B10"].get("s", "0"))].get("numFmtId")
    assert styles.find(f".//{{*}}numFmt[@numFmtId='{kind}']").get("formatCode") == "0.0%"  # type: ignore[union-attr]


def sheet(rows: int = 3) -> Sheet:
    columns = (Column("件名", "text"), Column("件数", "count", "数えたもの"), Column("割合", "share"))
    table = Table(
        "t", "内訳", columns, [[f"#set text(red) 行{each}", each, 0.5] for each in range(rows)], ["合計", 9, 1.0]
    )
    return Sheet(
        catalog_interval(), ["「配送」が増えました"], [Figure("f", "満足度", 0.8, "share", 40, (0.65, 0.9), 0.7)],
        [chart(drawn) for drawn in ("line", "bars", "stacked", "heat", "intervals")], [table],
    )  # fmt: skip


def unpacked(pdf: bytes) -> bytes:
    """A PDF with its streams in the clear."""
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL)
    return pdf + b"".join(zlib.decompress(each) for each in streams if each[:1] == b"x")


def catalog_interval() -> Interval:
    return Interval(MONDAY, MONDAY + timedelta(days=7))


def test_a_long_table_goes_on_over_pages_and_no_name_becomes_a_command(voice) -> None:
    cover = paper.Cover("窓口 #pagebreak()", "月次報告", ["返品・交換"], MONDAY)
    short, long = (paper.pdf([("月次報告", sheet(rows))], cover, voice) for rows in (3, 200))
    pages = [len(re.findall(rb"/Type\s*/Page\b", unpacked(each))) for each in (short, long)]
    assert short.startswith(b"%PDF-") and 1 <= pages[0] <= 4 and pages[1] >= pages[0] + 3
    assert b"NotoSansCJKjp" in unpacked(short)


def test_when_too_many_documents_are_in_the_making_one_is_told_so(voice, monkeypatch) -> None:
    monkeypatch.setattr(paper, "_turns", threading.BoundedSemaphore(1))
    monkeypatch.setattr(paper, "PATIENCE", 0.01)
    with paper._turns, pytest.raises(Conflict, match="too_many_documents"):
        paper.pdf([("a", sheet())], paper.Cover("a", "b", [], MONDAY), voice)


# --- through the doors -----------------------------------------------------------------------------------------------


def test_the_page_of_calls_its_files_and_its_paper_say_the_same(desk: OpenDesk) -> None:
    served(desk)
    page = desk.as_(SATO).get("/reports/calls")
    assert "着信は2件、うち1件が待っている間に切れました。" in page.text
    assert page.text.count('<svg class="drawing"') == len(drawing.WIDTHS) * page.text.count("drawing-card")
    lines = desk.as_(SATO).get("/reports/calls.csv").content.decode("utf-8-sig").splitlines()
    assert any(line.startswith("返品・交換,") and ",2,1," in line for line in lines)
    book = desk.as_(SATO).get("/reports/calls.xlsx?period=today")
    strings = zipfile.ZipFile(io.BytesIO(book.content)).read("xl/worksheets/sheet2.xml").decode()
    assert "返品・交換" in strings or "sharedStrings" in str(zipfile.ZipFile(io.BytesIO(book.content)).namelist())
    pdf = desk.as_(SATO).get("/reports/calls.pdf?period=today")
    assert pdf.headers["content-type"] == "application/pdf" and pdf.content.startswith(b"%PDF-")
    assert 'filename="calls-2026-11-16-2026-11-16.pdf"' in pdf.headers["content-disposition"]


@SQLITE
def test_reports_are_for_supervisors_and_what_is_none_is_not_found(desk: OpenDesk) -> None:
    assert desk.as_(AIKO).get("/reports/topics.pdf").status_code == 403
    for path in ("/reports/topics.doc", "/reports/nothing.pdf", "/reports/topics.pdf?queue=999"):
        assert desk.as_(SATO).get(path).status_code == 404
    assert desk.as_(SATO).get("/reports/topics.csv?period=ever").status_code == 422


def test_the_export_of_texts_has_no_limit(desk: OpenDesk, monkeypatch) -> None:
    monkeypatch.setattr(feedback, "MOST", 3)
    give(desk, *[(5, f"よかったです{number}") for number in range(8)])
    answer = desk.as_(SATO).get("/reports/feedback.csv?source=comments")
    assert len(answer.content.decode("utf-8-sig").splitlines()) == 9
    assert len({line for line in answer.text.splitlines() if "よかった" in line}) == 8


@SQLITE
def test_last_week_is_monday_to_sunday_and_last_month_a_whole_one(desk: OpenDesk) -> None:
    def days(name: str) -> tuple[str, str]:
        found = reports.period(name, "", "", now=desk.clock(), timezone="Asia/Tokyo")
        return str(found.first), str(found.last)

    assert days("last_week") == ("2026-11-09", "2026-11-15") and days("last_month") == ("2026-10-01", "2026-10-31")
