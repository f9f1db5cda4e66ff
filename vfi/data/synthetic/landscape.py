"""The demonstration scene: hills in the evening sun, passing by as from a moving train.

Sizes are written for a frame 480 pixels high and multiplied by ``unit``. The camera's way shifts every
layer by its ``nearness``: 0 is infinitely far away, 1 the grasses beside the track.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from vfi.data.synthetic.landscape_objects import balloon_sprite, birds_sprite, sails_sprite, tower_sprite
from vfi.data.synthetic.landscape_plants import grass_sprite, trees_sprite
from vfi.data.synthetic.layer import Layer
from vfi.data.synthetic.motion import Motion
from vfi.data.synthetic.sprite import Sprite
from vfi.data.synthetic.textures import (
    colour,
    colour_ramp,
    fractal_noise,
    random_generator,
    relief_light,
    smooth_step,
)

REFERENCE_HEIGHT = 480
DENSITY = 2.0
SKY_DENSITY = 1.0

CAMERA_SPEED = 190.0  # px/s of the grasses at time 0, in the units of the reference height
CAMERA_ACCELERATION = 130.0  # px/s^2

SKY = ((0.0, "3f6ea3"), (0.35, "7fa6c4"), (0.62, "f0c9a0"), (0.80, "fbe3b8"), (1.0, "fff0cf"))
SUN_PLACE = (0.30, 0.42)  # of width and height
FAR_MOUNTAINS = ((0.0, "8b96bd"), (0.3, "a3a5c3"), (1.0, "d9c4bf"))
NEAR_MOUNTAINS = ((0.0, "5d6d97"), (0.35, "75809f"), (1.0, "b9aeb0"))
FIELDS = ((0.0, "5f8a4f"), (0.35, "8fa653"), (0.55, "c9b45e"), (0.75, "7d9c55"), (1.0, "567f4c"))
HILL = ((0.0, "4d7b41"), (0.4, "6c9a4a"), (0.7, "86a653"), (1.0, "557f3f"))
MEADOW = ((0.0, "4a7a35"), (0.5, "6f9f42"), (1.0, "9aba55"))
SUNLIGHT = "ffdf9e"
MOUNTAINS_END = 0.1  # nearness from which on there are fields instead of rocks


@dataclass(frozen=True)
class Stage:
    """Parameters that all parts of the landscape have in common."""

    height: int
    width: int
    seed: int
    duration: float

    @property
    def unit(self) -> float:
        """Pixels per pixel of the reference height."""
        return self.height / REFERENCE_HEIGHT

    def random(self, part: int) -> np.random.Generator:
        """Independent randomness for one part."""
        return random_generator(self.seed, part)

    def camera(self, nearness: float, position: tuple[float, float] = (0.0, 0.0)) -> Motion:
        """How something at rest in the landscape moves through the frame."""
        speed = nearness * self.unit
        return Motion(position, (-CAMERA_SPEED * speed, 0.0), (-CAMERA_ACCELERATION * speed, 0.0))

    def strip_length(self, nearness: float) -> float:
        """Pixels that pass through the frame in the whole time, from its left border on."""
        end, _ = self.camera(nearness).position_at(self.duration)
        return self.width - end + 8 * self.unit


def landscape_layers(height: int, width: int, seed: int, duration: float) -> tuple[Layer, ...]:
    """All layers, back to front.

    Args:
        height: Height of the frame in pixels.
        width: Width of the frame in pixels.
        seed: Chooses the landscape.
        duration: Length of the scene in seconds; its layers fill the frame for times from 0 to this.
    """
    stage = Stage(height, width, seed, duration)
    unit = stage.unit
    mill = stage.camera(0.30, (0.70 * width, 0.635 * height))
    hub = replace(mill, position=(mill.position[0], mill.position[1] - 88 * unit), angle=0.35, spin=2.1)
    return (
        _sky(stage),
        _ridge(
            stage, 1, 0.025, top=0.40, relief=0.16, wavelength=0.30, ramp=FAR_MOUNTAINS, name="far mountains"
        ),
        _ridge(stage, 2, 0.06, top=0.50, relief=0.14, wavelength=0.22, ramp=NEAR_MOUNTAINS, name="mountains"),
        _small_balloon(stage),
        _ridge(stage, 3, 0.14, top=0.62, relief=0.06, wavelength=0.50, ramp=FIELDS, name="fields"),
        Layer(tower_sprite(stage.random(4), unit, DENSITY), mill, "windmill"),
        Layer(sails_sprite(stage.random(5), unit, DENSITY), hub, "sails"),
        _ridge(stage, 6, 0.30, top=0.70, relief=0.05, wavelength=0.60, ramp=HILL, name="hill"),
        _trees(stage),
        _birds(stage),
        _large_balloon(stage),
        _ridge(stage, 10, 0.60, top=0.84, relief=0.04, wavelength=0.70, ramp=MEADOW, name="meadow"),
        _grass(stage),
    )


def _sky(stage: Stage) -> Layer:
    """Evening sky with the sun and long clouds, drifting slowly."""
    random, height, width = stage.random(0), stage.height, round(1.1 * stage.width)
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    sky = colour_ramp(rows / height, SKY)
    distance = np.hypot(columns - SUN_PLACE[0] * stage.width, rows - SUN_PLACE[1] * height) / stage.unit
    glow = (0.55 * np.exp(-distance / 70) + 0.40 * np.exp(-distance / 260))[..., None]
    sky += (colour("fff3cf") - sky) * glow
    noise = fractal_noise(
        random, height, width, wavelength=70 * stage.unit, octaves=6, falloff=0.6, aspect=3.5
    )
    veil = smooth_step(noise, 0.48, 0.85) * smooth_step(rows / height, 0.95, 0.1) * 0.9
    lit = colour("fff4e4") + (colour("f3b79a") - colour("fff4e4")) * smooth_step(noise, 0.75, 1.0)[..., None]
    sky += (lit - sky) * veil[..., None]
    disc = smooth_step(distance, 25, 22.5)[..., None]
    sky += (colour("fffbe8") - sky) * disc
    sprite = Sprite.paint(sky.clip(0, 1), density=SKY_DENSITY, anchor=(0.0, 0.0), endless=True)
    return Layer(sprite, Motion((-2 * stage.unit, 0.0), (-5 * stage.unit, 0.0)), "sky")


def _ridge(
    stage: Stage,
    part: int,
    nearness: float,
    *,
    top: float,
    relief: float,
    wavelength: float,
    ramp: tuple[tuple[float, str], ...],
    name: str,
) -> Layer:
    """Mountains, hills or meadows: everything below a wavy line.

    Args:
        stage: The landscape.
        part: Number of its random stream.
        nearness: 0 is infinitely far away.
        top: Height of the line, fraction of the frame from above.
        relief: Distance from the lowest to the highest point of the line, fraction of the frame's height.
        wavelength: Wavelength of the line, fraction of the frame's width.
        ramp: Colours of the ground.
        name: Name of the layer.
    """
    random = stage.random(part)
    scale = DENSITY * stage.unit
    first_row = (top - relief / 2) * stage.height - 4 * stage.unit
    height = math.ceil(DENSITY * (stage.height - first_row + 2))
    width = math.ceil(DENSITY * stage.strip_length(nearness))
    line = fractal_noise(
        random, 1, width, wavelength=DENSITY * wavelength * stage.width, octaves=6, falloff=0.45
    )
    line = 4 * scale + (1 - line) * DENSITY * relief * stage.height  # [1, w], texels from above
    depth = np.arange(height, dtype=np.float32)[:, None] - line
    alpha = np.clip(depth / DENSITY + 0.5, 0, 1)
    ground = _mountain_ground if nearness < MOUNTAINS_END else _field_ground
    paint = ground(random, depth / scale, scale, ramp)
    rim = 0.5 * np.exp(-np.maximum(depth, 0) / (6 * scale))[..., None]
    paint += (colour(SUNLIGHT) - paint) * rim
    sprite = Sprite.paint(paint.clip(0, 1), alpha, density=DENSITY, anchor=(0.0, 0.0))
    return Layer(sprite, stage.camera(nearness, (0.0, first_row)), name)


def _mountain_ground(
    random: np.random.Generator, depth: np.ndarray, scale: float, ramp: tuple[tuple[float, str], ...]
) -> np.ndarray:
    """Rocks lit from the left that fade into haze below.

    Args:
        random: Where the randomness comes from.
        depth: ``[h, w]``, below the ridge, pixels of the reference height.
        scale: Texels per pixel of the reference height.
        ramp: Colours by depth.

    Returns:
        ``[h, w, 3]``.
    """
    height, width = depth.shape
    rocks = fractal_noise(random, height, width, wavelength=44 * scale, octaves=6, falloff=0.6)
    # Folded noise has creases like a mountain range.
    relief = np.abs(rocks - 0.5) * 34 * scale
    slope = np.clip(relief_light(relief), -1, 1)
    haze = smooth_step(depth, 10, 110)
    paint = colour_ramp(np.clip(depth / 100, 0, 1), ramp)
    return paint * (1 + (0.36 - 0.26 * haze) * slope)[..., None]


def _field_ground(
    random: np.random.Generator, depth: np.ndarray, scale: float, ramp: tuple[tuple[float, str], ...]
) -> np.ndarray:
    """Meadows and rows of crops; arguments and result as for :func:`_mountain_ground`, colours by patch."""
    height, width = depth.shape
    patches = fractal_noise(random, height, width, wavelength=64 * scale, octaves=4, aspect=3.0, falloff=0.5)
    grain = fractal_noise(random, height, width, wavelength=6 * scale, octaves=2, falloff=1.0, aspect=1.5)
    # Rows follow the lie of the land and come closer together towards the ridge.
    along = np.arange(width, dtype=np.float32) / scale
    rows = np.sin(5.3 * np.sqrt(np.maximum(depth, 0) + 4) + 0.012 * along + 5 * patches)
    rows *= smooth_step(np.abs(patches - 0.5), 0.10, 0.14)
    undulation = relief_light(patches * 40 * scale)
    light = 0.74 + 0.52 * grain + 0.12 * rows + 0.20 * np.clip(undulation, -1, 1)
    return colour_ramp(patches, ramp) * light[..., None]


def _small_balloon(stage: Stage) -> Layer:
    """A balloon far away that climbs evenly."""
    sprite = balloon_sprite(
        stage.random(7), 0.42 * stage.unit, DENSITY, colours=("2f6f8f", "f4ead2", "e0a33a")
    )
    unit = stage.unit
    motion = Motion(
        (0.47 * stage.width, 0.30 * stage.height), (-26 * unit, -14 * unit), angle=0.03, spin=-0.03
    )
    return Layer(sprite, motion, "small balloon")


def _large_balloon(stage: Stage) -> Layer:
    """A balloon nearby that swings, comes nearer and is carried off by a gust."""
    sprite = balloon_sprite(stage.random(8), stage.unit, DENSITY, colours=("c8402f", "f7ecd6", "e8963a"))
    unit = stage.unit
    motion = Motion(
        (0.24 * stage.width, 0.47 * stage.height),
        (60 * unit, -40 * unit),
        (110 * unit, -20 * unit),
        angle=-0.14,
        spin=0.16,
        scale=0.92,
        growth=0.08,
    )
    return Layer(sprite, motion, "large balloon")


def _birds(stage: Stage) -> Layer:
    """A skein of birds that crosses quickly."""
    unit = stage.unit
    motion = Motion(
        (0.86 * stage.width, 0.24 * stage.height), (-210 * unit, 22 * unit), (0.0, -24 * unit), spin=0.05
    )
    return Layer(birds_sprite(unit, DENSITY), motion, "birds")


def _trees(stage: Stage) -> Layer:
    """Trees and bushes along the meadow."""
    nearness = 0.42
    sprite = trees_sprite(stage.random(9), stage.strip_length(nearness), stage.unit, DENSITY)
    return Layer(sprite, stage.camera(nearness, (0.0, 0.86 * stage.height)), "trees")


def _grass(stage: Stage) -> Layer:
    """Grasses and poppies beside the track."""
    sprite = grass_sprite(stage.random(11), stage.strip_length(1.0), stage.unit, DENSITY)
    return Layer(sprite, stage.camera(1.0, (0.0, stage.height + 2.0)), "grasses")
