"""The operators ``torch.ops.vfi.splat`` and ``splat_backward`` in plain PyTorch.

Callers use :mod:`vfi.ops.splat`. This module registers with ``torch.library`` what the operators are: schema,
meaning on every device, shapes for compilers, gradient. A compiled package may add faster implementations for
CPU or CUDA under the same names.

How it works. A source pixel with flow (u, v) reaches the four target pixels around its landing point. Their
upper-left one is found once; the other three lie at the same distance from it everywhere, so all four share
one index tensor and all channels share it too. The target plane has a margin of two pixels on every side.
Whatever lands outside is clamped into it and cropped away with it, which makes masks unnecessary.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from vfi.ops.checks import finite_flow, working_dtype

MARGIN = 2
"""Pixels around the target plane: one for a corner that lies outside, one for the corner next to it."""

torch.library.define(
    "vfi::splat", "(Tensor values, Tensor flow, Tensor weight, str kernel) -> (Tensor, Tensor)"
)
torch.library.define(
    "vfi::splat_backward",
    "(Tensor grad_sum, Tensor grad_norm, Tensor values, Tensor flow, Tensor weight, str kernel)"
    " -> (Tensor, Tensor, Tensor)",
)


def _axis_weights(fraction: Tensor, kernel: str) -> tuple[Tensor, Tensor]:
    """Weights of the near and the far neighbour along one axis, ``fraction`` in [0, 1) from the near one."""
    if kernel == "bilinear":
        return 1 - fraction, fraction
    return torch.exp(-fraction.square()), torch.exp(-(1 - fraction).square())


def _axis_slopes(fraction: Tensor, kernel: str) -> tuple[Tensor, Tensor]:
    """Derivatives of :func:`_axis_weights` by the flow; which pixels are reached counts as constant."""
    if kernel == "bilinear":
        ones = torch.ones_like(fraction)
        return -ones, ones
    near, far = _axis_weights(fraction, kernel)
    return -2 * fraction * near, 2 * (1 - fraction) * far


def _land(flow: Tensor) -> tuple[Tensor, Tensor]:
    """Find the upper-left target of every pixel.

    Args:
        flow: ``[B, 2, H, W]`` in the working type, finite.

    Returns:
        ``index`` ``[B, 1, H W]`` int64 into the row-major target plane with its margin, and ``fraction``
        ``[B, 2, H W]`` in [0, 1), how far right of and below that target the pixel lands.
    """
    _, _, height, width = flow.shape
    whole = flow.floor()
    # Taken from the flow and not from the landing point, the fraction keeps its bits at large coordinates.
    fraction = flow - whole
    x = whole[:, 0] + torch.arange(MARGIN, width + MARGIN, device=flow.device, dtype=flow.dtype)
    y = whole[:, 1] + torch.arange(MARGIN, height + MARGIN, device=flow.device, dtype=flow.dtype)[:, None]
    # Clamped before the conversion: what a float beyond the integers becomes differs between devices.
    x = x.clamp(0, width + MARGIN).to(torch.int64)
    y = y.clamp(0, height + MARGIN).to(torch.int64)
    index = y * (width + 2 * MARGIN) + x
    return index.flatten(1)[:, None], fraction.flatten(2)


def _corners(width: int) -> tuple[tuple[int, int, int], ...]:
    """Per corner: near (0) or far (1) along x, the same along y, and its distance in the target plane."""
    row = width + 2 * MARGIN
    return (0, 0, 0), (1, 0, 1), (0, 1, row), (1, 1, row + 1)


def _splat(values: Tensor, flow: Tensor, weight: Tensor, kernel: str) -> tuple[Tensor, Tensor]:
    batch, channels, height, width = values.shape
    dtype = working_dtype(values, flow, weight)
    index, fraction = _land(finite_flow(flow, dtype))
    weights_x = _axis_weights(fraction[:, :1], kernel)
    weights_y = _axis_weights(fraction[:, 1:], kernel)
    source = values.to(dtype).flatten(2)
    importance = weight.to(dtype).flatten(2)

    plane_height, plane_width = height + 2 * MARGIN, width + 2 * MARGIN
    target = source.new_zeros((batch, channels + 1, plane_height * plane_width))
    contribution = source.new_empty((batch, channels + 1, height * width))
    values_part, share = contribution.split((channels, 1), dim=1)
    indices = index.expand(-1, channels + 1, -1)
    for far_x, far_y, distance in _corners(width):
        torch.mul(weights_x[far_x], weights_y[far_y], out=share)
        share.mul_(importance)
        torch.mul(source, share, out=values_part)
        target[..., distance:].scatter_add_(2, indices, contribution)

    inside = target.unflatten(2, (plane_height, plane_width))[..., MARGIN:-MARGIN, MARGIN:-MARGIN]
    total, norm = inside.to(values.dtype).split((channels, 1), dim=1)
    return total.contiguous(), norm.contiguous()


def _splat_backward(
    grad_sum: Tensor, grad_norm: Tensor, values: Tensor, flow: Tensor, weight: Tensor, kernel: str
) -> tuple[Tensor, Tensor, Tensor]:
    """Gather with the weights of the splat; see :func:`_splat` for the layout."""
    batch, channels, height, width = values.shape
    dtype = working_dtype(values, flow, weight)
    index, fraction = _land(finite_flow(flow, dtype))
    weights_x = _axis_weights(fraction[:, :1], kernel)
    weights_y = _axis_weights(fraction[:, 1:], kernel)
    slopes_x = _axis_slopes(fraction[:, :1], kernel)
    slopes_y = _axis_slopes(fraction[:, 1:], kernel)
    source = values.to(dtype).flatten(2)
    importance = weight.to(dtype).flatten(2)

    # The margin is zero: nothing flows back to a pixel that landed outside.
    grad = source.new_zeros((batch, channels + 1, height + 2 * MARGIN, width + 2 * MARGIN))
    grad[:, :channels, MARGIN:-MARGIN, MARGIN:-MARGIN] = grad_sum
    grad[:, channels:, MARGIN:-MARGIN, MARGIN:-MARGIN] = grad_norm
    grad = grad.flatten(2)
    indices = index.expand(-1, channels + 1, -1)

    grad_values = torch.zeros_like(source)
    grad_weight = torch.zeros_like(importance)
    grad_x, grad_y = torch.zeros_like(importance), torch.zeros_like(importance)
    for far_x, far_y, distance in _corners(width):
        arriving = grad[..., distance:].gather(2, indices)  # [B, C + 1, H W]
        share = weights_x[far_x] * weights_y[far_y]
        grad_values += share * arriving[:, :channels]
        # What this corner adds to the loss per unit of its weight.
        gain = (source * arriving[:, :channels]).sum(1, keepdim=True) + arriving[:, channels:]
        grad_weight += share * gain
        grad_x += slopes_x[far_x] * weights_y[far_y] * gain
        grad_y += weights_x[far_x] * slopes_y[far_y] * gain

    grad_flow = torch.cat((grad_x, grad_y), dim=1) * importance
    return (
        (grad_values * importance).to(values.dtype).reshape(values.shape),
        grad_flow.to(flow.dtype).reshape(flow.shape),
        grad_weight.to(weight.dtype).reshape(weight.shape),
    )


def _splat_shapes(values: Tensor, flow: Tensor, weight: Tensor, kernel: str) -> tuple[Tensor, Tensor]:
    batch, channels, height, width = values.shape
    return values.new_empty((batch, channels, height, width)), values.new_empty((batch, 1, height, width))


def _splat_backward_shapes(
    grad_sum: Tensor, grad_norm: Tensor, values: Tensor, flow: Tensor, weight: Tensor, kernel: str
) -> tuple[Tensor, Tensor, Tensor]:
    return values.new_empty(values.shape), flow.new_empty(flow.shape), weight.new_empty(weight.shape)


def _remember(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor, str], output: tuple[Tensor, Tensor]) -> None:
    values, flow, weight, kernel = inputs
    ctx.save_for_backward(values, flow, weight)
    ctx.kernel = kernel


def _gradient(ctx: Any, grad_sum: Tensor, grad_norm: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
    values, flow, weight = ctx.saved_tensors
    return (*torch.ops.vfi.splat_backward(grad_sum, grad_norm, values, flow, weight, ctx.kernel), None)


torch.library.impl("vfi::splat", "CompositeExplicitAutograd", _splat)
torch.library.impl("vfi::splat_backward", "CompositeExplicitAutograd", _splat_backward)
torch.library.register_fake("vfi::splat", _splat_shapes)
torch.library.register_fake("vfi::splat_backward", _splat_backward_shapes)
torch.library.register_autograd("vfi::splat", _gradient, setup_context=_remember)
