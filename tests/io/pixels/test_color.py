"""Matrices, ranges and depths against their closed forms."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch

from tests.support.golden import load_golden
from vfi.io.pixels import color

BARS = np.array(
    [[1, 1, 1], [1, 1, 0], [0, 1, 1], [0, 1, 0], [1, 0, 1], [1, 0, 0], [0, 0, 1], [0, 0, 0]], float
)
# 75 % and 100 % bars in BT.709 limited range, from the tables of ITU-R BT.709 and SMPTE RP 219.
BARS_709 = np.array(
    [[235, 128, 128], [219, 16, 138], [188, 154, 16], [173, 42, 26], [78, 214, 230], [63, 102, 240],
     [32, 240, 118], [16, 128, 128]]
)  # fmt: skip


def closed_form(rgb: np.ndarray, matrix: int, full_range: bool, bits: int) -> np.ndarray:
    """Y'CbCr codes of R'G'B' in [0, 1], H.273 written out."""
    red, blue = {1: (0.2126, 0.0722), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}[matrix]
    luma = red * rgb[..., 0] + (1 - red - blue) * rgb[..., 1] + blue * rgb[..., 2]
    chroma_blue = (rgb[..., 2] - luma) / (2 * (1 - blue))
    chroma_red = (rgb[..., 0] - luma) / (2 * (1 - red))
    top, step = (1 << bits) - 1, 1 << (bits - 8)
    if full_range:
        codes = [luma * top, chroma_blue * top + 128 * step, chroma_red * top + 128 * step]
    else:
        codes = [(219 * luma + 16) * step, (224 * chroma_blue + 128) * step, (224 * chroma_red + 128) * step]
    return np.clip(np.rint(np.stack(codes, -1)), 0, top)


def test_colour_bars_have_the_published_codes() -> None:
    bars = (BARS * 255).astype(np.uint8)[None]
    codes = color.ycbcr_from_rgb_array(bars, matrix=1, full_range=False, bits=8)
    assert np.abs(codes[0].astype(int) - BARS_709).max() <= 1


@pytest.mark.parametrize(
    ("matrix", "full_range", "bits"), [*product((1, 6, 9), (False, True), (8, 10, 12, 16))]
)
def test_matrices_agree_with_their_closed_form_in_both_directions(
    matrix: int, full_range: bool, bits: int
) -> None:
    top, dtype = (255, np.uint8) if bits == 8 else (65535, np.uint16)
    samples = np.concatenate([BARS, BARS * 0.75, np.random.default_rng(3).random((200, 3))])
    rgb = np.rint(samples * top).astype(dtype)[None]
    expected = closed_form(rgb / top, matrix, full_range, bits)
    codes = color.ycbcr_from_rgb_array(rgb, matrix=matrix, full_range=full_range, bits=bits)
    assert np.abs(codes - expected).max() <= 1

    back = color.rgb_from_ycbcr(expected.astype(dtype), matrix=matrix, full_range=full_range, bits=bits)
    code_step = 1 / (((1 << bits) - 1) * (1 if full_range else 219 / 255))
    # Half a code of luma and half of chroma, whose weight is at most 1.9; and clipping of full-range chroma.
    assert np.abs(back / top - rgb / top).max() <= 2 * code_step + 0.5 / top


def test_ten_bit_white_and_black_reach_the_ends_of_sixteen_bit() -> None:
    codes = np.array([[[64, 512, 512], [940, 512, 512]]], np.uint16)
    rgb = color.rgb_from_ycbcr(codes, matrix=1, full_range=False, bits=10)
    assert rgb[0, 0].tolist() == [0, 0, 0]
    assert rgb[0, 1].tolist() == [65535, 65535, 65535]


@pytest.mark.parametrize("bits", [8, 9, 10, 12, 14, 16])
def test_scaling_codes_to_the_full_range_is_reversible(bits: int) -> None:
    codes = np.arange(1 << bits).astype(np.uint8 if bits == 8 else np.uint16)
    scaled = color.unit_scaled(codes, bits)
    assert scaled[-1] == (255 if bits == 8 else 65535)
    assert np.array_equal(color.code_scaled(scaled, bits), codes)


def test_conversion_to_sixteen_bit_is_exact_and_reversible() -> None:
    samples = np.arange(256, dtype=np.uint8)
    assert color.to_uint16(samples)[255] == 65535
    assert np.array_equal(color.to_uint8(color.to_uint16(samples)), samples)


@pytest.mark.parametrize("rounding", ["nearest", "truncate"])
@pytest.mark.parametrize(("dtype", "top"), [(np.uint8, 255), (np.uint16, 65535)])
def test_every_code_survives_the_tensor(dtype: color.SampleType, top: int, rounding: color.Rounding) -> None:
    codes = np.arange(256 if top == 255 else 65536).astype(dtype).reshape(16, -1, 1).repeat(3, axis=2)
    tensor = color.tensor_from_array(codes)
    assert tensor.shape == (1, 3, *codes.shape[:2])
    assert tensor.dtype == torch.float32
    assert tensor.is_contiguous()
    assert float(tensor.max()) == 1
    if top == 255 or rounding == "nearest":
        back = color.array_from_tensor(tensor, dtype=dtype, rounding=rounding)
        assert back.dtype == dtype
        assert np.array_equal(back, codes)


def test_channels_keep_their_order() -> None:
    array = np.zeros((2, 5, 4), np.uint8)
    array[..., 0], array[..., 3] = 10, 40
    tensor = color.tensor_from_array(array)
    assert (tensor[0, :, 0, 0] * 255).round().tolist() == [10, 0, 0, 40]
    assert np.array_equal(color.array_from_tensor(tensor), array)
    assert color.reversed_channels(array)[0, 0].tolist() == [0, 0, 10, 40]


def test_tensors_outside_the_range_are_clamped_and_rounded_as_asked() -> None:
    frame = torch.tensor([-0.2, 0.6 / 255, 1.7]).reshape(3, 1, 1)
    assert color.array_from_tensor(frame).ravel().tolist() == [0, 1, 255]
    assert color.array_from_tensor(frame, rounding="truncate").ravel().tolist() == [0, 0, 255]


def test_batches_and_unknown_roundings_are_refused() -> None:
    with pytest.raises(ValueError, match="batch of 2"):
        color.array_from_tensor(torch.zeros(2, 3, 4, 4))
    with pytest.raises(ValueError, match="floor"):
        color.array_from_tensor(torch.zeros(3, 4, 4), rounding="floor")  # type: ignore[arg-type]  # on purpose


def test_truncation_agrees_with_the_stored_values_of_the_authors_code() -> None:
    golden = load_golden("eqvi/metrics")
    written = color.array_from_tensor(golden["quant_in"].reshape(1, 1, -1), rounding="truncate")
    assert written.ravel().tolist() == golden["quant_out"].tolist()
    ramp = (torch.arange(256) / 255).reshape(1, 1, -1)
    assert (
        color.array_from_tensor(ramp, rounding="truncate").ravel().tolist()
        == golden["quant_roundtrip"].tolist()
    )


def test_gray_and_gray_with_alpha_become_rgb() -> None:
    gray = np.arange(6, dtype=np.uint8).reshape(2, 3)
    assert color.rgb_from_bgr(gray).shape == (2, 3, 3)
    with_alpha = color.rgb_from_bgr(np.dstack([gray, gray + 1]))
    assert with_alpha[1, 2].tolist() == [5, 5, 5, 6]
