"""MS-Fusion: EQVI at two scales, and a small network that chooses between the results.

Source: Liu et al., "Enhanced Quadratic Video Interpolation", ECCV Workshops 2020, "Multi-scale fusion".
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vfi.base.interpolator import Interpolator, MemoryUse
from vfi.ops import block_mean
from vfi.types import Interpolation, SizeRequirement, Window

from ..layers import conv, leaky
from .model import EqviInterpolator, EqviMotion

SCALES = 2
"""Full size and half of it."""


class FusionNetwork(nn.Module):
    """Chooses between two pictures, pixel by pixel."""

    def __init__(self) -> None:
        """Default initialisation."""
        super().__init__()
        self.conv1 = conv(6, 32)
        self.conv2 = conv(32, 32)
        self.conv3 = conv(32, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Both pictures, ``[B, 6, H, W]``, to the logit of the first one, ``[B, 1, H, W]``."""
        return self.conv3(leaky(self.conv2(leaky(self.conv1(x)))))


class FusionMotion(NamedTuple):
    """What is known of a window before a time is chosen."""

    full: EqviMotion
    half: EqviMotion
    """Of the window at half its size, in pixels of that."""


class MsFusionInterpolator(Interpolator):
    """MS-Fusion around an EQVI, which it does not train along."""

    window = 4
    size = SizeRequirement(multiple=2, minimum=64)

    def __init__(self, eqvi: EqviInterpolator) -> None:
        """Compose the model; the fusion network gets its default initialisation.

        Args:
            eqvi: Makes the frame at both scales.
        """
        super().__init__()
        self.eqvi = eqvi
        self.fusion = FusionNetwork()
        self.networks = ("fusion", *(f"eqvi.{name}" for name in eqvi.networks))
        self.keep(1)

    @property
    def precision(self) -> torch.dtype:
        """See :attr:`EqviInterpolator.precision`."""
        return self.eqvi.precision

    def set_precision(self, dtype: torch.dtype) -> None:
        """See :meth:`EqviInterpolator.set_precision`."""
        self.eqvi.set_precision(dtype)
        self.fusion.to(dtype)

    def keep(self, windows: int) -> None:
        """See the base class; every window here is two for the model inside."""
        self.eqvi.keep(SCALES * windows)

    @torch.no_grad()
    def estimate_motion(self, window: Window) -> FusionMotion:
        """The motion at both scales, without gradient.

        Args:
            window: Frames ``[B, 3, H, W]`` in [0, 1] with even sides.

        Returns:
            Everything that does not depend on t.
        """
        return FusionMotion(self.eqvi.estimate_motion(window), self.eqvi.estimate_motion(halve(window)))

    def transfer_motion(self, window: Window, motion: FusionMotion) -> FusionMotion:
        """See the base class."""
        return FusionMotion(
            self.eqvi.transfer_motion(window, motion.full),
            self.eqvi.transfer_motion(halve(window), motion.half),
        )

    def synthesize(self, window: Window, motion: FusionMotion, t: Tensor) -> Interpolation:
        """Make the frame at time ``t``; flows and blend are those of the full scale. See the base class.

        EQVI, which is not trained along, gives its results without gradient.
        """
        with torch.no_grad():
            full = self.eqvi.synthesize(window, motion.full, t)
            half = self.eqvi.synthesize(halve(window), motion.half, t).frame
        return full._replace(frame=self.fuse(full.frame, half), coarse=full.frame)

    def synthesize_frame(self, window: Window, motion: Any, t: Tensor, *, tile: int | None) -> Tensor:
        """The frame, EQVI working in tiles. See the base class."""
        full = self.eqvi.synthesize_frame(window, motion.full, t, tile=tile)
        half = self.eqvi.synthesize_frame(halve(window), motion.half, t, tile=tile)
        return self.fuse(full, half)

    def fuse(self, full: Tensor, half: Tensor) -> Tensor:
        """Choose, pixel by pixel, between the results of both scales.

        Args:
            full: ``[B, 3, H, W]``.
            half: ``[B, 3, H / 2, W / 2]``.

        Returns:
            ``[B, 3, H, W]``.
        """
        enlarged = F.interpolate(half, size=full.shape[-2:], mode="bilinear", align_corners=False)
        pair = torch.cat((full, enlarged), dim=1).to(self.precision)
        share = self.fusion(pair).to(full).sigmoid()
        return share * full + (1 - share) * enlarged

    def memory_use(self, height: int, width: int) -> MemoryUse:
        """See the base class: EQVI's at both scales; the fusion network takes less than EQVI gave back."""
        full, half = self.eqvi.memory_use(height, width), self.eqvi.memory_use(height // 2, width // 2)
        return full._replace(per_pixel=full.per_pixel + half.per_pixel / SCALES**2)


def halve(window: Window) -> Window:
    """The window at half its size: means of 2x2 pixels, which is what bilinear resizing by half is.

    Args:
        window: Frames with even sides.

    Returns:
        A window whose keys differ from the larger one's.
    """
    frames = [None if frame is None else block_mean(frame, SCALES) for frame in window[:4]]
    prev, start, end, following = frames
    assert start is not None
    assert end is not None
    if window.keys is None:
        return Window(prev, start, end, following)
    first, second, third, fourth = (("half", key) for key in window.keys)
    return Window(prev, start, end, following, keys=(first, second, third, fourth))
