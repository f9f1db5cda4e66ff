"""Quadratic interpolation without weights: classical flow, EQVI's motion model, soft visibility.

The forward pass, all but its last step at reduced resolution:

1. Optical flow between neighbouring frames, both ways, each pair once
   (:class:`~vfi.base.flow.FlowEstimator`).
2. Rectified quadratic motion of the two middle frames from all four (EQVI's RQFP,
   :mod:`vfi.models.motion.quadratic`); linear motion where an outer frame is missing. The flows to the far
   frames are compositions of neighbouring flows, which measured as accurate as estimating them and costs one
   warp.
3. The motion of both frames is splatted to time t, weighted by its reliability: a low forward-backward error
   and a low colour difference. Holes are filled from their surroundings.
4. Both frames are warped by the splatted flows and blended. A frame's visibility at a pixel is the weight
   that was splatted there from it; the blend follows the distance in time and the square root of the
   visibility. The root and the floor of the visibility keep the blend soft: a wrong hard choice costs more
   than a mixture.

Deviations from EQVI, whose refinement network repairs errors that this model must avoid: the motion of both
frames is splatted bilinearly into one field instead of two Gaussian reversals; holes are filled instead of
zero.

Every constant below was chosen by measurement on real clips; see ``docs/design/quadratic.md``.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from vfi.base.cache import ReuseCache
from vfi.base.flow import FlowEstimator
from vfi.base.interpolator import Interpolator, MemoryFit, Sources
from vfi.models.motion.quadratic import QuadraticMotion, linear_motion, rectified_quadratic_motion
from vfi.ops import (
    backward_warp,
    block_mean,
    box_mean,
    compose_flow,
    fill_holes,
    forward_splat,
    round_trip_error,
    t_plane,
)
from vfi.types import FlowPair, FrameName, Interpolation, Window

COLOR_PENALTY = 15.0
"""Penalty per unit of colour difference (range 1) along a flow, in the exponent of its reliability."""

ROUND_TRIP_PENALTY = 0.1
"""Penalty per pixel of forward-backward error (at the flow's resolution), in the same exponent."""

LEAST_RELIABILITY = 1e-3
"""Smallest reliability: unreliable motion counts only where nothing else is splatted."""

VISIBILITY_FLOOR = 0.1
"""Added to the visibility of both frames, which keeps the blend soft where both are low."""

OUTSIDE_WEIGHT = 1e-3
"""Weight of a pixel sampled outside its frame: it counts only where the other one lies outside too."""

COLOR_WINDOW = 5
"""Pixels; side of the window over which colour differences are averaged."""

KEPT_PAIRS = 4
"""Number of pairs in the cache."""

MEMORY = MemoryFit(
    per_pixel=40, per_flow_pixel=900, per_tile_pixel=70, variant_per_flow_pixel=50 * KEPT_PAIRS
)
"""Fitted, with a margin of about a tenth, to the peaks of runs through four windows at 480p to 4320p, untiled
and in tiles. Most of it belongs to the flow estimator, and OpenCV keeps its buffers between calls. A cached
pair is two flows and two reliabilities, 24 bytes, and as much again in fragmented memory."""


class PairMotion(NamedTuple):
    """Flows between two frames and their reliability, ``[B, C, h, w]`` at the flow's resolution."""

    flows: FlowPair
    reliability_0: Tensor
    """``[B, 1, h, w]`` in (0, 1]: reliability of frame 0's flow."""
    reliability_1: Tensor
    """``[B, 1, h, w]`` in (0, 1]: reliability of frame 1's flow."""

    def swapped(self) -> PairMotion:
        """The same for the frames in the other order."""
        return PairMotion(self.flows.swapped(), self.reliability_1, self.reliability_0)


class WindowMotion(NamedTuple):
    """Motion of a window, independent of t."""

    pair: PairMotion
    """Flows between the middle two frames and their reliability."""
    motion_0: QuadraticMotion
    """Motion of frame 0's pixels, time running towards frame 1."""
    motion_1: QuadraticMotion
    """Motion of frame 1's pixels, time running towards frame 0."""
    reduction: int
    """Pixels of the frame per pixel of the flow and side."""


class QuadraticInterpolator(Interpolator):
    """Interpolator without weights, and the default model where no trained weights are installed."""

    window = 4
    cpu_threads = 1  # PyTorch's part is too small to split; the flow estimator has its own threads
    tile_multiple = 1
    usual_reductions = (2, 4)
    memory = MEMORY

    def __init__(self, flow: FlowEstimator, *, flow_reduction: int | None = None) -> None:
        """Compose the model.

        Args:
            flow: Flow estimator for neighbouring frames.
            flow_reduction: Reduction of the frames for the flow per side; None for :attr:`usual_reductions`.

        Raises:
            ValueError: If ``flow_reduction`` is not a positive whole number.
        """
        super().__init__(flow_reduction=flow_reduction)
        self.flow = flow
        self._pairs = ReuseCache(KEPT_PAIRS)

    def estimate_motion(self, window: Window) -> WindowMotion:
        """Estimate the flows of neighbouring frames and the middle frames' motion.

        Args:
            window: Frames ``[B, 3, H, W]`` in [0, 1]; without both outer ones the motion is linear.

        Returns:
            The motion at the flow's resolution.
        """
        reduction = self.reduction(*window.start.shape[-2:])
        middle = self._pair(window, "start", "end", reduction)
        flow_01, flow_10 = middle.flows.flow_01, middle.flows.flow_10
        if window.outer is None:
            return WindowMotion(middle, linear_motion(flow_01), linear_motion(flow_10), reduction)
        flow_back_0 = self._pair(window, "prev", "start", reduction).flows.flow_10
        flow_back_1 = self._pair(window, "end", "next", reduction).flows.flow_01
        motion_0 = rectified_quadratic_motion(flow_back_0, flow_01, compose_flow(flow_01, flow_back_1))
        motion_1 = rectified_quadratic_motion(flow_back_1, flow_10, compose_flow(flow_10, flow_back_0))
        return WindowMotion(middle, _through(motion_0, flow_01), _through(motion_1, flow_10), reduction)

    def flow_at(self, motion: WindowMotion, t: Tensor) -> Tensor:
        """Compute the field of time ``t``, see :func:`time_field`."""
        return time_field(motion, t)

    def synthesize(
        self, sources: Sources, motion: WindowMotion, flow: Tensor, t: Tensor, rows: slice
    ) -> Interpolation:
        """Synthesize rows of the frame at time ``t``, the same in tiles of any height. See the base class."""
        window = sources.window
        height, width = window.start.shape[-2:]
        field = enlarge_rows(flow, motion.reduction, rows.start, rows.stop)[..., :width]  # [B, 5, rows, W]
        flow_t0, flow_t1, blend = field.split((2, 2, 1), dim=1)
        origin = (rows.start, 0)
        candidate_0 = backward_warp(window.start, flow_t0, padding="border", origin=origin)
        candidate_1 = backward_warp(window.end, flow_t1, padding="border", origin=origin)
        weight_0 = blend * _inside_weight(flow_t0, (height, width), rows.start)
        weight_1 = (1 - blend) * _inside_weight(flow_t1, (height, width), rows.start)
        blend = (weight_0 / (weight_0 + weight_1)).to(candidate_0.dtype)
        frame = (candidate_0 - candidate_1).mul_(blend).add_(candidate_1)  # in place: these are large
        return Interpolation(frame, flow_t0, flow_t1, blend)

    def _pair(self, window: Window, first: FrameName, second: FrameName, reduction: int) -> PairMotion:
        """Flows between two neighbouring frames and their reliability: looked up, or estimated."""

        def estimate() -> PairMotion:
            small_0, small_1 = (block_mean(window.frame(name).float(), reduction) for name in (first, second))
            flows = self.flow(small_0, small_1)
            return PairMotion(
                flows,
                reliability(small_0, small_1, flows.flow_01, flows.flow_10),
                reliability(small_1, small_0, flows.flow_10, flows.flow_01),
            )

        return self._pairs.of_pair(window, first, second, estimate, PairMotion.swapped)


def _through(motion: QuadraticMotion, flow_ahead: Tensor) -> QuadraticMotion:
    """The motion of the same acceleration that equals the measured flow at time 1.

    A least squares fit does not, which would make new frames near time 1 discontinuous with frame 1.
    """
    return QuadraticMotion(flow_ahead - motion.acceleration / 2, motion.acceleration)


def time_field(motion: WindowMotion, t: Tensor) -> Tensor:
    """Flows and blend weight of the frame at time ``t``, at the flow's resolution.

    Args:
        motion: Motion of the window.
        t: Time ``[B]``, each in (0, 1).

    Returns:
        ``[B, 5, h, w]``: ``flow_t0``, ``flow_t1`` (pixels of the frame), ``blend`` in (0, 1).
    """
    time = t_plane(t, motion.pair.flows.flow_01)
    rest = 1 - time
    flow_0t, flow_1t = motion.motion_0.at(t), motion.motion_1.at(1 - t)
    flows, reliability_0, reliability_1 = motion.pair
    # Both ends of a trajectory are splatted together, so that flow_t0 and flow_t1 stay consistent.
    from_0 = forward_splat(
        torch.cat((-flow_0t, flows.flow_01 - flow_0t), dim=1), flow_0t, weight=reliability_0
    )
    from_1 = forward_splat(
        torch.cat((flows.flow_10 - flow_1t, -flow_1t), dim=1), flow_1t, weight=reliability_1
    )
    trajectory = fill_holes(
        rest * from_0.sum + time * from_1.sum, rest * from_0.weight + time * from_1.weight
    )
    visible_0 = rest * (from_0.weight + VISIBILITY_FLOOR).sqrt()
    visible_1 = time * (from_1.weight + VISIBILITY_FLOOR).sqrt()
    return torch.cat((trajectory * motion.reduction, visible_0 / (visible_0 + visible_1)), dim=1)


def reliability(frame_a: Tensor, frame_b: Tensor, flow_ab: Tensor, flow_ba: Tensor) -> Tensor:
    """The reliability of a flow, from its forward-backward error and the colour difference along it.

    Args:
        frame_a: Frame ``[B, 3, h, w]`` in [0, 1].
        frame_b: Frame ``[B, 3, h, w]`` in [0, 1].
        flow_ab: Flow ``[B, 2, h, w]``, pixels, whose reliability is computed.
        flow_ba: Flow ``[B, 2, h, w]``, pixels, of the opposite direction.

    Returns:
        ``[B, 1, h, w]`` in (0, 1], on a's grid.
    """
    difference = (frame_a - backward_warp(frame_b, flow_ab, padding="border")).abs().mean(1, keepdim=True)
    penalty = COLOR_PENALTY * box_mean(difference, COLOR_WINDOW) + ROUND_TRIP_PENALTY * round_trip_error(
        flow_ab, flow_ba
    )
    return (-penalty).exp().clamp(min=LEAST_RELIABILITY)


def enlarge_rows(field: Tensor, reduction: int, top: int, bottom: int) -> Tensor:
    """Rows of a field resized to the frame's resolution; values are not rescaled.

    Exactly rows ``top`` to ``bottom`` of ``F.interpolate(field, scale_factor=reduction)``, bilinear, from no
    more rows of the field than these need.

    Args:
        field: Field ``[B, C, h, w]``.
        reduction: Pixels of the frame per pixel of the field and side.
        top: First row, in pixels of the frame.
        bottom: Row after the last, in pixels of the frame.

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
    """Weight 1 where a flow leads into the frame, :data:`OUTSIDE_WEIGHT` where it leads out of it.

    Args:
        flow: Flow ``[B, 2, h, w]``, pixels, on rows ``top`` and following of the new frame.
        size: Frame height and width in pixels.
        top: First row of the flow, pixels.

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
    """The model with dense inverse search, the flow estimator that its constants were measured with.

    Args:
        flow_reduction: Reduction of the frames for the flow per side, see :class:`QuadraticInterpolator`.

    Returns:
        The model, on the CPU.
    """
    from vfi.models.flow.dis import DisFlow

    return QuadraticInterpolator(DisFlow(), flow_reduction=flow_reduction)
