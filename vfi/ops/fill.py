"""Hole filling: sparse or unreliable pixels of a field are interpolated from their surroundings."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from vfi.ops.box import block_mean

ENOUGH = 0.3
"""Least weight at which a pixel keeps its own value."""

TINY = 1e-8
"""Added to every weight, so that 0 / 0 gives 0."""


def fill_holes(total: Tensor, weight: Tensor) -> Tensor:
    """Normalise a weighted sum, and fill pixels of little weight from their surroundings.

    The field is averaged by weight into a pyramid and filled from the coarsest level down. Source: Gortler et
    al., "The Lumigraph", SIGGRAPH 1996, section 3.4.2. Differentiable.

    Args:
        total: Sum of ``weight * value`` per pixel, ``[B, C, H, W]``, from :func:`vfi.ops.forward_splat`.
        weight: Weight per pixel, ``[B, 1, H, W]``, not negative; a pixel of :data:`ENOUGH` or more keeps its
            own value.

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
