"""A sheet as the tables of a file: its figures, its tables, and the numbers of its charts."""

from collections.abc import Iterator
from typing import Any

from helpdesk.reporting.files import Leaf
from helpdesk.reporting.values import Day, Sheet, Table, Voice, Word, said

_FIGURES = ("figures", "value", "number", "low", "high", "earlier")


def leaves(sheet: Sheet, voice: Voice) -> list[Leaf]:
    """For a spreadsheet, each table on a sheet of its own."""
    found = [_leaf(table, voice) for table in sheet.tables]
    found += [_leaf(chart.table(), voice) for chart in sheet.charts]
    if sheet.figures:
        heads = [voice.say("paper", name, None) for name in _FIGURES]
        rows = [[said(each.name, voice), each.value, each.of, *(each.interval or ("", "")), each.before]
                for each in sheet.figures]  # fmt: skip
        found.insert(0, Leaf(heads[0], heads, rows, (34, 12, 10, 12, 12, 12)))
    return found


def lines(sheet: Sheet, voice: Voice) -> tuple[list[str], Iterator[list[Any]]]:
    """For comma-separated values: the first table, or the numbers of the first chart."""
    tables = [*sheet.tables, *(chart.table() for chart in sheet.charts)]
    if not tables:
        return [], iter(())
    return [said(column.name, voice) for column in tables[0].columns], _rows(tables[0], voice)


def _leaf(table: Table, voice: Voice) -> Leaf:
    heads = [said(column.name, voice) for column in table.columns]
    kinds = [column.kind for column in table.columns]
    return Leaf(said(table.title, voice), heads, _rows(table, voice), (24, *(14 for _ in heads[1:])), kinds)


def _rows(table: Table, voice: Voice) -> Iterator[list[Any]]:
    for row in (*table.rows, *([table.total] if table.total is not None else [])):
        yield [said(cell, voice) if isinstance(cell, Word | Day) else cell for cell in row]
