"""Flow arithmetic: composition, and consistency of the two directions."""

from __future__ import annotations

import torch
from torch import Tensor

from vfi.ops.warp import backward_warp


def compose_flow(flow_ab: Tensor, flow_bc: Tensor) -> Tensor:
    """Flow from a to c by way of b: ``flow_ac(x) = flow_ab(x) + flow_bc(x + flow_ab(x))``.

    Where a pixel of a leaves b, the flow at the nearest edge pixel of b is taken.

    Args:
        flow_ab: Flow from a to b, ``[B, 2, H, W]`` on a's grid, pixels.
        flow_bc: Flow from b to c, ``[B, 2, H, W]`` on b's grid, pixels.

    Returns:
        ``[B, 2, H, W]`` on a's grid, pixels.

    Raises:
        ValueError: As :func:`vfi.ops.backward_warp`.
    """
    return flow_ab + backward_warp(flow_bc, flow_ab, padding="border")


def round_trip_error(flow_ab: Tensor, flow_ba: Tensor) -> Tensor:
    """Forward-backward error: distance between a pixel of a and where it ends after going to b and back.

    Large where the pixel is hidden in b.

    Args:
        flow_ab: Flow from a to b, ``[B, 2, H, W]`` on a's grid, pixels.
        flow_ba: Flow from b to a, ``[B, 2, H, W]`` on b's grid, pixels.

    Returns:
        ``[B, 1, H, W]`` on a's grid, pixels, not negative.

    Raises:
        ValueError: As :func:`vfi.ops.backward_warp`.
    """
    x, y = compose_flow(flow_ab, flow_ba).split(1, dim=1)
    return torch.hypot(x, y)  # on CPU 20 times as fast as the norm over so short a dimension
