"""Forward splatting of an image along a flow, and the weighted averages built on it.

Softmax splatting: Niklaus and Liu, "Softmax Splatting for Video Frame Interpolation", CVPR 2020. The Gaussian
kernel: Liu et al., "Enhanced Quadratic Video Interpolation", 2020, flow reversal.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor

from vfi.ops.backends import registration  # noqa: F401  (registers torch.ops.vfi.splat)
from vfi.ops.checks import require_pixels_and_flow, working_dtype

EPSILON = 1e-7
"""Default smallest denominator of averages."""

Kernel = Literal["bilinear", "gaussian"]
EmptyRule = Literal["add", "zero", "clip"]


class Splat(NamedTuple):
    """Sum of the contributions at each pixel of the target grid."""

    sum: Tensor
    """``[B, C, H, W]``, the sum of ``kernel * weight * values``; 0 where nothing landed."""
    weight: Tensor
    """``[B, 1, H, W]``, the sum of ``kernel * weight``; 0 exactly where nothing landed."""


def forward_splat(
    values_a: Tensor, flow_ab: Tensor, *, weight: Tensor | None = None, kernel: Kernel = "bilinear"
) -> Splat:
    """Splat every pixel of a to the four pixels of b around its landing point and sum the contributions.

    The four are the floor of the landing point and the next pixel along each axis, even if the fraction is
    0. ``"bilinear"`` weights them by ``(1 - |dx|) (1 - |dy|)``, which sums to 1 per source pixel;
    ``"gaussian"`` by ``exp(-(dx^2 + dy^2))``, which does not. Each neighbour outside the image is dropped. A
    pixel whose flow is not finite, or so large that it lands outside, contributes nothing.

    The indices are computed once for all channels, so stack all tensors that move with the same flow.

    Differentiable once with respect to values, flow and weight. The gradient of the flow is that of the
    kernel; the indices of the four pixels count as constant, and a flow that is not finite gets no gradient.
    On CUDA the order of the sum, hence its last bits, differs from run to run.

    Half precision: coordinates, weights and sums are float32, only the result is rounded to the values' type;
    the types of the three arguments may differ. float64 is kept.

    Args:
        values_a: Values ``[B, C, H, W]`` on a's grid, floating point, of any range.
        flow_ab: Flow ``[B, 2, H, W]`` on a's grid, (x right, y down) in pixels.
        weight: Importance of each source pixel, ``[B, 1, H, W]``; None for 1.
        kernel: Kernel, ``"bilinear"`` or ``"gaussian"``.

    Returns:
        :class:`Splat` ``(sum, weight)`` on b's grid, both in the values' type; the average is their
        quotient.

    Raises:
        ValueError: If shapes, types or devices do not fit, or the kernel is unknown.
    """
    require_pixels_and_flow("values_a", values_a, "flow_ab", flow_ab)
    if kernel not in ("bilinear", "gaussian"):
        raise ValueError(f'kernel must be "bilinear" or "gaussian", not {kernel!r}')
    if weight is None:
        weight = flow_ab.new_ones(()).expand(flow_ab.shape[0], 1, *flow_ab.shape[2:])
    else:
        require_pixels_and_flow("weight", weight, "flow_ab", flow_ab)
        if weight.shape[1] != 1:
            raise ValueError(f"weight must have 1 channel, but its shape is {tuple(weight.shape)}")
    return Splat(*torch.ops.vfi.splat(values_a, flow_ab, weight, kernel))


def normalise_splat(splat: Splat, *, empty: EmptyRule = "add", epsilon: float = EPSILON) -> Tensor:
    """Divide the sum of a splat by its weight.

    Args:
        splat: Sum and weight from :func:`forward_splat`.
        empty: Rule for pixels where little or nothing landed. ``"add"``: ``epsilon`` is added to every
            weight, which also darkens pixels of tiny weight. ``"zero"``: weights of exactly 0 become 1, all
            others stay. ``"clip"``: weights below ``epsilon`` are raised to it. Holes are 0 in all three.
        epsilon: Smallest denominator, in units of the weight.

    Returns:
        ``[B, C, H, W]``, the weighted mean of the splatted values.

    Raises:
        ValueError: If ``empty`` is not one of the three.
    """
    if empty == "add":
        return splat.sum / (splat.weight + epsilon)
    if empty == "zero":
        return splat.sum / torch.where(splat.weight == 0, 1, splat.weight)
    if empty == "clip":
        return splat.sum / splat.weight.clamp(min=epsilon)
    raise ValueError(f'empty must be "add", "zero" or "clip", not {empty!r}')


def average_splat(
    values_a: Tensor,
    flow_ab: Tensor,
    *,
    weight: Tensor | None = None,
    kernel: Kernel = "bilinear",
    empty: EmptyRule = "add",
) -> Tensor:
    """Weighted mean of the splatted values: "average" splatting without a weight, "linear" with one.

    Args:
        values_a: Values, as in :func:`forward_splat`.
        flow_ab: Flow, as in :func:`forward_splat`.
        weight: Importance of each source pixel, ``[B, 1, H, W]``, not negative; None for 1.
        kernel: Kernel, as in :func:`forward_splat`.
        empty: Rule for empty pixels, as in :func:`normalise_splat`.

    Returns:
        ``[B, C, H, W]`` on b's grid, in the values' type; half precision is summed and divided in float32.

    Raises:
        ValueError: If :func:`forward_splat` or :func:`normalise_splat` refuses an argument.
    """
    values = values_a.to(working_dtype(values_a))
    return normalise_splat(forward_splat(values, flow_ab, weight=weight, kernel=kernel), empty=empty).to(
        values_a.dtype
    )


def softmax_splat(values_a: Tensor, flow_ab: Tensor, metric_a: Tensor, *, empty: EmptyRule = "add") -> Tensor:
    """Average splatting with the weight ``exp(metric_a)``: where pixels collide, the larger metric wins.

    No maximum is subtracted, so the metric is absolute: below about -16 the weight of a single pixel is less
    than :data:`EPSILON`, which released networks use to suppress pixels; above 88 float32 overflows.

    Args:
        values_a: Values, as in :func:`forward_splat`.
        flow_ab: Flow, as in :func:`forward_splat`.
        metric_a: Logarithm of the importance, ``[B, 1, H, W]`` on a's grid; integers are allowed.
        empty: Rule for empty pixels, as in :func:`normalise_splat`.

    Returns:
        ``[B, C, H, W]`` on b's grid, in the values' type; half precision is computed in float32.

    Raises:
        ValueError: If :func:`forward_splat` or :func:`normalise_splat` refuses an argument.
    """
    if not metric_a.is_floating_point():
        metric_a = metric_a.to(torch.float32)
    weight = metric_a.to(working_dtype(metric_a)).exp()
    return average_splat(values_a, flow_ab, weight=weight, empty=empty)
