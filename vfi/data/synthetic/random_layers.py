"""Layers by chance: textured shapes that move over a textured background."""

from __future__ import annotations

import math

import numpy as np

from vfi.data.synthetic.layer import Layer
from vfi.data.synthetic.motion import Motion, Vector
from vfi.data.synthetic.sprite import Sprite
from vfi.data.synthetic.textures import (
    ellipse_outline,
    fractal_noise,
    line_outline,
    random_generator,
    rotate,
    shape_mask,
    star_outline,
)

BACKGROUND_DENSITY = 1.5
SHAPE_DENSITY = 2.0
# Shift between two whole seconds at difficulty 1, as a fraction of the frame's width.
LARGEST_SHIFT = 0.1
FEWEST_SHAPES, MOST_SHAPES = 1, 10


def random_layers(seed: int, height: int, width: int, difficulty: float) -> tuple[Layer, ...]:
    """A background and shapes in front of it, back to front, see :func:`vfi.data.random_scene`."""
    random = random_generator(seed)
    background = noise_background(
        height, width, seed, _random_motion(random, height, width, 0.4 * difficulty)
    )
    count = round(FEWEST_SHAPES + difficulty * (MOST_SHAPES - FEWEST_SHAPES))
    layers = [background]
    for number in range(count):
        shape = random_generator(seed, 2, number)
        size = min(height, width) * shape.uniform(0.15, 0.6)
        thin = shape.random() < 0.4 * difficulty
        sprite = random_shape(shape, size, thin=thin)
        layers.append(Layer(sprite, _random_motion(shape, height, width, difficulty), f"shape {number}"))
    return tuple(layers)


def noise_background(height: int, width: int, seed: int, motion: Motion) -> Layer:
    """A texture without end; the layer's origin is the middle of the texture.

    Args:
        height: Height of the frame in pixels.
        width: Width of the frame in pixels.
        seed: Chooses the texture.
        motion: Motion of its centre.
    """
    rows, columns = (round(1.6 * BACKGROUND_DENSITY * side) + 8 for side in (height, width))
    texture = random_texture(random_generator(seed, 3), rows, columns, 24 * BACKGROUND_DENSITY)
    sprite = Sprite.paint(texture, density=BACKGROUND_DENSITY, endless=True)
    return Layer(sprite, motion, "background")


def random_texture(random: np.random.Generator, height: int, width: int, wavelength: float) -> np.ndarray:
    """Noise of several scales between two colours, with blotches of a third: float32 ``[H, W, 3]``."""
    first, second, third = random.random((3, 3), dtype=np.float32)
    mix, blotches = (
        fractal_noise(random, height, width, wavelength=scale * wavelength, falloff=0.7, octaves=6)[..., None]
        for scale in (1.0, 2.0)
    )
    blotches = np.clip((blotches - 0.55) * 8, 0, 1)
    return (first + (second - first) * mix) * (1 - blotches) + third * blotches


def random_shape(random: np.random.Generator, size: float, *, thin: bool = False) -> Sprite:
    """A textured shape.

    Args:
        random: Where the randomness comes from.
        size: Diameter, pixels.
        thin: Rings, spokes and bars of a few pixels instead of solid shapes.
    """
    texels = max(round(size * SHAPE_DENSITY), 8)
    # A rim of transparent texels, so that the outline is smooth all around.
    side, middle, radius = texels + 4, (texels + 3) / 2, texels / 2
    draw = _thin_mask if thin else _solid_mask
    mask = draw(random, side, middle, radius)
    texture = random_texture(random, side, side, max(size / 4, 8) * SHAPE_DENSITY)
    return Sprite.paint(texture, mask, density=SHAPE_DENSITY)


def _solid_mask(random: np.random.Generator, side: int, middle: float, radius: float) -> np.ndarray:
    """An ellipse, a star, a polygon or a blob, ``[side, side]``."""
    centre, angle = (middle, middle), random.uniform(0, 2 * math.pi)
    kind = random.integers(4)
    if kind == 0:
        outline = ellipse_outline(centre, (radius, radius * random.uniform(0.4, 1.0)), angle=angle)
    elif kind == 1:
        points, waist = int(random.integers(4, 9)), random.uniform(0.4, 0.7)
        outline = star_outline(centre, radius, points=points, waist=waist, angle=angle)
    elif kind == 2:
        # A polygon of n sides is a star whose waist lies on the straight line between the tips.
        points = int(random.integers(3, 7))
        waist = math.cos(math.pi / points)
        outline = star_outline(centre, radius, points=points, waist=waist, angle=angle)
    else:
        outline = _blob_outline(random, middle, radius)
    return shape_mask(side, side, [outline])


def _blob_outline(random: np.random.Generator, middle: float, radius: float) -> np.ndarray:
    """A closed smooth curve ``[N, 2]`` around the middle, within the radius."""
    turn = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    reach = np.ones_like(turn)
    for order in range(2, 6):
        reach += random.uniform(0, 0.35) / order * np.cos(order * turn + random.uniform(0, 2 * np.pi))
    reach *= radius / reach.max()
    return middle + reach[:, None] * np.stack([np.cos(turn), np.sin(turn)], axis=1)


def _thin_mask(random: np.random.Generator, side: int, middle: float, radius: float) -> np.ndarray:
    """A ring, a wheel of spokes or a fence of bars, ``[side, side]``, strokes of 1.5 to 4 pixels."""
    stroke = random.uniform(1.5, 4.0) * SHAPE_DENSITY
    centre = (middle, middle)
    kind = random.integers(3)
    if kind == 0:
        outer, inner = (
            shape_mask(side, side, [ellipse_outline(centre, (reach, reach))])
            for reach in (radius, radius - stroke)
        )
        return outer - inner
    if kind == 1:
        spokes = int(random.integers(3, 8))
        angles = np.arange(spokes) * math.pi / spokes + random.uniform(0, math.pi)
        strokes = [_stroke(middle, radius, 0.0, stroke, angle) for angle in angles]
    else:
        angle, bars = random.uniform(0, math.pi), int(random.integers(3, 7))
        offsets = np.linspace(-0.8, 0.8, bars) * radius
        strokes = [_stroke(middle, radius, offset, stroke, angle) for offset in offsets]
    return shape_mask(side, side, strokes)


def _stroke(middle: float, radius: float, offset: float, thickness: float, angle: float) -> np.ndarray:
    """A chord of the circle, ``offset`` from its center, rotated by ``angle`` radians: ``[4, 2]``."""
    half = math.sqrt(max(radius**2 - offset**2, 0.0))
    return rotate(line_outline((-half, offset), (half, offset), thickness), angle) + middle


def _random_motion(random: np.random.Generator, height: int, width: int, difficulty: float) -> Motion:
    """Any position in the frame and any direction; speed and change grow with the difficulty."""
    shift = (0.1 + 0.9 * difficulty) * LARGEST_SHIFT * width

    def direction(length: float) -> Vector:
        angle = random.uniform(0, 2 * math.pi)
        return length * math.cos(angle), length * math.sin(angle)

    return Motion(
        position=(random.uniform(0.1, 0.9) * width, random.uniform(0.1, 0.9) * height),
        velocity=direction(shift * random.uniform(0.2, 1.0)),
        acceleration=direction(difficulty * shift * random.uniform(0.0, 0.5)),
        angle=random.uniform(0, 2 * math.pi),
        spin=difficulty * random.uniform(-0.3, 0.3),
        spin_acceleration=difficulty * random.uniform(-0.05, 0.05),
        growth=difficulty * random.uniform(-0.08, 0.08),
    )
