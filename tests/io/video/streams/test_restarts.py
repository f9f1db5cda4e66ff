"""Where the clock of a file restarts, everything after it is moved like the frames."""

from __future__ import annotations

from fractions import Fraction
from itertools import accumulate
from pathlib import Path

import av
import pytest

from tests.io.video.streams.test_copying import double, packets
from tests.support.media import write_video
from tests.support.outputs import times
from vfi.io.video.streams.restarts import ClockOffsets, find_offsets


def joined(path: Path, parts: int) -> Path:
    """A recording of two seconds put several times end to end, as ``cat`` does."""
    part = write_video(path.with_name("part.ts"), 50, rate=25, audio_seconds=2)
    path.write_bytes(part.read_bytes() * parts)
    return path


def test_offsets_of_joined_recordings(tmp_path: Path) -> None:
    found = find_offsets(joined(tmp_path / "in.ts", 3))
    assert found == (2, 4)
    assert find_offsets(tmp_path / "part.ts") == ()
    assert find_offsets(write_video(tmp_path / "in.mp4", 5)) == ()
    assert find_offsets(tmp_path / "absent.ts") == ()


@pytest.mark.parametrize(
    "offsets", [(Fraction(10),), (Fraction(10), Fraction(4)), (Fraction(-7), Fraction(3))]
)
def test_clocks_may_jump_both_ways(offsets: tuple[Fraction, ...]) -> None:
    clock, truth = ClockOffsets(offsets), list(accumulate([Fraction(1, 50)] * 600))
    parts = [Fraction(0), *offsets]
    length = len(truth) // len(parts)
    for number, time in enumerate(truth):
        expected = parts[min(number // length, len(offsets))]
        assert clock.offset(time - expected) == expected
    assert clock.passed == len(offsets)


def test_rare_packets_follow_the_others() -> None:
    clock = ClockOffsets([Fraction(5)])
    assert clock.follow(0) == 0
    assert clock.follow(1) == 5
    assert clock.follow(0) == 5


def test_a_clock_that_jumps_ahead_is_moved_back(tmp_path: Path) -> None:
    parts = []
    for number, begin in enumerate((0, 100, 4)):
        options = {"output_ts_offset": str(begin)}
        name = tmp_path / f"part{number}.ts"
        parts.append(write_video(name, 50, rate=25, audio_seconds=2, container_options=options))
    (tmp_path / "in.ts").write_bytes(b"".join(part.read_bytes() for part in parts))
    found = find_offsets(tmp_path / "in.ts")
    assert [float(offset) for offset in found] == pytest.approx([-98, 0], abs=0.03)  # AAC's delay


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
