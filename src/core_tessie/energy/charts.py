"""Charts as inline SVG: vertical bars, lines and horizontal bars in the page's colours, with a title on each mark."""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from edge.markup import Markup, el

WIDTH, HEIGHT = 320, 176
LEFT, RIGHT, TOP, BOTTOM = 40, 4, 10, 24
STEPS = (1, 2, 2.5, 5, 10)
LABEL_WIDTH, NAME_WIDTH = 6.4, 7.2
"""Widths of a character of an axis label, and of a horizontal bar's name."""
COLOURS = 4


class Series(NamedTuple):
    """One value for each label of a chart, None for an unknown value."""

    name: str
    values: Sequence[float | None]


class _Plot(NamedTuple):
    """The scales of a chart: a horizontal slot for each label, a vertical axis in round steps from `low` to `high`."""

    name: str
    labels: Sequence[str]
    unit: str
    low: float
    high: float
    step: float

    @property
    def slot(self) -> float:
        return (WIDTH - LEFT - RIGHT) / len(self.labels)

    def x(self, at: int, part: float = 0.5) -> float:
        return LEFT + (at + part) * self.slot

    def y(self, value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (self.high - value) / (self.high - self.low)

    def note(self, at: int, value: float, series: Series) -> Markup:
        text = f"{self.labels[at]}: {value:,.5g} {self.unit}"
        return el("title", f"{series.name}, {text}" if series.name else text)


def bars(name: str, labels: Sequence[str], stack: Sequence[Series], unit: str) -> Markup | None:
    """Return vertical bars, the series stacked; None if no value is known. Negative values extend below zero."""
    columns = [[value for series in stack if (value := series.values[at]) is not None] for at in range(len(labels))]
    if not any(columns):
        return None
    heights = (sum(value for value in column if value > 0) for column in columns)
    depths = (sum(value for value in column if value < 0) for column in columns)
    plot = _plot(name, labels, unit, [0.0, *heights, *depths])
    return _frame(plot, [mark for at in range(len(labels)) for mark in _column(plot, stack, at)])


def lines(name: str, labels: Sequence[str], series: Sequence[Series], unit: str) -> Markup | None:
    """Return a line for each series, with gaps at unknown values; None if no value is known."""
    values = [value for line in series for value in line.values if value is not None]
    if not values:
        return None
    plot = _plot(name, labels, unit, values)
    return _frame(plot, [mark for colour, line in enumerate(series) for mark in _line(plot, line, colour)])


def horizontal_bars(name: str, rows: Sequence[tuple[str, float, str]]) -> Markup | None:
    """Return a horizontal bar for each row of label, value and formatted value; None without rows."""
    if not rows:
        return None
    longest = max(value for _, value, _ in rows)
    marks = [_horizontal_bar(at * 36, row, longest if longest > 0 else 1.0) for at, row in enumerate(rows)]
    return el("svg", marks, viewBox=f"0 0 {WIDTH} {36 * len(rows)}", role="img", aria_label=name)


def legend(names: Sequence[str]) -> Markup | None:
    """Return the legend of the series' colours; None if there is only one."""
    if len(names) < 2:
        return None
    keys = [el("span", el("i", class_=f"b{at % COLOURS}"), name) for at, name in enumerate(names)]
    return el("p", keys, class_="legend")


def _plot(name: str, labels: Sequence[str], unit: str, values: Sequence[float]) -> _Plot:
    """Return a plot with an axis of about four round steps around all values."""
    low, high = min(values), max(values)
    span = (high - low) or abs(high) or 1.0
    power = 10.0 ** math.floor(math.log10(span / 4))
    step = next(factor * power for factor in STEPS if factor * power >= span / 4)
    first = math.floor(low / step)
    last = math.ceil(high / step)
    return _Plot(name, labels, unit, first * step, (last + (first == last)) * step, step)


def _column(plot: _Plot, stack: Sequence[Series], at: int) -> Iterator[Markup]:
    tops = {True: 0.0, False: 0.0}
    for colour, series in enumerate(stack):
        value = series.values[at]
        if not value:
            continue
        base = tops[value > 0]
        tops[value > 0] = base + value
        edges = sorted((plot.y(base), plot.y(base + value)))
        round_px = min(2.0, plot.slot * 0.2) if len(stack) == 1 else 0
        yield el(
            "rect",
            plot.note(at, value, series),
            class_=f"f{colour % COLOURS}",
            x=plot.x(at, 0.12),
            y=edges[0],
            width=plot.slot * 0.76,
            height=max(edges[1] - edges[0], 0.5),
            rx=round_px,
        )


def _line(plot: _Plot, series: Series, colour: int) -> Iterator[Markup]:
    path = ""
    pen = "M"
    for at, value in enumerate(series.values):
        if value is not None:
            path += f"{pen}{plot.x(at):.1f} {plot.y(value):.1f}"
        pen = "M" if value is None else "L"
    yield el("path", d=path, class_=f"l{colour % COLOURS}")
    radius = max(1.2, min(3.0, plot.slot / 3))
    for at, value in enumerate(series.values):
        if value is not None:
            note = plot.note(at, value, series)
            yield el("circle", note, class_=f"f{colour % COLOURS}", cx=plot.x(at), cy=plot.y(value), r=radius)


def _horizontal_bar(y: float, row: tuple[str, float, str], longest: float) -> Markup:
    label, value, words = row
    room = int((WIDTH - len(words) * LABEL_WIDTH - 12) / NAME_WIDTH)
    text = label if len(label) <= room else label[: room - 1] + "\N{HORIZONTAL ELLIPSIS}"
    return el(
        "g",
        el("title", f"{label}: {words}"),
        el("text", text, x=0, y=y + 13, class_="name"),
        el("text", words, x=WIDTH, y=y + 13, class_="value", text_anchor="end"),
        el("rect", class_="track", x=0, y=y + 19, width=WIDTH, height=8, rx=4),
        el("rect", class_="f0", x=0, y=y + 19, width=max(WIDTH * max(value, 0) / longest, 2), height=8, rx=4),
    )


def _frame(plot: _Plot, marks: Sequence[Markup]) -> Markup:
    label = f"{plot.name}, {plot.unit}"
    parts = [*_grid(plot), *marks, *_axis(plot)]
    return el("svg", parts, viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img", aria_label=label)


def _grid(plot: _Plot) -> Iterator[Markup]:
    for number in range(round((plot.high - plot.low) / plot.step) + 1):
        value = round(plot.low / plot.step + number) * plot.step
        y = plot.y(value)
        yield el("line", class_="grid" if value else "zero", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y)
        yield el("text", f"{value:,.6g}", x=LEFT - 6, y=y + 4, text_anchor="end")


def _axis(plot: _Plot) -> Iterator[Markup]:
    """Yield as many labels as fit, at even distances."""
    every = max(1, math.ceil((max(map(len, plot.labels)) + 1) * LABEL_WIDTH / plot.slot))
    for at in range(0, len(plot.labels), every):
        half = len(plot.labels[at]) * LABEL_WIDTH / 2
        x = min(max(plot.x(at), half), WIDTH - half)
        yield el("text", plot.labels[at], x=x, y=HEIGHT - 8, text_anchor="middle")
