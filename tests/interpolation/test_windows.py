"""Windows never reach across a cut, repeated frames become one, and every interval has a reason."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

import pytest

from tests.support.fakes import source_frames
from vfi.interpolation.windows import (
    LONGEST_RUN,
    Change,
    Interval,
    SceneRules,
    add_neighbours,
    find_intervals,
)
from vfi.io.frames import SourceFrame

MOVING = [(1, shift) for shift in range(6)]


def numbers(interval: Interval) -> tuple[int | None, ...]:
    """The numbers of the four frames, in the order of time."""
    frames = (interval.prev, interval.start, interval.end, interval.next)
    return tuple(None if frame is None else frame.index for frame in frames)


def windows(
    frames: Sequence[SourceFrame], rules: SceneRules | None = None, window: int = 4
) -> list[Interval]:
    """The intervals that have an end, with their neighbours."""
    *intervals, last = add_neighbours(find_intervals(frames, rules or SceneRules()), window)
    assert last.end is None
    return intervals


def test_a_single_scene() -> None:
    intervals = list(add_neighbours(find_intervals(source_frames(MOVING[:4]), SceneRules())))
    assert [interval.change for interval in intervals] == [*[Change.MOTION] * 3, None]
    assert [numbers(interval) for interval in intervals] == [
        (None, 0, 1, 2), (0, 1, 2, 3), (1, 2, 3, None), (None, 3, None, None),
    ]  # fmt: skip
    assert [interval.reason for interval in intervals[:3]] == ["first pair", "four frames", "last pair"]


def test_no_window_reaches_across_a_cut() -> None:
    intervals = windows(source_frames([(1, 0), (1, 1), (1, 2), (9, 0), (9, 1), (9, 2)]))
    assert [numbers(interval) for interval in intervals] == [
        (None, 0, 1, 2), (0, 1, 2, None), (1, 2, 3, 4), (None, 3, 4, 5), (3, 4, 5, None),
    ]  # fmt: skip
    assert [interval.change is Change.CUT for interval in intervals] == [False, False, True, False, False]
    assert [interval.reason for interval in intervals][1::2] == ["cut after", "cut before"]


def test_cuts_can_be_ignored() -> None:
    (interval,) = windows(source_frames([(1, 0), (9, 0)]), SceneRules(find_cuts=False))
    assert interval.change is Change.MOTION
    assert interval.score is None


def test_the_threshold_decides() -> None:
    frames = source_frames([(1, 0), (9, 0)])
    score = windows(frames)[0].score
    assert score is not None
    assert windows(frames, SceneRules(cut_threshold=score))[0].change is Change.MOTION


def test_two_frame_models_get_no_neighbours() -> None:
    intervals = windows(source_frames(MOVING), window=2)
    assert len(intervals) == 5
    assert all(interval.prev is None and interval.next is None for interval in intervals)


def test_uneven_neighbours_are_left_out() -> None:
    intervals = windows(source_frames(MOVING[:4], times=[0, 1, 2, 5]))
    assert [numbers(interval) for interval in intervals] == [
        (None, 0, 1, 2), (0, 1, 2, None), (None, 2, 3, None),
    ]  # fmt: skip
    assert intervals[1].reason == "uneven intervals after"


@pytest.mark.parametrize("ratio", [Fraction(4, 3), Fraction(3, 4)])
def test_neighbours_may_differ_by_a_third(ratio: Fraction) -> None:
    """A neighbouring interval is used up to 4/3 of this one's length, and down to 3/4, but not beyond."""
    beyond = ratio * (Fraction(1001, 1000) if ratio > 1 else Fraction(999, 1000))
    for neighbour, used in ((ratio, True), (beyond, False)):
        times = [Fraction(0), neighbour, neighbour + 1, 2 * neighbour + 1]
        middle = windows(source_frames(MOVING[:4], times=times))[1]
        assert numbers(middle) == ((0, 1, 2, 3) if used else (None, 1, 2, None))


@pytest.mark.parametrize("count", [1, 2])
def test_short_streams(count: int) -> None:
    assert len(windows(source_frames(MOVING[:count]))) == count - 1


def test_no_frames_give_no_intervals() -> None:
    assert list(add_neighbours(find_intervals([], SceneRules()))) == []


class TestDuplicates:
    rules = SceneRules(merge_duplicates=True)

    def test_twos_become_one_frame_that_is_shown_twice(self) -> None:
        intervals = list(find_intervals(source_frames([(1, n // 2) for n in range(6)]), self.rules))
        assert [interval.repeats for interval in intervals] == [2, 2, 2]
        assert [interval.start.index for interval in intervals] == [0, 2, 4]
        assert intervals[1].sources == range(2, 4)
        assert intervals[1].length == 2
        assert numbers(next(add_neighbours(intervals))) == (None, 0, 2, 4)

    def test_long_runs_stay_apart(self) -> None:
        frames = source_frames([(1, 0)] * (LONGEST_RUN + 3) + [(1, 1), (1, 1), (1, 2)])
        intervals = list(find_intervals(frames, self.rules))
        assert [interval.repeats for interval in intervals] == [LONGEST_RUN, 1, 1, 1, 2, 1]
        assert [interval.change for interval in intervals[:3]] == [Change.HOLD] * 3
        assert intervals[3].change is Change.MOTION

    def test_without_the_flag_nothing_is_merged(self) -> None:
        frames = source_frames([(1, 0), (1, 0), (1, 1)])
        assert [interval.repeats for interval in find_intervals(frames, SceneRules())] == [1, 1, 1]


def test_few_frames_are_alive_at_once() -> None:
    """However long the stream: four frames at most between the reader and the writer."""
    taken = 0

    def stream() -> Iterator[SourceFrame]:
        nonlocal taken
        for frame in source_frames([(1, number % 5) for number in range(30)]):
            taken += 1
            yield frame

    for interval in add_neighbours(find_intervals(stream(), SceneRules())):
        first = interval.prev or interval.start
        assert taken - first.index <= 4
    assert taken == 30
