"""What can be refused is refused when an output is opened, in one sentence, with nothing touched."""

from __future__ import annotations

import os
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tests.support.media import write_video
from tests.support.outputs import frames, native_frame, source, write_all
from vfi.errors import ConfigError, OutputError
from vfi.io.base import SinkOptions
from vfi.io.open import open_sink
from vfi.io.pixels.picture import Picture
from vfi.io.pixels.tags import SRGB

FRAMES: list[Picture] = [native_frame(number) for number in range(2)]


@pytest.mark.parametrize(
    ("name", "options", "kind", "message"),
    [
        ("out.mp4", {"codec": "h263"}, ConfigError, "Unknown codec 'h263': choose one of auto, h264"),
        ("out.mov", {"codec": "vp9"}, OutputError, r"A \.mov file cannot hold vp9: write \.webm"),
        ("out.mp4", {"codec": "ffv1"}, OutputError, r"A \.mp4 file cannot hold ffv1: write \.mkv"),
        ("out.mp4", {"quality": 99}, ConfigError, "--quality 99 is out of range for libx264"),
        ("out.mkv", {"codec": "ffv1", "quality": 3}, ConfigError, "ffv1 is lossless"),
        ("out.mp4", {"preset": "hasty"}, ConfigError, "Unknown preset 'hasty' of libx264"),
        ("out.mov", {"codec": "prores", "preset": "1"}, ConfigError, "prores_ks has no presets"),
        ("out.mp4", {"pixel_format": "yuv999"}, ConfigError, "Unknown pixel format 'yuv999'"),
        ("out.mp4", {"pixel_format": "gbrp"}, OutputError, "libx264 cannot write the pixel format gbrp"),
        ("out.xyz", {}, ConfigError, r"vfi does not write \.xyz files .*\.mp4"),
        ("out", {"image_format": "bmp"}, ConfigError, "Unknown image format 'bmp': choose one of png"),
        ("out", {"png_compression": 12}, ConfigError, "from 0 to 9, not 12"),
        ("out.mp4", {"time_scale": Fraction(2)}, ConfigError, "Sound cannot be copied at another speed"),
        ("out.mp4", {"time_scale": Fraction(0)}, ConfigError, "greater than 0"),
    ],
)
def test_wrong_wishes(
    tmp_path: Path, name: str, options: dict[str, Any], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        open_sink(tmp_path / name, source(), SinkOptions(**options))
    assert list(tmp_path.iterdir()) == []


def test_an_existing_output_is_kept_unless_overwriting(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    path.write_text("precious")
    with pytest.raises(OutputError, match=r"out\.mp4 exists: give --overwrite"):
        open_sink(path, source())
    assert path.read_text() == "precious"
    write_all(path, source(), frames(FRAMES), overwrite=True)
    assert path.stat().st_size > 100
    assert [found.name for found in tmp_path.iterdir()] == ["out.mp4"]


def test_an_output_that_appears_meanwhile_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    with open_sink(path, source()) as sink:
        for frame in frames(FRAMES):
            sink.write(frame)
        path.write_text("precious")
        with pytest.raises(OutputError, match="appeared meanwhile"):
            sink.finish()
    assert path.read_text() == "precious"
    write_all(path, source(), [], overwrite=True, resume=True)
    assert path.stat().st_size > 100


@pytest.mark.parametrize("link", [None, "symbolic", "hard"])
def test_output_equals_input(tmp_path: Path, link: str | None) -> None:
    origin = write_video(tmp_path / "in.mp4", 2)
    before, output = origin.read_bytes(), tmp_path / "out.mp4"
    if link == "symbolic":
        output.symlink_to(origin)
    elif link == "hard":
        os.link(origin, output)
    else:
        output = tmp_path / "x" / ".." / "in.mp4"
        (tmp_path / "x").mkdir()
    with pytest.raises(OutputError, match="Output and input are the same file"):
        open_sink(output, source(path=origin), SinkOptions(overwrite=True))
    assert origin.read_bytes() == before


def test_output_folder_equals_input_folder(tmp_path: Path) -> None:
    folder = tmp_path / "shots"
    folder.mkdir()
    (folder / "1.png").write_text("x")
    origin = source()
    origin.info = origin.info.__class__(**{**origin.info.__dict__, "path": folder})
    with pytest.raises(OutputError, match="Output and input are the same folder"):
        open_sink(folder, origin, SinkOptions(overwrite=True))


def test_a_folder_in_the_place_of_a_file_and_the_reverse(tmp_path: Path) -> None:
    (tmp_path / "out.mp4").mkdir()
    with pytest.raises(OutputError, match="is a folder: choose another name"):
        open_sink(tmp_path / "out.mp4", source(), SinkOptions(overwrite=True))
    (tmp_path / "frames").write_text("x")
    with pytest.raises(OutputError, match="is a file, not a folder"):
        open_sink(tmp_path / "frames", source(), SinkOptions(overwrite=True))


def test_missing_folders_are_created(tmp_path: Path) -> None:
    for name in ("a/b/out.mp4", "c/d/out.gif", "e/f/frames"):
        write_all(tmp_path / name, source(color=SRGB, pixel_format="rgb24"), frames(FRAMES))
        assert (tmp_path / name).exists()


def test_a_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for name in ("file/out.mp4", "file/out.gif", "file/frames"):
        with pytest.raises(OutputError, match=r"Cannot write .*: choose another folder"):
            open_sink(tmp_path / name, source())


@pytest.mark.skipif(sys.platform != "linux", reason="/proc takes no files, even from root, on Linux alone")
def test_an_unwritable_folder() -> None:
    for name in ("out.mp4", "out.gif", "frames"):
        with pytest.raises(OutputError, match=r"Cannot write /proc/.*: "):
            open_sink(Path("/proc") / name, source())


def test_a_name_that_is_too_long(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"File name too long\): choose a shorter name"):
        open_sink(tmp_path / f"{'x' * 300}.mp4", source())
