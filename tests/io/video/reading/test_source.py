"""Films of odd containers: the right times; any run of frames equals the same run of a whole reading."""

from __future__ import annotations

import logging
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.media import (
    frame_number,
    joined,
    noise_frame,
    with_empty_chunks,
    write_interlaced,
    write_video,
)
from vfi.errors import ConfigError
from vfi.io import SourceFrame, open_source
from vfi.io.video.reading.source import VideoSource

B_FRAMES = {"preset": "medium", "bf": "3", "g": "12"}
UNEVEN = np.cumsum([0, *[33, 50, 20, 17, 120, 33, 34, 99, 41, 7, 300, 16] * 4]).tolist()


def read_all(path: Path, **options: Any) -> tuple[Any, list[SourceFrame]]:
    with open_source(path, **options) as source:
        frames = list(source)
    return source, frames


def times(frames: list[SourceFrame]) -> list[Fraction]:
    return [frame.time for frame in frames]


def numbers(frames: list[SourceFrame]) -> list[int]:
    return [frame_number(frame.image.luma()) for frame in frames]


def even(count: int, rate: Fraction | int) -> list[Fraction]:
    return [number / Fraction(rate) for number in range(count)]


def assert_same(frames: list[SourceFrame], expected: list[SourceFrame]) -> None:
    assert [(f.index, f.time, f.duration, f.name) for f in frames] == [
        (f.index, f.time, f.duration, f.name) for f in expected
    ]
    for frame, other in zip(frames, expected, strict=True):
        assert np.array_equal(frame.image.rgb(), other.image.rgb())


def test_a_joined_recording_goes_on_where_its_clock_restarts(tmp_path: Path) -> None:
    part = write_video(tmp_path / "a.ts", 50, rate=25, options=B_FRAMES, audio_seconds=2)
    path = joined(tmp_path / "in.ts", part, part)
    source, frames = read_all(path)
    start = source.info.start
    assert [time - start for time in times(frames)] == even(100, 25)
    assert numbers(frames) == [number % 20 for number in range(50)] * 2
    assert source.damage is None
    assert source.info.duration == 4
    assert source.info.frame_count == 100
    (jump,) = source.clock_jumps
    assert jump.offset == 2
    assert (jump.time, jump.before) == (0, 2)
    assert abs(jump.position - part.stat().st_size) < 1000
    later, rest = read_all(path, start=start + Fraction(5, 2))
    assert_same(
        [*rest], [_renumbered(frame, -63) for frame in frames if frame.time >= start + Fraction(5, 2)]
    )
    assert later.info.duration == Fraction(3, 2)
    assert [place for place, _ in later.timestamps()] == times(rest)


def _renumbered(frame: SourceFrame, by: int) -> SourceFrame:
    index = frame.index + by
    return SourceFrame(index, frame.time, frame.duration, frame.image, f"{index:06d}")


@pytest.mark.parametrize("later", [3000, 20])
def test_a_clock_that_jumps_ahead_is_no_pause_where_clocks_are_reset(tmp_path: Path, later: int) -> None:
    parts = [
        write_video(
            tmp_path / f"{number}.ts", 25, rate=25, options={"bf": "0"},
            container_options={"output_ts_offset": str(offset)},
        )
        for number, offset in enumerate([5, later, 2])
    ]  # fmt: skip
    source, frames = read_all(joined(tmp_path / "in.ts", *parts))
    assert [time - source.info.start for time in times(frames)] == even(75, 25)
    assert source.info.duration == 3
    assert [jump.offset for jump in source.clock_jumps] == [6 - later, 5]


def test_a_pause_is_no_jump_elsewhere(tmp_path: Path) -> None:
    stamps = [*range(25), *range(1000, 1025)]
    path = write_video(tmp_path / "a.mkv", 50, rate=25, stamps=stamps, time_base=Fraction(1, 25))
    source, frames = read_all(path)
    assert source.clock_jumps == []
    assert frames[25].time == 40


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_b_frames_in_avi_are_even(tmp_path: Path, codec: str) -> None:
    options = B_FRAMES if codec == "libx264" else {"bf": "2", "g": "12", "qmin": "1", "qmax": "1"}
    path = write_video(tmp_path / "a.avi", 50, codec=codec, rate=25, options=options)
    source, frames = read_all(path)
    assert times(frames) == even(50, 25)
    assert numbers(frames) == [number % 20 for number in range(50)]
    assert source.info.start == 0
    assert source.info.duration == 2


@pytest.mark.parametrize("offset", ["95443.7", "95442.3"])
@pytest.mark.parametrize("audio_seconds", [0, 2])
def test_a_clock_that_starts_below_zero_loses_no_frame(
    tmp_path: Path, offset: str, audio_seconds: float
) -> None:
    path = write_video(
        tmp_path / "a.ts", 50, rate=25, options={"bf": "2"}, audio_seconds=audio_seconds,
        container_options={"output_ts_offset": offset},
    )  # fmt: skip
    _, frames = read_all(path)
    assert len(frames) == 50
    assert 0 <= frames[0].time < Fraction(1, 20)
    assert {after - before for before, after in pairwise(times(frames))} == {Fraction(1, 25)}


@pytest.mark.parametrize(
    ("name", "codec"), [("a.h264", "libx264"), ("a.hevc", "libx265"), ("a.m2v", "mpeg2video")]
)
def test_bare_streams_have_the_rate_that_they_state(tmp_path: Path, name: str, codec: str) -> None:
    rate = Fraction(30000, 1001)
    path = write_video(
        tmp_path / name, 30, codec=codec, rate=rate, options={"bf": "2", "qmin": "1", "qmax": "1"}
    )
    source, frames = read_all(path)
    assert source.info.rate == rate
    assert times(frames) == even(30, rate)
    assert numbers(frames) == [number % 20 for number in range(30)]
    _, frames = read_all(path, rate=Fraction(50))
    assert times(frames) == even(30, 50)
    with open_source(path) as again:
        assert_same(list(again.read(7, 9)), read_all(path)[1][7:10])


def test_a_film_with_times_refuses_another_rate(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 5)
    with pytest.raises(ConfigError, match=r"a\.mp4 has timestamps, so --input-fps cannot"):
        open_source(path, rate=Fraction(50))


def test_empty_chunks_of_a_complete_avi_are_no_damage(tmp_path: Path) -> None:
    path = with_empty_chunks(
        write_video(tmp_path / "a.avi", 50, codec="mjpeg", pixel_format="yuvj420p", rate=25)
    )
    source, frames = read_all(path)
    assert source.damage is None
    kept = [number for number in range(46) if number % 8 != 5]
    assert times(frames) == [Fraction(number, 25) for number in kept]


def _open_gop(path: Path) -> Path:
    return write_video(
        path,
        60,
        make_frame=noise_frame,
        options={"preset": "medium", "bf": "3", "g": "10", "x264-params": "open-gop=1"},
    )


FILMS: dict[str, Callable[[Path], Path]] = {
    "b.mp4": lambda path: write_video(path, 60, options=B_FRAMES, make_frame=noise_frame),
    "b.mkv": lambda path: write_video(path, 60, options=B_FRAMES, make_frame=noise_frame),
    "b.ts": lambda path: write_video(path, 60, options=B_FRAMES, make_frame=noise_frame),
    "b.avi": lambda path: write_video(path, 60, options=B_FRAMES, make_frame=noise_frame),
    "a.avi": lambda path: write_video(path, 60, codec="mpeg4", options={"g": "12"}, make_frame=noise_frame),
    "uneven.mp4": lambda path: write_video(
        path, len(UNEVEN), stamps=UNEVEN, time_base=Fraction(1, 1000), options=B_FRAMES
    ),
    "uneven.mkv": lambda path: write_video(
        path, len(UNEVEN), stamps=UNEVEN, time_base=Fraction(1, 1000), options=B_FRAMES
    ),
    "open.mp4": _open_gop,
    "open.mkv": _open_gop,
    "open.ts": _open_gop,
    "refresh.mp4": lambda path: write_video(
        path, 60, make_frame=noise_frame,
        options={"preset": "medium", "intra-refresh": "1", "g": "12", "bf": "0"},
    ),
    "hevc.mkv": lambda path: write_video(
        path, 40, codec="libx265", make_frame=noise_frame,
        options={"x265-params": "log-level=none:keyint=10:bframes=3:open-gop=1"},
    ),
    "a.webm": lambda path: write_video(path, 40, codec="libvpx", options={"auto-alt-ref": "1", "g": "10"}),
    "interlaced.ts": write_interlaced,
}  # fmt: skip


@pytest.mark.parametrize("name", FILMS)
@pytest.mark.parametrize("trimmed", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_any_run_of_frames_equals_that_of_a_whole_reading(tmp_path: Path, name: str, trimmed: bool) -> None:
    path = FILMS[name](tmp_path / name)
    options: dict[str, Any] = {"start": Fraction(1, 4), "end": Fraction(3, 2)} if trimmed else {}
    _, whole = read_all(path, **options)
    with open_source(path, **options) as source:
        assert source.timestamps() == [(frame.time, frame.duration) for frame in whole]
        for first, last in [(0, None), (0, 0), (5, 6), (11, 14), (len(whole) - 2, None), (3, 2), (500, 501)]:
            expected = whole[first:] if last is None else whole[first : last + 1]
            assert_same(list(source.read(first, last)), expected)
        with pytest.raises(ValueError, match="counted from 0"):
            list(source.read(-1))
        assert_same(list(source), whole)


def test_films_with_an_index_are_sought_and_their_times_not_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for name in ("b.mp4", "b.mkv", "open.mp4", "b.ts"):
        path = FILMS[name](tmp_path / name)
        with open_source(path) as source:
            assert len(source.timestamps()) == 60
            with monkeypatch.context() as patched:
                patched.setattr(VideoSource, "_frames", None)  # what a reading from the beginning needs
                assert [frame.index for frame in source.read(40, 42)] == [40, 41, 42]
    assert caplog.messages == []


def test_where_the_index_lies_the_film_is_read_from_its_beginning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    path = FILMS["refresh.mp4"](tmp_path / "refresh.mp4")
    _, whole = read_all(path)
    with open_source(path) as source:
        assert_same(list(source.read(40, 42)), whole[40:43])


def test_interlaced_film_is_reported_or_deinterlaced(tmp_path: Path) -> None:
    path = write_interlaced(tmp_path / "a.ts")
    source, frames = read_all(path)
    assert len(frames) == 12
    (note,) = source.info.notes
    assert "is interlaced" in note
    assert "--deinterlace bwdif" in note
    assert read_all(path, deinterlace="off")[0].info.notes == ()
    source, fields = read_all(path, deinterlace="bwdif")
    assert source.info.rate == 50
    assert source.info.notes == ()
    assert [field.time - fields[0].time for field in fields] == even(24, 50)
    assert {field.duration for field in fields} == {Fraction(1, 50)}
    levels = [float(field.image.luma()[8:-8].mean()) for field in fields]
    assert levels == pytest.approx([40 + 2 * number for number in range(24)], abs=1.01)
    _, part = read_all(path, deinterlace="bwdif", start=fields[5].time, end=fields[9].time)
    assert times(part) == times(fields[5:9])
    with pytest.raises(ConfigError, match="deinterlace"):
        open_source(path, deinterlace="yadif")  # type: ignore[arg-type]  # wrong on purpose


def test_deinterlacing_leaves_progressive_film_alone(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 5)
    assert len(read_all(path, deinterlace="bwdif")[1]) == 5
