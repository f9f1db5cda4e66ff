"""Loss functions of the training.

EQVI's loss: Liu et al., "Enhanced Quadratic Video Interpolation", ECCV Workshops 2020, "Training". SGM-VFI's:
Liu et al., "Sparse Global Matching for Video Frame Interpolation with Large Motion", CVPR 2024. The Laplacian
term of both after Niklaus and Liu, "Context-Aware Synthesis for Video Frame Interpolation", CVPR 2018, with
other pyramids (:data:`Pyramid`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

Pyramid = Literal["additive", "gaussian", "binomial"]
"""How images are smoothed and levels are built.

``"additive"``: a kernel proportional to ``g(i) + g(j)``, as EQVI was trained; ``"gaussian"``: the product
``g(i) g(j)``. In both ``g(i) = exp(-i^2 / sigma^2)``, without the usual factor of a half, a level is the
difference to the smoothed image, and the residual after the last level is part of the loss.

``"binomial"``: ``b(i) b(j)`` with b = 1, 4, 6, 4, 1, as SGM-VFI was trained; a level is the difference to the
next one enlarged again, and the residual is no part of the loss (Burt and Adelson, 1983).
"""

PYRAMID_LEVELS = 5
"""Number of levels of the Laplacian pyramid, without the residual."""

KERNEL_SIGMA = 2.0
KERNEL_RADIUS = 2
BINOMIAL = (1.0, 4.0, 6.0, 4.0, 1.0)

LAPLACIAN_WEIGHT, L1_WEIGHT = 5.0, 10.0
MERGED_WEIGHT = 0.5


class EqviLoss(NamedTuple):
    """EQVI's loss and its terms, scalars."""

    total: Tensor
    laplacian: Tensor
    l1: Tensor


class SgmLoss(NamedTuple):
    """SGM-VFI's loss and its terms, scalars."""

    total: Tensor
    frame: Tensor
    merged: list[Tensor]
    """Terms of the intermediate blends."""


def smoothing_kernel(pyramid: Pyramid = "additive") -> Tensor:
    """The kernel that smooths a level of the Laplacian pyramid.

    Args:
        pyramid: Kind of pyramid.

    Returns:
        Kernel ``[5, 5]`` of sum 1.

    Raises:
        ValueError: If ``pyramid`` is unknown.
    """
    distance = torch.arange(-KERNEL_RADIUS, KERNEL_RADIUS + 1, dtype=torch.float64)
    weights = torch.exp(-distance.square() / KERNEL_SIGMA**2)
    if pyramid == "binomial":
        weights = torch.tensor(BINOMIAL, dtype=torch.float64)
    elif pyramid not in ("additive", "gaussian"):
        raise ValueError(f'pyramid must be "additive", "gaussian" or "binomial", not {pyramid!r}')
    kernel = weights[:, None] + weights if pyramid == "additive" else weights[:, None] * weights
    return (kernel / kernel.sum()).float()


def laplacian_pyramid(image: Tensor, pyramid: Pyramid = "additive") -> list[Tensor]:
    """The Laplacian pyramid of an image.

    Args:
        image: Image ``[B, C, H, W]``; both sides at least 32, for ``"binomial"`` multiples of 32 from 64 on.
        pyramid: Kind of pyramid.

    Returns:
        :data:`PYRAMID_LEVELS` differences, finest first, each of half the size of the one before, rounded
        down; then the residual.

    Raises:
        ValueError: If the pyramid is unknown or the image has an unsuitable size.
    """
    height, width = image.shape[-2:]
    step = 2**PYRAMID_LEVELS
    if min(height, width) < step:
        raise ValueError(f"the image must have at least {step} pixels per side, but it is {width}x{height}")
    if pyramid == "binomial" and (height % step or width % step or min(height, width) < 2 * step):
        raise ValueError(
            f"the image's sides must be multiples of {step} from {2 * step} on, but it is {width}x{height}"
        )
    kernel = smoothing_kernel(pyramid).to(image).expand(image.shape[1], 1, -1, -1)
    levels: list[Tensor] = []
    for _ in range(PYRAMID_LEVELS):
        smooth = _smooth(image, kernel, pyramid)
        if pyramid == "binomial":
            smaller = smooth[:, :, ::2, ::2]
            spread = torch.zeros_like(image)
            spread[:, :, ::2, ::2] = smaller
            smooth = _smooth(spread, 4 * kernel, pyramid)
        else:
            smaller = F.avg_pool2d(smooth, 2)
        levels.append(image - smooth)
        image = smaller
    return [*levels, image]


def _smooth(image: Tensor, kernel: Tensor, pyramid: Pyramid) -> Tensor:
    edge = "reflect" if pyramid == "binomial" else "replicate"
    return F.conv2d(F.pad(image, [KERNEL_RADIUS] * 4, mode=edge), kernel, groups=image.shape[1])


def laplacian_loss(frame: Tensor, truth: Tensor, pyramid: Pyramid = "additive") -> Tensor:
    """The Laplacian loss: the sum over the pyramid levels of the mean absolute difference, unweighted.

    Args:
        frame: Interpolated image ``[B, C, H, W]``.
        truth: Ground truth ``[B, C, H, W]``.
        pyramid: Kind of pyramid, which decides whether the residual is part of the loss.

    Returns:
        A scalar.
    """
    # The pyramid is linear: that of the difference is the difference of the pyramids, at half the cost.
    levels = laplacian_pyramid(frame - truth, pyramid)
    counting = levels[:PYRAMID_LEVELS] if pyramid == "binomial" else levels
    return torch.stack([level.abs().mean() for level in counting]).sum()


def eqvi_loss(frame: Tensor, truth: Tensor) -> EqviLoss:
    """EQVI's loss, which depends on the final frame only, not on flows or warped frames.

    Args:
        frame: Interpolated frame ``[B, 3, H, W]``, clamped to [0, 1].
        truth: Ground truth ``[B, 3, H, W]`` in [0, 1].

    Returns:
        The total ``5 laplacian + 10 l1``, and both terms.
    """
    laplacian = laplacian_loss(frame, truth)
    l1 = F.l1_loss(frame, truth)
    return EqviLoss(LAPLACIAN_WEIGHT * laplacian + L1_WEIGHT * l1, laplacian, l1)


def sgm_loss(frame: Tensor, merged: Sequence[Tensor], truth: Tensor) -> SgmLoss:
    """SGM-VFI's loss on the final frame and the intermediate blends.

    Args:
        frame: Interpolated frame ``[B, 3, H, W]``, clamped to [0, 1].
        merged: Intermediate blends ``[B, 3, H, W]``: two of the local model, three of the whole one.
        truth: Ground truth ``[B, 3, H, W]`` in [0, 1].

    Returns:
        The total ``frame + 0.5 sum(merged)``, and its terms.
    """
    final = laplacian_loss(frame, truth, "binomial")
    terms = [laplacian_loss(blend, truth, "binomial") for blend in merged]
    return SgmLoss(torch.stack([final, *(MERGED_WEIGHT * term for term in terms)]).sum(), final, terms)
