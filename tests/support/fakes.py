"""A model without motion and sources without files, for the tests of the pipeline and the command line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any, cast

import cv2
import numpy as np
import torch
from torch import Tensor

from vfi.base.interpolator import Interpolator, Sources
from vfi.io.frames import SourceFrame
from vfi.io.pixels.picture import Picture
from vfi.types import Interpolation, Window

HEIGHT, WIDTH = 48, 64


class Blender(Interpolator):
    """An interpolator that blends, and remembers what it was asked."""

    window = 4

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[Window, list[float], int | None]] = []

    def estimate_motion(self, window: Window) -> None:
        """There is none."""

    def flow_at(self, motion: None, t: Tensor) -> None:
        """There is none."""

    def synthesize(self, sources: Sources, motion: None, flow: None, t: Tensor, rows: slice) -> Interpolation:
        window = sources.window
        frame = torch.lerp(window.start, window.end, t.reshape(-1, 1, 1, 1))
        return Interpolation(frame[:, :, rows])

    def interpolate_window(
        self,
        window: Window,
        times: Sequence[float | Tensor],
        *,
        tile: int | None = None,
        check_finite: bool = True,
    ) -> list[Tensor]:
        self.asked.append((window, [float(time) for time in times], tile))
        return super().interpolate_window(window, times, check_finite=check_finite)

    @property
    def keys(self) -> list[tuple[int | None, ...]]:
        """The frame numbers of every window that was asked for, in the order of time."""
        numbers = [[key[1] for key in cast("Any", window.keys)] for window, _, _ in self.asked]
        return [(prev, start, end, following) for start, end, prev, following in numbers]


def scene_array(seed: int, shift: int = 0) -> np.ndarray:
    """An image ``[H, W, 3]`` of discs; the same seed with another shift is the same scene, moved."""
    random = np.random.default_rng(seed)
    image = np.full((HEIGHT, WIDTH, 3), random.integers(0, 256, 3), np.uint8)
    for size in np.geomspace(25, 2, 60):
        x, y = (int(random.integers(0, side)) for side in (WIDTH, HEIGHT))
        color = tuple(int(value) for value in random.integers(0, 256, 3))
        cv2.circle(image, (x + shift, y), int(size), color, -1)
    return image


def source_frames(
    shifts: Iterable[tuple[int, int]], times: Sequence[Fraction | int] | None = None
) -> list[SourceFrame]:
    """Frames from (scene, shift) pairs, one second each unless times are given."""
    listed = list(shifts)
    stamps = [Fraction(time) for time in (times or range(len(listed) + 1))]
    stamps.append(2 * stamps[-1] - stamps[-2])
    return [
        SourceFrame(
            index=number,
            time=stamps[number],
            duration=stamps[number + 1] - stamps[number],
            image=Picture.from_rgb(scene_array(*shift)),
            name=f"{number + 1:03d}",
        )
        for number, shift in enumerate(listed)
    ]
