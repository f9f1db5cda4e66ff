"""Local correlation of two feature maps, the cost volume of the networks of the PWC family.

:func:`vfi.ops.backends.select.live_backend` reports which implementation computes it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from vfi.ops.backends import registration  # noqa: F401  (registers torch.ops.vfi.correlation)


def correlation(features_a: Tensor, features_b: Tensor, *, max_displacement: int = 4) -> Tensor:
    """Mean product over the channels, for every displacement up to ``max_displacement``.

    ``out[(dy + r) (2 r + 1) + dx + r, y, x] = mean_c a[c, y, x] b[c, y + dy, x + dx]``, with r the largest
    displacement and b taken as zero outside.

    Differentiable any number of times by ``torch.autograd`` (``backward``, ``grad``); of ``torch.func``,
    ``vmap`` works, the transforms that differentiate (``grad``, ``jvp``) do not. Halves: products and sums
    are float32, only the result is rounded; float64 is kept.

    Args:
        features_a: Feature map ``[B, C, H, W]``, floating point.
        features_b: Feature map of the same shape and device; types that differ are promoted.
        max_displacement: Largest displacement along each axis, in pixels of the features; 0 or more.

    Returns:
        ``[B, (2 max_displacement + 1)^2, H, W]`` on a's grid, dy slowest, in the type of ``features_a``.

    Raises:
        ValueError: If the shapes or devices differ, a side or the batch is empty, a type is not floating
            point, or the displacement is negative.
    """
    if features_a.ndim != 4 or features_a.shape != features_b.shape or 0 in features_a.shape:
        raise ValueError(
            "features_a and features_b must have one shape [B, C, H, W] without an empty side, "
            f"but their shapes are {tuple(features_a.shape)} and {tuple(features_b.shape)}"
        )
    if not (features_a.is_floating_point() and features_b.is_floating_point()):
        raise ValueError(
            "features_a and features_b must be floating point, "
            f"but they are {features_a.dtype} and {features_b.dtype}"
        )
    if features_a.device != features_b.device:
        raise ValueError(
            "features_a and features_b must lie on one device, "
            f"but they lie on {features_a.device} and {features_b.device}"
        )
    if max_displacement < 0:
        raise ValueError(f"max_displacement must be 0 or more, not {max_displacement}")
    dtype = torch.promote_types(features_a.dtype, features_b.dtype)
    out = torch.ops.vfi.correlation(features_a.to(dtype), features_b.to(dtype), max_displacement)
    return out.to(features_a.dtype)
