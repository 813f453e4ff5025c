"""Tables as files: comma-separated values and spreadsheets, in which no text of a stranger becomes a formula.

The one idea: rows come one at a time and go one at a time. What surrounds the rows of a spreadsheet is made by a
library, which writes whole files only; the rows are put between by ourselves, so the first of two million leaves at
once. When a sheet is full (Excel's own limit) the next one goes on, so no row is left out.
"""

import csv
import io
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Final
from xml.sax.saxutils import escape
from zipfile import ZIP_DEFLATED, ZipFile

from helpdesk.reporting.values import Fact

BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
"""Tells spreadsheets that a file is UTF-8."""
ROWS_MAX: Final = 1_048_576
"""Of one sheet, by the format."""
LETTERS_MAX: Final = 32_767
"""Of one cell, by the format."""
BYTES_MAX: Final = 1_900_000_000
"""Of one sheet: from two gigabytes on the archive would need a form that Excel does not open."""
PIECE: Final = 256 * 1024
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CSV: Final = "text/csv; charset=utf-8"
PDF: Final = "application/pdf"
_SHEETS: Final = "xl/worksheets/sheet"
_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML has no room for."""
_FORMATS: Final = {
    "share": "0.0%", "ratio": "0%", "number": "#,##0.00", "tenths": "#,##0.0", "points": "+0;-0;0", "count": "#,##0",
    "seconds": "#,##0", "day": "yyyy/mm/dd", "moment": "yyyy/mm/dd hh:mm",
}  # fmt: skip
_DAY_0: Final = datetime(1899, 12, 30)
"""From which a spreadsheet counts its days."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One table of a spreadsheet. `kinds` of the columns as in values.py, "" where the value shows itself; a cell that
    is a `Fact` has a kind of its own, and a day or moment shows itself, a moment on the clock of its time zone."""

    name: str
    heads: Sequence[str]
    rows: Iterable[Sequence[Any]]
    widths: Sequence[int] = ()
    kinds: Sequence[str] = ()


def csv_lines(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[bytes]:
    """A few lines at a time, the heads first; each row in their order."""
    yield BYTE_ORDER_MARK
    held = io.StringIO()
    lines = csv.writer(held)
    for row in _and(heads, rows):
        lines.writerow([harmless(value) if isinstance(value, str) else _plain(value) for value in row])
        if held.tell() > PIECE // 4:
            yield held.getvalue().encode()
            held.seek(0)
            held.truncate()
    yield held.getvalue().encode()


def spreadsheet_pieces(leaves: Iterable[Leaf]) -> Iterator[bytes]:
    """An Excel file as pieces to send, each while the rows of the next are read; the heads of each table are frozen on
    top. First go the sheets, and at the end what holds them together."""
    outbox, names, parts = _Outbox(), set[str](), list[tuple[str, Leaf]]()
    with ZipFile(outbox, "w", ZIP_DEFLATED, compresslevel=2) as archive:
        for leaf in leaves:
            rows = iter(leaf.rows)
            row = next(rows, None)
            while True:
                parts.append((_name(leaf.name, names), leaf))
                top, bottom, looks = _around(leaf, is_first=len(parts) == 1)
                styles = [looks.get(kind, "") for kind in leaf.kinds]
                with archive.open(f"{_SHEETS}{len(parts)}.xml", "w") as sheet:
                    number, size = 1, sheet.write(top)
                    while row is not None and number < ROWS_MAX and size < BYTES_MAX:
                        number += 1
                        size += sheet.write(_row(number, row, styles, looks))
                        if len(outbox) > PIECE:
                            yield outbox.take()
                        row = next(rows, None)
                    sheet.write(bottom)
                if row is None:
                    break
        for name, content in _book(parts).items():
            if not name.startswith(_SHEETS):
                archive.writestr(name, content)
    yield outbox.take()


def harmless(text: str) -> str:
    """What a spreadsheet would take for a formula is kept from being one."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


class _Outbox(io.RawIOBase):
    """Where an archive is written to: what was not taken yet. It cannot go back, and the archive does not ask it to."""

    def __init__(self) -> None:
        self._held = bytearray()

    def __len__(self) -> int:
        return len(self._held)

    def writable(self) -> bool:
        return True

    def write(self, piece: Any) -> int:
        self._held += piece
        return len(piece)

    def take(self) -> bytes:
        """All of it."""
        held, self._held = bytes(self._held), bytearray()
        return held


def _book(parts: Sequence[tuple[str, Leaf]]) -> dict[str, bytes]:
    """An Excel file of these tables without their rows, by the names of what is in it. The second line of each sheet
    has one empty cell of every format, which says by what number the format goes."""
    from xlsxwriter import Workbook

    made = io.BytesIO()
    with Workbook(made, {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}) as book:
        bold = book.add_format({"bold": True})
        formats = [book.add_format({"num_format": shown}) for shown in _FORMATS.values()]
        for name, leaf in parts:
            sheet = book.add_worksheet(name)
            sheet.freeze_panes(1, 0)
            for column, width in enumerate(leaf.widths):
                sheet.set_column(column, column, width)
            sheet.write_row(0, 0, leaf.heads, bold)
            for column, each in enumerate(formats):
                sheet.write_blank(1, column, None, each)
    with ZipFile(made) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _around(leaf: Leaf, *, is_first: bool) -> tuple[bytes, bytes, dict[str, str]]:
    """What stands above and below the rows of a sheet, and for each kind what a cell says of its format."""
    whole = _book([("1", leaf)])[f"{_SHEETS}1.xml"].decode()
    top, _, rest = whole.partition('<row r="2"')
    numbers = dict(zip(_FORMATS, re.findall(r' s="(\d+)"', rest), strict=True))
    top = re.sub(r"<dimension [^>]*/>", "", top)  # said before the rows, which nobody has counted
    if not is_first:
        top = top.replace(' tabSelected="1"', "")
    looks = {kind: f' s="{number}"' for kind, number in numbers.items()}
    return top.encode(), rest[rest.index("</sheetData>") :].encode(), looks


def _row(number: int, row: Sequence[Any], styles: Sequence[str], looks: Mapping[str, str]) -> bytes:
    cells = []
    for column, given in enumerate(row):
        style, value = styles[column] if column < len(styles) else "", given
        if isinstance(value, Fact):
            style, value = looks.get(value.kind, ""), value.value
        if isinstance(value, date):
            style, value = looks["moment" if isinstance(value, datetime) else "day"], _serial(value)
        if value is None or value == "" or (isinstance(value, float) and not math.isfinite(value)):
            continue
        place = f'<c r="{_letters(column)}{number}"{style}'
        if isinstance(value, bool):
            cells.append(f'{place} t="b"><v>{value:d}</v></c>')
        elif isinstance(value, int | float):
            cells.append(f"{place}><v>{value!r}</v></c>")
        else:
            text = escape(_FORBIDDEN.sub("", str(value))[:LETTERS_MAX])
            cells.append(f'{place} t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>')
    return f'<row r="{number}">{"".join(cells)}</row>'.encode()


@lru_cache
def _letters(column: int) -> str:
    """What a spreadsheet calls a column: A to Z, AA ..."""
    above, last = divmod(column, 26)
    return (_letters(above - 1) if above else "") + chr(ord("A") + last)


def _name(asked: str, names: set[str]) -> str:
    """A name Excel takes: 31 letters, some forbidden, none twice."""
    plain = "".join(" " if letter in "[]:*?/\\" else letter for letter in asked).strip("' ")[:28] or "1"
    name, number = plain, 1
    while name.casefold() in names:
        number += 1
        name = f"{plain} {number}"
    names.add(name.casefold())
    return name


def _serial(at: date) -> float:
    """A day, or a moment on the clock it is told by, as a spreadsheet keeps it: days since the end of 1899."""
    if not isinstance(at, datetime):
        return float((datetime(at.year, at.month, at.day) - _DAY_0).days)
    return (at.replace(tzinfo=None) - _DAY_0).total_seconds() / 86_400


def _plain(value: Any) -> Any:
    """Times as ISO 8601, which every program reads the same."""
    value = value.value if isinstance(value, Fact) else value
    return value.isoformat() if isinstance(value, datetime | date) else value


def _and(first: Sequence[Any], rest: Iterable[Sequence[Any]]) -> Iterator[Sequence[Any]]:
    yield first
    yield from rest
