"""Files and pages of reports say what is so: days on the desk's clock, in the reader's words, and no finding
that only looks like one."""

import io
import re
import zipfile
from datetime import datetime, timedelta
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import pytest
from xlsxwriter import Workbook

from helpdesk.measures import Interval
from helpdesk.reporting import drawing
from helpdesk.reporting.values import Chart, Series, Voice, from_to, leading, running, said
from tests.cast import AIKO, MONDAY, RETURNS_ADDRESS, SATO, TANAKA, OpenDesk
from tests.web.test_feedback import give
from tests.web.test_reporting import served
from tests.web.test_tallies import a_morning
from web.render import Renderer

TOKYO = ZoneInfo("Asia/Tokyo")
HERE = MONDAY.astimezone(TOKYO)
SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


def book(desk: OpenDesk, path: str) -> dict[str, list[dict[str, tuple[str, str]]]]:
    """A spreadsheet: by the names of its sheets the rows, by column the value and the format it is shown by."""
    answer = desk.as_(SATO).get(path)
    assert answer.status_code == 200, answer.text[:200]
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    styles = ElementTree.fromstring(archive.read("xl/styles.xml"))
    codes = {each.get("numFmtId"): each.get("formatCode", "") for each in styles.iterfind(".//{*}numFmt")}
    looks = [codes.get(each.get("numFmtId"), "") for each in styles.iterfind(".//{*}cellXfs/{*}xf")]
    names = re.findall(r'<sheet name="([^"]+)"', archive.read("xl/workbook.xml").decode())
    found = {}
    for number, name in enumerate(names, 1):
        rows = ElementTree.fromstring(archive.read(f"xl/worksheets/sheet{number}.xml")).iterfind(".//{*}row")
        found[name] = [
            {re.sub(r"\d", "", cell.get("r", "")): ("".join(cell.itertext()), looks[int(cell.get("s", "0"))])
             for cell in row}
            for row in rows
        ]  # fmt: skip
    return found


def moment(serial: str) -> datetime:
    """What a spreadsheet shows of a number that is a date."""
    return datetime(1899, 12, 30) + timedelta(seconds=round(float(serial) * 86_400))


@SQLITE
def test_moments_in_a_spreadsheet_are_dates_on_the_desk_s_clock(desk: OpenDesk) -> None:
    a_morning(desk)
    rows = book(desk, "/reports/service/rows.xlsx?what=opened&period=today")["新規"]
    column = next(place for place, (head, _) in rows[0].items() if head == "作成日時")
    value, shown = rows[1][column]
    assert shown == "yyyy/mm/dd hh:mm"
    assert abs(moment(value) - HERE.replace(tzinfo=None)) < timedelta(minutes=1)
    line = desk.as_(SATO).get("/reports/service/rows.csv?what=opened&period=today").text.splitlines()[1]
    assert HERE.isoformat()[:16] in line and "+09:00" in line


@SQLITE
def test_the_file_of_texts_speaks_the_reader_s_language(desk: OpenDesk) -> None:
    give(desk, (5, "丁寧な対応でした。"))
    rows = book(desk, "/reports/feedback.xlsx?source=comments&period=today")["お客様の声"]
    told = [value for value, _ in rows[1].values()]
    assert {"アンケートのコメント", "満足", "日本語"} <= set(told)
    assert rows[1]["A"][1] == "yyyy/mm/dd hh:mm"


@SQLITE
def test_sheets_are_called_what_they_hold_and_every_number_is_shown_by_its_kind(desk: OpenDesk) -> None:
    served(desk)
    desk.clock.advance(days=1)
    desk._clients.clear()  # sessions end within a day
    found = book(desk, "/reports/calls.xlsx?period=week&by=day")
    assert list(found) == ["指標", "通話レポート", "日別の着信数", "日別のサービスレベル", "曜日・時間帯別の着信数"]
    figures = {row["A"][0]: row.get("B", ("", "")) for row in found["指標"]}
    cases = {row["A"][0]: row.get("C", ("", ""))[0] for row in found["指標"]}
    assert cases["サービスレベル"] == "2" and cases["放棄率"] == "2"
    assert figures["サービスレベル"][1] == "0.0%" and "平均応答時間（ASA）（秒）" in figures
    assert found["通話レポート"][1]["A"][1] == "yyyy/mm/dd"
    assert moment(found["通話レポート"][1]["A"][0]).date() == HERE.date()


@SQLITE
def test_a_file_of_days_to_come_is_named_by_them(desk: OpenDesk) -> None:
    today = desk.clock().astimezone(TOKYO).date()
    for key, last in (("forecast", today + timedelta(days=13)), ("staffing", today + timedelta(days=6))):
        named = desk.as_(SATO).get(f"/reports/{key}.pdf").headers["content-disposition"]
        assert named == f'attachment; filename="{key}-{today}-{last}.pdf"'


@SQLITE
def test_the_files_of_a_page_are_of_the_days_it_shows(desk: OpenDesk) -> None:
    served(desk)
    page = desk.as_(SATO).get("/reports/calls").text
    for kind in ("pdf", "xlsx", "csv"):
        address = re.search(rf'href="(/reports/calls\.{kind}\?[^"]*)"', page)
        assert address is not None
        named = desk.as_(SATO).get(address[1].replace("&amp;", "&")).headers["content-disposition"]
        assert f"calls-2026-11-16-2026-11-16.{kind}" in named


@SQLITE
def test_a_day_that_is_not_over_is_said_to_be_so_and_its_counts_are_no_fall(desk: OpenDesk) -> None:
    for _ in range(3):
        desk.mail(TANAKA, subject="返品", to=RETURNS_ADDRESS)
    desk.clock.advance(days=1)
    desk._clients.clear()
    desk.mail(TANAKA, subject="返品", to=RETURNS_ADDRESS)
    for path in ("service", "calls", "products", "routing"):
        shown = desk.as_(SATO).get(f"/reports/{path}?period=today").text
        assert "2026/11/17(火)はまだ終わっていないため" in shown, path
        assert "比較：2026/11/16(月)" in shown or path == "routing", path
        assert "まだ終わっていない" not in desk.as_(SATO).get(f"/reports/{path}?period=yesterday").text
    shown = desk.as_(SATO).get("/reports/service?period=today").text
    assert "前期間 3" in shown and "−67 %" not in shown
    assert "−50 %" not in shown and 'class="step"' not in shown


def test_only_one_that_leads_alone_is_called_the_most() -> None:
    assert leading([1, 3, 2]) == 1 and leading([0, None, 2]) == 2
    assert [leading(each) for each in ([], [None], [0, 0], [2, 1, 2])] == [None] * 4


@SQLITE
def test_a_single_day_is_not_told_as_the_busiest(desk: OpenDesk) -> None:
    served(desk)
    assert "着信が最も多かったのは11/16の2件です" in desk.as_(SATO).get("/reports/calls?period=week").text
    assert "着信が最も多かったのは" not in desk.as_(SATO).get("/reports/calls?period=today").text


def test_lines_of_a_drawing_on_paper_differ() -> None:
    series = tuple(Series(tone or "a", [1, 2], tone=tone) for tone in ("", "good", "bad", "quiet"))  # type: ignore[arg-type]
    drawn = str(drawing.draw(Chart("k", "line", "t", ["1", "2"], series), Renderer(timezone="Asia/Tokyo", desk_name="d")
                             .voice("ja"), dress="paper"))  # fmt: skip
    lines = re.findall(r'polyline class="chart-line ([\w-]+)"', drawn)
    strokes = [re.search(rf"\.{each}{{stroke:(#\w+)", drawn) for each in lines[1:]]
    assert len(lines) == 4 and len({each[1] for each in strokes if each}) == 3


@SQLITE
def test_a_number_nobody_has_opens_no_texts(desk: OpenDesk) -> None:
    give(desk, (5, "丁寧な対応でした。"), (1, "遅いです。"))
    for key in ("word-あ", "word-", "word-ja-", "xyz", "group-99", "staff.angry", "<script>"):
        answer = desk.as_(SATO).get("/reports/feedback", params={"behind": key, "source": "comments"})
        assert answer.status_code == 200, key
        assert "丁寧な対応" not in answer.text.partition('id="sentences"')[2], key
    everything = desk.as_(SATO).get("/reports/feedback?behind=every&source=comments").text
    assert "丁寧な対応" in everything.partition('id="sentences"')[2]


@SQLITE
def test_reports_begin_somewhere_and_an_empty_choice_is_none(desk: OpenDesk) -> None:
    assert desk.as_(SATO).get("/reports", follow_redirects=False).headers["location"] == "/reports/service"
    assert desk.as_(AIKO).get("/reports", follow_redirects=False).headers["location"] == "/reports/boards"
    for path in ("calls", "service", "feedback", "routing", "products", "forecast"):
        assert desk.as_(SATO).get(f"/reports/{path}?period=&from=&to=&queue=").status_code == 200, path


@pytest.mark.parametrize(
    ("language", "one", "two"),
    [
        ("ja", "2026/11/16(月)", "2026/11/16(月) – 2026/11/17(火)"),
        ("en", "Mon 16 Nov 2026", "Mon 16 Nov 2026 – Tue 17 Nov 2026"),
    ],
)
def test_an_interval_is_told_by_its_days(language: str, one: str, two: str) -> None:
    voice: Voice = Renderer(timezone="Asia/Tokyo", desk_name="d").voice(language)
    midnight = MONDAY.replace(hour=15, minute=0, second=0, microsecond=0) - timedelta(days=1)
    day = Interval(midnight, midnight + timedelta(days=1))
    assert from_to(day, voice) == one
    assert from_to(Interval(midnight, midnight + timedelta(days=2)), voice) == two
    assert [said(each, voice) for each in running(day, day.end, "Asia/Tokyo")] == []
    assert len(running(day, day.begin, "Asia/Tokyo")) == 1


@SQLITE
def test_comments_come_in_from_a_workbook(desk: OpenDesk) -> None:
    made = io.BytesIO()
    with Workbook(made) as told:
        sheet = told.add_worksheet("回答")
        sheet.write_row(0, 0, ["タイムスタンプ", "評価", "ご意見・ご感想"])
        sheet.write_datetime(1, 0, datetime(2026, 11, 16, 9, 30), told.add_format({"num_format": "yyyy/mm/dd h:mm"}))
        sheet.write_row(1, 1, [5, "梱包が丁寧でした。"])
    for words in ("新しいコメント 1件、取り込み済み 0件", "新しいコメント 0件、取り込み済み 1件"):
        given = {"file": ("回答.xlsx", made.getvalue())}
        assert words in desk.as_(SATO).post("/reports/feedback/import", files=given).text
    rows = book(desk, "/reports/feedback.xlsx?source=comments&period=today")["お客様の声"]
    assert moment(rows[1]["A"][0]) == datetime(2026, 11, 16, 9, 30) and rows[1]["C"][0] == "5"
    old = desk.as_(SATO).post("/reports/feedback/import", files={"file": ("a.xls", b"\xd0\xcf\x11\xe0...")})
    assert "このExcelファイルは読み取れません" in old.text
