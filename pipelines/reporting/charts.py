"""Turns numbers into the geometry of small line charts; the template draws them as inline SVG."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

WIDTH, HEIGHT = 360.0, 230.0
LEFT, RIGHT, TOP, BOTTOM = 46.0, 12.0, 26.0, 42.0
STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True)
class Series:
    """A line through points (x, y), with the class that colours it."""

    name: str
    css_class: str
    points: list[tuple[float, float]]


@dataclass(frozen=True)
class Tick:
    """A place on an axis, in the drawing's units, with its label."""

    place: float
    label: str


@dataclass(frozen=True)
class Mark:
    """A point in the drawing's units, with what it stands for."""

    x: float
    y: float
    label: str


@dataclass(frozen=True)
class DrawnLine:
    """A series as drawn; `end` is where its name is written."""

    name: str
    css_class: str
    path: str
    marks: list[Mark]
    end: Mark


@dataclass(frozen=True)
class Chart:
    """A line chart, ready to be drawn in WIDTH x HEIGHT units."""

    title: str
    x_label: str
    y_label: str
    lines: list[DrawnLine]
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    width: float = WIDTH
    height: float = HEIGHT
    left: float = LEFT
    right: float = WIDTH - RIGHT
    top: float = TOP
    bottom: float = HEIGHT - BOTTOM

    @property
    def summary(self) -> str:
        """The chart in words, for those who do not see it."""
        ends = [f"{line.name or self.y_label}: {line.marks[0].label} to {line.marks[-1].label}" for line in self.lines]
        return f"{self.title}. {'; '.join(ends)}"


def draw_chart(
    title: str, x_label: str, y_label: str, series: Sequence[Series], *, log_x: bool = False, at_points: bool = False
) -> Chart | None:
    """Scale series into a chart; None when there are no points.

    Args:
        log_x: space x by its logarithm.
        at_points: x ticks where the points are, instead of at round numbers.
    """
    series = [one for one in series if one.points]
    if not series:
        return None
    xs = sorted({x for one in series for x, _ in one.points})
    ys = [y for one in series for _, y in one.points]
    y_values = list_ticks(min(ys), max(ys))
    low, high = (math.log(x) if log_x else x for x in (xs[0], xs[-1]))

    def place_x(x: float) -> float:
        share = 0.5 if high == low else ((math.log(x) if log_x else x) - low) / (high - low)
        return LEFT + 10 + share * (WIDTH - RIGHT - LEFT - 20)

    def place_y(y: float) -> float:
        return HEIGHT - BOTTOM - (y - y_values[0]) / (y_values[-1] - y_values[0]) * (HEIGHT - BOTTOM - TOP)

    x_values = xs if at_points else [x for x in list_ticks(xs[0], xs[-1]) if xs[0] <= x <= xs[-1]] or xs
    return Chart(
        title, x_label, y_label,
        lines=[_draw_line(one, [(place_x(x), place_y(y), x, y) for x, y in sorted(one.points)]) for one in series],
        x_ticks=[Tick(place_x(x), label) for x, label in label_ticks(x_values)],
        y_ticks=[Tick(place_y(y), label) for y, label in label_ticks(y_values)],
    )  # fmt: skip


def _draw_line(series: Series, placed: list[tuple[float, float, float, float]]) -> DrawnLine:
    marks = [Mark(x, y, f"{format_tick(raw_x, 3)}, {format_tick(raw_y, 3)}") for x, y, raw_x, raw_y in placed]
    path = "M" + "L".join(f"{mark.x:.1f} {mark.y:.1f}" for mark in marks)
    return DrawnLine(series.name, series.css_class, path, marks, marks[-1])


def list_ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Round numbers that enclose [low, high]: at least two."""
    if high - low < 1e-9:
        pad = abs(low) / 10 or 0.5
        low, high = low - pad, high + pad
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in STEPS if factor * power >= rough * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(index * step, 12) for index in range(first, last + 1)]


def label_ticks(values: Sequence[float]) -> list[tuple[float, str]]:
    """Ticks with labels of as many decimals as tell them apart."""
    close = min((b - a for a, b in pairwise(values)), default=1e-3) * 1e-3
    digits = next((n for n in range(12) if all(abs(round(value, n) - value) < close for value in values)), 12)
    return [(value, format_tick(value, digits)) for value in values]


def format_tick(value: float, digits: int) -> str:
    """A number as short as it goes, with a true minus sign."""
    text = f"{value:.{digits}f}" if abs(value) < 100 else f"{value:,.0f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text.replace("-", "−")
