"""Checks of operator inputs, and the data type that operators compute in."""

from __future__ import annotations

import torch
from torch import Tensor

FAR = 1e6
"""Displacement in pixels that leaves every image, yet does not overflow in the computation."""


def working_dtype(*tensors: Tensor) -> torch.dtype:
    """Data type for coordinates and sums.

    Args:
        tensors: Floating point inputs of an operator.

    Returns:
        float64 if any input is float64, else float32: neither half type distinguishes pixels 2048
        and 2049, and both lose small terms of a long sum.
    """
    dtype = torch.float32
    for tensor in tensors:
        dtype = torch.promote_types(dtype, tensor.dtype)
    return dtype


def finite_flow(flow: Tensor, dtype: torch.dtype) -> Tensor:
    """Flow in the working type, with vectors that are not finite pointing outside every image.

    Args:
        flow: Flow ``[B, 2, H, W]`` in pixels.
        dtype: Working type, from :func:`working_dtype`.

    Returns:
        ``[B, 2, H, W]``; NaN and minus infinity are ``-FAR``, infinity is ``FAR``, and their gradients are 0.
    """
    return torch.nan_to_num(flow.to(dtype), nan=-FAR, posinf=FAR, neginf=-FAR)


def require_pixels_and_flow(
    pixels_name: str, pixels: Tensor, flow_name: str, flow: Tensor, *, same_size: bool = True
) -> None:
    """Check that a field of pixels and a flow belong together.

    Args:
        pixels_name: Caller's name of ``pixels``, for the message.
        pixels: Field ``[B, C, H, W]``, floating point.
        flow_name: Caller's name of ``flow``, for the message.
        flow: Flow ``[B, 2, H, W]``, floating point.
        same_size: Whether height and width must agree too.

    Raises:
        ValueError: If a shape, type or device does not fit; the message shows both sides.
    """
    if pixels.ndim != 4 or flow.ndim != 4:
        raise ValueError(
            f"{pixels_name} must be [B, C, H, W] and {flow_name} [B, 2, H, W], "
            f"but they are {tuple(pixels.shape)} and {tuple(flow.shape)}"
        )
    if flow.shape[1] != 2:
        raise ValueError(f"{flow_name} must have the 2 channels (x, y), but its shape is {tuple(flow.shape)}")
    if pixels.shape[0] != flow.shape[0] or (same_size and pixels.shape[2:] != flow.shape[2:]):
        raise ValueError(
            f"{pixels_name} and {flow_name} must agree in batch{', height and width' if same_size else ''}, "
            f"but their shapes are {tuple(pixels.shape)} and {tuple(flow.shape)}"
        )
    if not (pixels.is_floating_point() and flow.is_floating_point()):
        raise ValueError(
            f"{pixels_name} and {flow_name} must be floating point, "
            f"but they are {pixels.dtype} and {flow.dtype}"
        )
    if pixels.device != flow.device:
        raise ValueError(
            f"{pixels_name} and {flow_name} must lie on one device, but they lie on "
            f"{pixels.device} and {flow.device}"
        )
