"""A sheet as the tables of a file: its figures, its tables, and the numbers of its charts.

Lengths are in seconds and say so in their heading, shares are in [0, 1], moments are told by the desk's clock.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from helpdesk.reporting.files import Leaf
from helpdesk.reporting.values import Fact, Kind, Sheet, Table, Text, Voice, Word, said

_FIGURES = ("figures", "value", "number", "low", "high", "earlier")


def leaves(sheet: Sheet, voice: Voice) -> list[Leaf]:
    """For a spreadsheet, each table on a sheet of its own. A chart's is called what it shows, not what it found."""
    found = [_leaf(table.title, table, voice) for table in sheet.tables]
    found += [_leaf(Word("report_part", chart.key), chart.table(), voice) for chart in sheet.charts]
    if sheet.figures:
        heads = [voice.say("paper", name, None) for name in _FIGURES]
        rows = [
            [headed(each.name, each.kind, voice), Fact(each.kind, each.value), each.of,
             *(Fact(each.kind, bound) for bound in each.interval or ("", "")), Fact(each.kind, each.before)]
            for each in sheet.figures
        ]  # fmt: skip
        found.insert(0, Leaf(heads[0], heads, rows, (34, 12, 10, 12, 12, 12)))
    return found


def lines(sheet: Sheet, voice: Voice) -> tuple[list[str], Iterator[list[Any]]]:
    """For comma-separated values: the first table, or the numbers of the first chart."""
    tables = [*sheet.tables, *(chart.table() for chart in sheet.charts)]
    return (_heads(tables[0], voice), _rows(tables[0], voice)) if tables else ([], iter(()))


def headed(name: Text, kind: Kind, voice: Voice) -> str:
    """What a column of a file is called: with the unit that its numbers do not show."""
    called = said(name, voice)
    return voice.say("report", "in_seconds", {"name": called}) if kind == "seconds" else called


def _leaf(title: Text, table: Table, voice: Voice) -> Leaf:
    heads = _heads(table, voice)
    kinds = [column.kind for column in table.columns]
    return Leaf(said(title, voice), heads, _rows(table, voice), (24, *(14 for _ in heads[1:])), kinds)


def _heads(table: Table, voice: Voice) -> list[str]:
    return [headed(column.name, column.kind, voice) for column in table.columns]


def _rows(table: Table, voice: Voice) -> Iterator[list[Any]]:
    zone = ZoneInfo(voice.timezone)

    def cell(value: Any) -> Any:
        if isinstance(value, datetime):
            return value.astimezone(zone)
        return said(value, voice) if isinstance(value, Word) else value

    for row in (*table.rows, *([table.total] if table.total is not None else [])):
        yield [cell(each) for each in row]
