"""One picture: the samples as the source has them, R'G'B' and tensors on demand.

A picture that was read keeps its decoded frame (or the path of its image file), so that it can be written
out again without passing through R'G'B' at all; a picture that was made keeps its R'G'B' array.
"""

from __future__ import annotations

import threading
from pathlib import Path

import av
import cv2
import numpy as np
import torch
from torch import Tensor

from vfi.io.pixels import color, convert
from vfi.io.pixels.tags import MATRIX_RGB, SRGB, ColorTags


class Picture:
    """One picture, 8 to 16 bit, with or without alpha; made by the ``from_...`` constructors only.

    The conversion to R'G'B' happens once and is kept as long as the picture itself; tensors are not kept.
    Pictures are in stored orientation: ``rotation`` says how players turn them, :meth:`upright` does it.
    """

    def __init__(
        self,
        *,
        frame: av.VideoFrame | None,
        array: np.ndarray | None,
        tags: ColorTags,
        bits: int,
        has_alpha: bool,
        chroma_site: convert.ChromaSite = "left",
        rotation: int = 0,
        mirrored: bool = False,
        path: Path | None = None,
    ) -> None:
        """Use :meth:`from_frame`, :meth:`from_rgb` or :meth:`from_tensor` instead."""
        if frame is not None:
            self.height, self.width = frame.height, frame.width
        elif array is not None:
            self.height, self.width = array.shape[:2]
        else:
            raise ValueError("a picture needs a frame or an array")
        self.frame = frame
        """The decoded frame, or None for pictures from image files and pictures we made."""
        self.color = tags
        self.bits = bits
        self.has_alpha = has_alpha
        self.chroma_site: convert.ChromaSite = chroma_site
        self.rotation = rotation
        """Degrees counter-clockwise by which players turn the picture: 0, 90, 180 or 270."""
        self.mirrored = mirrored
        """Whether players mirror the picture left to right before they turn it."""
        self.path = path
        """The image file that holds exactly this picture, or None."""
        self._array = array
        self._lock = threading.Lock()

    @classmethod
    def from_frame(
        cls,
        frame: av.VideoFrame,
        *,
        tags: ColorTags | None = None,
        has_alpha: bool | None = None,
        chroma_site: convert.ChromaSite = "left",
        rotation: int = 0,
        mirrored: bool = False,
    ) -> Picture:
        """A picture from a decoded frame, which it keeps.

        Args:
            frame: Any layout of 8 to 16 bit.
            tags: Colour tags; None: those of the frame.
            has_alpha: False ignores an alpha channel known to be opaque; None: as the layout says.
            chroma_site: Horizontal place of the chroma samples.
            rotation: Degrees counter-clockwise by which players turn it.
            mirrored: Whether they mirror it left to right before.
        """
        name = frame.format.name
        return cls(
            frame=frame,
            array=None,
            tags=tags or convert.frame_tags(frame),
            bits=convert.format_bits(name),
            has_alpha=convert.format_has_alpha(name) if has_alpha is None else has_alpha,
            chroma_site=chroma_site,
            rotation=rotation,
            mirrored=mirrored,
        )

    @classmethod
    def from_rgb(cls, array: np.ndarray, like: Picture | None = None, *, path: Path | None = None) -> Picture:
        """A picture from R'G'B' values.

        Args:
            array: ``[H, W, 3|4]``, uint8, or uint16 over the full 16-bit range.
            like: The picture whose depth, colour tags and rotation it shares; None: sRGB.
            path: The image file that holds exactly this picture.

        Raises:
            ValueError: If the array is not such a picture.
        """
        if array.ndim != 3 or array.shape[2] not in (3, 4) or array.dtype not in (np.uint8, np.uint16):
            raise ValueError(f"uint8 or uint16 [H, W, 3|4] expected, got {array.dtype} {list(array.shape)}")
        bits = 8 if array.dtype == np.uint8 else 16
        if like is not None and like.bits > 8 and bits > 8:
            bits = like.bits
        return cls(
            frame=None,
            array=_read_only(array),
            tags=like.color if like else SRGB,
            bits=bits,
            has_alpha=array.shape[2] == 4,
            chroma_site=like.chroma_site if like else "left",
            rotation=like.rotation if like else 0,
            mirrored=like is not None and like.mirrored,
            path=path,
        )

    @classmethod
    def from_tensor(
        cls, frame: Tensor, *, like: Picture | None = None, rounding: color.Rounding = "nearest"
    ) -> Picture:
        """A picture from a tensor.

        Args:
            frame: ``[1, 3|4, H, W]`` or ``[3|4, H, W]``, float in [0, 1]; values outside are clamped.
            like: The picture whose depth, colour tags and rotation it shares; None: 8-bit sRGB.
            rounding: ``"nearest"``, or ``"truncate"`` as several papers' code does.
        """
        wide = like is not None and like.bits > 8
        return cls.from_rgb(color.array_from_tensor(frame, wide=wide, rounding=rounding), like)

    def rgb(self) -> np.ndarray:
        """Full-range R'G'B'(A), ``[H, W, 3|4]``: uint8, or uint16 over 16 bit above 8 bit. Read-only."""
        with self._lock:
            if self._array is None:
                assert self.frame is not None
                array = convert.rgb_from_frame(self.frame, self.color, self.chroma_site, self.has_alpha)
                self._array = _read_only(array)
            return self._array

    def tensor(self, device: torch.device | str | None = None) -> Tensor:
        """R'G'B'(A) as ``[1, 3|4, H, W]`` float32 in [0, 1] on ``device`` (None: the CPU)."""
        return color.tensor_from_array(self.rgb(), device)

    def luma(self) -> np.ndarray:
        """Brightness ``[H, W]``, uint8: the frame's own luma codes where it has them, so it is cheap.

        Its range is that of the source: compare it only between pictures of one source.
        """
        frame = self.frame
        if frame is not None and convert.is_planar(frame.format.name) and self.color.matrix != MATRIX_RGB:
            return _top_bits(convert.planes(frame)[0], self.bits)
        gray = cv2.cvtColor(np.ascontiguousarray(self.rgb()[..., :3]), cv2.COLOR_RGB2GRAY)
        return _top_bits(gray, 8 if gray.dtype == np.uint8 else 16)

    def upright(self) -> Picture:
        """The picture as players show it: mirrored and turned; itself if there is nothing to do."""
        if self.rotation == 0 and not self.mirrored:
            return self
        stored = self.rgb()[:, ::-1] if self.mirrored else self.rgb()
        turned = Picture.from_rgb(np.ascontiguousarray(np.rot90(stored, self.rotation // 90)), self)
        turned.rotation, turned.mirrored = 0, False
        return turned

    def to_video_frame(self, pixel_format: str, tags: ColorTags | None = None) -> av.VideoFrame:
        """The picture as a frame for an encoder.

        A decoded frame whose layout, matrix and range already fit is returned as it is, untouched;
        between two Y'CbCr layouts of the same matrix and range only depth and chroma sampling change.

        Args:
            pixel_format: FFmpeg's name of the layout. Missing alpha becomes opaque, surplus alpha is dropped.
            tags: Colour tags of the output; None: those of this picture.
        """
        tags = tags or self.color
        frame = self.frame
        if frame is None or not self._same_color(tags, pixel_format):
            return convert.frame_from_rgb(self.rgb(), pixel_format, tags, self.chroma_site)
        if frame.format.name == pixel_format:
            return frame
        if tags.matrix == MATRIX_RGB or convert.is_gray_format(frame.format.name):
            return convert.frame_from_rgb(self.rgb(), pixel_format, tags, self.chroma_site)
        with self._lock:
            return convert.relayout(frame, pixel_format, tags, self.chroma_site)

    def _same_color(self, tags: ColorTags, pixel_format: str) -> bool:
        """Whether samples tagged so need no conversion of matrix or range."""
        rgb = convert.is_rgb_format(pixel_format)
        if rgb or self.color.matrix == MATRIX_RGB:
            return rgb and self.color.matrix == MATRIX_RGB
        size = self.height, self.width
        same_matrix = tags.matrix_for(*size) == self.color.matrix_for(*size)
        return same_matrix and tags.full_range == self.color.full_range


def _read_only(array: np.ndarray) -> np.ndarray:
    """A view that cannot be written through: pictures are shared between threads."""
    view = array.view()
    view.flags.writeable = False
    return view


def _top_bits(samples: np.ndarray, bits: int) -> np.ndarray:
    if bits == 8:
        return np.ascontiguousarray(samples)
    return (samples >> (bits - 8)).astype(np.uint8)
