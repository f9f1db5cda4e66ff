"""Cutting a source down to a part of its time."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

from vfi.errors import ConfigError, InputError
from vfi.io.records import SourceInfo


def check_trim(start: Fraction | None, end: Fraction | None) -> None:
    """Refuse a part that cannot hold anything.

    Raises:
        ConfigError: If ``start`` is negative or ``end`` is not after it.
    """
    if start is not None and start < 0:
        raise ConfigError(f"--start {float(start):g} is before the beginning: give 0 or more seconds.")
    if end is not None and end <= (start or 0):
        raise ConfigError(
            f"--end {float(end):g} is not after the start: give more than {float(start or 0):g} seconds."
        )


def trimmed_info(info: SourceInfo, start: Fraction | None, end: Fraction | None) -> SourceInfo:
    """The information about a whole source, narrowed to the part from ``start`` to ``end``.

    Args:
        info: Of the whole source.
        start: Seconds on the source's clock, inclusive; None: from the beginning.
        end: Seconds, exclusive; None: to the end.

    Raises:
        ConfigError: If the part cannot hold anything.
        InputError: If the source ends before the part begins.
    """
    check_trim(start, end)
    if info.duration is None or (start is None and end is None):
        return info
    first, last = info.start, info.start + info.duration
    if start is not None and start >= last:
        raise InputError(f"{info.path} ends at {float(last):.2f} s: give a --start before that.")
    begin, stop = max(first, start or first), min(last, end or last)
    if stop <= begin:
        raise InputError(f"{info.path} begins at {float(first):.2f} s: give an --end after that.")
    return replace(info, duration=stop - begin, frame_count=_frames_between(info, begin, stop))


def _frames_between(info: SourceInfo, begin: Fraction, stop: Fraction) -> int | None:
    if info.rate is not None:
        return math.ceil((stop - info.start) * info.rate) - math.ceil((begin - info.start) * info.rate)
    if info.frame_count is None or not info.duration:
        return None
    return max(1, round(info.frame_count * (stop - begin) / info.duration))
