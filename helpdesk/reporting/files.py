"""Tables as files: comma-separated values and spreadsheets, in which no text of a stranger becomes a formula.

The one idea: rows come one at a time and go one at a time. A spreadsheet is written to a file on the disk, never held;
when one of its sheets is full (Excel's own limit) the next one goes on, so no row is left out.
"""

import csv
import io
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
"""Tells spreadsheets that a file is UTF-8."""
ROWS_MAX: Final = 1_048_576
"""Of one sheet, by the format."""
PIECE: Final = 256 * 1024
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CSV: Final = "text/csv; charset=utf-8"
PDF: Final = "application/pdf"
_FORMATS: Final = {
    "share": "0.0%", "number": "#,##0.00", "points": "+0;-0;0", "count": "#,##0", "seconds": "#,##0",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Leaf:
    """One table of a spreadsheet. `kinds` of the columns as in values.py, "" where the value shows itself."""

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


def write_spreadsheet(path: Path, leaves: Iterable[Leaf]) -> None:
    """An Excel file, written row by row, the heads of each table frozen on top."""
    from xlsxwriter import Workbook

    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False,
               "strings_to_numbers": False, "tmpdir": str(path.parent)}  # fmt: skip
    with Workbook(str(path), options) as book:
        bold = book.add_format({"bold": True})
        formats = {kind: book.add_format({"num_format": shown}) for kind, shown in _FORMATS.items()}
        names: set[str] = set()
        for leaf in leaves:
            kinds = [formats.get(kind) for kind in leaf.kinds]
            sheet: Any = None
            number = ROWS_MAX
            for row in leaf.rows:
                if number >= ROWS_MAX:
                    sheet, number = _sheet(book, leaf, bold, names), 1
                for column, value in enumerate(row):
                    if value is not None and value != "":
                        sheet.write(number, column, _plain(value), kinds[column] if column < len(kinds) else None)
                number += 1
            if sheet is None:
                _sheet(book, leaf, bold, names)


def spreadsheet_pieces(leaves: Iterable[Leaf], *, folder: Path | None = None) -> Iterator[bytes]:
    """The same as pieces to send. The file is gone when the last one was taken, or nobody takes more."""
    with tempfile.TemporaryDirectory(dir=folder, prefix="desk-sheet-") as made:
        path = Path(made) / "sheet.xlsx"
        write_spreadsheet(path, leaves)
        with path.open("rb") as file:
            os.unlink(path)
            while piece := file.read(PIECE):
                yield piece


def harmless(text: str) -> str:
    """What a spreadsheet would take for a formula is kept from being one."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _sheet(book: Any, leaf: Leaf, bold: Any, names: set[str]) -> Any:
    name = _name(leaf.name, names)
    sheet = book.add_worksheet(name)
    sheet.freeze_panes(1, 0)
    for column, width in enumerate(leaf.widths):
        sheet.set_column(column, column, width)
    sheet.write_row(0, 0, leaf.heads, bold)
    return sheet


def _name(asked: str, names: set[str]) -> str:
    """A name Excel takes: 31 letters, some forbidden, none twice."""
    plain = "".join(" " if letter in "[]:*?/\\" else letter for letter in asked).strip("' ")[:28] or "1"
    name, number = plain, 1
    while name.casefold() in names:
        number += 1
        name = f"{plain} {number}"
    names.add(name.casefold())
    return name


def _plain(value: Any) -> Any:
    """Times as ISO 8601, which every program reads the same."""
    return value.isoformat() if isinstance(value, datetime | date) else value


def _and(first: Sequence[Any], rest: Iterable[Sequence[Any]]) -> Iterator[Sequence[Any]]:
    yield first
    yield from rest
