"""File to file on clips with the properties of real footage, and on real footage where there is some."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
import pytest

from tests.support.natural_clips import (
    CUT_FRAMES,
    ENCODINGS,
    FIRST_AFTER_CUT,
    NAMES,
    OBJECT_FRAMES,
    PAN_FRAMES,
    real_clips,
)
from vfi import interpolate_video, load_model
from vfi.evaluation.metrics import psnr
from vfi.io import open_source

COUNTS = {"pan.mkv": PAN_FRAMES, "object.mp4": OBJECT_FRAMES, "cut.avi": CUT_FRAMES}
REAL = real_clips("test/desk_320x240.mp4", "test/gopro_walk_audio.mp4", "val/davis_scooter-black.mkv")
SECONDS = Fraction(1, 2)
"""Length of the part of a clip that is interpolated."""


class Contents(NamedTuple):
    """The parts of a video file that interpolation must preserve."""

    frames: list[np.ndarray]
    full_range: bool
    sound: bytes


@pytest.fixture(
    params=[
        "pan.mkv",
        *(pytest.param(clip, marks=pytest.mark.slow) for clip in [*NAMES, *REAL] if clip != "pan.mkv"),
    ],
    ids=lambda clip: Path(clip).name,
)
def clip(request: pytest.FixtureRequest, natural_clips: Path) -> Path:
    """Each stand-in and each real clip."""
    return natural_clips / request.param


def contents(path: Path, end: Fraction | None = None) -> Contents:
    """Decode a file; with ``end``, only the frames before this time."""
    with av.open(str(path)) as container:
        video: Any = container.streams.video[0]
        frames = [frame for frame in container.decode(video=0) if end is None or frame.time < end]
        full_range = "j" in video.pix_fmt or video.codec_context.color_range == 2
    with av.open(str(path)) as container:
        sound = [bytes(packet) for stream in container.streams.audio for packet in container.demux(stream)]
    return Contents([frame.to_ndarray(format="rgb24") for frame in frames], full_range, b"".join(sound))


@pytest.mark.parametrize("name", NAMES)
def test_stand_ins_are_encoded_as_described(natural_clips: Path, name: str) -> None:
    encoding = ENCODINGS[name]
    with av.open(str(natural_clips / name)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == encoding.codec.replace("libx264", "h264")
        assert stream.average_rate == encoding.rate
        assert bool(container.streams.audio) == encoding.sound
    found = contents(natural_clips / name)
    assert len(found.frames) == COUNTS[name]
    assert found.full_range == (name == "pan.mkv")


def test_a_whole_clip_keeps_its_length_sound_and_range(tmp_path: Path, clip: Path) -> None:
    output = tmp_path / "output.mkv"
    end = None if clip.name in NAMES else SECONDS
    report = interpolate_video(clip, output, preset="ultrafast", end=end)
    before, after = contents(clip, end), contents(output)
    assert report.frames_in == len(before.frames)
    # The end of a part may fall between the last frame and its successor.
    assert report.frames_out == len(after.frames) == 2 * len(before.frames) - (report.frames_out % 2)
    assert report.cuts == (clip.name == "cut.avi")
    assert after.full_range == before.full_range
    assert bool(after.sound) == bool(before.sound)
    if end is None:
        assert report.frames_out == 2 * report.frames_in
        assert after.sound == before.sound


def test_a_cut_repeats_the_nearest_frame(tmp_path: Path, natural_clips: Path) -> None:
    interpolate_video(natural_clips / "cut.avi", tmp_path / "output.mkv", codec="ffv1")
    frames = contents(tmp_path / "output.mkv").frames
    before, at_cut, after = (frames[2 * FIRST_AFTER_CUT + step] for step in (-2, -1, 0))
    assert any(np.array_equal(at_cut, neighbor) for neighbor in (before, after))


def test_repeated_frames_are_replaced(tmp_path: Path, natural_clips: Path) -> None:
    output = tmp_path / "output.mkv"
    interpolate_video(natural_clips / "object.mp4", output, codec="ffv1", duplicates=True)
    changes = [float(np.abs(a.astype(int) - b).mean()) for a, b in pairwise(contents(output).frames)]
    assert min(changes[:-3]) > 0.3
    assert max(changes[-3:]) == 0  # nothing follows the last drawing


def blend(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    return ((start.astype(np.uint16) + end + 1) // 2).astype(np.uint8)


def test_new_frames_are_closer_to_the_dropped_ones_than_blending(clip: Path) -> None:
    with open_source(clip) as source:
        frames = [frame.image.rgb() for frame, _ in zip(source, range(11), strict=False)]
    model = load_model()
    methods: dict[str, Callable[[list[np.ndarray]], np.ndarray]] = {
        "model": lambda window: model.interpolate(window, t=0.5),
        "blend": lambda window: blend(window[1], window[2]),
    }
    quality = {
        name: np.mean([
            float(psnr(method([frames[i + step] for step in (-3, -1, 1, 3)]), frames[i]))
            for i in (3, 5, 7)
        ])
        for name, method in methods.items()
    }  # fmt: skip
    assert quality["model"] > quality["blend"] + 1.5, quality
