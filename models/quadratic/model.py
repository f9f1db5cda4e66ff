"""Quadratic interpolation without weights: classical flow, EQVI's motion model, soft visibility.

The road of one frame, all but its last step at reduced resolution:

1. Flow between neighbouring frames, both ways, each pair once (:class:`~vfi.base.flow.FlowEstimator`).
2. Rectified quadratic motion of the two middle frames from all four (EQVI, "RQFP", see
   :mod:`vfi.models.motion.quadratic`), linear motion where an outer frame is missing. The far flows that
   RQFP wants are the near ones chained, which measured as good as estimating them and costs a warp.
3. Both frames push their motion to time t (splatting). A pixel whose flow does not lead back to it, or leads
   to another colour, pushes with little weight; where both frames' pixels land, the reliable ones prevail.
   What landed nowhere is filled from around.
4. Each frame is fetched along the field; what arrived from a frame tells how visible it is there, and the
   two are blended by nearness in time and the square root of that. The root, and the low weight of the
   thresholds below, keep the choice soft: a wrong hard choice costs more than a mixture.

Deviations from EQVI, whose refinement network repairs what this model must avoid: bilinear splatting of both
frames' motion into one field instead of a Gaussian reversal for each; holes are filled, not zero.

Every constant below was chosen by measurement on real clips; see ``docs/design/quadratic.md``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from vfi.base.cache import ReuseCache
from vfi.base.flow import FlowEstimator
from vfi.base.interpolator import Interpolator, MemoryUse
from vfi.models.motion.quadratic import QuadraticMotion, rectified_quadratic_motion
from vfi.ops import (
    backward_warp,
    block_mean,
    box_mean,
    compose_flow,
    fill_holes,
    forward_splat,
    round_trip_error,
)
from vfi.types import FlowPair, Interpolation, Window

COLOR_PENALTY = 15.0
"""Per unit of colour difference (range 1) along a flow, in the exponent of its reliability."""

ROUND_TRIP_PENALTY = 0.1
"""Per pixel of round trip error (at the flow's resolution), in the same exponent."""

LEAST_RELIABILITY = 1e-3
"""Keeps the motion of hopeless pixels as a last resort, where nothing else lands."""

VISIBILITY_FLOOR = 0.1
"""Added to the visibility of both frames, so that neither vanishes where neither is certain."""

OUTSIDE_WEIGHT = 1e-3
"""Weight of a pixel fetched from outside its frame: it counts only where the other is outside too."""

COLOR_WINDOW = 5
"""Pixels; side of the square over which colour differences are averaged."""

LARGE_PICTURE = 2560 * 1440
"""Pixels; larger pictures have their flow at a quarter instead of half their resolution."""

BYTES_PER_PIXEL, BYTES_PER_FLOW_PIXEL, BYTES_PER_TILE_PIXEL = 40, 900, 70
"""Memory beside the window itself: per pixel of the picture, of the flow, and of a tile. Fitted, with about a
tenth to spare, to the peaks of runs through four windows at 480p to 4320p, untiled and in tiles."""

KEPT_PAIRS, BYTES_PER_KEPT_PAIR = 4, 50
"""Pairs kept for the next window, and what each takes per pixel of the flow where there are several variants
of a window: two flows and two reliabilities, 24, and as much again that is lost between them."""


class PairMotion(NamedTuple):
    """What is known about two neighbouring frames; all ``[B, C, h, w]`` at the flow's resolution."""

    flows: FlowPair
    reliability_0: Tensor
    """``[B, 1, h, w]`` in (0, 1]: how far frame 0's flow can be believed."""
    reliability_1: Tensor
    """``[B, 1, h, w]`` in (0, 1]: the same for frame 1."""

    def swapped(self) -> PairMotion:
        """The same for the frames in the other order."""
        return PairMotion(self.flows.swapped(), self.reliability_1, self.reliability_0)


class WindowMotion(NamedTuple):
    """What is known about a window before a time is chosen."""

    pair: PairMotion
    """Of the middle two frames."""
    motion_0: QuadraticMotion
    """Of frame 0's pixels, time running towards frame 1."""
    motion_1: QuadraticMotion
    """Of frame 1's pixels, time running towards frame 0."""
    reduction: int
    """How many picture pixels make a pixel of the flow, per side."""


class QuadraticInterpolator(Interpolator):
    """The best interpolator that needs no training: the default where no trained weights are there."""

    window = 4
    cpu_threads = 1  # torch's share is too small to split; the flow has its own threads

    def __init__(self, flow: FlowEstimator, *, flow_reduction: int | None = None) -> None:
        """Compose the model.

        Args:
            flow: Finds the flows between neighbouring frames.
            flow_reduction: The flow is computed on pictures this many times smaller per side; None for 2,
                and 4 for pictures larger than :data:`LARGE_PICTURE`.

        Raises:
            ValueError: if ``flow_reduction`` is not a positive whole number.
        """
        super().__init__()
        if flow_reduction is not None and not (isinstance(flow_reduction, int) and flow_reduction >= 1):
            raise ValueError(f"flow_reduction must be a whole number from 1 on, not {flow_reduction!r}")
        self.flow = flow
        self.flow_reduction = flow_reduction
        self._pairs = ReuseCache(KEPT_PAIRS)

    def estimate_motion(self, window: Window) -> WindowMotion:
        """Flows of the window's neighbouring pairs and the motion they tell of.

        Args:
            window: Frames ``[B, 3, H, W]`` in [0, 1]; without both outer ones the motion is linear.

        Returns:
            The motion at reduced resolution.
        """
        reduction = self._reduction(*window.start.shape[-2:])
        middle = self._pair(window, 1, reduction)
        flow_01, flow_10 = middle.flows.flow_01, middle.flows.flow_10
        if window.prev is None or window.next is None:
            zero = torch.zeros_like(flow_01)
            return WindowMotion(
                middle, QuadraticMotion(flow_01, zero), QuadraticMotion(flow_10, zero), reduction
            )
        flow_back_0 = self._pair(window, 0, reduction).flows.flow_10
        flow_back_1 = self._pair(window, 2, reduction).flows.flow_01
        motion_0 = rectified_quadratic_motion(flow_back_0, flow_01, compose_flow(flow_01, flow_back_1))
        motion_1 = rectified_quadratic_motion(flow_back_1, flow_10, compose_flow(flow_10, flow_back_0))
        return WindowMotion(middle, _through(motion_0, flow_01), _through(motion_1, flow_10), reduction)

    def synthesize(self, window: Window, motion: WindowMotion, t: Tensor) -> Interpolation:
        """Make the frame at time ``t``. See the base class."""
        return self._fetch(window, time_field(motion, t), motion.reduction, 0, window.start.shape[-2])

    def synthesize_frame(self, window: Window, motion: Any, t: Tensor, *, tile: int | None) -> Tensor:
        """The frame, in bands of ``tile`` rows; the result does not depend on them. See the base class."""
        height = window.start.shape[-2]
        rows = height if tile is None else max(tile // motion.reduction, 1) * motion.reduction
        field = time_field(motion, t)
        bands = [
            self._fetch(window, field, motion.reduction, top, min(top + rows, height)).frame
            for top in range(0, height, rows)
        ]
        return bands[0] if len(bands) == 1 else torch.cat(bands, dim=2)

    def memory_use(self, height: int, width: int) -> MemoryUse:
        """See the base class. Most of it is the flow's, and OpenCV's buffers stay between calls."""
        flow_pixels = 1 / self._reduction(height, width) ** 2
        kept_more = (self._pairs.windows - 1) * KEPT_PAIRS * BYTES_PER_KEPT_PAIR
        return MemoryUse(
            per_pixel=BYTES_PER_PIXEL + (BYTES_PER_FLOW_PIXEL + kept_more) * flow_pixels,
            per_tile_pixel=BYTES_PER_TILE_PIXEL,
        )

    def _reduction(self, height: int, width: int) -> int:
        if self.flow_reduction is not None:
            return self.flow_reduction
        return 2 if height * width <= LARGE_PICTURE else 4

    def _pair(self, window: Window, first: int, reduction: int) -> PairMotion:
        """The window's frames ``first`` and ``first + 1``: looked up, or estimated."""
        frame_0, frame_1 = window[first], window[first + 1]
        assert isinstance(frame_0, Tensor)
        assert isinstance(frame_1, Tensor)
        keys = None if window.keys is None else (window.keys[first], window.keys[first + 1])

        def estimate() -> PairMotion:
            small_0, small_1 = block_mean(frame_0.float(), reduction), block_mean(frame_1.float(), reduction)
            flows = self.flow(small_0, small_1)
            return PairMotion(
                flows,
                reliability(small_0, small_1, flows.flow_01, flows.flow_10),
                reliability(small_1, small_0, flows.flow_10, flows.flow_01),
            )

        return self._pairs.get_or_compute_pair(keys, frame_0, estimate, PairMotion.swapped)

    def _fetch(self, window: Window, field: Tensor, reduction: int, top: int, bottom: int) -> Interpolation:
        """Rows ``top`` to ``bottom`` of the new frame, from the field of :func:`time_field`."""
        width = window.start.shape[-1]
        band = enlarge_rows(field, reduction, top, bottom)[..., :width]  # [B, 5, bottom - top, W]
        flow_t0, flow_t1, blend = band.split((2, 2, 1), dim=1)
        origin = (top, 0)
        candidate_0 = backward_warp(window.start, flow_t0, padding="border", origin=origin)
        candidate_1 = backward_warp(window.end, flow_t1, padding="border", origin=origin)
        size = window.start.shape[-2:]
        weight_0 = blend * _inside_weight(flow_t0, size, top)
        weight_1 = (1 - blend) * _inside_weight(flow_t1, size, top)
        blend = (weight_0 / (weight_0 + weight_1)).to(candidate_0.dtype)
        frame = (candidate_0 - candidate_1).mul_(blend).add_(candidate_1)  # in place: these are large
        return Interpolation(frame, flow_t0, flow_t1, blend)


def _through(motion: QuadraticMotion, flow_ahead: Tensor) -> QuadraticMotion:
    """The motion with the same acceleration that arrives exactly where the measured flow does at time 1.

    A least squares fit passes beside it, which would tear the new frame from both of its neighbours.
    """
    return QuadraticMotion(flow_ahead - motion.acceleration / 2, motion.acceleration)


def time_field(motion: WindowMotion, t: Tensor) -> Tensor:
    """Where the new frame's pixels come from, at the flow's resolution.

    Args:
        motion: of the window.
        t: ``[B]``.

    Returns:
        ``[B, 5, h, w]``: ``flow_t0``, ``flow_t1`` (pixels of the picture), ``blend`` in (0, 1).
    """
    late = t.to(motion.pair.flows.flow_01).view(-1, 1, 1, 1)
    early = 1 - late
    flow_0t, flow_1t = motion.motion_0.at(t), motion.motion_1.at(1 - t)
    flows, reliability_0, reliability_1 = motion.pair
    # Each pixel brings along both of its ends, so that flow_t0 and flow_t1 stay parts of one trajectory.
    from_0 = forward_splat(
        torch.cat((-flow_0t, flows.flow_01 - flow_0t), dim=1), flow_0t, weight=reliability_0
    )
    from_1 = forward_splat(
        torch.cat((flows.flow_10 - flow_1t, -flow_1t), dim=1), flow_1t, weight=reliability_1
    )
    trajectory = fill_holes(
        early * from_0.sum + late * from_1.sum, early * from_0.weight + late * from_1.weight
    )
    visible_0 = early * (from_0.weight + VISIBILITY_FLOOR).sqrt()
    visible_1 = late * (from_1.weight + VISIBILITY_FLOOR).sqrt()
    return torch.cat((trajectory * motion.reduction, visible_0 / (visible_0 + visible_1)), dim=1)


def reliability(frame_a: Tensor, frame_b: Tensor, flow_ab: Tensor, flow_ba: Tensor) -> Tensor:
    """How far a flow can be believed, by where it leads and what it finds there.

    Args:
        frame_a: ``[B, 3, h, w]`` in [0, 1].
        frame_b: likewise.
        flow_ab: ``[B, 2, h, w]``, pixels.
        flow_ba: likewise.

    Returns:
        ``[B, 1, h, w]`` in (0, 1] on a's grid.
    """
    difference = (frame_a - backward_warp(frame_b, flow_ab, padding="border")).abs().mean(1, keepdim=True)
    penalty = COLOR_PENALTY * box_mean(difference, COLOR_WINDOW) + ROUND_TRIP_PENALTY * round_trip_error(
        flow_ab, flow_ba
    )
    return (-penalty).exp().clamp(min=LEAST_RELIABILITY)


def enlarge_rows(field: Tensor, reduction: int, top: int, bottom: int) -> Tensor:
    """Some rows of a field at the resolution of the picture; values are not rescaled.

    Bilinear like ``F.interpolate(field, scale_factor=reduction)``, of which it is rows ``top`` to ``bottom``
    exactly, since it looks at one row of the field beyond each edge.

    Args:
        field: ``[B, C, h, w]``.
        reduction: picture pixels per field pixel and side.
        top: first row of the picture, a multiple of ``reduction``.
        bottom: the row after the last.

    Returns:
        ``[B, C, bottom - top, w * reduction]``.
    """
    if reduction == 1:
        return field[:, :, top:bottom]
    first = max(top // reduction - 1, 0)
    last = min(-(-bottom // reduction) + 1, field.shape[2])
    rows = F.interpolate(
        field[:, :, first:last], scale_factor=reduction, mode="bilinear", align_corners=False
    )
    start = top - first * reduction
    return rows[:, :, start : start + bottom - top]


def _inside_weight(flow: Tensor, size: tuple[int, int] | torch.Size, top: int) -> Tensor:
    """1 where a flow leads into the picture, :data:`OUTSIDE_WEIGHT` where it leads out of it.

    Args:
        flow: ``[B, 2, h, w]``, rows ``top`` and following of the picture.
        size: height and width of the picture.
        top: see ``flow``.

    Returns:
        ``[B, 1, h, w]``.
    """
    height, width = size
    rows, columns = flow.shape[-2:]
    x = torch.arange(columns, device=flow.device, dtype=flow.dtype) + flow[:, 0:1]
    y = torch.arange(top, top + rows, device=flow.device, dtype=flow.dtype)[:, None] + flow[:, 1:2]
    inside = (x > -0.5) & (x < width - 0.5) & (y > -0.5) & (y < height - 0.5)
    return torch.where(inside, 1.0, OUTSIDE_WEIGHT)


def build_quadratic(*, flow_reduction: int | None = None) -> QuadraticInterpolator:
    """The model with the flow estimator it is measured with.

    Args:
        flow_reduction: see :class:`QuadraticInterpolator`.

    Returns:
        The model, on the CPU.
    """
    from vfi.models.flow.dis import DisFlow

    return QuadraticInterpolator(DisFlow(), flow_reduction=flow_reduction)
