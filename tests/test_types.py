"""Windows: built in the order of time, mapped, reversed, with keys that follow their frames."""

from __future__ import annotations

from typing import cast

import pytest
import torch

from vfi.types import FrameKeys, FrameName, Window

PREV, START, END, NEXT = torch.arange(4.0).view(4, 1, 1, 1, 1).unbind()
WHOLE = Window.from_frames([PREV, START, END, NEXT], keys="abcd")


def test_four_frames_are_given_in_the_order_of_time() -> None:
    assert [float(frame) for frame in WHOLE.consecutive if frame is not None] == [0, 1, 2, 3]
    assert Window(START, END, PREV, NEXT, FrameKeys("b", "c", "a", "d")) == WHOLE
    assert [WHOLE.key(cast("FrameName", name)) for name in ("prev", "start", "end", "next")] == list("abcd")
    assert WHOLE.outer == (PREV, NEXT)


def test_two_frames_have_nothing_around_them() -> None:
    window = Window.from_frames([START, END], keys="bc")
    assert window == Window(START, END, keys=FrameKeys("b", "c"))
    assert window.outer is None
    assert window.reversed().keys == FrameKeys("c", "b")
    with pytest.raises(ValueError, match="this window has no frame 'prev'"):
        window.frame("prev")


@pytest.mark.parametrize("count", [0, 1, 3, 5])
def test_other_numbers_of_frames_are_refused(count: int) -> None:
    with pytest.raises(ValueError, match=f"frames must be 2 or 4 consecutive frames, but there are {count}"):
        Window.from_frames([START] * count)


def test_every_frame_needs_its_key() -> None:
    with pytest.raises(ValueError, match="there must be one key per frame, but there are 3 for 4"):
        Window.from_frames([PREV, START, END, NEXT], keys="abc")


@pytest.mark.parametrize("missing", [None, "prev", "next"])
def test_map_changes_what_is_there(missing: str | None) -> None:
    window = WHOLE if missing is None else WHOLE._replace(**{missing: None})
    changed = window.map(lambda frame: frame + 10)
    assert changed.keys == window.keys
    for before, after in zip(window.consecutive, changed.consecutive, strict=True):
        assert (before is None) is (after is None)
        assert before is None or (after is not None and float(after) == float(before) + 10)


def test_reversed_frames_take_their_keys_along() -> None:
    back = WHOLE.reversed()
    assert back == Window.from_frames([NEXT, END, START, PREV], keys="dcba")
    assert back.reversed() == WHOLE


def test_keys_are_changed_and_dropped() -> None:
    assert WHOLE.map_keys(lambda key: (1, key)).keys == FrameKeys((1, "b"), (1, "c"), (1, "a"), (1, "d"))
    assert WHOLE.without_keys().keys is None
    assert WHOLE.without_keys().map_keys(hash).keys is None
    assert WHOLE.without_keys().key("start") is None


def test_rows_are_all_of_them() -> None:
    assert Window(torch.zeros(1, 3, 7, 5), torch.zeros(1, 3, 7, 5)).rows == slice(0, 7)
