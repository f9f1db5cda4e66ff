"""Content of output frames: originals untouched, nothing interpolated across cuts, each t asked once."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from tests.support.fakes import Blender, source_frames
from vfi.interpolation.render import Renderer, RenderRules, frames_at_once
from vfi.interpolation.schedule import Plan, Timing
from vfi.interpolation.windows import SceneRules, add_neighbours, find_intervals
from vfi.io.frames import OutputFrame, SourceFrame
from vfi.io.pixels.picture import Picture
from vfi.jobs.journal import Decision

MOVING = [(1, shift) for shift in range(4)]
CUT = [(1, 0), (1, 1), (9, 0), (9, 1)]


def render(
    frames: Sequence[SourceFrame],
    timing: Timing,
    rules: RenderRules | None = None,
    scenes: SceneRules | None = None,
    model: Any = None,
    skip: int = 0,
) -> tuple[list[OutputFrame], list[Decision]]:
    model = model or Blender()
    plan = Plan(timing)
    intervals = add_neighbours(find_intervals(frames, scenes or SceneRules(), plan), model.window)
    decisions: list[Decision] = []
    renderer = Renderer(model, plan, rules or RenderRules())
    output = list(renderer.frames(intervals, skip, decisions.append))
    assert not output or output[-1].index + 1 == len(plan)
    return output, decisions


def original(frame: OutputFrame, frames: Sequence[SourceFrame]) -> int | None:
    """The number of the source frame that is passed through, or None."""
    return next((source.index for source in frames if source.image is frame.image), None)


def originals(output: Sequence[OutputFrame], frames: Sequence[SourceFrame]) -> list[int | None]:
    return [original(frame, frames) for frame in output]


def test_new_frames_between_originals() -> None:
    frames, model = source_frames(MOVING), Blender()
    output, decisions = render(frames, Timing(inter_frames=2, hold_last=False), model=model)
    assert originals(output, frames) == [0, None, None, 1, None, None, 2, None, None, 3]
    assert [frame.time for frame in output[:4]] == [0, Fraction(1, 3), Fraction(2, 3), 1]
    assert [frame.name for frame in output[:4]] == ["001", "001_0", "001_1", "002"]
    assert model.keys == [(None, 0, 1, 2), (0, 1, 2, 3), (1, 2, 3, None)]
    assert all(times == pytest.approx([1 / 3, 2 / 3]) for _, times, _ in model.asked)
    assert [decision.new_frames for decision in decisions] == [2, 2, 2]


def test_blends_are_right() -> None:
    frames = source_frames(MOVING[:2])
    output, _ = render(frames, Timing(inter_frames=3))
    first, last = (frame.image.rgb().astype(float) for frame in frames)
    assert np.abs(output[1].image.rgb() - (first * 0.75 + last * 0.25)).max() <= 0.51


def test_rounding_can_truncate() -> None:
    frames = source_frames(MOVING[:2])
    output, _ = render(frames, Timing(inter_frames=1), RenderRules(rounding="truncate"))
    first, last = (frame.image.rgb().astype(int) for frame in frames)
    assert np.abs(output[1].image.rgb() - (first + last) // 2).max() <= 1
    assert (output[1].image.rgb() <= (first + last) / 2 + 1e-3).all()


class TestCuts:
    def test_the_nearest_frame_is_repeated(self) -> None:
        frames, model = source_frames(CUT), Blender()
        output, decisions = render(frames, Timing(inter_frames=3, hold_last=False), model=model)
        assert originals(output[4:8], frames) == [1, 1, 1, 2]
        assert model.keys == [(None, 0, 1, None), (None, 2, 3, None)]
        assert decisions[1].action == "repeated"
        assert decisions[1].score is not None
        assert decisions[1].new_frames == 0

    def test_or_blended(self) -> None:
        frames, model = source_frames(CUT), Blender()
        output, decisions = render(
            frames, Timing(inter_frames=1, hold_last=False), RenderRules(blend_cuts=True), model=model
        )
        assert len(model.asked) == 2
        mixed = (frames[1].image.rgb().astype(float) + frames[2].image.rgb()) / 2
        assert np.abs(output[3].image.rgb() - mixed).max() <= 0.51
        assert decisions[1].action == "blended"


class TestEnds:
    def test_films_hold_their_last_frame(self) -> None:
        frames = source_frames(MOVING)
        output, _ = render(frames, Timing(inter_frames=1))
        assert originals(output[-3:], frames) == [None, 3, 3]

    def test_only_new_frames(self) -> None:
        frames = source_frames(MOVING)
        output, _ = render(frames, Timing(inter_frames=2, hold_last=False, originals=False))
        assert [frame.name for frame in output] == ["001_0", "001_1", "002_0", "002_1", "003_0", "003_1"]
        assert [frame.index for frame in output] == list(range(6))


class TestGrid:
    def test_down_conversion_interpolates_no_needless_frames(self) -> None:
        frames, model = source_frames([(1, n) for n in range(8)]), Blender()
        output, decisions = render(frames, Timing(rate=Fraction(1, 2)), model=model)
        assert originals(output, frames) == [0, 2, 4, 6]
        assert {decision.action for decision in decisions} == {"passed"}
        assert model.asked == []

    def test_slow_motion_scales_timestamps(self) -> None:
        frames = source_frames(MOVING)
        output, _ = render(frames, Timing(inter_frames=1, time_scale=Fraction(2)))
        assert [frame.time for frame in output] == list(range(8))


class TestDuplicates:
    twos = tuple((1, shift // 2) for shift in range(6))

    def test_new_frames_move_evenly_and_the_length_stays(self) -> None:
        frames, model = source_frames(self.twos), Blender()
        scenes = SceneRules(merge_duplicates=True)
        output, decisions = render(frames, Timing(inter_frames=1), scenes=scenes, model=model)
        plain, _ = render(frames, Timing(inter_frames=1))
        assert [frame.time for frame in output] == [frame.time for frame in plain]
        assert [times for _, times, _ in model.asked] == [[0.25, 0.5, 0.75]] * 2
        assert originals(output, frames) == [0, None, None, None, 2, None, None, None, 4, 4, 4, 4]
        assert decisions[0].reason == "first pair, 2 equal frames taken as one"
        assert [frame.name for frame in output[:4]] == ["001", "001_0", "002", "002_0"]

    def test_at_a_cut_the_last_repeat_counts(self) -> None:
        frames = source_frames([(1, 0), (1, 0), (9, 0), (9, 0)])
        scenes = SceneRules(merge_duplicates=True)
        output, _ = render(frames, Timing(inter_frames=3), scenes=scenes)
        assert originals(output[:9], frames) == [0] * 7 + [2] * 2

    def test_still_frames_are_repeated(self) -> None:
        frames, model = source_frames([(1, 0)] * 7 + [(1, 2)]), Blender()
        scenes = SceneRules(merge_duplicates=True)
        output, decisions = render(frames, Timing(inter_frames=1), scenes=scenes, model=model)
        assert len(output) == 16
        assert [decision.action for decision in decisions] == ["held"] * 3 + ["interpolated"]
        assert len(model.asked) == 1


def test_many_new_frames_are_interpolated_at_most_eight_at_a_time() -> None:
    model = Blender()
    output, _ = render(source_frames(MOVING[:2]), Timing(inter_frames=20), model=model)
    assert [len(times) for _, times, _ in model.asked] == [7, 8, 5]  # after an original, and before another
    assert len(output) == 42
    assert len({window.keys for window, _, _ in model.asked}) == 1


@pytest.mark.parametrize("skip", [0, 1, 5, 6, 7, 11, 12])
def test_skipped_frames_change_nothing_after_them(skip: int) -> None:
    frames = source_frames([*MOVING, (9, 0), (9, 1)])
    timing = Timing(inter_frames=1)
    whole, decisions = render(frames, timing)
    model = Blender()
    rest, same_decisions = render(frames, timing, model=model, skip=skip)
    assert same_decisions == decisions
    assert [(f.index, f.time, f.duration, f.name) for f in rest] == [
        (f.index, f.time, f.duration, f.name) for f in whole[skip:]
    ]
    for frame, wanted in zip(rest, whole[skip:], strict=True):
        assert np.array_equal(frame.image.rgb(), wanted.image.rgb())
    assert len(model.asked) == sum(original(frame, frames) is None for frame in rest)


@pytest.mark.parametrize(
    ("height", "width", "count"), [(48, 64, 8), (2048, 1365, 8), (2048, 1366, 7), (4320, 7680, 1)]
)
def test_large_frames_are_rendered_few_at_a_time(height: int, width: int, count: int) -> None:
    """Eight at most, of 256 MiB in float32 at most, but one at least."""
    assert frames_at_once(Picture.from_rgb(np.zeros((height, width, 3), np.uint8))) == count


def test_keys_of_two_sources_differ() -> None:
    model = Blender()
    for _ in range(2):
        render(source_frames(MOVING[:2]), Timing(inter_frames=1), model=model)
    assert model.asked[0][0].keys != model.asked[1][0].keys


def test_the_tile_reaches_the_model() -> None:
    model = Blender()
    render(source_frames(MOVING[:2]), Timing(inter_frames=1), RenderRules(tile=256), model=model)
    assert model.asked[0][2] == 256
