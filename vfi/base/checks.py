"""Validation of arguments: numbers, times and frames; each error is one sentence."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vfi.types import Window


def whole_number(name: str, value: Any, *, least: int = 1) -> int:
    """The value of any kind of number as an int.

    Args:
        name: Name of the argument, for the message.
        value: Whole number of any type: int, NumPy integer, ``Fraction(3)``, ``Decimal(3)``, ``3.0``.
        least: Smallest value allowed.

    Raises:
        ValueError: If ``value`` is no whole number, or too small.
    """
    number = _number(value)
    if number is None or not math.isfinite(number) or number != int(number) or number < least:
        raise ValueError(f"{name} must be a whole number from {least} on, not {value!r}")
    return int(value)


def as_times(t: Any) -> tuple[list[float | Tensor], bool]:
    """The times as a list, and whether a single time was given instead of several.

    Args:
        t: Time or times: a number of any type, a tensor with one time per sample, or a flat sequence of
            these (a list, a tuple, a NumPy array ``[K]``).

    Raises:
        ValueError: If ``t`` is anything else.
    """
    if _number(t) is not None or isinstance(t, Tensor):
        return [_one_time(t)], True
    if isinstance(t, (str, bytes, Mapping)) or not isinstance(t, Iterable):
        raise ValueError(_no_time(t))
    return [_one_time(item) for item in t], False


def time_tensor(t: float | Tensor, batch: int, device: torch.device) -> Tensor:
    """A time as a tensor ``[batch]``.

    Args:
        t: Time in (0, 1), a number or a tensor, ``[]`` or ``[batch]``.
        batch: Number of samples.
        device: Device of the result.

    Raises:
        ValueError: If a time does not lie between 0 and 1, or the tensor has another length.
    """
    time = torch.as_tensor(_one_time(t), dtype=torch.float32, device=device)
    if time.shape not in ((), (batch,)):
        raise ValueError(
            f"t must be a number or a tensor with one time for each of the {batch} samples, "
            f"but its shape is {tuple(time.shape)}"
        )
    if not bool(((time > 0) & (time < 1)).all()):
        raise ValueError(f"t must lie between 0 and 1, both excluded, but it is {t}")
    return time.expand(batch)


def require_window(window: Any, *, check_finite: bool) -> None:
    """Check that an object is a window of frames.

    Args:
        window: Window of frames ``[B, 3, H, W]`` or ``[B, 4, H, W]``.
        check_finite: Whether the frames are searched for NaN and infinity.

    Raises:
        ValueError: If ``window`` is anything else, or its frames differ in size, are empty, or not finite.
    """
    if not isinstance(window, Window):
        raise ValueError(f"window must be a vfi.types.Window, not {type(window).__name__}")
    for name in ("start", "end", "prev", "next"):
        frame = getattr(window, name)
        if frame is None and name in ("prev", "next"):
            continue
        what = f"the window's frame {name!r}"
        if not isinstance(frame, Tensor) or not frame.is_floating_point() or frame.ndim != 4:
            raise ValueError(f"{what} must be a float tensor [B, 3, H, W], not {_kind(frame)}")
        if frame.shape[1] not in (3, 4):
            raise ValueError(f"{what} must have 3 or 4 channels, but it is {list(frame.shape)}")
        if frame.shape != window.start.shape:
            raise ValueError(
                f"frames must have one size, but {what} is {list(frame.shape)} "
                f"beside {list(window.start.shape)}"
            )
        require_usable(frame, what)
        if check_finite:
            require_finite(frame, what)


def require_usable(frame: Tensor, what: str) -> None:
    """Check that a tensor is dense and has values.

    Args:
        frame: Tensor to check.
        what: Description of the tensor for the message.

    Raises:
        ValueError: If the tensor is empty, sparse, or on the meta device.
    """
    if frame.is_meta:
        raise ValueError(f"{what} is on the meta device and has no values: give frames on a real device")
    if frame.layout != torch.strided:
        raise ValueError(f"{what} is a sparse tensor: give a dense one, frame.to_dense()")
    if frame.numel() == 0:
        raise ValueError(
            f"{what} must have at least one sample and one pixel, but its shape is {list(frame.shape)}"
        )


def require_finite(frame: Tensor, what: str) -> None:
    """Check that a frame has no NaN or infinity, which would spread into the result without an error.

    Args:
        frame: Tensor to check.
        what: Description of the tensor for the message.

    Raises:
        ValueError: If a value is not finite.
    """
    # One sum is the fastest test; single values are tested only if it is not finite.
    if bool(frame.sum(dtype=torch.float32).isfinite()) or bool(frame.isfinite().all()):
        return
    raise ValueError(
        f"{what} holds NaN or infinite values: replace them (frame.nan_to_num()), or pass check_finite=False"
    )


def _number(value: Any) -> float | None:
    """The value of a number of any type as a float; None for anything else."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if not isinstance(value, (Real, Decimal, np.number)) or isinstance(value, np.complexfloating):
        return None
    try:
        return float(value)
    except (OverflowError, ValueError):  # beyond any float, a signalling NaN
        return math.nan


def _one_time(t: Any) -> float | Tensor:
    """One time as a float or a tensor of real numbers."""
    if isinstance(t, Tensor):
        if t.is_meta or t.layout != torch.strided or t.is_complex():
            raise ValueError("t must be a dense tensor of real numbers on a real device")
        return t
    number = _number(t)
    if number is None:
        raise ValueError(_no_time(t))
    return number


def _no_time(t: Any) -> str:
    """The message for an invalid time."""
    shown = repr(t)
    shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
    return (
        "t must be a number between 0 and 1, a flat list of such, or a tensor with one per sample, "
        f"not {shown}"
    )


def _kind(value: Any) -> str:
    """The description of a value that is no frame, for a message."""
    return f"{value.dtype} {list(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
