"""Sparse global matching: flaws of the initial flow, matches over the whole frame there, shifted to time t.

Source: Liu et al., "Sparse Global Matching for Video Frame Interpolation with Large Motion", CVPR 2024.
Functions without weights. Both frames are treated alike: frame 0's results come first on the batch axis, then
frame 1's, and swapping the frames swaps the results.

Deviation from the authors' code: of equally important positions the first in row-major order are chosen.
Repeated computations are done once, see :func:`importance_map`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from vfi.models.attention import soft_lookup
from vfi.ops import Splat, backward_warp, forward_splat, normalise_splat, pixel_grid, t_plane
from vfi.ops.splat import EPSILON

FLAT_EPSILON = EPSILON / math.e
"""Added to the denominator of an unweighted splat; equals :data:`vfi.ops.splat.EPSILON` in a softmax splat
with a metric of 1 everywhere, as the authors use it, whose weights are e times as large."""

MATCHED_METRIC, UNMATCHED_METRIC = 1.0, -20.0
"""Metrics of the softmax splatting: positions without a match count only where nothing else is splatted."""


class ShiftedMatches(NamedTuple):
    """Matches on the grid of time t, ``flow_t0`` first on the batch axis, then ``flow_t1``."""

    flow: Tensor
    """``[2 B, 2, h, w]``, pixels at 1/8; 0 where there is no match."""
    hits: Tensor | None
    """``[2 B, 1, h, w]``, splatted weight of matched positions; None for dense matches."""


def swap_frames(both: Tensor) -> Tensor:
    """The samples of both frames in the opposite order, ``[2 B, ...]``."""
    return both.roll(both.shape[0] // 2, dims=0)


def importance_map(frames: Tensor, flows: Tensor, warped: Tensor) -> Tensor:
    """The error of the flows at each pixel of the frames.

    Each frame is brought to the grid of the other by way of time t: warped to t by one flow, splatted by the
    other flow. Where it was splatted and differs from the frame there, the flow is wrong; the difference is
    brought back in the same way, to the pixels that it came from.

    Args:
        frames: Frames ``[2 B, 3, H, W]``, frame 0, then frame 1.
        flows: Flows ``[2 B, 2, H, W]``, ``flow_t0``, then ``flow_t1``; pixels.
        warped: Frames ``[2 B, 3, H, W]`` warped by their flows.

    Returns:
        ``[2 B, 1, H, W]``, not negative, on the grids of frame 0 and of frame 1.
    """
    splatted = forward_splat(swap_frames(warped), flows)
    difference = (normalise_splat(splatted, epsilon=FLAT_EPSILON) - frames).abs().sum(dim=1, keepdim=True)
    difference = difference * (splatted.weight != 0)
    warped_back = backward_warp(difference, flows, padding="border")
    returned = forward_splat(swap_frames(warped_back), flows)
    return normalise_splat(returned, epsilon=FLAT_EPSILON)


def largest(values: Tensor, count: int) -> Tensor:
    """Positions of the largest values; of equal values the first.

    Args:
        values: Values ``[B, 1, h, w]``.
        count: Number of positions.

    Returns:
        Row-major indices ``[B, count]`` in ascending order.
    """
    order = values.flatten(1).sort(dim=1, descending=True, stable=True).indices
    return order[:, :count].sort(dim=1).values


def match_all(features: Tensor) -> Tensor:
    """Match every position of each frame with the other frame.

    Args:
        features: Features ``[2 B, C, h, w]``, frame 0's, then frame 1's.

    Returns:
        ``[2 B, 2, h, w]``: ``flow_01``, then ``flow_10``, pixels of the features, float32.
    """
    height, width = features.shape[-2:]
    tokens = features.flatten(2).mT
    own = _coordinates(features)
    flow = soft_lookup(tokens, swap_frames(tokens), own.expand(tokens.shape[0], -1, -1)) - own
    return flow.mT.unflatten(2, (height, width))


def match_points(features: Tensor, points: Tensor) -> Tensor:
    """Match some positions of each frame with all positions of the other frame.

    Args:
        features: Features ``[2 B, C, h, w]``, frame 0's, then frame 1's.
        points: Positions ``[2 B, K]``, row-major indices.

    Returns:
        ``[2 B, 2, h, w]``: ``flow_01``, then ``flow_10``, pixels of the features, float32; 0 elsewhere.
    """
    height, width = features.shape[-2:]
    tokens = features.flatten(2).mT
    own = _coordinates(features).expand(tokens.shape[0], -1, -1)
    queries = tokens.gather(1, points[..., None].expand(-1, -1, tokens.shape[-1]))
    rows = points[..., None].expand(-1, -1, 2)
    flow = soft_lookup(queries, swap_frames(tokens), own) - own.gather(1, rows)
    return torch.zeros_like(own).scatter(1, rows, flow).mT.unflatten(2, (height, width))


def shift_matches(matches: Tensor, t: Tensor, count: int | None) -> ShiftedMatches:
    """Shift matches between the frames to time t.

    A match of frame 1 is splatted along itself to t, where its remainder is ``flow_t0``; a match of frame 0
    gives ``flow_t1``. Matches that are 0 count as missing, each component by itself for a half.

    Args:
        matches: Matches ``[2 B, 2, h, w]`` of :func:`match_points` or :func:`match_all`.
        t: Time ``[B]``, each in (0, 1).
        count: Number of positions at which sparse matches are kept, those with most hits; None for dense
            matches, which are all kept.

    Returns:
        The matches on the grid of time t.
    """
    time = t_plane(t, matches.chunk(2)[0])
    source = swap_frames(matches)  # flow_10, which gives flow_t0, then flow_01
    remainder = torch.cat((time, 1 - time)) * source
    travelled = source - remainder
    found = (source != 0).to(source).mean(dim=1, keepdim=True)  # 0, a half or 1
    metric = torch.where(found != 0, MATCHED_METRIC, UNMATCHED_METRIC)
    if count is None:
        return ShiftedMatches(normalise_splat(forward_splat(remainder, travelled, weight=metric.exp())), None)
    # One splat for everything; the hits are not weighted by the metric.
    weight = metric.exp()
    splatted = forward_splat(torch.cat((remainder * weight, weight, found), dim=1), travelled).sum
    flow, weight, hits = splatted.split((2, 1, 1), dim=1)
    flow = normalise_splat(Splat(flow, weight))
    kept = torch.zeros_like(hits, dtype=torch.bool).flatten(1).scatter(1, largest(hits, count), value=True)
    return ShiftedMatches(torch.where(kept.view_as(hits) & (hits != 0), flow, 0), hits)


def _coordinates(features: Tensor) -> Tensor:
    """Coordinates of every position, ``[1, h w, 2]``, float32 (float64 for float64 features)."""
    dtype = torch.promote_types(features.dtype, torch.float32)
    return pixel_grid(*features.shape[-2:], device=features.device, dtype=dtype).flatten(2).mT
