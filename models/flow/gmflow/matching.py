"""GMFlow's matching of features, over the whole frame or within a neighbourhood.

Functions without weights. Everything is computed in float32 at least: half types cannot distinguish the
coordinates of large frames. Flows are in pixels of the features' own resolution.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from vfi.models.attention import SCORES_AT_ONCE, RunningMean, counted_values, soft_lookup, tile_side
from vfi.ops import correlation, pixel_grid
from vfi.ops.checks import working_dtype


def global_matching(
    features_0: Tensor, features_1: Tensor, *, both: bool, scores_at_once: int = SCORES_AT_ONCE
) -> Tensor:
    """Optical flow by global matching: a softmax over the similarities gives the mean of all positions.

    The correlation is computed tile by tile (:func:`vfi.models.attention.soft_lookup`), which bounds the
    memory where no gradients are recorded.

    Args:
        features_0: Features ``[B, C, H, W]`` of frame 0.
        features_1: Features ``[B, C, H, W]`` of frame 1.
        both: Whether to compute the flow from 1 to 0 too, from the same correlation.
        scores_at_once: Largest number of scores in memory at one time.

    Returns:
        Flow ``[B, 2, H, W]`` from 0 to 1; with ``both`` ``[2 B, 2, H, W]``, followed by that from 1 to 0.
    """
    height, width = features_0.shape[-2:]
    tokens_0, tokens_1 = (features.flatten(2).mT for features in (features_0, features_1))
    dtype = working_dtype(features_0, features_1)
    grid = pixel_grid(height, width, device=features_0.device, dtype=dtype)
    positions = grid.flatten(2).mT  # [1, H W, 2]
    if both:
        found = torch.cat(match_both_ways(tokens_0, tokens_1, positions, scores_at_once=scores_at_once))
    else:
        found = soft_lookup(tokens_0, tokens_1, positions, scores_at_once=scores_at_once)
    return found.mT.unflatten(2, (height, width)) - grid


def match_both_ways(
    tokens_0: Tensor, tokens_1: Tensor, positions: Tensor, *, scores_at_once: int = SCORES_AT_ONCE
) -> tuple[Tensor, Tensor]:
    """Matches of the tokens of both frames from one pass over their correlation.

    Frame 0's matches are a softmax over the rows of the correlation, frame 1's over its columns; each tile
    updates the running means of both.

    Args:
        tokens_0: Tokens ``[B, N, C]`` of frame 0.
        tokens_1: Tokens ``[B, N, C]`` of frame 1.
        positions: Positions ``[1, N, 2]`` of the tokens of either frame.
        scores_at_once: Largest number of scores in memory at one time.

    Returns:
        Positions ``[B, N, 2]`` in frame 1 that match frame 0's tokens, and those in frame 0 for frame 1's.
    """
    dtype = working_dtype(tokens_0, tokens_1, positions)
    side = tile_side(tokens_0.shape[0], scores_at_once)
    scaled = tokens_1.to(dtype) / math.sqrt(tokens_1.shape[-1])
    counted = counted_values(positions.to(dtype)).split(side, dim=1)
    columns = [
        (part, RunningMean(), values) for part, values in zip(scaled.split(side, dim=1), counted, strict=True)
    ]
    found_0: list[Tensor] = []
    for part, values in zip(tokens_0.to(dtype).split(side, dim=1), counted, strict=True):
        row = RunningMean()
        for other_part, column, other_values in columns:
            scores = part @ other_part.mT  # [B, n, m]
            row.add(scores, other_values)
            column.add(scores.mT, values)
        found_0.append(row.value())
    return torch.cat(found_0, dim=1), torch.cat([column.value() for _, column, _ in columns], dim=1)


def local_matching(features_0: Tensor, features_1: Tensor, *, radius: int) -> Tensor:
    """Optical flow by matching within a neighbourhood of the same position in the other frame.

    Args:
        features_0: Features ``[B, C, H, W]`` of frame 0.
        features_1: Features ``[B, C, H, W]`` of frame 1.
        radius: Radius of the neighbourhood along each axis, pixels.

    Returns:
        Flow ``[B, 2, H, W]`` from 0 to 1, each component in [-radius, radius].
    """
    height, width = features_0.shape[-2:]
    scores = neighbour_scores(features_0, features_1, radius=radius)  # [B, K, H, W]
    steps = torch.arange(-radius, radius + 1, device=scores.device, dtype=scores.dtype)
    offset_y, offset_x = torch.meshgrid(steps, steps, indexing="ij")
    offsets = torch.stack((offset_x, offset_y), dim=-1).flatten(0, 1)  # [K, 2]
    positions = pixel_grid(height, width, device=scores.device, dtype=scores.dtype) + offsets[..., None, None]
    furthest = offsets.new_tensor((width - 1, height - 1))[:, None, None]
    outside = ((positions < 0) | (positions > furthest)).any(dim=1)  # [K, H, W]
    weights = scores.masked_fill(outside, -math.inf).softmax(dim=1)
    return torch.einsum("bkhw,kc->bchw", weights, offsets)


def neighbour_scores(features_a: Tensor, features_b: Tensor, *, radius: int) -> Tensor:
    """Similarity of every pixel of one feature map to a neighbourhood of the same position in another.

    Args:
        features_a: Features ``[B, C, H, W]``.
        features_b: Features ``[B, C, H, W]`` of the other map; zero outside.
        radius: Radius of the neighbourhood along each axis, pixels.

    Returns:
        ``[B, (2 radius + 1)^2, H, W]``, displacements row by row: dot products divided by ``sqrt(C)``.
    """
    dtype = working_dtype(features_a, features_b)
    mean_product = correlation(features_a.to(dtype), features_b.to(dtype), max_displacement=radius)
    return mean_product * math.sqrt(features_a.shape[1])
