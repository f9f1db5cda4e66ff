"""Extended R'G'B', beyond [0, 1], keeps Y'CbCr codes outside their nominal range through a model.

Camcorders, cameras and phones regularly write luma above 235, and chroma resampling overshoots at sharp
edges. R'G'B' that is clamped to [0, 1] loses both: the new frames would differ from the original ones around
them, and the video would flicker. Here samples are converted to float R'G'B' without clamping, and a new
frame is converted back to samples with the help of its two neighbours (:func:`samples_between`).
"""

from __future__ import annotations

from dataclasses import dataclass

import av
import cv2
import numpy as np
import torch
from torch import Tensor

from vfi.io.pixels import color, convert
from vfi.io.pixels.tags import ColorTags

LOWEST, HIGHEST = -0.5, 1.5
"""Range of extended R'G'B'; codes beyond it stand for no colour that a display can show."""
_STORED_STEPS = 32768  # stored codes per unit: 1/128 of a code of 8 bit, an eighth of one of 12 bit

SIMILAR_CODES = 12.0
"""8-bit codes; where a new frame differs by this much or more from a neighbour, that neighbour's residual is
not used: they show different things there."""
STILL_CODES = 8.0
"""8-bit codes; where both neighbours have equal samples and the new frame differs from them by at most this
much, it gets exactly these samples."""
_SIMILAR_WINDOW = 5  # samples; side of the square over which that difference is averaged
_STILL_WINDOW = 9  # samples; side of the square in which the neighbours must be equal


@dataclass(frozen=True)
class RoundTrip:
    """The samples of a frame, and the same samples after conversion to R'G'B' and back."""

    samples: list[np.ndarray]
    """Planes ``[h, w]`` of codes, uint8 or uint16."""
    returned: list[np.ndarray]
    """The same planes converted back from extended R'G'B': float32, not rounded."""


def extended_rgb(frame: av.VideoFrame, tags: ColorTags, site: convert.ChromaSite, alpha: bool) -> np.ndarray:
    """Convert a Y'CbCr or gray frame to extended R'G'B'.

    Args:
        frame: Frame as the decoder gives it.
        tags: Colour tags of its samples.
        site: Horizontal position of the chroma samples.
        alpha: Whether to return the alpha channel, which the frame then must have.

    Returns:
        ``[H, W, 3]``, with alpha ``[H, W, 4]``, float32 in [:data:`LOWEST`, :data:`HIGHEST`].
    """
    frame = convert.as_planar(frame)
    name = frame.format.name
    bits = convert.format_bits(name)
    planes = convert.planes(frame)
    luma = planes[0].astype(np.float32)
    if convert.is_gray_format(name):
        scale, offset = color.code_scale(bits, tags.full_range)
        rgb = cv2.merge([(luma - np.float32(offset[0])) * np.float32(1 / scale[0])] * 3)
    else:
        factors = convert.subsampling(name)
        chroma = [
            convert.upsample_chroma(plane.astype(np.float32), luma.shape, factors, site)
            for plane in planes[1:3]
        ]
        decoding = color.decoding(tags.matrix_for(*luma.shape), tags.full_range, bits, 1)
        rgb = cv2.transform(cv2.merge([luma, *chroma]), decoding)
    rgb = np.clip(rgb, LOWEST, HIGHEST, out=rgb)
    if alpha and len(planes) == 4:
        return np.dstack([rgb, planes[3].astype(np.float32) / np.float32((1 << bits) - 1)])
    return rgb


def float_planes(
    rgb: np.ndarray, pixel_format: str, tags: ColorTags, site: convert.ChromaSite, *, interpolate: bool
) -> list[np.ndarray]:
    """Convert extended R'G'B' to unrounded codes of a planar Y'CbCr or gray layout.

    Args:
        rgb: Extended R'G'B'(A), ``[H, W, 3|4]``, float32.
        pixel_format: FFmpeg's name of the layout.
        tags: Colour tags, which decide the matrix and the range.
        site: Horizontal position of the chroma samples.
        interpolate: Whether the source of the chroma has the same subsampling, so that there is no detail to
            filter out: it is interpolated at the sample positions. Averaging would blur it a second time.

    Returns:
        Planes ``[h, w]``, float32.
    """
    bits = convert.format_bits(pixel_format)
    encoding = color.encoding(tags.matrix_for(*rgb.shape[:2]), tags.full_range, bits, 1)
    luma, *chroma = cv2.split(cv2.transform(np.ascontiguousarray(rgb[..., :3]), encoding))
    if convert.is_gray_format(pixel_format):
        return [luma]
    factors = convert.subsampling(pixel_format)
    if interpolate and max(factors) <= 2:
        planes = [luma, *(_interpolated_chroma(plane, factors, site) for plane in chroma)]
    else:
        planes = [luma, *(convert.downsample_chroma(plane, factors, site) for plane in chroma)]
    if convert.format_has_alpha(pixel_format):
        alpha = rgb[..., 3] if rgb.shape[2] == 4 else np.ones(rgb.shape[:2], np.float32)
        planes.append(alpha * np.float32((1 << bits) - 1))
    return planes


def _interpolated_chroma(
    chroma: np.ndarray, factors: tuple[int, int], site: convert.ChromaSite
) -> np.ndarray:
    """Interpolate chroma ``[H, W]`` at the sample positions ``[h, w]``; undoes upsampling by 1 or 2."""
    vertical, horizontal = factors
    if horizontal == 2:
        chroma = chroma[:, ::2] if site == "left" else _midpoints(chroma.T).T
    return _midpoints(chroma) if vertical == 2 else chroma


def _midpoints(values: np.ndarray) -> np.ndarray:
    """Interpolate cubically halfway between the rows of each pair: ``[H, W]`` to ``[ceil(H / 2), W]``."""
    count = -(-values.shape[0] // 2)
    padded = np.pad(values, ((1, 2 + values.shape[0] % 2), (0, 0)), mode="edge")
    outer_above, above, below, outer_below = (padded[first::2][:count] for first in range(4))
    return np.float32(9 / 16) * (above + below) - np.float32(1 / 16) * (outer_above + outer_below)


def pack(frame: Tensor) -> np.ndarray:
    """Store extended R'G'B'(A) in 16 bit per channel.

    Args:
        frame: Extended R'G'B'(A), ``[C, H, W]``, float.

    Returns:
        ``[H, W, C]``, uint16: 32768 codes per unit, 0 stands for :data:`LOWEST`.
    """
    codes = (frame.detach().to(torch.float32) - LOWEST).mul_(_STORED_STEPS).round_().clamp_(0, 65535)
    return cv2.merge(list(codes.to(torch.int32).cpu().numpy().astype(np.uint16)))


def unpack(stored: np.ndarray) -> np.ndarray:
    """Restore extended R'G'B'(A) ``[H, W, C]``, float32, from :func:`pack`."""
    return stored.astype(np.float32) * np.float32(1 / _STORED_STEPS) + np.float32(LOWEST)


def samples_between(
    rgb: np.ndarray,
    start: RoundTrip,
    end: RoundTrip,
    t: float,
    *,
    pixel_format: str,
    tags: ColorTags,
    site: convert.ChromaSite,
    interpolate: bool,
) -> list[np.ndarray]:
    """Convert a new frame to samples that are consistent with those of its neighbours.

    Conversion from samples to R'G'B' and back is not exact, because chroma is resampled twice. The residual
    of the neighbours, their samples minus the converted ones, is added to the new frame where it is similar
    to them. Where both neighbours have equal samples and the new frame is close to them, they are copied.

    Args:
        rgb: Extended R'G'B'(A) of the new frame, ``[H, W, 3|4]``, float32.
        start: Round trip of the frame before it, in the same layout.
        end: Round trip of the frame after it, in the same layout.
        t: Time between them, in (0, 1).
        pixel_format: FFmpeg's name of the planar Y'CbCr or gray layout.
        tags: Colour tags, which decide the matrix and the range.
        site: Horizontal position of the chroma samples.
        interpolate: Whether the neighbours were decoded with the same chroma subsampling.

    Returns:
        Planes ``[h, w]`` of codes, uint8 or uint16.
    """
    bits = convert.format_bits(pixel_format)
    code = 1 << (bits - 8)  # one code of 8 bit
    new = float_planes(rgb, pixel_format, tags, site, interpolate=interpolate)
    still = _still_masks(start.samples, end.samples)
    planes = []
    for plane, *sides, unmoved in zip(
        new, start.samples, start.returned, end.samples, end.returned, still, strict=True
    ):
        plane += _residual(plane, sides, t, code)
        codes = _rounded(plane, bits)
        close = cv2.absdiff(codes, sides[0]) <= STILL_CODES * code
        np.copyto(codes, sides[0], where=close & unmoved)
        planes.append(codes)
    return planes


def _residual(plane: np.ndarray, sides: list[np.ndarray], t: float, code: int) -> np.ndarray:
    """Residual of the neighbours' round trips, weighted by their similarity to the new plane."""
    total = np.zeros_like(plane)
    weights = np.full_like(plane, 1e-6)
    most = np.zeros_like(plane)
    for samples, returned, weight in ((sides[0], sides[1], 1 - t), (sides[2], sides[3], t)):
        difference = cv2.blur(cv2.absdiff(plane, returned), (_SIMILAR_WINDOW, _SIMILAR_WINDOW))
        similar = np.maximum(1 - difference * np.float32(1 / (SIMILAR_CODES * code)), 0)
        np.maximum(most, similar, out=most)
        similar *= np.float32(weight)
        weights += similar
        total += similar * (samples - returned)
    return total * most / weights


def _still_masks(start: list[np.ndarray], end: list[np.ndarray]) -> list[np.ndarray]:
    """Where both neighbours and their surroundings are equal in all planes: bool ``[h, w]`` per plane."""
    kernel = np.ones((_STILL_WINDOW, _STILL_WINDOW), np.uint8)
    moved = [cv2.compare(one, other, cv2.CMP_NE) for one, other in zip(start, end, strict=True)]
    size = moved[0].shape[::-1]
    everywhere = moved[0]
    for plane in moved[1:]:
        larger = (
            plane
            if plane.shape == everywhere.shape
            else cv2.resize(plane, size, interpolation=cv2.INTER_NEAREST)
        )
        everywhere = cv2.bitwise_or(everywhere, larger)
    everywhere = cv2.dilate(everywhere, kernel)
    return [
        (
            everywhere
            if plane.shape == everywhere.shape
            else cv2.resize(everywhere, plane.shape[::-1], interpolation=cv2.INTER_NEAREST)
        )
        == 0
        for plane in moved
    ]


def _rounded(plane: np.ndarray, bits: int) -> np.ndarray:
    """Round a float plane to codes and clamp them to its bits."""
    codes = np.clip(np.rint(plane, out=plane), 0, (1 << bits) - 1, out=plane)
    return codes.astype(np.uint8 if bits == 8 else np.uint16)
