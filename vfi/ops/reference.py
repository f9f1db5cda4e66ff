"""Reference implementations of the operators as plain loops over pixels, written to be read.

The oracle of the tests. Every function takes the arguments of the function of that name in :mod:`vfi.ops`, in
float32 or float64, and is differentiable because PyTorch records every single operation. They are slow: use
them on images of a few pixels. Only :func:`correlation_by_shifts` is fast enough for whole images.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def backward_warp(image_b: Tensor, flow_ab: Tensor, *, padding: str = "zeros") -> Tensor:
    """See :func:`vfi.ops.backward_warp`. The flow must be finite."""
    batch, _, height, width = image_b.shape
    out = torch.zeros_like(image_b)
    for n in range(batch):
        for y in range(height):
            for x in range(width):
                sample_x, sample_y = x + flow_ab[n, 0, y, x], y + flow_ab[n, 1, y, x]
                if padding == "border":
                    sample_x, sample_y = sample_x.clamp(0, width - 1), sample_y.clamp(0, height - 1)
                for corner_x, corner_y, weight in _bilinear_corners(sample_x, sample_y):
                    if 0 <= corner_x < width and 0 <= corner_y < height:
                        out[n, :, y, x] += weight * image_b[n, :, corner_y, corner_x]
    return out


def forward_splat(
    values_a: Tensor, flow_ab: Tensor, *, weight: Tensor | None = None, kernel: str = "bilinear"
) -> tuple[Tensor, Tensor]:
    """See :func:`vfi.ops.forward_splat`."""
    batch, _, height, width = values_a.shape
    if weight is None:
        weight = torch.ones_like(values_a[:, :1])
    total, norm = torch.zeros_like(values_a), torch.zeros_like(values_a[:, :1])
    corners = _bilinear_corners if kernel == "bilinear" else _gaussian_corners
    for n in range(batch):
        for y in range(height):
            for x in range(width):
                landing_x, landing_y = x + flow_ab[n, 0, y, x], y + flow_ab[n, 1, y, x]
                if not (landing_x.isfinite() and landing_y.isfinite()):
                    continue
                for corner_x, corner_y, fraction in corners(landing_x, landing_y):
                    if 0 <= corner_x < width and 0 <= corner_y < height:
                        fraction = fraction * weight[n, 0, y, x]
                        total[n, :, corner_y, corner_x] += fraction * values_a[n, :, y, x]
                        norm[n, 0, corner_y, corner_x] += fraction
    return total, norm


def correlation(features_a: Tensor, features_b: Tensor, *, max_displacement: int = 4) -> Tensor:
    """See :func:`vfi.ops.correlation`."""
    batch, _, height, width = features_a.shape
    radius, side = max_displacement, 2 * max_displacement + 1
    out = features_a.new_zeros((batch, side * side, height, width))
    for n in range(batch):
        for y in range(height):
            for x in range(width):
                for dy in range(-radius, radius + 1):
                    for dx in range(-radius, radius + 1):
                        if not (0 <= y + dy < height and 0 <= x + dx < width):
                            continue
                        product = features_a[n, :, y, x] * features_b[n, :, y + dy, x + dx]
                        out[n, (dy + radius) * side + dx + radius, y, x] = product.mean()
    return out


def correlation_by_shifts(features_a: Tensor, features_b: Tensor, *, max_displacement: int = 4) -> Tensor:
    """See :func:`vfi.ops.correlation`: products of whole shifted planes.

    The baseline of all speed comparisons, and the implementation on devices without a faster one.
    """
    height, width = features_a.shape[-2:]
    radius, side = max_displacement, 2 * max_displacement + 1
    b = F.pad(features_b, (radius, radius, radius, radius))
    planes = [
        (features_a * b[..., row : row + height, column : column + width]).mean(dim=1)
        for row in range(side)
        for column in range(side)
    ]
    return torch.stack(planes, dim=1)


def resize_flow(flow: Tensor, height: int, width: int, *, align_corners: bool = False) -> Tensor:
    """See :func:`vfi.ops.resize_flow`, for one flow ``[B, 2, H, W]``."""
    batch, _, old_height, old_width = flow.shape
    out = flow.new_zeros((batch, 2, height, width))
    for y in range(height):
        for x in range(width):
            if align_corners:
                source_x = x * (old_width - 1) / max(width - 1, 1)
                source_y = y * (old_height - 1) / max(height - 1, 1)
            else:
                source_x = max((x + 0.5) * old_width / width - 0.5, 0.0)
                source_y = max((y + 0.5) * old_height / height - 0.5, 0.0)
            for corner_x, corner_y, weight in _bilinear_corners(source_x, source_y):
                column, row = min(corner_x, old_width - 1), min(corner_y, old_height - 1)
                out[:, 0, y, x] += weight * flow[:, 0, row, column] * (width / old_width)
                out[:, 1, y, x] += weight * flow[:, 1, row, column] * (height / old_height)
    return out


def pad(image: Tensor, top: int, bottom: int, left: int, right: int) -> Tensor:
    """See :meth:`vfi.ops.Padding.pad`."""
    batch, channels, height, width = image.shape
    out = image.new_zeros((batch, channels, top + height + bottom, left + width + right))
    for y in range(out.shape[2]):
        for x in range(out.shape[3]):
            row, column = min(max(y - top, 0), height - 1), min(max(x - left, 0), width - 1)
            out[:, :, y, x] = image[:, :, row, column]
    return out


def pixel_grid(height: int, width: int) -> Tensor:
    """See :func:`vfi.ops.pixel_grid`."""
    rows = [[float(y) for _ in range(width)] for y in range(height)]
    columns = [[float(x) for x in range(width)] for _ in range(height)]
    return torch.tensor([[columns, rows]])


def _floor(coordinate: Tensor | float) -> int:
    return math.floor(coordinate.detach() if isinstance(coordinate, Tensor) else coordinate)


def _bilinear_corners(x: Tensor | float, y: Tensor | float) -> list[tuple[int, int, Tensor | float]]:
    """The four pixels around a point, each as (column, row, weight)."""
    left, upper = _floor(x), _floor(y)
    right, lower = left + 1, upper + 1
    return [
        (left, upper, (right - x) * (lower - y)),
        (right, upper, (x - left) * (lower - y)),
        (left, lower, (right - x) * (y - upper)),
        (right, lower, (x - left) * (y - upper)),
    ]


def _gaussian_corners(x: Tensor, y: Tensor) -> list[tuple[int, int, Tensor]]:
    """The four pixels around a point, each as (column, row, weight)."""
    left, upper = _floor(x), _floor(y)
    return [
        (column, row, torch.exp(-((column - x) ** 2) - (row - y) ** 2))
        for row in (upper, upper + 1)
        for column in (left, left + 1)
    ]
