"""Local correlation: how well each pixel of one feature map matches the neighbourhood of another.

Plain PyTorch, which runs everywhere and is what the networks of the PWC family are checked against. Compiled
implementations are to come behind the same function.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from vfi.ops.checks import working_dtype


def correlation(features_a: Tensor, features_b: Tensor, *, radius: int = 4) -> Tensor:
    """Mean product over the channels with every displacement up to ``radius``.

    ``out[(dy + r) (2 r + 1) + dx + r, y, x] = mean_c a[c, y, x] b[c, y + dy, x + dx]``, with b taken as zero
    outside.

    Differentiable any number of times. Halves: products and sums are float32, only the result is rounded;
    float64 is kept.

    Args:
        features_a: ``[B, C, H, W]`` floating point.
        features_b: likewise.
        radius: largest displacement along each axis, in pixels of the features; 0 or more.

    Returns:
        ``[B, (2 radius + 1)^2, H, W]`` on a's grid, dy slowest, in the type of ``features_a``.

    Raises:
        ValueError: if the shapes differ, C is 0 or the radius is negative.
    """
    if features_a.ndim != 4 or features_a.shape != features_b.shape or features_a.shape[1] == 0:
        raise ValueError(
            "features_a and features_b must have one shape [B, C, H, W] with C > 0, "
            f"but their shapes are {tuple(features_a.shape)} and {tuple(features_b.shape)}"
        )
    if radius < 0:
        raise ValueError(f"radius must be 0 or more, not {radius}")
    height, width = features_a.shape[-2:]
    dtype = working_dtype(features_a, features_b)
    a = features_a.to(dtype)
    b = F.pad(features_b.to(dtype), (radius, radius, radius, radius))
    side = 2 * radius + 1
    planes = [
        (a * b[..., row : row + height, column : column + width]).mean(dim=1)
        for row in range(side)
        for column in range(side)
    ]
    return torch.stack(planes, dim=1).to(features_a.dtype)
