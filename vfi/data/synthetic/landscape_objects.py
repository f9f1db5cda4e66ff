"""Balloons, a windmill and birds of the demonstration landscape, as sprites.

``unit`` is the frame's height over 480, ``density`` texels per pixel. Each sprite's origin is where it is
natural to hold it: the middle of a balloon and of the sails, the foot of the tower.
"""

from __future__ import annotations

import math

import numpy as np

from vfi.data.synthetic.canvas import Canvas
from vfi.data.synthetic.sprite import Sprite
from vfi.data.synthetic.textures import (
    colour,
    ellipse_outline,
    fractal_noise,
    line_outline,
    rotate,
    smooth_step,
)

BALLOON_RADIUS = 62.0
GORES = 12
SAIL_LENGTH = 74.0


def balloon_sprite(
    random: np.random.Generator, unit: float, density: float, *, colours: tuple[str, str, str]
) -> Sprite:
    """A hot-air balloon of striped cloth with a basket on ropes.

    Args:
        random: Generator for the cloth's texture.
        unit: Frame height divided by 480.
        density: Texels per pixel.
        colours: Colours of the two kinds of stripes and of the zigzag around the middle.
    """
    radius = BALLOON_RADIUS * unit
    canvas = Canvas(-1.15 * radius, 1.15 * radius, -1.15 * radius, 2.05 * radius, density)
    drop = np.linspace(0, 1, 90)
    outline_y = -radius + drop * 2.35 * radius
    outline_x = _envelope_radius(outline_y / radius) * radius
    outline = np.concatenate(
        [np.stack([outline_x, outline_y], 1), np.stack([-outline_x, outline_y], 1)[::-1]], axis=0
    )
    mouth, basket_top, basket_bottom = 1.35 * radius, 1.68 * radius, 1.93 * radius
    rope = np.maximum(0.018 * radius, 0.8)
    ropes = [
        line_outline((side * 0.2 * radius, mouth - 2), (side * 0.14 * radius, basket_top), rope)
        for side in (-1, -0.35, 0.35, 1)
    ]
    canvas.paint(canvas.mask(*ropes), colour("4a3527"))
    canvas.paint(canvas.mask(outline), _balloon_cloth(canvas, random, radius, colours))
    half = 0.16 * radius
    basket = np.array(
        [[-half, basket_top], [half, basket_top], [0.82 * half, basket_bottom], [-0.82 * half, basket_bottom]]
    )
    weave = fractal_noise(
        random, canvas.height, canvas.width, wavelength=6 * density * unit, octaves=2, aspect=2
    )
    canvas.paint(canvas.mask(basket), colour("8a5a33") * (0.7 + 0.6 * weave[..., None]))
    return canvas.sprite()


def _envelope_radius(y: np.ndarray) -> np.ndarray:
    """Half width of the balloon ``y`` below its middle, in radii: round above, tapering below."""
    upper = np.sqrt(np.clip(1 - y**2, 0, 1))
    # The cosine of a right angle may come out just below zero, which has no real power.
    lower = 0.2 + 0.8 * np.clip(np.cos(np.clip(y / 1.35, 0, 1) * np.pi / 2), 0, 1) ** 0.9
    return np.where(y < 0, upper, lower)


def _balloon_cloth(
    canvas: Canvas, random: np.random.Generator, radius: float, colours: tuple[str, str, str]
) -> np.ndarray:
    """Striped cloth lit from the left, ``[h, w, 3]``."""
    x, y = canvas.positions()
    half_width = np.maximum(_envelope_radius(y / radius) * radius, 1e-3)
    longitude = np.arcsin(np.clip(x / half_width, -1, 1))
    # Stripes with edges of about a pixel, and a zigzag between two plain lines.
    stripe = np.sin(longitude * GORES)
    mix = smooth_step(stripe, -0.12, 0.12)[..., None]
    cloth = colour(colours[0]) + (colour(colours[1]) - colour(colours[0])) * mix
    wave = np.abs(((longitude * GORES / np.pi / 2) % 1) - 0.5)
    zigzag = np.abs(y / radius + 0.02 - 0.22 * (wave - 0.25))
    cloth += (colour(colours[2]) - cloth) * smooth_step(zigzag, 0.125, 0.10)[..., None]
    folds = fractal_noise(random, canvas.height, canvas.width, wavelength=0.35 * radius * canvas.density)
    light = 0.60 + 0.50 * np.cos(longitude + 0.65) + 0.16 * (folds - 0.5) - 0.10 * y / radius
    seam = 0.10 * np.abs(np.cos(longitude * GORES)) ** 8
    return cloth * (light - seam)[..., None]


def tower_sprite(random: np.random.Generator, unit: float, density: float) -> Sprite:
    """The tower of a windmill; the hub of its sails is 88 units above its foot."""
    canvas = Canvas(-40 * unit, 40 * unit, -112 * unit, 44 * unit, density)
    x, _ = canvas.positions()
    body = np.array([[-17, -80], [17, -80], [26, 42], [-26, 42]]) * unit
    stone = fractal_noise(
        random, canvas.height, canvas.width, wavelength=9 * density * unit, octaves=3, aspect=1.8
    )
    light = 1.06 - 0.34 * smooth_step(x / unit, -22, 24)
    canvas.paint(canvas.mask(body), colour("efe2c8") * (light * (0.82 + 0.30 * stone))[..., None])
    cap = np.array([[-21, -78], [-16, -94], [-7, -103], [7, -103], [16, -94], [21, -78]]) * unit
    canvas.paint(canvas.mask(cap), colour("8c4a35") * (light * (0.85 + 0.3 * stone))[..., None])
    windows = [
        np.array([[-4, top], [4, top], [4, top + 11], [-4, top + 11]], float) * unit for top in (-60.0, -25.0)
    ]
    canvas.paint(canvas.mask(*windows), colour("4b4038"))
    return canvas.sprite()


def sails_sprite(random: np.random.Generator, unit: float, density: float) -> Sprite:
    """Four latticed sails about their hub."""
    reach = (SAIL_LENGTH + 4) * unit
    canvas = Canvas(-reach, reach, -reach, reach, density)
    grain = fractal_noise(random, canvas.height, canvas.width, wavelength=14 * density * unit, octaves=3)[
        ..., None
    ]
    cloth, wood = [], []
    for quarter in range(4):
        turn = quarter * math.pi / 2
        inner, outer, broad = 18.0, SAIL_LENGTH, 15.0
        cloth.append(rotate(np.array([[inner, 1], [outer, 1], [outer, broad], [inner, broad]]) * unit, turn))
        bars = [line_outline((0, 0), (outer + 2, 0), 3.6, end_thickness=2.2)]
        bars.append(line_outline((inner, broad), (outer, broad), 1.5))
        bars.append(line_outline((inner, broad / 2), (outer, broad / 2), 1.0))
        bars += [line_outline((along, 0), (along, broad), 1.4) for along in np.linspace(inner, outer, 9)]
        wood += [rotate(bar * unit, turn) for bar in bars]
    canvas.paint(canvas.mask(*cloth), colour("f6efdf") * (0.86 + 0.2 * grain))
    canvas.paint(canvas.mask(*wood), colour("6b4a32") * (0.85 + 0.3 * grain))
    canvas.paint(canvas.mask(ellipse_outline((0, 0), (5 * unit, 5 * unit))), colour("3d2c20"))
    return canvas.sprite()


def birds_sprite(unit: float, density: float) -> Sprite:
    """Five birds in a wedge."""
    canvas = Canvas(-62 * unit, 62 * unit, -34 * unit, 34 * unit, density)
    outlines = []
    for number, (x, y) in enumerate([(-40, 0), (-20, -12), (-18, 13), (6, -22), (10, 25)]):
        span, lift = 11 + number % 2, 5 + number % 3
        place = np.array([x, y])
        for side in (-1, 1):
            wing = np.array(
                [
                    [0, 1.2],
                    [side * span * 0.45, -lift],
                    [side * span, -lift * 0.55],
                    [side * span * 0.45, -lift + 2.0],
                ]
            )
            outlines.append((place + wing) * unit)
        outlines.append(ellipse_outline((x * unit, y * unit), (3.6 * unit, 1.7 * unit)))
    canvas.paint(canvas.mask(*outlines), colour("3a3a4a"))
    return canvas.sprite()
