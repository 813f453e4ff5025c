"""Charts as inline SVG, a few lines each: the page's own font, colours by class, and a table beside every one of them.

The idea: a chart is drawn where it is shown, from numbers that a verb gave, without a script and without a library. All
shares are in [0, 1]; what is drawn grows to the right and up, and every mark says its numbers in a `<title>`.
"""

import math
from collections.abc import Iterable, Sequence

from markupsafe import Markup

from helpdesk.accuracy import Bin, Point, QueueFigures
from helpdesk.measures import Calls
from helpdesk.reporting.values import percent

WIDTH, HEIGHT = 520, 316
LEFT, RIGHT, TOP, BOTTOM = 54, 26, 38, 50


class _Frame:
    """Where shares lie in the drawing. `least` is the lowest share on the upright axis."""

    def __init__(self, least: float = 0.0, *, width: int = WIDTH) -> None:
        self.least, self.width = least, width

    def x(self, share: float) -> float:
        return round(LEFT + share * (self.width - LEFT - RIGHT), 1)

    def y(self, share: float) -> float:
        height = (max(share, self.least) - self.least) / (1 - self.least)
        return round(HEIGHT - BOTTOM - height * (HEIGHT - TOP - BOTTOM), 1)

    def drawing(self, parts: Iterable[Markup], *, label: str, x: str, y: str) -> Markup:
        """Grid, axes with their names, and what is drawn on them."""
        return Markup(
            '<svg class="chart" viewBox="0 0 {w} {h}" role="img" aria-label="{label}">{grid}'
            '<text class="chart-name" x="{mid}" y="{foot}" text-anchor="middle">{x}</text>'
            '<text class="chart-name" x="2" y="17">{y}</text>{parts}</svg>'
        ).format(
            w=self.width, h=HEIGHT, label=label, grid=self._grid(), mid=(LEFT + self.width - RIGHT) / 2,
            foot=HEIGHT - 6, x=x, y=y, parts=Markup("").join(parts),
        )  # fmt: skip

    def _grid(self) -> Markup:
        lines = []
        steps = 5
        for step in range(steps + 1):
            across, up = step / steps, self.least + (1 - self.least) * step / steps
            lines.append(_line(self.x(0), self.y(up), self.x(1), self.y(up), "chart-grid"))
            lines.append(
                Markup('<text class="chart-tick" x="{}" y="{}" text-anchor="end" dominant-baseline="middle">{}</text>')
                .format(LEFT - 6, self.y(up), percent(round(up, 2)))
            )  # fmt: skip
            lines.append(
                Markup('<text class="chart-tick" x="{}" y="{}" text-anchor="middle">{}</text>')
                .format(self.x(across), HEIGHT - BOTTOM + 22, percent(across))
            )  # fmt: skip
        return Markup("").join(lines)


def curve(points: Sequence[Point], now: QueueFigures, preview: QueueFigures | None, *, label: str, x: str, y: str,
          now_is: str, preview_is: str) -> Markup:  # fmt: skip
    """How right the desk would be at each share of inquiries it decides; a ring where it stands, a diamond where the
    preview would put it."""
    shown = [(point.coverage.value or 0, point.precision.value or 0) for point in points]
    lowest = min((right for _, right in shown), default=0.5)
    frame = _Frame(least=max(0.0, math.floor(lowest * 10) / 10 - 0.1) if lowest < 0.9 else 0.8)
    path = " ".join(f"{frame.x(covered)},{frame.y(right)}" for covered, right in sorted(shown))
    parts = [Markup('<polyline class="chart-curve" points="{}"/>').format(path)]
    for figures, name, kind in ((now, now_is, "now"), (preview, preview_is, "preview")):
        if figures and figures.precision.value is not None and figures.coverage.value is not None:
            at = frame.x(figures.coverage.value), frame.y(figures.precision.value)
            words = f"{name} · {x} {percent(figures.coverage.value)} · {y} {percent(figures.precision.value)}"
            parts.append(_ring(*at, words) if kind == "now" else _diamond(*at, words))
    return frame.drawing(parts, label=label, x=x, y=y)


def calibration(bins: Sequence[Bin], *, label: str, x: str, y: str) -> Markup:
    """How often answers of one confidence held, with its interval; on the diagonal the confidence is true."""
    frame = _Frame()
    most = max((each.held.of for each in bins), default=1)
    parts = [_line(frame.x(0), frame.y(0), frame.x(1), frame.y(1), "chart-ideal")]
    for each in bins:
        (low, high), value = each.held.interval, each.held.value or 0
        across = frame.x(each.said)
        parts.append(_line(across, frame.y(low), across, frame.y(high), "chart-whisker"))
        words = f"{x} {percent(each.said)} · {y} {percent(value)} · n = {each.held.of:,}"
        size = round(3 + 6 * math.sqrt(each.held.of / most), 1)
        parts.append(_dot(across, frame.y(value), size, words, "chart-few" if each.held.is_few else "chart-dot"))
    return frame.drawing(parts, label=label, x=x, y=y)


def bars(counts: Sequence[int], *, label: str) -> Markup:
    """A row of small bars, the last one marked."""
    most, wide, high = max([*counts, 1]), 9, 28
    drawn = []
    for place, count in enumerate(counts):
        tall = round(high * count / most, 1)
        drawn.append(
            Markup('<rect class="{}" x="{}" y="{}" width="{}" height="{}" rx="1.5"><title>{}</title></rect>').format(
                "chart-bar-last" if place == len(counts) - 1 else "chart-bar",
                place * (wide + 2), high - max(tall, 1), wide, max(tall, 1), f"{count:,}",
            )
        )  # fmt: skip
    width = len(counts) * (wide + 2)
    frame = '<svg class="chart-bars" viewBox="0 0 {w} {h}" width="{w}" height="{h}" role="img" aria-label="{label}">'
    return Markup(frame + "{drawn}</svg>").format(w=width, h=high, label=label, drawn=Markup("").join(drawn))


def trend(told: Sequence[Calls], *, label: str) -> Markup:
    """A row of small bars, a call each step of height: who was served in accent, who gave up on top of them."""
    wide, high = 8, 26
    most = max([each.offered for each in told] + [1])
    drawn = []
    for place, each in enumerate(told):
        tall = round(high * each.offered / most, 1)
        lost = round(high * (each.abandoned - each.short_abandoned) / most, 1)
        x = place * (wide + 2)
        drawn.append(Markup('<rect class="{}" x="{}" y="{}" width="{}" height="{}" rx="1.5"/>').format(
            "trend-base" if not each.offered else "trend-last" if place == len(told) - 1 else "trend-bar",
            x, high - max(tall, 1), wide, max(tall, 1)))  # fmt: skip
        if lost:
            drawn.append(Markup('<rect class="trend-lost" x="{}" y="{}" width="{}" height="{}" rx="1.5"/>').format(
                x, high - tall, wide, lost))  # fmt: skip
    width = len(told) * (wide + 2)
    frame = '<svg class="trend" viewBox="0 0 {w} {h}" width="{w}" height="{h}" role="img" aria-label="{label}">'
    return Markup(frame + "{drawn}</svg>").format(w=width, h=high, label=label, drawn=Markup("").join(drawn))


def thinned(points: Sequence[Point], most: int = 20) -> list[Point]:
    """Some of the points, evenly, the first and the last among them: as many as a table is read for."""
    if len(points) <= most:
        return list(points)
    return [points[round(place * (len(points) - 1) / (most - 1))] for place in range(most)]


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    return Markup('<line class="{}" x1="{}" y1="{}" x2="{}" y2="{}"/>').format(kind, x1, y1, x2, y2)


def _dot(x: float, y: float, size: float, words: str, kind: str) -> Markup:
    dot = '<circle class="{}" cx="{}" cy="{}" r="{}"><title>{}</title></circle>'
    return Markup(dot).format(kind, x, y, size, words)


def _ring(x: float, y: float, words: str) -> Markup:
    return _dot(x, y, 6.5, words, "chart-now")


def _diamond(x: float, y: float, words: str) -> Markup:
    corners = f"{x},{y - 8} {x + 8},{y} {x},{y + 8} {x - 8},{y}"
    return Markup('<polygon class="chart-preview" points="{}"><title>{}</title></polygon>').format(corners, words)
