"""Image sources: a folder in natural order, a pair, or an animated gif, webp or png."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from vfi.errors import InputError
from vfi.io.base import FrameSource
from vfi.io.files import ANIMATION_SUFFIXES
from vfi.io.frames import SourceFrame, SourceInfo, trimmed_info
from vfi.io.images.files import ImageHeader, read_header, read_image
from vfi.io.images.profile import profile_name
from vfi.io.pixels import color
from vfi.io.pixels.picture import Picture
from vfi.io.pixels.storage import ColorProfile, ImageStorage
from vfi.io.pixels.tags import SRGB
from vfi.io.threads import read_ahead_count

DEFAULT_IMAGE_RATE = Fraction(24)
# Seconds for which browsers show animation frames of duration 0.
_UNTIMED_FRAME = Fraction(1, 10)
_PIXEL_FORMATS = {(8, False): "rgb24", (8, True): "rgba", (16, False): "rgb48le", (16, True): "rgba64le"}


class ImageSource(FrameSource):
    """Image files as frames at a constant rate.

    All frames get the number of channels and the depth of the richest file. The sizes of all files are
    compared when the source is opened, so that a bad file is found before anything is written. Where they
    may differ, the source's size is that of the first.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        *,
        root: Path,
        kind: Literal["images", "pair"] = "images",
        rate: Fraction | None = None,
        start: Fraction | None = None,
        end: Fraction | None = None,
        mixed_sizes: bool = False,
    ) -> None:
        """Compare the headers of all files.

        Args:
            paths: Image files in order; at least one.
            root: Path from the user: the folder or the first file.
            kind: Folder or pair.
            rate: Frames per second; None: 24.
            start: Start in seconds, inclusive; None: from the first frame.
            end: End in seconds, exclusive; None: to the last frame.
            mixed_sizes: Whether the files may differ in size, because the reader resizes them.

        Raises:
            InputError: If a file is not an image, or their sizes differ and must not.
        """
        rate = rate or DEFAULT_IMAGE_RATE
        headers = [read_header(path) for path in paths]
        if not mixed_sizes:
            _refuse_mixed_sizes(paths, headers)
        bits = max(header.bits for header in headers)
        has_alpha = any(header.has_alpha for header in headers)
        whole = SourceInfo(
            path=root,
            kind=kind,
            height=headers[0].height,
            width=headers[0].width,
            rate=rate,
            duration=len(paths) / rate,
            frame_count=len(paths),
            bits=bits,
            has_alpha=has_alpha,
            pixel_format=_PIXEL_FORMATS[bits, has_alpha],
            color=SRGB,
            color_profiles=_profile_names(headers),
        )
        info = trimmed_info(whole, start, end)
        super().__init__(info, read_ahead_count(info.height, info.width, (3 + has_alpha) * bits / 8))
        self._paths = paths
        self._headers = headers
        self._rate = rate
        self._first = math.ceil((start or 0) * rate)
        self._last = len(paths) if end is None else min(len(paths), math.ceil(end * rate))

    @property
    def images(self) -> Sequence[Path]:
        """Paths of the files that are read, in order."""
        return self._paths[self._first : self._last]

    def _read(self, first: int, last: int | None) -> Iterator[SourceFrame]:
        """Frames as of :meth:`read`; no other image is decoded."""
        count = max(0, self._last - self._first)
        yield from map(self._frame, range(first, count if last is None else min(count, last + 1)))

    def timestamps(self) -> list[tuple[Fraction, Fraction]]:
        """Time and duration of every frame, in seconds; no image is decoded."""
        return [(number / self._rate, 1 / self._rate) for number in range(self._first, self._last)]

    def _frames(self) -> Iterator[SourceFrame]:
        return self._read(0, None)

    def _frame(self, index: int) -> SourceFrame:
        number = self._first + index
        path, header = self._paths[number], self._headers[number]
        array = self._conformed(read_image(path), path, header)
        # Readers that ignore EXIF see another image in a file that is upright only by its EXIF tag.
        image = Picture.from_rgb(
            array, path=path if header.orientation == 1 else None, storage=header.storage
        )
        return SourceFrame(index, number / self._rate, 1 / self._rate, image, path.stem)

    def _conformed(self, array: np.ndarray, path: Path, header: ImageHeader) -> np.ndarray:
        """Convert samples to the depth and channels of the whole source."""
        info = self.info
        if array.shape[:2] != (header.height, header.width):
            raise InputError(
                f"{path} is no longer {header.width}x{header.height}: do not change the images during a run."
            )
        if info.bits > 8:
            array = color.to_uint16(array)
        if info.has_alpha and array.shape[2] == 3:
            opaque = np.full((*array.shape[:2], 1), np.iinfo(array.dtype).max, array.dtype)
            array = np.concatenate([array, opaque], axis=2)
        return array


def _profile_names(headers: Sequence[ImageHeader]) -> tuple[str, ...]:
    """Names of the colour profiles of the images, in order and once each; empty for sRGB."""
    profiles = dict.fromkeys(header.storage.profile for header in headers if header.storage)
    return tuple(dict.fromkeys(profile_name(profile) for profile in profiles))


def _refuse_mixed_sizes(paths: Sequence[Path], headers: Sequence[ImageHeader]) -> None:
    first = headers[0]
    for path, header in zip(paths, headers, strict=True):
        if (header.height, header.width) != (first.height, first.width):
            raise InputError(
                f"The images have different sizes: {paths[0]} is {first.width}x{first.height}, "
                f"{path} is {header.width}x{header.height}; resize or separate them."
            )


def is_animation(path: Path) -> bool:
    """Whether a file is an image with several frames, by its format and content."""
    if path.suffix.lower() not in ANIMATION_SUFFIXES:
        return False
    try:
        with Image.open(path) as image:
            return getattr(image, "n_frames", 1) > 1 or image.format == "GIF"
    except Exception:  # of any type: Pillow's readers of damaged files raise IndexError, struct.error, ...
        return False


class AnimationSource(FrameSource):
    """An animated gif, webp or png: whole frames as a browser shows them, with their own durations."""

    def __init__(self, path: Path, start: Fraction | None = None, end: Fraction | None = None) -> None:
        """Read the durations of all frames, and whether any pixel is transparent.

        Args:
            path: Animated image file.
            start: Start in seconds, inclusive; None: from the beginning.
            end: End in seconds, exclusive; None: to the end.

        Raises:
            InputError: If the file is damaged.
        """
        self._durations, transparent = _survey(path)
        header = read_header(path)
        profile = header.storage.profile if header.storage else ColorProfile()
        self._storage = ImageStorage(
            path.suffix.lower().lstrip("."), 8, gray=False, has_alpha=transparent, profile=profile
        )
        rate = 1 / self._durations[0] if len(set(self._durations)) == 1 else None
        whole = SourceInfo(
            path=path,
            kind="video",
            height=header.height,
            width=header.width,
            rate=rate,
            duration=sum(self._durations, Fraction(0)),
            frame_count=len(self._durations),
            bits=8,
            has_alpha=transparent,
            pixel_format=_PIXEL_FORMATS[8, transparent],
            color=SRGB,
            codec=self._storage.file_format,
            color_profiles=(profile_name(profile),),
        )
        info = trimmed_info(whole, start, end)
        super().__init__(info, read_ahead_count(info.height, info.width, 4))
        self._start, self._end = start or Fraction(0), end

    def _frames(self) -> Iterator[SourceFrame]:
        time = Fraction(0)
        index = 0
        with Image.open(self.info.path) as image:
            for number, duration in enumerate(self._durations):
                if self._end is not None and time >= self._end:
                    return
                if time >= self._start:
                    image.seek(number)
                    array = np.asarray(image.convert("RGBA" if self.info.has_alpha else "RGB"))
                    shown = duration if self._end is None else min(duration, self._end - time)
                    frame = Picture.from_rgb(array, storage=self._storage)
                    yield SourceFrame(index, time, shown, frame, f"{index:06d}")
                    index += 1
                time += duration


def _survey(path: Path) -> tuple[list[Fraction], bool]:
    """Durations of all frames of an animation in seconds, and whether any pixel is not opaque."""
    durations: list[Fraction] = []
    transparent = False
    try:
        with Image.open(path) as image:
            for number in range(getattr(image, "n_frames", 1)):
                image.seek(number)
                image.load()  # Pillow reads the duration of WebP frames only then
                milliseconds = Fraction(image.info.get("duration", 0)).limit_denominator(1000)
                durations.append(milliseconds / 1000 or _UNTIMED_FRAME)
                if not transparent and ("A" in image.mode or "transparency" in image.info):
                    transparent = np.asarray(image.convert("RGBA"))[..., 3].min() < 255
    except Exception as error:  # of any type, as above
        raise InputError(f"{path} is a damaged animation: replace it by the complete file.") from error
    return durations, bool(transparent)
