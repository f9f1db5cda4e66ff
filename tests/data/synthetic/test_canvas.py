"""Painting with masks on a canvas with an origin."""

from __future__ import annotations

import numpy as np
import pytest

from vfi.data.synthetic.canvas import Canvas
from vfi.data.synthetic.textures import colour

SQUARE = np.array([[-2.0, -2.0], [2.0, -2.0], [2.0, 2.0], [-2.0, 2.0]])


def test_the_origin_is_where_outlines_and_positions_are_counted_from() -> None:
    canvas = Canvas(-5, 10, -4, 6, density=2.0)
    assert canvas.alpha.shape == (20, 30)
    x, y = canvas.positions()
    mask = canvas.mask(SQUARE)
    # OpenCV fills a square to within an eighth of a texel.
    assert (mask * x).sum() / mask.sum() == pytest.approx(0, abs=0.0625)
    assert (mask * y).sum() / mask.sum() == pytest.approx(0, abs=0.0625)
    assert canvas.sprite().anchor == (5, 4)


def test_later_paint_covers_earlier_paint() -> None:
    canvas = Canvas(-5, 5, -5, 5, density=4.0)
    canvas.paint(canvas.mask(2 * SQUARE), colour("ff0000"))
    canvas.paint(0.25 * canvas.mask(SQUARE), colour("0000ff"))
    texels = canvas.sprite().texels
    middle = texels[:, 20, 20].tolist()
    assert middle == pytest.approx([0.75, 0, 0.25, 1], abs=1e-6)
    assert texels[:, 20, 6].tolist() == pytest.approx([1, 0, 0, 1], abs=1e-6)
    assert texels[:, 0, 0].tolist() == [0, 0, 0, 0]
