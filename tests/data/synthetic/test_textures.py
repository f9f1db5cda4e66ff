"""Textures and masks: ranges, areas, seeds."""

from __future__ import annotations

import math

import numpy as np
import pytest

from vfi.data.synthetic.textures import (
    colour,
    colour_ramp,
    ellipse_outline,
    fractal_noise,
    line_outline,
    random_generator,
    rotate,
    shape_mask,
    star_outline,
)


def test_noise_uses_the_whole_range_and_is_smooth() -> None:
    noise = fractal_noise(random_generator(1), 90, 130, wavelength=20)
    assert noise.shape == (90, 130)
    assert noise.dtype == np.float32
    assert (float(noise.min()), float(noise.max())) == pytest.approx((0, 1))
    assert np.abs(np.diff(noise, axis=1)).max() < 0.35


def test_noise_with_an_aspect_changes_more_slowly_along_its_rows() -> None:
    noise = fractal_noise(random_generator(2), 100, 100, wavelength=12, aspect=4.0)
    assert np.abs(np.diff(noise, axis=1)).mean() < 0.5 * np.abs(np.diff(noise, axis=0)).mean()


def test_streams_are_independent_and_repeatable() -> None:
    first = random_generator(5, 1).random(4)
    np.testing.assert_array_equal(first, random_generator(5, 1).random(4))
    assert (first != random_generator(5, 2).random(4)).all()


def test_areas_of_masks() -> None:
    ellipse = ellipse_outline((40, 30), (20, 12))
    line = line_outline((10, 10), (60, 40), 3.0)
    square = star_outline((40, 30), 20, points=4, waist=math.cos(math.pi / 4))
    length = math.hypot(50, 30)
    for outline, area, circumference in (
        (ellipse, math.pi * 240, 102),
        (line, 3 * length, 2 * length + 6),
        (square, 800, 80 * math.sqrt(2)),
    ):
        # Each comes out larger by up to a quarter of a pixel all around.
        assert area < shape_mask(60, 80, [outline]).sum() < area + 0.25 * circumference


def test_a_mask_lies_where_its_outline_is() -> None:
    mask = shape_mask(40, 50, [ellipse_outline((30.0, 12.0), (8, 8))])
    rows, columns = np.mgrid[0:40, 0:50]
    middle = (mask * columns).sum() / mask.sum(), (mask * rows).sum() / mask.sum()
    assert middle == pytest.approx((30.0, 12.0), abs=0.05)


def test_turning_is_clockwise_on_the_screen() -> None:
    np.testing.assert_allclose(rotate(np.array([[1.0, 0.0]]), math.pi / 2), [[0.0, 1.0]], atol=1e-12)


def test_colours() -> None:
    np.testing.assert_allclose(colour("ff8000"), [1, 128 / 255, 0], rtol=1e-6)
    ramp = colour_ramp(np.array([[-1.0, 0.5, 2.0]]), ((0.0, "000000"), (1.0, "ffffff")))
    np.testing.assert_allclose(ramp, [[[0] * 3, [0.5] * 3, [1] * 3]], atol=1e-6)
