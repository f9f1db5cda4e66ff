"""The metadata that a decoded frame carries beside its samples."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av
import numpy as np

from vfi.io.frames import ContentLight, MasteringDisplay

LOST_METADATA = {
    "DYNAMIC_HDR_PLUS": "HDR10+ metadata",
    "DYNAMIC_HDR_VIVID": "HDR Vivid metadata",
    "DOVI_METADATA": "Dolby Vision metadata",
    "DOVI_RPU_BUFFER": "Dolby Vision metadata",
    "SPHERICAL": "the mark of spherical video",
    "STEREO3D": "the mark of stereoscopic video",
    "S12M_TIMECODE": "time codes",
    "GOP_TIMECODE": "time codes",
}
"""FFmpeg's names of side data that outputs do not get."""


def lost_metadata(frame: av.VideoFrame) -> tuple[str, ...]:
    """What a decoded frame carries that is not passed on, in words for the user."""
    entries: Any = frame.side_data
    kinds = [getattr(entry.type, "name", "") for entry in entries]
    return tuple(dict.fromkeys(LOST_METADATA[kind] for kind in kinds if kind in LOST_METADATA))


def hdr_metadata(frame: av.VideoFrame) -> tuple[MasteringDisplay | None, ContentLight | None]:
    """Static HDR metadata of a decoded frame, as FFmpeg's side data structures hold it."""
    mastering = light = None
    entries: Any = frame.side_data  # a mapping by its type stub, but iterating gives the entries
    for entry in entries:
        kind = getattr(entry.type, "name", "")
        if kind == "MASTERING_DISPLAY_METADATA":
            mastering = _mastering_display(np.frombuffer(bytes(entry), np.int32))
        elif kind == "CONTENT_LIGHT_LEVEL":
            content, average = np.frombuffer(bytes(entry), np.uint32)[:2]
            light = ContentLight(int(content), int(average))
    return mastering, light


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
