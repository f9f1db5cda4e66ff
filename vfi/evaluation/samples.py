"""Samples of a benchmark: which frames go in, which are compared, and where they lie.

A data set is a list of samples; a :class:`FrameReader` reads their frames, each once where neighboring
samples use the same.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import numpy as np

from vfi.errors import InputError
from vfi.io import open_source
from vfi.io.base import FrameSource
from vfi.io.frames import SourceFrame
from vfi.io.images.files import read_image

CACHE_BYTES = 1 << 30
"""Memory for frames that neighboring samples use in common, in bytes."""
LONGEST_SKIP = 64
"""Frames of a video that are decoded and dropped rather than sought."""


class FrameRef(NamedTuple):
    """One frame of a data set: an image file, or one frame of a video."""

    path: Path
    number: int | None = None
    """Index of the frame in the video, from 0; None: the file is an image."""

    def __str__(self) -> str:
        """The file, and the frame in it."""
        return str(self.path) if self.number is None else f"{self.path}, frame {self.number}"


class Target(NamedTuple):
    """A ground-truth frame between the two of a sample."""

    t: Fraction
    """Time in (0, 1)."""
    frame: FrameRef


@dataclass(frozen=True)
class Sample:
    """Two frames, their outer neighbours where the data set has them, and the frames between."""

    name: str
    """Unique within its data set."""
    group: str
    """Clip, sequence or category."""
    start: FrameRef
    end: FrameRef
    targets: tuple[Target, ...]
    prev: FrameRef | None = None
    next: FrameRef | None = None

    @property
    def has_neighbors(self) -> bool:
        """Whether both outer frames are there, as a model of four frames wants them."""
        return self.prev is not None and self.next is not None


class FrameReader:
    """Reads frames of a data set as uint8 RGB; a context manager that closes the videos it opened."""

    def __init__(self, cache_bytes: int = CACHE_BYTES) -> None:
        """Read nothing yet.

        Args:
            cache_bytes: Memory for frames that are kept, in bytes.
        """
        self._cache_bytes = cache_bytes
        self._cache: OrderedDict[FrameRef, np.ndarray] = OrderedDict()
        self._video: _Video | None = None

    def read(self, frame: FrameRef) -> np.ndarray:
        """Read one frame.

        Args:
            frame: Image file or frame of a video. Frames of videos are best asked for in their order.

        Returns:
            uint8 ``[H, W, 3]``, RGB; deeper samples are rounded to 8 bits, alpha is dropped.

        Raises:
            InputError: If the file is missing or damaged, or the video has no such frame.
        """
        if frame in self._cache:
            self._cache.move_to_end(frame)
            return self._cache[frame]
        pixels = self._image(frame.path) if frame.number is None else self._video_frame(frame)
        self._cache[frame] = pixels
        while len(self._cache) > 1 and sum(kept.nbytes for kept in self._cache.values()) > self._cache_bytes:
            self._cache.popitem(last=False)
        return pixels

    def __enter__(self) -> FrameReader:
        """The reader itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the video that is open."""
        if self._video is not None:
            self._video.close()

    @staticmethod
    def _image(path: Path) -> np.ndarray:
        return rgb8(read_image(path))

    def _video_frame(self, frame: FrameRef) -> np.ndarray:
        assert frame.number is not None
        if self._video is None or self._video.path != frame.path:
            if self._video is not None:
                self._video.close()
            self._video = _Video(frame.path)
        return self._video.read(frame.number)


class _Video:
    """A video that is read forwards, and sought where the next frame lies behind or far ahead."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._source: FrameSource = open_source(path)
        self._frames: Iterator[SourceFrame] = iter(())
        self._next = 0
        self._at_start = False

    def read(self, number: int) -> np.ndarray:
        if not self._at_start or not self._next <= number <= self._next + LONGEST_SKIP:
            self._frames, self._next, self._at_start = self._source.read(number), number, True
        for frame in self._frames:
            self._next += 1
            if self._next > number:
                return rgb8(frame.image.upright().rgb())
        self._at_start = False
        raise InputError(f"{self.path} has no frame {number}: it is shorter, or damaged before it.")

    def close(self) -> None:
        self._source.close()


def rgb8(samples: np.ndarray) -> np.ndarray:
    """Convert samples to 8-bit RGB; deeper ones are rounded, alpha is dropped.

    Args:
        samples: Samples ``[H, W, 3]`` or ``[H, W, 4]``, uint8 or uint16.

    Returns:
        uint8 ``[H, W, 3]``.
    """
    rgb = np.ascontiguousarray(samples[..., :3])
    return rgb if rgb.dtype == np.uint8 else ((rgb.astype(np.uint32) + 128) // 257).astype(np.uint8)
