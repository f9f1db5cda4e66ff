"""The records that pass between estimators, interpolators and the engine.

Conventions (all of vfi): frames are ``[B, 3, H, W]`` float RGB in [0, 1]; a flow ``flow_ab`` lies on a's
grid, is ``[B, 2, H, W]`` with channels (x right, y down) in pixels of its own resolution, and adding it to
a's coordinates lands in b. The interval to fill lies between frame 0 (time 0) and frame 1 (time 1); the
frame before has time -1, the one after time 2.

Tensors travel in ``NamedTuple`` records, which pass unharmed through DDP, compile and export; settings are
frozen dataclasses.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor


class FlowPair(NamedTuple):
    """Both flows between two frames, as every flow estimator returns them."""

    flow_01: Tensor
    """``[B, 2, H, W]``, on frame 0's grid, pixels."""
    flow_10: Tensor
    """``[B, 2, H, W]``, on frame 1's grid, pixels."""
    occlusion_0: Tensor | None = None
    """``[B, 1, H, W]`` in [0, 1]; 1 = in frame 0, hidden in frame 1."""
    occlusion_1: Tensor | None = None
    """``[B, 1, H, W]`` in [0, 1]; 1 = in frame 1, hidden in frame 0."""

    def swapped(self) -> FlowPair:
        """The same for the frames in the other order."""
        return FlowPair(self.flow_10, self.flow_01, self.occlusion_1, self.occlusion_0)


class Window(NamedTuple):
    """Up to four consecutive frames around the interval from ``start`` to ``end``.

    ``prev`` and ``next`` are ``None`` at the ends of a clip and where a cut lies between; a model that
    wants four frames states what it does then.
    """

    prev: Tensor | None
    """``[B, 3, H, W]`` at time -1, or None."""
    start: Tensor
    """``[B, 3, H, W]`` at time 0."""
    end: Tensor
    """``[B, 3, H, W]`` at time 1."""
    next: Tensor | None
    """``[B, 3, H, W]`` at time 2, or None."""
    keys: tuple[Hashable, Hashable, Hashable, Hashable] | None = None
    """Identity of the four frames: equal keys promise equal frames, which lets a model reuse what it
    computed for a neighbouring window. None: nothing is reused."""


class Interpolation(NamedTuple):
    """What an interpolator makes for one time ``t``."""

    frame: Tensor
    """``[B, 3, H, W]``, in [0, 1]."""
    flow_t0: Tensor | None = None
    """``[B, 2, H, W]``, from the new frame's grid into frame 0, pixels."""
    flow_t1: Tensor | None = None
    """``[B, 2, H, W]``, from the new frame's grid into frame 1, pixels."""
    blend: Tensor | None = None
    """``[B, 1, H, W]`` in [0, 1], the weight of the candidate from frame 0."""
    coarse: Tensor | None = None
    """``[B, 3, H, W]``, the blend before any learned correction, where the model makes one."""


@dataclass(frozen=True)
class SizeRequirement:
    """Which heights and widths a network takes; other sizes are padded to the next one that fits."""

    multiple: int = 1
    """Both sides are padded to a multiple of this."""
    minimum: int = 1
    """Both sides are padded to at least this."""


@dataclass(frozen=True)
class InputSpec:
    """How a network wants its pictures; the caller always gives RGB in [0, 1]."""

    channel_order: str = "rgb"
    """``"rgb"`` or ``"bgr"``."""
    scale: float = 1.0
    """The network sees ``scale * picture``: 1 for [0, 1], 255 for [0, 255]."""
