"""IRR-PWC: both flows between two frames, coarse to fine with one decoder for all levels.

Source: Hur and Roth, "Iterative Residual Refinement for Joint Optical Flow and Occlusion Estimation", CVPR
2019; trained as in Bar-Haim and Wolf, "ScopeFlow: Dynamic Scene Scoping for Optical Flow", CVPR 2020, whose
weights EQVI contains. Parameters have the names of the released files. The flow
is estimated at 1/64 to 1/4 of the image and enlarged from there; the suffix ``_s4`` stands for 1/4.

Peculiarities that the released weights were trained with, and that are reproduced:

* The factor from local pixels to network units is applied twice at each level (:meth:`IrrPwc.levels`).
* The kernel of the refinement passes through a leaky ReLU before it is squared (:class:`NormalisedFilter`).
* Warps normalise by the sides of the image less one (:func:`vfi.models.flow.irr_pwc.pwc.warp_scaled`).

Deviations from the authors' code: both directions are computed as one batch, the occlusion branch runs on
request only (the flow does not depend on it), and features of a frame are computed once
(:meth:`IrrPwc.encode`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from vfi.base.flow import FlowEstimator
from vfi.ops import correlation
from vfi.types import FlowPair

from ...layers import conv_leaky, leaky
from .occlusion import OcclusionRefinement, OcclusionUpsampler
from .pwc import (
    DENSE_CHANNELS,
    FLOW_SCALE,
    PYRAMID_CHANNELS,
    DenseDecoder,
    DilatedContext,
    FeaturePyramid,
    resize_aligned,
    warp_scaled,
)
from .refinement import FlowRefinement

MAX_DISPLACEMENT = 4
"""Pixels of a level along each axis; search range of the correlation."""

PROJECTED = 32
"""Number of channels of every level after the projection, which allows one decoder for all levels."""

DECODED_LEVELS = 5
"""Number of levels at which the flow is estimated, 1/64 to 1/4."""


class IrrPwcFrame(NamedTuple):
    """Features of one frame, independent of the other frame. Lists are finest first."""

    frame: Tensor
    """``[B, 3, H, W]`` RGB in [0, 1]."""
    features_s2: Tensor
    """``[B, 16, H / 2, W / 2]``, used for occlusions only."""
    features: list[Tensor]
    """``[B, C, h, w]`` at 1/4 ... 1/64."""
    projected: list[Tensor]
    """``[B, PROJECTED, h, w]`` at 1/4 ... 1/64."""
    images: list[Tensor]
    """``[B, 3, h, w]``, the frame resized to 1/4 ... 1/64."""


class LevelFlow(NamedTuple):
    """Estimates of one level, both directions as one batch: first 0 to 1, then 1 to 0."""

    estimated: Tensor
    """``[2 B, 2, h, w]`` before the refinement, in network units."""
    flow: Tensor
    """``[2 B, 2, h, w]`` after the refinement, scaled a second time: the input of the next level."""
    continuous: Tensor
    """``[2 B, 2, h, w]``: ``estimated``, scaled a second time; part of the training loss."""
    occlusion_logit: Tensor | None
    """``[2 B, 1, h, w]``; None where occlusions are not estimated."""


class IrrPwc(FlowEstimator):
    """IRR-PWC as a flow estimator, for frames of any size from 1x1 on, without padding."""

    networks = ("feature_pyramid_extractor", "flow_estimators", "context_networks", "refine_flow")

    def __init__(self) -> None:
        """Initialize by Kaiming's rule, as for training from scratch."""
        super().__init__()
        displacements = (2 * MAX_DISPLACEMENT + 1) ** 2
        decoder_inputs = displacements + PROJECTED
        self.feature_pyramid_extractor = FeaturePyramid()
        # Level 1/4 has PROJECTED channels already. The coarsest level comes first, as in the released files.
        self.conv_1x1 = nn.ModuleList(
            conv_leaky(channels, PROJECTED, 1) for channels in reversed(PYRAMID_CHANNELS[2:])
        )
        self.flow_estimators = DenseDecoder(decoder_inputs + 2, 2)
        self.context_networks = DilatedContext(decoder_inputs + 2 + DENSE_CHANNELS + 2, 2)
        self.refine_flow = FlowRefinement(PROJECTED)
        self.occ_estimators = DenseDecoder(decoder_inputs + 1, 1)
        self.occ_context_networks = DilatedContext(decoder_inputs + 1 + DENSE_CHANNELS + 1, 1)
        self.refine_occ = OcclusionRefinement(PROJECTED)
        self.occ_shuffle_upsample = OcclusionUpsampler()
        self.conv_1x1_1 = conv_leaky(PYRAMID_CHANNELS[0], 3, 1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
                assert module.bias is not None
                nn.init.zeros_(module.bias)

    def encode(self, frame: Tensor) -> IrrPwcFrame:
        """Compute the feature pyramid of one frame, and the frame at the sizes of its levels.

        Args:
            frame: Frame ``[B, 3, H, W]`` RGB in [0, 1], any size.

        Returns:
            The record for :meth:`match`.
        """
        dtype = next(self.parameters()).dtype
        features_s2, *features = self.feature_pyramid_extractor(frame.to(dtype))
        projections = [None, *reversed(self.conv_1x1)]
        projected = [
            level if projection is None else projection(level)
            for level, projection in zip(features, projections, strict=True)
        ]
        images = [resize_aligned(frame, level.shape[-2:]) for level in features]
        return IrrPwcFrame(frame, features_s2, features, projected, images)

    def match(self, encoded_0: IrrPwcFrame, encoded_1: IrrPwcFrame, *, occlusion: bool = False) -> FlowPair:
        """Estimate both flows.

        Args:
            encoded_0: Record of :meth:`encode` for frame 0.
            encoded_1: Record of :meth:`encode` for frame 1, of the same size.
            occlusion: Whether to estimate the occlusions too, at more than twice the cost.

        Returns:
            Flows ``[B, 2, H, W]`` in pixels, float32 (float64 for float64 frames); occlusions in [0, 1].
        """
        flow_scaled, occlusion_logit = self.estimate(encoded_0, encoded_1, occlusion=occlusion)
        flow_01, flow_10 = (flow_scaled / FLOW_SCALE).chunk(2)
        if occlusion_logit is None:
            return FlowPair(flow_01, flow_10)
        return FlowPair(flow_01, flow_10, *occlusion_logit.sigmoid().chunk(2))

    def estimate(
        self, encoded_0: IrrPwcFrame, encoded_1: IrrPwcFrame, *, occlusion: bool
    ) -> tuple[Tensor, Tensor | None]:
        """Estimate the network's own output, both directions as one batch: first 0 to 1, then 1 to 0.

        Args:
            encoded_0: Record of :meth:`encode` for frame 0.
            encoded_1: Record of :meth:`encode` for frame 1.
            occlusion: Whether to estimate the occlusions too.

        Returns:
            Flow ``[2 B, 2, H, W]`` in network units, and occlusion logits ``[2 B, 1, H, W]`` or None.
        """
        last: LevelFlow | None = None
        for level in self.levels(encoded_0, encoded_1, occlusion=occlusion):
            last = level
        assert last is not None
        flow, occlusion_logit = last.flow, last.occlusion_logit
        size = encoded_0.frame.shape[-2:]
        first, second = _both_directions(encoded_0.features_s2, encoded_1.features_s2)
        flow = resize_aligned(flow, first.shape[-2:])
        if occlusion_logit is not None:
            image = self.conv_1x1_1(first)
            warped = self.conv_1x1_1(warp_scaled(second, flow, (size[0], size[1])))
            occlusion_logit = self._upsample_occlusion(occlusion_logit, flow, image, warped, size)
        flow = resize_aligned(flow, size)
        if occlusion_logit is not None:
            image, second = _both_directions(encoded_0.frame, encoded_1.frame)
            warped = warp_scaled(second, flow, (size[0], size[1]))
            occlusion_logit = self._upsample_occlusion(occlusion_logit, flow, image, warped, size)
        return flow, occlusion_logit

    def levels(
        self, encoded_0: IrrPwcFrame, encoded_1: IrrPwcFrame, *, occlusion: bool = False
    ) -> Iterator[LevelFlow]:
        """Estimate the flow level by level, from 1/64 to 1/4, for a loss over all levels.

        With ``s`` = network units per pixel of the level, a level scales its local flow L to ``s L``,
        refines that, and multiplies by ``s`` again; the next level divides the result by *its* ``s`` once.
        The authors' code does so by scaling a tensor in place, and released weights depend on it.

        Args:
            encoded_0: Record of :meth:`encode` for frame 0.
            encoded_1: Record of :meth:`encode` for frame 1.
            occlusion: Whether to estimate the occlusions too.

        Yields:
            One record for each level.
        """
        image_size = (encoded_0.frame.shape[-2], encoded_0.frame.shape[-1])
        coarsest = encoded_0.features[-1]
        # Half types are too coarse for flows.
        dtype = torch.promote_types(coarsest.dtype, torch.float32)
        flow = coarsest.new_zeros((2 * coarsest.shape[0], 2, *coarsest.shape[-2:]), dtype=dtype)
        occlusion_logit = flow[:, :1].to(coarsest.dtype) if occlusion else None
        for level in reversed(range(DECODED_LEVELS)):
            first, second = _both_directions(encoded_0.features[level], encoded_1.features[level])
            projected = torch.cat((encoded_0.projected[level], encoded_1.projected[level]))
            size = first.shape[-2:]
            flow = resize_aligned(flow, size)
            coarsest_level = level == DECODED_LEVELS - 1
            warped = second if coarsest_level else warp_scaled(second, flow, image_size)
            cost = leaky(correlation(first, warped, max_displacement=MAX_DISPLACEMENT))
            scale = _units_per_pixel(image_size, size).to(flow)
            estimated = self._decode(cost, projected, flow / scale) * scale
            image, other = _both_directions(encoded_0.images[level], encoded_1.images[level])
            difference = image - warp_scaled(other, estimated, image_size)
            refined = self.refine_flow(estimated.detach(), difference, projected)
            flow = refined * scale
            if occlusion_logit is not None:
                occlusion_logit = self._estimate_occlusion(occlusion_logit, cost, projected, flow, image_size)
            yield LevelFlow(estimated, flow, estimated * scale, occlusion_logit)

    def _decode(self, cost: Tensor, projected: Tensor, flow_local: Tensor) -> Tensor:
        """The flow of a level in its own pixels, with the residuals of decoder and context network."""
        features, residual = self.flow_estimators(
            torch.cat((cost, projected, flow_local.to(cost.dtype)), dim=1)
        )
        flow_local = flow_local + residual
        return flow_local + self.context_networks(torch.cat((features, flow_local.to(cost.dtype)), dim=1))

    def _estimate_occlusion(
        self,
        coarser: Tensor,
        cost: Tensor,
        projected: Tensor,
        flow_scaled: Tensor,
        image_size: tuple[int, int],
    ) -> Tensor:
        """The occlusion logits of a level; ``coarser`` are those of the level before."""
        logit = resize_aligned(coarser, cost.shape[-2:])
        features, residual = self.occ_estimators(torch.cat((cost, projected, logit), dim=1))
        logit = logit + residual
        logit = logit + self.occ_context_networks(torch.cat((features, logit), dim=1))
        difference = projected - warp_scaled(_swap(projected), flow_scaled, image_size)
        return self.refine_occ(logit.detach(), projected, difference)

    def _upsample_occlusion(
        self, logit: Tensor, flow: Tensor, image: Tensor, warped: Tensor, image_size: torch.Size
    ) -> Tensor:
        """The occlusion logits enlarged to the size of ``flow``, guided by images and both flows."""
        back = warp_scaled(_swap(flow), flow, (image_size[0], image_size[1]))
        guide = torch.cat((image, warped, flow.to(image.dtype), back.to(image.dtype)), dim=1)
        return self.occ_shuffle_upsample(logit, guide)


def _both_directions(of_0: Tensor, of_1: Tensor) -> tuple[Tensor, Tensor]:
    """Source and target of both directions as one batch, ``[2 B, ...]`` each."""
    return torch.cat((of_0, of_1)), torch.cat((of_1, of_0))


def _swap(both: Tensor) -> Tensor:
    """The samples of both directions in the opposite order, ``[2 B, ...]``."""
    return both.roll(both.shape[0] // 2, dims=0)


def _units_per_pixel(image_size: tuple[int, int], size: torch.Size) -> Tensor:
    """Network units per pixel of a level, ``[1, 2, 1, 1]``, by the exact ratio of the sides."""
    height, width = size
    ratios = (image_size[1] * FLOW_SCALE / width, image_size[0] * FLOW_SCALE / height)
    return torch.tensor(ratios, dtype=torch.float64).view(1, 2, 1, 1)


def build_irr_pwc() -> IrrPwc:
    """The network without weights, on the CPU."""
    return IrrPwc()
