"""Histograms as SVG: bars as high as there are values."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import pytest

from vfi.visual.histogram import histogram


def test_bars_are_as_high_as_their_counts() -> None:
    drawn = histogram([0, 0, 0, 0, 10, 10], title="motion & more", unit="pixels", bins=2)
    ElementTree.fromstring(drawn)
    heights = [float(text) for text in re.findall(r'height="([\d.]+)" fill="#3b7dd8"', drawn)]
    assert heights[0] == pytest.approx(2 * heights[1], abs=0.1)
    assert "<title>0.00 to 5.00 pixels: 4</title>" in drawn
    assert "motion &amp; more" in drawn


def test_equal_values_are_one_bar() -> None:
    assert histogram([0.0, 0.0], title="", unit="").count('fill="#3b7dd8"') == 1


def test_nothing_to_draw() -> None:
    with pytest.raises(ValueError, match="at least one value"):
        histogram([], title="", unit="")
