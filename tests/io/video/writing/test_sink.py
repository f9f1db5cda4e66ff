"""Written videos, when they are read back, have the properties that were asked for."""

from __future__ import annotations

import threading
from fractions import Fraction
from itertools import pairwise
from math import floor
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tests.support.outputs import (
    HEIGHT,
    WIDTH,
    decoded,
    feed,
    frames,
    luma,
    native_frame,
    rgb_frame,
    source,
    times,
    video_packets,
    write_all,
)
from vfi.errors import OutputError
from vfi.io.base import SinkOptions
from vfi.io.frames import ContentLight, MasteringDisplay, OutputFrame
from vfi.io.open import open_sink
from vfi.io.pixels.picture import Picture
from vfi.io.pixels.tags import SRGB, ColorTags

FILM = Fraction(24000, 1001)
HDR10 = ColorTags(9, 16, 9)
MASTERING = MasteringDisplay(
    red=(Fraction(34000, 50000), Fraction(16000, 50000)),
    green=(Fraction(13250, 50000), Fraction(34500, 50000)),
    blue=(Fraction(7500, 50000), Fraction(3000, 50000)),
    white=(Fraction(15635, 50000), Fraction(16450, 50000)),
    luminance_min=Fraction(50, 10000),
    luminance_max=Fraction(1000),
)


def rounded(time: Fraction) -> Fraction:
    """To a millisecond as FFmpeg does it, halves upwards."""
    return Fraction(floor(time * 1000 + Fraction(1, 2)), 1000)


def ramp(count: int, **form: Any) -> list[Picture]:
    return [native_frame(number, **form) for number in range(count)]


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [
        ("mp4", "h264"), ("mp4", "hevc"), ("mp4", "av1"), ("mov", "h264"), ("mov", "prores"), ("m4v", "h264"),
        ("mkv", "ffv1"), ("mkv", "vp9"), ("webm", "vp9"), ("webm", "av1"),
    ],
)  # fmt: skip
def test_every_codec_keeps_times_and_rate_in_its_containers(tmp_path: Path, suffix: str, codec: str) -> None:
    path = tmp_path / f"out.{suffix}"
    write_all(path, source(), frames(ramp(14), FILM), rate=FILM, codec=codec, segment_frames=6)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.average_rate == FILM
        assert stream.codec_context.width, stream.codec_context.height == (WIDTH, HEIGHT)
        exact = suffix not in ("mkv", "webm")
        assert container.duration is not None
        assert abs(Fraction(container.duration, av.time_base) - 14 / FILM) <= Fraction(1, 1000)
        if exact:
            assert stream.duration is not None
            assert stream.time_base is not None
            assert stream.duration * stream.time_base == 14 / FILM
    wanted = [number / FILM for number in range(14)]
    if exact:
        assert times(path) == wanted
    else:
        assert times(path) == [rounded(time) for time in wanted]
    stamps = [dts for _, dts, _, _ in video_packets(path) if dts is not None]
    assert all(earlier < later for earlier, later in pairwise(stamps))


def test_original_frames_reach_a_lossless_codec_without_a_detour(tmp_path: Path) -> None:
    images = ramp(3)
    write_all(tmp_path / "out.mkv", source(), frames(images), codec="ffv1")
    for image, frame in zip(images, decoded(tmp_path / "out.mkv"), strict=True):
        assert image.frame is not None
        np.testing.assert_array_equal(luma(frame), luma(image.frame))


def test_a_frame_may_be_written_many_times_and_is_not_changed(tmp_path: Path) -> None:
    image = native_frame(0)
    assert image.frame is not None
    image.frame.pts, image.frame.time_base = 77, Fraction(1, 30)
    write_all(tmp_path / "out.mp4", source(), frames([image] * 9), rate=Fraction(24))
    assert times(tmp_path / "out.mp4") == [Fraction(number, 24) for number in range(9)]
    assert (image.frame.pts, image.frame.time_base) == (77, Fraction(1, 30))


def test_variable_frame_rate_is_exact_in_mp4_and_rounded_in_mkv(tmp_path: Path) -> None:
    stamps = [
        Fraction(number) / 90_000 for number in (0, 1, 3003, 9000, 9500, 40_000, 41_111, 90_000, 180_001)
    ]
    ends = [*stamps[1:], stamps[-1] + Fraction(1, 10)]
    output = [
        OutputFrame(number, start, end - start, native_frame(number), str(number))
        for number, (start, end) in enumerate(zip(stamps, ends, strict=True))
    ]
    origin = tmp_path / "origin.mp4"
    write_all(origin, source(rate=Fraction(90_000)), output, segment_frames=4)
    assert times(origin) == stamps
    with av.open(str(origin)) as container:
        assert container.duration is not None
        assert abs(Fraction(container.duration, av.time_base) - ends[-1]) < Fraction(1, 1000)
    write_all(tmp_path / "out.mkv", source(path=origin, rate=None), output)
    assert times(tmp_path / "out.mkv") == [rounded(time) for time in stamps]


def test_colour_tags_shape_and_rotation_are_read_back(tmp_path: Path) -> None:
    tags = ColorTags(9, 18, 9, full_range=True)
    for suffix in ("mp4", "mkv", "mov"):
        path = tmp_path / f"out.{suffix}"
        origin = source(color=tags, sample_aspect_ratio=Fraction(4, 3), rotation=90)
        write_all(path, origin, frames(ramp(3)), codec="hevc")
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            assert stream.sample_aspect_ratio == Fraction(4, 3)
            frame = next(container.decode(video=0))
            assert (frame.color_primaries, frame.color_trc, frame.colorspace, frame.color_range) == (
                9,
                18,
                9,
                2,
            )
            assert frame.rotation == 90


@pytest.mark.parametrize(
    ("suffix", "codec"), [("mov", "prores"), ("mp4", "vp9"), ("webm", "av1"), ("mkv", "ffv1")]
)
def test_codecs_without_tags_of_their_own_get_the_containers(tmp_path: Path, suffix: str, codec: str) -> None:
    path = tmp_path / f"out.{suffix}"
    write_all(path, source(color=ColorTags(9, 18, 9)), frames(ramp(2)), codec=codec)
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        assert (context.color_primaries, context.color_trc, context.colorspace) == (9, 18, 9)


def test_a_pixel_shape_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    notes = write_all(tmp_path / "out.webm", source(sample_aspect_ratio=Fraction(4, 3)), frames(ramp(2)))
    assert "pixel shape 4/3" in "".join(notes)


@pytest.mark.parametrize(
    ("suffix", "codec"), [("mp4", "hevc"), ("mkv", "hevc"), ("mkv", "av1"), ("webm", "av1")]
)
def test_hdr_stays_hdr(tmp_path: Path, suffix: str, codec: str) -> None:
    path = tmp_path / f"out.{suffix}"
    origin = source(
        bits=10,
        pixel_format="yuv420p10le",
        color=HDR10,
        mastering_display=MASTERING,
        content_light=ContentLight(1000, 400),
    )
    notes = write_all(
        path, origin, frames(ramp(3, pixel_format="yuv420p10le")), codec="auto" if suffix != "mkv" else codec
    )
    assert notes == []
    frame = decoded(path)[0]
    assert frame.format.name == "yuv420p10le"
    assert (frame.color_primaries, frame.color_trc, frame.colorspace) == (9, 16, 9)
    entries: Any = frame.side_data
    content = {entry.type.name: bytes(entry) for entry in entries}
    numbers = np.frombuffer(content["MASTERING_DISPLAY_METADATA"], np.int32)[:20].reshape(10, 2)
    values = numbers[:, 0] / numbers[:, 1]
    expected = [*MASTERING.red, *MASTERING.green, *MASTERING.blue, *MASTERING.white, 0.005, 1000]
    np.testing.assert_allclose(values, np.array(expected, float), atol=2e-4)
    assert list(np.frombuffer(content["CONTENT_LIGHT_LEVEL"], np.int32)) == [1000, 400]


def test_vp9_reports_that_it_cannot_hold_hdr_metadata(tmp_path: Path) -> None:
    notes = write_all(
        tmp_path / "out.webm", source(mastering_display=MASTERING), frames(ramp(2)), codec="vp9"
    )
    assert any("VP9 cannot hold it" in note for note in notes)


@pytest.mark.parametrize(("suffix", "decoder"), [("mov", None), ("webm", "libvpx-vp9"), ("mkv", None)])
def test_transparency_survives(tmp_path: Path, suffix: str, decoder: str | None) -> None:
    path = tmp_path / f"out.{suffix}"
    images = [rgb_frame(number, channels=4) for number in range(8)]
    write_all(path, source(has_alpha=True, pixel_format="rgba", color=SRGB), frames(images), segment_frames=3)
    with av.open(str(path)) as container:
        context: Any = (
            av.CodecContext.create(decoder, "r") if decoder else container.streams.video[0].codec_context
        )
        shown = [
            frame
            for packet in container.demux(video=0)
            for frame in context.decode(packet if packet.size else None)
        ]
    assert len(shown) == 8
    for frame, image in zip(shown, images, strict=True):
        alpha = frame.to_ndarray(format="rgba")[..., 3].astype(int)
        assert np.abs(alpha - image.rgb()[..., 3]).mean() < 3


def test_lost_transparency_and_depth_are_reported(tmp_path: Path) -> None:
    images = [rgb_frame(0, channels=4, bits=16)]
    origin = source(has_alpha=True, bits=16, pixel_format="rgba64le", color=SRGB)
    notes = write_all(tmp_path / "out.mp4", origin, frames(images))
    assert [note.split()[0] for note in notes] == ["Transparency", "16-bit", "Colour"]
    assert ".mov" in notes[0]


def test_ten_bit_originals_are_written_to_the_bit(tmp_path: Path) -> None:
    images = ramp(2, pixel_format="yuv422p10le")
    origin = source(bits=10, pixel_format="yuv422p10le")
    write_all(tmp_path / "out.mkv", origin, frames(images), codec="hevc", quality=0, preset="ultrafast")
    shown = decoded(tmp_path / "out.mkv")
    assert shown[0].format.name == "yuv422p10le"
    assert images[0].frame is not None
    assert np.abs(luma(shown[0]).astype(int) - luma(images[0].frame)).max() <= 2


@pytest.mark.parametrize("suffix", ["mp4", "webm", "mkv"])
def test_odd_sizes_are_written(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out.{suffix}"
    notes = write_all(path, source(height=33, width=17), frames(ramp(2, height=33, width=17)))
    frame = decoded(path)[0]
    assert (frame.height, frame.width) == (33, 17)
    assert bool(notes) == (suffix != "webm")


def test_an_explicit_format_that_needs_even_sides_is_refused_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="17x33 frames as yuv420p, which needs even sides"):
        open_sink(tmp_path / "out.mp4", source(height=33, width=17), SinkOptions(pixel_format="yuv420p"))
    assert list(tmp_path.iterdir()) == []


def test_an_encoder_that_refuses_the_size_is_named_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="libx265 refuses 2x2"):
        open_sink(tmp_path / "out.mp4", source(height=2, width=2), SinkOptions(codec="hevc"))
    assert list(tmp_path.iterdir()) == []


def test_new_frames_keep_their_colours(tmp_path: Path) -> None:
    images = [rgb_frame(number) for number in range(3)]
    path = tmp_path / "out.mp4"
    write_all(
        path, source(pixel_format="rgb24", color=SRGB), frames(images), pixel_format="yuv444p", quality=4
    )
    for frame, image in zip(decoded(path), images, strict=True):
        shown = Picture.from_frame(frame).rgb().astype(int)
        assert np.abs(shown - image.rgb()).mean() < 2


def test_names_with_spaces_quotes_and_other_scripts(tmp_path: Path) -> None:
    for name in ('a b\'s "ü" 日本語.mp4', "100% [x] #1.mkv", "http:x.mp4", "-o.webm"):
        path = tmp_path / name
        write_all(path, source(), frames(ramp(2)))
        assert len(decoded(path)) == 2
    assert len(list(tmp_path.iterdir())) == 4


def test_hevc_in_mp4_is_tagged_for_apples_players(tmp_path: Path) -> None:
    write_all(tmp_path / "out.mp4", source(), frames(ramp(2)), codec="hevc")
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.video[0].codec_context.codec_tag == "hvc1"


def test_no_thread_outlives_the_sink(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    write_all(tmp_path / "out.mp4", source(), frames(ramp(2)))
    with open_sink(tmp_path / "no.mp4", source()) as sink:
        feed(sink, frames(ramp(2)))
    assert set(threading.enumerate()) == before
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


def test_an_error_in_the_thread_reaches_the_caller(tmp_path: Path) -> None:
    sink = open_sink(tmp_path / "out.mp4", source())
    wrong = [native_frame(0, height=20)] * 99
    with pytest.raises(ValueError, match="frames of 48x64 expected"):
        feed(sink, frames(wrong)).finish()
    assert sink.abort() == []
    assert list(tmp_path.iterdir()) == []


def test_frames_must_come_in_order(tmp_path: Path) -> None:
    with open_sink(tmp_path / "out.mp4", source()) as sink:
        first, second = frames(ramp(2))
        with pytest.raises(ValueError, match="frame 0 is next"):
            sink.write(second)
        sink.write(first)
    with pytest.raises(ValueError, match="closed"):
        sink.write(second)


def test_nothing_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="no frames"):
        write_all(tmp_path / "out.mp4", source(), [])
    assert list(tmp_path.iterdir()) == []
