"""Plants of the demonstration landscape, as strips that pass the camera.

The origin of a strip is its lower left corner. ``unit`` is the frame's height over 480, ``density`` texels
per pixel.
"""

from __future__ import annotations

import numpy as np

from vfi.data.synthetic.canvas import Canvas
from vfi.data.synthetic.sprite import Sprite
from vfi.data.synthetic.textures import colour, ellipse_outline, fractal_noise, line_outline, smooth_step

TREE_COLOURS = ("2f5530", "3f6b35", "557f3c")
GRASS_COLOURS = ("1f3b1f", "2c5226", "3f6b2b", "5d8a35", "86a845")
BLADES_PER_PIXEL = 0.28
POPPIES_PER_PIXEL = 0.016


def trees_sprite(random: np.random.Generator, length: float, unit: float, density: float) -> Sprite:
    """Round and slender trees in groups, 40 to 110 units high."""
    canvas = Canvas(0.0, length, -125 * unit, 4 * unit, density)
    x = 10 * unit
    trunks: list[np.ndarray] = []
    crowns: list[list[np.ndarray]] = [[], [], []]
    while x < length:
        slender = random.random() < 0.3
        height = random.uniform(70, 105) if slender else random.uniform(34, 66)
        trunks.append(line_outline((x, 0), (x, -0.6 * height * unit), 4 * unit, end_thickness=2 * unit))
        for outline, shade in _crown(random, x, height * unit, slender):
            crowns[shade].append(outline)
        close = random.random() < 0.6
        x += (random.uniform(14, 34) if close else random.uniform(90, 220)) * unit
    leaves = fractal_noise(
        random, canvas.height, canvas.width, wavelength=6 * density * unit, octaves=2, falloff=0.9
    )
    light = (0.58 + 0.80 * leaves)[..., None]
    canvas.paint(canvas.mask(*trunks), colour("4a3826"))
    for outlines, code in zip(crowns, TREE_COLOURS, strict=True):
        # Leaves eat into the outline.
        mask = canvas.mask(*outlines) * smooth_step(leaves, 0.12, 0.22)
        canvas.paint(mask, colour(code) * light)
    return canvas.sprite()


def _crown(
    random: np.random.Generator, x: float, height: float, slender: bool
) -> list[tuple[np.ndarray, int]]:
    """Outlines of a tree's leaves, each with its shade, dark ones first."""
    if slender:
        radii = np.array([0.12, 0.46]) * height
        return [
            (
                ellipse_outline(
                    (x - shade * 0.03 * height, -0.52 * height), tuple(radii * (1 - 0.25 * shade))
                ),
                shade,
            )
            for shade in range(3)
        ]
    clumps = []
    for shade in range(3):
        for _ in range(5):
            offset = random.normal(0, 0.12, 2) * height
            # Lighter clumps lie towards the sun, on the left above.
            centre = (
                x + offset[0] - 0.08 * shade * height,
                -0.58 * height + offset[1] - 0.07 * shade * height,
            )
            radius = height * random.uniform(0.17, 0.26) * (1 - 0.24 * shade)
            clumps.append((ellipse_outline(centre, (radius, 0.85 * radius)), shade))
    return clumps


def grass_sprite(random: np.random.Generator, length: float, unit: float, density: float) -> Sprite:
    """Blades of grass, dark and dense below and light above, with poppies between them."""
    canvas = Canvas(0.0, length, -112 * unit, 0.0, density)
    tone = fractal_noise(random, canvas.height, canvas.width, wavelength=40 * density * unit)[..., None]
    blades = int(length / unit * BLADES_PER_PIXEL)
    for shade, code in enumerate(GRASS_COLOURS):
        if shade == 3:
            _paint_poppies(canvas, random, length, unit)
        tallest = 66 - 6 * shade
        outlines = [
            _blade(random, random.uniform(-5, length + 5), random.uniform(0.35, 1.0) * tallest * unit, unit)
            for _ in range(blades)
        ]
        canvas.paint(canvas.mask(*outlines), colour(code) * (0.75 + 0.5 * tone))
    return canvas.sprite()


def _blade(random: np.random.Generator, x: float, height: float, unit: float) -> np.ndarray:
    """A bent blade that tapers to a point, ``[2 N - 1, 2]``."""
    along = np.linspace(0, 1, 7)[:, None]
    bend = random.normal(0, 0.22) * height
    spine = np.concatenate([x + bend * along**2, -height * along], axis=1)
    half = np.concatenate([random.uniform(1.2, 2.6) * unit * (1 - along), np.zeros_like(along)], axis=1)
    return np.concatenate([spine - half, (spine + half)[-2::-1]])


def _paint_poppies(canvas: Canvas, random: np.random.Generator, length: float, unit: float) -> None:
    """Poppies: stems, four petals in two reds, a dark heart."""
    count = max(int(length / unit * POPPIES_PER_PIXEL), 1)
    heads = np.stack([random.uniform(0, length, count), -random.uniform(52, 96, count) * unit], axis=1)
    stems, petals, lights, hearts = [], [], [], []
    for head in heads:
        x, y = float(head[0]), float(head[1])
        size = random.uniform(6.5, 10.5) * unit
        stems.append(line_outline((x + random.normal(0, 6) * unit, 0.0), (x, y), 1.7 * unit))
        petals += [
            ellipse_outline((x + side * 0.45 * size, y), (0.8 * size, 0.72 * size)) for side in (-1, 1)
        ]
        lights.append(ellipse_outline((x - 0.2 * size, y - 0.35 * size), (0.75 * size, 0.42 * size)))
        hearts.append(ellipse_outline((x, y + 0.12 * size), (0.26 * size, 0.22 * size)))
    canvas.paint(canvas.mask(*stems), colour("4c7a35"))
    canvas.paint(canvas.mask(*petals), colour("c22a1e"))
    canvas.paint(canvas.mask(*lights), colour("e8523a"))
    canvas.paint(canvas.mask(*hearts), colour("2a1518"))
