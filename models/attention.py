"""Attention without weights of its own: the sine position table, and the softmax-weighted mean in pieces.

Source: Xu et al., "GMFlow: Learning Optical Flow via Global Matching", CVPR 2022, sections 3.1 and 3.2.
Tokens are the pixels of a feature map, ``[B, N, C]`` row by row, or ``[B, H, W, C]``.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from vfi.ops.checks import working_dtype

WAVELENGTH = 10000.0
"""The longest sine of the position table, in units of the shortest."""

NEVER_ZERO = 1e-6
"""Added to the divisor of the position table's coordinates, as the released weights know it."""

SCORES_AT_ONCE = 2**22
"""Numbers of a correlation between queries and keys that are held at one time."""


def sine_positions(
    height: int,
    width: int,
    channels: int,
    *,
    device: torch.device | str | None = None,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Where a token lies, as sines and cosines of many wavelengths; coordinates are shares of the plane.

    Args:
        height: Rows of the plane.
        width: Columns.
        channels: Twice an even number: the first half tells y, the second x.
        device: Where the table is made; None is the default device.
        dtype: Of the result; it is computed in float32 at least.

    Returns:
        ``[height, width, channels]``, each in [-1, 1].

    Raises:
        ValueError: if ``channels`` is not a positive multiple of 4.
    """
    if channels < 4 or channels % 4:
        raise ValueError(f"channels must be a positive multiple of 4, not {channels}")
    exact = torch.promote_types(dtype, torch.float32)

    def axis(length: int) -> Tensor:
        coordinate = torch.arange(1, length + 1, device=device, dtype=exact)
        coordinate = coordinate / (length + NEVER_ZERO) * (2 * math.pi)
        pair = torch.arange(channels // 4, device=device, dtype=exact) * (4 / channels)
        angle = coordinate[:, None] / WAVELENGTH**pair
        return torch.stack((angle.sin(), angle.cos()), dim=-1).flatten(1)  # [length, channels / 2]

    of_y = axis(height)[:, None].expand(-1, width, -1)
    of_x = axis(width).expand(height, -1, -1)
    return torch.cat((of_y, of_x), dim=-1).to(dtype)


def soft_lookup(
    queries: Tensor, keys: Tensor, values: Tensor, *, scores_at_once: int = SCORES_AT_ONCE
) -> Tensor:
    """For each query the mean of the values, weighted by ``softmax(query . key / sqrt(C))`` over all keys.

    Computed for some queries at a time, so that the scores never need more than ``scores_at_once`` numbers
    (but at least one query's): what is held grows with the number of queries, not with its product with the
    number of keys. Only without gradients; with them, the backward pass keeps all scores.

    Halves are computed in float32, which coordinates as values need.

    Args:
        queries: ``[B, N, C]``.
        keys: ``[B, M, C]``.
        values: ``[B, M, D]``.
        scores_at_once: See above.

    Returns:
        ``[B, N, D]``, float32 (float64 if any input is).

    Raises:
        ValueError: if ``scores_at_once`` is not positive.
    """
    dtype = working_dtype(queries, keys, values)
    step = queries_at_once(keys, scores_at_once)
    across = keys.to(dtype).mT * (keys.shape[-1] ** -0.5)  # [B, C, M]
    values = values.to(dtype)
    found = [(part.to(dtype) @ across).softmax(dim=-1) @ values for part in queries.split(step, dim=1)]
    return found[0] if len(found) == 1 else torch.cat(found, dim=1)


def queries_at_once(keys: Tensor, scores_at_once: int) -> int:
    """How many queries per sample may be compared with all of ``keys`` at one time; at least one.

    Args:
        keys: ``[B, M, C]``.
        scores_at_once: Numbers that may be held.

    Returns:
        The number of queries.

    Raises:
        ValueError: if ``scores_at_once`` is not positive.
    """
    if scores_at_once < 1:
        raise ValueError(f"scores_at_once must be at least 1, not {scores_at_once}")
    return max(scores_at_once // max(keys.shape[0] * keys.shape[1], 1), 1)
