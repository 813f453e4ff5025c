"""An Excel workbook as the text of a table: its first sheet, each row on the line a spreadsheet numbers it by.

The one idea: whoever brings a file saved it from Excel, so it is turned into the text that saving it as CSV would have
given, and is read from then on as every other file (helpdesk/imports.py). Formats as ECMA-376 part 1 describes them;
formulas are told by what they last came to. A file is a stranger's: what it unpacks to is bounded.
"""

import csv
import io
import lzma
import re
import zlib
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import IO, Final
from xml.etree import ElementTree
from zipfile import BadZipFile, ZipFile

from helpdesk.errors import Invalid

SIGNS: Final = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""How a workbook begins, and one of before 2007 or with a password, which is refused with a sentence."""
UNPACKED_MAX: Final = 80_000_000
"""Bytes of one part of a workbook."""
ROWS_MAX: Final = 1_048_576  # by the format
COLUMNS_MAX: Final = 500
_MAIN: Final = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_RELATION: Final = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_DATES: Final = frozenset((*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)))
"""Formats of dates and times that a workbook need not spell out, those of Japanese Excel included."""
_SPOKEN: Final = re.compile(r'"[^"]*"|\\.|_.|\[(?!h+\]|m+\]|s+\])[^\]]*\]', re.IGNORECASE)
"""What a format only says aloud, or a colour or country."""
_ESCAPED: Final = re.compile("_x([0-9A-Fa-f]{4})_")


def is_one(raw: bytes) -> bool:
    """Whether a file is a workbook."""
    return raw.startswith(SIGNS)


def text_of(raw: bytes, *, letters_max: int) -> str:
    """The first sheet that is shown, as comma-separated values. Raises `Invalid` with field "file": "import_workbook"
    for what cannot be read, "import_too_large" for what is more than `letters_max` letters or unpacks to too much,
    "import_cells" with the line for a row of too many columns."""
    try:
        with ZipFile(io.BytesIO(raw)) as book:
            return _text(book, letters_max)
    except (
        BadZipFile,
        zlib.error,
        lzma.LZMAError,
        OSError,
        EOFError,
        NotImplementedError,
        RuntimeError,
        ElementTree.ParseError,
        LookupError,
        ValueError,
        OverflowError,
    ) as error:  # damaged, or with a password
        raise Invalid("import_workbook", field="file") from error


def _text(book: ZipFile, letters_max: int) -> str:
    path, is_1904 = _first_sheet(book)
    strings, dates = _strings(book), _dates(book)
    begin = datetime(1904, 1, 1) if is_1904 else datetime(1899, 12, 30)
    told = io.StringIO()
    lines, line = csv.writer(told), 0
    for number, cells in _rows(book, path, strings, dates, begin):
        if not line < number <= ROWS_MAX:
            raise ValueError("not the number of a row")
        told.write("\r\n" * (number - line - 1))
        lines.writerow(cells)
        line = number
        if told.tell() > letters_max:
            raise Invalid("import_too_large", field="file")
    return told.getvalue()


def _first_sheet(book: ZipFile) -> tuple[str, bool]:
    """Where the first sheet lies that is not hidden, and whether days are counted from 1904."""
    told = _tree(book, "xl/workbook.xml")
    shown = [each for each in told.iter(f"{_MAIN}sheet") if each.get("state", "visible") == "visible"]
    where = {each.get("Id"): each.get("Target", "") for each in _tree(book, "xl/_rels/workbook.xml.rels")}
    target = where[shown[0].get(_RELATION)]
    properties = told.find(f"{_MAIN}workbookPr")
    is_1904 = properties is not None and properties.get("date1904", "0") in ("1", "true")
    return target.lstrip("/") if target.startswith("/") else f"xl/{target}", is_1904


def _strings(book: ZipFile) -> Sequence[str]:
    """The texts that cells point at."""
    if "xl/sharedStrings.xml" not in book.namelist():
        return ()
    return [_words(each) for each in _every(book, "xl/sharedStrings.xml", f"{_MAIN}si")]


def _words(item: ElementTree.Element) -> str:
    """The letters of a text in all its fonts. Readings that stand above Japanese words (rPh) are none of them."""
    runs = [item, *item.iterfind(f"{_MAIN}r")]
    words = "".join(each.text or "" for run in runs for each in run.iterfind(f"{_MAIN}t"))
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), words)


def _dates(book: ZipFile) -> set[int]:
    """The numbers of the styles that show a number as a date or time."""
    if "xl/styles.xml" not in book.namelist():
        return set()
    told = _tree(book, "xl/styles.xml")
    codes = {int(each.get("numFmtId", "0")): each.get("formatCode", "") for each in told.iter(f"{_MAIN}numFmt")}
    of_dates = _DATES.difference(codes) | {number for number, code in codes.items() if _is_date(code)}
    formats = told.iterfind(f"{_MAIN}cellXfs/{_MAIN}xf")
    return {place for place, each in enumerate(formats) if int(each.get("numFmtId", "0")) in of_dates}


def _is_date(code: str) -> bool:
    """Whether a format shows a number as a date or time: it has a letter of one outside of what is only said."""
    return re.search("[ymdhsg]", _SPOKEN.sub("", code.partition(";")[0]), re.IGNORECASE) is not None \
        and "general" not in code.casefold()  # fmt: skip


def _rows(
    book: ZipFile, path: str, strings: Sequence[str], dates: set[int], begin: datetime
) -> Iterator[tuple[int, list[str]]]:
    """The rows that have cells, each with its number."""
    number = 0
    for row in _every(book, path, f"{_MAIN}row"):
        number = int(row.get("r") or number + 1)
        cells: list[str] = []
        for cell in row.iterfind(f"{_MAIN}c"):
            place = _column(cell.get("r", ""), len(cells))
            if place >= COLUMNS_MAX:
                raise Invalid("import_cells", field="file", line=number)
            cells += [""] * (place - len(cells))
            cells.append(_cell(cell, strings, dates, begin))
        yield number, cells


def _column(named: str, following: int) -> int:
    """Which column a cell stands in, from 0: "AB3" is 27; a cell without a name follows the one before."""
    letters = re.match("[A-Z]{1,3}", named)
    if letters is None:
        return following
    place = 0
    for letter in letters[0]:
        place = place * 26 + ord(letter) - ord("A") + 1
    return max(place - 1, following)


def _cell(cell: ElementTree.Element, strings: Sequence[str], dates: set[int], begin: datetime) -> str:
    kind = cell.get("t", "n")
    if kind == "inlineStr":
        inside = cell.find(f"{_MAIN}is")
        return _words(inside) if inside is not None else ""
    value = cell.findtext(f"{_MAIN}v") or ""
    if not value or kind == "e":
        return ""
    if kind == "s":
        return strings[int(value)]
    if kind == "b":
        return "TRUE" if value == "1" else "FALSE"
    if kind != "n":  # a formula's text, or a day that is written out
        return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), value)
    number = float(value)
    if int(cell.get("s", "0")) in dates:
        return _moment(number, begin)
    return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)


def _moment(serial: float, begin: datetime) -> str:
    """A day, a moment or a time of day that a spreadsheet keeps as a number of days."""
    at = begin + timedelta(seconds=round(serial * 86_400))
    if 0 <= serial < 1:
        return f"{at:%H:%M}"
    return f"{at:%Y-%m-%d}" if not (at.hour or at.minute or at.second) else f"{at:%Y-%m-%d %H:%M:%S}"


def _every(book: ZipFile, name: str, tag: str) -> Iterator[ElementTree.Element]:
    """The elements of this name one after the other. None is held once the next is asked for, nor what is between."""
    around: list[ElementTree.Element] = []
    inside = 0
    for happens, each in ElementTree.iterparse(_part(book, name), ("start", "end")):
        if happens == "start":
            around.append(each)
            inside += each.tag == tag
            continue
        around.pop()
        if each.tag == tag:
            yield each
            inside -= 1
        if not inside and around:
            around[-1].clear()


def _tree(book: ZipFile, name: str) -> ElementTree.Element:
    return ElementTree.parse(_part(book, name)).getroot()


def _part(book: ZipFile, name: str) -> IO[bytes]:
    """A part of the workbook, unpacked as it is read. One with a DOCTYPE, whose entities could blow up, is refused, and
    so is one in another encoding than UTF-8, which could hide it."""
    if book.getinfo(name).file_size > UNPACKED_MAX:
        raise Invalid("import_too_large", field="file")
    part = book.open(name)
    head = part.read(2_000)
    if b"<!DOCTYPE" in head or b"\0" in head:
        raise ValueError("not a workbook")
    part.seek(0)
    return part
