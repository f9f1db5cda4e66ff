"""Sparse global matching: where the local flow fails, matches over the whole frame, brought to time t.

Source: Liu et al., "Sparse Global Matching for Video Frame Interpolation with Large Motion", CVPR 2024. Maths
without weights. Everything here treats both frames alike: frame 0's results lie first on the batch
axis, frame 1's behind, and swapping the frames swaps the results.

Deviation from the authors' code: of positions that are equally important, the first ones in row-major order
are chosen. What it computes several times is computed once: see :func:`importance_map`.
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
"""Least denominator of the authors' softmax splatting with a metric of 1 for all pixels, whose weights are e
times those of a splat without weights."""

MATCHED_METRIC, UNMATCHED_METRIC = 1.0, -20.0
"""Metric of the softmax splatting: what was not matched counts for nothing where anything else lands."""


class ShiftedMatches(NamedTuple):
    """Matches on the grid of time t, ``flow_t0`` first on the batch axis, then ``flow_t1``."""

    flow: Tensor
    """``[2 B, 2, h, w]``, in pixels of that size; 0 where there is none."""
    hits: Tensor | None
    """``[2 B, 1, h, w]``, how much of matched positions landed there; None for dense matches."""


def swap_frames(both: Tensor) -> Tensor:
    """The other frame's half in each one's place, ``[2 B, ...]``."""
    return both.roll(both.shape[0] // 2, dims=0)


def importance_map(frames: Tensor, flows: Tensor, warped: Tensor) -> Tensor:
    """How badly the flows explain each pixel of the frames.

    Both frames are carried to each other by way of time t: warped to t by one flow, splatted by the
    other one. Where what arrives differs from the frame that is there, and something arrives at all, the flow
    is wrong; these differences are carried back in the same way, to the pixels they came from.

    The warp and the splat of one frame share their flow: ``warped`` comes from the caller, and the
    weights of the splat are 0 where nothing arrives.

    Args:
        frames: Frames ``[2 B, 3, H, W]``, frame 0, then frame 1.
        flows: Flows ``[2 B, 2, H, W]``, ``flow_t0``, then ``flow_t1``; pixels.
        warped: Frames ``[2 B, 3, H, W]``, the frames warped by their flows.

    Returns:
        ``[2 B, 1, H, W]``, not negative, on the grids of frame 0 and of frame 1.
    """
    carried = forward_splat(swap_frames(warped), flows)
    difference = (normalise_splat(carried, epsilon=FLAT_EPSILON) - frames).abs().sum(dim=1, keepdim=True)
    difference = difference * (carried.weight != 0)
    warped_back = backward_warp(difference, flows, padding="border")
    returned = forward_splat(swap_frames(warped_back), flows)
    return normalise_splat(returned, epsilon=FLAT_EPSILON)


def largest(values: Tensor, count: int) -> Tensor:
    """Positions of the largest values; of equal ones the first.

    Args:
        values: Values ``[B, 1, h, w]``.
        count: Number of positions.

    Returns:
        ``[B, count]``, row-major indices in ascending order.
    """
    order = values.flatten(1).sort(dim=1, descending=True, stable=True).indices
    return order[:, :count].sort(dim=1).values


def match_all(features: Tensor) -> Tensor:
    """Match every position of each frame with the other frame.

    Args:
        features: Features ``[2 B, C, h, w]``, frame 0's, then frame 1's.

    Returns:
        ``[2 B, 2, h, w]``: ``flow_01``, then ``flow_10``, in pixels of that size, float32.
    """
    height, width = features.shape[-2:]
    tokens = features.flatten(2).mT
    own = _coordinates(features)
    flow = soft_lookup(tokens, swap_frames(tokens), own.expand(tokens.shape[0], -1, -1)) - own
    return flow.mT.unflatten(2, (height, width))


def match_points(features: Tensor, points: Tensor) -> Tensor:
    """Match some positions of each frame with all of the other frame.

    Args:
        features: Features ``[2 B, C, h, w]``, frame 0's, then frame 1's.
        points: Positions ``[2 B, K]``, row-major indices.

    Returns:
        ``[2 B, 2, h, w]``: ``flow_01``, then ``flow_10``, in pixels of that size, float32; 0 elsewhere.
    """
    height, width = features.shape[-2:]
    tokens = features.flatten(2).mT
    own = _coordinates(features).expand(tokens.shape[0], -1, -1)
    queries = tokens.gather(1, points[..., None].expand(-1, -1, tokens.shape[-1]))
    rows = points[..., None].expand(-1, -1, 2)
    flow = soft_lookup(queries, swap_frames(tokens), own) - own.gather(1, rows)
    return torch.zeros_like(own).scatter(1, rows, flow).mT.unflatten(2, (height, width))


def shift_matches(matches: Tensor, t: Tensor, count: int | None) -> ShiftedMatches:
    """Bring matches between the frames to time t.

    Matches of frame 1 move along themselves to t, where the rest of their way leads to frame 0, and the other
    way round. Matches that are 0 count as missing, each component by itself for a half.

    Args:
        matches: Matches ``[2 B, 2, h, w]`` of :func:`match_points` or :func:`match_all`.
        t: Time ``[B]``.
        count: Number of positions at which sparse matches are kept, those that are hit most;
            None for dense matches, which are all kept.

    Returns:
        The matches on t's grid.
    """
    time = t_plane(t, matches.chunk(2)[0])
    source = swap_frames(matches)  # flow_10, of which flow_t0 comes, then flow_01
    ahead = torch.cat((time, 1 - time)) * source
    travelled = source - ahead
    found = (source != 0).to(source).mean(dim=1, keepdim=True)  # 0, a half or 1
    metric = torch.where(found != 0, MATCHED_METRIC, UNMATCHED_METRIC)
    if count is None:
        return ShiftedMatches(normalise_splat(forward_splat(ahead, travelled, weight=metric.exp())), None)
    # One splat for all: the hits are not weighted by the metric.
    weight = metric.exp()
    splatted = forward_splat(torch.cat((ahead * weight, weight, found), dim=1), travelled).sum
    flow, weight, hits = splatted.split((2, 1, 1), dim=1)
    flow = normalise_splat(Splat(flow, weight))
    kept = torch.zeros_like(hits, dtype=torch.bool).flatten(1).scatter(1, largest(hits, count), value=True)
    return ShiftedMatches(torch.where(kept.view_as(hits) & (hits != 0), flow, 0), hits)


def _coordinates(features: Tensor) -> Tensor:
    """Coordinates of every position, ``[1, h w, 2]``, float32 (float64 for float64 features)."""
    dtype = torch.promote_types(features.dtype, torch.float32)
    return pixel_grid(*features.shape[-2:], device=features.device, dtype=dtype).flatten(2).mT
