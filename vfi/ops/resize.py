"""Resizing of flows, whose vectors scale with the image."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from vfi.ops.checks import working_dtype


def resize_flow(flow: Tensor, height: int, width: int, *, align_corners: bool = False) -> Tensor:
    """Resize a flow bilinearly and rescale its vectors to pixels of the new size.

    The vectors are multiplied by the ratio of the sizes, ``width / W`` and ``height / H``, whatever
    ``align_corners`` is, as every released network does it. Downsampling does not smooth first.

    Differentiable. Halves are interpolated in float32 and rounded once.

    Args:
        flow: Flow ``[B, 2, H, W]`` or, for several in one tensor, ``[B, 2 N, H, W]`` with channels
            (x, y, x, y, ...), in pixels of its own resolution.
        height: New height in pixels.
        width: New width in pixels.
        align_corners: Whether the centres of the corner pixels stay in place (True) or the corners of the
            image do (False, the usual choice).

    Returns:
        ``[B, 2 N, height, width]`` in pixels of the new resolution, in the flow's type.

    Raises:
        ValueError: If the channels of ``flow`` are not pairs (x, y), or a side is not positive.
    """
    if flow.ndim != 4 or flow.shape[1] % 2:
        raise ValueError(f"flow must be [B, 2 N, H, W], but its shape is {tuple(flow.shape)}")
    if height < 1 or width < 1:
        raise ValueError(f"a flow cannot be resized to {height} rows and {width} columns")
    old_height, old_width = flow.shape[-2:]
    if (height, width) == (old_height, old_width):
        return flow
    dtype = working_dtype(flow)
    resized = F.interpolate(
        flow.to(dtype), size=(height, width), mode="bilinear", align_corners=align_corners
    )
    pairs = resized.unflatten(1, (-1, 2))  # [B, N, 2, height, width]
    scale = pairs.new_tensor((width / old_width, height / old_height))
    return (pairs * scale[:, None, None]).flatten(1, 2).to(flow.dtype)
