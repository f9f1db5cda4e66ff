"""The local correlation and its gradient in plain PyTorch, the implementation for every device.

Two sums describe both (``d`` runs over the displacements ``(dy, dx)``, dy slowest; features are 0 outside):

* :func:`correlate`: ``out[d, p] = mean_c a[c, p] b[c, p + d]``;
* :func:`gather_weighted`: ``out[c, p] = 1 / C sum_d weights[d, p] features[c, p + d]``. The gradient of a
  takes the arriving gradient as weights and b as features; that of b takes a as features and the weights of
  :func:`seen_from_b`. So nothing is scattered.

On CPU both use matrix products of square blocks of pixels, which are fast in every PyTorch: a block of 8x8
pixels is multiplied with the 16x16 pixels within its reach, and the products of pixels within reach of each
other are selected by strides. Measured with two threads, 32 channels of 120x216 pixels, 81 displacements:
10 ms, against 110 ms for the products of shifted views (:mod:`vfi.ops.reference`); 128 channels: 25 against
160 ms. Blocks of 4x8 are as fast at that size and slower at 64x112; 16x16 take 2 to 3 times as long.

Other devices use the shifted views: their matrix products may be set to less than float32 (TF32).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from vfi.ops.checks import working_dtype
from vfi.ops.reference import correlation_by_shifts

BLOCK = 8
"""Side of the blocks in pixels; see the module."""


def plain_correlation(features_a: Tensor, features_b: Tensor, max_displacement: int) -> Tensor:
    """Correlation operator in plain PyTorch, on any device.

    Args:
        features_a: Feature map ``[B, C, H, W]``.
        features_b: Feature map of the same shape and type.
        max_displacement: Largest displacement in pixels.

    Returns:
        ``[B, (2 max_displacement + 1)^2, H, W]`` in the features' type, summed in float32 or float64.
    """
    dtype = working_dtype(features_a)
    return correlate(features_a.to(dtype), features_b.to(dtype), max_displacement).to(features_a.dtype)


def plain_correlation_backward(
    grad: Tensor, features_a: Tensor, features_b: Tensor, max_displacement: int
) -> tuple[Tensor, Tensor]:
    """Gradient of the correlation in plain PyTorch, on any device.

    Args:
        grad: Gradient of the result, ``[B, (2 max_displacement + 1)^2, H, W]``.
        features_a: Feature map ``[B, C, H, W]``.
        features_b: Feature map of the same shape and type.
        max_displacement: Largest displacement in pixels.

    Returns:
        The gradients of ``features_a`` and ``features_b``.
    """
    dtype = working_dtype(features_a)
    arriving = grad.to(dtype)
    grad_a = gather_weighted(arriving, features_b.to(dtype), max_displacement)
    grad_b = gather_weighted(seen_from_b(arriving, max_displacement), features_a.to(dtype), max_displacement)
    return grad_a.to(features_a.dtype), grad_b.to(features_b.dtype)


def correlate(features_a: Tensor, features_b: Tensor, max_displacement: int) -> Tensor:
    """Local correlation in the working type.

    Args:
        features_a: Feature map ``[B, C, H, W]`` in the working type.
        features_b: Feature map of the same shape and type.
        max_displacement: Largest displacement r in pixels.

    Returns:
        ``[B, (2 r + 1)^2, H, W]``, contiguous.
    """
    if features_a.device.type != "cpu":
        return correlation_by_shifts(features_a, features_b, max_displacement=max_displacement)
    batch, channels, height, width = features_a.shape
    side = 2 * max_displacement + 1
    out = features_a.new_empty((batch, side, side, height, width))
    blocks_a = _blocks(features_a, 0)  # [B, rows, columns, C, 8, 8]
    blocks_b = _blocks(features_b, max_displacement)  # [B, rows, columns, C, 8 + 2 r, 8 + 2 r]
    for n in range(batch):
        for row in range(blocks_a.shape[1]):
            products = torch.bmm(
                blocks_a[n, row].flatten(2).transpose(1, 2), blocks_b[n, row].flatten(2)
            )  # [columns, 8 * 8, (8 + 2 r)^2]
            for target, found in _in_reach(out[n], products, row, side):
                torch.mul(found, 1.0 / channels, out=target)
    return out.flatten(1, 2)


def gather_weighted(weights: Tensor, features: Tensor, max_displacement: int) -> Tensor:
    """Weighted sum of every pixel's neighbourhood; see the module.

    Args:
        weights: Weights ``[B, (2 r + 1)^2, H, W]`` in the working type.
        features: Feature map ``[B, C, H, W]`` in the working type.
        max_displacement: Largest displacement r in pixels.

    Returns:
        ``[B, C, H, W]``, contiguous, divided by C.
    """
    if features.device.type != "cpu":
        return _gather_by_shifts(weights, features, max_displacement)
    batch, channels, height, width = features.shape
    side = 2 * max_displacement + 1
    blocks = _blocks(features, max_displacement)
    rows, columns = blocks.shape[1:3]
    out = features.new_empty((batch, channels, rows * BLOCK, columns, BLOCK))
    planes = weights.unflatten(1, (side, side))
    # Zero where two pixels are out of each other's reach. All blocks write the same positions, so it is
    # allocated once.
    banded = features.new_zeros((columns, BLOCK**2, (BLOCK + side - 1) ** 2))
    for n in range(batch):
        for row in range(rows):
            for source, position in _in_reach(planes[n], banded, row, side):
                position.copy_(source)
            gathered = torch.bmm(banded, blocks[n, row].flatten(2).transpose(1, 2))  # [columns, 8 * 8, C]
            target = out[n, :, row * BLOCK : (row + 1) * BLOCK]  # [C, 8, columns, 8]
            torch.mul(gathered.unflatten(1, (BLOCK, BLOCK)).permute(3, 1, 0, 2), 1.0 / channels, out=target)
    return out.flatten(3)[:, :, :height, :width].contiguous()


def seen_from_b(weights: Tensor, max_displacement: int) -> Tensor:
    """Weights of all pairs of pixels, indexed by the pixel of b: ``out[d, q] = weights[-d, q + d]``.

    Args:
        weights: Weights ``[B, (2 r + 1)^2, H, W]``, indexed by the pixels of a.
        max_displacement: Largest displacement r in pixels.

    Returns:
        ``[B, (2 r + 1)^2, H, W]``; 0 where ``q + d`` lies outside.
    """
    side = 2 * max_displacement + 1
    batch, _, height, width = weights.shape
    padded = F.pad(weights, (max_displacement,) * 4).flip(1).contiguous()
    of_batch, of_plane, of_row, _ = padded.stride()
    shifted = padded.as_strided(
        (batch, side, side, height, width),
        (of_batch, side * of_plane + of_row, of_plane + 1, of_row, 1),
    )
    return shifted.flatten(1, 2)


def _blocks(features: Tensor, margin: int) -> Tensor:
    """All blocks, each with ``margin`` pixels around it: ``[B, rows, columns, C, side, side]``, a view."""
    height, width = features.shape[-2:]
    padded = F.pad(features, (margin, margin + -width % BLOCK, margin, margin + -height % BLOCK))
    side = BLOCK + 2 * margin
    return padded.unfold(2, side, BLOCK).unfold(3, side, BLOCK).permute(0, 2, 3, 1, 4, 5)


def _in_reach(planes: Tensor, products: Tensor, row: int, side: int) -> list[tuple[Tensor, Tensor]]:
    """Views of one row of blocks: in the displacement planes, and the same pixel pairs in the block products.

    Args:
        planes: Displacement planes ``[side, side, H, W]``.
        products: Block products ``[columns, 8 * 8, (8 + side - 1)^2]``, contiguous.
        row: Index of the row of blocks.
        side: Number of displacements along each axis.

    Returns:
        The full blocks, then the incomplete one at the right edge; each ``[side, side, rows, columns,
        pixels]``.
    """
    width = planes.shape[3]
    reach = BLOCK + side - 1
    of_block, of_pixel, _ = products.stride()
    # The partners of the next pixel are the next pixels: a step of 1 along x, of `reach` along y.
    strides = (reach, 1, BLOCK * of_pixel + reach, of_block, of_pixel + 1)
    found = products.as_strided((side, side, BLOCK, products.shape[0], BLOCK), strides)
    strip = planes[:, :, row * BLOCK : (row + 1) * BLOCK]
    found = found[:, :, : strip.shape[2]]
    full, rest = divmod(width, BLOCK)
    views: list[tuple[Tensor, Tensor]] = []
    if full:
        views.append((strip[..., : full * BLOCK].unflatten(3, (full, BLOCK)), found[..., :full, :]))
    if rest:
        views.append((strip[..., full * BLOCK :].unsqueeze(3), found[..., full:, :rest]))
    return views


def _gather_by_shifts(weights: Tensor, features: Tensor, max_displacement: int) -> Tensor:
    """:func:`gather_weighted` as a sum of shifted views."""
    height, width = features.shape[-2:]
    padded = F.pad(features, (max_displacement,) * 4)
    side = 2 * max_displacement + 1
    out = torch.zeros_like(features, memory_format=torch.contiguous_format)
    for number, weight in enumerate(weights.split(1, dim=1)):
        dy, dx = divmod(number, side)
        out.addcmul_(weight, padded[..., dy : dy + height, dx : dx + width])
    return out.div_(features.shape[1])
