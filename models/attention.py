"""Attention without weights: sine positional encoding, and softmax-weighted means computed tile by tile.

Source: Xu et al., "GMFlow: Learning Optical Flow via Global Matching", CVPR 2022, sections 3.1 and 3.2.
Tokens are the pixels of a feature map, ``[B, N, C]`` row by row, or ``[B, H, W, C]``.
"""

from __future__ import annotations

import math

import torch
from einops import rearrange, repeat
from torch import Tensor

from vfi.ops.checks import working_dtype

WAVELENGTH = 10000.0
"""Longest wavelength of the positional encoding, in units of the shortest."""

NEVER_ZERO = 1e-6
"""Added to the divisor of the encoded coordinates, as in the training of the released weights."""

SCORES_AT_ONCE = 2**22
"""Largest number of scores between queries and keys in memory at one time."""


def sine_positions(height: int, width: int, channels: int, *, like: Tensor) -> Tensor:
    """Sine positional encoding: sines and cosines of many wavelengths of each token's relative coordinates.

    Args:
        height: Number of rows.
        width: Number of columns.
        channels: Number of channels, a multiple of 4: the first half encodes y, the second x.
        like: Tensor whose device and data type the result has; it is computed in float32 at least.

    Returns:
        ``[height, width, channels]``, each in [-1, 1].

    Raises:
        ValueError: If ``channels`` is not a positive multiple of 4.
    """
    if channels < 4 or channels % 4:
        raise ValueError(f"channels must be a positive multiple of 4, not {channels}")
    exact = working_dtype(like)

    def axis(length: int) -> Tensor:
        coordinate = torch.arange(1, length + 1, device=like.device, dtype=exact)
        coordinate = coordinate / (length + NEVER_ZERO) * (2 * math.pi)
        pair = torch.arange(channels // 4, device=like.device, dtype=exact) * (4 / channels)
        angle = coordinate[:, None] / WAVELENGTH**pair
        return rearrange([angle.sin(), angle.cos()], "waves length pair -> length (pair waves)")

    of_y = repeat(axis(height), "height half -> height width half", width=width)
    of_x = repeat(axis(width), "width half -> height width half", height=height)
    return torch.cat((of_y, of_x), dim=-1).to(like.dtype)


def soft_lookup(
    queries: Tensor, keys: Tensor, values: Tensor, *, scores_at_once: int = SCORES_AT_ONCE
) -> Tensor:
    """For each query the mean of the values, weighted by ``softmax(query . key / sqrt(C))`` over all keys.

    A tile of queries is compared with a tile of keys at a time (:class:`RunningMean`), so that memory grows
    with the number of queries and the number of keys, not with their product. This holds without gradients
    only: for a backward pass all scores are kept.

    Half types are computed in float32, which values that are coordinates need.

    Args:
        queries: Queries ``[B, N, C]``.
        keys: Keys ``[B, M, C]``.
        values: Values ``[B, M, D]``, or ``[1, M, D]`` for all samples.
        scores_at_once: Largest number of scores in memory at one time (but at least one per sample).

    Returns:
        ``[B, N, D]``, float32 (float64 if any input is).

    Raises:
        ValueError: If ``scores_at_once`` is not positive.
    """
    dtype = working_dtype(queries, keys, values)
    side = tile_side(queries.shape[0], scores_at_once)
    keys, counted = keys.to(dtype) * keys.shape[-1] ** -0.5, counted_values(values.to(dtype))
    tiles = list(zip(keys.split(side, dim=1), counted.split(side, dim=1), strict=True))
    found: list[Tensor] = []
    for part in queries.split(side, dim=1):
        mean = RunningMean()
        for some_keys, some_values in tiles:
            mean.add(part.to(dtype) @ some_keys.mT, some_values)
        found.append(mean.value())
    return torch.cat(found, dim=1)


class RunningMean:
    """Means of values, weighted by a softmax of scores that arrive tile by tile.

    The largest score so far is kept, and relative to it the sum of the weights and the weighted sum of the
    values; a larger score scales both down.
    """

    def __init__(self) -> None:
        self._largest: Tensor | None = None
        self._sums: Tensor | None = None

    def add(self, scores: Tensor, counted: Tensor) -> None:
        """Add a tile of values.

        Args:
            scores: Scores ``[B, N, m]`` of N queries and the m keys of this tile.
            counted: Values ``[B, m, D + 1]`` or ``[1, m, D + 1]``, from :func:`counted_values`.
        """
        largest = scores.detach().amax(dim=-1, keepdim=True)
        if self._largest is not None:
            largest = torch.maximum(largest, self._largest)
        sums = (scores - largest).exp_() @ counted
        if self._largest is not None and self._sums is not None:
            sums = sums + self._sums * (self._largest - largest).exp()
        self._largest, self._sums = largest, sums

    def value(self) -> Tensor:
        """Means ``[B, N, D]`` over all tiles added so far, at least one."""
        assert self._sums is not None
        return self._sums[..., :-1] / self._sums[..., -1:]


def counted_values(values: Tensor) -> Tensor:
    """Append ones to values, ``[B, M, D]`` to ``[B, M, D + 1]``, so that the weights are summed with them."""
    return torch.cat((values, torch.ones_like(values[..., :1])), dim=-1)


def tile_side(batch: int, scores_at_once: int) -> int:
    """Number of queries that may be compared with as many keys at one time; at least one.

    Args:
        batch: Number of samples that are compared at the same time.
        scores_at_once: Largest number of scores in memory.

    Returns:
        The number of queries.

    Raises:
        ValueError: If ``scores_at_once`` is not positive.
    """
    if scores_at_once < 1:
        raise ValueError(f"scores_at_once must be at least 1, not {scores_at_once}")
    return max(math.isqrt(scores_at_once // max(batch, 1)), 1)
