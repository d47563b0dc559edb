"""Two-dimensional plots as SVG, no more than is needed for the documentation."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import isfinite
from pathlib import Path

WIDTH, HEIGHT, LEFT, BELOW, ABOVE = 560, 380, 64, 52, 34
COLOURS = ("#1f5f8b", "#c0392b", "#2e7d32", "#8e5ea2")
Points = Sequence[tuple[float, float]]


def plot(
    file: Path, title: str, across: str, up: str, lines: Mapping[str, Points], *,
    ticks: Sequence[float], scale: Callable[[float], float] = lambda x: x,
    label: Callable[[float], str] = lambda x: f"{x:.1%}".replace(".0%", "%"),
) -> None:  # fmt: skip
    """`scale` is applied to the horizontal axis; both axes show shares, the vertical one from 0 to 1."""
    low, high = scale(ticks[0]), scale(ticks[-1])

    def x(value: float) -> float:
        return LEFT + (scale(value) - low) / (high - low) * (WIDTH - LEFT - 20)

    def y(value: float) -> float:
        return HEIGHT - BELOW - value * (HEIGHT - BELOW - ABOVE)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" font-family="sans-serif"',
        f'font-size="12"><title>{escape(title)}</title><rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="20" font-size="14">{escape(title)}</text>',
        f'<text x="{(LEFT + WIDTH) / 2}" y="{HEIGHT - 12}" text-anchor="middle">{escape(across)}</text>',
        f'<text transform="translate(16 {HEIGHT / 2}) rotate(-90)" text-anchor="middle">{escape(up)}</text>',
    ]
    for tick in ticks:
        parts.append(f'<path d="M{x(tick):.1f} {y(0):.1f}V{y(1):.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{x(tick):.1f}" y="{y(0) + 18:.1f}" text-anchor="middle">{label(tick)}</text>')
    for tenth in range(0, 11, 2):
        parts.append(f'<path d="M{x(ticks[0]):.1f} {y(tenth / 10):.1f}H{x(ticks[-1]):.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y(tenth / 10) + 4:.1f}" text-anchor="end">{tenth * 10}%</text>')
    for number, (name, points) in enumerate(lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        path = " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        below = y(0) - 12 - 16 * number
        parts.append(f'<text x="{WIDTH - 28}" y="{below:.1f}" text-anchor="end" fill="{colour}">{escape(name)}</text>')
    file.write_text("\n".join([*parts, "</svg>"]) + "\n", "utf-8")


@dataclass(frozen=True)
class Chart:
    """Lines over seconds since the start; `unit` is written beside the title."""

    title: str
    unit: str
    lines: Mapping[str, Points]


def charts(file: Path, title: str, found: Sequence[Chart], columns: int = 2) -> None:
    """Small charts in a grid, each with a vertical axis of its own."""
    wide, high = 440, 220
    rows = -(-len(found) // columns)
    width, height = columns * wide, rows * high + 30
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" font-family="sans-serif"',
        f'font-size="11"><title>{escape(title)}</title><rect width="{width}" height="{height}" fill="white"/>',
        f'<text x="12" y="20" font-size="14">{escape(title)}</text>',
    ]
    for number, one in enumerate(found):
        parts.append(f'<g transform="translate({number % columns * wide} {number // columns * high + 30})">')
        parts += _chart(one, wide, high)
        parts.append("</g>")
    file.write_text("\n".join([*parts, "</svg>"]) + "\n", "utf-8")


def _chart(one: Chart, wide: int, high: int) -> Iterator[str]:
    left, top, right, below = 52, 26, 12, 48
    points = [point for line in one.lines.values() for point in line]
    start, end = min(x for x, _ in points), max(x for x, _ in points)
    most = max([y for _, y in points if isfinite(y)], default=0) * 1.1 or 1.0

    def place(x: float, y: float) -> str:
        across = left + (x - start) / ((end - start) or 1) * (wide - left - right)
        return f"{across:.1f},{high - below - y / most * (high - below - top):.1f}"

    yield f'<text x="{left}" y="16" font-weight="bold">{escape(one.title)} ({escape(one.unit)})</text>'
    for part in (0.0, 0.5, 1.0):
        y = high - below - part / 1.1 * (high - below - top)
        yield f'<path d="M{left} {y:.1f}H{wide - right}" stroke="#ddd"/>'
        yield f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{most / 1.1 * part:.3g}</text>'
    yield f'<text x="{wide - right}" y="{high - below + 14}" text-anchor="end">{end - start:.0f} s</text>'
    for number, (name, line) in enumerate(one.lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        drawn = " ".join(place(x, y) for x, y in line if isfinite(y))
        yield f'<polyline points="{drawn}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
        x, y = left + number % 4 * 96, high - 18 + number // 4 * 12
        yield f'<text x="{x}" y="{y}" fill="{colour}">{escape(name[:17])}</text>'
