"""Procedural textures and masks that synthetic scenes are painted with.

Colours are float32 RGB in [0, 1], textures ``[H, W, 3]``, masks and noise ``[H, W]`` in [0, 1]. Everything
random comes from a generator that the caller hands in; nothing touches global state.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

SUPERSAMPLING = 4
SMALLEST_CELL = 3.0  # pixels; finer noise would flicker when it moves by parts of a pixel
SUBPIXEL_BITS = 4  # cv2.fillPoly takes corners as fixed-point numbers


def random_generator(seed: int, *stream: int) -> np.random.Generator:
    """A generator that gives the same numbers on every platform (Philox).

    Args:
        seed: Not negative.
        *stream: Further whole numbers, so that independent parts of one scene get independent numbers.
    """
    return np.random.Generator(np.random.Philox(np.random.SeedSequence((seed, *stream))))


def colour(code: str) -> np.ndarray:
    """The colour of a six-digit hexadecimal code as float32 ``[3]`` in [0, 1]."""
    return np.array([int(code[place : place + 2], 16) for place in (0, 2, 4)], np.float32) / 255


def fractal_noise(
    random: np.random.Generator,
    height: int,
    width: int,
    *,
    wavelength: float,
    octaves: int = 5,
    falloff: float = 0.55,
    aspect: float = 1.0,
) -> np.ndarray:
    """Smooth noise of several scales, each half as large as the one before.

    Args:
        random: Random generator.
        height: Image height in pixels.
        width: Image width in pixels.
        wavelength: Size of the coarsest blobs, pixels; scales finer than ``SMALLEST_CELL`` are left out.
        octaves: Number of scales.
        falloff: Strength of each scale relative to the one before.
        aspect: Ratio of the blobs' width to their height.

    Returns:
        float32 ``[H, W]``, spread over all of [0, 1].
    """
    scales = [wavelength / 2**octave for octave in range(octaves)]
    cells = scales[:1] + [cell for cell in scales[1:] if cell >= SMALLEST_CELL]
    grid = np.zeros((0, 0), np.float32)
    for octave, cell in enumerate(cells):
        # Two cells more on each side than are seen: resizing repeats the border there.
        rows, columns = math.ceil(height / cell) + 4, math.ceil(width / (cell * aspect)) + 4
        values = random.random((rows, columns), dtype=np.float32)
        if octave > 0:
            doubled = cv2.resize(grid, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
            values = doubled[2 : 2 + rows, 2 : 2 + columns] + falloff**octave * values
        grid = values
    cell, (rows, columns) = cells[-1], grid.shape
    full_size = (round(columns * cell * aspect), round(rows * cell))
    full = cv2.resize(grid, full_size, interpolation=cv2.INTER_CUBIC)
    top, left = round(2 * cell), round(2 * cell * aspect)
    return spread(full[top : top + height, left : left + width])


def spread(values: np.ndarray) -> np.ndarray:
    """Shift and scale to use all of [0, 1]; a constant becomes 0."""
    low, high = float(values.min()), float(values.max())
    return (values - low) / max(high - low, 1e-6)


def relief_light(height: np.ndarray) -> np.ndarray:
    """How much a relief ``[H, W]`` (in pixels) faces a light from the upper left; 0 where it is level."""
    down, right = np.gradient(height)
    return 0.8 * right + 0.5 * down


def smooth_step(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 below ``low``, 1 above ``high``, smooth between."""
    ramp = np.clip((values - low) / (high - low), 0, 1)
    return ramp * ramp * (3 - 2 * ramp)


def colour_ramp(values: np.ndarray, stops: Sequence[tuple[float, str]]) -> np.ndarray:
    """Colours between given ones.

    Args:
        values: Any shape.
        stops: ``(value, hexadecimal colour)``, values rising.

    Returns:
        float32, the shape of ``values`` with a last axis of 3.
    """
    positions = [position for position, _ in stops]
    codes = np.stack([colour(code) for _, code in stops])
    channels = [np.interp(values, positions, codes[:, channel]) for channel in range(3)]
    return np.stack(channels, axis=-1).astype(np.float32)


def shape_mask(height: int, width: int, outlines: Sequence[np.ndarray]) -> np.ndarray:
    """Fill closed outlines with smooth edges.

    OpenCV fills the outline itself too: a shape comes out larger by up to a quarter of a pixel all around.

    Args:
        height: Image height in pixels.
        width: Image width in pixels.
        outlines: Polygons ``[N, 2]`` of (x, y) in pixels; where two overlap the mask is filled once.

    Returns:
        float32 ``[H, W]``, the covered fraction of each pixel.
    """
    fine = np.zeros((height * SUPERSAMPLING, width * SUPERSAMPLING), np.uint8)
    for outline in outlines:
        # Centres lie at whole numbers on both grids.
        corners = (np.asarray(outline, np.float64) + 0.5) * SUPERSAMPLING - 0.5
        fixed = np.rint(corners * 2**SUBPIXEL_BITS).astype(np.int32)
        cv2.fillPoly(fine, [fixed], 255, shift=SUBPIXEL_BITS)
    mask = cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA)
    return mask.astype(np.float32) / 255


def ellipse_outline(
    centre: tuple[float, float], radii: tuple[float, float], *, angle: float = 0.0, corners: int = 96
) -> np.ndarray:
    """An ellipse as a polygon ``[N, 2]``: centre and radii (x, y) in pixels, angle in radians."""
    turn = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    points = np.stack([radii[0] * np.cos(turn), radii[1] * np.sin(turn)], axis=1)
    return rotate(points, angle) + np.asarray(centre)


def star_outline(
    centre: tuple[float, float], radius: float, *, points: int, waist: float, angle: float = 0.0
) -> np.ndarray:
    """A star (or, with ``waist`` near 1, a regular polygon) ``[2 * points, 2]``, pixels.

    Args:
        centre: Center (x, y) in pixels.
        radius: Radius of the tips in pixels.
        points: Number of tips.
        waist: Radius of the inner corners relative to the tips.
        angle: Rotation in radians, clockwise on the screen.
    """
    turn = np.linspace(0, 2 * np.pi, 2 * points, endpoint=False)
    radii = radius * np.where(np.arange(2 * points) % 2 == 0, 1.0, waist)
    star = np.stack([radii * np.cos(turn), radii * np.sin(turn)], axis=1)
    return rotate(star, angle) + np.asarray(centre)


def line_outline(
    start: tuple[float, float],
    end: tuple[float, float],
    thickness: float,
    *,
    end_thickness: float | None = None,
) -> np.ndarray:
    """A straight stroke ``[4, 2]`` that may taper; all in pixels."""
    begin, finish = np.asarray(start, np.float64), np.asarray(end, np.float64)
    direction = (finish - begin) / max(float(np.hypot(*(finish - begin))), 1e-9)
    across = np.array([-direction[1], direction[0]]) / 2
    start_half, end_half = (
        thickness * across,
        (thickness if end_thickness is None else end_thickness) * across,
    )
    return np.stack([begin - start_half, begin + start_half, finish + end_half, finish - end_half])


def rotate(points: np.ndarray, angle: float) -> np.ndarray:
    """Turn points ``[N, 2]`` about the origin by ``angle`` radians, clockwise on the screen."""
    cosine, sine = np.cos(angle), np.sin(angle)
    return points @ np.array([[cosine, sine], [-sine, cosine]])
