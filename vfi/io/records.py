"""The records that both sides of video input and output share: plain numbers, no open files.

All times are :class:`fractions.Fraction` seconds. Colour tags are the numbers of ITU-T H.273, which FFmpeg
uses too: 2 means "unspecified" in each of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from vfi.io.picture import Picture

UNSPECIFIED = 2
MATRIX_RGB = 0
MATRIX_BT709 = 1
MATRIX_BT601 = 6
PRIMARIES_BT709 = 1
TRANSFER_BT709 = 1
TRANSFER_SRGB = 13

# Players take untagged pictures of at least this size for BT.709, smaller ones for BT.601.
HD_HEIGHT = 720
HD_WIDTH = 1280


@dataclass(frozen=True)
class ColorTags:
    """How the samples of a picture encode colour: ITU-T H.273 numbers, as FFmpeg has them."""

    primaries: int = UNSPECIFIED
    transfer: int = UNSPECIFIED
    matrix: int = UNSPECIFIED
    """0 = the samples are R'G'B', 1 = BT.709, 5 and 6 = BT.601, 9 = BT.2020, 2 = not told."""
    full_range: bool = False
    """True: black is 0 and white the largest code; False: 16 and 235 (times a power of two)."""

    def matrix_for(self, height: int, width: int) -> int:
        """The matrix to compute with: the tag itself or, where there is none, what players assume.

        Args:
            height: Picture height in pixels.
            width: Picture width in pixels.
        """
        if self.matrix != UNSPECIFIED:
            return self.matrix
        return MATRIX_BT709 if height >= HD_HEIGHT or width >= HD_WIDTH else MATRIX_BT601


SRGB = ColorTags(PRIMARIES_BT709, TRANSFER_SRGB, MATRIX_RGB, full_range=True)
"""What image files without a profile hold."""


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
    """One stream of the container beside the pictures, for carrying it over and for messages."""

    index: int
    """Number of the stream in its container."""
    kind: Literal["audio", "subtitle", "data", "attachment", "video", "cover", "unknown"]
    """``"cover"`` is an attached picture, ``"video"`` a further video stream."""
    codec: str
    """FFmpeg's codec name, or an empty string."""
    language: str | None = None


@dataclass(frozen=True)
class SourceInfo:
    """Everything that is known of a source before its first frame is decoded."""

    path: Path
    kind: Literal["video", "images", "pair"]
    height: int
    """Pixels, as stored: before rotation for display."""
    width: int
    rate: Fraction | None
    """Nominal frames per second; None where the rate varies and only the time stamps tell."""
    duration: Fraction | None
    """Seconds of the part that will be read, as far as the container tells."""
    frame_count: int | None
    """Frames of the part that will be read: exact for images, an estimate for video."""
    bits: int
    """Bits per sample, 8 to 16."""
    has_alpha: bool
    pixel_format: str
    """FFmpeg's name of the sample layout."""
    color: ColorTags
    sample_aspect_ratio: Fraction | None = None
    """Width of a pixel over its height; None where not told."""
    rotation: int = 0
    """Degrees counter-clockwise by which players turn the stored picture: 0, 90, 180 or 270."""
    has_audio: bool = False
    start: Fraction = Fraction(0)
    """Time of the first picture of the whole stream (before trimming), on the source's clock."""
    clock_zero: Fraction = Fraction(0)
    """Container time that counts as 0 on the source's clock: recordings of broadcasts start at any number.
    Packets that are copied from the container have to be moved back by it, too."""
    codec: str = ""
    """FFmpeg's name of the codec of the pictures; empty for images."""
    mastering_display: MasteringDisplay | None = None
    content_light: ContentLight | None = None
    lost_metadata: tuple[str, ...] = ()
    """Names of what the pictures carry one by one and no output can: new pictures have none of it."""
    streams: tuple[StreamRecord, ...] = ()
    """All streams but the one that is read."""

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
    """One picture of a source with its place in time."""

    index: int
    """Counts delivered frames from 0."""
    time: Fraction
    """Seconds on the source's own clock; strictly increasing."""
    duration: Fraction
    """Seconds until the next frame; positive."""
    picture: Picture
    name: str
    """File stem of an image, or the zero-padded number of a video frame."""


@dataclass(frozen=True)
class OutputFrame:
    """One picture to be written, with its place in the output's time."""

    index: int
    time: Fraction
    """Seconds on the output's clock; strictly increasing."""
    duration: Fraction
    picture: Picture
    name: str
    """File stem under which an image folder keeps it."""
