"""The operators ``torch.ops.vfi.splat`` and ``splat_backward`` in plain PyTorch.

Callers use :mod:`vfi.ops.splat`; :mod:`.registration` registers these functions as operators.

A source pixel with flow (u, v) contributes to the four target pixels around its landing point. The index of
the upper-left one is computed once; the other three lie at fixed offsets from it, so one index tensor serves
all four and all channels. The target plane has a margin of two pixels on every side: pixels that land outside
are clamped into the margin, which is cropped at the end, so no masks are needed.
"""

from __future__ import annotations

import torch
from torch import Tensor

from vfi.ops.checks import finite_flow, working_dtype

MARGIN = 2
"""Pixels around the target plane: one for a corner that lies outside, one for the corner next to it."""

STRIP_VALUES = 32767
"""Values (pixels times channels) that a CPU splats at once: they fit its cache, and one thread handles them.

Measured at 480x854 in float32 with one thread and 1 MiB of second-level cache: the whole image at once takes
25 ms for 3 channels and 56 ms for 8, strips of about this size take 12 and 30 ms. From 32768 values on,
PyTorch splits an operation among its threads. While a decoder and an encoder keep the cores busy, these
threads wait for each other after every operation: two threads then took ten times as long as one.

In strips, ``index_add_`` in place of ``scatter_add_`` is 5 % slower, and joining two channels to one complex
number 1.7 times. Without strips, adding rows of channels into ``[P, C]`` is 3 to 6 times slower than planes,
``index_put_`` about 4 times.
"""


def _axis_weights(fraction: Tensor, kernel: str) -> tuple[Tensor, Tensor]:
    """Weights of the near and the far neighbour along one axis; ``fraction`` is the distance to the near."""
    if kernel == "bilinear":
        return 1 - fraction, fraction
    return torch.exp(-fraction.square()), torch.exp(-(1 - fraction).square())


def _axis_slopes(fraction: Tensor, kernel: str) -> tuple[Tensor, Tensor]:
    """Derivatives of :func:`_axis_weights` by the flow; the indices of the neighbours count as constant."""
    if kernel == "bilinear":
        ones = torch.ones_like(fraction)
        return -ones, ones
    near, far = _axis_weights(fraction, kernel)
    return -2 * fraction * near, 2 * (1 - fraction) * far


def _land(flow: Tensor, first_row: int, height: int) -> tuple[Tensor, Tensor]:
    """Index of the upper-left target of every pixel, and the landing point relative to it.

    Args:
        flow: Flow ``[B, 2, R, W]`` of R rows of the image, in the working type, finite.
        first_row: Index of the first of these rows in the image.
        height: Number of rows of the whole image.

    Returns:
        ``index`` ``[B, 1, R W]`` int64 into the row-major target plane with its margin, and ``fraction``
        ``[B, 2, R W]`` in [0, 1), how far right of and below that target the pixel lands.
    """
    rows, width = flow.shape[2:]
    whole = flow.floor()
    # Computed from the flow, not from the landing point, so that it keeps its bits at large coordinates.
    fraction = flow - whole
    x = torch.arange(MARGIN, width + MARGIN, device=flow.device, dtype=flow.dtype) + whole[:, 0]
    y = torch.arange(MARGIN, rows + MARGIN, device=flow.device, dtype=flow.dtype)[:, None] + whole[:, 1]
    # Clamped before the conversion: converting a float outside the integer range depends on the device.
    x = x.clamp(0, width + MARGIN).to(torch.int64)
    y = (y + first_row).clamp(0, height + MARGIN).to(torch.int64)
    index = y * (width + 2 * MARGIN) + x
    return index.flatten(1)[:, None], fraction.flatten(2)


def _corners(width: int) -> tuple[tuple[int, int, int], ...]:
    """Per corner: near (0) or far (1) along x and along y, and its offset in the target plane."""
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
        rows = max(1, STRIP_VALUES // max(1, batch * (channels + 1) * width))
    for first_row in range(0, height, rows):
        strip = slice(first_row, first_row + rows)
        _splat_rows(
            target,
            values[:, :, strip].to(dtype),
            flow[:, :, strip].to(dtype),
            weight[:, :, strip].to(dtype),
            first_row,
            height,
            kernel,
        )
    inside = target.unflatten(2, (plane_height, plane_width))[..., MARGIN:-MARGIN, MARGIN:-MARGIN]
    # Copies in every case: the results of an operator must not be views of one another.
    total = inside[:, :channels].to(values.dtype, copy=True, memory_format=torch.contiguous_format)
    norm = inside[:, channels:].to(values.dtype, copy=True, memory_format=torch.contiguous_format)
    return total, norm


def _splat_rows(
    target: Tensor, values: Tensor, flow: Tensor, weight: Tensor, first_row: int, height: int, kernel: str
) -> None:
    """Add some rows of the source to ``target`` ``[B, C + 1, P]``, whose last channel sums the weights."""
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
    """Gradient of the splat in plain PyTorch: a gather with the weights of the splat.

    Args:
        grad_sum: Gradient of the sums, ``[B, C, H, W]``.
        grad_norm: Gradient of the weights, ``[B, 1, H, W]``.
        values: Values ``[B, C, H, W]``.
        flow: Flow ``[B, 2, H, W]`` in pixels.
        weight: Importance ``[B, 1, H, W]``.
        kernel: Kernel, ``"bilinear"`` or ``"gaussian"``.

    Returns:
        The gradients of ``values``, ``flow`` and ``weight``, each in its own tensor's type.
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

    # The margin is zero: pixels that landed outside get no gradient.
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
        # Derivative of the loss by the weight of this corner.
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
