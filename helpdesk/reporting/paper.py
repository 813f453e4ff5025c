"""A report as a PDF that can be handed to a director: findings first, charts, tables that go on over pages.

The one idea: the layout stands in a template of its own (paper.typ) and gets everything as data, never as part of its
text, so no name in a report can become a command. The font is brought along; what the machine has does not matter.
"""

import json
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from helpdesk.errors import Conflict
from helpdesk.reporting import drawing
from helpdesk.reporting.values import Figure, Sheet, Table, Voice, from_to, said, written

TEMPLATE: Final = Path(__file__).with_name("paper.typ")
PRESS: Final = Path(__file__).with_name("press.py")
AT_ONCE: Final = 2
"""Documents in the making in one process; whoever asks beyond that waits for `PATIENCE` seconds."""
PATIENCE: Final = 20.0
LONGEST: Final = 60.0
"""Seconds after which a document is given up; a large one takes one."""
ROWS_MAX: Final = 2_000
"""Lines of a table on paper; the file has all of them."""
_turns = threading.BoundedSemaphore(AT_ONCE)


@dataclass(frozen=True, slots=True)
class Cover:
    """What stands on top: whose report, of what and when."""

    desk: str
    title: str
    chosen: Sequence[str]  # such as the queue
    made_at: datetime


def pdf(sheets: Sequence[tuple[str, Sheet]], cover: Cover, voice: Voice) -> bytes:
    """One document of one or several sheets, each with its title. Raises `Conflict("too_many_documents")`."""
    import noto_cjk_sans_jp_regular

    fonts = str(Path(noto_cjk_sans_jp_regular.__file__).parent)
    data = json.dumps(_document(sheets, cover, voice), ensure_ascii=False).encode("utf-8", "replace")
    if not _turns.acquire(timeout=PATIENCE):
        raise Conflict("too_many_documents")
    try:
        command = [sys.executable, "-I", str(PRESS), str(TEMPLATE), fonts]
        return subprocess.run(command, input=data, stdout=subprocess.PIPE, timeout=LONGEST, check=True).stdout
    except subprocess.TimeoutExpired:
        raise Conflict("too_many_documents") from None
    finally:
        _turns.release()


def _document(sheets: Sequence[tuple[str, Sheet]], cover: Cover, voice: Voice) -> dict[str, Any]:
    say = voice.say
    first = sheets[0][1].interval
    facts = [from_to(first, voice)]
    if before := sheets[0][1].before:
        facts.append(say("report", "held_against", {"days": from_to(before, voice)}))
    return {
        "language": voice.language,
        "desk": cover.desk,
        "title": cover.title,
        "facts": [*facts, *cover.chosen],
        "made": say("paper", "made", {"at": written("moment", cover.made_at, voice)}),
        "page": say("paper", "page", {"number": "{n}", "of": "{m}"}),
        "words": {name: say("paper", name, None) for name in ("findings", "figures", "formulas")},
        "sheets": [
            {
                "title": title,
                "findings": [said(each, voice) for each in sheet.findings],
                "notes": [said(each, voice) for each in sheet.notes],
                "figures": [_figure(each, voice) for each in sheet.figures],
                "charts": [_chart(each, voice) for each in sheet.charts],
                "tables": [_table(each, voice) for each in sheet.tables],
                "formulas": _formulas(sheet, voice),
            }
            for title, sheet in sheets
        ],
    }


def _figure(figure: Figure, voice: Voice) -> dict[str, str]:
    return {"name": said(figure.name, voice), "value": written(figure.kind, figure.value, voice),
            "note": note(figure, voice)}  # fmt: skip


def note(figure: Figure, voice: Voice) -> str:
    """What stands small below a figure: its range, of how many it is, and the period before."""
    parts = []
    if figure.interval:
        low, high = (written(figure.kind, bound, voice) for bound in figure.interval)
        parts.append(f"{low} – {high}")
    if figure.of is not None:
        parts.append(f"n = {figure.of:,}")
    if figure.before is not None:
        parts.append(voice.say("paper", "before", {"value": written(figure.kind, figure.before, voice)}))
    return " · ".join(parts)


def _chart(chart: Any, voice: Voice) -> dict[str, Any]:
    colours = [(said(each.name, voice), _paint(kind)) for each, kind in drawing.classes(chart)]
    return {
        "title": said(chart.title, voice), "svg": str(drawing.draw(chart, voice, dress="paper")),
        "key": colours if len(colours) > 1 and chart.drawn != "heat" else [],
    }  # fmt: skip


def _paint(kind: str) -> str:
    """The colour a class has on paper."""
    rule = drawing.PAPER[drawing.PAPER.index(f".{kind}{{") if f".{kind}{{" in drawing.PAPER else 0 :]
    return "#" + rule.split("fill:#", 1)[1][:6]


def _table(table: Table, voice: Voice) -> dict[str, Any]:
    kinds = [column.kind for column in table.columns]

    def line(row: Sequence[Any]) -> list[str]:
        return [written(kind, value, voice) for kind, value in zip(kinds, row, strict=True)]

    return {
        "title": said(table.title, voice),
        "heads": [said(column.name, voice) for column in table.columns],
        "right": [kind not in ("text", "day", "moment") for kind in kinds],
        "rows": [line(row) for row in table.rows[:ROWS_MAX]],
        "total": line(table.total) if table.total is not None else [],
        "more": voice.say("paper", "more", {"count": f"{len(table.rows) - ROWS_MAX:,}"})
        if len(table.rows) > ROWS_MAX else "",
    }  # fmt: skip


def _formulas(sheet: Sheet, voice: Voice) -> list[list[str]]:
    told: dict[str, str] = {}
    for figure in sheet.figures:
        if figure.formula:
            told[said(figure.name, voice)] = said(figure.formula, voice)
    for table in sheet.tables:
        for column in table.columns:
            if column.formula:
                told.setdefault(said(column.name, voice), said(column.formula, voice))
    return [[name, formula] for name, formula in told.items()]
