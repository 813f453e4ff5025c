"""A table that people bring as a file: bytes from Excel, a shop or another desk, read into rows with one spelling.

The one idea: a file is read whole or refused with the row that is wrong, and rows are counted as a spreadsheet numbers
them: the line of heads is a row, an empty one too, and a cell with line breaks in it is still one. Which column is
which is said by its head, in any of the words an import knows, and so is what stands between the cells: of comma, tab
and semicolon the one that makes most heads known.
"""

import csv
import io
import re
import unicodedata
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Final
from zoneinfo import ZoneInfo

from helpdesk import workbooks
from helpdesk.errors import Invalid

BETWEEN: Final = (",", "\t", ";")
CHARSETS: Final = ("utf-8-sig", "cp932")
_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")  # of UTF-16
_UNHELD = re.compile("[\x00\ud800-\udfff]")  # what no text is and a database cannot hold; Excel can name both in a cell
_DAY = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?")
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})")
_CLOCK = re.compile(r"(\d{1,2})\s*[:時]\s*(\d{1,2})(?:\s*[:分]\s*(\d{1,2})(?:\.\d+)?)?\s*[分秒]?")
_AMOUNT = re.compile(r"(?:[¥\\]|jpy)?\s*(-?[0-9]{1,3}(?:,[0-9]{3})+|-?[0-9]+)(?:\.0+)?\s*(?:円|個|点|本|枚|jpy)?")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an import knows of its table: the words each column goes by, those that have to be there (of each group
    one), what is said where they are not, and how much a file may hold."""

    heads: Mapping[str, Sequence[str]]
    needed: Sequence[Sequence[str]]
    missing: str
    rows_max: int
    bytes_max: int

    @property
    def limits(self) -> dict[str, object]:
        """What a sentence about too large a file names."""
        return {"rows": f"{self.rows_max:,}", "megabytes": self.bytes_max // 1_000_000}

    @property
    def meant(self) -> dict[str, str]:
        """What a plain head means."""
        return {plain(head): name for name, heads in self.heads.items() for head in (*heads, name)}


@dataclass(frozen=True, slots=True)
class Row:
    """One row, `number` counted from 1 with the line of heads. `cells` has every column that the file has, stripped."""

    number: int
    cells: Mapping[str, str]


def rows_of(raw: bytes, wanted: Wanted) -> list[Row]:
    """The rows of a file, without the empty ones. Raises `Invalid` with field "file", and "line" where one row
    is wrong: "import_empty", "import_too_large", "import_charset", "import_quotes", "import_cell", "import_cells",
    and what `wanted` says where a column is missing."""
    return rows(text_of(raw, wanted), wanted)


def text_of(raw: bytes, wanted: Wanted) -> str:
    """A file's text: UTF-8 or UTF-16 with its mark or without, or the Japanese code page; the first sheet of an Excel
    workbook. Raises `Invalid` as above, and as `workbooks.text_of` does."""
    if not raw.strip():
        raise Invalid("import_empty", field="file")
    if len(raw) > wanted.bytes_max:
        raise Invalid("import_too_large", field="file")
    if workbooks.is_one(raw):
        return workbooks.text_of(raw, letters_max=wanted.bytes_max)
    for charset in _charsets(raw):
        try:
            return raw.decode(charset)
        except UnicodeDecodeError:
            continue
    raise Invalid("import_charset", field="file")


def rows(text: str, wanted: Wanted) -> list[Row]:
    """The rows of a text. Raises `Invalid` as `rows_of` does."""
    between, top, meant = _heads(text, wanted)
    found: list[Row] = []
    for number, cells in _cells(text, between):
        if number <= top or not any(cell.strip() for cell in cells):
            continue
        if any(cell.strip() for cell in cells[len(meant) :]):
            raise Invalid("import_cells", field="file", line=number)
        if len(found) >= wanted.rows_max:
            raise Invalid("import_too_large", field="file")
        told: dict[str, str] = {}
        for name, cell in zip(meant, [*cells, *[""] * len(meant)], strict=False):
            if name and not told.get(name):  # of two columns that mean the same, the first that says something
                told[name] = unguarded(cell.strip())
        if any(told.values()):
            found.append(Row(number, told))
    if not found:
        raise Invalid("import_empty", field="file")
    return found


def as_they_stood(text: str, wanted: Wanted, numbers: Container[int]) -> Iterator[tuple[int, list[str]]]:
    """The heads and these rows as the file has them, each row with its number, 0 for the heads."""
    between, top, meant = _heads(text, wanted)
    for number, cells in _cells(text, between):
        if number == top:
            yield 0, cells
        elif number in numbers:
            yield number, cells + [""] * (len(meant) - len(cells))


def unguarded(text: str) -> str:
    """Without the sign that keeps a spreadsheet from taking "+81..." for a sum, see helpdesk/reporting/files.py."""
    return text[1:] if text[:1] == "'" and text[1:2] in ("=", "+", "-", "@") else text


def plain(text: str) -> str:
    """A head or a name as it is compared: width, case and spaces around it make no difference."""
    return " ".join(unicodedata.normalize("NFKC", text).split()).casefold()


def day_of(text: str) -> date:
    """A day as people and shops write it: 2026-11-20, 2026/1/5, 20261120, ２０２６年１１月２０日; a time behind it is
    passed over. Raises `ValueError`."""
    found = _DAY.match(told := _folded(text)) or _COMPACT.fullmatch(told)
    if found is None:
        raise ValueError("not a day")
    return date(*(int(part) for part in found.groups()))


def moment_of(text: str, *, timezone: str) -> datetime:
    """A moment as they write it: ISO 8601, or a day with a time, which is of the desk's own clock where no other is
    named; a day alone is its beginning. Raises `ValueError`."""
    told, zone = _folded(text), ZoneInfo(timezone)
    try:
        at = datetime.fromisoformat(told)
    except ValueError:
        day = day_of(told)
        rest = told[found.end() :].strip() if (found := _DAY.match(told)) else ""
        clock = _CLOCK.fullmatch(rest)
        if rest and clock is None:
            raise
        hour, minute, second = (int(part) for part in clock.groups("0")) if clock else (0, 0, 0)
        at = datetime.combine(day, time(hour, minute, second))
    try:
        return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(ZoneInfo("UTC"))
    except OverflowError as error:  # the first day of all, or the last
        raise ValueError("beyond the calendar") from error


def whole_of(text: str) -> int:
    """A whole number: 1,980 or ¥1,980 or １９８０円 or 3個. Raises `ValueError`."""
    found = _AMOUNT.fullmatch(_folded(text).casefold())
    if found is None or len(found[1]) > 12:
        raise ValueError("not a whole number")
    return int(found[1].replace(",", ""))


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip()


def _heads(text: str, wanted: Wanted) -> tuple[str, int, list[str]]:
    """What stands between the cells, in which row the heads are, and what each column means, "" where not known."""
    found: tuple[str, int, list[str]] = (",", 0, [])
    wrong: list[Invalid] = []
    for between in BETWEEN:
        try:
            number, cells = next(each for each in _cells(text, between) if any(cell.strip() for cell in each[1]))
        except StopIteration:
            continue
        except Invalid as error:  # with another sign between the cells it may well be one
            wrong.append(error)
            continue
        meant = [wanted.meant.get(plain(cell), "") for cell in cells]
        if len({*meant, ""}) > len({*found[2], ""}):
            found = between, number, meant
    if not all(any(name in found[2] for name in group) for group in wanted.needed):
        raise wrong[0] if wrong and not any(found[2]) else Invalid(wanted.missing, field="file")
    return found


def _cells(text: str, between: str) -> Iterator[tuple[int, list[str]]]:
    """The rows as they stand, each with its number. Raises `Invalid` for one that is no row."""
    text = _UNHELD.sub("", text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=between, strict=True, skipinitialspace=True)
    number = 0
    while True:
        number += 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            code = "import_cell" if "field limit" in str(error) else "import_quotes"
            raise Invalid(code, field="file", line=number) from error
        yield number, cells


def _charsets(raw: bytes) -> tuple[str, ...]:
    """Those a file may be in, the likeliest first. UTF-16 without its mark shows itself by the zeros of its commas."""
    if raw.startswith(_MARKS):
        return ("utf-16",)
    head = raw[:400]
    zeros = head.count(0)
    if zeros > len(head) // 20:
        return ("utf-16-le" if head[1::2].count(0) * 2 > zeros else "utf-16-be",)
    return CHARSETS
