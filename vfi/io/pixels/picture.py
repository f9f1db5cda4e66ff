"""One frame or image: its samples as in the source, with R'G'B' and tensors on demand.

A frame that was read keeps its decoded samples (or the path of its image file), so that it can be written
without conversion to R'G'B'. A new frame keeps R'G'B': as an array or, between two frames of a video, beyond
[0, 1] and with both neighbours (see :mod:`vfi.io.pixels.extended`).
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import av
import cv2
import numpy as np
import torch
from torch import Tensor

from vfi.io.pixels import color, convert, extended
from vfi.io.pixels.extended import RoundTrip
from vfi.io.pixels.storage import ImageStorage
from vfi.io.pixels.tags import MATRIX_RGB, SRGB, ColorTags


class _Cache:
    """What a :class:`Picture` computed on demand; several threads use it together."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.rgb: np.ndarray | None = None
        self.round_trips: dict[tuple[str, ColorTags], RoundTrip] = {}


@dataclass(frozen=True)
class _Between:
    """A new frame between two decoded ones, before it is converted to samples."""

    stored: np.ndarray
    """Extended R'G'B'(A), ``[3|4, H, W]``, as :func:`vfi.io.pixels.extended.pack` stores it."""
    start: Picture
    end: Picture
    t: float
    """Time between the two neighbours, in (0, 1)."""
    rounding: color.Rounding


@dataclass(frozen=True, eq=False)
class Picture:
    """One frame or image, 8 to 16 bit, with or without alpha; built by the ``from_...`` constructors only.

    R'G'B' is computed once and kept; tensors are not kept. All samples are in stored orientation: ``flipped``
    and ``rotation`` say how players show them, and :meth:`upright` applies both.
    """

    color: ColorTags
    bits: int
    """Bits per sample, 8 to 16."""
    has_alpha: bool
    frame: av.VideoFrame | None = None
    """The decoded frame, or None for image files and new frames."""
    chroma_site: convert.ChromaSite = "left"
    rotation: int = 0
    """Degrees counter-clockwise by which players rotate the frame: 0, 90, 180 or 270."""
    flipped: bool = False
    """Whether players flip the frame left to right before they rotate it."""
    path: Path | None = None
    """The image file with exactly these samples, or None."""
    storage: ImageStorage | None = None
    """How its image file or, for a new image, those of its neighbours are stored; None: not an image."""
    _array: np.ndarray | None = field(default=None, repr=False)
    _between: _Between | None = field(default=None, repr=False)
    _cache: _Cache = field(default_factory=_Cache, init=False, repr=False)

    @classmethod
    def from_frame(
        cls,
        frame: av.VideoFrame,
        *,
        tags: ColorTags | None = None,
        has_alpha: bool | None = None,
        chroma_site: convert.ChromaSite = "left",
        rotation: int = 0,
        flipped: bool = False,
    ) -> Picture:
        """Wrap a decoded frame, which is kept.

        Args:
            frame: Decoded frame, any layout of 8 to 16 bit.
            tags: Colour tags of its samples; None: as the frame says.
            has_alpha: False to ignore an alpha channel known to be opaque; None: as the layout says.
            chroma_site: Horizontal position of the chroma samples.
            rotation: Degrees counter-clockwise by which players rotate the frame.
            flipped: Whether they flip it left to right before.
        """
        name = frame.format.name
        return cls(
            tags or convert.frame_tags(frame),
            convert.format_bits(name),
            convert.format_has_alpha(name) if has_alpha is None else has_alpha,
            frame=frame,
            chroma_site=chroma_site,
            rotation=rotation,
            flipped=flipped,
        )

    @classmethod
    def from_rgb(
        cls,
        array: np.ndarray,
        like: Picture | None = None,
        *,
        path: Path | None = None,
        storage: ImageStorage | None = None,
    ) -> Picture:
        """Build a frame or image from R'G'B' samples.

        Args:
            array: R'G'B'(A), ``[H, W, 3|4]``, uint8, or uint16 over the full 16-bit range.
            like: Frame or image whose depth, colour tags and orientation are copied; None: sRGB.
            path: Image file with exactly these samples; None: none.
            storage: How image files store the samples; None: as ``like`` is stored.

        Raises:
            ValueError: If the array has another shape or data type.
        """
        if array.ndim != 3 or array.shape[2] not in (3, 4) or array.dtype not in (np.uint8, np.uint16):
            raise ValueError(f"uint8 or uint16 [H, W, 3|4] expected, got {array.dtype} {list(array.shape)}")
        bits = 8 if array.dtype == np.uint8 else 16
        if like is not None and like.bits > 8 and bits > 8:
            bits = like.bits
        return cls(
            like.color if like else SRGB,
            bits,
            array.shape[2] == 4,
            chroma_site=like.chroma_site if like else "left",
            rotation=like.rotation if like else 0,
            flipped=like is not None and like.flipped,
            path=path,
            storage=storage or (like.storage if like else None),
            _array=_read_only(array),
        )

    @classmethod
    def from_tensor(
        cls,
        frame: Tensor,
        *,
        like: Picture | None = None,
        end: Picture | None = None,
        t: float = 0.5,
        rounding: color.Rounding = "nearest",
    ) -> Picture:
        """Build a frame or image from a tensor.

        Args:
            frame: R'G'B'(A), ``[1, 3|4, H, W]`` or ``[3|4, H, W]``, float. Values outside [0, 1] are clamped,
                except between two frames of a video, whose samples may lie there.
            like: Frame or image whose depth, colour tags and orientation are copied; None: 8-bit sRGB.
            end: Frame after the new one, if ``like`` is the one before it: its samples become consistent with
                those of both; None: the new one is independent.
            t: Time between ``like`` and ``end``, in (0, 1).
            rounding: ``"nearest"``, or ``"truncate"`` as several papers' code does when it writes R'G'B'.

        Raises:
            ValueError: If the tensor holds more than one frame or ``rounding`` is neither of the two.
        """
        if like is None or end is None or not (like._has_native_samples and end._has_native_samples):
            dtype = np.uint16 if like is not None and like.bits > 8 else np.uint8
            array = color.array_from_tensor(frame, dtype=dtype, rounding=rounding)
            return cls.from_rgb(array, like, storage=_joined_storage(like, end))
        stored = extended.pack(color.single_frame(frame, rounding))
        return cls(
            like.color,
            like.bits,
            len(stored) == 4,
            chroma_site=like.chroma_site,
            rotation=like.rotation,
            flipped=like.flipped,
            _between=_Between(stored, like, end, t, rounding),
        )

    @cached_property
    def _size(self) -> tuple[int, int]:
        if self.frame is not None:
            return self.frame.height, self.frame.width
        if self._between is not None:
            return self._between.stored.shape[1], self._between.stored.shape[2]
        if self._array is None:
            raise ValueError("a Picture needs a frame or an array")
        return self._array.shape[0], self._array.shape[1]

    @property
    def height(self) -> int:
        """Height in pixels, as stored."""
        return self._size[0]

    @property
    def width(self) -> int:
        """Width in pixels, as stored."""
        return self._size[1]

    @property
    def _has_native_samples(self) -> bool:
        """Whether there is a decoded frame of Y'CbCr or gray, which R'G'B' cannot hold exactly."""
        return self.frame is not None and not convert.is_rgb_format(self.frame.format.name)

    def _has_chroma_of(self, pixel_format: str) -> bool:
        """Whether the decoded frame has the chroma subsampling of another planar layout."""
        assert self.frame is not None
        name = convert.planar_equivalent(self.frame.format.name)
        return convert.subsampling(name) == convert.subsampling(pixel_format)

    def rgb(self) -> np.ndarray:
        """Full-range R'G'B'(A), ``[H, W, 3|4]``: uint8, or uint16 over 16 bit above 8 bit. Read-only."""
        if self._array is not None:
            return self._array
        with self._cache.lock:
            if self._cache.rgb is None:
                self._cache.rgb = _read_only(self._convert_to_rgb())
            return self._cache.rgb

    def _convert_to_rgb(self) -> np.ndarray:
        if self._between is not None:
            dtype = np.uint8 if self.bits == 8 else np.uint16
            rgb = extended.unpack(self._between.stored)
            planar = color.quantized(rgb, dtype=dtype, rounding=self._between.rounding)
            return cv2.merge(list(planar))
        assert self.frame is not None
        return convert.rgb_from_frame(self.frame, self.color, self.chroma_site, self.has_alpha)

    def _extended_rgb(self) -> np.ndarray:
        """R'G'B'(A) that is not clamped to [0, 1], ``[3|4, H, W]``; only for native samples."""
        assert self.frame is not None
        return extended.extended_rgb(self.frame, self.color, self.chroma_site, self.has_alpha)

    def tensor(self, device: torch.device | str | None = None) -> Tensor:
        """R'G'B'(A) as ``[1, 3|4, H, W]`` float32 on ``device`` (None: the CPU).

        In [0, 1]; frames of a video exceed it where their samples are outside the nominal range.
        """
        if self._has_native_samples:
            assert self.frame is not None
            rgb = self._extended_rgb()
            # The frames beside this one will ask for it, most likely in this layout.
            self._round_trip(convert.planar_equivalent(self.frame.format.name), self.color, rgb)
            return torch.from_numpy(rgb)[None].to(device)
        return color.tensor_from_array(self.rgb(), device)

    def luma(self) -> np.ndarray:
        """Brightness ``[H, W]``, uint8: the luma codes of the decoded frame where it has them (cheap).

        Its range is that of the source: compare it only between frames of one source.
        """
        frame = self.frame
        if frame is not None and convert.is_planar(frame.format.name) and self.color.matrix != MATRIX_RGB:
            return _top_bits(convert.planes(frame)[0], self.bits)
        gray = cv2.cvtColor(np.ascontiguousarray(self.rgb()[..., :3]), cv2.COLOR_RGB2GRAY)
        return _top_bits(gray, 8 if gray.dtype == np.uint8 else 16)

    def equals(self, other: Picture) -> bool:
        """Whether two frames or images have the same samples in the same layout, code for code."""
        if self is other:
            return True
        if (self.height, self.width, self.bits) != (other.height, other.width, other.bits):
            return False
        if self._has_native_samples and other._has_native_samples:
            assert self.frame is not None
            assert other.frame is not None
            if self.frame.format.name != other.frame.format.name or self.color != other.color:
                return False
            ours, theirs = (convert.planes(convert.as_planar(frame)) for frame in (self.frame, other.frame))
            return all(np.array_equal(one, another) for one, another in zip(ours, theirs, strict=True))
        if (self.frame is None) != (other.frame is None):
            return False
        return np.array_equal(self.rgb(), other.rgb())

    def upright(self) -> Picture:
        """Return the frame as players show it, flipped and rotated; itself if there is nothing to do."""
        if self.rotation == 0 and not self.flipped:
            return self
        stored = self.rgb()[:, ::-1] if self.flipped else self.rgb()
        array = np.ascontiguousarray(np.rot90(stored, self.rotation // 90))
        return replace(Picture.from_rgb(array, self), rotation=0, flipped=False)

    def to_video_frame(self, pixel_format: str, tags: ColorTags | None = None) -> av.VideoFrame:
        """Return a frame for an encoder.

        A decoded frame whose layout, matrix and range already fit is returned unchanged; between two Y'CbCr
        layouts of the same matrix and range only depth and chroma subsampling are converted.

        Args:
            pixel_format: FFmpeg's name of the layout. Missing alpha becomes opaque, surplus alpha is dropped.
            tags: Colour tags of the output; None: as of this frame.
        """
        tags = tags or self.color
        frame = self.frame
        if self._between is not None and not convert.is_rgb_format(pixel_format):
            return self._frame_between(self._between, pixel_format, tags)
        if frame is None or not self._same_color(tags, pixel_format):
            return convert.frame_from_rgb(self.rgb(), pixel_format, tags, self.chroma_site)
        if frame.format.name == pixel_format:
            return frame
        if tags.matrix == MATRIX_RGB or convert.is_gray_format(frame.format.name):
            return convert.frame_from_rgb(self.rgb(), pixel_format, tags, self.chroma_site)
        with self._cache.lock:
            return convert.relayout(frame, pixel_format, tags, self.chroma_site)

    def _frame_between(self, between: _Between, pixel_format: str, tags: ColorTags) -> av.VideoFrame:
        planar = convert.planar_equivalent(pixel_format)
        planes = extended.samples_between(
            between.stored,
            between.start._round_trip(planar, tags),
            between.end._round_trip(planar, tags),
            between.t,
            pixel_format=planar,
            tags=tags,
            site=self.chroma_site,
            interpolate=between.start._has_chroma_of(planar),
        )
        frame = convert.frame_from_planes(planes, planar)
        return convert.tag_frame(
            frame if planar == pixel_format else convert.reformat(frame, pixel_format), tags
        )

    def _round_trip(self, pixel_format: str, tags: ColorTags, rgb: np.ndarray | None = None) -> RoundTrip:
        """The samples in a planar layout, and the same after conversion to R'G'B' and back."""
        with self._cache.lock:
            cached = self._cache.round_trips.get((pixel_format, tags))
            if cached is None:
                returned = extended.float_planes(
                    self._extended_rgb() if rgb is None else rgb,
                    pixel_format,
                    tags,
                    self.chroma_site,
                    interpolate=self._has_chroma_of(pixel_format),
                )
                cached = RoundTrip(convert.planes(self.to_video_frame(pixel_format, tags)), returned)
                self._cache.round_trips[pixel_format, tags] = cached
            return cached

    def _same_color(self, tags: ColorTags, pixel_format: str) -> bool:
        """Whether samples with these tags need no conversion of matrix or range."""
        rgb = convert.is_rgb_format(pixel_format)
        if rgb or self.color.matrix == MATRIX_RGB:
            return rgb and self.color.matrix == MATRIX_RGB
        size = self.height, self.width
        same_matrix = tags.matrix_for(*size) == self.color.matrix_for(*size)
        return same_matrix and tags.full_range == self.color.full_range


def _joined_storage(start: Picture | None, end: Picture | None) -> ImageStorage | None:
    if start is None or end is None or start.storage is None or end.storage is None:
        return None
    return start.storage.joined(end.storage)


def _read_only(array: np.ndarray) -> np.ndarray:
    """A read-only view: several threads use the samples."""
    view = array.view()
    view.flags.writeable = False
    return view


def _top_bits(samples: np.ndarray, bits: int) -> np.ndarray:
    if bits == 8:
        return np.ascontiguousarray(samples)
    return (samples >> (bits - 8)).astype(np.uint8)
