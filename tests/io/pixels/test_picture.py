"""Picture: native samples unchanged, R'G'B' as the standards define it, depth and alpha kept."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal

from tests.support.media import gray_frame
from vfi.io.pixels import convert
from vfi.io.pixels.picture import Picture
from vfi.io.pixels.tags import SRGB, ColorTags

BT709 = ColorTags(1, 1, 1, full_range=False)
BT709_FULL = ColorTags(1, 1, 1, full_range=True)
# Highest error of R'G'B' -> Y'CbCr 4:4:4 -> R'G'B' in codes of 8 bit: half a code of luma and of chroma each.
ROUND_TRIP = {8: 2.001, 10: 0.5, 12: 0.13, 16: 0.01}


def smooth_rgb(height: int = 40, width: int = 56, dtype: type = np.uint8) -> np.ndarray:
    """Slow waves of colour, of which subsampled chroma loses little."""
    y, x = np.mgrid[:height, :width]
    waves = [0.5 + 0.4 * np.sin(x / 15 + 2 * c) * np.cos(y / 13 + c) for c in range(3)]
    return np.rint(np.stack(waves, -1) * np.iinfo(dtype).max).astype(dtype)


def unit(array: np.ndarray) -> np.ndarray:
    return array / np.iinfo(array.dtype).max


@pytest.mark.parametrize("tags", [BT709, BT709_FULL, ColorTags(9, 16, 9), ColorTags(6, 6, 6)])
@pytest.mark.parametrize("pixel_format", ["yuv444p", "yuv444p10le", "yuv444p12le", "yuv444p16le", "ayuv64le"])
def test_444_round_trip_stays_within_the_rounding_of_the_format(pixel_format: str, tags: ColorTags) -> None:
    rgb = np.random.default_rng(1).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    frame = Picture.from_rgb(rgb).to_video_frame(pixel_format, tags)
    assert convert.frame_tags(frame) == tags
    decoded = Picture.from_frame(frame)
    error = np.abs(unit(decoded.rgb()[..., :3]) - unit(rgb)) * 255
    assert error.max() <= ROUND_TRIP[decoded.bits]
    assert error.mean() <= ROUND_TRIP[decoded.bits] / 3


@pytest.mark.parametrize(
    "pixel_format", ["gbrp", "rgb24", "bgra", "rgba", "gbrap", "rgb48le", "rgba64be", "gbrp16le"]
)
def test_rgb_formats_are_exact(pixel_format: str) -> None:
    rgb = np.random.default_rng(2).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    frame = Picture.from_rgb(rgb).to_video_frame(pixel_format, SRGB)
    assert_array_equal(unit(Picture.from_frame(frame).rgb()[..., :3]), unit(rgb))


@pytest.mark.parametrize(
    "pixel_format",
    ["yuv420p", "yuv422p", "yuv440p", "yuv411p", "yuv410p", "nv12", "yuyv422", "yuv420p10le", "yuv422p12le",
     "p010le", "yuv420p10be", "yuva420p", "yuva422p10le"],
)  # fmt: skip
@pytest.mark.parametrize("site", ["left", "center"])
def test_subsampled_chroma_keeps_its_position(pixel_format: str, site: convert.ChromaSite) -> None:
    rgb = smooth_rgb(dtype=np.uint16)
    frame = convert.frame_from_rgb(rgb, pixel_format, BT709, site)
    back = unit(convert.rgb_from_frame(frame, BT709, site, alpha=False))
    assert back.shape == rgb.shape
    # Rounding to 8 bit alone costs 0.0020; chroma that is half a pixel off costs 0.0059 even at 12 bit.
    tolerance = 0.0032 if convert.format_bits(pixel_format) == 8 else 0.001
    assert np.abs(back - unit(rgb))[8:-8, 8:-8].mean() < tolerance


@pytest.mark.parametrize("factors", [(2, 2), (1, 2), (1, 4), (4, 4)])
@pytest.mark.parametrize("site", ["left", "center"])
def test_chroma_resampling_reproduces_a_plane_exactly(
    factors: tuple[int, int], site: convert.ChromaSite
) -> None:
    vertical, horizontal = factors
    height, width = 33, 65  # odd on purpose
    full = (np.arange(width)[None] * 100 + np.arange(height)[:, None] * 300 + 4000.0).astype(np.uint16)
    offset = 0.5 * (horizontal - 1) if site == "center" else 0.0
    columns = np.arange(-(-width // horizontal)) * horizontal + offset
    rows = np.arange(-(-height // vertical)) * vertical + 0.5 * (vertical - 1)
    chroma = (columns[None] * 100 + rows[:, None] * 300 + 4000).astype(np.uint16)
    up = convert.upsample_chroma(chroma, full.shape, factors, site)
    down = convert.downsample_chroma(full, factors, site)
    assert up.shape == full.shape
    assert down.shape == chroma.shape
    inner = np.s_[2 * vertical + 2 : -2 * vertical - 4, 2 * horizontal + 2 : -2 * horizontal - 4]
    assert np.abs(up[inner].astype(int) - full[inner]).max() <= 1
    assert np.abs(down[3:-3, 3:-3].astype(int) - chroma[3:-3, 3:-3]).max() <= 1


def test_untagged_samples_get_the_matrix_that_players_assume() -> None:
    unknown = ColorTags()
    assert unknown.matrix_for(480, 854) == 6
    assert unknown.matrix_for(720, 960) == 1
    assert unknown.matrix_for(544, 1280) == 1
    assert ColorTags(matrix=9).matrix_for(480, 854) == 9


def test_range_and_matrix_are_those_that_the_layout_implies() -> None:
    assert convert.frame_tags(gray_frame(1, "yuvj420p")).full_range
    assert convert.frame_tags(gray_frame(1, "gray")).full_range
    assert not convert.frame_tags(gray_frame(1, "yuv420p")).full_range
    assert convert.frame_tags(gray_frame(1, "gbrp")) == ColorTags(matrix=0, full_range=True)


@pytest.mark.parametrize(("pixel_format", "level"), [("gray", 77), ("gray10le", 308), ("gray16le", 20000)])
def test_gray_becomes_equal_channels(pixel_format: str, level: int) -> None:
    decoded = Picture.from_frame(gray_frame(level, pixel_format))
    rgb = decoded.rgb()
    top = (1 << decoded.bits) - 1
    assert unit(rgb) == pytest.approx(level / top, abs=1e-4)


def test_ten_bit_ramp_keeps_its_levels() -> None:
    frame = gray_frame(0, "yuv420p10le", height=16, width=880)
    convert.planes(frame)[0][:] = np.clip(np.arange(880) + 64, 64, 940)
    decoded = Picture.from_frame(frame)
    assert decoded.bits == 10
    assert decoded.rgb().dtype == np.uint16
    assert len(np.unique(decoded.tensor()[0, 0])) == 877
    new = Picture.from_tensor(decoded.tensor(), like=decoded)
    assert new.bits == 10
    again = convert.planes(new.to_video_frame("yuv420p10le"))[0]
    assert_array_equal(again, convert.planes(frame)[0])


@pytest.mark.parametrize(
    ("pixel_format", "bits"),
    [("yuva420p", 8), ("yuva444p10le", 10), ("yuva444p12le", 12), ("rgba", 8), ("rgba64le", 16), ("gbrap", 8),
     ("gbrap12le", 12), ("bgra", 8)],
)  # fmt: skip
def test_alpha_survives(pixel_format: str, bits: int) -> None:
    rgba = np.random.default_rng(4).integers(0, 65536, (20, 30, 4), dtype=np.uint16)
    decoded = Picture.from_frame(Picture.from_rgb(rgba).to_video_frame(pixel_format))
    assert decoded.has_alpha
    assert decoded.rgb().shape == (20, 30, 4)
    assert decoded.tensor().shape == (1, 4, 20, 30)
    assert np.abs(unit(decoded.rgb()[..., 3]) - unit(rgba[..., 3])).max() <= 0.51 / ((1 << bits) - 1)


def test_missing_alpha_becomes_opaque_and_known_opaque_alpha_can_be_ignored() -> None:
    frame = Picture.from_rgb(smooth_rgb()).to_video_frame("rgba")
    assert Picture.from_frame(frame).rgb()[..., 3].min() == 255
    assert Picture.from_frame(frame, has_alpha=False).rgb().shape[2] == 3


def test_a_decoded_frame_that_fits_is_returned_unchanged() -> None:
    frame = gray_frame(100, "yuv420p10le")
    decoded = Picture.from_frame(frame, tags=BT709)
    assert decoded.to_video_frame("yuv420p10le") is frame
    assert decoded.to_video_frame("yuv420p10le", BT709) is frame
    assert decoded.to_video_frame("yuv420p10le", BT709_FULL) is not frame


@pytest.mark.parametrize(
    "pixel_format", ["yuv420p10le", "yuv422p", "yuv444p10le", "nv12", "p010le", "yuva420p"]
)
def test_between_ycbcr_layouts_even_codes_outside_the_range_survive(pixel_format: str) -> None:
    frame = gray_frame(5, "yuv420p")  # below black: lost by any conversion to clamped R'G'B'
    convert.planes(frame)[1][:] = 200
    moved = Picture.from_frame(frame, tags=BT709).to_video_frame(pixel_format)
    back = Picture.from_frame(moved, tags=BT709).to_video_frame("yuv420p")
    for before, after in zip(convert.planes(frame), convert.planes(back), strict=True):
        assert_array_equal(before, after)


def test_full_range_source_becomes_limited_when_asked() -> None:
    decoded = Picture.from_frame(gray_frame(255, "yuvj420p"))
    assert convert.planes(decoded.to_video_frame("yuv420p", BT709))[0].max() == 235


def test_luma_is_the_frames_own_and_eight_bit() -> None:
    assert Picture.from_frame(gray_frame(77, "yuv420p")).luma().max() == 77
    assert Picture.from_frame(gray_frame(77 * 4, "yuv420p10le")).luma().max() == 77
    assert Picture.from_frame(gray_frame(77, "nv12"), tags=BT709_FULL).luma().max() == 77
    luma = Picture.from_rgb(np.full((8, 8, 3), 65535, np.uint16)).luma()
    assert luma.dtype == np.uint8
    assert luma.min() == 255


def test_new_frames_copy_the_properties_of_their_template() -> None:
    like = Picture.from_frame(gray_frame(400, "yuv420p10le"), tags=BT709, rotation=90, chroma_site="center")
    new = Picture.from_tensor(torch.full((1, 3, 48, 64), 0.5), like=like)
    assert (new.bits, new.color, new.rotation, new.chroma_site) == (10, BT709, 90, "center")
    assert (new.height, new.width, new.has_alpha, new.frame, new.path) == (48, 64, False, None, None)
    eight = Picture.from_tensor(torch.full((1, 3, 48, 64), 0.5))
    assert eight.rgb().dtype == np.uint8
    assert eight.color == SRGB


def test_upright_rotates_counter_clockwise() -> None:
    rgb = np.zeros((4, 6, 3), np.uint8)
    rgb[0, -1] = 255  # top right, which is rotated to top left
    like = Picture.from_frame(gray_frame(0), rotation=90)
    upright = Picture.from_rgb(rgb, like).upright()
    assert upright.rgb().shape == (6, 4, 3)
    assert upright.rgb()[0, 0].tolist() == [255, 255, 255]
    assert upright.rotation == 0
    assert upright.upright() is upright


def test_samples_are_read_only() -> None:
    decoded = Picture.from_rgb(smooth_rgb())
    with pytest.raises(ValueError, match="read-only"):
        decoded.rgb()[0, 0] = 0
    assert decoded.tensor().add_(1).max() > 1  # the tensor is the caller's own


def test_arrays_of_another_shape_or_type_are_refused() -> None:
    for wrong in (np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32), np.zeros((4, 4, 2), np.uint8)):
        with pytest.raises(ValueError, match="expected"):
            Picture.from_rgb(wrong)
