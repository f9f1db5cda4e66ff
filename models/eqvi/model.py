"""EQVI: enhanced quadratic video interpolation, four frames in, any time between the middle two out.

Source: Liu et al., "Enhanced Quadratic Video Interpolation", ECCV Workshops 2020 (winner of the AIM 2020
challenge on temporal super-resolution). The road of one frame:

1. Flow between the middle frames and from each of them to the outer ones, by a network that EQVI does not
   train; from them each middle frame's quadratic motion (RQFP, :mod:`.rqfp`). Without both outer frames the
   motion is linear. None of this depends on t, nor has it a gradient.
2. The motion to time t, turned round (:mod:`.reversal`).
3. A U-Net looks at all of that and corrects it (:mod:`.refinement`).
4. Both frames are fetched along the corrected flows and blended.
5. RCSN (:mod:`.rcsn`) adds what the blend lacks.

Deviations from the authors' code, none of which changes a number: motion and contextual features are computed
once per window instead of for every t, flows of a pair are shared by all windows that hold it, each frame's
pyramid is computed once, the occlusions are not computed. And one that does: alpha's ratio of exponentials
became a sigmoid (:mod:`.rqfp`), which does not overflow.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from vfi.base.cache import ReuseCache
from vfi.base.flow import FlowEstimator
from vfi.base.interpolator import Interpolator, MemoryUse
from vfi.ops import backward_warp, block_mean, resize_flow
from vfi.types import FlowPair, Interpolation, SizeRequirement, Window

from ..motion.quadratic import QuadraticMotion, rectified_quadratic_motion
from ..motion.reversal import reverse_flow
from .rcsn import CONTEXT_CHANNELS, CONTEXT_KERNEL, SynthesisNetwork, context_convolution, context_features
from .refinement import MaskNetwork, RefinementNetwork

TILE_ALIGNMENT = 32
"""Rows: the U-Net halves five times, and tiles must be halved where the whole picture would be."""

TILE_OVERLAP = 128
"""Rows on either side of a tile that are computed and dropped; see ``docs/design/eqvi.md`` for the seams."""

LARGE_PICTURE = 2560 * 1440
"""Pixels; the flow of larger pictures is estimated at half their resolution."""

CONTEXT_SPLIT = (CONTEXT_CHANNELS, 3, 3)
"""Contextual features, gradients, the frame itself."""

BYTES_PER_PIXEL, BYTES_OF_CONTEXT, BYTES_PER_FLOW_PIXEL, BYTES_PER_TILE_PIXEL = 300, 620, 350, 3700
"""Memory beside the window itself: per pixel of the picture, the same where the contextual features are kept,
per pixel of the flow, and per pixel of a tile with its overlap. Fitted to the peaks that
``python -m benchmark.memory`` measured at 640x360, 1280x720 and 3840x2160, which lie 2 to 35 % lower."""

KEPT_PAIRS, KEPT_FRAMES, KEPT_CONTEXTS = 7, 4, 2
"""Of a window's five pairs three are found by the next one, while two new ones come in."""

MOST_VARIANTS_WITH_FEATURES = 2
"""Of a window, such as both scales of MS-Fusion. With more of them, features of single frames are computed
anew: that costs little time, and they would take more memory than all flows."""

BYTES_PER_KEPT_PAIR = 16
"""Per pixel of the flow."""


class EqviMotion(NamedTuple):
    """What EQVI knows of a window before a time is chosen."""

    flows: FlowPair
    """Between the middle frames, pixels."""
    motion_0: QuadraticMotion
    """Of frame 0's pixels, time running towards frame 1."""
    motion_1: QuadraticMotion
    """Of frame 1's pixels, time running towards frame 0."""
    context_0: Tensor | None
    """``[B, PAIR_CHANNELS, H, W]``, what the synthesis fetches of frame 0, see
    :func:`.rcsn.context_features`; None for pictures so large that it is computed for the rows at hand."""
    context_1: Tensor | None
    """Likewise of frame 1."""


class ReversedFlows(NamedTuple):
    """Where time t's pixels come from, before refinement."""

    flow_t0: Tensor
    """``[B, 2, H, W]``, pixels."""
    flow_t1: Tensor
    """``[B, 2, H, W]``, pixels."""


class EqviInterpolator(Interpolator):
    """EQVI with a flow estimator of choice; released weights go with :class:`..flow.irr_pwc.IrrPwc`."""

    window = 4
    size = SizeRequirement(minimum=32)

    def __init__(self, flownet: FlowEstimator, *, flow_reduction: int | None = None) -> None:
        """Compose the model; its own parts get their default initialisation.

        Args:
            flownet: Finds the flows. It is not trained along.
            flow_reduction: The flow is estimated on pictures this many times smaller per side; None for 1,
                and 2 for pictures larger than :data:`LARGE_PICTURE`.

        Raises:
            ValueError: if ``flow_reduction`` is not a positive whole number.
        """
        super().__init__()
        if flow_reduction is not None and not (isinstance(flow_reduction, int) and flow_reduction >= 1):
            raise ValueError(f"flow_reduction must be a whole number from 1 on, not {flow_reduction!r}")
        self.flownet = flownet
        self.flow_reduction = flow_reduction
        self.refinenet = RefinementNetwork()
        self.masknet = MaskNetwork()
        self.synthesisnet = SynthesisNetwork()
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
        """Compute the U-Nets in this type; see :attr:`precision`."""
        for network in (self.refinenet, self.masknet, self.synthesisnet, self.feat_ext):
            network.to(dtype)

    def keep(self, windows: int) -> None:
        """See the base class and :data:`MOST_VARIANTS_WITH_FEATURES`."""
        self._pairs.windows = windows
        with_features = windows if windows <= MOST_VARIANTS_WITH_FEATURES else 1
        self._encoded.windows = self._contexts.windows = with_features

    @torch.no_grad()
    def estimate_motion(self, window: Window) -> EqviMotion:
        """Everything that does not depend on t, without gradient.

        Args:
            window: Frames ``[B, 3, H, W]`` in [0, 1]; without both outer ones the motion is linear.

        Returns:
            The motion of the middle frames' pixels.
        """
        flows = self._pair(window, 1, 2)
        if window.prev is None or window.next is None:
            still = torch.zeros_like(flows.flow_01)
            motion_0 = QuadraticMotion(flows.flow_01, still)
            motion_1 = QuadraticMotion(flows.flow_10, still)
        else:
            motion_0 = rectified_quadratic_motion(
                self._pair(window, 0, 1).flow_10, flows.flow_01, self._pair(window, 1, 3).flow_01
            )
            motion_1 = rectified_quadratic_motion(
                self._pair(window, 2, 3).flow_01, flows.flow_10, self._pair(window, 0, 2).flow_10
            )
        return EqviMotion(flows, motion_0, motion_1, self._context(window, 1), self._context(window, 2))

    def transfer_motion(self, window: Window, motion: EqviMotion) -> EqviMotion:
        """The motion with the contextual features of other pictures. See the base class."""
        strangers = window._replace(keys=None)
        return motion._replace(context_0=self._context(strangers, 1), context_1=self._context(strangers, 2))

    def synthesize(self, window: Window, motion: EqviMotion, t: Tensor) -> Interpolation:
        """Make the frame at time ``t``. See the base class."""
        height = window.start.shape[-2]
        return self._synthesize_rows(window, motion, reverse_motion(motion, t), t, slice(0, height))

    def synthesize_frame(self, window: Window, motion: Any, t: Tensor, *, tile: int | None) -> Tensor:
        """The frame, in bands of ``tile`` rows with :data:`TILE_OVERLAP` more on either side."""
        height = window.start.shape[-2]
        if tile is None or tile >= height:
            return self.synthesize(window, motion, t).frame
        band = max(tile // TILE_ALIGNMENT, 1) * TILE_ALIGNMENT
        flows = reverse_motion(motion, t)
        made: list[Tensor] = []
        for top in range(0, height, band):
            first, last = max(top - TILE_OVERLAP, 0), min(top + band + TILE_OVERLAP, height)
            frame = self._synthesize_rows(window, motion, flows, t, slice(first, last)).frame
            made.append(frame[:, :, top - first : top - first + band])
        return torch.cat(made, dim=2)

    def memory_use(self, height: int, width: int) -> MemoryUse:
        """See the base class."""
        reduced = 1 / self._reduction(height, width) ** 2
        context = 0 if height * width > LARGE_PICTURE else BYTES_OF_CONTEXT
        kept_more = (self._pairs.windows - 1) * KEPT_PAIRS * BYTES_PER_KEPT_PAIR
        return MemoryUse(
            per_pixel=BYTES_PER_PIXEL + context + (BYTES_PER_FLOW_PIXEL + kept_more) * reduced,
            per_tile_pixel=BYTES_PER_TILE_PIXEL,
            overlap=TILE_OVERLAP,
        )

    def _synthesize_rows(
        self, window: Window, motion: EqviMotion, flows: ReversedFlows, t: Tensor, rows: slice
    ) -> Interpolation:
        """Some rows of the new frame, as a picture of their own, but fetched from whole frames."""
        flow_t0, flow_t1 = flows.flow_t0[:, :, rows], flows.flow_t1[:, :, rows]
        origin = (rows.start, 0)
        refined = self.refinenet(
            torch.cat(
                (
                    window.start[:, :, rows],
                    window.end[:, :, rows],
                    backward_warp(window.start, flow_t0, origin=origin),
                    backward_warp(window.end, flow_t1, origin=origin),
                    motion.flows.flow_01[:, :, rows],
                    motion.flows.flow_10[:, :, rows],
                    flow_t0,
                    flow_t1,
                ),
                dim=1,
            ).to(self.precision)
        )
        flow_t0 = refined.residual_t0 + backward_warp(
            flows.flow_t0, refined.offset_t0.to(flow_t0), origin=origin
        )
        flow_t1 = refined.residual_t1 + backward_warp(
            flows.flow_t1, refined.offset_t1.to(flow_t1), origin=origin
        )
        fetched_0 = self._fetch_context(window.start, motion.context_0, flow_t0, rows)
        fetched_1 = self._fetch_context(window.end, motion.context_1, flow_t1, rows)
        features_0, gradients_0, frame_0 = fetched_0.split(CONTEXT_SPLIT, dim=1)
        features_1, gradients_1, frame_1 = fetched_1.split(CONTEXT_SPLIT, dim=1)
        mask = self.masknet(torch.cat((frame_0, frame_1, refined.features), dim=1).to(self.precision))
        blend = blend_weight(mask.to(frame_0).sigmoid(), t)
        coarse = blend * frame_0 + (1 - blend) * frame_1
        context = torch.cat((features_0, features_1, gradients_0, gradients_1, frame_0, frame_1), dim=1)
        residual = self.synthesisnet(context.to(self.precision)).to(coarse)
        return Interpolation((coarse + residual).clamp(0, 1), flow_t0, flow_t1, blend, coarse)

    def _fetch_context(self, frame: Tensor, context: Tensor | None, flow: Tensor, rows: slice) -> Tensor:
        """What the synthesis wants of a frame along ``flow``, which lies on ``rows`` of the picture."""
        if context is not None:
            return backward_warp(context, flow, origin=(rows.start, 0))
        reached = reached_rows(flow, rows.start, frame.shape[-2])
        with torch.no_grad():
            context = context_features(self.feat_ext, frame[:, :, reached])
        return backward_warp(context, flow, origin=(rows.start - reached.start, 0))

    def _context(self, window: Window, index: int) -> Tensor | None:
        """The contextual features of one of the window's middle frames: looked up, or computed."""
        frame = window[index]
        assert isinstance(frame, Tensor)
        if frame.shape[-2] * frame.shape[-1] > LARGE_PICTURE:
            return None
        key = None if window.keys is None else window.keys[index]
        with torch.no_grad():
            return self._contexts.get_or_compute(key, frame, lambda: context_features(self.feat_ext, frame))

    def _reduction(self, height: int, width: int) -> int:
        if self.flow_reduction is not None:
            return self.flow_reduction
        return 1 if height * width <= LARGE_PICTURE else 2

    def _pair(self, window: Window, index_a: int, index_b: int) -> FlowPair:
        """Both flows between two of the window's frames: looked up, or estimated."""
        frame_a, frame_b = window[index_a], window[index_b]
        assert isinstance(frame_a, Tensor)
        assert isinstance(frame_b, Tensor)
        height, width = frame_a.shape[-2:]
        keys = window.keys
        pair_key = None if keys is None else (keys[index_a], keys[index_b])

        def estimate() -> FlowPair:
            encoded = (
                self._encode(frame, None if keys is None else keys[index])
                for frame, index in ((frame_a, index_a), (frame_b, index_b))
            )
            return self.flownet.match(*encoded)

        flows = self._pairs.get_or_compute_pair(pair_key, frame_a, estimate, FlowPair.swapped)
        return FlowPair(resize_flow(flows.flow_01, height, width), resize_flow(flows.flow_10, height, width))

    def _encode(self, frame: Tensor, key: Hashable | None) -> Any:
        """What the flow estimator makes of one frame: looked up, or computed."""

        def encode() -> Any:
            return self.flownet.encode(block_mean(frame, self._reduction(*frame.shape[-2:])))

        return self._encoded.get_or_compute(key, frame, encode)


def reverse_motion(motion: EqviMotion, t: Tensor) -> ReversedFlows:
    """Where time t's pixels come from.

    Args:
        motion: Of the window.
        t: ``[B]``.

    Returns:
        The flows before refinement.
    """
    return ReversedFlows(
        reverse_flow(motion.motion_0.at(t)).flow_t0, reverse_flow(motion.motion_1.at(1 - t)).flow_t0
    )


def blend_weight(mask: Tensor, t: Tensor) -> Tensor:
    """The weight of frame 0 from the mask and from how near in time it is.

    Args:
        mask: ``[B, 1, H, W]`` in [0, 1].
        t: ``[B]``, each in (0, 1).

    Returns:
        ``[B, 1, H, W]`` in [0, 1].
    """
    late = t.to(mask).view(-1, 1, 1, 1)
    weight_0, weight_1 = (1 - late) * mask, late * (1 - mask)
    return weight_0 / (weight_0 + weight_1)


def reached_rows(flow: Tensor, top: int, height: int) -> slice:
    """The rows of a picture that a flow reaches, and as many more as the contextual features look at.

    Args:
        flow: ``[B, 2, h, W]``, pixels, on rows ``top`` and following.
        top: See ``flow``.
        height: Of the picture.

    Returns:
        Rows within the picture, at least one.
    """
    rows = torch.arange(top, top + flow.shape[2], device=flow.device, dtype=flow.dtype)[:, None]
    y = (rows + flow[:, 1]).clamp(0, height - 1)
    margin = CONTEXT_KERNEL // 2 + 1
    first, last = int(y.min()) - margin, int(y.max()) + 2 + margin
    return slice(max(first, 0), min(last, height))
