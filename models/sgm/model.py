"""SGM-VFI: sparse global matching for large motion, two frames in, any time between them out.

Source: Liu et al., "Sparse Global Matching for Video Frame Interpolation with Large Motion", CVPR 2024. The
forward pass:

1. Local branch: features of both frames, at 1/8 with inter-frame attention (:mod:`.features`), give the
   initial intermediate flows and a blend mask at 1/8 (:mod:`.flow_block`).
2. Sparse global matching branch: where the initial flows explain the frames worst (:mod:`.sparse`), global
   features of a separate network are matched over the whole frame. The matches are shifted to time t and
   merged with the initial flows into a flow compensation (:mod:`.matching`). The local model lacks this step.
3. A second flow block adds a residual to flows and mask at 1/4.
4. Frame synthesis: both frames and their context are warped by the flows, the frames are blended, and a U-Net
   predicts the residual (:mod:`.synthesis`).

The four channels of a flow are ``flow_t0`` (x, y), then ``flow_t1`` (x, y). Frames are BGR, as in the
training of the released weights. Features, tokens and context of a frame are computed once for all pairs it
belongs to, everything else that does not depend on t once per pair.

Peculiarities that the released weights were trained with, and that are reproduced:

* The input of the matching features is BGR in [0, 1], while GMFlow itself expects normalised RGB.
* Their frames are padded to multiples of 16 on both sides, but the features are cropped at the bottom and on
  the right only, so that they lie half a position off where a side is an odd multiple of 8. Only frames given
  to :meth:`SgmInterpolator.estimate_motion` directly have such sides; reduced frames are padded before.
* Fields of few rows are matched at all positions (:data:`.settings.DENSE_HEIGHT`).

Deviation from the authors' code: their training forward, and with it their plain inference, shifts the
matches to t = 0.5 for every t; :attr:`.settings.SgmSettings.matching_time` reproduces that.
"""

from __future__ import annotations

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
"""Pixels; the frames of the matching features are padded to multiples of it."""

TILE_OVERLAP = 64
"""Rows on either side of a tile that are synthesized along with it and cut off. Tiles do not change the
result: the receptive field of the U-Net extends 61 rows above a row that is a multiple of 16, and 46 rows
below the row before one."""


class SgmInterpolator(Interpolator):
    """SGM-VFI with sparse global matching or, without a matcher, its local branch alone."""

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
            matcher: Module that extracts the features that are matched; None for the local branch alone.
            network: Network size, :data:`.settings.SMALL` or :data:`.settings.BASE`.
            settings: Settings of the run; None for the defaults.
        """
        super().__init__()
        self.network = network
        self.memory = memory_fit(network.width)
        self.settings = settings or SgmSettings()
        width = network.width
        self.feature_bone = FeatureExtractor(width, network.depth)
        # Inputs: both frames; t, or warped frames, mask, t and flows; features of both frames.
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
    def coarse_block(self) -> FlowBlock:
        """The flow block at 1/8, ``block.0`` in the released files."""
        return cast("FlowBlock", self.block[0])

    @property
    def fine_block(self) -> FlowBlock:
        """The flow block at 1/4, ``block.1`` in the released files."""
        return cast("FlowBlock", self.block[1])

    @property
    def global_matching(self) -> MatchingBlock:
        """The sparse global matching block, ``matching_block.0`` in the released files."""
        return cast("MatchingBlock", self.matching_block[0])

    @property
    def precision(self) -> torch.dtype:
        """The type of most arithmetic. Matching, its features, flows, coordinates and frames stay float32."""
        return self.unet.conv.weight.dtype

    def set_precision(self, dtype: torch.dtype) -> None:
        """Compute the networks in this type, see :attr:`precision`."""
        for network in (self.feature_bone, self.contextnet, self.unet, self.matching_block):
            network.to(dtype)
        for module in self.modules():
            if isinstance(module, FlowBlock):
                module.set_precision(dtype)

    def forward(self, window: Window, t: Tensor) -> Interpolation:
        """Interpolate the frame at time ``t`` with gradient, and the intermediates that the losses need.

        The flow is estimated at full size. With a :attr:`.settings.SgmSettings.matching_time` of 0.5 this is
        the authors' training forward.

        Args:
            window: Frames ``[B, 3, H, W]`` BGR in [0, 1]; sides are multiples of 16.
            t: Time ``[B]``, each in (0, 1).

        Returns:
            The whole frame. Its intermediates, in the order of the authors' code: the initial and the final
            flows; the mask after the matching and the final one; the initial blend, the final one and, with
            matching, the blend after it.
        """
        window = window.without_keys()
        motion = self._motion(window, Fraction(1))
        steps = self.flow_steps(motion, t)
        sources = Sources(window, self.prepare(window))
        result = self.synthesize(sources, motion, SgmFlow(steps.final, None, None), t, window.rows)
        assert result.coarse is not None
        assert result.blend is not None
        merged = [_blend_warped(steps.warped, steps.local), result.coarse]
        if steps.matching is not None:
            merged.append(_blend_warped(steps.warped_matched, steps.matched))
        flows = [steps.local.flow, steps.final.flow]
        masks = [steps.matched.mask_logit.sigmoid(), result.blend]
        return result._replace(intermediates=Intermediates(flows, masks, merged))

    def estimate_motion(self, window: Window) -> SgmMotion:
        """Compute all features for the flow that do not depend on t.

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
        """Pixels of the flow per pixel of a frame, from the scale of the settings. See the base class."""
        return float(self.settings.scale(height, width) ** 2)

    def flow_diagnostics(self, window: Window, motion: SgmMotion, flow: SgmFlow) -> dict[str, Tensor]:
        """Maps of importance and matched positions. See the base class."""
        return matching_maps(flow, motion.size, motion.padding)

    def flow_steps(self, motion: SgmMotion, t: Tensor) -> FlowSteps:
        """Compute the flow of one time step by step, at the resolution at which it is estimated.

        Args:
            motion: Record of :meth:`estimate_motion`.
            t: Time ``[B]``, each in (0, 1).

        Returns:
            All steps. The inputs of the matching are detached, except the matching features.
        """
        frames = torch.cat((motion.encoded_0.frame, motion.encoded_1.frame))
        estimate = self.coarse_block(_constant_plane(t, motion.static_features_s8), motion.static_features_s8)
        local = enlarge(estimate, COARSE, frames.dtype)
        flow_s8 = estimate[:, :FLOW_CHANNELS].to(frames.dtype)
        warped = warp_both(frames, local.flow)
        matching, matched, warped_matched = None, local, warped
        if motion.matching is not None:
            matching = self._match(motion, t, frames, local, flow_s8, warped)
            matched = local.plus(matching.correction)
            warped_matched = warp_both(frames, matched.flow)
        residual = self.fine_block(
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
        static_features_s8 = self.coarse_block.precompute(
            self._join(encoded_0.frame_s8, encoded_1.frame_s8, *features_s8.chunk(2))
        )
        static_features_s4 = self.fine_block.precompute(
            self._join(encoded_0.frame_s4, encoded_1.frame_s4, encoded_0.features_s4, encoded_1.features_s4)
        )
        matching = flow_match = static_matching = None
        if self.gmflow is not None and self.settings.matches:
            pair = self.gmflow.pair(encoded_0.matching, encoded_1.matching)
            # Cropped at the end only, as in training: see the module's docstring.
            matching = pair[..., : features_s8.shape[-2], : features_s8.shape[-1]]
            static_matching = self.global_matching.merge.precompute(matching, features_s8.detach())
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
        """The features of one frame at the scale of the flow: looked up, or computed."""

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
        """A frame's context warped by rows of a flow, as input of the U-Net."""
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
        """The steps of the matching block for one time."""
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
        return self.global_matching(inputs, matching_t, None if count == "all" else count)

    def _join(self, *parts: Tensor) -> Tensor:
        """Parts as channels of one tensor in the networks' type, in their own memory format.

        Networks that normalise over a frame are slower with channels last, see the base class.
        """
        return torch.cat([part.to(self.precision) for part in parts], dim=1)


def _blend_warped(warped: Tensor, flow: TimeFlow) -> Tensor:
    """The blend ``[B, 3, H, W]`` of both warped frames ``[2 B, 3, H, W]`` by the mask."""
    warped_0, warped_1 = warped.chunk(2)
    return blend_frames(warped_0, warped_1, flow.mask_logit.sigmoid())


def _constant_plane(t: Tensor, like: Tensor) -> Tensor:
    """The time ``[B]`` as a constant plane ``[B, 1, h, w]`` of the size and type of ``like``."""
    return t_plane(t, like).expand(-1, 1, *like.shape[-2:])
