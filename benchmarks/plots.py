"""Two-dimensional plots as SVG, no more than is needed for the documentation."""

from collections.abc import Callable, Mapping, Sequence
from html import escape
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
