"""SGM-VFI: sparse global matching for large motion, two frames in, any time between them out.

Source: Liu et al., "Sparse Global Matching for Video Frame Interpolation with Large Motion", CVPR 2024. The
road of one frame:

1. Features of both frames, those at 1/8 aware of each other (:mod:`.features`), and with them both flows from
   time t and a blend mask, at 1/8 (:mod:`.local`).
2. Where these explain the frames worst, matches over the whole frame (:mod:`.sparse`), by features of a
   network that comes from outside; merged with the local flow (:mod:`.refine`). The local model has no such.
3. Flow and mask once more, at 1/4.
4. Both frames and their context fetched along the flows, blended and corrected (:mod:`.synthesis`).

The four channels of a flow here are ``flow_t0`` (x, y), then ``flow_t1`` (x, y). Pictures are BGR, as those
that the released weights were trained on. Features, tokens and context of a frame are computed once for all
pairs it takes part in, and what else does not depend on t once per pair.

Peculiarities that the released weights were trained with, and that are kept:

* The matching features see BGR in [0, 1], though GMFlow by itself wants normalised RGB.
* Their pictures are padded to multiples of 16 on both sides, but only a last row or column of the features is
  cropped, so that for sides that are odd multiples of 8 they lie half a cell off. It takes a caller who hands
  such pictures to :meth:`SgmInterpolator.estimate_motion`; those that are reduced for the flow are padded.
* Fields of few rows are matched at all positions (:data:`.settings.DENSE_HEIGHT`).

Deviation from the authors' code: their training forward, and with it their plain inference, matches at t =
0.5 whatever the time asked for; :attr:`.settings.SgmSettings.matching_time` does so.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vfi.base.cache import ReuseCache
from vfi.base.interpolator import Interpolator, MemoryUse
from vfi.ops import Padding, backward_warp
from vfi.types import InputSpec, Interpolation, SizeRequirement, Window

from .debug import show_matching
from .features import FeatureExtractor
from .flow_block import (
    FLOW_CHANNELS,
    MASK_CHANNELS,
    FlowBlock,
    TimeFlow,
    at_full_size,
    blend_frames,
    enlarge,
    fetch_both,
    reduce,
    time_plane,
)
from .matching import MatchingBlock, MatchingInputs, MatchingSteps
from .settings import KEPT_FRAMES, SMALL, SgmNetwork, SgmSettings, bytes_per_pixel, padding_before
from .sparse import match_all
from .synthesis import MULTIPLE, ContextNetwork, SynthesisNetwork, fetch_context
from .types import EncodedFrame, FlowSteps, LatestFlow, MatchingFeatures, SgmMotion, TrainingOutputs

COARSE, FINE = 8, 4
"""Pixels of the picture per pixel of the first and of the second flow block."""

MATCHING_MULTIPLE = 16
"""Pixels; what the matching features' pictures are padded to."""

TILE_OVERLAP = 64
"""Rows on either side of a tile that are computed to be thrown away. Tiles change nothing: the U-Net looks 61
rows up from a row that is a multiple of 16, and 46 down from the one before such a row."""


class SgmInterpolator(Interpolator):
    """SGM-VFI, with global matching or, without a matcher, its local model."""

    window = 2
    size = SizeRequirement(multiple=MULTIPLE, minimum=MULTIPLE)
    inputs = InputSpec(channel_order="bgr")

    def __init__(
        self,
        matcher: MatchingFeatures | None = None,
        *,
        network: SgmNetwork = SMALL,
        settings: SgmSettings | None = None,
    ) -> None:
        """Compose the model; its own parts get their default initialisation.

        Args:
            matcher: Gives the features that are matched, a module; None for the local model.
            network: :data:`.settings.SMALL` or :data:`.settings.BASE`.
            settings: How it runs; None for the defaults.
        """
        super().__init__()
        self.network = network
        self.settings = settings or SgmSettings()
        width = network.width
        self.feature_bone = FeatureExtractor(width, network.depth)
        # Both frames; time, or frames fetched, mask, time, flows; features of both frames.
        coarse, fine = slice(6, 6 + 1), slice(6, 6 + 6 + MASK_CHANNELS + 1 + FLOW_CHANNELS)
        self.block = nn.ModuleList(
            (
                FlowBlock(coarse.stop + 16 * width, changing=coarse),
                FlowBlock(fine.stop + 8 * width, changing=fine),
            )
        )
        self.contextnet = ContextNetwork(width)
        self.unet = SynthesisNetwork(width)
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

    def estimate_motion(self, window: Window) -> SgmMotion:
        """Everything that does not depend on t.

        Args:
            window: Frames ``[B, 3, H, W]`` BGR in [0, 1]; sides are multiples of 8, and of 16 where the frame
                is to be synthesised.

        Returns:
            The features of both frames.

        Raises:
            ValueError: if a side is not a multiple of 8.
        """
        return self._motion(window, self.settings.scale(*window.start.shape[-2:]))

    def transfer_motion(self, window: Window, motion: SgmMotion) -> SgmMotion:
        """The motion with the context of other pictures. See the base class."""
        strangers = window._replace(keys=None)
        return motion._replace(context_0=self._context(strangers, 1), context_1=self._context(strangers, 2))

    def synthesize(self, window: Window, motion: SgmMotion, t: Tensor) -> Interpolation:
        """Make the frame at time ``t``. See the base class.

        Raises:
            ValueError: if a side is not a multiple of 16.
        """
        flow = self.estimate_flow(window, motion, t)
        return self._render(window, motion, flow, slice(0, window.start.shape[-2]))

    def synthesize_frame(self, window: Window, motion: Any, t: Tensor, *, tile: int | None) -> Tensor:
        """The frame, in bands of ``tile`` rows with :data:`TILE_OVERLAP` more on either side."""
        height = window.start.shape[-2]
        latest: LatestFlow = motion.latest
        if latest.flow is None or latest.time is not t:
            latest.time, latest.flow = t, self.estimate_flow(window, motion, t)
        if tile is None or tile >= height:
            return self._render(window, motion, latest.flow, slice(0, height)).frame
        band = max(tile // MULTIPLE, 1) * MULTIPLE
        made: list[Tensor] = []
        for top in range(0, height, band):
            first, last = max(top - TILE_OVERLAP, 0), min(top + band + TILE_OVERLAP, height)
            frame = self._render(window, motion, latest.flow, slice(first, last)).frame
            made.append(frame[:, :, top - first : top - first + band])
        return torch.cat(made, dim=2)

    def memory_use(self, height: int, width: int) -> MemoryUse:
        """See the base class."""
        scale, windows = self.settings.scale(height, width), self._contexts.windows
        return MemoryUse(*bytes_per_pixel(self.network.width, scale, windows=windows), TILE_OVERLAP)

    def findings(self, window: Window, motion: SgmMotion, t: Tensor) -> dict[str, Tensor]:
        """Where the local flow fails, and what was matched there. See the base class."""
        height, width = window.start.shape[-2:]
        return show_matching(self.flow_steps(motion, t).matching, (height, width), motion.padding)

    def estimate_flow(self, window: Window, motion: SgmMotion, t: Tensor) -> TimeFlow:
        """Where time t's pixels come from.

        Args:
            window: As given to :meth:`estimate_motion`.
            motion: What that returned.
            t: ``[B]``.

        Returns:
            Flows and mask at the size of the window.
        """
        height, width = window.start.shape[-2:]
        return at_full_size(self.flow_steps(motion, t).final, height, width, motion.padding)

    def flow_steps(self, motion: SgmMotion, t: Tensor) -> FlowSteps:
        """The flow for one time, step by step, at the size it is estimated at.

        Args:
            motion: From :meth:`estimate_motion`.
            t: ``[B]``.

        Returns:
            The steps. What goes into the matching has no gradient but that of the matching features.
        """
        frames = torch.cat((motion.encoded_0.frame, motion.encoded_1.frame))
        estimate = self.block[0](time_plane(t, motion.known_s8), motion.known_s8)
        local = enlarge(estimate, COARSE, frames.dtype)
        flow_s8 = estimate[:, :FLOW_CHANNELS].to(frames.dtype)
        warped = fetch_both(frames, local.flow)
        matching, matched, warped_matched = None, local, warped
        if motion.matching is not None:
            matching = self._match(motion, t, frames, local, flow_s8, warped)
            matched = local.plus(matching.correction)
            warped_matched = fetch_both(frames, matched.flow)
        residual = self.block[1](
            self._network_input(
                *reduce(warped_matched, FINE).chunk(2),
                reduce(matched.mask_logit, FINE),
                time_plane(t, motion.known_s4),
                reduce(matched.flow, FINE) / FINE,
            ),
            motion.known_s4,
        )
        final = matched.plus(enlarge(residual, FINE, frames.dtype))
        return FlowSteps(local, flow_s8, matching, matched, final, warped, warped_matched)

    def training_forward(self, window: Window, t: Tensor) -> TrainingOutputs:
        """What the training looks at: the frame, and the steps to it.

        The flow is estimated at full size. With :attr:`.settings.SgmSettings.matching_time` of 0.5 this is
        the authors' training forward.

        Args:
            window: Frames ``[B, 3, H, W]`` BGR in [0, 1]; sides are multiples of 16.
            t: ``[B]``.

        Returns:
            The lists that the losses are made of.
        """
        motion = self._motion(window._replace(keys=None), Fraction(1))
        steps = self.flow_steps(motion, t)
        made = self._render(window, motion, steps.final, slice(0, window.start.shape[-2]))
        assert made.coarse is not None
        assert made.blend is not None
        merged = [blend_frames(steps.warped, steps.local.mask_logit), made.coarse]
        if steps.matching is not None:
            merged.append(blend_frames(steps.warped_matched, steps.matched.mask_logit))
        return TrainingOutputs(
            [steps.local.flow, steps.final.flow],
            [steps.matched.mask_logit.sigmoid(), made.blend],
            merged,
            made.frame,
        )

    def _motion(self, window: Window, scale: Fraction) -> SgmMotion:
        """See :meth:`estimate_motion`."""
        height, width = window.start.shape[-2:]
        if height % COARSE or width % COARSE:
            raise ValueError(f"both sides must be multiples of {COARSE}, but the frames are {width}x{height}")
        padding = padding_before(height, width, scale)
        encoded_0, encoded_1 = (self._encode(window, index, scale, padding) for index in (1, 2))
        features_s8 = self.feature_bone.pair(encoded_0.tokens, encoded_1.tokens)
        coarse, fine = cast("Iterable[FlowBlock]", self.block)
        known_s8 = coarse.know(
            self._network_input(encoded_0.frame_s8, encoded_1.frame_s8, *features_s8.chunk(2))
        )
        known_s4 = fine.know(
            self._network_input(
                encoded_0.frame_s4, encoded_1.frame_s4, encoded_0.features_s4, encoded_1.features_s4
            )
        )
        matching = flow_match = known_matching = None
        if self.gmflow is not None and self.settings.matches:
            pair = self.gmflow.pair(encoded_0.matching, encoded_1.matching)
            # Only a last row or column goes, whatever was padded: see the module's docstring.
            matching = pair[..., : features_s8.shape[-2], : features_s8.shape[-1]]
            block = cast("MatchingBlock", self.matching_block[0])
            known_matching = block.merge.know(matching, features_s8.detach())
            if self.settings.point_count(*matching.shape[-2:]) == "all":
                flow_match = match_all(matching)
        return SgmMotion(
            encoded_0,
            encoded_1,
            known_s8,
            known_s4,
            matching,
            flow_match,
            known_matching,
            self._context(window, 1),
            self._context(window, 2),
            padding,
            LatestFlow(),
        )

    def _encode(self, window: Window, index: int, scale: Fraction, padding: Padding) -> EncodedFrame:
        """What belongs to one of the two frames: looked up, or computed."""
        frame = window[index]
        assert isinstance(frame, Tensor)

        def encode() -> EncodedFrame:
            small = padding.pad(frame)
            if scale != 1:
                small = F.interpolate(small, scale_factor=float(scale), mode="bilinear", align_corners=False)
            features = self.feature_bone.encode(self._network_input(small))
            matching = None
            if self.gmflow is not None and self.settings.matches:
                fitting = Padding.to_fit(*small.shape[-2:], multiple=MATCHING_MULTIPLE).pad(small)
                matching = self.gmflow.encode(fitting)
            return EncodedFrame(small, reduce(small, FINE), reduce(small, COARSE), *features, matching)

        key = None if window.keys is None else (window.keys[index], scale, self.settings.matches)
        return self._encoded.get_or_compute(key, frame, encode)

    def _context(self, window: Window, index: int) -> list[Tensor]:
        """The context of one of the two frames: looked up, or computed."""
        frame = window[index]
        assert isinstance(frame, Tensor)
        key = None if window.keys is None else window.keys[index]
        return self._contexts.get_or_compute(key, frame, lambda: self.contextnet(self._network_input(frame)))

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
        assert motion.known_matching is not None
        count = self.settings.point_count(*motion.matching.shape[-2:])
        time = self.settings.matching_time
        inputs = MatchingInputs(
            frames,
            torch.cat((motion.encoded_0.frame_s8, motion.encoded_1.frame_s8)),
            motion.matching,
            motion.known_matching,
            motion.flow_match,
            TimeFlow(local.flow.detach(), local.mask_logit.detach()),
            flow_s8.detach(),
            warped.detach(),
        )
        moment = t if time is None else torch.full_like(t, time)
        return self.matching_block[0](inputs, moment, None if count == "all" else count)

    def _render(self, window: Window, motion: SgmMotion, flow: TimeFlow, rows: slice) -> Interpolation:
        """Some rows of the new frame, as a picture of their own, but fetched from whole frames."""
        height, width = window.start.shape[-2:]
        if height % MULTIPLE or width % MULTIPLE:
            raise ValueError(
                f"both sides must be multiples of {MULTIPLE}, but the frames are {width}x{height}"
            )
        origin = (rows.start, 0)
        flow_t0, flow_t1 = flow.flow[:, :, rows].chunk(2, dim=1)
        mask_logit = flow.mask_logit[:, :, rows]
        warped_0 = backward_warp(window.start, flow_t0, padding="border", origin=origin)
        warped_1 = backward_warp(window.end, flow_t1, padding="border", origin=origin)
        blend = mask_logit.sigmoid()
        coarse = blend * warped_0 + (1 - blend) * warped_1
        residual_logit = self.unet(
            self._network_input(
                window.start[:, :, rows],
                window.end[:, :, rows],
                warped_0,
                warped_1,
                mask_logit,
                flow_t0,
                flow_t1,
            ),
            fetch_context(motion.context_0, flow_t0, rows.start),
            fetch_context(motion.context_1, flow_t1, rows.start),
        )
        residual = 2 * residual_logit.to(coarse).sigmoid() - 1
        return Interpolation((coarse + residual).clamp(0, 1), flow_t0, flow_t1, blend, coarse)

    def _network_input(self, *parts: Tensor) -> Tensor:
        """Parts as channels of one tensor, in the networks' type."""
        return torch.cat([part.to(self.precision) for part in parts], dim=1)
