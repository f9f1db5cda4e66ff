"""Damaged videos: frames before the damage are delivered, and the damage is reported without an exception."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tests.support.media import gray_frame, noise_frame, write_video
from vfi.errors import InputError
from vfi.io import open_source


def read_times(path: Path) -> tuple[list[float], str | None]:
    with open_source(path) as source:
        times = [float(frame.time - source.info.start) for frame in source]
    return times, source.damage


def cut(path: Path, part: float) -> Path:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    return path


@pytest.mark.parametrize(
    ("name", "codec", "container_options", "audio_seconds"),
    [
        ("a.mp4", "libx264", {"movflags": "faststart"}, 0),
        ("a.mp4", "libx264", {"movflags": "faststart"}, 2),
        ("fragments.mp4", "libx264", {"movflags": "frag_keyframe+empty_moov"}, 0),
        ("a.mkv", "libx264", {}, 0),
        ("a.mkv", "libx264", {}, 2),
        ("a.webm", "libvpx-vp9", {}, 0),
        ("a.avi", "mpeg4", {}, 0),
        ("a.ts", "libx264", {}, 0),
        ("a.mov", "prores_ks", {"movflags": "faststart"}, 0),
    ],
)
def test_a_cut_off_file_gives_its_beginning_and_says_so(
    tmp_path: Path, name: str, codec: str, container_options: dict[str, str], audio_seconds: float
) -> None:
    options = {"cpu-used": "8"} if "vp9" in codec else {"g": "12"}
    pixel_format = "yuv422p10le" if "prores" in codec else "yuv420p"
    path = write_video(
        tmp_path / name, 48, codec=codec, pixel_format=pixel_format, make_frame=noise_frame, options=options,
        container_options=container_options, audio_seconds=audio_seconds,
    )  # fmt: skip
    assert read_times(path)[1] is None
    times, damage = read_times(cut(path, 0.6))
    assert 15 <= len(times) <= 40
    assert times == pytest.approx([number / 24 for number in range(len(times))], abs=1e-6)
    assert damage is not None
    assert f"{path} breaks off at " in damage
    assert "\n" not in damage


def test_a_file_that_ends_with_its_sound_is_whole(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", 24, audio_seconds=3)
    assert read_times(path)[1] is None


@pytest.mark.parametrize("name", ["a.mkv", "a.webm"])
def test_even_a_short_part_that_is_missing_is_reported(tmp_path: Path, name: str) -> None:
    codec = "libvpx-vp9" if name == "a.webm" else "libx264"
    path = write_video(tmp_path / name, 10, codec=codec, make_frame=noise_frame)
    assert read_times(path)[1] is None
    times, damage = read_times(cut(path, 0.8))
    assert 5 <= len(times) < 10
    assert damage is not None
    assert f"{path} breaks off at " in damage


def test_an_unfinished_recording_cannot_be_read(tmp_path: Path) -> None:
    path = cut(write_video(tmp_path / "a.mp4", 24, make_frame=noise_frame), 0.6)
    with pytest.raises(InputError, match=r"a\.mp4 is not a readable video: its index is missing"):
        open_source(path)


def test_a_hole_in_the_middle_is_reported_and_the_rest_is_used(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 48, make_frame=noise_frame, options={"g": "6"})
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + len(content) // 12] = np.random.default_rng(0).bytes(len(content) // 12)
    path.write_bytes(content)
    times, damage = read_times(path)
    assert damage is not None
    assert "could not be decoded" in damage
    assert 36 <= len(times) < 48
    assert times[-1] == pytest.approx(47 / 24)
    assert times == sorted(set(times))


def test_damage_after_the_wanted_part_does_not_matter(tmp_path: Path) -> None:
    path = cut(write_video(tmp_path / "a.mkv", 48, make_frame=noise_frame), 0.6)
    with open_source(path, end=Fraction(1, 2)) as source:
        assert len(list(source)) == 12
    assert source.damage is None


def test_a_video_that_changes_its_size_is_used_up_to_there(tmp_path: Path) -> None:
    def plain(height: int, width: int) -> Callable[[int, str], av.VideoFrame]:
        return lambda number, pixel_format: gray_frame(100, pixel_format, height, width)

    def sized(stream: Any) -> None:
        stream.width, stream.height = 96, 80

    parts = [
        write_video(tmp_path / "1.ts", 12, make_frame=plain(48, 64)),
        write_video(tmp_path / "2.ts", 12, make_frame=plain(80, 96), prepare=sized),
    ]
    path = tmp_path / "both.ts"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    with open_source(path) as source:
        frames = list(source)
    assert {frame.image.rgb().shape for frame in frames} == {(48, 64, 3)}
    assert len(frames) == 12
    assert source.damage is not None
    assert "changes its size from 64x48 to 96x80" in source.damage


def test_a_stream_without_a_stated_duration_is_whole(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", 24, container_options={"live": "1"}, audio_seconds=1)
    times, damage = read_times(path)
    assert len(times) == 24
    assert damage is None
