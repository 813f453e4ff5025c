"""Tables as files: comma-separated values and spreadsheets, in which no text of a stranger becomes a formula."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
"""Tells spreadsheets that a file is UTF-8."""


def csv_lines(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[bytes]:
    """A line at a time, the heads first; each row in their order."""
    yield BYTE_ORDER_MARK
    for row in (heads, *rows):
        line = io.StringIO()
        csv.writer(line).writerow([_harmless(value) if isinstance(value, str) else value for value in row])
        yield line.getvalue().encode()


def spreadsheet(heads: Sequence[str], rows: Iterable[Sequence[Any]], *, widths: Sequence[int] = ()) -> bytes:
    """An Excel file of one sheet, written row by row, the heads frozen on top. `widths` are of the columns, in
    characters."""
    from xlsxwriter import Workbook

    content = io.BytesIO()
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False,
               "strings_to_numbers": False}  # fmt: skip
    with Workbook(content, options) as book:
        sheet = book.add_worksheet()
        sheet.freeze_panes(1, 0)
        for column, width in enumerate(widths):
            sheet.set_column(column, column, width)
        sheet.write_row(0, 0, heads, book.add_format({"bold": True}))
        for number, row in enumerate(rows, 1):
            sheet.write_row(number, 0, row)
    return content.getvalue()


def _harmless(text: str) -> str:
    """What a spreadsheet would take for a formula is kept from being one."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
