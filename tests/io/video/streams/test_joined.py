"""Audio of joined recordings, whose clock restarts, is moved like the frames."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import pytest

from tests.io.video.streams.test_copying import double, packets
from tests.support.media import write_video
from tests.support.outputs import times


def joined(path: Path, parts: int) -> Path:
    """A recording of two seconds put several times end to end, as ``cat`` does."""
    part = write_video(path.with_name("part.ts"), 50, rate=25, audio_seconds=2)
    path.write_bytes(part.read_bytes() * parts)
    return path


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_the_sound_of_joined_recordings_is_kept(tmp_path: Path, suffix: str) -> None:
    origin, output = joined(tmp_path / "in.ts", 3), tmp_path / f"out.{suffix}"
    notes = double(origin, output)
    overlapping = 2  # packets, because each part has some milliseconds more sound than frames
    assert notes == [
        f"{overlapping} packets of audio stream 1 (aac) have contradictory timestamps and were left out."
    ]
    first = times(output)[0]
    found = [time for time, _, _ in packets(output, "audio")]
    assert found == sorted(found)
    assert found[-1] - first > Fraction(59, 10)
    with av.open(str(origin)) as container:
        count = sum(1 for packet in container.demux(audio=0) if packet.size)
    assert len(found) == count - overlapping


def test_slow_motion_of_joined_recordings_keeps_their_sound(tmp_path: Path) -> None:
    output = tmp_path / "out.mkv"
    assert double(joined(tmp_path / "in.ts", 2), output, time_scale=Fraction(2), audio="stretch") == []
    with av.open(str(output)) as container:
        length = sum(Fraction(frame.samples, frame.sample_rate) for frame in container.decode(audio=0))
    assert abs(length - 8) < Fraction(1, 5)
