"""Clips in memory: windows with their outer frames, and new frames in order, of the kind of the originals."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import vfi
from tests.support.fakes import Blender, scene_array
from vfi.base.clip import interpolate_frames, sliding_windows
from vfi.models.quadratic import build_quadratic


def clip(count: int) -> list[Tensor]:
    return list(torch.rand(count, 1, 3, 6, 8))


class TestWindows:
    @pytest.mark.parametrize("count", [2, 3, 4, 7])
    def test_every_interval_has_a_window_with_its_outer_frames(self, count: int) -> None:
        frames = clip(count)
        windows = list(sliding_windows(frames))
        assert len(windows) == count - 1
        for number, window in enumerate(windows):
            assert window.start is frames[number]
            assert window.end is frames[number + 1]
            assert window.prev is (frames[number - 1] if number else None)
            assert window.next is (frames[number + 2] if number + 2 < count else None)

    @pytest.mark.parametrize("count", [0, 1])
    def test_fewer_than_two_frames_have_none(self, count: int) -> None:
        assert list(sliding_windows(clip(count))) == []

    def test_keys_are_those_of_the_frames_and_of_no_other_clip(self) -> None:
        frames = clip(5)
        first, again = (list(sliding_windows(frames)) for _ in range(2))
        for earlier, later in pairwise(first):
            assert earlier.key("end") == later.key("start")
            assert earlier.key("start") == later.key("prev")
            assert earlier.key("next") == later.key("end")
        keys = {window.key("start") for window in first}
        assert len(keys) == 4
        assert not keys & {window.key("start") for window in again}

    def test_frames_are_read_two_ahead(self) -> None:
        read: list[int] = []

        def frames() -> Iterator[Tensor]:
            for number, frame in enumerate(clip(6)):
                read.append(number)
                yield frame

        windows = sliding_windows(frames())
        next(windows)
        assert read == [0, 1, 2]
        next(windows)
        assert read == [0, 1, 2, 3]


class TestFrames:
    @pytest.mark.parametrize("inter_frames", [1, 3])
    def test_new_frames_lie_between_those_given(self, inter_frames: int) -> None:
        frames = clip(4)
        result = list(interpolate_frames(Blender(), frames, inter_frames))
        assert len(result) == 4 + 3 * inter_frames
        step = inter_frames + 1
        assert all(result[number * step] is frame for number, frame in enumerate(frames))
        for place, frame in enumerate(result[:-1]):
            number, k = divmod(place, step)
            torch.testing.assert_close(frame, torch.lerp(frames[number], frames[number + 1], k / step))

    def test_it_is_public(self) -> None:
        assert vfi.interpolate_frames is interpolate_frames  # pyright: ignore[reportAttributeAccessIssue]

    def test_arrays_give_arrays(self) -> None:
        frames = [scene_array(1, shift) for shift in (0, 2, 4, 6)]
        model = build_quadratic()
        result = list(interpolate_frames(model, frames))
        assert all(frame.dtype == np.uint8 and frame.shape == frames[0].shape for frame in result)
        assert np.array_equal(result[3], model.interpolate(frames, 0.5))
        assert np.array_equal(result[1], model.interpolate(frames[:2], 0.5))

    def test_tensors_keep_their_type(self) -> None:
        result = list(interpolate_frames(Blender(), [frame.half() for frame in clip(2)]))
        assert {frame.dtype for frame in result} == {torch.float16}

    @pytest.mark.parametrize("count", [0, 1])
    def test_fewer_than_two_frames_come_back(self, count: int) -> None:
        assert len(list(interpolate_frames(Blender(), clip(count)))) == count

    def test_a_generator_is_read_as_it_goes(self) -> None:
        read: list[int] = []

        def frames() -> Iterator[Tensor]:
            for number, frame in enumerate(clip(6)):
                read.append(number)
                yield frame

        result = interpolate_frames(Blender(), frames())
        assert read == []
        next(result)
        assert read == [0, 1, 2]

    @pytest.mark.parametrize("inter_frames", [0, -1, 1.5, "2", None])
    def test_a_number_of_frames_that_is_none_is_refused_at_the_call(self, inter_frames: Any) -> None:
        with pytest.raises(ValueError, match="inter_frames must be a whole number from 1 on, not "):
            interpolate_frames(Blender(), clip(2), inter_frames)

    @pytest.mark.parametrize("frames", [None, 3, "clip.mp4"])
    def test_what_is_no_clip_is_refused_at_the_call(self, frames: Any) -> None:
        with pytest.raises(ValueError, match="frames must be a sequence of frames, not "):
            interpolate_frames(Blender(), frames)

    @pytest.mark.parametrize(
        ("other", "sentence"),
        [
            (
                torch.rand(1, 3, 6, 9),
                r"frame 2 of the clip is a tensor \[1, 3, 6, 9\], but frame 0 is a tensor",
            ),
            (np.zeros((6, 8, 3), np.uint8), r"frame 2 of the clip is an array \[6, 8, 3\], but frame 0 is a"),
            (torch.rand(3, 6, 8), r"frame 2 of the clip: tensors must be float \[B, 3, H, W\]"),
            ("c.png", "frame 2 of the clip: frames must be all uint8 arrays"),
        ],
    )
    def test_a_frame_unlike_the_others_is_named(self, other: Any, sentence: str) -> None:
        with pytest.raises(ValueError, match=sentence):
            list(interpolate_frames(Blender(), [*clip(2), other]))
