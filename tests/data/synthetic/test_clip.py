"""Clips written from memory: what is read back is what was given."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from vfi.data.synthetic import Scene, SoundTrack, write_clip
from vfi.errors import OutputError
from vfi.evaluation.metrics import psnr

RATE = Fraction(24000, 1001)


@pytest.fixture(scope="module")
def frames() -> list[np.ndarray]:
    scene = Scene.translation(48, 64, (20.0, 0.0))
    return [scene.render_rgb(float(number / RATE)) for number in range(12)]


def test_lossless_frames_and_even_time_stamps(tmp_path: Path, frames: list[np.ndarray]) -> None:
    path = tmp_path / "clip.mkv"
    write_clip(path, frames, RATE, codec="ffv1", pixel_format="bgr0")
    with av.open(str(path)) as container:
        read = list(container.decode(video=0))
        assert container.streams.video[0].average_rate == RATE
    for frame, written in zip(read, frames, strict=True):
        np.testing.assert_array_equal(frame.to_ndarray(format="rgb24"), written)


def test_default_is_h264_that_keeps_the_image(tmp_path: Path, frames: list[np.ndarray]) -> None:
    path = tmp_path / "clip.mp4"
    assert write_clip(path, frames, RATE) == 12
    with av.open(str(path)) as container:
        assert not container.streams.audio
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.frames) == ("h264", 12)
        read = next(container.decode(video=0))
    decoded = read.to_ndarray(format="rgb24")
    assert read.colorspace == 1
    # Colour loses half its resolution; brightness must not.
    gray = [frame.mean(axis=2, keepdims=True).repeat(3, axis=2) / 255 for frame in (decoded, frames[0])]
    assert float(psnr(decoded, frames[0])) > 30
    assert float(psnr(gray[0], gray[1])) > 34


def test_odd_sizes_keep_their_size(tmp_path: Path, frames: list[np.ndarray]) -> None:
    path = tmp_path / "odd.mp4"
    write_clip(path, [frame[:47, :63] for frame in frames], RATE)
    with av.open(str(path)) as container:
        read = next(container.decode(video=0))
    assert (read.height, read.width, read.format.name) == (47, 63, "yuv444p")


def test_sound_stays_where_it_is(tmp_path: Path, frames: list[np.ndarray]) -> None:
    path = tmp_path / "clip.mp4"
    track = SoundTrack(clicks=(0.2,))
    write_clip(path, frames, RATE, sound=track.samples(0.0, 0.5))
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        assert stream.duration is not None
        assert stream.time_base is not None
        assert float(stream.duration * stream.time_base) == pytest.approx(0.5, abs=0.03)
        blocks = list(container.decode(audio=0))
    assert blocks[0].pts is not None
    sound = np.concatenate([block.to_ndarray() for block in blocks], axis=1)
    click = int(np.flatnonzero(np.abs(sound[0]) > 0.4)[0]) + blocks[0].pts
    assert click / 48000 == pytest.approx(0.2, abs=0.002)


def test_what_cannot_be_written_is_said(tmp_path: Path, frames: list[np.ndarray]) -> None:
    with pytest.raises(OutputError, match=r"clip\.mp4"):
        write_clip(tmp_path / "nowhere" / "clip.mp4", frames, RATE)
    with pytest.raises(OutputError, match="libx264"):
        write_clip(tmp_path / "odd.mp4", [frame[:47] for frame in frames], RATE, pixel_format="yuv420p")
    with pytest.raises(ValueError, match="at least one"):
        write_clip(tmp_path / "none.mp4", [], RATE)
