"""Records that readers and writers have in common: plain values, no open files.

All times are :class:`fractions.Fraction` seconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Literal

from vfi.errors import ConfigError, InputError
from vfi.io.pixels.picture import Picture
from vfi.io.pixels.tags import ColorTags


@dataclass(frozen=True)
class MasteringDisplay:
    """The display on which HDR material was graded (SMPTE ST 2086)."""

    red: tuple[Fraction, Fraction]
    """CIE 1931 x and y of the red primary."""
    green: tuple[Fraction, Fraction]
    blue: tuple[Fraction, Fraction]
    white: tuple[Fraction, Fraction]
    luminance_min: Fraction
    """Darkest level in cd/m^2."""
    luminance_max: Fraction
    """Brightest level in cd/m^2."""


@dataclass(frozen=True)
class ContentLight:
    """Light levels of HDR material (CTA-861.3)."""

    max_content: int
    """Brightest pixel, MaxCLL, in cd/m^2."""
    max_frame_average: int
    """Brightest frame average, MaxFALL, in cd/m^2."""


@dataclass(frozen=True)
class StreamRecord:
    """One stream of the container other than the frames, for copying it and for messages."""

    index: int
    """Number of the stream in its container."""
    kind: Literal["audio", "subtitle", "data", "attachment", "video", "cover", "unknown"]
    """``"cover"`` is a cover image, ``"video"`` a further video stream."""
    codec: str
    """FFmpeg's codec name, or an empty string."""
    language: str | None = None


@dataclass(frozen=True)
class SourceInfo:
    """Properties of a source that are known before its first frame is decoded."""

    path: Path
    kind: Literal["video", "images", "pair"]
    height: int
    """Pixels, as stored: before rotation for display."""
    width: int
    rate: Fraction | None
    """Nominal frames per second; None for a variable rate, which only the timestamps state."""
    duration: Fraction | None
    """Seconds of the part that will be read, as far as the container states them."""
    frame_count: int | None
    """Frames of the part that will be read: exact for images, an estimate for video."""
    bits: int
    """Bits per sample, 8 to 16."""
    has_alpha: bool
    pixel_format: str
    """FFmpeg's name of the sample layout."""
    color: ColorTags
    sample_aspect_ratio: Fraction | None = None
    """Width of a pixel over its height; None where not stated."""
    rotation: int = 0
    """Degrees counter-clockwise by which players rotate the stored frame: 0, 90, 180 or 270."""
    display_matrix: tuple[int, ...] = ()
    """The nine numbers by which players rotate, flip and move the stored frame, as FFmpeg has them (ISO/IEC
    14496-12, the first two columns in 16.16, the last in 2.30 fixed point); empty: as it is stored."""
    flipped: bool = False
    """Whether players flip the stored frame left to right before they rotate it by ``rotation``."""
    has_audio: bool = False
    start: Fraction = Fraction(0)
    """Time of the first frame of the whole stream (before trimming), on the source's clock."""
    clock_zero: Fraction = Fraction(0)
    """Container time that counts as 0 on the source's clock: recordings of broadcasts start at any number.
    Packets that are copied from the container have to be moved back by it, too."""
    codec: str = ""
    """FFmpeg's name of the video codec; empty for images."""
    mastering_display: MasteringDisplay | None = None
    content_light: ContentLight | None = None
    lost_metadata: tuple[str, ...] = ()
    """Names of metadata that single frames carry and outputs cannot, because new frames have none."""
    color_profiles: tuple[str, ...] = ()
    """Distinct names of the images' colour profiles; an empty name stands for sRGB."""
    streams: tuple[StreamRecord, ...] = ()
    """All streams except the one that is read."""
    notes: tuple[str, ...] = ()
    """Sentences about the input that its user should know."""

    @property
    def display_height(self) -> int:
        """Height in pixels after rotation."""
        return self.width if self.rotation % 180 else self.height

    @property
    def display_width(self) -> int:
        """Width in pixels after rotation."""
        return self.height if self.rotation % 180 else self.width


@dataclass(frozen=True)
class SourceFrame:
    """One frame of a source with its time."""

    index: int
    """Counts delivered frames from 0."""
    time: Fraction
    """Seconds on the source's own clock; strictly increasing."""
    duration: Fraction
    """Seconds until the next frame; positive."""
    image: Picture
    name: str
    """File stem of an image, or the zero-padded number of a video frame."""


@dataclass(frozen=True)
class OutputFrame:
    """One frame to be written, with its time in the output."""

    index: int
    time: Fraction
    """Seconds on the output's clock; strictly increasing."""
    duration: Fraction
    image: Picture
    name: str
    """File stem of the frame in a folder of images."""


def check_trim(start: Fraction | None, end: Fraction | None) -> None:
    """Refuse a part that cannot contain any frame.

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
    """The information on the part of a source from ``start`` to ``end``.

    Args:
        info: Information on the whole source.
        start: Seconds on the source's clock, inclusive; None: from the beginning.
        end: Seconds, exclusive; None: to the end.

    Raises:
        ConfigError: If the part cannot contain any frame.
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
