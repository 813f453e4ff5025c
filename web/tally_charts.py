"""The drawings of the report of service: what came and was done by day, what was left, and the week as a map.

As in `web/charts.py` each is an inline SVG from numbers that a verb gave; a table stands beside every one.
"""

import math
from collections.abc import Sequence
from datetime import date

from markupsafe import Markup

from helpdesk import dates
from helpdesk.tallies.figures import DayLine

WIDTH, HEIGHT = 720, 244
LEFT, RIGHT, TOP, BOTTOM = 46, 10, 12, 40
MOST_BARS = 62
"""More days than these are drawn as weeks."""
MOST_NAMES = 4
"""Of days below a drawing, at even steps."""
LEVELS = 6


def days(lines: Sequence[DayLine], *, opened: str, resolved: str, label: str, language: str) -> Markup:
    """What came as bars, what was resolved as a line."""
    slots = _slots([(each.day, each.opened, each.resolved) for each in lines])
    most = _round_up(max([max(came, done) for _, came, done in slots], default=1))
    wide = (WIDTH - LEFT - RIGHT) / max(1, len(slots))
    parts = []
    for place, (first, came, done) in enumerate(slots):
        top = _y(came, most)
        said = f"{dates.whole_with_weekday(first, language)} · {opened} {came:,} · {resolved} {done:,}"
        parts.append(_rect("service-bar", LEFT + (place + 0.12) * wide, top, wide * 0.76, HEIGHT - BOTTOM - top, said))
    across = [round(LEFT + (place + 0.5) * wide, 1) for place in range(len(slots))]
    points = " ".join(f"{x},{_y(done, most)}" for x, (_, _, done) in zip(across, slots, strict=True))
    parts.append(Markup('<polyline class="chart-curve" points="{}"/>').format(points))
    return _drawn(parts, most, list(zip(across, (first for first, _, _ in slots), strict=True)), label, language)


def backlog(lines: Sequence[DayLine], *, label: str, language: str) -> Markup:
    """What was left at the end of each day, as an area."""
    told = [(each.day, each.backlog) for each in lines if each.backlog is not None]
    if len(told) < 2:
        return Markup("")
    most = _round_up(max(count for _, count in told))
    wide = (WIDTH - LEFT - RIGHT) / max(1, len(told) - 1)
    across = [round(LEFT + place * wide, 1) for place in range(len(told))]
    points = [f"{x},{_y(count, most)}" for x, (_, count) in zip(across, told, strict=True)]
    foot = HEIGHT - BOTTOM
    parts = [
        Markup('<polygon class="service-area" points="{},{} {} {},{}"/>').format(
            LEFT, foot, " ".join(points), WIDTH - RIGHT, foot),
        Markup('<polyline class="chart-curve" points="{}"/>').format(" ".join(points)),
    ]  # fmt: skip
    return _drawn(parts, most, list(zip(across, (day for day, _ in told), strict=True)), label, language)


def heat(week: Sequence[Sequence[int]], *, days: Sequence[str], label: str) -> Markup:
    """A square for each hour of each weekday, darker the more came."""
    most = max((count for row in week for count in row), default=0) or 1
    wide, high, left, top = 26, 22, 34, 18
    parts = []
    for row, (name, counts) in enumerate(zip(days, week, strict=True)):
        parts.append(Markup('<text class="chart-tick" x="{}" y="{}" text-anchor="end" dominant-baseline="middle">{}'
                            "</text>").format(left - 6, top + row * high + high / 2, name))  # fmt: skip
        for hour, count in enumerate(counts):
            level = math.ceil(LEVELS * count / most) if count else 0
            parts.append(Markup('<rect class="heat" data-level="{}" x="{}" y="{}" width="{}" height="{}" rx="3"><title>'
                                "{}</title></rect>").format(
                level, left + hour * wide + 1, top + row * high + 1, wide - 2, high - 2,
                f"{name} {hour}:00: {count:,}"))  # fmt: skip
    for hour in range(0, 24, 3):
        parts.append(Markup('<text class="chart-tick" x="{}" y="12" text-anchor="middle">{}</text>').format(
            left + hour * wide + wide / 2, hour))  # fmt: skip
    return Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        left + 24 * wide, top + 7 * high, label, Markup("").join(parts))  # fmt: skip


def _slots(lines: Sequence[tuple[date, int, int]]) -> list[tuple[date, int, int]]:
    if len(lines) <= MOST_BARS:
        return list(lines)
    return [(lines[begin][0], sum(came for _, came, _ in lines[begin : begin + 7]),
             sum(done for _, _, done in lines[begin : begin + 7])) for begin in range(0, len(lines), 7)]  # fmt: skip


def _drawn(parts: Sequence[Markup], most: int, days: Sequence[tuple[float, date]], label: str, language: str) -> Markup:
    """The parts over their grid; `days` are what is drawn, each with where it stands, of which some have a name."""
    grid = []
    for step in range(5):
        count = most * step / 4
        y = _y(count, most)
        grid.append(Markup('<line class="chart-grid" x1="{}" y1="{}" x2="{}" y2="{}"/>').format(
            LEFT, y, WIDTH - RIGHT, y))  # fmt: skip
        grid.append(Markup('<text class="chart-tick" x="{}" y="{}" text-anchor="end" dominant-baseline="middle">{}'
                           "</text>").format(LEFT - 6, y, f"{count:,.0f}"))  # fmt: skip
    for x, day in days[:: math.ceil(len(days) / MOST_NAMES) or 1]:
        anchor = "start" if x == LEFT else "end" if x == WIDTH - RIGHT else "middle"
        grid.append(Markup('<text class="chart-tick" x="{}" y="{}" text-anchor="{}">{}</text>').format(
            x, HEIGHT - 8, anchor, dates.short(day, language)))  # fmt: skip
    return Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}{}</svg>').format(
        WIDTH, HEIGHT, label, Markup("").join(grid), Markup("").join(parts))  # fmt: skip


def _rect(kind: str, x: float, y: float, width: float, height: float, words: str) -> Markup:
    drawn = '<rect class="{}" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>'
    return Markup(drawn).format(kind, round(x, 1), round(y, 1), round(width, 1), round(height, 1), words)


def _y(count: float, most: int) -> float:
    return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * count / most, 1)


def _round_up(count: int) -> int:
    """To four steps people can read."""
    if count <= 4:
        return 4
    unit = int(10 ** (len(str(count)) - 1))
    return next(step for step in (unit, 2 * unit, 4 * unit, 6 * unit, 8 * unit, 10 * unit) if step >= count)
