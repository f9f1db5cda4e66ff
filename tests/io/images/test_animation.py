"""Animated gif and webp: times, length, repetition, transparency, orientation."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.support.media import write_video
from tests.support.outputs import frames, rgb_frame, source, write_all
from vfi.errors import ConfigError, OutputError
from vfi.io.base import SinkOptions
from vfi.io.frames import OutputFrame
from vfi.io.open import open_sink, open_source
from vfi.io.pixels.picture import Picture


def durations(path: Path) -> list[int]:
    """Milliseconds of every frame, as Pillow reads them."""
    shown = []
    with Image.open(path) as image:
        animated: Any = image
        for number in range(animated.n_frames):
            image.seek(number)
            image.load()
            shown.append(int(image.info["duration"]))
    return shown


@pytest.mark.parametrize("suffix", ["gif", "webp"])
@pytest.mark.parametrize("rate", [Fraction(24), Fraction(24000, 1001), Fraction(10), Fraction(7)])
def test_the_whole_length_is_right(tmp_path: Path, suffix: str, rate: Fraction) -> None:
    path = tmp_path / f"out.{suffix}"
    notes = write_all(path, source(), frames([rgb_frame(number) for number in range(11)], rate))
    unit = 10 if suffix == "gif" else 1
    shown = durations(path)
    assert len(shown) == 11
    assert abs(sum(shown) - 11_000 / rate) <= unit
    assert max(shown) - min(shown) <= unit
    assert bool(notes) == (suffix == "gif" and rate != 10)
    assert [path.name for path in tmp_path.iterdir()] == [f"out.{suffix}"]


@pytest.mark.parametrize("suffix", ["gif", "webp"])
def test_varying_durations_and_the_last_one(tmp_path: Path, suffix: str) -> None:
    stamps, path = [0, 10, 40, 50, 100], tmp_path / f"out.{suffix}"
    output = [
        OutputFrame(n, Fraction(start, 100), Fraction(end - start, 100), rgb_frame(n), str(n))
        for n, (start, end) in enumerate(zip(stamps, [*stamps[1:], 170], strict=True))
    ]
    assert write_all(path, source(), output) == []
    assert durations(path) == [100, 300, 100, 500, 700]


def test_one_frame_is_enough(tmp_path: Path) -> None:
    write_all(tmp_path / "out.gif", source(), frames([rgb_frame(0)], 2))
    assert durations(tmp_path / "out.gif") == [500]


@pytest.mark.parametrize(
    ("suffix", "loop", "found"),
    [("gif", 0, 0), ("gif", 1, None), ("gif", 3, 2), ("webp", 0, 0), ("webp", 3, 3)],
)
def test_repetition(tmp_path: Path, suffix: str, loop: int, found: int | None) -> None:
    path = tmp_path / f"out.{suffix}"
    write_all(path, source(), frames([rgb_frame(number) for number in range(3)]), loop=loop)
    with Image.open(path) as image:
        assert image.info.get("loop") == found


@pytest.mark.parametrize(("loop", "found"), [(0, 0), (1, None), (3, 2)])
@pytest.mark.parametrize("before", ["gif", "webp"])
def test_an_animation_is_played_as_often_as_its_source(
    tmp_path: Path, before: str, loop: int, found: int | None
) -> None:
    images = [rgb_frame(number) for number in range(3)]
    write_all(tmp_path / f"in.{before}", source(), frames(images), loop=loop)
    origin = source(path=tmp_path / f"in.{before}")
    write_all(tmp_path / "out.gif", origin, frames(images))
    with Image.open(tmp_path / "out.gif") as image:
        assert image.info.get("loop") == found


@pytest.mark.parametrize("suffix", ["gif", "webp"])
def test_colours_and_transparency(tmp_path: Path, suffix: str) -> None:
    opaque = rgb_frame(0).rgb()
    alpha = np.full(opaque.shape[:2], 255, np.uint8)
    alpha[:20] = 0
    image = Picture.from_rgb(np.dstack([opaque, alpha]))
    path = tmp_path / f"out.{suffix}"
    write_all(path, source(has_alpha=True), frames([image, image, rgb_frame(5)]))
    with Image.open(path) as written:
        shown = np.array(written.convert("RGBA")).astype(int)
    assert (shown[:18, :, 3] == 0).all()
    assert (shown[22:, :, 3] == 255).all()
    assert np.abs(shown[22:, :, :3] - opaque[22:]).mean() < 6


def test_rotated_videos_stand_upright(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "in.mp4", 3, prepare=lambda stream: stream.set_display_rotation(90))
    with open_source(clip) as opened:
        write_all(tmp_path / "out.gif", opened, frames([frame.image for frame in opened]))
    with Image.open(tmp_path / "out.gif") as image:
        assert image.size == (48, 64)


def test_frames_closer_than_a_tick_are_left_out_with_a_note(tmp_path: Path) -> None:
    notes = write_all(tmp_path / "out.gif", source(), frames([rgb_frame(n) for n in range(40)], 200))
    assert any("were left out" in note for note in notes)
    assert any("more than 50 frames per second" in note for note in notes)
    assert abs(sum(durations(tmp_path / "out.gif")) - 200) <= 10


def test_quality(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="gif has no quality"):
        open_sink(tmp_path / "out.gif", source(), SinkOptions(quality=5))
    with pytest.raises(ConfigError, match="0 to 100"):
        open_sink(tmp_path / "out.webp", source(), SinkOptions(quality=101))
    for quality in (5, 95):
        write_all(
            tmp_path / f"{quality}.webp",
            source(),
            frames([rgb_frame(n) for n in range(3)]),
            quality=quality,
        )
    assert (tmp_path / "5.webp").stat().st_size < (tmp_path / "95.webp").stat().st_size


def test_nothing_is_left_of_an_aborted_animation(tmp_path: Path) -> None:
    with open_sink(tmp_path / "out.webp", source()) as sink:
        for frame in frames([rgb_frame(n) for n in range(3)]):
            sink.write(frame)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(OutputError, match="no frames"):
        write_all(tmp_path / "out.gif", source(), [])
