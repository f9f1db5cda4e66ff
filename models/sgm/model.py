"""SGM-VFI: sparse global matching for large motion, two frames in, any time between them out.

Source: Liu et al., "Sparse Global Matching for Video Frame Interpolation with Large Motion", CVPR 2024. The
forward pass:

1. Features of both frames, those at 1/8 aware of each other (:mod:`.features`), and with them both flows from
   time t and a blend mask, at 1/8 (:mod:`.flow_block`).
2. Where these explain the frames worst, matches over the whole frame (:mod:`.sparse`), by features of a
   network that comes from outside; merged with the local flow (:mod:`.matching`). The local model has no
   matching.
3. Flow and mask once more, at 1/4.
4. Both frames and their context warped by the flows, blended and corrected (:mod:`.synthesis`).

The four channels of a flow here are ``flow_t0`` (x, y), then ``flow_t1`` (x, y). Frames are BGR, as those
that the released weights were trained on. Features, tokens and context of a frame are computed once for all
pairs it takes part in, and what else does not depend on t once per pair.

Peculiarities that the released weights were trained with, and that are reproduced:

* The matching features see BGR in [0, 1], though GMFlow by itself is given normalised RGB.
* Their frames are padded to multiples of 16 on both sides, but only a last row or column of the features is
  cropped, so that for sides that are odd multiples of 8 they lie half a cell off. It takes a caller who hands
  such frames to :meth:`SgmInterpolator.estimate_motion`; those that are reduced for the flow are padded.
* Fields of few rows are matched at all positions (:data:`.settings.DENSE_HEIGHT`).

Deviation from the authors' code: their training forward, and with it their plain inference, matches at t =
0.5 whatever the time asked for; :attr:`.settings.SgmSettings.matching_time` does so.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vfi.base.cache import ReuseCache
from vfi.base.interpolator import Interpolator, Sources
from vfi.ops import Padding, backward_warp, blend_frames, t_plane
from vfi.types import FrameName, InputSpec, Intermediates, Interpolation, SizeRequirement, Window

from .debug import matching_maps
from .features import FeatureExtractor
from .flow_block import (
    FLOW_CHANNELS,
    MASK_CHANNELS,
    FlowBlock,
    TimeFlow,
    at_full_size,
    enlarge,
    reduce,
    warp_both,
)
from .matching import MatchingBlock, MatchingInputs, MatchingSteps
from .settings import KEPT_FRAMES, SMALL, SgmNetwork, SgmSettings, memory_fit, padding_before
from .sparse import match_all
from .synthesis import MULTIPLE, ContextEncoder, SynthesisUnet, warp_context
from .types import FlowSteps, MatchingFeatures, SgmContext, SgmFlow, SgmFrame, SgmMotion

COARSE, FINE = 8, 4
"""Pixels of the frame per pixel of the first and of the second flow block."""

MATCHING_MULTIPLE = 16
"""Pixels; what the matching features' frames are padded to."""

TILE_OVERLAP = 64
"""Rows on either side of a tile that are synthesized along with it and cut off. Tiles change nothing: the
U-Net looks 61 rows up from a row that is a multiple of 16, and 46 down from the one before such a row."""


class SgmInterpolator(Interpolator):
    """SGM-VFI, with global matching or, without a matcher, its local model."""

    window = 2
    size = SizeRequirement(multiple=MULTIPLE, minimum=MULTIPLE)
    inputs = InputSpec(channel_order="bgr")
    tile_multiple = MULTIPLE
    tile_overlap = TILE_OVERLAP

    def __init__(
        self,
        matcher: MatchingFeatures | None = None,
        *,
        network: SgmNetwork = SMALL,
        settings: SgmSettings | None = None,
    ) -> None:
        """Compose the model; its own parts get their default initialization.

        Args:
            matcher: Module that extracts the features that are matched; None for the local model.
            network: :data:`.settings.SMALL` or :data:`.settings.BASE`.
            settings: Settings of the run; None for the defaults.
        """
        super().__init__()
        self.network = network
        self.memory = memory_fit(network.width)
        self.settings = settings or SgmSettings()
        width = network.width
        self.feature_bone = FeatureExtractor(width, network.depth)
        # Both frames; time, or warped frames, mask, time, flows; features of both frames.
        coarse, fine = slice(6, 6 + 1), slice(6, 6 + 6 + MASK_CHANNELS + 1 + FLOW_CHANNELS)
        self.block = nn.ModuleList(
            (
                FlowBlock(coarse.stop + 16 * width, changing=coarse),
                FlowBlock(fine.stop + 8 * width, changing=fine),
            )
        )
        self.contextnet = ContextEncoder(width)
        self.unet = SynthesisUnet(width)
        self.gmflow = matcher
        self.matching_block = nn.ModuleList(() if matcher is None else (MatchingBlock(width),))
        self.networks = (
            *(
                f"feature_bone.{name}"
                for name in ("block1", "patch_embed2", "block2", "patch_embed3", "block3")
            ),
            "block.0",
            "block.1",
            "contextnet",
            "unet",
            *(
                ()
                if matcher is None
                else ("gmflow.backbone", "matching_block.0.merge", "matching_block.0.refine_block")
            ),
        )
        self._encoded = ReuseCache(KEPT_FRAMES)
        self._contexts = ReuseCache(KEPT_FRAMES)

    @property
    def precision(self) -> torch.dtype:
        """The type of most arithmetic. Matching and its features, flows, coordinates, frames stay float32."""
        return self.unet.conv.weight.dtype

    def set_precision(self, dtype: torch.dtype) -> None:
        """Compute the networks in this type; see :attr:`precision`."""
        for network in (self.feature_bone, self.contextnet, self.unet, self.matching_block):
            network.to(dtype)
        for network in self.modules():
            if isinstance(network, FlowBlock):
                network.set_precision(dtype)

    def forward(self, window: Window, t: Tensor) -> Interpolation:
        """Interpolate the frame at time ``t`` with gradient, and the steps that the losses need.

        The flow is estimated at full size. With :attr:`.settings.SgmSettings.matching_time` of 0.5 this is
        the authors' training forward.

        Args:
            window: Frames ``[B, 3, H, W]`` BGR in [0, 1]; sides are multiples of 16.
            t: Time ``[B]``, each in (0, 1).

        Returns:
            The whole frame. Its intermediates, in the order of the authors' code, are the flows before the
            matching and the final ones; the masks after the matching and the final one; the blends before the
            matching, the final one, and, where there is any matching, after it.
        """
        window = window.without_keys()
        motion = self._motion(window, Fraction(1))
        steps = self.flow_steps(motion, t)
        sources = Sources(window, self.prepare(window))
        made = self.synthesize(sources, motion, SgmFlow(steps.final, None, None), t, window.rows)
        assert made.coarse is not None
        assert made.blend is not None
        merged = [_blend_warped(steps.warped, steps.local), made.coarse]
        if steps.matching is not None:
            merged.append(_blend_warped(steps.warped_matched, steps.matched))
        flows = [steps.local.flow, steps.final.flow]
        masks = [steps.matched.mask_logit.sigmoid(), made.blend]
        return made._replace(intermediates=Intermediates(flows, masks, merged))

    def estimate_motion(self, window: Window) -> SgmMotion:
        """Compute all features that the flow needs and that do not depend on t.

        Args:
            window: Frames ``[B, 3, H, W]`` BGR in [0, 1]; sides are multiples of 8, and of 16 where the frame
                is to be synthesized.

        Returns:
            The features of both frames.

        Raises:
            ValueError: If a side is not a multiple of 8.
        """
        return self._motion(window, self.settings.scale(*window.start.shape[-2:]))

    def prepare(self, window: Window) -> SgmContext:
        """Compute the context of both frames at full size. See the base class."""
        return SgmContext(self._context(window, "start"), self._context(window, "end"))

    def flow_at(self, motion: SgmMotion, t: Tensor) -> SgmFlow:
        """Compute flows and mask of time ``t`` at full size. See the base class."""
        steps = self.flow_steps(motion, t)
        final = at_full_size(steps.final, *motion.size, motion.padding)
        matching = steps.matching
        if matching is None:
            return SgmFlow(final, None, None)
        return SgmFlow(final, matching.importance_s8, matching.points)

    def synthesize(
        self, sources: Sources, motion: SgmMotion, flow: SgmFlow, t: Tensor, rows: slice
    ) -> Interpolation:
        """Synthesize rows of the frame at time ``t``, sampled from whole frames. See the base class.

        Raises:
            ValueError: If a side is not a multiple of 16.
        """
        start, end = sources.window.start, sources.window.end
        height, width = start.shape[-2:]
        if height % MULTIPLE or width % MULTIPLE:
            raise ValueError(
                f"both sides must be multiples of {MULTIPLE}, but the frames are {width}x{height}"
            )
        flow_t0, flow_t1 = flow.final.flow[:, :, rows].chunk(2, dim=1)
        mask_logit = flow.final.mask_logit[:, :, rows]
        origin = (rows.start, 0)
        warped_0 = backward_warp(start, flow_t0, padding="border", origin=origin)
        warped_1 = backward_warp(end, flow_t1, padding="border", origin=origin)
        blend = mask_logit.sigmoid()
        coarse = blend_frames(warped_0, warped_1, blend)
        residual_logit = self.unet(
            self.network_input(
                start[:, :, rows], end[:, :, rows], warped_0, warped_1, mask_logit, flow_t0, flow_t1
            ),
            self._warp_context(sources.context.context_0, flow_t0, rows),
            self._warp_context(sources.context.context_1, flow_t1, rows),
        )
        residual = 2 * residual_logit.to(coarse).sigmoid() - 1
        return Interpolation((coarse + residual).clamp(0, 1), flow_t0, flow_t1, blend, coarse)

    def flow_area(self, height: int, width: int) -> float:
        """See the base class: the flow has a scale of its own."""
        return float(self.settings.scale(height, width) ** 2)

    def flow_diagnostics(self, window: Window, motion: SgmMotion, flow: SgmFlow) -> dict[str, Tensor]:
        """Where the local flow fails, and which positions were matched. See the base class."""
        return matching_maps(flow, motion.size, motion.padding)

    def flow_steps(self, motion: SgmMotion, t: Tensor) -> FlowSteps:
        """The flow for one time, step by step, at the size it is estimated at.

        Args:
            motion: Record of :meth:`estimate_motion`.
            t: Time ``[B]``.

        Returns:
            The steps. What goes into the matching has no gradient but that of the matching features.
        """
        frames = torch.cat((motion.encoded_0.frame, motion.encoded_1.frame))
        estimate = self.block[0](_constant_plane(t, motion.static_features_s8), motion.static_features_s8)
        local = enlarge(estimate, COARSE, frames.dtype)
        flow_s8 = estimate[:, :FLOW_CHANNELS].to(frames.dtype)
        warped = warp_both(frames, local.flow)
        matching, matched, warped_matched = None, local, warped
        if motion.matching is not None:
            matching = self._match(motion, t, frames, local, flow_s8, warped)
            matched = local.plus(matching.correction)
            warped_matched = warp_both(frames, matched.flow)
        residual = self.block[1](
            self._join(
                *reduce(warped_matched, FINE).chunk(2),
                reduce(matched.mask_logit, FINE),
                _constant_plane(t, motion.static_features_s4),
                reduce(matched.flow, FINE) / FINE,
            ),
            motion.static_features_s4,
        )
        final = matched.plus(enlarge(residual, FINE, frames.dtype))
        return FlowSteps(local, flow_s8, matching, matched, final, warped, warped_matched)

    def _motion(self, window: Window, scale: Fraction) -> SgmMotion:
        """See :meth:`estimate_motion`."""
        height, width = window.start.shape[-2:]
        if height % COARSE or width % COARSE:
            raise ValueError(f"both sides must be multiples of {COARSE}, but the frames are {width}x{height}")
        padding = padding_before(height, width, scale)
        encoded_0 = self._encode(window, "start", scale, padding)
        encoded_1 = self._encode(window, "end", scale, padding)
        features_s8 = self.feature_bone.pair(encoded_0.tokens, encoded_1.tokens)
        coarse, fine = cast("Iterable[FlowBlock]", self.block)
        static_features_s8 = coarse.precompute(
            self._join(encoded_0.frame_s8, encoded_1.frame_s8, *features_s8.chunk(2))
        )
        static_features_s4 = fine.precompute(
            self._join(encoded_0.frame_s4, encoded_1.frame_s4, encoded_0.features_s4, encoded_1.features_s4)
        )
        matching = flow_match = static_matching = None
        if self.gmflow is not None and self.settings.matches:
            pair = self.gmflow.pair(encoded_0.matching, encoded_1.matching)
            # Only a last row or column goes, whatever was padded: see the module's docstring.
            matching = pair[..., : features_s8.shape[-2], : features_s8.shape[-1]]
            block = cast("MatchingBlock", self.matching_block[0])
            static_matching = block.merge.precompute(matching, features_s8.detach())
            if self.settings.point_count(*matching.shape[-2:]) == "all":
                flow_match = match_all(matching)
        return SgmMotion(
            encoded_0,
            encoded_1,
            static_features_s8,
            static_features_s4,
            matching,
            flow_match,
            static_matching,
            (height, width),
            padding,
        )

    def _encode(self, window: Window, name: FrameName, scale: Fraction, padding: Padding) -> SgmFrame:
        """The features of one frame at the size of the flow: looked up, or computed."""

        def encode(frame: Tensor) -> SgmFrame:
            small = padding.pad(frame)
            if scale != 1:
                small = F.interpolate(small, scale_factor=float(scale), mode="bilinear", align_corners=False)
            features = self.feature_bone.encode(self._join(small))
            matching = None
            if self.gmflow is not None and self.settings.matches:
                fitting = Padding.to_fit(*small.shape[-2:], multiple=MATCHING_MULTIPLE).pad(small)
                matching = self.gmflow.encode(fitting)
            return SgmFrame(small, reduce(small, FINE), reduce(small, COARSE), *features, matching)

        return self._encoded.of_frame(window, name, encode, variant=(scale, self.settings.matches))

    def _context(self, window: Window, name: FrameName) -> list[Tensor]:
        """The context of one frame: looked up, or computed."""
        return self._contexts.of_frame(window, name, lambda frame: self.contextnet(self.network_input(frame)))

    def _warp_context(self, context: list[Tensor], flow: Tensor, rows: slice) -> list[Tensor]:
        """A frame's context warped by rows of a flow, ready for the U-Net."""
        return [self.network_input(level) for level in warp_context(context, flow, rows.start)]

    def _match(
        self,
        motion: SgmMotion,
        t: Tensor,
        frames: Tensor,
        local: TimeFlow,
        flow_s8: Tensor,
        warped: Tensor,
    ) -> MatchingSteps:
        """The matching for one time."""
        assert motion.matching is not None
        assert motion.static_matching is not None
        count = self.settings.point_count(*motion.matching.shape[-2:])
        time = self.settings.matching_time
        inputs = MatchingInputs(
            frames,
            torch.cat((motion.encoded_0.frame_s8, motion.encoded_1.frame_s8)),
            motion.matching,
            motion.static_matching,
            motion.flow_match,
            TimeFlow(local.flow.detach(), local.mask_logit.detach()),
            flow_s8.detach(),
            warped.detach(),
        )
        matching_t = t if time is None else torch.full_like(t, time)
        return self.matching_block[0](inputs, matching_t, None if count == "all" else count)

    def _join(self, *parts: Tensor) -> Tensor:
        """Parts as channels of one tensor, in the networks' type and the memory format they come in.

        Networks that normalise over a frame are slower with channels last, see the base class.
        """
        return torch.cat([part.to(self.precision) for part in parts], dim=1)


def _blend_warped(warped: Tensor, flow: TimeFlow) -> Tensor:
    """The blend ``[B, 3, H, W]`` of both warped frames ``[2 B, 3, H, W]`` by a mask."""
    warped_0, warped_1 = warped.chunk(2)
    return blend_frames(warped_0, warped_1, flow.mask_logit.sigmoid())


def _constant_plane(t: Tensor, like: Tensor) -> Tensor:
    """The time ``[B]`` as a plane ``[B, 1, h, w]`` of the size and type of ``like``."""
    return t_plane(t, like).expand(-1, 1, *like.shape[-2:])
