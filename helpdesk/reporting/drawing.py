"""Charts as SVG, drawn on the server: the reader's own font and colours, no script, no library.

The one idea: geometry stands in attributes and looks stand in classes, so one drawing serves a page in light or dark
(its style sheet gives the classes colours), a strict content policy, and paper (`dress="paper"` brings the few colours
along). Drawings are made for a width, because letters must not shrink with it: a page holds one for each of `WIDTHS`
and shows whichever fits. Every mark says its numbers in a `<title>`; the table of the same numbers stands below.
"""

import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final

from markupsafe import Markup

from helpdesk.reporting.values import Chart, Series, Voice, said, written

WIDE, MIDDLE, NARROW = 720, 480, 340
WIDTHS: Final = {WIDE: "wide", MIDDLE: "middle", NARROW: "narrow"}
"""Each with its name in the style sheet, which shows it where its letters are 11 px high or more."""
HEIGHT: Final = 260
TOP: Final = 16
FOOT: Final = 26
LETTER: Final = 12.5  # height of a letter; half of it is the width of a Latin one
TONES: Final = {"good": "chart-good", "bad": "chart-bad", "quiet": "chart-quiet"}
LINE: Final = 14
HEATS: Final = 6
FOLDED_MAX: Final = 12
"""Columns of a field whose names are folded; of more, as of hours, only some are named."""
PAPER: Final = """text{font-family:"Noto Sans CJK JP";font-size:12px;fill:#4c515d}
.chart-grid{stroke:#e3ded4;stroke-width:1}.chart-line{fill:none;stroke:#3a56a5;stroke-width:2.2}
.chart-whisker{stroke:#3a56a5;stroke-width:1.2;stroke-opacity:.6}.chart-dot,.chart-fill-0{fill:#3a56a5}
.chart-few{fill:#fff;stroke:#3a56a5;stroke-width:1.5}.chart-fill-1{fill:#c9860f}.chart-fill-2{fill:#2c8f8a}
.chart-fill-3{fill:#8a4f9e}.chart-good{fill:#3d9a63;stroke:#3d9a63}.chart-bad{fill:#d4533c;stroke:#d4533c}
.chart-quiet{fill:#a39b8d;stroke:#a39b8d}.chart-number{fill:#1d2028}.chart-strong{fill:#ffffff}
.chart-heat-0{fill:#f4f1eb}.chart-heat-1{fill:#e3e8f6}.chart-heat-2{fill:#c3cdec}.chart-heat-3{fill:#97a8dc}
.chart-heat-4{fill:#566fb8}.chart-heat-5{fill:#3f5aa8}.chart-heat-6{fill:#243970}
.chart-line.chart-fill-1-line{stroke:#c9860f}.chart-line.chart-fill-2-line{stroke:#2c8f8a}
.chart-line.chart-fill-3-line{stroke:#8a4f9e}.chart-line.chart-good-line{stroke:#3d9a63}
.chart-line.chart-bad-line{stroke:#d4533c}.chart-line.chart-quiet-line{stroke:#a39b8d}"""


def draw(chart: Chart, voice: Voice, *, width: int = WIDE, name: str = "", dress: str = "page") -> Markup:
    """The chart as an SVG element. `name` makes its ids unique on a page; with `dress` "paper" it stands by itself."""
    name = name or chart.key
    parts, height = _WAYS[chart.drawn](chart, voice, width)
    style = Markup("<style>{}</style>").format(Markup(PAPER)) if dress == "paper" else Markup("")
    size = Markup(' xmlns="http://www.w3.org/2000/svg" width="{}" height="{}"').format(width, height)
    return Markup(
        '<svg class="drawing" data-width="{kind}"{size} viewBox="0 0 {w} {h}" role="img" '
        'aria-labelledby="{id}-t {id}-d"><title id="{id}-t">{title}</title><desc id="{id}-d">{desc}</desc>'
        "{style}{parts}</svg>"
    ).format(
        kind=WIDTHS[width], size=size if dress == "paper" else "", w=width, h=round(height),
        id=f"{name}-{width}", title=said(chart.title, voice), desc=_described(chart, voice), style=style,
        parts=Markup("").join(parts),
    )  # fmt: skip


def classes(chart: Chart) -> list[tuple[Series, str]]:
    """The class of each series' colour, for a key beside the drawing."""
    return [(each, _class(each, place)) for place, each in enumerate(chart.series)]


def _class(series: Series, place: int) -> str:
    return TONES.get(series.tone, f"chart-fill-{place % 4}")


def _described(chart: Chart, voice: Voice) -> str:
    """What is drawn: the series and their range."""
    told = []
    for each in chart.series[:8]:
        known = [value for value in each.values if value is not None]
        if known:
            low, high = (written(chart.kind, value, voice) for value in (min(known), max(known)))
            told.append(f"{said(each.name, voice)} {low} – {high}")
    return " · ".join(told)


# --- over time: lines and columns -------------------------------------------------------------------------------------


class _Frame:
    """Where values lie: places from left to right, an upright axis of round numbers."""

    def __init__(self, chart: Chart, voice: Voice, width: int, top: float) -> None:
        self.chart, self.voice, self.width = chart, voice, width
        self.step, self.top_value = _scale(top, chart.kind)
        # an axis of whole numbers says no tenths
        kind = "count" if chart.kind == "tenths" and float(self.step).is_integer() else chart.kind
        marks = [written(kind, step * self.step, voice) for step in range(self._steps() + 1)]
        self.left = 8 + max(_width(mark) for mark in marks)
        self.marks = marks
        self.slot = (width - self.left - 8) / max(1, len(chart.places))

    def x(self, place: float) -> float:
        """The middle of a place."""
        return round(self.left + (place + 0.5) * self.slot, 1)

    def y(self, value: float) -> float:
        """The height of a value."""
        return round(HEIGHT - FOOT - value / self.top_value * (HEIGHT - FOOT - TOP), 1)

    def grid(self) -> list[Markup]:
        """Lines of equal value with their numbers, and the names of as many places as there is room for."""
        parts = []
        for step, mark in enumerate(self.marks):
            up = self.y(step * self.step)
            parts.append(_line("chart-grid", self.left, up, self.width - 8, up))
            parts.append(_text("chart-tick", self.left - 6, up + 4, mark, "end"))
        names = [said(place, self.voice) for place in self.chart.places]
        widest = max((_width(name) for name in names), default=0)
        every = max(1, math.ceil((widest + 10) / self.slot))
        for place in range(0, len(names), every):
            if self.x(place) + widest / 2 <= self.width:
                parts.append(_text("chart-tick", self.x(place), HEIGHT - 8, names[place], "middle"))
        return parts

    def _steps(self) -> int:
        return round(self.top_value / self.step)


def _lines(chart: Chart, voice: Voice, width: int) -> tuple[list[Markup], float]:
    """A line a series; where there are intervals, dots with whiskers, hollow where few stand behind them."""
    tops = [v for each in chart.series for v in (*each.values, *each.high) if v is not None]
    frame = _Frame(chart, voice, width, max(tops, default=1))
    parts = frame.grid()
    for number, each in enumerate(chart.series):
        colour = _class(each, number)
        for stretch in _stretches(each.values):
            points = " ".join(f"{frame.x(place)},{frame.y(value)}" for place, value in stretch)
            parts.append(Markup('<polyline class="chart-line {}" points="{}"/>').format(colour + "-line", points))
        for place, value in enumerate(each.values):
            if value is None:
                continue
            words = _mark(chart, voice, each, place)
            low, high = (bounds[place] if bounds else None for bounds in (each.low, each.high))
            if low is not None and high is not None:
                parts.append(_line("chart-whisker", frame.x(place), frame.y(low), frame.x(place), frame.y(high)))
            few = bool(each.of) and each.of[place] < 20
            size = 3 if frame.slot < 14 else 4
            parts.append(_dot("chart-few" if few else colour, frame.x(place), frame.y(value), size, words))
    return parts, HEIGHT


def _columns(chart: Chart, voice: Voice, width: int) -> tuple[list[Markup], float]:
    """Series on top of each other, a column a place."""
    sums = [sum(each.values[place] or 0 for each in chart.series) for place in range(len(chart.places))]
    frame = _Frame(chart, voice, width, max(sums, default=1))
    parts = frame.grid()
    wide = round(max(2.0, min(36.0, frame.slot * 0.72)), 1)
    for place in range(len(chart.places)):
        below = 0.0
        for number, each in enumerate(chart.series):
            value = each.values[place] or 0
            if value:
                top, foot = frame.y(below + value), frame.y(below)
                words = _mark(chart, voice, each, place)
                parts.append(_rect(_class(each, number), round(frame.x(place) - wide / 2, 1), top, wide,
                                   round(foot - top, 1), words))  # fmt: skip
            below += value
    return parts, HEIGHT


# --- downwards: bars and intervals -----------------------------------------------------------------------------------


def _bars(chart: Chart, voice: Voice, width: int) -> tuple[list[Markup], float]:
    """Bars from left to right under each place's name, their number behind them."""
    most = max((value for each in chart.series for value in each.values if value is not None), default=0) or 1
    numbers = [written(chart.kind, value, voice) for each in chart.series for value in each.values]
    room = width - 16 - max((_width(number) for number in numbers), default=0)
    label, beside = _labels([said(place, voice) for place in chart.places], width)
    room -= label
    parts: list[Markup] = []
    y, thick = 4.0, 13.0 if len(chart.series) > 1 else 16.0
    for place, name in enumerate(chart.places):
        y = _named(parts, said(name, voice), y, label, beside, thick * len(chart.series))
        for number, each in enumerate(chart.series):
            value = each.values[place]
            long = round(max(1.5, room * (value or 0) / most), 1)
            if value is not None:
                parts.append(_rect(_class(each, number), label, y, long, thick - 2, _mark(chart, voice, each, place)))
            parts.append(
                _text("chart-number", label + long + 6, y + thick - 3.5, written(chart.kind, value, voice), "start")
            )
            y += thick
        y += 8
    return parts, y


def _intervals(chart: Chart, voice: Voice, width: int) -> tuple[list[Markup], float]:
    """A dot for each value with its interval as a line, all on one scale from left to right."""
    top = max((v for each in chart.series for v in (*each.values, *each.high) if v is not None), default=1)
    step, most = _scale(top, chart.kind)
    label, beside = _labels([said(place, voice) for place in chart.places], width)
    begins = label + (6 if beside else 14)  # where nothing stands beside, half of the first number needs the room
    room = width - begins - 24

    def x(value: float) -> float:
        return round(begins + value / most * room, 1)

    parts: list[Markup] = []
    rows: list[Markup] = []
    y, tall = 6.0, 13.0
    for place, name in enumerate(chart.places):
        y = _named(rows, said(name, voice), y, label, beside, tall * len(chart.series))
        for number, each in enumerate(chart.series):
            value = each.values[place]
            if value is not None:
                low, high = (bounds[place] if bounds else None for bounds in (each.low, each.high))
                middle, colour = y + tall / 2, _class(each, number)
                if low is not None and high is not None:
                    rows.append(_line(f"chart-whisker {colour}", x(low), middle, x(high), middle))
                rows.append(_dot(colour, x(value), middle, 4.5, _mark(chart, voice, each, place)))
            y += tall
        y += 8
    for count in range(round(most / step) + 1):
        at = x(count * step)
        parts.append(_line("chart-grid", at, 2, at, y))
        if count % (2 if width <= NARROW else 1) == 0:
            parts.append(_text("chart-tick", at, y + 16, written(chart.kind, count * step, voice), "middle"))
    return parts + rows, y + FOOT


def _labels(names: Iterable[str], width: int, share: float = 0.36) -> tuple[float, bool]:
    """Room for names beside what they name, or none where they would take more than a share and stand above it."""
    widest = max((_width(name) for name in names), default=0)
    return (widest + 12, True) if widest + 12 <= width * share else (0.0, False)


def _named(parts: list[Markup], name: str, y: float, label: float, beside: bool, tall: float) -> float:
    """Write a place's name; where its bars begin."""
    if beside:
        parts.append(_text("chart-name", label - 8, y + tall / 2 + 3.5, name, "end"))
        return y
    parts.append(_text("chart-name", 0, y + 10, name, "start"))
    return y + 16


# --- fields -----------------------------------------------------------------------------------------------------------


def _heat(chart: Chart, voice: Voice, width: int) -> tuple[list[Markup], float]:
    """A field of cells, darker the more; their numbers inside where there is room."""
    names = [said(each.name, voice) for each in chart.series]
    left, beside = _labels(names, width, 0.36 if width <= NARROW else 0.45)
    wide = (width - left) / max(1, len(chart.places))
    tall = 24.0
    most = max((value or 0 for each in chart.series for value in each.values), default=0) or 1
    parts: list[Markup] = []
    y = float(TOP)
    for name, each in zip(names, chart.series, strict=True):
        y = _named(parts, name, y, left, beside, tall)
        for place, value in enumerate(each.values):
            level = math.ceil(HEATS * (value or 0) / most)
            x = round(left + place * wide, 1)
            words = _mark(chart, voice, each, place)
            parts.append(_rect(f"chart-heat-{level}", x, y, round(wide - 1.5, 1), tall - 1.5, words))
            number = written(chart.kind, value, voice)
            if value and _width(number) + 2 <= wide:
                tone = "chart-strong" if level >= 4 else "chart-number"
                parts.append(_text(tone, round(x + wide / 2, 1), y + 16, number, "middle"))
        y += tall if beside else tall + 6
    below = [said(place, voice) for place in chart.places]
    widest = max((_width(name) for name in below), default=0) + 4
    is_folded = widest > wide and len(below) <= FOLDED_MAX
    every = 1 if is_folded else max(1, math.ceil(widest / wide))
    lines = [_folded(name, wide - 4) if is_folded else [name] for name in below]
    for place in range(0, len(below), every):
        x = round(left + (place + 0.5) * wide, 1)
        for deep, line in enumerate(lines[place]):
            parts.append(_text("chart-tick", x, y + 16 + deep * LINE, line, "middle"))
    return parts, y + FOOT + LINE * (max((len(each) for each in lines), default=1) - 1)


def _folded(name: str, room: float) -> list[str]:
    """A name in lines no wider than `room`, broken between words and Japanese letters; three at most, evenly long, so
    that no letter stands alone."""
    lines = _broken(name, room)
    while room > LETTER and len(tighter := _broken(name, room := room - LETTER / 2)) == len(lines):
        lines = tighter
    return lines if len(lines) <= 3 else [*lines[:2], lines[2][:-1] + "…"]


def _broken(name: str, room: float) -> list[str]:
    lines = [""]
    for piece in re.findall(r"[!-~]+ ?|.", name):
        if lines[-1] and _width((lines[-1] + piece).rstrip()) > room:
            lines.append("")
        lines[-1] += piece
    return [line.strip() for line in lines]


_WAYS = {"line": _lines, "stacked": _columns, "bars": _bars, "intervals": _intervals, "heat": _heat}


# --- small pieces -----------------------------------------------------------------------------------------------------


def _mark(chart: Chart, voice: Voice, series: Series, place: int) -> str:
    """What a mark says of itself: "11/16 · Answered 12"."""
    words = f"{said(chart.places[place], voice)} · {said(series.name, voice)} "
    words += written(chart.kind, series.values[place], voice)
    if series.low and series.low[place] is not None:
        low, high = (written(chart.kind, bounds[place], voice) for bounds in (series.low, series.high))
        words += f" ({low} – {high})"
    return f"{words} · n = {series.of[place]:,}" if series.of else words


def _scale(top: float, kind: str) -> tuple[float, float]:
    """A round step, and the round number at or above the top, so that four or five steps make it."""
    if kind == "share":
        step = 0.25 if top > 0.5 else 0.1 if top > 0.2 else 0.05
        return step, min(1.0, math.ceil(round(top / step, 6)) * step) or step
    rough = max(top, 1e-9) / 4
    if kind == "seconds":
        steps: Iterable[float] = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)
        step = next((each for each in steps if each >= rough), math.ceil(rough / 86400) * 86400)
    else:
        power = 10 ** math.floor(math.log10(rough))
        step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough - 1e-12)
        step = max(step, 1) if kind == "count" else step
    return step, math.ceil(round(top / step, 6)) * step or step


def _stretches(values: Sequence[float | None]) -> list[list[tuple[int, float]]]:
    """Runs of known values, so that a line breaks where there is nothing to say."""
    found: list[list[tuple[int, float]]] = [[]]
    for place, value in enumerate(values):
        if value is None:
            found.append([])
        else:
            found[-1].append((place, value))
    return [each for each in found if len(each) > 1]


def _width(text: str) -> float:
    """About how wide a text is drawn: a Japanese letter is square, a Latin one little more than half of that."""
    return sum(LETTER if unicodedata.east_asian_width(letter) in "WF" else LETTER * 0.64 for letter in text)


def _line(kind: str, x1: float, y1: float, x2: float, y2: float) -> Markup:
    return Markup('<line class="{}" x1="{:g}" y1="{:g}" x2="{:g}" y2="{:g}"/>').format(kind, x1, y1, x2, y2)


def _text(kind: str, x: float, y: float, text: str, anchor: str) -> Markup:
    return Markup('<text class="{}" x="{:g}" y="{:g}" text-anchor="{}">{}</text>').format(kind, x, y, anchor, text)


def _rect(kind: str, x: float, y: float, width: float, height: float, words: str) -> Markup:
    rect = '<rect class="{}" x="{:g}" y="{:g}" width="{:g}" height="{:g}" rx="1.5"><title>{}</title></rect>'
    return Markup(rect).format(kind, x, y, width, height, words)


def _dot(kind: str, x: float, y: float, size: float, words: str) -> Markup:
    dot = '<circle class="{}" cx="{:g}" cy="{:g}" r="{:g}"><title>{}</title></circle>'
    return Markup(dot).format(kind, x, y, size, words)
