"""The sparse global matching block: merges the initial flow with global matches into a flow compensation.

Source: Liu et al., "Sparse Global Matching for Video Frame Interpolation with Large Motion", CVPR 2024.
Parameters have the names of the released files.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vfi.models.layers import conv, conv_changing, conv_constant

from .flow_block import FLOW_CHANNELS, FlowBlock, TimeFlow, enlarge, reduce, warp_both
from .sparse import importance_map, largest, match_points, shift_matches

MATCHING_CHANNELS = 128
"""Number of channels of the features that are matched."""

MERGE_CHANNELS = 256
NEIGHBOURHOOD = 3
"""Pixels; side of the window of candidates for a merged flow vector."""

SCALE = 8
"""Pixels of the frame per pixel of the merged flow."""

REFINE_INPUTS = 27
"""Number of channels, at 1/8: frames, warped frames, mask's logit and flows of the local branch; frames
warped by the merged flows, merged flows."""


class MatchingInputs(NamedTuple):
    """Results of the local branch that the matching uses; ``h, w`` are an eighth of ``H, W``."""

    frames: Tensor
    """``[2 B, 3, H, W]``, frame 0, then frame 1."""
    frames_s8: Tensor
    """``[2 B, 3, h, w]``, the frames reduced to 1/8."""
    features: Tensor
    """``[2 B, 128, h, w]``, the features that are matched."""
    static: Tensor
    """``[B, 256, h, w]``, response of the flow merge to the features, from :meth:`FlowMerge.precompute`."""
    flow_match: Tensor | None
    """``[2 B, 2, h, w]``, the matches of all positions where matching is dense; None where it is sparse."""
    local: TimeFlow
    """Initial flows and mask, from the first flow block, at full size."""
    flow_s8: Tensor
    """``[B, 4, h, w]``, the initial flows as the block estimated them, pixels at 1/8."""
    warped: Tensor
    """``[2 B, 3, H, W]``, the frames warped by the initial flows."""


class MatchingSteps(NamedTuple):
    """Flow compensation and the steps to it; flows ``[2 B, ...]`` are ``flow_t0``, then ``flow_t1``."""

    correction: TimeFlow
    """Flow compensation, to be added to the initial flows and mask."""
    importance: Tensor | None
    """``[2 B, 1, H, W]``, see :func:`.sparse.importance_map`; None for dense matching."""
    importance_s8: Tensor | None
    """``[2 B, 1, h, w]``, the importance reduced to 1/8; None for dense matching."""
    points: Tensor | None
    """``[2 B, K]``, row-major indices of the matched positions; None for all."""
    flow_match: Tensor
    """``[2 B, 2, h, w]``: ``flow_01``, then ``flow_10``; 0 at positions without a match."""
    hits: Tensor | None
    """``[2 B, 1, h, w]``, see :class:`.sparse.ShiftedMatches`."""
    flow_shifted: Tensor
    """``[2 B, 2, h, w]``, the matches shifted to time t; 0 where there are none."""
    flow_filled: Tensor
    """``[B, 4, h, w]``, the shifted matches with the initial flow for every component that is 0."""
    flow_merged: Tensor
    """``[B, 4, h, w]``, the result of :class:`FlowMerge`."""


class FlowMerge(nn.Module):
    """Flow merge block: per pixel, a weighted mean of the initial flows and the matches around it."""

    def __init__(self, feature_channels: int) -> None:
        """Initialize at random.

        Args:
            feature_channels: Number of channels of the local features of both frames together.
        """
        super().__init__()
        self.changing = slice(0, 2 * FLOW_CHANNELS)
        inputs = 2 * FLOW_CHANNELS + 2 * MATCHING_CHANNELS + feature_channels
        candidates = 2 * NEIGHBOURHOOD**2
        self.conv = nn.Sequential(
            conv(inputs, MERGE_CHANNELS),
            nn.PReLU(MERGE_CHANNELS),
            conv(MERGE_CHANNELS, 2 * candidates, 1),
        )

    def precompute(self, matching: Tensor, features_s8: Tensor) -> Tensor:
        """The first convolution's response to the features, which do not depend on t.

        Args:
            matching: Features ``[2 B, 128, h, w]`` that are matched.
            features_s8: Features ``[2 B, 8 F, h, w]`` of the local branch.

        Returns:
            ``[B, 256, h, w]`` for :meth:`forward`.
        """
        dtype = features_s8.dtype
        features = torch.cat((side_by_side(matching).to(dtype), side_by_side(features_s8)), dim=1)
        return conv_constant(self.conv[0], features, self.changing)

    def forward(self, flow_s8: Tensor, flow_filled: Tensor, static: Tensor) -> Tensor:
        """Merge both flow fields.

        Args:
            flow_s8: Initial flows ``[B, 4, h, w]``.
            flow_filled: Shifted matches ``[B, 4, h, w]``, with the initial flow where there are none.
            static: Response ``[B, 256, h, w]`` to the features, from :meth:`precompute`.

        Returns:
            Merged flows ``[B, 4, h, w]``.
        """
        flows = torch.cat((flow_s8, flow_filled), dim=1)
        x = static + conv_changing(self.conv[0], flows.to(static.dtype), self.changing)
        weight = (
            self.conv[2](self.conv[1](x)).to(flows).unflatten(1, (2, -1)).softmax(dim=2)
        )  # [B, directions, 18, h, w]
        size = flows.shape[-2:]
        around = F.unfold(flows, NEIGHBOURHOOD, padding=NEIGHBOURHOOD // 2)
        around = around.unflatten(1, (2, 2, 2, -1)).unflatten(-1, size)  # [B, source, direction, xy, 9, h, w]
        weight = weight.unflatten(2, (2, 1, -1)).transpose(1, 2)  # [B, source, direction, 1, 9, h, w]
        return (around * weight).sum(dim=(1, 4)).flatten(1, 2)


class MatchingBlock(nn.Module):
    """The compensation of the initial flow by global matches."""

    def __init__(self, width: int) -> None:
        """``width`` is the channel count of the model at full size, F."""
        super().__init__()
        self.merge = FlowMerge(16 * width)
        self.refine_block = FlowBlock(REFINE_INPUTS, 4 * width, inner=1)

    def forward(self, inputs: MatchingInputs, t: Tensor, count: int | None) -> MatchingSteps:
        """Match where the initial flow fails, shift the matches to time t, merge, refine.

        Args:
            inputs: Results of the local branch.
            t: Time ``[B]``.
            count: Number of positions per frame that are matched; None for all of them.

        Returns:
            The flow compensation, and the steps to it.
        """
        importance = importance_s8 = points = None
        flow_match = inputs.flow_match
        if flow_match is None:
            assert count is not None
            flows = torch.cat(inputs.local.flow.chunk(2, dim=1))
            importance = importance_map(inputs.frames, flows, inputs.warped)
            importance_s8 = F.interpolate(
                importance, size=inputs.features.shape[-2:], mode="bilinear", align_corners=False
            )
            points = largest(importance_s8, count)
            flow_match = match_points(inputs.features, points)
        shifted = shift_matches(flow_match, t, count)
        flow = side_by_side(shifted.flow)
        # Component by component: a match that is exactly 0 counts as missing, as in training.
        filled = torch.where(flow == 0, inputs.flow_s8, flow)
        merged = self.merge(inputs.flow_s8, filled, inputs.static)
        correction = self._refine(inputs, merged)
        return MatchingSteps(
            correction,
            importance,
            importance_s8,
            points,
            flow_match,
            shifted.hits,
            shifted.flow,
            filled,
            merged,
        )

    def _refine(self, inputs: MatchingInputs, flow_merged: Tensor) -> TimeFlow:
        """The flow compensation at full size."""
        local = inputs.local
        warped_s8 = warp_both(inputs.frames_s8, flow_merged)
        x = torch.cat(
            (
                side_by_side(inputs.frames_s8),
                reduce(side_by_side(inputs.warped), SCALE),
                reduce(local.mask_logit, SCALE),
                reduce(local.flow, SCALE) / SCALE,
                side_by_side(warped_s8),
                flow_merged,
            ),
            dim=1,
        )
        return enlarge(self.refine_block(x.to(inputs.static.dtype)), SCALE, local.flow.dtype)


def side_by_side(both: Tensor) -> Tensor:
    """Samples of both frames concatenated along the channels: ``[2 B, C, ...]`` to ``[B, 2 C, ...]``."""
    return torch.cat(both.chunk(2), dim=1)
