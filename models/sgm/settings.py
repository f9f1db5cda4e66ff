"""Sizes of SGM-VFI's networks, and its settings at run time: points, size of the flow, matching time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from vfi.base.memory import MemoryFit
from vfi.ops import Padding

DENSE_HEIGHT = 32
"""Rows at 1/8; fields that are not higher are matched at all positions. Only their height counts."""

LARGEST_FLOW = 1024 * 576
"""Pixels; the flow of larger frames is estimated at a reduced size, as in the authors' benchmarks."""

REDUCTIONS = (
    Fraction(1),
    Fraction(4, 5),
    Fraction(1, 2),
    Fraction(2, 5),
    Fraction(1, 4),
    Fraction(1, 5),
    Fraction(1, 8),
    Fraction(1, 10),
)
"""From which the automatic choice takes the first one with which the flow is not too large, else the last."""

REDUCED_MULTIPLE = 16
"""Pixels; of the sides of frames that were reduced for the flow, so that the matching features fit."""

KEPT_FRAMES = 2
"""Frames kept: of a pair's two one is found by the next pair, while a new one comes in."""

LARGEST_DENOMINATOR = 64
"""Largest denominator of a reduction; its frames are padded to sides that it divides."""

Ratio = float | str | Fraction
"""A number, or text such as ``"1/2"``."""


@dataclass(frozen=True)
class SgmNetwork:
    """What the shapes of the weights depend on."""

    width: int
    """Channels at full size, F."""
    depth: int
    """Blocks of attention."""


SMALL, BASE = SgmNetwork(width=16, depth=4), SgmNetwork(width=32, depth=6)
"""Those that weights were released for."""

SIZES = {"small": SMALL, "base": BASE}
"""The same by name."""


@dataclass(frozen=True)
class SgmSettings:
    """How the model runs; no weight depends on it.

    Raises:
        ValueError: if a value lies outside its range.
    """

    points: Ratio = 0.5
    """Fraction of the positions of each frame that are matched with the whole other frame, those where the
    local flow fails worst; 0: no matching; ``"all"``: every position, without looking for the worst.
    Converted: a :class:`~fractions.Fraction` or ``"all"``."""
    down_scale: Ratio | None = None
    """Side of the images that the flow is estimated on, relative to that of the frames; None: 1 up to
    :data:`LARGEST_FLOW` pixels, less for larger ones. Converted to a :class:`~fractions.Fraction`."""
    matching_time: float | None = None
    """Time t that matches are brought to; None: the t asked for. The authors' training forward has 0.5
    always, which is wrong for other t, but is what its numbers were made with."""
    dense_height: int = DENSE_HEIGHT
    """See :data:`DENSE_HEIGHT`; 0: the fraction of points counts for fields of any height."""

    def __post_init__(self) -> None:
        """Convert and check the values."""
        object.__setattr__(self, "points", _checked_points(self.points))
        if self.down_scale is not None:
            object.__setattr__(self, "down_scale", _checked_scale(self.down_scale))
        if self.matching_time is not None and not 0 < self.matching_time < 1:
            raise ValueError(f"matching_time must lie between 0 and 1, not {self.matching_time!r}")
        if self.dense_height < 0:
            raise ValueError(f"dense_height must not be negative, but it is {self.dense_height}")

    @property
    def matches(self) -> bool:
        """Whether there is any matching."""
        return self.points != 0

    def point_count(self, height: int, width: int) -> int | Literal["all"]:
        """How many positions of each frame are matched.

        Args:
            height: Height of the frame at 1/8, pixels.
            width: Width of the frame at 1/8, pixels.
        """
        if not isinstance(self.points, Fraction) or height <= self.dense_height:
            return "all"
        return max(int(self.points * height * width), 1)

    def scale(self, height: int, width: int) -> Fraction:
        """The scale of the frames that the flow is estimated on.

        Args:
            height: Frame height in pixels.
            width: Frame width in pixels.
        """
        if isinstance(self.down_scale, Fraction):
            return self.down_scale
        fitting = (scale for scale in REDUCTIONS if height * width * scale * scale <= LARGEST_FLOW)
        return next(fitting, REDUCTIONS[-1])


def _checked_points(points: Ratio) -> Fraction | Literal["all"]:
    if points == "all":
        return "all"
    fraction = _as_fraction(points)
    if fraction is None or not 0 <= fraction <= 1:
        raise ValueError(f'points must be a fraction from 0 to 1 or "all", not {points!r}')
    return fraction


def _checked_scale(down_scale: Ratio) -> Fraction:
    exact = _as_fraction(down_scale)
    scale = exact and exact.limit_denominator(LARGEST_DENOMINATOR)
    if not scale or not 0 < scale <= 1:
        raise ValueError(f"down_scale must lie between 1/{LARGEST_DENOMINATOR} and 1, not {down_scale!r}")
    return scale


def _as_fraction(value: Ratio) -> Fraction | None:
    """The value of a number or of text such as ``"1/2"``; None where it has none."""
    try:
        return Fraction(value)
    except (ValueError, ZeroDivisionError, OverflowError, TypeError):
        return None


def padding_before(height: int, width: int, scale: Fraction) -> Padding:
    """The padding of a frame that makes its reduced sides multiples of :data:`REDUCED_MULTIPLE`.

    Args:
        height: Frame height in pixels.
        width: Frame width in pixels.
        scale: Scale to which it is reduced; 1: nothing is ever added.
    """
    if scale == 1:
        return Padding()
    return Padding.to_fit(
        height,
        width,
        multiple=REDUCED_MULTIPLE * scale.denominator // math.gcd(scale.numerator, REDUCED_MULTIPLE),
    )


def memory_fit(width: int) -> MemoryFit:
    """Memory of a network, fitted to peaks measured on a CPU over three pairs, and a sixth more.

    Both sizes, 1280x720 with the flow at full size and 1920x1080 at half, whole and in tiles.

    Args:
        width: Channels of the network at full size, F.
    """
    return MemoryFit(
        per_pixel=20 * width,
        per_flow_pixel=640,
        per_tile_pixel=500 + 40 * width,
        variant_per_pixel=KEPT_FRAMES * 4 * width,
        variant_per_flow_pixel=KEPT_FRAMES * (32 + 2 * width),
    )
