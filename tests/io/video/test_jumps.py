"""Jumps of clocks: where they are found, and how other streams follow them."""

from __future__ import annotations

from fractions import Fraction
from itertools import accumulate
from pathlib import Path

import pytest

from tests.support.media import joined, write_video
from vfi.io.video.jumps import ClockFollower, ClockJump, OtherStreamClock, clock_looks_broken, find_jumps

TICK = Fraction(1, 90000)


def followed(times: list[int], *, resets: bool) -> tuple[list[Fraction], list[ClockJump]]:
    clock = ClockFollower(Fraction(1), resets=resets)
    placed = [time + clock.follow(Fraction(time), Fraction(1), None, TICK) for time in times]
    return placed, clock.jumps


def test_a_clock_goes_on_after_a_jump() -> None:
    placed, jumps = followed([5, 6, 7, 100, 101, 0, 1], resets=True)
    assert placed == [5, 6, 7, 8, 9, 10, 11]
    assert jumps == [
        ClockJump(Fraction(100), Fraction(-92), Fraction(8), None),
        ClockJump(Fraction(0), Fraction(10), Fraction(102), None),
    ]


def test_a_pause_and_disorder_are_no_jumps() -> None:
    assert followed([0, 1, 100, 101, 95], resets=False) == ([0, 1, 100, 101, 95], [])


def test_another_stream_takes_the_offset_that_carries_it_on() -> None:
    _, jumps = followed([5, 6, 7, 100, 101, 0, 1], resets=True)
    clock = OtherStreamClock(jumps, Fraction(1, 2))
    stored = [Fraction(number, 2) for number in (10, 11, 12, 13, 14, 15, 200, 201, 202, 203, 0, 1, 2)]
    assert [time + clock.offset(time) for time in stored] == [
        Fraction(number, 2) for number in (10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22)
    ]


@pytest.mark.parametrize(
    "offsets", [(Fraction(10),), (Fraction(10), Fraction(4)), (Fraction(-7), Fraction(3))]
)
def test_another_stream_follows_jumps_both_ways(offsets: tuple[Fraction, ...]) -> None:
    jumps = [ClockJump(Fraction(0), offset, Fraction(0), None) for offset in offsets]
    clock, times = OtherStreamClock(jumps), list(accumulate([Fraction(1, 50)] * 600))
    length = len(times) // (len(offsets) + 1)
    for number, time in enumerate(times):
        expected = [Fraction(0), *offsets][min(number // length, len(offsets))]
        assert clock.offset(time - expected) == expected
    assert clock.passed == len(offsets)


def test_rare_packets_follow_the_other_streams() -> None:
    clock = OtherStreamClock([ClockJump(Fraction(0), Fraction(5), Fraction(5), None)])
    assert [clock.follow(passed) for passed in (0, 1, 0)] == [0, 5, 5]


def test_the_jumps_of_a_file_are_found(tmp_path: Path) -> None:
    parts = [
        write_video(
            tmp_path / f"part{number}.ts", 50, rate=25, audio_seconds=2,
            container_options={"output_ts_offset": str(begin)},
        )
        for number, begin in enumerate((0, 100, 4))
    ]  # fmt: skip
    interval = Fraction(1, 25)
    found = find_jumps(joined(tmp_path / "in.ts", *parts), 0, interval)
    assert [float(jump.offset) for jump in found] == pytest.approx([-98, 0], abs=0.03)  # AAC's delay
    again = joined(tmp_path / "again.ts", *[parts[0]] * 3)
    assert [jump.offset for jump in find_jumps(again, 0, interval)] == [2, 4]
    assert find_jumps(parts[0], 0, interval) == ()
    assert find_jumps(write_video(tmp_path / "in.mp4", 5), 0, interval) == ()
    assert find_jumps(tmp_path / "absent.ts", 0, interval) == ()


def test_a_file_is_sampled_for_a_broken_clock(tmp_path: Path) -> None:
    part = write_video(tmp_path / "a.ts", 50, rate=25)
    assert not clock_looks_broken(part, "mpegts")
    assert clock_looks_broken(joined(tmp_path / "b.ts", part, part), "mpegts")
    part = write_video(tmp_path / "a.mpg", 50, rate=25, codec="mpeg2video")
    assert not clock_looks_broken(part, "mpeg")
    assert clock_looks_broken(joined(tmp_path / "b.mpg", part, part), "mpeg")
    assert not clock_looks_broken(part, "matroska")
