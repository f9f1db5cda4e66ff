"""Histograms as SVG images, which need no plotting library and stay sharp at any size."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

WIDTH, HEIGHT = 640, 320
LEFT, RIGHT, TOP, BOTTOM = 56, 16, 36, 48
BAR, INK, GRID = "#3b7dd8", "#222222", "#dddddd"


def histogram(values: Sequence[float], *, title: str, unit: str, bins: int = 24) -> str:
    """Draw how often values occur.

    Args:
        values: Values, at least one, all finite.
        title: What they are.
        unit: Unit of the values, for the horizontal axis.
        bins: Number of bars.

    Returns:
        SVG document.

    Raises:
        ValueError: If there is no value.
    """
    if not values:
        raise ValueError("a histogram needs at least one value")
    counts, edges = np.histogram(values, bins=bins, range=(min(0.0, *values), max(1e-9, *values)))
    most = int(counts.max())
    width, height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    step = width / bins
    bars = [
        f'<rect x="{LEFT + index * step:.1f}" y="{TOP + height * (1 - count / most):.1f}" '
        f'width="{step - 1:.1f}" height="{height * count / most:.1f}" fill="{BAR}">'
        f"<title>{edges[index]:.2f} to {edges[index + 1]:.2f} {escape(unit)}: {count}</title></rect>"
        for index, count in enumerate(counts.tolist())
        if count
    ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
            f'height="{HEIGHT}" font-family="sans-serif" font-size="12" fill="{INK}">',
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
            f'<text x="{LEFT}" y="22" font-size="15">{escape(title)}</text>',
            *(_horizontal_tick(edges[0], edges[-1], part) for part in (0, 0.25, 0.5, 0.75, 1)),
            *(_vertical_tick(most, part) for part in (0, 0.5, 1)),
            *bars,
            f'<text x="{LEFT + width / 2}" y="{HEIGHT - 10}" text-anchor="middle">{escape(unit)}</text>',
            "</svg>",
            "",
        ]
    )


def _horizontal_tick(low: float, high: float, part: float) -> str:
    x = LEFT + (WIDTH - LEFT - RIGHT) * part
    y = HEIGHT - BOTTOM + 16
    return f'<text x="{x:.1f}" y="{y}" text-anchor="middle">{low + (high - low) * part:.3g}</text>'


def _vertical_tick(most: int, part: float) -> str:
    y = TOP + (HEIGHT - TOP - BOTTOM) * (1 - part)
    line = f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="{GRID}"/>'
    return f'{line}<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{most * part:g}</text>'
