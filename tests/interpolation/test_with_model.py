"""Runs with the built-in model: new frames are nearer to ground truth than blended ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tests.support.media import write_video
from tests.support.outputs import decoded
from vfi import interpolate_video
from vfi.errors import ConfigError

HEIGHT, WIDTH, SPEED = 48, 64, 3


def moving_frame(number: int, pixel_format: str) -> av.VideoFrame:
    """Waves that move to the right by some pixels per frame."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(float)
    x = x - SPEED * number
    waves = [np.sin(x / 5 + c) * np.cos(y / 7) + np.sin(x / 11 + y / 9 + c) for c in range(3)]
    array = np.stack(waves, axis=2) * 55 + 128
    return av.VideoFrame.from_ndarray(array.astype(np.uint8), "rgb24").reformat(format=pixel_format)


def test_new_frames_are_near_ground_truth(tmp_path: Path) -> None:
    film = write_video(
        tmp_path / "film.mkv", 5, codec="ffv1", pixel_format="yuv444p",
        make_frame=lambda number, pixel_format: moving_frame(2 * number, pixel_format),
    )  # fmt: skip
    report = interpolate_video(film, tmp_path / "out.mkv", codec="ffv1")
    assert (report.frames_in, report.frames_out, report.cuts) == (5, 10, 0)
    frames = [frame.to_ndarray(format="rgb24").astype(float) for frame in decoded(tmp_path / "out.mkv")]
    for number in (1, 3, 5, 7):
        truth = moving_frame(number, "yuv444p").to_ndarray(format="rgb24").astype(float)
        blend = (frames[number - 1] + frames[number + 1]) / 2
        middle = np.s_[8:-8, 16:-16]
        ours, blending = (np.square(frame - truth)[middle].mean() for frame in (frames[number], blend))
        assert ours < blending / 4


@pytest.mark.parametrize("option", ["compile", "channels_last"])
def test_what_the_model_cannot_do_is_refused_before_anything_is_written(tmp_path: Path, option: str) -> None:
    film = write_video(tmp_path / "film.mp4", 3)
    options: dict[str, Any] = {option: True}
    with pytest.raises(ConfigError, match="has no networks"):
        interpolate_video(film, tmp_path / "out.mp4", model="quadratic", **options)
    assert not (tmp_path / "out.mp4").exists()
