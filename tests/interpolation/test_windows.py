"""Windows never look across a cut, repeated frames become one shot, and every pair says why."""

from __future__ import annotations

import pytest

from tests.support.fakes import source_frames
from vfi.interpolation.records import Change, Pair, Shot
from vfi.interpolation.windows import LONGEST_RUN, SceneRules, find_shots, pair_up

MOVING = [(1, shift) for shift in range(6)]


def numbers(pair: Pair) -> tuple[int | None, ...]:
    shots = (pair.prev, pair.start, pair.end, pair.next)
    return tuple(None if shot is None else shot.frame.index for shot in shots)


def parts(shots: list[Shot], window: int = 4) -> tuple[list[Pair], list[Shot]]:
    all_parts = list(pair_up(shots, window))
    return (
        [part for part in all_parts if isinstance(part, Pair)],
        [part for part in all_parts if isinstance(part, Shot)],
    )


def test_a_single_scene() -> None:
    shots = list(find_shots(source_frames(MOVING[:4]), SceneRules()))
    assert [shot.change for shot in shots] == [None, *[Change.MOTION] * 3]
    pairs, ends = parts(shots)
    assert [numbers(pair) for pair in pairs] == [(None, 0, 1, 2), (0, 1, 2, 3), (1, 2, 3, None)]
    assert [pair.reason for pair in pairs] == ["first pair", "four frames", "last pair"]
    assert [shot.frame.index for shot in ends] == [3]


def test_no_window_looks_across_a_cut() -> None:
    frames = source_frames([(1, 0), (1, 1), (1, 2), (9, 0), (9, 1), (9, 2)])
    pairs, _ = parts(list(find_shots(frames, SceneRules())))
    assert [numbers(pair) for pair in pairs] == [
        (None, 0, 1, 2), (0, 1, 2, None), (1, 2, 3, 4), (None, 3, 4, 5), (3, 4, 5, None),
    ]  # fmt: skip
    assert [pair.end.change is Change.CUT for pair in pairs] == [False, False, True, False, False]
    assert [pair.reason for pair in pairs][1::2] == ["cut after", "cut before"]


def test_cuts_can_be_ignored() -> None:
    shots = list(find_shots(source_frames([(1, 0), (9, 0)]), SceneRules(find_cuts=False)))
    assert shots[1].change is Change.MOTION
    assert shots[1].score is None


def test_the_threshold_decides() -> None:
    frames = source_frames([(1, 0), (9, 0)])
    score = list(find_shots(frames, SceneRules()))[1].score
    assert score is not None
    assert list(find_shots(frames, SceneRules(cut_threshold=score)))[1].change is Change.MOTION


def test_two_frame_models_get_no_neighbours() -> None:
    pairs, _ = parts(list(find_shots(source_frames(MOVING), SceneRules())), window=2)
    assert all(pair.prev is None and pair.next is None for pair in pairs)


def test_uneven_neighbours_are_left_out() -> None:
    frames = source_frames(MOVING[:4], times=[0, 1, 2, 5])
    pairs, _ = parts(list(find_shots(frames, SceneRules())))
    assert [numbers(pair) for pair in pairs] == [(None, 0, 1, 2), (0, 1, 2, None), (None, 2, 3, None)]
    assert pairs[1].reason == "uneven times after"


@pytest.mark.parametrize("count", [1, 2])
def test_short_streams(count: int) -> None:
    pairs, ends = parts(list(find_shots(source_frames(MOVING[:count]), SceneRules())))
    assert len(pairs) == count - 1
    assert len(ends) == 1


def test_no_frames_make_no_shots() -> None:
    assert list(pair_up(find_shots([], SceneRules()))) == []


class TestDuplicates:
    rules = SceneRules(merge_duplicates=True)

    def test_twos_become_one_shot_with_two_showings(self) -> None:
        frames = source_frames([(1, shift // 2) for shift in range(6)])
        shots = list(find_shots(frames, self.rules))
        assert [len(shot.showings) for shot in shots] == [2, 2, 2]
        assert [shot.frame.index for shot in shots] == [0, 2, 4]
        assert shots[1].first.time == 2
        assert shots[1].last.time == 3
        pairs, _ = parts(shots)
        assert numbers(pairs[0]) == (None, 0, 2, 4)

    def test_what_stands_still_for_long_stays(self) -> None:
        frames = source_frames([(1, 0)] * (LONGEST_RUN + 3) + [(1, 1), (1, 1), (1, 2)])
        shots = list(find_shots(frames, self.rules))
        assert [len(shot.showings) for shot in shots] == [LONGEST_RUN, 1, 1, 1, 2, 1]
        assert [shot.change for shot in shots[1:4]] == [Change.STILL] * 3
        assert shots[4].change is Change.MOTION

    def test_without_the_flag_nothing_is_merged(self) -> None:
        frames = source_frames([(1, 0), (1, 0), (1, 1)])
        assert [len(shot.showings) for shot in find_shots(frames, SceneRules())] == [1, 1, 1]


def test_few_frames_are_alive_at_once() -> None:
    """However long the stream: five frames at most between the reader and the writer."""
    taken = 0

    def stream():
        nonlocal taken
        for frame in source_frames([(1, number % 5) for number in range(30)]):
            taken += 1
            yield frame

    for part in pair_up(find_shots(stream(), SceneRules())):
        first = part.prev or part.start if isinstance(part, Pair) else part
        assert taken - first.frame.index <= 5
    assert taken == 30
