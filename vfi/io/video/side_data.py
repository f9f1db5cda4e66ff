"""The metadata that a decoded frame carries beside its samples."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import av
import numpy as np

from vfi.io.frames import ContentLight, MasteringDisplay

CLOSED_CAPTIONS = "closed captions"
LOST_METADATA = {
    "DYNAMIC_HDR_PLUS": "HDR10+ metadata",
    "DYNAMIC_HDR_VIVID": "HDR Vivid metadata",
    "DOVI_METADATA": "Dolby Vision metadata",
    "DOVI_RPU_BUFFER": "Dolby Vision metadata",
    "SPHERICAL": "the mark of spherical video",
    "STEREO3D": "the mark of stereoscopic video",
    "A53_CC": CLOSED_CAPTIONS,
    "S12M_TIMECODE": "time codes",
    "GOP_TIMECODE": "time codes",
}
"""FFmpeg's names of side data that outputs do not get."""
_AS_STORED = (1 << 16, 0, 0, 1 << 16)  # the part of a display matrix that rotates and flips


def _entries(frame: av.VideoFrame) -> list[Any]:
    """The side data of a frame; empty where it has an entry that PyAV has no name for, such as Exif."""
    try:
        entries: Any = frame.side_data  # a mapping by its type stub, but iterating gives the entries
    except ValueError:
        return []
    return list(entries)


def lost_metadata(frame: av.VideoFrame) -> tuple[str, ...]:
    """Names, for messages, of the metadata of a decoded frame that outputs do not get."""
    kinds = [getattr(entry.type, "name", "") for entry in _entries(frame)]
    return tuple(dict.fromkeys(LOST_METADATA[kind] for kind in kinds if kind in LOST_METADATA))


def hdr_metadata(frame: av.VideoFrame) -> tuple[MasteringDisplay | None, ContentLight | None]:
    """Static HDR metadata of a decoded frame, as FFmpeg's side data structures hold it."""
    mastering = light = None
    for entry in _entries(frame):
        kind = getattr(entry.type, "name", "")
        if kind == "MASTERING_DISPLAY_METADATA":
            mastering = _mastering_display(np.frombuffer(bytes(entry), np.int32))
        elif kind == "CONTENT_LIGHT_LEVEL":
            content, average = np.frombuffer(bytes(entry), np.uint32)[:2]
            light = ContentLight(int(content), int(average))
    return mastering, light


def display_matrix(frame: av.VideoFrame) -> tuple[int, ...]:
    """The matrix by which players rotate and flip a decoded frame; empty if it is shown as stored."""
    for entry in _entries(frame):
        if getattr(entry.type, "name", "") == "DISPLAYMATRIX":
            matrix = tuple(np.frombuffer(bytes(entry), np.int32)[:9].tolist())
            rotating = matrix[0], matrix[1], matrix[3], matrix[4]
            return matrix if any(rotating) and rotating != _AS_STORED else ()
    return ()


def orientation(matrix: tuple[int, ...]) -> tuple[int, bool]:
    """Degrees counter-clockwise to rotate a frame by, and whether to flip it left to right before.

    Args:
        matrix: Nine numbers as of :attr:`SourceInfo.display_matrix`; empty: shown as stored.
    """
    if not matrix:
        return 0, False
    a, b, c, d = matrix[0], matrix[1], matrix[3], matrix[4]
    flipped = a * d - b * c < 0
    if flipped:
        a, b = -a, -b
    return round(-math.degrees(math.atan2(b, a)) / 90) % 4 * 90, flipped


def _mastering_display(numbers: np.ndarray) -> MasteringDisplay | None:
    """Ten rationals (red, green, blue, white as x, y; least and greatest luminance) and two flags."""
    pairs = numbers[:20].reshape(10, 2).tolist()
    if not all(numbers[20:22]) or not all(denominator for _, denominator in pairs):
        return None
    values = [Fraction(numerator, denominator) for numerator, denominator in pairs]
    return MasteringDisplay(
        red=(values[0], values[1]),
        green=(values[2], values[3]),
        blue=(values[4], values[5]),
        white=(values[6], values[7]),
        luminance_min=values[8],
        luminance_max=values[9],
    )
