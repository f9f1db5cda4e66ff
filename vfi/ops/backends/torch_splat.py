"""The operators ``torch.ops.vfi.splat`` and ``splat_backward`` in plain PyTorch.

Callers use :mod:`vfi.ops.splat`; :mod:`.registration` makes these functions operators.

How it works. A source pixel with flow (u, v) reaches the four target pixels around its landing point. Their
upper-left one is found once; the other three lie at the same distance from it everywhere, so all four use
one index tensor, and so do all channels. The target plane has a margin of two pixels on every side.
Whatever lands outside is clamped into it and cropped away with it, which makes masks unnecessary.
"""

from __future__ import annotations

import torch
from torch import Tensor

from vfi.ops.checks import finite_flow, working_dtype

MARGIN = 2
"""Pixels around the target plane: one for a corner that lies outside, one for the corner next to it."""

BAND_VALUES = 32767
"""Values (pixels times channels) that a CPU splats at once: they stay in its cache, and one thread does it.

Measured at 480x854 in float32 with one thread and 1 MiB of second-level cache: all pixels at once take 25 ms
for 3 channels and 56 ms for 8, bands of about this size 12 and 30 ms. From 32768 values on PyTorch splits a
step among its threads. Where others (a decoder, an encoder) keep the cores busy, the threads wait for each
other at every step: two threads then took ten times as long as one.

In bands, ``index_add_`` in place of ``scatter_add_`` is 5 % slower, two channels joined to one complex number
1.7 times. Outside of bands, rows of channels added into ``[P, C]`` are 3 to 6 times slower than planes,
``index_put_`` about 4 times.
"""


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


def _land(flow: Tensor, first_row: int, height: int) -> tuple[Tensor, Tensor]:
    """Find the upper-left target of every pixel.

    Args:
        flow: Flow ``[B, 2, R, W]``, some rows of the flow in the working type, finite.
        first_row: Row of the image they begin with.
        height: Number of rows of the whole image.

    Returns:
        ``index`` ``[B, 1, R W]`` int64 into the row-major target plane with its margin, and ``fraction``
        ``[B, 2, R W]`` in [0, 1), how far right of and below that target the pixel lands.
    """
    rows, width = flow.shape[2:]
    whole = flow.floor()
    # Taken from the flow and not from the landing point, the fraction keeps its bits at large coordinates.
    fraction = flow - whole
    x = torch.arange(MARGIN, width + MARGIN, device=flow.device, dtype=flow.dtype) + whole[:, 0]
    y = torch.arange(MARGIN, rows + MARGIN, device=flow.device, dtype=flow.dtype)[:, None] + whole[:, 1]
    # Clamped before the conversion: what a float beyond the integers becomes differs between devices.
    x = x.clamp(0, width + MARGIN).to(torch.int64)
    y = (y + first_row).clamp(0, height + MARGIN).to(torch.int64)
    index = y * (width + 2 * MARGIN) + x
    return index.flatten(1)[:, None], fraction.flatten(2)


def _corners(width: int) -> tuple[tuple[int, int, int], ...]:
    """Per corner: near (0) or far (1) along x, the same along y, and its distance in the target plane."""
    row = width + 2 * MARGIN
    return (0, 0, 0), (1, 0, 1), (0, 1, row), (1, 1, row + 1)


def plain_splat(values: Tensor, flow: Tensor, weight: Tensor, kernel: str) -> tuple[Tensor, Tensor]:
    """Splat operator in plain PyTorch, on any device.

    Args:
        values: Values ``[B, C, H, W]``.
        flow: Flow ``[B, 2, H, W]`` in pixels.
        weight: Importance ``[B, 1, H, W]``.
        kernel: Kernel, ``"bilinear"`` or ``"gaussian"``.

    Returns:
        The sums ``[B, C, H, W]`` and the weights ``[B, 1, H, W]``, in the values' type.
    """
    batch, channels, height, width = values.shape
    dtype = working_dtype(values, flow, weight)
    plane_height, plane_width = height + 2 * MARGIN, width + 2 * MARGIN
    target = values.new_zeros((batch, channels + 1, plane_height * plane_width), dtype=dtype)
    rows = max(1, height)
    if values.device.type == "cpu":
        rows = max(1, BAND_VALUES // max(1, batch * (channels + 1) * width))
    for first_row in range(0, height, rows):
        band = slice(first_row, first_row + rows)
        _splat_rows(
            target,
            values[:, :, band].to(dtype),
            flow[:, :, band].to(dtype),
            weight[:, :, band].to(dtype),
            first_row,
            height,
            kernel,
        )
    inside = target.unflatten(2, (plane_height, plane_width))[..., MARGIN:-MARGIN, MARGIN:-MARGIN]
    # Copies in every case: what an operator returns must share no memory.
    total = inside[:, :channels].to(values.dtype, copy=True, memory_format=torch.contiguous_format)
    norm = inside[:, channels:].to(values.dtype, copy=True, memory_format=torch.contiguous_format)
    return total, norm


def _splat_rows(
    target: Tensor, values: Tensor, flow: Tensor, weight: Tensor, first_row: int, height: int, kernel: str
) -> None:
    """Add some rows of the source to ``target``, ``[B, C + 1, P]``, whose last channel takes the weights."""
    index, fraction = _land(finite_flow(flow, target.dtype), first_row, height)
    weights_x = _axis_weights(fraction[:, :1], kernel)
    weights_y = _axis_weights(fraction[:, 1:], kernel)
    source, importance = values.flatten(2), weight.flatten(2)

    channels = source.shape[1]
    contribution = source.new_empty((source.shape[0], channels + 1, source.shape[2]))
    values_part, corner_weight = contribution.split((channels, 1), dim=1)
    indices = index.expand(-1, channels + 1, -1)
    for far_x, far_y, distance in _corners(flow.shape[3]):
        torch.mul(weights_x[far_x], weights_y[far_y], out=corner_weight)
        corner_weight.mul_(importance)
        torch.mul(source, corner_weight, out=values_part)
        target[..., distance:].scatter_add_(2, indices, contribution)


def plain_splat_backward(
    grad_sum: Tensor, grad_norm: Tensor, values: Tensor, flow: Tensor, weight: Tensor, kernel: str
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradient of the splat in plain PyTorch: it gathers with the weights of the splat.

    Args:
        grad_sum: Gradient of the sums, ``[B, C, H, W]``.
        grad_norm: Gradient of the weights, ``[B, 1, H, W]``.
        values: Values ``[B, C, H, W]``.
        flow: Flow ``[B, 2, H, W]`` in pixels.
        weight: Importance ``[B, 1, H, W]``.
        kernel: Kernel, ``"bilinear"`` or ``"gaussian"``.

    Returns:
        The gradients of ``values``, ``flow`` and ``weight``.
    """
    batch, channels, height, width = values.shape
    dtype = working_dtype(values, flow, weight)
    index, fraction = _land(finite_flow(flow, dtype), 0, height)
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
        corner_weight = weights_x[far_x] * weights_y[far_y]
        grad_values += corner_weight * arriving[:, :channels]
        # What this corner adds to the loss per unit of its weight.
        gain = (source * arriving[:, :channels]).sum(1, keepdim=True) + arriving[:, channels:]
        grad_weight += corner_weight * gain
        grad_x += slopes_x[far_x] * weights_y[far_y] * gain
        grad_y += weights_x[far_x] * slopes_y[far_y] * gain

    grad_flow = torch.cat((grad_x, grad_y), dim=1) * importance
    return (
        (grad_values * importance).to(values.dtype).reshape(values.shape),
        grad_flow.to(flow.dtype).reshape(flow.shape),
        grad_weight.to(weight.dtype).reshape(weight.shape),
    )
