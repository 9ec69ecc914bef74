"""Charts as the geometry of an inline SVG: the template draws it, and a table below it has the same numbers.

Lines are steps, because a value holds until the next one. Coordinates are in a box of WIDTH by HEIGHT, which the page
scales; nothing of a chart needs a script or a style of its own.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

WIDTH, HEIGHT = 640, 180
LEFT, RIGHT, TOP, BOTTOM = 76, 12, 14, 30
"""Margins for the labels of the axes."""

GRID_LINES = 4


@dataclass(frozen=True, slots=True)
class Point:
    """A value that holds from an instant on; None if there is none, which breaks the line."""

    at: datetime
    value: float | None


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a chart."""

    name: str
    points: Sequence[Point]
    """The oldest first."""


@dataclass(frozen=True, slots=True)
class Dot:
    """A point in the picture."""

    x: float
    y: float
    at: datetime
    value: float


@dataclass(frozen=True, slots=True)
class Line:
    """A series in the picture."""

    name: str
    path: str
    """SVG path data."""
    dots: Sequence[Dot]


@dataclass(frozen=True, slots=True)
class Tick:
    """A label of an axis."""

    position: float
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """What the template draws."""

    id: str
    """Unique on its page."""
    title: str
    unit: str
    lines: Sequence[Line]
    y_ticks: Sequence[Tick]
    x_ticks: Sequence[Tick]
    width: int = WIDTH
    height: int = HEIGHT

    @property
    def left(self) -> int:
        """Where the lines of the grid begin."""
        return LEFT

    @property
    def right(self) -> int:
        """Where the lines of the grid end."""
        return WIDTH - RIGHT


@dataclass(frozen=True, slots=True)
class _Scale:
    """Turns instants and values into coordinates."""

    begin: datetime
    end: datetime
    top: float

    def x(self, at: datetime) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * ((at - self.begin) / (self.end - self.begin)), 1)

    def y(self, value: float) -> float:
        return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value / self.top), 1)


def draw_chart(chart_id: str, title: str, unit: str, series: Sequence[Series], end: datetime) -> Chart | None:
    """Return a chart of one or more series, each line drawn until ``end``; None if there is no value at all."""
    known = [point for one in series for point in one.points if point.value is not None]
    if not known:
        return None
    begin = min(point.at for point in known)
    latest = max(*(point.at for point in known), end, begin + timedelta(minutes=1))
    scale = _Scale(begin, latest, _round_up(max(point.value or 0.0 for point in known)))
    lines = [Line(one.name, _path(one.points, scale), _dots(one.points, scale)) for one in series]
    values = [scale.top * step / GRID_LINES for step in range(GRID_LINES + 1)]
    y_ticks = [Tick(scale.y(value), f"{value:,.10g}") for value in values]
    return Chart(chart_id, title, unit, lines, y_ticks, _time_ticks(scale))


def _dots(points: Sequence[Point], scale: _Scale) -> list[Dot]:
    return [Dot(scale.x(one.at), scale.y(one.value), one.at, one.value) for one in points if one.value is not None]


def _path(points: Sequence[Point], scale: _Scale) -> str:
    """Return steps through the points: across at the value, then up or down to the next one."""
    parts: list[str] = []
    is_drawn = False
    for one in points:
        x = scale.x(one.at)
        if is_drawn:
            parts.append(f"H{x:g}")
        if one.value is None:
            is_drawn = False
            continue
        parts.append(f"V{scale.y(one.value):g}" if is_drawn else f"M{x:g} {scale.y(one.value):g}")
        is_drawn = True
    if is_drawn:
        parts.append(f"H{scale.x(scale.end):g}")
    return "".join(parts)


def _round_up(value: float) -> float:
    """Return the next of 1, 2, 4, 5, 6, 8 or 10 times a power of ten, so that the grid has round numbers."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 4, 5, 6, 8, 10, 20) if step * power >= value)


def _time_ticks(scale: _Scale) -> list[Tick]:
    """Return the first, the middle and the last instant: days, or hours and minutes within two days."""
    span = scale.end - scale.begin
    format_tick: Callable[[datetime], str] = _format_day if span > timedelta(days=2) else _format_minute
    instants = (scale.begin, scale.begin + span / 2, scale.end)
    return [Tick(scale.x(at), format_tick(at.astimezone(UTC))) for at in instants]


def _format_day(at: datetime) -> str:
    return f"{at:%Y-%m-%d}"


def _format_minute(at: datetime) -> str:
    return f"{at:%m-%d %H:%M}"
