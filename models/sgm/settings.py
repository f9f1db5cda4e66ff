"""Sizes of SGM-VFI's networks, and its settings at run time: points, scale of the flow, matching time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from vfi.base.memory import MemoryFit
from vfi.ops import Padding

DENSE_HEIGHT = 32
"""Rows at 1/8; fields of this height or less are matched at all positions, whatever their width."""

LARGEST_FLOW = 1024 * 576
"""Pixels; the flow of larger frames is estimated at a reduced scale, as in the authors' benchmarks."""

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
"""Scales of the automatic choice, which takes the first that meets :data:`LARGEST_FLOW`, else the last."""

REDUCED_MULTIPLE = 16
"""Pixels; sides of frames that are reduced for the flow are multiples of it, which the matching needs."""

KEPT_FRAMES = 2
"""Number of frames in each cache: of the two of a pair the next pair uses one again."""

LARGEST_DENOMINATOR = 64
"""Largest denominator of a scale; frames are padded to sides that it divides."""

Ratio = float | str | Fraction
"""A number, or a string such as ``"1/2"``."""


@dataclass(frozen=True)
class SgmNetwork:
    """Size of the network, which decides the shapes of the weights."""

    width: int
    """Number of channels at full size, F."""
    depth: int
    """Number of attention blocks."""


SMALL, BASE = SgmNetwork(width=16, depth=4), SgmNetwork(width=32, depth=6)
"""The sizes of the released weights."""

SIZES = {"small": SMALL, "base": BASE}
"""The sizes by name."""


@dataclass(frozen=True)
class SgmSettings:
    """Settings of a run, on which no weight depends.

    Raises:
        ValueError: If a value lies outside its range.
    """

    points: Ratio = 0.5
    """Fraction of the positions of each frame that are matched with the whole other frame, chosen where the
    initial flow fails worst; 0: no matching; ``"all"``: every position, without a choice. Converted to a
    :class:`~fractions.Fraction` or ``"all"``."""
    down_scale: Ratio | None = None
    """Scale of the frames that the flow is estimated on, per side; None: 1 up to :data:`LARGEST_FLOW` pixels,
    less for larger frames. Converted to a :class:`~fractions.Fraction`."""
    matching_time: float | None = None
    """Time t that matches are shifted to; None: the t of the new frame. The authors' training forward always
    uses 0.5, which is wrong for other t, but gives their published numbers."""
    dense_height: int = DENSE_HEIGHT
    """See :data:`DENSE_HEIGHT`; 0: the fraction of points applies to fields of any height."""

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
        """The number of positions of each frame that are matched.

        Args:
            height: Height of the frame at 1/8 in pixels.
            width: Width of the frame at 1/8 in pixels.
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
    """The value of a number or of a string such as ``"1/2"``; None for anything else."""
    try:
        return Fraction(value)
    except (ValueError, ZeroDivisionError, OverflowError, TypeError):
        return None


def padding_before(height: int, width: int, scale: Fraction) -> Padding:
    """The padding with which the reduced sides of a frame are multiples of :data:`REDUCED_MULTIPLE`.

    Args:
        height: Frame height in pixels.
        width: Frame width in pixels.
        scale: Scale of the reduction; 1: no padding.
    """
    if scale == 1:
        return Padding()
    return Padding.to_fit(
        height,
        width,
        multiple=REDUCED_MULTIPLE * scale.denominator // math.gcd(scale.numerator, REDUCED_MULTIPLE),
    )


def memory_fit(width: int) -> MemoryFit:
    """The memory of a network, fitted to peaks measured on a CPU over three pairs, with a margin of a sixth.

    Measured with both network sizes, at 1280x720 with the flow at full size and at 1920x1080 with the flow at
    half size, whole and in tiles.

    Args:
        width: Number of channels of the network at full size, F.
    """
    return MemoryFit(
        per_pixel=20 * width,
        per_flow_pixel=640,
        per_tile_pixel=500 + 40 * width,
        variant_per_pixel=KEPT_FRAMES * 4 * width,
        variant_per_flow_pixel=KEPT_FRAMES * (32 + 2 * width),
    )
