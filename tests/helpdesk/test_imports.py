"""A file that people bring is read in whatever form Excel and shops write it, or refused with the row that is wrong."""

from datetime import date
from typing import Any

import pytest

from helpdesk import imports
from helpdesk.errors import Invalid

WANTED = imports.Wanted(
    {"name": ("name", "氏名"), "phone": ("phone", "電話番号", "携帯電話"), "note": ("note", "備考（任意）")},
    (("name",), ("phone", "note")), "no_columns", rows_max=3, bytes_max=200_000,
)  # fmt: skip


def read(raw: bytes) -> list[tuple[int, dict[str, str]]]:
    return [(row.number, dict(row.cells)) for row in imports.rows_of(raw, WANTED)]


def refused(raw: bytes) -> tuple[str, Any]:
    with pytest.raises(Invalid) as error:
        imports.rows_of(raw, WANTED)
    assert error.value.facts["field"] == "file"
    return error.value.code, error.value.facts.get("line")


@pytest.mark.parametrize("charset", ["utf-8", "utf-8-sig", "cp932", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("between", [",", "\t", ";"])
def test_charset_and_separator_are_found_out(charset: str, between: str) -> None:
    text = f"氏名{between}電話番号\r\n髙橋 愛{between}03-1234-5678\r\n"
    assert read(text.encode(charset)) == [(2, {"name": "髙橋 愛", "phone": "03-1234-5678"})]


@pytest.mark.parametrize(
    "heads",
    [
        "氏名,電話番号",
        "Name,Phone",
        " ＮＡＭＥ ,ＰＨＯＮＥ",
        "氏名,備考(任意)",
        "氏名,備考（任意）",
        '"氏名","電話番号"',
    ],
)
def test_heads_are_known_in_every_width_and_language(heads: str) -> None:
    assert list(read(f"{heads}\n佐藤,1\n".encode())[0][1].values()) == ["佐藤", "1"]


def test_rows_are_counted_as_a_spreadsheet_numbers_them() -> None:
    told = '\n氏名,備考\n佐藤,"一行目\n二行目\n三行目"\n\n,\n鈴木,四\n'.replace("備考", "備考（任意）")
    assert read(told.encode()) == [
        (3, {"name": "佐藤", "note": "一行目\n二行目\n三行目"}), (6, {"name": "鈴木", "note": "四"}),
    ]  # fmt: skip


def test_of_two_columns_with_one_meaning_the_first_that_says_something_counts() -> None:
    assert read("氏名,電話番号,携帯電話,知らない列\n佐藤,,090,x\n鈴木,03,090,\n".encode()) == [
        (2, {"name": "佐藤", "phone": "090"}), (3, {"name": "鈴木", "phone": "03"}),
    ]  # fmt: skip


def test_the_guard_that_a_spreadsheet_needs_is_taken_off() -> None:
    assert read("氏名,電話番号\n'=1+1,'+81312345678\n".encode())[0][1] == {"name": "=1+1", "phone": "+81312345678"}


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ("", ("import_empty", None)),
        ("\ufeff \n", ("no_columns", None)),
        ("氏名,電話番号\n,\n", ("import_empty", None)),
        ("氏名,住所\n佐藤,東京\n", ("no_columns", None)),
        ("電話番号,備考\n03,\n", ("no_columns", None)),
        ("氏名,電話番号\n佐藤,03\n鈴木,04,あふれたセル\n", ("import_cells", 3)),
        ('氏名,電話番号\n佐藤,"03\n鈴木,04\n', ("import_quotes", 2)),
        ('氏名,電話番号\n"a\nb",03\n"鈴木"さん,04\n', ("import_quotes", 3)),
        (f"氏名,電話番号\n佐藤,{'x' * 140_000}\n", ("import_cell", 2)),
        ("氏名,電話番号\n" + "佐藤,03\n" * 4, ("import_too_large", None)),
        ("x" * 200_001, ("import_too_large", None)),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_row(told: str, says: tuple[str, Any]) -> None:
    assert refused(told.encode()) == says


def test_bytes_in_no_known_charset_are_refused() -> None:
    assert refused("氏名,電話番号\n".encode() + b"\x81\xff\xfe\xfd,1\n") == ("import_charset", None)


@pytest.mark.parametrize(
    "typed",
    ["2026-11-05", "2026/11/5", "2026.11.05", "20261105", "2026年11月5日", "２０２６／１１／５", "2026/11/05 13:20"],
)
def test_days_are_read_as_they_are_written(typed: str) -> None:
    assert imports.day_of(typed) == date(2026, 11, 5)


@pytest.mark.parametrize(
    ("typed", "utc"),
    [
        ("2026/11/5 9:03", "2026-11-05T00:03:00+00:00"),
        ("2026-11-05T09:03:20+09:00", "2026-11-05T00:03:20+00:00"),
        ("2026-11-05 00:03:20Z", "2026-11-05T00:03:20+00:00"),
        ("2026年11月5日 9時3分", "2026-11-05T00:03:00+00:00"),
        ("2026/11/05", "2026-11-04T15:00:00+00:00"),
        ("20261105", "2026-11-04T15:00:00+00:00"),
    ],
)
def test_a_moment_without_a_zone_is_of_the_desks_own_clock(typed: str, utc: str) -> None:
    assert imports.moment_of(typed, timezone="Asia/Tokyo").isoformat() == utc


@pytest.mark.parametrize(("typed", "number"), [("1,980", 1980), ("¥1,980", 1980), ("１９８０円", 1980), ("3個", 3),
                                               ("1980.00", 1980), ("-500", -500), ("￥39,800", 39800)])  # fmt: skip
def test_amounts_are_read_as_shops_write_them(typed: str, number: int) -> None:
    assert imports.whole_of(typed) == number


@pytest.mark.parametrize("typed", ["", "昨日", "2026-13-01", "2026/11/05 25:00", "2026/11/05 noon", "0001-01-01",
                                   "9999-12-31T23:00-05:00"])  # fmt: skip
def test_what_is_no_moment_is_said_to_be_none(typed: str) -> None:
    with pytest.raises(ValueError):
        imports.moment_of(typed, timezone="Asia/Tokyo")


@pytest.mark.parametrize("typed", ["", "1,98", "1.5", "many", "9" * 20])
def test_what_is_no_whole_number_is_said_to_be_none(typed: str) -> None:
    with pytest.raises(ValueError):
        imports.whole_of(typed)
