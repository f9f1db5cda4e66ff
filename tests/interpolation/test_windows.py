"""Windows never look across a cut, repeated frames become one, and every pair says why."""

from __future__ import annotations

import pytest

from tests.support.fakes import source_frames
from vfi.interpolation.windows import (
    LONGEST_RUN,
    Change,
    DistinctFrame,
    Pair,
    SceneRules,
    mark_changes,
    pair_up,
)

MOVING = [(1, shift) for shift in range(6)]


def numbers(pair: Pair) -> tuple[int | None, ...]:
    distinct = (pair.prev, pair.start, pair.end, pair.next)
    return tuple(None if frame is None else frame.frame.index for frame in distinct)


def parts(distinct: list[DistinctFrame], window: int = 4) -> tuple[list[Pair], list[DistinctFrame]]:
    all_parts = list(pair_up(distinct, window))
    return (
        [part for part in all_parts if isinstance(part, Pair)],
        [part for part in all_parts if isinstance(part, DistinctFrame)],
    )


def test_a_single_scene() -> None:
    distinct = list(mark_changes(source_frames(MOVING[:4]), SceneRules()))
    assert [frame.change for frame in distinct] == [None, *[Change.MOTION] * 3]
    pairs, ends = parts(distinct)
    assert [numbers(pair) for pair in pairs] == [(None, 0, 1, 2), (0, 1, 2, 3), (1, 2, 3, None)]
    assert [pair.reason for pair in pairs] == ["first pair", "four frames", "last pair"]
    assert [frame.frame.index for frame in ends] == [3]


def test_no_window_looks_across_a_cut() -> None:
    frames = source_frames([(1, 0), (1, 1), (1, 2), (9, 0), (9, 1), (9, 2)])
    pairs, _ = parts(list(mark_changes(frames, SceneRules())))
    assert [numbers(pair) for pair in pairs] == [
        (None, 0, 1, 2), (0, 1, 2, None), (1, 2, 3, 4), (None, 3, 4, 5), (3, 4, 5, None),
    ]  # fmt: skip
    assert [pair.end.change is Change.CUT for pair in pairs] == [False, False, True, False, False]
    assert [pair.reason for pair in pairs][1::2] == ["cut after", "cut before"]


def test_cuts_can_be_ignored() -> None:
    distinct = list(mark_changes(source_frames([(1, 0), (9, 0)]), SceneRules(find_cuts=False)))
    assert distinct[1].change is Change.MOTION
    assert distinct[1].score is None


def test_the_threshold_decides() -> None:
    frames = source_frames([(1, 0), (9, 0)])
    score = list(mark_changes(frames, SceneRules()))[1].score
    assert score is not None
    assert list(mark_changes(frames, SceneRules(cut_threshold=score)))[1].change is Change.MOTION


def test_two_frame_models_get_no_neighbours() -> None:
    pairs, _ = parts(list(mark_changes(source_frames(MOVING), SceneRules())), window=2)
    assert all(pair.prev is None and pair.next is None for pair in pairs)


def test_uneven_neighbours_are_left_out() -> None:
    frames = source_frames(MOVING[:4], times=[0, 1, 2, 5])
    pairs, _ = parts(list(mark_changes(frames, SceneRules())))
    assert [numbers(pair) for pair in pairs] == [(None, 0, 1, 2), (0, 1, 2, None), (None, 2, 3, None)]
    assert pairs[1].reason == "uneven intervals after"


@pytest.mark.parametrize("count", [1, 2])
def test_short_streams(count: int) -> None:
    pairs, ends = parts(list(mark_changes(source_frames(MOVING[:count]), SceneRules())))
    assert len(pairs) == count - 1
    assert len(ends) == 1


def test_no_frames_make_no_shots() -> None:
    assert list(pair_up(mark_changes([], SceneRules()))) == []


class TestDuplicates:
    rules = SceneRules(merge_duplicates=True)

    def test_twos_become_one_frame_with_two_timestamps(self) -> None:
        frames = source_frames([(1, shift // 2) for shift in range(6)])
        distinct = list(mark_changes(frames, self.rules))
        assert [len(frame.timestamps) for frame in distinct] == [2, 2, 2]
        assert [frame.frame.index for frame in distinct] == [0, 2, 4]
        assert distinct[1].timestamps[0].time == 2
        assert distinct[1].timestamps[-1].time == 3
        pairs, _ = parts(distinct)
        assert numbers(pairs[0]) == (None, 0, 2, 4)

    def test_what_stands_still_for_long_stays(self) -> None:
        frames = source_frames([(1, 0)] * (LONGEST_RUN + 3) + [(1, 1), (1, 1), (1, 2)])
        distinct = list(mark_changes(frames, self.rules))
        assert [len(frame.timestamps) for frame in distinct] == [LONGEST_RUN, 1, 1, 1, 2, 1]
        assert [frame.change for frame in distinct[1:4]] == [Change.HOLD] * 3
        assert distinct[4].change is Change.MOTION

    def test_without_the_flag_nothing_is_merged(self) -> None:
        frames = source_frames([(1, 0), (1, 0), (1, 1)])
        assert [len(frame.timestamps) for frame in mark_changes(frames, SceneRules())] == [1, 1, 1]


def test_few_frames_are_alive_at_once() -> None:
    """However long the stream: five frames at most between the reader and the writer."""
    taken = 0

    def stream():
        nonlocal taken
        for frame in source_frames([(1, number % 5) for number in range(30)]):
            taken += 1
            yield frame

    for part in pair_up(mark_changes(stream(), SceneRules())):
        first = part.prev or part.start if isinstance(part, Pair) else part
        assert taken - first.frame.index <= 5
    assert taken == 30
