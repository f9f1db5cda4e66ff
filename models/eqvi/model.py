"""EQVI: enhanced quadratic video interpolation, four frames in, any time between the middle two out.

Source: Liu et al., "Enhanced Quadratic Video Interpolation", ECCV Workshops 2020 (winner of the AIM 2020
challenge on temporal super-resolution). The forward pass:

1. Optical flow between the middle frames and from each of them to the outer ones, by a network that is kept
   fixed in training. Rectified quadratic flow prediction (RQFP, :mod:`~vfi.models.motion.quadratic`) turns
   it into the motion of each middle frame's pixels; without both outer frames the motion is linear. This
   step does not depend on t and has no gradient.
2. Flow reversal (:mod:`~vfi.models.motion.reversal`): the motion to time t gives the flows from time t.
3. Flow refinement: a U-Net filters these flows (:mod:`.refinement`).
4. Both frames are warped by the refined flows and blended by a mask.
5. Residual contextual synthesis network (RCSN, :mod:`.rcsn`): a U-Net on the warped frames, contextual
   features and image gradients predicts the residual of the blend.

Deviations from the authors' code that change no number: motion and contextual features are computed once per
window instead of once per t, the flows of a pair serve all windows that contain it, the feature pyramid of
a frame is computed once, occlusions are not estimated. One that does: RQFP's ratio of exponentials for alpha
is a sigmoid, which does not overflow.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from vfi.base.cache import ReuseCache
from vfi.base.flow import FlowEstimator
from vfi.base.interpolator import Interpolator, MemoryFit, MemoryUse, Sources, is_large
from vfi.ops import backward_warp, blend_frames, block_mean, resize_flow, t_plane
from vfi.types import FlowPair, FrameName, IntermediateFlow, Interpolation, SizeRequirement, Window

from ..motion.quadratic import QuadraticMotion, linear_motion, rectified_quadratic_motion
from ..motion.reversal import reverse_flow
from .rcsn import CONTEXT_CHANNELS, CONTEXT_KERNEL, ResidualNetwork, context_convolution, context_features
from .refinement import MaskNetwork, Refinement, RefinementNetwork

TILE_ALIGNMENT = 32
"""Rows; the five poolings of the U-Net must group the rows of a tile like those of the whole frame."""

TILE_OVERLAP = 128
"""Rows on either side of a tile that are synthesized along with it and cut off; the seams are described in
``docs/design/eqvi.md``."""

CONTEXT_SPLIT = (CONTEXT_CHANNELS, 3, 3)
"""Contextual features, gradients, the frame itself."""

BYTES_OF_CONTEXT = 620
"""Memory per pixel of the frame where contextual features are kept, fitted like :data:`MEMORY`."""

KEPT_PAIRS, KEPT_FRAMES, KEPT_CONTEXTS = 7, 4, 2
"""Entries kept: of a window's five pairs three are found by the next one, while two new ones come in."""

MOST_VARIANTS_WITH_FEATURES = 2
"""Largest number of variants of a window, such as both scales of MS-Fusion, whose frame features are cached.
With more variants the features are computed again for each window, which costs little time; cached, they
would take more memory than all flows."""

MEMORY = MemoryFit(
    per_pixel=300, per_flow_pixel=350, per_tile_pixel=3700, variant_per_flow_pixel=16 * KEPT_PAIRS
)
"""Fitted to the peaks that ``python -m benchmark.memory`` measured at 640x360, 1280x720 and 3840x2160,
which lie 2 to 35 % lower."""


class EqviMotion(NamedTuple):
    """Motion of a window, independent of t."""

    flows: FlowPair
    """Flows between the middle frames, pixels."""
    motion_0: QuadraticMotion
    """Motion of frame 0's pixels, time running towards frame 1."""
    motion_1: QuadraticMotion
    """Motion of frame 1's pixels, time running towards frame 0."""


class EqviContext(NamedTuple):
    """Contextual features of the middle frames, ``[B, PAIR_CHANNELS, H, W]``.

    See :func:`.rcsn.context_features`. None for large frames, whose features are computed tile by tile.
    """

    context_0: Tensor | None
    context_1: Tensor | None


class EqviInterpolator(Interpolator):
    """EQVI with any flow estimator; that of the released weights is :mod:`vfi.models.flow.irr_pwc`."""

    window = 4
    size = SizeRequirement(minimum=32)
    tile_multiple = TILE_ALIGNMENT
    tile_overlap = TILE_OVERLAP
    usual_reductions = (1, 2)
    memory = MEMORY

    def __init__(self, flownet: FlowEstimator, *, flow_reduction: int | None = None) -> None:
        """Compose the model; its own parts get their default initialization.

        Args:
            flownet: Flow estimator, kept fixed in training.
            flow_reduction: Reduction of the frames for the flow per side; None for :attr:`usual_reductions`.

        Raises:
            ValueError: If ``flow_reduction`` is not a positive whole number.
        """
        super().__init__(flow_reduction=flow_reduction)
        self.flownet = flownet
        self.refinenet = RefinementNetwork()
        self.masknet = MaskNetwork()
        self.synthesisnet = ResidualNetwork()
        self.feat_ext = context_convolution()
        self.networks = (
            "refinenet",
            "masknet",
            "synthesisnet",
            *(f"flownet.{name}" for name in flownet.networks),
        )
        self._pairs = ReuseCache(KEPT_PAIRS)
        self._encoded = ReuseCache(KEPT_FRAMES)
        self._contexts = ReuseCache(KEPT_CONTEXTS)

    @property
    def precision(self) -> torch.dtype:
        """The type of the U-Nets' arithmetic. Flows, coordinates, frames and their blend stay float32."""
        return self.refinenet.conv1.weight.dtype

    def set_precision(self, dtype: torch.dtype) -> None:
        """Compute the U-Nets in this type, see :attr:`precision`."""
        for network in (self.refinenet, self.masknet, self.synthesisnet, self.feat_ext):
            network.to(dtype)

    def reserve_cache(self, variants: int) -> None:
        """Reserve caches, see :data:`MOST_VARIANTS_WITH_FEATURES` and the base class."""
        super().reserve_cache(variants)
        with_features = variants if variants <= MOST_VARIANTS_WITH_FEATURES else 1
        self._encoded.variants = self._contexts.variants = with_features

    @torch.no_grad()
    def estimate_motion(self, window: Window) -> EqviMotion:
        """Estimate the motion of the middle frames' pixels, without gradient.

        Args:
            window: Frames ``[B, 3, H, W]`` in [0, 1]; without both outer ones the motion is linear.

        Returns:
            The motion at full size.
        """
        flows = self._flows(window, "start", "end")
        if window.outer is None:
            return EqviMotion(flows, linear_motion(flows.flow_01), linear_motion(flows.flow_10))
        motion_0 = rectified_quadratic_motion(
            self._flows(window, "prev", "start").flow_10,
            flows.flow_01,
            self._flows(window, "start", "next").flow_01,
        )
        motion_1 = rectified_quadratic_motion(
            self._flows(window, "end", "next").flow_01,
            flows.flow_10,
            self._flows(window, "prev", "end").flow_10,
        )
        return EqviMotion(flows, motion_0, motion_1)

    @torch.no_grad()
    def prepare(self, window: Window) -> EqviContext:
        """Compute the contextual features of the middle frames, without gradient. See the base class."""
        if is_large(*window.start.shape[-2:]):
            return EqviContext(None, None)
        return EqviContext(self._context(window, "start"), self._context(window, "end"))

    def flow_at(self, motion: EqviMotion, t: Tensor) -> IntermediateFlow:
        """Compute the flows from time ``t`` before refinement. See the base class."""
        return IntermediateFlow(
            reverse_flow(motion.motion_0.at(t)).flow_t0, reverse_flow(motion.motion_1.at(1 - t)).flow_t0
        )

    def synthesize(
        self, sources: Sources, motion: EqviMotion, flow: IntermediateFlow, t: Tensor, rows: slice
    ) -> Interpolation:
        """Synthesize rows of the frame at time ``t``, sampled from whole frames. See the base class."""
        window, context = sources
        refined = self._refine(window, motion, flow, rows)
        flow_t0 = filter_flow(flow.flow_t0, refined.offset_t0, refined.residual_t0, rows.start)
        flow_t1 = filter_flow(flow.flow_t1, refined.offset_t1, refined.residual_t1, rows.start)
        context_0 = self._warp_context(window.start, context.context_0, flow_t0, rows)
        context_1 = self._warp_context(window.end, context.context_1, flow_t1, rows)
        features_0, gradients_0, warped_0 = context_0.split(CONTEXT_SPLIT, dim=1)
        features_1, gradients_1, warped_1 = context_1.split(CONTEXT_SPLIT, dim=1)
        mask_logit = self.masknet(self.network_input(warped_0, warped_1, refined.features))
        blend = blend_weight(mask_logit.to(warped_0).sigmoid(), t)
        coarse = blend_frames(warped_0, warped_1, blend)
        residual = self.synthesisnet(
            self.network_input(features_0, features_1, gradients_0, gradients_1, warped_0, warped_1)
        )
        frame = (coarse + residual.to(coarse)).clamp(0, 1)
        return Interpolation(frame, flow_t0, flow_t1, blend, coarse)

    def memory_use(self, height: int, width: int) -> MemoryUse:
        """Memory of a window; contextual features of large frames are not cached. See the base class."""
        use = super().memory_use(height, width)
        context = 0 if is_large(height, width) else BYTES_OF_CONTEXT
        return use._replace(per_pixel=use.per_pixel + context)

    def _refine(self, window: Window, motion: EqviMotion, flow: IntermediateFlow, rows: slice) -> Refinement:
        """The refinement of rows of both flows from time t."""
        flow_t0, flow_t1 = flow.flow_t0[:, :, rows], flow.flow_t1[:, :, rows]
        origin = (rows.start, 0)
        return self.refinenet(
            self.network_input(
                window.start[:, :, rows],
                window.end[:, :, rows],
                backward_warp(window.start, flow_t0, origin=origin),
                backward_warp(window.end, flow_t1, origin=origin),
                motion.flows.flow_01[:, :, rows],
                motion.flows.flow_10[:, :, rows],
                flow_t0,
                flow_t1,
            )
        )

    def _warp_context(self, frame: Tensor, context: Tensor | None, flow: Tensor, rows: slice) -> Tensor:
        """The contextual features of a frame warped by ``flow``, which lies on ``rows`` of the new frame."""
        if context is not None:
            return backward_warp(context, flow, origin=(rows.start, 0))
        reached = reached_rows(flow, rows.start, frame.shape[-2])
        with torch.no_grad():
            context = context_features(self.feat_ext, frame[:, :, reached])
        return backward_warp(context, flow, origin=(rows.start - reached.start, 0))

    def _context(self, window: Window, name: FrameName) -> Tensor:
        """The contextual features of one frame: looked up, or computed."""
        return self._contexts.of_frame(window, name, lambda frame: context_features(self.feat_ext, frame))

    def _flows(self, window: Window, first: FrameName, second: FrameName) -> FlowPair:
        """Both flows between two frames at full size: looked up, or estimated."""
        size = window.start.shape[-2:]
        flows: FlowPair = self._pairs.of_pair(
            window,
            first,
            second,
            lambda: self.flownet.match(self._encode(window, first), self._encode(window, second)),
            FlowPair.swapped,
        )
        return FlowPair(resize_flow(flows.flow_01, *size), resize_flow(flows.flow_10, *size))

    def _encode(self, window: Window, name: FrameName) -> Any:
        """The flow estimator's record of one frame: looked up, or computed."""
        reduction = self.reduction(*window.start.shape[-2:])
        return self._encoded.of_frame(
            window, name, lambda frame: self.flownet.encode(block_mean(frame, reduction))
        )


def filter_flow(flow: Tensor, offset: Tensor, residual: Tensor, top: int) -> Tensor:
    """The refined flow: each vector is sampled nearby and corrected, QVI's adaptive flow filtering.

    Args:
        flow: Flow ``[B, 2, H, W]`` from time t, pixels, on all rows of the new frame.
        offset: Offset ``[B, 2, h, W]``, pixels, on rows ``top`` and following.
        residual: Residual ``[B, 2, h, W]``, pixels, on the same rows.
        top: First row of the offset, pixels.

    Returns:
        ``flow(u + offset(u)) + residual(u)``, ``[B, 2, h, W]``.
    """
    return residual + backward_warp(flow, offset.to(flow), origin=(top, 0))


def blend_weight(mask: Tensor, t: Tensor) -> Tensor:
    """The blend weight of frame 0, from the mask and the distance in time.

    Args:
        mask: Mask ``[B, 1, H, W]`` in [0, 1], the visibility of frame 0; that of frame 1 is ``1 - mask``.
        t: Time ``[B]``, each in (0, 1).

    Returns:
        ``[B, 1, H, W]`` in [0, 1].
    """
    time = t_plane(t, mask)
    weight_0, weight_1 = (1 - time) * mask, time * (1 - mask)
    return weight_0 / (weight_0 + weight_1)


def reached_rows(flow: Tensor, top: int, height: int) -> slice:
    """The rows of a frame that a flow reaches, with the margin that the contextual features need.

    Args:
        flow: Flow ``[B, 2, h, W]``, pixels, on rows ``top`` and following of the new frame.
        top: First row of the flow, pixels.
        height: Frame height in pixels.

    Returns:
        Rows within the frame, at least one.
    """
    rows = torch.arange(top, top + flow.shape[2], device=flow.device, dtype=flow.dtype)[:, None]
    y = (rows + flow[:, 1]).clamp(0, height - 1)
    margin = CONTEXT_KERNEL // 2 + 1
    first, last = int(y.min()) - margin, int(y.max()) + 2 + margin
    return slice(max(first, 0), min(last, height))
