"""Pixel coordinates in the layout of a flow."""

from __future__ import annotations

import torch
from torch import Tensor


def pixel_grid(
    height: int,
    width: int,
    *,
    device: torch.device | str | None = None,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Coordinates of every pixel: ``pixel_grid(...) + flow_ab`` are the positions of a's pixels in b.

    Args:
        height: Number of rows.
        width: Number of columns.
        device: Device of the grid; None is the default device.
        dtype: Floating point type that represents ``max(height, width) - 1`` exactly; float16 is exact up to
            2048 and bfloat16 up to 256, so use float32 for half-precision images too.

    Returns:
        ``[1, 2, H, W]``, channel 0 the column x in 0..W-1, channel 1 the row y in 0..H-1.
    """
    x = torch.arange(width, device=device, dtype=dtype)
    y = torch.arange(height, device=device, dtype=dtype)
    return torch.stack((x.expand(height, width), y[:, None].expand(height, width)))[None]
