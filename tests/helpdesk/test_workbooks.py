"""Excel workbooks that people bring: read as the table they show, refused with a sentence, and never without bound."""

import io
import zipfile
from collections.abc import Callable
from datetime import date, datetime, time
from typing import Any

import pytest
from xlsxwriter import Workbook

from helpdesk import imports, workbooks
from helpdesk.errors import Invalid

HEADS = {"name": ("name", "氏名"), "at": ("at", "日時"), "note": ("note", "備考")}
WANTED = imports.Wanted(HEADS, (("name",),), "import_columns", rows_max=50, bytes_max=100_000)


def book(fill: Callable[[Workbook, Any], None], **options: Any) -> bytes:
    """A workbook with a sheet that `fill` writes."""
    made = io.BytesIO()
    with Workbook(made, options) as told:
        fill(told, told.add_worksheet("回答"))
    return made.getvalue()


def rows(*lines: list[Any]) -> bytes:
    def fill(_: Workbook, sheet: Any) -> None:
        for number, line in enumerate(lines):
            sheet.write_row(number, 0, line)

    return book(fill)


def changed(raw: bytes, name: str, content: bytes) -> bytes:
    """The same workbook with another part."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(raw)) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for each in old.namelist():
            new.writestr(each, content if each == name else old.read(each))
    return made.getvalue()


def read(raw: bytes) -> list[tuple[int, dict[str, str]]]:
    return [(row.number, dict(row.cells)) for row in imports.rows_of(raw, WANTED)]


def test_a_workbook_is_read_as_the_table_it_shows() -> None:
    raw = rows(["氏名", "備考"], ["田中 花子", '一行目\n二行目, "引用"'], [], ["佐藤", 3], ["鈴木", 0.5])
    assert read(raw) == [
        (2, {"name": "田中 花子", "note": "一行目\n二行目, \"引用\""}),
        (4, {"name": "佐藤", "note": "3"}), (5, {"name": "鈴木", "note": "0.5"}),
    ]  # fmt: skip


@pytest.mark.parametrize("is_1904", [False, True])
@pytest.mark.parametrize(
    ("shown", "value", "says"),
    [
        ("yyyy/m/d", date(2026, 11, 20), "2026-11-20"),
        ('[$-411]ggge"年"m"月"d"日"', date(2026, 2, 28), "2026-02-28"),
        ("yyyy-mm-dd hh:mm", datetime(2026, 11, 20, 9, 5), "2026-11-20 09:05:00"),
        ("h:mm", time(18, 30), "18:30"),
    ],
)
def test_days_and_times_are_what_they_look_like(shown: str, value: Any, says: str, is_1904: bool) -> None:
    def fill(told: Workbook, sheet: Any) -> None:
        sheet.write_row(0, 0, ["name", "at"])
        sheet.write(1, 0, "a")
        sheet.write_datetime(1, 1, value, told.add_format({"num_format": shown}))

    assert read(book(fill, date_1904=is_1904))[0][1]["at"] == says


@pytest.mark.parametrize("shown", ["0", "#,##0", "0.00E+00", "General", '0"日"', "[Red]0", "¥#,##0"])
def test_a_number_that_is_no_date_stays_one(shown: str) -> None:
    def fill(told: Workbook, sheet: Any) -> None:
        sheet.write_row(0, 0, ["name", "note"])
        sheet.write_row(1, 0, [12, 45_000], told.add_format({"num_format": shown}))

    assert read(book(fill)) == [(2, {"name": "12", "note": "45000"})]


def test_readings_above_words_are_not_read_and_a_formula_is_what_it_came_to() -> None:
    def fill(_: Workbook, sheet: Any) -> None:
        sheet.write_row(0, 0, ["name", "note"])
        sheet.write_string(1, 0, "東京")
        sheet.write_formula(1, 1, "=1+1", None, "二")

    told = zipfile.ZipFile(io.BytesIO(raw := book(fill))).read("xl/sharedStrings.xml").decode()
    with_reading = told.replace("<t>東京</t>", '<t>東京</t><rPh sb="0" eb="2"><t>トウキョウ</t></rPh>')
    assert with_reading != told
    assert read(changed(raw, "xl/sharedStrings.xml", with_reading.encode())) == [(2, {"name": "東京", "note": "二"})]


def test_the_first_sheet_that_is_shown_is_read() -> None:
    def fill(told: Workbook, sheet: Any) -> None:
        sheet.write_row(0, 0, ["secret"])
        shown = told.add_worksheet("一覧")
        shown.write_row(0, 0, ["name"])
        shown.write_row(1, 0, ["佐藤"])
        sheet.hide()
        shown.activate()

    assert read(book(fill)) == [(2, {"name": "佐藤"})]


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"PK\x03\x04 no archive", "import_workbook"),
        (b"\xd0\xcf\x11\xe0 an old one", "import_workbook"),
        (rows(["name"], ["a"])[:-400], "import_workbook"),
        (rows(["else"], ["a"]), "import_columns"),
        (rows(), "import_columns"),
        (rows(["name"], *([str(each)] for each in range(51))), "import_too_large"),
        (rows(["name"], *(["長い" * 5_000] for _ in range(30))), "import_too_large"),
        (changed(rows(["name"], ["a"]), "xl/sharedStrings.xml", b"<!DOCTYPE a [<!ENTITY b \"c\">]><sst/>"),
         "import_workbook"),
        (changed(rows(["name"], ["a"]), "xl/sharedStrings.xml", b"<sst"), "import_workbook"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_with_a_sentence(raw: bytes, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        read(raw)
    assert refused.value.code == code


@pytest.mark.parametrize("number", ["2000000000", "0", "x"])
def test_a_row_that_no_sheet_can_have_is_refused(number: str) -> None:
    raw = rows(["name"], ["a"])
    sheet = zipfile.ZipFile(io.BytesIO(raw)).read("xl/worksheets/sheet1.xml").replace(b'<row r="2"', b'<row r="%s"'
                                                                                        % number.encode())  # fmt: skip
    with pytest.raises(Invalid) as refused:
        read(changed(raw, "xl/worksheets/sheet1.xml", sheet))
    assert refused.value.code == "import_workbook"


def test_what_unpacks_to_too_much_is_not_unpacked(monkeypatch) -> None:
    monkeypatch.setattr(workbooks, "UNPACKED_MAX", 10_000)
    raw = rows(["name"], *([f"{each:0>900}"] for each in range(40)))
    assert len(raw) < 20_000
    with pytest.raises(Invalid) as refused:
        read(raw)
    assert refused.value.code == "import_too_large"


def test_a_workbook_that_was_damaged_on_its_way_is_refused_wherever_it_was() -> None:
    raw = rows(["name"], *([f"客{each}"] for each in range(200)))
    for at in range(0, len(raw), 7):
        try:
            read(raw[:at] + bytes([raw[at] ^ 0xFF]) + raw[at + 1 :])
        except Invalid as refused:
            assert refused.code.startswith("import_"), at


def test_a_workbook_without_a_sheet_to_show_is_refused() -> None:
    raw = rows(["name"], ["a"])
    told = zipfile.ZipFile(io.BytesIO(raw)).read("xl/workbook.xml")
    for hidden in (told.replace(b"<sheet ", b'<sheet state="hidden" '), told.decode().encode("utf-16")):
        with pytest.raises(Invalid) as refused:
            read(changed(raw, "xl/workbook.xml", hidden))
        assert refused.value.code == "import_workbook"


@pytest.mark.parametrize("named", ["_x0000_", "_xD800_", "_xDC00_"])
def test_what_is_no_letter_does_not_come_with_a_cell(named: str) -> None:
    raw = rows(["name"], ["TOLD"])
    strings = (
        zipfile.ZipFile(io.BytesIO(raw)).read("xl/sharedStrings.xml").replace(b"TOLD", f"田中{named}花子".encode())
    )
    assert read(changed(raw, "xl/sharedStrings.xml", strings)) == [(2, {"name": "田中花子"})]
