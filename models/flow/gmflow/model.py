"""GMFlow as a flow estimator, at one scale (1/8) and at two (1/8, refined at 1/4).

Source: Xu et al., "GMFlow: Learning Optical Flow via Global Matching", CVPR 2022. At each scale, coarse to
fine: a transformer enhances the features of both frames, matching gives the flow, and self-attention
propagates it to pixels without a match. The finest flow is enlarged by convex upsampling. Parameters have the
names of the released files.

Deviations from the authors' code, none of which changes a number: features of a frame are computed once
(:meth:`GmFlow.encode`), both directions are estimated by default, the correlation of whole frames is computed
tile by tile, and the neighbourhoods of the second scale are indexed instead of sampled bilinearly.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from vfi.base.flow import FlowEstimator
from vfi.models.attention import SCORES_AT_ONCE
from vfi.ops import Padding, backward_warp, resize_flow
from vfi.types import FlowPair

from ..upsampling import NEIGHBOURS, enlarge_convex
from .encoder import FEATURE_CHANNELS, Encoder
from .matching import global_matching, local_matching
from .propagation import FlowPropagation
from .transformer import FeatureTransformer, FrameTokens

COARSEST = 8
"""Pixels of the frame per pixel of the coarsest features."""

PADDED_SIDES = 16
"""Pixels; frames are padded to a multiple of this per scale, as in training."""

UPSAMPLER_CHANNELS = 256

RED_GREEN_BLUE_MEAN = (0.485, 0.456, 0.406)
RED_GREEN_BLUE_DEVIATION = (0.229, 0.224, 0.225)
"""Mean and standard deviation that frames are normalised by, those of ImageNet."""

OCCLUSION_FRACTION, OCCLUSION_MARGIN = 0.01, 0.5
"""A pixel is occluded if its forward-backward error exceeds this fraction of the lengths of both flows plus
this many pixels."""


@dataclass(frozen=True)
class ScaleSettings:
    """Settings of one scale."""

    attention_splits: int
    """Number of attention windows per axis; 1: attention over the whole frame."""
    matching_radius: int | None = None
    """Radius of the matching in pixels of the scale; None: over the whole frame."""
    propagation_radius: int | None = None
    """Radius of the propagation in pixels of the scale; None: over the whole frame."""


class GmFlowFrame(NamedTuple):
    """Features of one frame, independent of the other frame. Lists are coarsest first."""

    tokens: list[FrameTokens]
    """Tokens for the transformer, one record per scale."""
    finer_features: list[Tensor]
    """``[B, C, h, w]`` of all scales but the first, which are warped."""
    padding: Padding


class ScaleFlow(NamedTuple):
    """Flow of one scale; with both directions first from 0 to 1, then from 1 to 0."""

    matched: Tensor
    """``[2 B or B, 2, h, w]`` before propagation, pixels of the scale."""
    flow: Tensor
    """``[2 B or B, 2, h, w]`` after propagation, pixels of the scale."""
    features: Tensor
    """``[2 B or B, C, h, w]``, of the frames on whose grids the flows lie."""


class GmFlow(FlowEstimator):
    """GMFlow as a flow estimator. Frames of any size are padded by repeating the edge."""

    networks = ("backbone", "upsampler")

    def __init__(
        self,
        scales: Sequence[ScaleSettings] = (ScaleSettings(attention_splits=2),),
        *,
        padding_at_bottom: bool = False,
        scores_at_once: int = SCORES_AT_ONCE,
    ) -> None:
        """Initialize as for training from scratch.

        Args:
            scales: Settings of one or two scales, coarsest first.
            padding_at_bottom: Whether frames are padded at the bottom only instead of at top and bottom, as
                for KITTI.
            scores_at_once: Largest number of scores in memory, see :func:`vfi.models.attention.soft_lookup`.

        Raises:
            ValueError: If there are not one or two scales, or a setting is not positive.
        """
        super().__init__()
        _require_valid(scales)
        self.scale_settings = tuple(scales)
        self.padding_at_bottom = padding_at_bottom
        self.scores_at_once = scores_at_once
        self.backbone = Encoder(scales=len(scales))
        self.transformer = FeatureTransformer()
        self.feature_flow_attn = FlowPropagation(FEATURE_CHANNELS)
        self.upsampling = COARSEST // 2 ** (len(scales) - 1)
        self.upsampler = nn.Sequential(
            nn.Conv2d(2 + FEATURE_CHANNELS, UPSAMPLER_CHANNELS, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(UPSAMPLER_CHANNELS, NEIGHBOURS * self.upsampling**2, 1),
        )
        for name, values in (("mean", RED_GREEN_BLUE_MEAN), ("deviation", RED_GREEN_BLUE_DEVIATION)):
            self.register_buffer(name, torch.tensor(values).view(3, 1, 1), persistent=False)
        self.mean: Tensor
        self.deviation: Tensor

    def encode(self, frame: Tensor) -> GmFlowFrame:
        """Compute the features of one frame at all scales that do not depend on the other frame.

        Args:
            frame: Frame ``[B, 3, H, W]`` RGB in [0, 1], any size.

        Returns:
            The record for :meth:`match`.
        """
        padding = self._padding(*frame.shape[-2:])
        padded = padding.pad((frame.to(self.mean.dtype) - self.mean) / self.deviation)
        features = self.backbone(padded)[::-1]
        tokens = [
            self.transformer.encode(of_scale, splits=settings.attention_splits)
            for of_scale, settings in zip(features, self.scale_settings, strict=True)
        ]
        return GmFlowFrame(tokens, features[1:], padding)

    def match(self, encoded_0: GmFlowFrame, encoded_1: GmFlowFrame, *, occlusion: bool = False) -> FlowPair:
        """Estimate both flows.

        Args:
            encoded_0: Record of :meth:`encode` for frame 0.
            encoded_1: Record of :meth:`encode` for frame 1, of the same size.
            occlusion: Whether to estimate occlusions from both flows (:func:`hidden_pixels`).

        Returns:
            Flows ``[B, 2, H, W]`` in pixels, float32 (float64 for a float64 network); occlusions 0 or 1.
        """
        flow_01, flow_10 = self.estimate(encoded_0, encoded_1).chunk(2)
        if not occlusion:
            return FlowPair(flow_01, flow_10)
        return FlowPair(flow_01, flow_10, hidden_pixels(flow_01, flow_10), hidden_pixels(flow_10, flow_01))

    def estimate(self, encoded_0: GmFlowFrame, encoded_1: GmFlowFrame, *, both: bool = True) -> Tensor:
        """Estimate the flow in one direction or in both.

        Args:
            encoded_0: Record of :meth:`encode` for frame 0.
            encoded_1: Record of :meth:`encode` for frame 1.
            both: Whether to estimate the flow from 1 to 0 too.

        Returns:
            Flow ``[B, 2, H, W]`` from 0 to 1, pixels; with ``both`` ``[2 B, 2, H, W]``, followed by that from
            1 to 0.
        """
        *_, last = self.scales(encoded_0, encoded_1, both=both)
        return encoded_0.padding.unpad(self._enlarge(last))

    def predictions(self, frame_0: Tensor, frame_1: Tensor) -> list[Tensor]:
        """Estimate the flows from 0 to 1 that a training loss compares, from coarse to fine.

        Args:
            frame_0: Frame ``[B, 3, H, W]`` RGB in [0, 1].
            frame_1: Frame ``[B, 3, H, W]`` RGB in [0, 1].

        Returns:
            Flows ``[B, 2, H, W]``, pixels: for every scale the result of the matching and, for all but the
            last, that of the propagation, both enlarged bilinearly; at the end the result of
            :meth:`estimate`.
        """
        encoded_0, encoded_1 = self.encode(frame_0), self.encode(frame_1)
        padding = encoded_0.padding
        (height, width) = padding.pad(frame_0).shape[-2:]
        found = list(self.scales(encoded_0, encoded_1, both=False))
        coarse = [flow for scale in found[:-1] for flow in (scale.matched, scale.flow)] + [found[-1].matched]
        enlarged = [resize_flow(flow, height, width, align_corners=True) for flow in coarse]
        return [padding.unpad(flow) for flow in (*enlarged, self._enlarge(found[-1]))]

    def scales(
        self, encoded_0: GmFlowFrame, encoded_1: GmFlowFrame, *, both: bool = True
    ) -> Iterator[ScaleFlow]:
        """Estimate the flow scale by scale, from coarse to fine.

        Args:
            encoded_0: Record of :meth:`encode` for frame 0.
            encoded_1: Record of :meth:`encode` for frame 1.
            both: Whether to estimate the flow from 1 to 0 too.

        Yields:
            One record for each scale.
        """
        first, *finer = self.scale_settings
        transformed = self.transformer.pair(
            encoded_0.tokens[0], encoded_1.tokens[0], splits=first.attention_splits
        )
        features, others = transformed.chunk(2)
        matched = global_matching(features, others, both=both, scores_at_once=self.scores_at_once)
        found = self._propagate(transformed if both else features, matched, first)
        yield found
        for number, settings in enumerate(finer, start=1):
            start = _doubled(found.flow).detach()
            own, other = self._finer_tokens(encoded_0, encoded_1, start, number)
            transformed = self.transformer.pair(own, other, splits=settings.attention_splits)
            features, others = transformed.chunk(2)
            found = self._propagate(features, start + self._match(features, others, settings), settings)
            yield found

    def _finer_tokens(
        self, encoded_0: GmFlowFrame, encoded_1: GmFlowFrame, flow: Tensor, number: int
    ) -> tuple[FrameTokens, FrameTokens]:
        """Tokens of the frames on whose grids the flows lie, and of the other frames, warped there."""
        own, others = encoded_0.tokens[number], encoded_1.finer_features[number - 1]
        if flow.shape[0] > others.shape[0]:
            own = FrameTokens(
                *(torch.cat(parts) for parts in zip(own, encoded_1.tokens[number], strict=True))
            )
            others = torch.cat((others, encoded_0.finer_features[number - 1]))
        splits = self.scale_settings[number].attention_splits
        return own, self.transformer.encode(backward_warp(others, flow), splits=splits)

    def _match(self, features: Tensor, others: Tensor, settings: ScaleSettings) -> Tensor:
        """The residual of the flow that ``others`` were warped by."""
        if settings.matching_radius is None:
            return global_matching(features, others, both=False, scores_at_once=self.scores_at_once)
        return local_matching(features, others, radius=settings.matching_radius)

    def _propagate(self, features: Tensor, matched: Tensor, settings: ScaleSettings) -> ScaleFlow:
        flow = self.feature_flow_attn(
            features,
            matched.detach(),
            radius=settings.propagation_radius,
            scores_at_once=self.scores_at_once,
        )
        return ScaleFlow(matched, flow, features)

    def _enlarge(self, found: ScaleFlow) -> Tensor:
        """The flow of the finest scale, enlarged to the size of the padded frames."""
        logits = self.upsampler(torch.cat((found.flow.to(found.features.dtype), found.features), dim=1))
        return enlarge_convex(found.flow, logits.to(found.flow.dtype))

    def _padding(self, height: int, width: int) -> Padding:
        """The padding with which the sides fit the encoder and the windows of all scales."""
        scales = len(self.scale_settings)
        needed = [PADDED_SIDES * scales]
        for number, settings in enumerate(self.scale_settings):
            needed.append(COARSEST // 2**number * settings.attention_splits)
        padding = Padding.to_fit(height, width, multiple=math.lcm(*needed))
        if self.padding_at_bottom:
            return Padding(bottom=padding.top + padding.bottom, left=padding.left, right=padding.right)
        return padding


def hidden_pixels(flow_ab: Tensor, flow_ba: Tensor) -> Tensor:
    """Which pixels of a are hidden in b: those from which the way to b and back does not end where it began.

    Args:
        flow_ab: Flow ``[B, 2, H, W]``, pixels.
        flow_ba: Flow ``[B, 2, H, W]``, pixels; taken as zero outside the frame.

    Returns:
        ``[B, 1, H, W]``, 1 where hidden, else 0, in the flow's type.
    """
    error = (flow_ab + backward_warp(flow_ba, flow_ab)).norm(dim=1, keepdim=True)
    lengths = flow_ab.norm(dim=1, keepdim=True) + flow_ba.norm(dim=1, keepdim=True)
    return (error > OCCLUSION_FRACTION * lengths + OCCLUSION_MARGIN).to(flow_ab.dtype)


def build_gmflow(*, attention_splits: int = 2, padding_at_bottom: bool = False) -> GmFlow:
    """GMFlow at one scale without weights, on the CPU.

    Args:
        attention_splits: Number of attention windows per axis; 1: attention over the whole frame.
        padding_at_bottom: Whether frames are padded at the bottom only, see :class:`GmFlow`.

    Returns:
        The estimator.
    """
    return GmFlow((ScaleSettings(attention_splits),), padding_at_bottom=padding_at_bottom)


def build_gmflow_refine(
    *, attention_splits: Sequence[int] = (2, 8), padding_at_bottom: bool = False
) -> GmFlow:
    """GMFlow at two scales without weights, on the CPU.

    Args:
        attention_splits: Numbers of attention windows per axis at 1/8 and at 1/4.
        padding_at_bottom: Whether frames are padded at the bottom only, see :class:`GmFlow`.

    Returns:
        The estimator.

    Raises:
        ValueError: If ``attention_splits`` is not a sequence of two numbers.
    """
    if not isinstance(attention_splits, Sequence) or len(attention_splits) != 2:
        raise ValueError(f"attention_splits must be two numbers, for 1/8 and 1/4, not {attention_splits!r}")
    coarse, fine = attention_splits
    scales = (ScaleSettings(coarse), ScaleSettings(fine, matching_radius=4, propagation_radius=1))
    return GmFlow(scales, padding_at_bottom=padding_at_bottom)


def _require_valid(scales: Sequence[ScaleSettings]) -> None:
    if len(scales) not in (1, 2):
        raise ValueError(f"there must be one or two scales, not {len(scales)}")
    if scales[0].matching_radius is not None:
        raise ValueError(f"the first scale matches everywhere, not within {scales[0].matching_radius} pixels")
    for settings in scales:
        numbers = (settings.attention_splits, settings.matching_radius, settings.propagation_radius)
        if any(number is not None and not (isinstance(number, int) and number > 0) for number in numbers):
            raise ValueError(f"windows and radii must be whole numbers from 1 on, not {numbers}")


def _doubled(flow: Tensor) -> Tensor:
    """The flow at twice the resolution."""
    height, width = flow.shape[-2:]
    return resize_flow(flow, 2 * height, 2 * width, align_corners=True)
