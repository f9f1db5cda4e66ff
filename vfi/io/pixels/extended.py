"""R'G'B' beyond [0, 1]: what Y'CbCr samples hold outside their nominal range, kept through a model.

Camcorders, cameras and phones write luma above 235 as a matter of course, and chroma resampling overshoots at
sharp edges. R'G'B' that is clamped to [0, 1] loses both, so that new frames would differ from the originals
between them and the film would flicker. Here samples become float R'G'B' that is not clamped, and a new frame
becomes samples again with the help of its two neighbours (:func:`samples_between`).
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
"""Range of extended R'G'B'; codes beyond it name no colour that any display has."""
_STORED_STEPS = 32768  # stored codes per unit: 1/128 of a code of 8 bit, an eighth of one of 12 bit

SIMILAR_CODES = 12.0
"""8-bit codes; where a new frame differs by this much or more from a neighbour, that neighbour's residual is
not used: something else is shown there."""
STILL_CODES = 8.0
"""8-bit codes; where both neighbours hold the same samples and the new frame is at most this far from them,
it shows these very samples."""
_SIMILAR_WINDOW = 5  # samples; side of the square over which that difference is averaged
_STILL_WINDOW = 9  # samples; side of the square in which both neighbours must hold the same samples


@dataclass(frozen=True)
class RoundTrip:
    """The samples of a frame, and what is left of them after the way to R'G'B' and back."""

    samples: list[np.ndarray]
    """Planes ``[h, w]`` of codes, uint8 or uint16."""
    returned: list[np.ndarray]
    """The same planes, float32, not rounded: from extended R'G'B'."""


def extended_rgb(frame: av.VideoFrame, tags: ColorTags, site: convert.ChromaSite, alpha: bool) -> np.ndarray:
    """Convert a Y'CbCr or gray frame to extended R'G'B'.

    Args:
        frame: Frame as the decoder gives it.
        tags: How its samples encode colour.
        site: Horizontal position of the chroma samples.
        alpha: Whether the frame has an alpha channel and it is wanted.

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
        rgb: ``[H, W, 3|4]``, float32.
        pixel_format: FFmpeg's name of the layout.
        tags: How the samples shall encode colour.
        site: Horizontal position of the chroma samples.
        interpolate: Whether chroma came from samples of the same layout, so that it has no detail that they
            cannot hold: it is interpolated at their positions. Averaging would blur it a second time.

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
    """Chroma ``[H, W]`` at the positions of its samples ``[h, w]``; undoes upsampling by 1 or 2 per side."""
    vertical, horizontal = factors
    if horizontal == 2:
        chroma = chroma[:, ::2] if site == "left" else _midpoints(chroma.T).T
    return _midpoints(chroma) if vertical == 2 else chroma


def _midpoints(values: np.ndarray) -> np.ndarray:
    """Cubic interpolation in the middle of each two rows: ``[ceil(H / 2), W]`` of ``[H, W]``."""
    count = -(-values.shape[0] // 2)
    padded = np.pad(values, ((1, 2 + values.shape[0] % 2), (0, 0)), mode="edge")
    outer_above, above, below, outer_below = (padded[first::2][:count] for first in range(4))
    return np.float32(9 / 16) * (above + below) - np.float32(1 / 16) * (outer_above + outer_below)


def pack(frame: Tensor) -> np.ndarray:
    """Store extended R'G'B'(A) in 16 bit per channel.

    Args:
        frame: ``[C, H, W]``, float.

    Returns:
        ``[H, W, C]``, uint16: 32768 codes per unit, from :data:`LOWEST` on.
    """
    codes = (frame.detach().to(torch.float32) - LOWEST).mul_(_STORED_STEPS).round_().clamp_(0, 65535)
    return cv2.merge(list(codes.to(torch.int32).cpu().numpy().astype(np.uint16)))


def unpack(stored: np.ndarray) -> np.ndarray:
    """Undo :func:`pack`: extended R'G'B'(A) ``[H, W, C]``, float32."""
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
    """Convert a new frame to samples that agree with those of its neighbours.

    The way from samples to R'G'B' and back is not exact: chroma is resampled twice. What it costs the
    neighbours (their residual) is given back to the new frame wherever it shows what they show; where both
    hold the same samples, and the new frame shows them, these very samples are taken.

    Args:
        rgb: The new frame, ``[H, W, 3|4]``, extended R'G'B', float32.
        start: Round trip of the frame before it, in the same layout.
        end: Round trip of the frame after it.
        t: Position between them, in (0, 1).
        pixel_format: FFmpeg's name of the planar Y'CbCr or gray layout.
        tags: How the samples shall encode colour.
        site: Horizontal position of the chroma samples.
        interpolate: Whether the neighbours' chroma came from samples of the same layout.

    Returns:
        Planes ``[h, w]`` of codes, uint8 or uint16.
    """
    bits = convert.format_bits(pixel_format)
    code = 1 << (bits - 8)  # one code of 8 bit
    made = float_planes(rgb, pixel_format, tags, site, interpolate=interpolate)
    still = _still_masks(start.samples, end.samples)
    planes = []
    for plane, *sides, unmoved in zip(
        made, start.samples, start.returned, end.samples, end.returned, still, strict=True
    ):
        plane += _residual(plane, sides, t, code)
        codes = _rounded(plane, bits)
        close = cv2.absdiff(codes, sides[0]) <= STILL_CODES * code
        np.copyto(codes, sides[0], where=close & unmoved)
        planes.append(codes)
    return planes


def _residual(plane: np.ndarray, sides: list[np.ndarray], t: float, code: int) -> np.ndarray:
    """What the round trip cost the neighbours, weighted by how much the new plane is like theirs."""
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
    """Where both neighbours hold the same samples in all planes and around; bool ``[h, w]`` per plane."""
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
    """Codes of a plane: rounded and clamped to its bits."""
    codes = np.clip(np.rint(plane, out=plane), 0, (1 << bits) - 1, out=plane)
    return codes.astype(np.uint8 if bits == 8 else np.uint16)
