"""Interpolation of clips in memory, and the windows of a clip."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor

from vfi.base.arrays import as_array, as_tensors
from vfi.base.checks import whole_number
from vfi.base.interpolator import Interpolator, require_interpolator
from vfi.types import FrameKeys, Window


def sliding_windows(frames: Iterable[Tensor]) -> Iterator[Window]:
    """The windows around all intervals of a clip.

    The first window has no ``prev``, the last one no ``next``. Keys are the frames' indices within this clip,
    with which a model reuses the results that overlapping windows have in common. Frames are read two ahead
    of the interval.

    Args:
        frames: Consecutive frames ``[B, C, H, W]`` of a clip.

    Yields:
        One window per pair of neighbouring frames.
    """
    clip = object()  # distinguishes the keys of this clip's frames from those of any other clip

    def window(around: deque[tuple[int, Tensor] | None]) -> Window:
        prev, start, end, following = around
        assert start is not None
        assert end is not None
        return Window(
            start[1],
            end[1],
            None if prev is None else prev[1],
            None if following is None else following[1],
            FrameKeys(*(frame and (clip, frame[0]) for frame in (start, end, prev, following))),
        )

    around: deque[tuple[int, Tensor] | None] = deque([None] * 4, maxlen=4)
    for numbered in enumerate(frames):
        around.append(numbered)
        if numbered[0] >= 2:
            yield window(around)
    around.append(None)
    if around[2] is not None and around[1] is not None:
        yield window(around)


def interpolate_frames(
    model: Interpolator, frames: Iterable[Any], inter_frames: int = 1, *, check_finite: bool = True
) -> Iterator[Any]:
    """Interpolate a clip in memory.

    Frames are read and computed while the generator is iterated; at most four are in memory::

        clip = list(vfi.interpolate_frames(vfi.load_model(), frames, inter_frames=3))

    Args:
        model: Interpolator, as :func:`vfi.load_model` returns.
        frames: Consecutive frames of one size: all uint8 RGB arrays ``[H, W, 3]``, or all float RGB tensors
            ``[B, 3, H, W]`` in [0, 1]. Any iterable, such as a generator.
        inter_frames: Number of new frames per interval, evenly spaced, 1 or more.
        check_finite: Whether tensors are searched for NaN and infinity.

    Yields:
        The original frames, unchanged, and the new ones, of the same kind, type, size and device, in order.

    Raises:
        ValueError: If ``model`` is no interpolator, ``inter_frames`` no whole number from 1 on, or the
            frames differ in kind or size or are not finite; the message names the frame.
    """
    require_interpolator(model)
    count = whole_number("inter_frames", inter_frames)
    if isinstance(frames, (str, bytes)) or not isinstance(frames, Iterable):
        raise ValueError(f"frames must be a sequence of frames, not {type(frames).__name__}")
    return _interpolated(model, frames, [step / (count + 1) for step in range(1, count + 1)], check_finite)


def _interpolated(
    model: Interpolator, frames: Iterable[Any], times: list[float], check_finite: bool
) -> Iterator[Any]:
    """The generator of :func:`interpolate_frames`, which checks the arguments when it is called."""
    given: deque[Any] = deque()
    with_tensors = _converted(frames, given, check_finite)
    for window in sliding_windows(with_tensors):
        original = given.popleft()
        yield original
        for frame in model.interpolate_window(window, times, check_finite=False):
            yield frame.to(original) if isinstance(original, Tensor) else as_array(frame)
    yield from given


def _converted(frames: Iterable[Any], given: deque[Any], check_finite: bool) -> Iterator[Tensor]:
    """The frames as tensors; each frame itself is appended to ``given``."""
    first: tuple[bool, torch.Size] | None = None
    for number, frame in enumerate(frames):
        try:
            (tensor,), is_array = as_tensors([frame], check_finite=check_finite)
        except ValueError as error:
            raise ValueError(f"frame {number} of the clip: {error}") from None
        kind = (is_array, tensor.shape)
        first = first or kind
        if kind != first:
            raise ValueError(
                f"frame {number} of the clip is {_described(kind)}, but frame 0 is {_described(first)}: "
                "give frames of one kind and size"
            )
        given.append(frame)
        yield tensor


def _described(kind: tuple[bool, torch.Size]) -> str:
    """The description of a frame for a message."""
    is_array, (batch, channels, height, width) = kind
    return (
        f"an array [{height}, {width}, 3]"
        if is_array
        else f"a tensor [{batch}, {channels}, {height}, {width}]"
    )
