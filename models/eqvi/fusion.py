"""MS-Fusion: EQVI at two scales, and a small network that blends the two results.

Source: Liu et al., "Enhanced Quadratic Video Interpolation", ECCV Workshops 2020, "Multi-scale fusion".
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vfi.base.interpolator import Interpolator, MemoryUse, Sources
from vfi.ops import blend_frames, block_mean
from vfi.types import Interpolation, SizeRequirement, Window

from ..layers import conv, leaky
from .model import TILE_ALIGNMENT, TILE_OVERLAP, EqviInterpolator

SCALES = 2
"""Number of scales: full size and half size."""


class FusionNetwork(nn.Module):
    """Predicts the weights of two frames, pixel by pixel."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = conv(6, 32)
        self.conv2 = conv(32, 32)
        self.conv3 = conv(32, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Both frames, ``[B, 6, H, W]``, to the logit of the first one, ``[B, 1, H, W]``."""
        return self.conv3(leaky(self.conv2(leaky(self.conv1(x)))))


class BothScales(NamedTuple):
    """EQVI's records at full size and at half size."""

    full: Any
    half: Any


class MsFusionInterpolator(Interpolator):
    """MS-Fusion around an EQVI interpolator, which it keeps fixed in training."""

    window = 4
    size = SizeRequirement(multiple=2, minimum=64)
    tile_multiple = SCALES * TILE_ALIGNMENT
    tile_overlap = TILE_OVERLAP

    def __init__(self, eqvi: EqviInterpolator) -> None:
        """Compose the model; the fusion network gets its default initialization.

        Args:
            eqvi: EQVI interpolator that serves both scales.
        """
        super().__init__()
        self.eqvi = eqvi
        self.fusion = FusionNetwork()
        self.networks = ("fusion", *(f"eqvi.{name}" for name in eqvi.networks))
        self.reserve_cache(1)

    @property
    def precision(self) -> torch.dtype:
        """See :attr:`EqviInterpolator.precision`."""
        return self.eqvi.precision

    def set_precision(self, dtype: torch.dtype) -> None:
        """See :meth:`EqviInterpolator.set_precision`."""
        self.eqvi.set_precision(dtype)
        self.fusion.to(dtype)

    def reserve_cache(self, variants: int) -> None:
        """Reserve caches for both scales of every variant. See the base class."""
        self.variants = variants
        self.eqvi.reserve_cache(SCALES * variants)

    @torch.no_grad()
    def estimate_motion(self, window: Window) -> BothScales:
        """Estimate the motion at both scales, without gradient.

        Args:
            window: Frames ``[B, 3, H, W]`` in [0, 1] with even sides.

        Returns:
            Motion at both scales, each in pixels of its own scale.
        """
        return BothScales(self.eqvi.estimate_motion(window), self.eqvi.estimate_motion(halve(window)))

    def prepare(self, window: Window) -> BothScales:
        """Compute EQVI's sources at both scales. See the base class."""
        half = halve(window)
        return BothScales(Sources(window, self.eqvi.prepare(window)), Sources(half, self.eqvi.prepare(half)))

    @torch.no_grad()
    def flow_at(self, motion: BothScales, t: Tensor) -> BothScales:
        """Compute the flows from time ``t`` at both scales. See the base class."""
        return BothScales(self.eqvi.flow_at(motion.full, t), self.eqvi.flow_at(motion.half, t))

    def synthesize(
        self, sources: Sources, motion: BothScales, flow: BothScales, t: Tensor, rows: slice
    ) -> Interpolation:
        """Synthesize rows of the frame at time ``t``. See the base class.

        Flows and blend of the result are those of the full scale. EQVI is kept fixed in training: its results
        have no gradient.
        """
        both: BothScales = sources.context
        with torch.no_grad():
            full = self.eqvi.synthesize(both.full, motion.full, flow.full, t, rows)
            half = self._half_rows(both.half, motion.half, flow.half, t, rows)
        return full._replace(frame=self.fuse(full.frame, half), coarse=full.frame)

    def fuse(self, full: Tensor, half: Tensor) -> Tensor:
        """Blend the results of both scales pixel by pixel.

        Args:
            full: Frame ``[B, 3, H, W]``.
            half: Frame ``[B, 3, H / 2, W / 2]``.

        Returns:
            ``[B, 3, H, W]``.
        """
        enlarged = F.interpolate(half, size=full.shape[-2:], mode="bilinear", align_corners=False)
        pair = torch.cat((full, enlarged), dim=1).to(self.precision)
        return blend_frames(full, enlarged, self.fusion(pair).to(full).sigmoid())

    def memory_use(self, height: int, width: int) -> MemoryUse:
        """Memory of EQVI at both scales; that of the fusion network is negligible. See the base class."""
        full, half = self.eqvi.memory_use(height, width), self.eqvi.memory_use(height // 2, width // 2)
        return full._replace(per_pixel=full.per_pixel + half.per_pixel / SCALES**2)

    def _half_rows(self, sources: Sources, motion: Any, flow: Any, t: Tensor, rows: slice) -> Tensor:
        """The frame at half size, on the rows that correspond to ``rows`` at full size.

        The overlap of a tile has half as many rows here, so that further rows are synthesized and cut off.
        """
        height = sources.window.rows.stop
        wanted = slice(rows.start // SCALES, min(-(-rows.stop // SCALES), height))
        more = TILE_OVERLAP - TILE_OVERLAP // SCALES
        first, last = max(wanted.start - more, 0), min(wanted.stop + more, height)
        frame = self.eqvi.synthesize(sources, motion, flow, t, slice(first, last)).frame
        return frame[:, :, wanted.start - first : wanted.stop - first]


def halve(window: Window) -> Window:
    """The window at half size: means of 2x2 pixels, which equal bilinear resizing by half.

    Args:
        window: Frames ``[B, 3, H, W]`` with even sides.

    Returns:
        The smaller window, with keys of its own.
    """
    return window.map(lambda frame: block_mean(frame, SCALES)).map_keys(lambda key: ("half", key))
