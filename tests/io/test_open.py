"""Videos as sources: exact times, depth, alpha, tags, the right stream, and trims."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import av
import cv2
import numpy as np
import pytest
from av.stream import Disposition

from tests.support.media import (
    HEIGHT,
    WIDTH,
    frame_number,
    gray_frame,
    numbered_frame,
    write_tone,
    write_video,
)
from vfi.errors import ConfigError, InputError
from vfi.io import Picture, SourceFrame, SourceInfo, open_source
from vfi.io.frames import ContentLight, StreamRecord
from vfi.io.pixels import convert
from vfi.io.pixels.tags import ColorTags
from vfi.io.video.side_data import lost_metadata

FILM = Fraction(24000, 1001)


def read(path: Path, **options: Any) -> tuple[SourceInfo, list[SourceFrame], str | None]:
    with open_source(path, **options) as source:
        frames = list(source)
    return source.info, frames, source.damage


def numbers(frames: list[SourceFrame]) -> list[int]:
    return [frame_number(frame.image.luma()) for frame in frames]


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.mp4", "libx264"), ("a.mkv", "libx264"), ("a.mov", "libx264"), ("a.webm", "libvpx-vp9"),
     ("a.mkv", "ffv1"), ("a.mkv", "libx265"), ("a.ts", "libx264")],
)  # fmt: skip
@pytest.mark.parametrize("rate", [Fraction(25), FILM, Fraction(60000, 1001)])
def test_every_frame_comes_at_its_exact_time(tmp_path: Path, name: str, codec: str, rate: Fraction) -> None:
    options = {"cpu-used": "8", "deadline": "realtime"} if "vp9" in codec else {}
    path = write_video(tmp_path / name, 30, codec=codec, rate=rate, options=options)
    info, frames, damage = read(path)
    assert damage is None
    assert numbers(frames) == [number % 20 for number in range(30)]
    assert info.rate == rate
    start = frames[0].time
    assert start == info.start
    assert [frame.time - start for frame in frames] == [number / rate for number in range(30)]
    assert {frame.duration for frame in frames} == {1 / rate}
    assert [frame.index for frame in frames] == list(range(30))
    assert frames[7].name == "000007"
    assert info.frame_count == 30
    assert info.duration == 30 / rate
    assert (info.kind, info.height, info.width, info.bits) == ("video", HEIGHT, WIDTH, 8)


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p10le", "yuv444p", "yuv410p", "gbrp10le"])
def test_odd_sizes_and_single_frames(tmp_path: Path, pixel_format: str) -> None:
    def odd(stream: Any) -> None:
        stream.width, stream.height = 63, 47

    path = write_video(
        tmp_path / "a.mkv", 1, codec="ffv1", pixel_format=pixel_format, prepare=odd,
        make_frame=lambda number, layout: gray_frame(128, layout, 47, 63),
    )  # fmt: skip
    info, frames, damage = read(path)
    assert damage is None
    assert (info.height, info.width, len(frames)) == (47, 63, 1)
    assert frames[0].image.rgb().shape == (47, 63, 3)
    assert frames[0].duration > 0
    assert Picture.from_rgb(frames[0].image.rgb()).to_video_frame(pixel_format).width == 63


@pytest.mark.parametrize("name", ["vfr.mp4", "vfr.mkv"])
def test_variable_rate_keeps_its_stamps(tmp_path: Path, name: str) -> None:
    stamps = np.cumsum([0, 33, 50, 20, 17, 120, 33, 34, 99, 41, 7, 300, 16]).tolist()
    path = write_video(tmp_path / name, len(stamps), stamps=stamps, time_base=Fraction(1, 1000))
    info, frames, damage = read(path)
    assert damage is None
    assert info.rate is None
    assert [frame.time for frame in frames] == [Fraction(stamp, 1000) for stamp in stamps]
    assert [frame.duration for frame in frames[:-1]] == [
        Fraction(after - before, 1000) for before, after in pairwise(stamps)
    ]
    assert frames[-1].duration > 0


def test_a_constant_rate_with_a_dropped_frame_stays_one(tmp_path: Path) -> None:
    stamps = [round(number * 1001 / 24) for number in range(40) if number != 11]
    path = write_video(tmp_path / "a.mkv", 39, rate=FILM, stamps=stamps, time_base=Fraction(1, 1000))
    info, frames, _ = read(path)
    assert info.rate == FILM
    assert [frame.time for frame in frames] == [number / FILM for number in range(40) if number != 11]
    assert frames[10].duration == 2 / FILM


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.webm", "a.ts", "a.avi"])
@pytest.mark.parametrize(("first", "last"), [(0, 13), (9, 50), (10, 60), (37, None), (59, None)])
def test_trim_is_exact_from_any_frame(tmp_path: Path, name: str, first: int, last: int | None) -> None:
    codec = {"a.webm": "libvpx-vp9", "a.avi": "mpeg4"}.get(name, "libx264")
    options = {"cpu-used": "8"} if "vp9" in codec else {"g": "12", "bf": "2"}
    path = write_video(tmp_path / name, 60, codec=codec, options=options)
    whole, frames, _ = read(path)
    start = whole.start + Fraction(first, 24)
    end = None if last is None else whole.start + Fraction(last, 24)
    info, part, damage = read(path, start=start, end=end)
    assert damage is None
    assert [frame.time for frame in part] == [frame.time for frame in frames[first:last]]
    assert numbers(part) == numbers(frames[first:last])
    assert part[0].index == 0
    assert info.frame_count == len(part)
    assert info.duration == Fraction(len(part), 24)


def test_the_last_frame_of_a_trim_ends_with_it(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 24)
    _, frames, _ = read(path, start=Fraction(0), end=Fraction(9, 48))
    assert len(frames) == 5
    assert frames[-1].duration == Fraction(1, 48)


def test_trims_outside_the_video_say_so(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 24)
    with pytest.raises(InputError, match=r"a\.mp4 ends at 1\.00 s"):
        open_source(path, start=Fraction(3))
    with pytest.raises(ConfigError, match="before the beginning"):
        open_source(path, start=Fraction(-1))


def test_a_clock_that_starts_anywhere_is_set_to_zero(tmp_path: Path) -> None:
    stamps = [number * 3750 + 90000 * 5000 for number in range(30)]
    path = write_video(
        tmp_path / "a.ts", 30, stamps=stamps, time_base=Fraction(1, 90000), options={"bf": "0"}
    )
    info, frames, damage = read(path)
    assert damage is None
    assert info.clock_zero >= 5000
    assert [frame.time for frame in frames] == [Fraction(number, 24) for number in range(30)]
    _, part, _ = read(path, start=Fraction(1, 2))
    assert numbers(part) == numbers(frames)[12:]


def test_names_of_any_letters(tmp_path: Path) -> None:
    path = write_video(tmp_path / "映画 'a' \"b\" %03d: été.mkv", 5)
    assert len(read(path)[1]) == 5


@pytest.mark.parametrize(
    ("codec", "name", "pixel_format", "bits", "alpha"),
    [
        ("libx265", "a.mkv", "yuv420p10le", 10, False),
        ("ffv1", "a.mkv", "yuv422p12le", 12, False),
        ("ffv1", "a.mkv", "gray16le", 16, False),
        ("ffv1", "a.mkv", "gbrp10le", 10, False),
        ("ffv1", "a.mkv", "yuva444p", 8, True),
        ("prores_ks", "a.mov", "yuva444p10le", 12, True),  # the decoder delivers 12 bit
        ("libvpx-vp9", "a.webm", "yuva420p", 8, True),
        ("png", "a.mov", "rgba64be", 16, True),
        ("mjpeg", "a.mkv", "yuvj420p", 8, False),
    ],
)
def test_depth_and_alpha(
    tmp_path: Path, codec: str, name: str, pixel_format: str, bits: int, alpha: bool
) -> None:
    options = {"profile": "4444", "alpha_bits": "16"} if "prores" in codec else {}
    path = write_video(
        tmp_path / name, 4, codec=codec, pixel_format=pixel_format, options=options, make_frame=_middle_frame
    )
    info, frames, _ = read(path)
    assert (info.bits, info.has_alpha, len(frames)) == (bits, alpha, 4)
    image = frames[2].image
    assert (image.bits, image.has_alpha) == (bits, alpha)
    assert image.rgb().dtype == (np.uint8 if bits == 8 else np.uint16)
    assert image.rgb().shape == (HEIGHT, WIDTH, 4 if alpha else 3)
    if alpha:
        assert image.tensor()[0, 3].mean() == pytest.approx(0.5, abs=0.01)


def _middle_frame(number: int, pixel_format: str) -> av.VideoFrame:
    """Every sample in the middle of its range."""
    if convert.is_planar(pixel_format):
        return gray_frame(1 << (convert.format_bits(pixel_format) - 1), pixel_format)
    half = np.full((HEIGHT, WIDTH, 4), 32768, np.uint16)
    return convert.frame_from_rgb(half, pixel_format, ColorTags(matrix=0, full_range=True), "left")


def test_lossless_samples_arrive_untouched(tmp_path: Path) -> None:
    originals = [
        np.random.default_rng(n).integers(0, 1024, (HEIGHT, WIDTH)).astype(np.uint16) for n in range(3)
    ]

    def noisy(number: int, pixel_format: str) -> av.VideoFrame:
        frame = gray_frame(0, pixel_format)
        convert.planes(frame)[0][:] = originals[number]
        return frame

    path = write_video(tmp_path / "a.mkv", 3, codec="ffv1", pixel_format="yuv420p10le", make_frame=noisy)
    for frame, original in zip(read(path)[1], originals, strict=True):
        written = frame.image.to_video_frame("yuv420p10le")
        assert written is frame.image.frame
        assert np.array_equal(convert.planes(written)[0], original)


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_rotation_is_reported_and_frames_stay_as_stored(tmp_path: Path, degrees: int) -> None:
    def corner(number: int, pixel_format: str) -> av.VideoFrame:
        frame = gray_frame(20, pixel_format)
        convert.planes(frame)[0][:16, :16] = 220
        return frame

    path = write_video(
        tmp_path / "a.mp4", 3, make_frame=corner, prepare=lambda stream: stream.set_display_rotation(degrees)
    )
    info, frames, _ = read(path)
    assert info.rotation == degrees
    assert (info.height, info.width) == (HEIGHT, WIDTH)
    rotated = degrees != 180
    assert (info.display_height, info.display_width) == ((WIDTH, HEIGHT) if rotated else (HEIGHT, WIDTH))
    image = frames[0].image
    assert image.luma()[:12, :12].mean() > 200
    upright = image.upright().luma()
    assert upright.shape == (info.display_height, info.display_width)
    # Counter-clockwise: top left goes to bottom left, bottom right, top right.
    rows, columns = {90: (-12, 0), 180: (-12, -12), 270: (0, -12)}[degrees]
    assert upright[rows : rows + 12 or None, columns : columns + 12 or None].mean() > 200


def test_colour_tags_and_aspect_are_read(tmp_path: Path) -> None:
    def prepare(stream: Any) -> None:
        context = stream.codec_context
        context.color_primaries, context.color_trc, context.colorspace, context.color_range = 9, 16, 9, 1
        context.sample_aspect_ratio = Fraction(4, 3)

    path = write_video(
        tmp_path / "a.mkv", 3, codec="libx265", pixel_format="yuv420p10le", prepare=prepare,
        options={"x265-params": "log-level=none:hdr10=1:max-cll=1000,400:master-display="
                 "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"},
    )  # fmt: skip
    info, frames, _ = read(path)
    assert info.color == ColorTags(9, 16, 9, full_range=False)
    assert frames[0].image.color == info.color
    assert info.sample_aspect_ratio == Fraction(4, 3)
    assert info.content_light == ContentLight(1000, 400)
    display = info.mastering_display
    assert display is not None
    assert display.red == (Fraction(34000, 50000), Fraction(16000, 50000))
    assert display.green == (Fraction(13250, 50000), Fraction(34500, 50000))
    assert display.blue == (Fraction(7500, 50000), Fraction(3000, 50000))
    assert display.white == (Fraction(15635, 50000), Fraction(16450, 50000))
    assert (display.luminance_min, display.luminance_max) == (Fraction(50, 10000), 1000)


def test_other_streams_are_listed(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 24, audio_seconds=1)
    info, frames, _ = read(path)
    assert len(frames) == 24
    assert info.has_audio
    assert info.streams == (StreamRecord(1, "audio", "aac", "und"),)


def test_no_frame_is_left_in_the_decoder_where_the_video_is_the_second_stream(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        sound = container.add_stream("aac", rate=48000, layout="mono")
        stream: Any = container.add_stream("libx264", rate=24, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(10):
            frame = numbered_frame(number)
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        write_tone(container, sound, 0.5)
    info, frames, _ = read(path)
    assert numbers(frames) == list(range(10))
    assert info.streams == (StreamRecord(0, "audio", "aac", "und"),)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_a_cover_image_is_not_the_video(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with av.open(str(path), "w") as container:
        cover: Any = None
        if name == "a.mkv":
            jpeg = cv2.imencode(".jpg", np.full((32, 32, 3), 50, np.uint8))[1].tobytes()
            container.add_attachment("cover.jpg", "image/jpeg", jpeg)
        else:
            cover = container.add_stream("mjpeg", rate=1)
            cover.width, cover.height, cover.pix_fmt = 32, 32, "yuvj420p"
            cover.disposition = Disposition.attached_pic
        stream: Any = container.add_stream("libx264", rate=24, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        if cover is not None:
            container.mux([*cover.encode(gray_frame(50, "yuvj420p", 32, 32)), *cover.encode()])
        for number in range(10):
            frame = numbered_frame(number)
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    info, frames, damage = read(path)
    assert damage is None
    assert numbers(frames) == list(range(10))
    assert [record.kind for record in info.streams] == ["cover"]


def test_inputs_that_are_no_videos(tmp_path: Path) -> None:
    sound = tmp_path / "sound.m4a"
    with av.open(str(sound), "w") as container:
        stream = container.add_stream("aac", rate=48000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate = 48000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(InputError, match=r"sound\.m4a holds sound but no video"):
        open_source(sound)
    for name, content, reason in [
        ("notes.txt", b"hello\n" * 100, "a video"),
        ("empty.mp4", b"", "it is empty"),
        ("random.mkv", np.random.default_rng(0).bytes(5000), "format is unknown"),
    ]:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=reason) as caught:
            open_source(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value)
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="does not exist"):
        open_source(tmp_path / "missing.mp4")
    with pytest.raises(InputError, match="does not exist"):
        open_source(tmp_path / ("x" * 300 + ".mp4"))


def test_metadata_of_single_frames_is_named_once() -> None:
    kinds = ["DOVI_RPU_BUFFER", "DOVI_METADATA", "MASTERING_DISPLAY_METADATA", "DYNAMIC_HDR_PLUS"]
    entries = [SimpleNamespace(type=SimpleNamespace(name=kind)) for kind in kinds]
    frame = cast("av.VideoFrame", SimpleNamespace(side_data=entries))
    assert lost_metadata(frame) == ("Dolby Vision metadata", "HDR10+ metadata")
