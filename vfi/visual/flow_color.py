"""Colour coding of flow, with the colour wheel of the Middlebury benchmark.

Source: Baker et al., "A Database and Evaluation Methodology for Optical Flow", IJCV 2011. The hue shows the
direction, the saturation the length. The wheel has more hues where the eye distinguishes more: red to yellow
in 15 steps, to green in 6, to cyan in 4, to blue in 11, to magenta in 13, and back to red in 6.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from vfi.io.flow import known_vectors

WHEEL = (
    ((1.0, 0.0, 0.0), 15),
    ((1.0, 1.0, 0.0), 6),
    ((0.0, 1.0, 0.0), 4),
    ((0.0, 1.0, 1.0), 11),
    ((0.0, 0.0, 1.0), 13),
    ((1.0, 0.0, 1.0), 6),
)
"""Corners of the wheel, clockwise from "right" as seen in the image, and the steps to the next one."""

BEYOND_FACTOR = 0.75
"""Factor on the colour of vectors longer than the largest shown."""


def flow_to_color(flow: Tensor, *, largest: float | None = None) -> Tensor:
    """Colour-code a flow: white is no motion; right red, down yellow, left blue-green, up violet.

    Args:
        flow: Flow ``[B, 2, H, W]`` in pixels.
        largest: Length in pixels that gets the full colour; longer vectors become darker. None: the longest
            known vector of each sample. Images to be compared need the same value.

    Returns:
        ``[B, 3, H, W]`` float32 RGB in [0, 1]; black where the flow is unknown.

    Raises:
        ValueError: If ``flow`` has another shape, or ``largest`` is not positive.
    """
    if flow.ndim != 4 or flow.shape[1] != 2:
        raise ValueError(f"wanted a flow [B, 2, H, W], got {tuple(flow.shape)}")
    if largest is not None and not 0 < largest < math.inf:
        raise ValueError(f"the largest motion shown must be positive, not {largest}")
    known = known_vectors(flow)
    x, y = torch.where(known, flow.detach().float(), 0.0).split(1, dim=1)  # [B, 1, H, W]
    length = torch.hypot(x, y)
    # A flow without motion has no longest vector to divide by; any divisor gives white.
    longest = length.amax(dim=(1, 2, 3), keepdim=True) if largest is None else length.new_tensor(largest)
    length = length / longest.clamp(min=torch.finfo(length.dtype).tiny)
    hue = _hues(torch.atan2(y, x))
    faded = 1 - length * (1 - hue)
    return torch.where(length <= 1, faded, BEYOND_FACTOR * hue) * known


def _hues(angle: Tensor) -> Tensor:
    """Saturated colours ``[B, 3, H, W]`` of directions ``[B, 1, H, W]``, radians clockwise from the right."""
    wheel = _wheel().to(angle.device)
    # The benchmark spreads the circle from the first hue to the last, not on to the first again.
    position = torch.remainder(angle, 2 * math.pi) / (2 * math.pi) * (len(wheel) - 1)
    before = position.floor()
    first = wheel[before.long() % len(wheel)]  # [B, 1, H, W, 3]
    second = wheel[(before.long() + 1) % len(wheel)]
    return torch.lerp(first, second, (position - before)[..., None])[:, 0].movedim(-1, 1)


def _wheel() -> Tensor:
    """All hues, ``[55, 3]`` RGB in [0, 1]."""
    corners = torch.tensor([corner for corner, _ in WHEEL])
    following = corners.roll(-1, dims=0)
    return torch.cat(
        [
            torch.lerp(start, end, torch.arange(steps)[:, None] / steps)
            for start, end, (_, steps) in zip(corners, following, WHEEL, strict=True)
        ]
    )
