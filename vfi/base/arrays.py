"""Conversion of callers' frames: uint8 arrays ``[H, W, 3]`` or float tensors ``[B, 3, H, W]``, RGB."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vfi.base.checks import require_finite, require_usable


def as_tensors(frames: Sequence[Any], *, check_finite: bool = True) -> tuple[list[Tensor], bool]:
    """Frames of either kind as ``[B, 3, H, W]`` tensors in [0, 1], and whether they were arrays.

    Args:
        frames: Frames of one size, all uint8 arrays ``[H, W, 3]`` or all float tensors ``[B, 3, H, W]`` in
            [0, 1].
        check_finite: Whether tensors are searched for NaN and infinity.

    Raises:
        ValueError: If the frames are anything else, of several kinds or sizes, empty, or not finite.
    """
    arrays = all(isinstance(frame, np.ndarray) for frame in frames)
    if not arrays and not all(isinstance(frame, Tensor) for frame in frames):
        raise ValueError("frames must be all uint8 arrays [H, W, 3] or all float tensors [B, 3, H, W]")
    shapes = {tuple(frame.shape) for frame in frames}
    if len(shapes) > 1:
        raise ValueError(f"frames must have one size, but they have {sorted(shapes)}")
    types = ", ".join(sorted({str(frame.dtype) for frame in frames}))
    shape = shapes.pop()
    if arrays:
        if len(shape) != 3 or shape[2] != 3 or types != "uint8":
            raise ValueError(f"arrays must be uint8 [H, W, 3], but they are {types} {list(shape)}")
        if 0 in shape:
            raise ValueError(f"frames must have at least one pixel, but they are {list(shape)}")
        rows = [torch.from_numpy(np.array(frame, order="C")).permute(2, 0, 1) for frame in frames]
        return [frame[None].float() / 255 for frame in rows], True
    if len(shape) != 4 or shape[1] != 3 or not all(frame.is_floating_point() for frame in frames):
        raise ValueError(f"tensors must be float [B, 3, H, W] in [0, 1], but they are {types} {list(shape)}")
    for number, frame in enumerate(frames):
        require_usable(frame, f"frame {number}")
        if check_finite:
            require_finite(frame, f"frame {number}")
    return list(frames), False


def as_array(frame: Tensor) -> np.ndarray:
    """The frame ``[1, 3, H, W]`` in [0, 1] as a uint8 array ``[H, W, 3]``, rounded to nearest."""
    return (frame[0] * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous().cpu().numpy()
