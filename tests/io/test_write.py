"""Frames from memory, written and read back."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from vfi.errors import ConfigError, InputError, OutputError
from vfi.io import SinkOptions, open_source, write_video

LOSSLESS = SinkOptions(codec="ffv1", pixel_format="bgr0")


def frames(count: int = 4) -> list[np.ndarray]:
    random = np.random.default_rng(0)
    return [random.integers(0, 256, (48, 64, 3), dtype=np.uint8) for _ in range(count)]


def test_lossless_video_of_even_time(tmp_path: Path) -> None:
    path = tmp_path / "clip.mkv"
    # PyAV 17 leaves the rate out of Matroska's header: it then follows from timestamps in milliseconds.
    assert write_video(path, iter(frames(24)), Fraction(24000, 1001), LOSSLESS) == 24
    with open_source(path) as source:
        assert source.info.rate == Fraction(24000, 1001)
        read = list(source)
    for frame, written in zip(read, frames(24), strict=True):
        np.testing.assert_array_equal(frame.image.rgb(), written)
        assert frame.time == frame.index / Fraction(24000, 1001)


@pytest.mark.parametrize("name", ["clip.mp4", "clip.gif", "folder"])
def test_every_kind_of_output(tmp_path: Path, name: str) -> None:
    assert write_video(tmp_path / name, frames(), 25) == 4
    with open_source(tmp_path / name) as source:
        assert len(list(source)) == 4


def test_tensors_are_written_as_well(tmp_path: Path) -> None:
    tensors = [torch.from_numpy(frame).movedim(-1, 0) / 255 for frame in frames()]
    write_video(tmp_path / "folder", [tensors[0], tensors[1][None]], 24)
    with open_source(tmp_path / "folder") as source:
        for frame, written in zip(source, frames()[:2], strict=True):
            np.testing.assert_array_equal(frame.image.rgb(), written)


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "clip.mkv"
    with pytest.raises(InputError, match="There is no frame to write"):
        write_video(path, [], 24)
    with pytest.raises(ConfigError, match="A rate of 0 frames per second is not positive"):
        write_video(path, frames(), 0)
    with pytest.raises(InputError, match=r"Frame 1 is 64 x 20 pixels, the first is 64 x 48"):
        write_video(path, [frames()[0], frames()[1][:20]], 24, LOSSLESS)
    assert not path.exists()
    path.touch()
    with pytest.raises(OutputError, match="exists"):
        write_video(path, frames(), 24, LOSSLESS)


def test_an_error_of_the_caller_leaves_no_file(tmp_path: Path) -> None:
    def failing() -> Iterator[np.ndarray]:
        yield from frames(2)
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        write_video(tmp_path / "clip.mkv", failing(), 24, LOSSLESS)
    assert not (tmp_path / "clip.mkv").exists()
