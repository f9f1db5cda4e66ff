"""The only module that changes the channel order, range or bit depth of samples.

It converts between three representations: sample codes as video files store them (Y'CbCr, limited or full
range, 8 to 16 bit), R'G'B' arrays ``[H, W, 3|4]`` (uint8, or uint16 over the full 16-bit range), and tensors
``[1, 3|4, H, W]``, float in [0, 1]. Matrices follow ITU-T H.273. Y'CbCr arrays are ``[H, W, 3]`` in the
order Y', Cb, Cr. No conversion goes through 8 bit unless its input or output has 8 bit.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import cv2
import numpy as np
import torch
from torch import Tensor

from vfi.io.pixels.tags import MATRIX_BT601

Rounding = Literal["nearest", "truncate"]
SampleType = type[np.uint8] | type[np.uint16]

# H.273 matrix number -> weights of red and blue in luma. 10 is BT.2020 with constant luminance, which
# cannot be undone on gamma-coded samples alone; its closest linear relative is used.
LUMA_WEIGHTS = {
    1: (0.2126, 0.0722),
    4: (0.30, 0.11),
    5: (0.299, 0.114),
    6: (0.299, 0.114),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
    10: (0.2627, 0.0593),
}


@lru_cache(maxsize=64)
def ycbcr_from_rgb(matrix: int) -> np.ndarray:
    """The 3x3 matrix from R'G'B' in [0, 1] to Y' in [0, 1] and Cb, Cr in [-0.5, 0.5].

    Args:
        matrix: H.273 number of the matrix; an unknown one counts as BT.601.
    """
    red, blue = LUMA_WEIGHTS.get(matrix, LUMA_WEIGHTS[MATRIX_BT601])
    luma = np.array([red, 1 - red - blue, blue])
    chroma_blue = (np.array([0, 0, 1.0]) - luma) / (2 * (1 - blue))
    chroma_red = (np.array([1.0, 0, 0]) - luma) / (2 * (1 - red))
    return np.stack([luma, chroma_blue, chroma_red])


def code_scale(bits: int, full_range: bool) -> tuple[np.ndarray, np.ndarray]:
    """Scale and offset ``[3]`` from unit Y'CbCr to codes of ``bits`` bits (H.273, equations 20 to 25)."""
    step = 1 << (bits - 8)
    if full_range:
        top = (1 << bits) - 1
        return np.array([top, top, top], float), np.array([0, 128 * step, 128 * step], float)
    return np.array([219, 224, 224], float) * step, np.array([16, 128, 128], float) * step


@lru_cache(maxsize=64)
def decoding(matrix: int, full_range: bool, bits: int, top: int) -> np.ndarray:
    """The 3x4 affine map from Y'CbCr codes to R'G'B' in [0, top]."""
    scale, offset = code_scale(bits, full_range)
    linear = np.linalg.inv(ycbcr_from_rgb(matrix)) / scale * top
    return np.column_stack([linear, -linear @ offset])


@lru_cache(maxsize=64)
def encoding(matrix: int, full_range: bool, bits: int, top: int) -> np.ndarray:
    """The 3x4 affine map from R'G'B' in [0, top] to Y'CbCr codes."""
    scale, offset = code_scale(bits, full_range)
    return np.column_stack([ycbcr_from_rgb(matrix) * scale[:, None] / top, offset])


def rgb_from_ycbcr(codes: np.ndarray, *, matrix: int, full_range: bool, bits: int) -> np.ndarray:
    """Convert Y'CbCr codes to full-range R'G'B'.

    Args:
        codes: Y'CbCr codes ``[H, W, 3]``, uint8 for 8 bit, uint16 above.
        matrix: H.273 number of the matrix.
        full_range: Whether the codes use the full range.
        bits: Bits per sample of the codes.

    Returns:
        ``[H, W, 3]``, uint8 in [0, 255] or uint16 in [0, 65535], rounded and clamped.
    """
    top = 255 if codes.dtype == np.uint8 else 65535
    return cv2.transform(codes, decoding(matrix, full_range, bits, top))


def ycbcr_from_rgb_array(rgb: np.ndarray, *, matrix: int, full_range: bool, bits: int) -> np.ndarray:
    """Convert full-range R'G'B' to Y'CbCr codes.

    Args:
        rgb: R'G'B' array ``[H, W, 3]``, uint8 or uint16 (full 16-bit range).
        matrix: H.273 number of the matrix.
        full_range: Whether the codes use the full range.
        bits: Bits per sample of the codes.

    Returns:
        ``[H, W, 3]``, uint8 for 8 bit, uint16 above, rounded and clamped.
    """
    if bits > 8:
        rgb = to_uint16(rgb)
    top = 255 if rgb.dtype == np.uint8 else 65535
    codes = cv2.transform(np.ascontiguousarray(rgb), encoding(matrix, full_range, bits, top))
    return _fit(codes, bits)


def unit_scaled(samples: np.ndarray, bits: int) -> np.ndarray:
    """Scale full-range codes of ``bits`` bits to all of uint8 (8 bit) or all of uint16 (above)."""
    if bits in (8, 16):
        return samples
    top = (1 << bits) - 1
    return ((samples.astype(np.uint32) * 65535 + top // 2) // top).astype(np.uint16)


def code_scaled(samples: np.ndarray, bits: int) -> np.ndarray:
    """Round full-range uint8 or uint16 samples to codes of ``bits`` bits; undoes :func:`unit_scaled`."""
    if bits == 8:
        return to_uint8(samples)
    samples = to_uint16(samples)
    if bits == 16:
        return samples
    top = (1 << bits) - 1
    return ((samples.astype(np.uint32) * top + 32767) // 65535).astype(np.uint16)


def luma_range_scaled(luma: np.ndarray, *, full_range: bool, bits: int) -> np.ndarray:
    """Scale luma codes ``[H, W]`` to the full range of uint8 (8 bit) or uint16 (above)."""
    if full_range:
        return unit_scaled(luma, bits)
    top = 255 if bits == 8 else 65535
    step = 1 << (bits - 8)
    scaled = np.rint((luma.astype(np.float32) - 16 * step) * (top / (219 * step)))
    return np.clip(scaled, 0, top).astype(luma.dtype)


def to_uint16(samples: np.ndarray) -> np.ndarray:
    """Convert full-range uint8 to full-range uint16 (255 becomes 65535); uint16 is returned unchanged."""
    return samples if samples.dtype == np.uint16 else samples.astype(np.uint16) * np.uint16(257)


def to_uint8(samples: np.ndarray) -> np.ndarray:
    """Round full-range uint16 to full-range uint8; uint8 is returned unchanged."""
    if samples.dtype == np.uint8:
        return samples
    return ((samples.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _fit(codes: np.ndarray, bits: int) -> np.ndarray:
    """Clamp codes to their bits and store 8-bit ones as uint8."""
    if bits < 16 and codes.dtype != np.uint8:
        codes = np.minimum(codes, (1 << bits) - 1)
    return codes.astype(np.uint8 if bits == 8 else np.uint16, copy=False)


def reversed_channels(array: np.ndarray) -> np.ndarray:
    """Convert RGB(A) to BGR(A) or back, ``[H, W, 3|4]``; alpha stays last."""
    return cv2.cvtColor(array, cv2.COLOR_RGB2BGR if array.shape[2] == 3 else cv2.COLOR_RGBA2BGRA)


def rgb_from_bgr(array: np.ndarray) -> np.ndarray:
    """Convert OpenCV's images, ``[H, W]`` or ``[H, W, 1|2|3|4]``, BGR(A), to RGB(A) ``[H, W, 3|4]``."""
    if array.ndim == 2 or array.shape[2] == 1:
        return cv2.cvtColor(array, cv2.COLOR_GRAY2RGB)
    if array.shape[2] == 2:
        gray = array[..., 0]
        return np.stack([gray, gray, gray, array[..., 1]], axis=2)
    return reversed_channels(array)


def tensor_from_array(array: np.ndarray, device: torch.device | str | None = None) -> Tensor:
    """Convert an array to a tensor; integers are copied to the device, the division happens there.

    Args:
        array: Samples ``[H, W, C]``, uint8 or uint16 (full range), or float32, which is not scaled.
        device: Device of the tensor; None: the CPU.

    Returns:
        ``[1, C, H, W]`` float32 in [0, 1], contiguous.
    """
    top = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535}.get(array.dtype, 1)
    height, width, channels = array.shape
    planar = np.empty((channels, height, width), array.dtype)
    cv2.split(array, list(planar))  # far quicker than a strided copy in torch
    codes = torch.from_numpy(planar)[None]  # [1, C, H, W]
    if top == 65535:
        codes = codes.to(torch.float32)  # on the CPU: few devices support uint16
    codes = codes.to(device).to(torch.float32)
    return codes if top == 1 else codes.div_(top)


def single_frame(frame: Tensor, rounding: Rounding) -> Tensor:
    """Check a frame and a rounding, and return the frame as ``[C, H, W]``.

    Args:
        frame: One frame, ``[1, C, H, W]`` or ``[C, H, W]``.
        rounding: ``"nearest"`` or ``"truncate"``.

    Raises:
        ValueError: If the tensor holds more than one frame or ``rounding`` is neither of the two.
    """
    if rounding not in ("nearest", "truncate"):
        raise ValueError(f"rounding is 'nearest' or 'truncate', not {rounding!r}")
    if frame.ndim == 4:
        if frame.shape[0] != 1:
            raise ValueError(f"one frame expected, got a batch of {frame.shape[0]}")
        frame = frame[0]
    return frame


def array_from_tensor(
    frame: Tensor, *, dtype: SampleType = np.uint8, rounding: Rounding = "nearest"
) -> np.ndarray:
    """Convert a tensor to an array of 8 or 16 bit.

    Args:
        frame: One frame, ``[1, C, H, W]`` or ``[C, H, W]``, float; values outside [0, 1] are clamped.
        dtype: Sample type of the array, ``np.uint8`` or ``np.uint16``.
        rounding: ``"nearest"``, or ``"truncate"``, which drops the fraction, as several papers' code does
            when it writes images; a value of k/255 still becomes k.

    Returns:
        ``[H, W, C]``, uint8 in [0, 255] or uint16 in [0, 65535].

    Raises:
        ValueError: If the tensor holds more than one frame or ``rounding`` is neither of the two.
    """
    frame = single_frame(frame, rounding)
    top = np.iinfo(dtype).max
    scaled = (frame.detach().to(torch.float32) * top).clamp_(0, top)
    if rounding == "nearest":
        scaled.round_()
    codes = (
        scaled.to(torch.uint8 if dtype == np.uint8 else torch.int32).contiguous().cpu().numpy()
    )  # [C, H, W]
    return cv2.merge(list(codes.astype(dtype, copy=False)))


def quantized(samples: np.ndarray, *, dtype: SampleType, rounding: Rounding) -> np.ndarray:
    """Round float samples to 8 or 16 bit.

    Args:
        samples: Samples ``[H, W, C]``, float32; values outside [0, 1] are clamped.
        dtype: Sample type of the result, ``np.uint8`` or ``np.uint16``.
        rounding: ``"nearest"``, or ``"truncate"``, which tolerates an error of a hundredth of an 8-bit code.

    Returns:
        ``[H, W, C]``, uint8 or uint16.
    """
    top = np.iinfo(dtype).max
    offset = 0.5 if rounding == "nearest" else 0.01
    codes = np.clip(samples * np.float32(top) + np.float32(offset), 0, top)
    return codes.astype(dtype)
