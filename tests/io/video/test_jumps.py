"""Jumps of clocks: where they are found, and how other streams follow them."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from tests.support.media import joined, write_video
from vfi.io.video.jumps import ClockFollower, ClockJump, OtherStreamClock, clock_looks_broken

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


def test_a_file_is_sampled_for_a_broken_clock(tmp_path: Path) -> None:
    part = write_video(tmp_path / "a.ts", 50, rate=25)
    assert not clock_looks_broken(part, "mpegts")
    assert clock_looks_broken(joined(tmp_path / "b.ts", part, part), "mpegts")
    part = write_video(tmp_path / "a.mpg", 50, rate=25, codec="mpeg2video")
    assert not clock_looks_broken(part, "mpeg")
    assert clock_looks_broken(joined(tmp_path / "b.mpg", part, part), "mpeg")
    assert not clock_looks_broken(part, "matroska")
