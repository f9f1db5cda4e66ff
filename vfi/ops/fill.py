"""Filling holes of a sparse or partly reliable field from its surroundings."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from vfi.ops.box import block_mean

ENOUGH = 0.3
"""Weight from which on a pixel needs no help from its surroundings."""

TINY = 1e-8
"""Keeps divisions by a weight of nothing at nothing."""


def fill_holes(total: Tensor, weight: Tensor) -> Tensor:
    """Normalise a weighted sum, and let pixels of little weight take their value from around them.

    Pull-push: the field is averaged into a pyramid, each level by weight, and filled from the coarsest level
    down. Source: Gortler et al., "The Lumigraph", SIGGRAPH 1996, section 3.4.2. Differentiable.

    Args:
        total: ``[B, C, H, W]``, sum of ``weight * value`` per pixel, as :func:`vfi.ops.forward_splat` gives.
        weight: ``[B, 1, H, W]``, not negative; a pixel of :data:`ENOUGH` or more keeps its own value.

    Returns:
        ``[B, C, H, W]``, the values; 0 only if there is no weight anywhere.
    """
    values = total / (weight + TINY)
    if max(weight.shape[-2:]) == 1:
        return values
    confidence = weight.clamp(max=1)
    coarse_total = block_mean(values * confidence, 2)
    coarse = fill_holes(coarse_total, block_mean(confidence, 2))
    around = F.interpolate(coarse, size=weight.shape[-2:], mode="bilinear", align_corners=False)
    own = (weight / ENOUGH).clamp(max=1)
    return around + own * (values - around)
