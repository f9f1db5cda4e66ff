"""Converts FFmpeg's frames to R'G'B' arrays and back: planes, chroma sampling, pixel formats.

Planar formats, which almost all decoders deliver, are read and written here sample by sample; the matrix
arithmetic is in :mod:`vfi.io.pixels.color`. swscale is used only to unpack other layouts into planar ones of
the same depth and back: its conversion of more than 8 bit to R'G'B' puts white at 65280 instead of 65535, it
assumes different chroma positions in the two directions, and it is slower.

Chroma samples lie where the standards put them: horizontally on the left luma sample ("left": MPEG-2,
H.264, HEVC, VP9) or in the middle between two ("center": JPEG); vertically in the middle.
"""

from __future__ import annotations

import re
import threading
from typing import Any, Literal

import av
import cv2
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

from vfi.io.pixels import color
from vfi.io.pixels.tags import MATRIX_RGB, UNSPECIFIED, ColorTags

ChromaSite = Literal["left", "center"]

# FFmpeg's numbers: PyAV 17, the last version for Python 3.10, has no names for them.
_FULL_CHROMA_OUT, _FULL_CHROMA_IN, _ACCURATE_ROUNDING = 0x2000, 0x4000, 0x40000
SWSCALE_QUALITY = Interpolation.BICUBIC | _ACCURATE_ROUNDING | _FULL_CHROMA_OUT | _FULL_CHROMA_IN
_RANGE_LIMITED, _RANGE_FULL = 1, 2  # AVCOL_RANGE_MPEG, AVCOL_RANGE_JPEG
_PLANAR = re.compile(r"(yuvj?|yuva|gbra?p|gray)(4\d\dp)?(\d+)?(le)?")
_DEPTHS = (8, 9, 10, 12, 14, 16)
_DEPTHS_ALPHA = (8, 9, 10, 12, 16)
# Semi-planar and packed layouts -> the planar one with the same samples.
_UNPACKED = {
    "nv12": "yuv420p", "nv21": "yuv420p", "nv16": "yuv422p", "nv24": "yuv444p",
    "p010le": "yuv420p10le", "p012le": "yuv420p12le", "p016le": "yuv420p16le",
    "p210le": "yuv422p10le", "p410le": "yuv444p10le",
    "yuyv422": "yuv422p", "uyvy422": "yuv422p", "y210le": "yuv422p10le", "y212le": "yuv422p12le",
}  # fmt: skip
_local = threading.local()


def format_bits(pixel_format: str) -> int:
    """Bits per sample of a pixel format, at least 8 and at most 16."""
    return min(16, max(8, *(component.bits for component in av.VideoFormat(pixel_format).components)))


def format_has_alpha(pixel_format: str) -> bool:
    """Whether a pixel format has an alpha channel; a palette (pal8) does not count as one."""
    return any(component.is_alpha for component in av.VideoFormat(pixel_format).components)


def is_rgb_format(pixel_format: str) -> bool:
    """Whether the samples are R'G'B' (or a palette of them), so that no matrix is involved."""
    video_format = av.VideoFormat(pixel_format)
    return bool(video_format.is_rgb or video_format.has_palette)


def is_gray_format(pixel_format: str) -> bool:
    """Whether the samples are luma only, with or without alpha."""
    return pixel_format.startswith(("gray", "ya8", "ya16", "mono"))


def frame_tags(frame: av.VideoFrame) -> ColorTags:
    """The colour tags of a decoded frame; a missing range or matrix is the one that its layout implies."""
    name = frame.format.name
    rgb = is_rgb_format(name)
    implied_full = rgb or name.startswith("yuvj") or (is_gray_format(name) and frame.color_range == 0)
    return ColorTags(
        primaries=int(frame.color_primaries) or UNSPECIFIED,
        transfer=int(frame.color_trc) or UNSPECIFIED,
        matrix=MATRIX_RGB if rgb else _ycbcr_matrix(int(frame.colorspace)),
        full_range=bool(implied_full or frame.color_range == _RANGE_FULL),
    )


def _ycbcr_matrix(tag: int) -> int:
    """The matrix tag of Y'CbCr samples; "RGB" and the reserved number 3 must be mistakes there."""
    return UNSPECIFIED if tag in (MATRIX_RGB, 3) else tag


def tag_frame(frame: av.VideoFrame, tags: ColorTags) -> av.VideoFrame:
    """Write the colour tags onto a frame and return it."""
    frame.color_primaries = tags.primaries
    frame.color_trc = tags.transfer
    frame.colorspace = tags.matrix
    frame.color_range = _RANGE_FULL if tags.full_range else _RANGE_LIMITED
    return frame


def reformat(frame: av.VideoFrame, pixel_format: str) -> av.VideoFrame:
    """Convert a frame to another layout without changing its matrix or range."""
    if not hasattr(_local, "reformatter"):
        _local.reformatter = VideoReformatter()
    return _local.reformatter.reformat(
        frame,
        format=pixel_format,
        src_colorspace=1,  # the same on both sides: samples are rearranged, not converted
        dst_colorspace=1,
        src_color_range=_RANGE_FULL,
        dst_color_range=_RANGE_FULL,
        interpolation=SWSCALE_QUALITY,
    )


def is_planar(pixel_format: str) -> bool:
    """Whether :func:`planes` supports a layout directly."""
    return _PLANAR.fullmatch(pixel_format) is not None


def as_planar(frame: av.VideoFrame) -> av.VideoFrame:
    """Convert a frame to a layout that :func:`planes` supports; a planar frame is returned unchanged."""
    name = frame.format.name
    return frame if is_planar(name) else reformat(frame, planar_equivalent(name))


def planes(frame: av.VideoFrame) -> list[np.ndarray]:
    """Views ``[h, w]`` of the planes of a planar frame (uint8 or uint16), in the order of its layout."""
    dtype = np.dtype(np.uint8 if format_bits(frame.format.name) == 8 else "<u2")
    views = []
    for plane in frame.planes:
        buffer: Any = plane  # it has the buffer protocol, but its type stub does not say so
        rows = np.frombuffer(buffer, dtype=dtype, count=plane.height * plane.line_size // dtype.itemsize)
        views.append(rows.reshape(plane.height, -1)[:, : plane.width])
    return views


def frame_from_planes(samples: list[np.ndarray], pixel_format: str) -> av.VideoFrame:
    """Build a frame of a planar format from its planes ``[h, w]``."""
    height, width = samples[0].shape
    frame = av.VideoFrame(width, height, pixel_format)
    for view, plane in zip(planes(frame), samples, strict=True):
        view[:] = plane
    return frame


def subsampling(pixel_format: str) -> tuple[int, int]:
    """Luma samples per chroma sample, (vertically, horizontally)."""
    video_format = av.VideoFormat(pixel_format, 64, 64)
    return 64 // video_format.chroma_height(), 64 // video_format.chroma_width()


def upsample_chroma(
    chroma: np.ndarray, size: tuple[int, int], factors: tuple[int, int], site: ChromaSite
) -> np.ndarray:
    """Upsample a chroma plane to luma resolution by cubic interpolation.

    Args:
        chroma: Chroma plane ``[h, w]``, uint8, uint16 or float32.
        size: Height and width of the luma plane.
        factors: Luma samples per chroma sample, (vertically, horizontally).
        site: Horizontal position of the chroma samples.
    """
    vertical, horizontal = factors
    chroma = np.ascontiguousarray(chroma)
    if horizontal > 1:
        columns = [_filtered(chroma, kernel[None]) for kernel in _cubic_phases(horizontal, site)]
        chroma = cv2.merge(columns).reshape(chroma.shape[0], -1)
    if vertical > 1:
        rows = np.empty((vertical * chroma.shape[0], chroma.shape[1]), chroma.dtype)
        for first, kernel in enumerate(_cubic_phases(vertical, "center")):
            _filtered(chroma, kernel[:, None], rows[first::vertical])
        chroma = rows
    return chroma[: size[0], : size[1]]


def _filtered(samples: np.ndarray, kernel: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    return cv2.filter2D(samples, -1, kernel, dst=out, borderType=cv2.BORDER_REPLICATE)


def _cubic_phases(factor: int, site: ChromaSite) -> list[np.ndarray]:
    """Catmull-Rom kernels of five taps, one for each luma position of a chroma sample."""
    offset = 0.5 / factor - 0.5 if site == "center" else 0.0
    distances = np.abs(np.arange(-2, 3)[None] - (np.arange(factor)[:, None] / factor + offset))
    near = 1.5 * distances**3 - 2.5 * distances**2 + 1
    far = -0.5 * distances**3 + 2.5 * distances**2 - 4 * distances + 2
    return list(np.where(distances < 1, near, np.where(distances < 2, far, 0.0)))


def downsample_chroma(chroma: np.ndarray, factors: tuple[int, int], site: ChromaSite) -> np.ndarray:
    """Downsample chroma from luma resolution by averaging; the counterpart of :func:`upsample_chroma`.

    Args:
        chroma: Chroma at luma resolution, ``[H, W]``, uint8, uint16 or float32.
        factors: Luma samples per chroma sample, (vertically, horizontally).
        site: Horizontal position of the chroma samples.
    """
    vertical, horizontal = factors
    if factors == (1, 1):
        return chroma
    kernel_x, anchor_x = _averaging(horizontal, site if horizontal > 1 else "center")
    kernel_y, anchor_y = _averaging(vertical, "center")
    averaged = cv2.sepFilter2D(
        np.ascontiguousarray(chroma),
        -1,
        kernel_x,
        kernel_y,
        anchor=(anchor_x, anchor_y),
        borderType=cv2.BORDER_REPLICATE,
    )
    return averaged[::vertical, ::horizontal]


def _averaging(factor: int, site: ChromaSite) -> tuple[np.ndarray, int]:
    """Averaging kernel over one chroma sample's area, and the tap that lies on its first luma sample."""
    if site == "center":
        return np.full(factor, 1 / factor), 0
    taps = np.ones(factor + 1)
    taps[[0, -1]] = 0.5
    return taps / factor, factor // 2


def rgb_from_frame(frame: av.VideoFrame, tags: ColorTags, site: ChromaSite, alpha: bool) -> np.ndarray:
    """Convert a frame of any layout to R'G'B'.

    Args:
        frame: Frame as decoded.
        tags: Colour tags of its samples.
        site: Horizontal position of the chroma samples.
        alpha: Whether to return the alpha channel, which the frame then must have.

    Returns:
        ``[H, W, 3]``, with alpha ``[H, W, 4]``: uint8, or uint16 over the full range above 8 bit.
    """
    name = frame.format.name
    if is_rgb_format(name):
        return _rgb_from_rgb_frame(frame, alpha)
    if not is_planar(name):
        return rgb_from_frame(reformat(frame, planar_equivalent(name)), tags, site, alpha)
    bits = format_bits(name)
    samples = planes(frame)
    size = samples[0].shape
    if is_gray_format(name):
        return cv2.merge([color.luma_range_scaled(samples[0], full_range=tags.full_range, bits=bits)] * 3)
    factors = subsampling(name)
    chroma = [upsample_chroma(plane, size, factors, site) for plane in samples[1:3]]
    rgb = color.rgb_from_ycbcr(
        cv2.merge([samples[0], *chroma]),
        matrix=tags.matrix_for(*size),
        full_range=tags.full_range,
        bits=bits,
    )
    if alpha and len(samples) == 4:
        return np.dstack([rgb, color.unit_scaled(samples[3], bits)])
    return rgb


def _rgb_from_rgb_frame(frame: av.VideoFrame, alpha: bool) -> np.ndarray:
    """Convert an R'G'B' frame, planar or packed, to an array."""
    name = frame.format.name
    bits = format_bits(name)
    if is_planar(name):
        green, blue, red, *rest = planes(frame)
        return color.unit_scaled(cv2.merge([red, green, blue, *rest[: int(alpha)]]), bits)
    packed = ("rgba" if alpha else "rgb24") if bits == 8 else ("rgba64le" if alpha else "rgb48le")
    return reformat(frame, packed).to_ndarray()


def planar_equivalent(pixel_format: str) -> str:
    """The planar layout that holds the same samples or, for rare layouts, at least as many."""
    if is_planar(pixel_format):
        return pixel_format
    if pixel_format in _UNPACKED:
        return _UNPACKED[pixel_format]
    if pixel_format.endswith("be") and is_planar(pixel_format[:-2] + "le"):
        return pixel_format[:-2] + "le"
    alpha = format_has_alpha(pixel_format)
    return _sized_format("yuva444p" if alpha else "yuv444p", format_bits(pixel_format), alpha)


def _sized_format(family: str, bits: int, alpha: bool) -> str:
    """``family`` with the suffix for at least ``bits`` bits."""
    depth = next(d for d in (_DEPTHS_ALPHA if alpha else _DEPTHS) if d >= bits)
    return family if depth == 8 else f"{family}{depth}le"


def frame_from_rgb(rgb: np.ndarray, pixel_format: str, tags: ColorTags, site: ChromaSite) -> av.VideoFrame:
    """Convert R'G'B' to a frame of any layout.

    Args:
        rgb: R'G'B'(A) array ``[H, W, 3|4]``, uint8 or uint16 (full range). Alpha is dropped if the layout has
            none, and becomes opaque if only the layout has it.
        pixel_format: FFmpeg's name of the layout.
        tags: Colour tags of the frame, which decide the matrix and the range.
        site: Horizontal position of the chroma samples.
    """
    bits = format_bits(pixel_format)
    if is_rgb_format(pixel_format):
        frame = _rgb_frame(rgb, pixel_format, bits)
    elif not is_planar(pixel_format):
        frame = reformat(frame_from_rgb(rgb, planar_equivalent(pixel_format), tags, site), pixel_format)
    else:
        frame = _ycbcr_frame(rgb, pixel_format, tags, site)
    return tag_frame(frame, tags)


def relayout(frame: av.VideoFrame, pixel_format: str, tags: ColorTags, site: ChromaSite) -> av.VideoFrame:
    """Convert a Y'CbCr frame to another Y'CbCr layout of the same matrix and range.

    Luma codes do not change (they are shifted where the depth changes), so codes outside the nominal range
    are kept.

    Args:
        frame: Frame as decoded.
        pixel_format: FFmpeg's name of the new layout.
        tags: Colour tags of the new frame.
        site: Horizontal position of the chroma samples in both layouts.
    """
    frame = as_planar(frame)
    if not is_planar(pixel_format):
        return tag_frame(
            reformat(relayout(frame, planar_equivalent(pixel_format), tags, site), pixel_format), tags
        )
    name = frame.format.name
    bits, bits_out = format_bits(name), format_bits(pixel_format)
    luma, *others = [_shifted(plane, bits, bits_out) for plane in planes(frame)]
    samples = [luma]
    if not is_gray_format(pixel_format):
        before, after = subsampling(name), subsampling(pixel_format)
        for plane in others[:2]:
            if before != after:
                plane = downsample_chroma(upsample_chroma(plane, luma.shape, before, site), after, site)
            samples.append(plane)
    if format_has_alpha(pixel_format):
        if len(others) == 3:
            samples.append(color.code_scaled(color.unit_scaled(planes(frame)[3], bits), bits_out))
        else:
            samples.append(np.full(luma.shape, (1 << bits_out) - 1, luma.dtype))
    return tag_frame(frame_from_planes(samples, pixel_format), tags)


def _shifted(codes: np.ndarray, bits: int, bits_out: int) -> np.ndarray:
    """Convert codes of ``bits`` bits to ``bits_out`` bits: multiplied by a power of two, rounded."""
    if bits_out >= bits:
        return codes if bits_out == bits else codes.astype(np.uint16) << np.uint16(bits_out - bits)
    shift = bits - bits_out
    rounded = (codes.astype(np.uint32) + (1 << (shift - 1))) >> shift
    return np.minimum(rounded, (1 << bits_out) - 1).astype(np.uint8 if bits_out == 8 else np.uint16)


def _ycbcr_frame(rgb: np.ndarray, pixel_format: str, tags: ColorTags, site: ChromaSite) -> av.VideoFrame:
    bits = format_bits(pixel_format)
    codes = color.ycbcr_from_rgb_array(
        rgb[..., :3], matrix=tags.matrix_for(*rgb.shape[:2]), full_range=tags.full_range, bits=bits
    )
    luma, *chroma = cv2.split(codes)
    if is_gray_format(pixel_format):
        return frame_from_planes([luma], pixel_format)
    factors = subsampling(pixel_format)
    samples = [luma, *(downsample_chroma(plane, factors, site) for plane in chroma)]
    if format_has_alpha(pixel_format):
        samples.append(_alpha_codes(rgb, bits))
    return frame_from_planes(samples, pixel_format)


def _rgb_frame(rgb: np.ndarray, pixel_format: str, bits: int) -> av.VideoFrame:
    alpha = format_has_alpha(pixel_format)
    family = "gbrap" if alpha else "gbrp"
    depth = next(d for d in ((8, 10, 12, 14, 16) if alpha else _DEPTHS) if d >= bits)
    planar = family if depth == 8 else f"{family}{depth}le"
    red, green, blue = cv2.split(color.code_scaled(rgb[..., :3], depth))
    samples = [green, blue, red]
    if alpha:
        samples.append(_alpha_codes(rgb, depth))
    frame = frame_from_planes(samples, planar)
    return frame if planar == pixel_format else reformat(frame, pixel_format)


def _alpha_codes(rgb: np.ndarray, bits: int) -> np.ndarray:
    if rgb.shape[2] == 4:
        return color.code_scaled(rgb[..., 3], bits)
    return np.full(rgb.shape[:2], (1 << bits) - 1, np.uint8 if bits == 8 else np.uint16)
