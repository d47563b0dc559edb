"""Plots as shapes with their places: a template draws them as SVG, with words for who does not see them."""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 720, 180
_LEFT, _TOP, _BOTTOM = 36, 8, 24  # room for the numbers
_LABEL = 220  # room for names in front of lying bars
_LINE = 28


@dataclass(frozen=True, slots=True)
class Shape:
    """One rectangle, and what it says."""

    x: float
    y: float
    width: float
    height: float
    series: int
    said: str


@dataclass(frozen=True, slots=True)
class Label:
    """A word at a place."""

    x: float
    y: float
    text: str


@dataclass(frozen=True, slots=True)
class Plot:
    """`dots`: where in an interval the value is."""

    height: float
    shapes: tuple[Shape, ...]
    labels: tuple[Label, ...]
    dots: tuple[tuple[float, float], ...] = ()
    top: str = ""  # what the highest line stands for
    width: int = WIDTH


def stacks(columns: Sequence[tuple[str, Sequence[tuple[int, str]]]]) -> Plot:
    """Standing bars: (label, a value of each series with what it says)."""
    most = max((sum(value for value, _ in values) for _, values in columns), default=0) or 1
    room, step = HEIGHT - _TOP - _BOTTOM, (WIDTH - _LEFT) / max(len(columns), 1)
    shapes, labels = [], []
    every = max(1, len(columns) // 8)
    for place, (label, values) in enumerate(columns):
        x, y = _LEFT + place * step, float(_TOP + room)
        for series, (value, said) in enumerate(values):
            height = room * value / most
            y -= height
            if value:
                shapes.append(
                    Shape(round(x + 1, 1), round(y, 1), round(max(step - 2, 1), 1), round(height, 1), series, said)
                )
        if place % every == 0:
            labels.append(Label(round(x + 1, 1), HEIGHT - 6, label))
    return Plot(HEIGHT, tuple(shapes), tuple(labels), top=str(most))


def lying(rows: Sequence[tuple[str, float, float, float, str]], most: float) -> Plot:
    """Lying intervals: (name, from, value, to, what it says), on a scale from 0 to `most`."""
    room = WIDTH - _LABEL - 8
    shapes, labels, dots = [], [], []
    for place, (name, low, value, high, said) in enumerate(rows):
        y = place * _LINE + 6
        left, right = _LABEL + room * low / most, _LABEL + room * high / most
        shapes.append(Shape(round(left, 1), y, round(max(right - left, 2), 1), 14, 0, said))
        dots.append((round(_LABEL + room * value / most, 1), y + 7.0))
        labels.append(Label(0, y + 12, name if len(name) < 30 else name[:28] + "…"))  # noqa: PLR2004 - what fits
    return Plot(max(len(rows), 1) * _LINE + 4, tuple(shapes), tuple(labels), tuple(dots))
