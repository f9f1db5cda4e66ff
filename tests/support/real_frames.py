"""Frames of real footage, for the tests that need some; the footage itself is not in this project."""

from __future__ import annotations

from pathlib import Path

import torch.nn.functional as F

from vfi.io import open_source
from vfi.types import Window


def real_window(data_folder: Path, height: int, width: int) -> Window:
    """Four frames of a real clip, enlarged to the size wanted."""
    with open_source(data_folder / "demo" / "dog_play_720p.mp4") as source:
        frames = [frame.image.tensor() for frame, _ in zip(source, range(4), strict=False)]
    resized = [F.interpolate(frame, (height, width), mode="bicubic").clamp(0, 1) for frame in frames]
    return Window.from_frames(resized)
