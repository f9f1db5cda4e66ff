"""What training minimises.

EQVI's loss: Liu et al., "Enhanced Quadratic Video Interpolation", ECCV Workshops 2020, "Training"; the
Laplacian term after Niklaus and Liu, "Context-Aware Synthesis for Video Frame Interpolation", CVPR 2018.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

PYRAMID_LEVELS = 5
"""Differences between a picture and its smoothed self; what is left after them is one more term."""

KERNEL_SIGMA = 2.0
KERNEL_RADIUS = 2

LAPLACIAN_WEIGHT, L1_WEIGHT = 5.0, 10.0


class EqviLoss(NamedTuple):
    """EQVI's loss and what it consists of, scalars."""

    total: Tensor
    laplacian: Tensor
    l1: Tensor


def smoothing_kernel(*, additive: bool = True) -> Tensor:
    """The kernel that smooths a level of the Laplacian pyramid.

    Args:
        additive: Proportional to ``g(i) + g(j)``, as EQVI was trained; False for the product ``g(i) g(j)``,
            a Gaussian. In both, ``g(i) = exp(-i^2 / sigma^2)``, without the usual factor of a half.

    Returns:
        ``[5, 5]``, sum 1.
    """
    distance = torch.arange(-KERNEL_RADIUS, KERNEL_RADIUS + 1, dtype=torch.float64)
    weights = torch.exp(-distance.square() / KERNEL_SIGMA**2)
    kernel = weights[:, None] + weights if additive else weights[:, None] * weights
    return (kernel / kernel.sum()).float()


def laplacian_pyramid(picture: Tensor, *, additive_kernel: bool = True) -> list[Tensor]:
    """Split a picture into details of growing size.

    Args:
        picture: ``[B, C, H, W]``; both sides at least 32.
        additive_kernel: See :func:`smoothing_kernel`.

    Returns:
        :data:`PYRAMID_LEVELS` differences to the smoothed picture, finest first, each level half as large as
        the one before, rounded down; then what is left.

    Raises:
        ValueError: if the picture is too small.
    """
    height, width = picture.shape[-2:]
    if min(height, width) < 2**PYRAMID_LEVELS:
        raise ValueError(f"the picture must have at least 32 pixels per side, but it is {width}x{height}")
    channels = picture.shape[1]
    kernel = smoothing_kernel(additive=additive_kernel).to(picture).expand(channels, 1, -1, -1)
    padding = [KERNEL_RADIUS] * 4
    levels: list[Tensor] = []
    for _ in range(PYRAMID_LEVELS):
        smooth = F.conv2d(F.pad(picture, padding, mode="replicate"), kernel, groups=channels)
        levels.append(picture - smooth)
        picture = F.avg_pool2d(smooth, 2)
    return [*levels, picture]


def laplacian_loss(made: Tensor, truth: Tensor, *, additive_kernel: bool = True) -> Tensor:
    """Unweighted sum over the levels of the mean absolute differences.

    Args:
        made: ``[B, C, H, W]``.
        truth: likewise.
        additive_kernel: See :func:`smoothing_kernel`.

    Returns:
        A scalar.
    """
    # The pyramid is linear: that of the difference is the difference of the pyramids, at half the work.
    levels = laplacian_pyramid(made - truth, additive_kernel=additive_kernel)
    return torch.stack([level.abs().mean() for level in levels]).sum()


def eqvi_loss(made: Tensor, truth: Tensor) -> EqviLoss:
    """EQVI's loss on the finished frame; nothing looks at flows or at fetched frames.

    Args:
        made: ``[B, 3, H, W]``, clamped to [0, 1].
        truth: likewise.

    Returns:
        ``5 laplacian + 10 l1``, and both terms.
    """
    laplacian = laplacian_loss(made, truth)
    l1 = F.l1_loss(made, truth)
    return EqviLoss(LAPLACIAN_WEIGHT * laplacian + L1_WEIGHT * l1, laplacian, l1)
