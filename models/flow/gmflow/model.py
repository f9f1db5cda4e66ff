"""GMFlow as a flow estimator, at one scale (1/8) and at two (1/8, refined at 1/4).

Source: Xu et al., "GMFlow: Learning Optical Flow via Global Matching", CVPR 2022. At each scale, coarse to
fine: the transformer makes the features of both frames aware of each other, matching finds the flow,
propagation carries it to where there is no match. The finest flow is enlarged by a convex combination.
Parameters have the names of the released files.

Deviations from the authors' code, none of which changes a number: what belongs to one frame is computed once
(:meth:`GmFlow.encode`), both directions are the rule, correlations over whole frames are never held whole,
and the neighbours that the second scale compares are read where they lie instead of being sampled.
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
from .transformer import Begun, FeatureTransformer

COARSEST = 8
"""Pixels of the frame per pixel of the coarsest features."""

PADDED_SIDES = 16
"""Frames are padded to a multiple of this, times 2 for the second scale, as in training."""

UPSAMPLER_CHANNELS = 256

RED_GREEN_BLUE_MEAN = (0.485, 0.456, 0.406)
RED_GREEN_BLUE_DEVIATION = (0.229, 0.224, 0.225)
"""What frames are normalised by: ImageNet's."""

OCCLUSION_FRACTION, OCCLUSION_MARGIN = 0.01, 0.5
"""A pixel is hidden in the other frame if the way there and back ends further from its start than this
fraction of both ways' lengths plus this many pixels."""


@dataclass(frozen=True)
class ScaleSettings:
    """What is done at one scale."""

    attention_splits: int
    """Windows per axis within which features look at each other; 1: everywhere."""
    matching_radius: int | None = None
    """Pixels of the scale; None: everywhere."""
    propagation_radius: int | None = None
    """Pixels of the scale; None: everywhere."""


class GmFlowFrame(NamedTuple):
    """What belongs to one frame, whatever pair it takes part in. Lists are coarsest first."""

    begun: list[Begun]
    """Features on their way into the transformer, one record per scale."""
    finer_features: list[Tensor]
    """``[B, C, h, w]`` of all scales but the first, to be warped."""
    padding: Padding


class ScaleFlow(NamedTuple):
    """What one scale found; with both directions first those from 0 to 1, then those from 1 to 0."""

    matched: Tensor
    """``[2 B or B, 2, h, w]`` before propagation, pixels of the scale."""
    flow: Tensor
    """After it."""
    features: Tensor
    """``[2 B or B, C, h, w]``, of the frames on whose grids the flows lie."""


class GmFlow(FlowEstimator):
    """GMFlow. Takes frames of any size: they are padded, by repeating the edge."""

    networks = ("backbone", "upsampler")

    def __init__(
        self,
        scales: Sequence[ScaleSettings] = (ScaleSettings(attention_splits=2),),
        *,
        padding_at_bottom: bool = False,
        scores_at_once: int = SCORES_AT_ONCE,
    ) -> None:
        """Initialization as for training from scratch.

        Args:
            scales: One or two, coarsest first.
            padding_at_bottom: Whether frames are padded at the bottom only instead of at top and bottom, as
                was done for KITTI.
            scores_at_once: See :func:`vfi.models.attention.soft_lookup`.

        Raises:
            ValueError: if there are not one or two scales, or a setting is not positive.
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
        """The features of a frame at all scales, as far as they do not depend on the other frame.

        Args:
            frame: Frame ``[B, 3, H, W]`` RGB in [0, 1], any size.

        Returns:
            The record for :meth:`match`.
        """
        padding = self._padding(*frame.shape[-2:])
        padded = padding.pad((frame.to(self.mean.dtype) - self.mean) / self.deviation)
        features = self.backbone(padded)[::-1]
        begun = [
            self.transformer.begin(of_scale, splits=settings.attention_splits)
            for of_scale, settings in zip(features, self.scale_settings, strict=True)
        ]
        return GmFlowFrame(begun, features[1:], padding)

    def match(self, encoded_0: GmFlowFrame, encoded_1: GmFlowFrame, *, occlusion: bool = False) -> FlowPair:
        """Estimate both flows.

        Args:
            encoded_0: Record of :meth:`encode` for frame 0.
            encoded_1: Record of :meth:`encode` for frame 1, of the same size.
            occlusion: Whether to estimate occlusions, by comparing both flows (:func:`hidden_pixels`).

        Returns:
            Flows ``[B, 2, H, W]`` in pixels, float32 (float64 for a float64 network); occlusions 0 or 1.
        """
        flow_01, flow_10 = self.estimate(encoded_0, encoded_1).chunk(2)
        if not occlusion:
            return FlowPair(flow_01, flow_10)
        return FlowPair(flow_01, flow_10, hidden_pixels(flow_01, flow_10), hidden_pixels(flow_10, flow_01))

    def estimate(self, encoded_0: GmFlowFrame, encoded_1: GmFlowFrame, *, both: bool = True) -> Tensor:
        """The flow in one direction or in both.

        Args:
            encoded_0: Record of :meth:`encode` for frame 0.
            encoded_1: Record of :meth:`encode` for frame 1.
            both: Whether the flow from 1 to 0 is wanted too.

        Returns:
            ``[B, 2, H, W]`` from 0 to 1, pixels; with ``both`` ``[2 B, 2, H, W]``, behind it from 1 to 0.
        """
        *_, last = self.scales(encoded_0, encoded_1, both=both)
        return encoded_0.padding.unpad(self._enlarge(last))

    def predictions(self, frame_0: Tensor, frame_1: Tensor) -> list[Tensor]:
        """All estimates from 0 to 1 that training looks at, from coarse to fine.

        Args:
            frame_0: Frame ``[B, 3, H, W]`` RGB in [0, 1].
            frame_1: Frame ``[B, 3, H, W]`` RGB in [0, 1].

        Returns:
            ``[B, 2, H, W]`` each, pixels: of every scale what matching found and, of all but the last, what
            propagation made of it, both enlarged bilinearly; at last the result of :meth:`estimate`.
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
        """The estimates of the scales one after the other, coarse to fine.

        Args:
            encoded_0: Record of :meth:`encode` for frame 0.
            encoded_1: Record of :meth:`encode` for frame 1.
            both: Whether the flow from 1 to 0 is wanted too.

        Yields:
            One record for each scale.
        """
        first, *finer = self.scale_settings
        transformed = self.transformer.finish(
            encoded_0.begun[0], encoded_1.begun[0], splits=first.attention_splits
        )
        features, others = transformed.chunk(2)
        matched = global_matching(features, others, both=both, scores_at_once=self.scores_at_once)
        found = self._propagate(transformed if both else features, matched, first)
        yield found
        for number, settings in enumerate(finer, start=1):
            start = _doubled(found.flow).detach()
            own, other = self._begin_finer(encoded_0, encoded_1, start, number)
            transformed = self.transformer.finish(own, other, splits=settings.attention_splits)
            features, others = transformed.chunk(2)
            found = self._propagate(features, start + self._match(features, others, settings), settings)
            yield found

    def _begin_finer(
        self, encoded_0: GmFlowFrame, encoded_1: GmFlowFrame, flow: Tensor, number: int
    ) -> tuple[Begun, Begun]:
        """The frames on whose grids the flows lie, and beside each the other, brought to its grid."""
        own, others = encoded_0.begun[number], encoded_1.finer_features[number - 1]
        if flow.shape[0] > others.shape[0]:
            own = Begun(*(torch.cat(parts) for parts in zip(own, encoded_1.begun[number], strict=True)))
            others = torch.cat((others, encoded_0.finer_features[number - 1]))
        splits = self.scale_settings[number].attention_splits
        return own, self.transformer.begin(backward_warp(others, flow), splits=splits)

    def _match(self, features: Tensor, others: Tensor, settings: ScaleSettings) -> Tensor:
        """What is still missing in the flow that ``others`` were brought here by."""
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
        """The flow of the finest scale at the size of the padded frames."""
        logits = self.upsampler(torch.cat((found.flow.to(found.features.dtype), found.features), dim=1))
        return enlarge_convex(found.flow, logits.to(found.flow.dtype))

    def _padding(self, height: int, width: int) -> Padding:
        """The padding that makes the sides fit the encoder and the windows of all scales."""
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
        attention_splits: Windows per axis within which features look at each other; 1: everywhere.
        padding_at_bottom: See :class:`GmFlow`.

    Returns:
        The estimator.
    """
    return GmFlow((ScaleSettings(attention_splits),), padding_at_bottom=padding_at_bottom)


def build_gmflow_refine(
    *, attention_splits: Sequence[int] = (2, 8), padding_at_bottom: bool = False
) -> GmFlow:
    """GMFlow at two scales without weights, on the CPU.

    Args:
        attention_splits: As for :func:`build_gmflow`, at 1/8 and at 1/4.
        padding_at_bottom: See :class:`GmFlow`.

    Returns:
        The estimator.

    Raises:
        ValueError: if ``attention_splits`` are not two.
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
    """The flow at twice the size."""
    height, width = flow.shape[-2:]
    return resize_flow(flow, 2 * height, 2 * width, align_corners=True)
