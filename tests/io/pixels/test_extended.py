"""New frames of a video keep all codes that their neighbours hold."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal

from tests.support.media import gray_frame
from vfi import load_model
from vfi.base.interpolator import Interpolator
from vfi.io.pixels import convert, extended
from vfi.io.pixels.picture import Picture
from vfi.io.pixels.tags import ColorTags
from vfi.types import Window

HEIGHT, WIDTH = 64, 96
BT709 = ColorTags(1, 1, 1, full_range=False)
PQ = ColorTags(9, 16, 9, full_range=False)
LAYOUTS = [
    f"{family}{depth}"
    for family, depth in product(("yuv420p", "yuv422p", "yuv444p", "gray"), ("", "10le", "12le"))
] + ["yuvj420p", "yuva420p", "yuva444p10le", "nv12", "p010le"]


@pytest.fixture(scope="module")
def model() -> Interpolator:
    return load_model("quadratic")


def titles(pixel_format: str, tags: ColorTags, shift: int = 0) -> Picture:
    """Sharp saturated colours over all codes in the upper half; a square below, moved by ``shift`` pixels."""
    frame = gray_frame(0, pixel_format, HEIGHT, WIDTH)
    frame = convert.as_planar(frame)
    top = (1 << convert.format_bits(pixel_format)) - 1
    random = np.random.default_rng(5)
    for plane in convert.planes(frame):
        height, width = plane.shape
        blocks = random.integers(0, top + 1, (height // 4 + 1, width // 4 + 1))
        plane[:] = np.kron(blocks, np.ones((4, 4)))[:height, :width]
        plane[height // 2 :] = top // 2
        if shift:
            y, x = height * 3 // 4, width // 2 + shift * width // WIDTH
            plane[y : y + height // 8, x : x + width // 8] = top
    frame = frame if frame.format.name == pixel_format else convert.reformat(frame, pixel_format)
    return Picture.from_frame(frame, tags=tags)


def between(model: Interpolator, start: Picture, end: Picture, t: float = 0.5) -> Picture:
    (frame,) = model.interpolate_window(Window(start.tensor(), end.tensor()), [t])
    return Picture.from_tensor(frame, like=start, end=end, t=t)


def codes(frame: Picture, pixel_format: str) -> list[np.ndarray]:
    return convert.planes(convert.as_planar(frame.to_video_frame(pixel_format)))


@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("pixel_format", LAYOUTS)
def test_still_titles_stay_still_code_for_code(
    model: Interpolator, pixel_format: str, full_range: bool
) -> None:
    tags = ColorTags(1, 1, 1, full_range=full_range)
    start, end = titles(pixel_format, tags), titles(pixel_format, tags)
    assert start.equals(end)
    for new, kept in zip(
        codes(between(model, start, end), pixel_format), codes(start, pixel_format), strict=True
    ):
        assert_array_equal(new, kept)


@pytest.mark.parametrize("pixel_format", LAYOUTS)
def test_still_titles_above_something_that_moves_stay_within_one_code(
    model: Interpolator, pixel_format: str
) -> None:
    start, end = titles(pixel_format, BT709), titles(pixel_format, BT709, shift=4)
    assert not start.equals(end)
    for new, kept in zip(
        codes(between(model, start, end), pixel_format), codes(start, pixel_format), strict=True
    ):
        rows = new.shape[0] // 2 - new.shape[0] // 16
        assert np.abs(new[:rows].astype(int) - kept[:rows]).max() <= 1


def wave(number: int, pixel_format: str, tags: ColorTags) -> Picture:
    """A wave of luma from 6 to 250 (of 8 bit) that moves by two pixels per frame."""
    frame = gray_frame(0, pixel_format, HEIGHT, 160)
    step = 1 << (convert.format_bits(pixel_format) - 8)
    x = np.arange(160)
    convert.planes(frame)[0][:] = np.rint((128 + 122 * np.sin((x + 2 * number) / 12)) * step)
    return Picture.from_frame(frame, tags=tags)


@pytest.mark.parametrize("tags", [BT709, PQ])
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv420p10le", "yuv444p12le", "gray"])
def test_levels_beyond_the_nominal_range_do_not_flicker(
    model: Interpolator, pixel_format: str, tags: ColorTags
) -> None:
    frames = [wave(number, pixel_format, tags) for number in range(6)]
    step = 1 << (convert.format_bits(pixel_format) - 8)
    for start, end in pairwise(frames):
        new = codes(between(model, start, end), pixel_format)[0] / step
        sides = np.stack([codes(frame, pixel_format)[0] / step for frame in (start, end)])
        assert abs(new.max() - sides.max()) <= 2
        assert abs(new.min() - sides.min()) <= 2


@pytest.mark.parametrize("site", ["left", "center"])
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p10le", "yuv444p"])
def test_moving_saturated_edges_do_not_pulse(pixel_format: str, site: convert.ChromaSite) -> None:
    """A new frame with the correct R'G'B' gets the correct samples: chroma is not blurred a second time."""
    step = 1 << (convert.format_bits(pixel_format) - 8)

    def bars(shift: int) -> Picture:
        frame = gray_frame(0, pixel_format, HEIGHT, WIDTH)
        for plane, (low, high) in zip(convert.planes(frame), [(63, 173), (102, 42), (240, 26)], strict=True):
            columns = np.arange(plane.shape[1]) * WIDTH // plane.shape[1] - shift
            plane[:] = np.where(columns // 16 % 2, high, low) * step
        return Picture.from_frame(frame, tags=BT709, chroma_site=site)

    start, expected, end = bars(0), bars(2), bars(4)
    middle = Picture.from_tensor(expected.tensor(), like=start, end=end)
    for new, true in zip(codes(middle, pixel_format), codes(expected, pixel_format), strict=True):
        difference = np.abs(new.astype(int) - true) / step
        assert difference.max() <= (8 if site == "center" else 1)
        assert difference.mean() <= (2 if site == "center" else 0.5)


def test_extended_rgb_survives_its_storage() -> None:
    frame = torch.linspace(extended.LOWEST, extended.HIGHEST - 1e-4, 3 * 20 * 30).reshape(3, 20, 30)
    back = torch.from_numpy(extended.unpack(extended.pack(frame)))
    assert float((back - frame).abs().max()) <= 0.51 / 32768


@pytest.mark.parametrize("rounding", ["nearest", "truncate"])
def test_images_of_new_frames_are_clamped_and_rounded_as_asked(rounding: str) -> None:
    like = Picture.from_frame(gray_frame(100), tags=BT709)
    values = torch.tensor([-0.2, 7 / 255, 7.6 / 255, 1.3]).repeat(48, 16).expand(3, 48, 64)
    new = Picture.from_tensor(values, like=like, end=like, rounding=rounding)  # type: ignore[arg-type]  # a str
    assert new.rgb()[0, :4, 0].tolist() == [0, 7, 8 if rounding == "nearest" else 7, 255]


def test_a_frame_unlike_its_neighbours_gets_no_residual() -> None:
    start, end = titles("yuv420p", BT709), titles("yuv420p", BT709)
    new = Picture.from_tensor(torch.full((3, HEIGHT, WIDTH), 0.5), like=start, end=end)
    plane = codes(new, "yuv420p")[1]
    far = np.abs(codes(start, "yuv420p")[1].astype(int) - 128) > 60
    blurred = np.abs(plane.astype(int) - 128)[far]
    assert np.median(blurred) <= 1


def test_frames_are_equal_only_code_for_code() -> None:
    one, same, other = (Picture.from_frame(gray_frame(level)) for level in (100, 100, 101))
    assert one.equals(same)
    assert not one.equals(other)
    array = np.zeros((8, 8, 3), np.uint8)
    assert Picture.from_rgb(array).equals(Picture.from_rgb(array.copy()))
    assert not Picture.from_rgb(array).equals(Picture.from_rgb(array + 1))
    assert not Picture.from_rgb(array).equals(one)


@pytest.mark.parametrize("height", [31, 33, 64, 97])
def test_strips_leave_no_seams(height: int, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(7)
    frame = gray_frame(0, "yuv420p", height, 53)
    for plane in convert.planes(frame):
        plane[:] = random.integers(0, 256, plane.shape)

    def converted() -> tuple[np.ndarray, list[np.ndarray]]:
        rgb = extended.extended_rgb(frame, BT709, "left", alpha=False)
        return rgb, extended.float_planes(rgb, "yuv420p", BT709, "left", interpolate=True)

    rgb, planes = converted()
    monkeypatch.setattr(extended, "_STRIP_ROWS", 1000)
    whole_rgb, whole_planes = converted()
    assert_array_equal(rgb, whole_rgb)
    for plane, whole in zip(planes, whole_planes, strict=True):
        assert_array_equal(plane, whole)


@pytest.mark.parametrize("pixel_format", ["yuv420p10le", "p010le", "yuv422p12le"])
@pytest.mark.parametrize("transfer", [16, 18])  # PQ (SMPTE ST 2084) and HLG (ARIB STD-B67)
def test_hdr_frames_keep_depth_tags_and_still_codes(
    model: Interpolator, pixel_format: str, transfer: int
) -> None:
    tags = ColorTags(9, transfer, 9, full_range=False)
    start, end = titles(pixel_format, tags), titles(pixel_format, tags)
    new = between(model, start, end)
    frame = new.to_video_frame(pixel_format)
    assert (new.bits, new.color) == (convert.format_bits(pixel_format), tags)
    assert (frame.format.name, convert.frame_tags(frame)) == (pixel_format, tags)
    for plane, kept in zip(codes(new, pixel_format), codes(start, pixel_format), strict=True):
        assert_array_equal(plane, kept)
    assert (codes(new, pixel_format)[0] % (1 << (new.bits - 8))).any()
