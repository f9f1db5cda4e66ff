"""Peak memory: it grows with the size of the frames, shrinks with tiles, and counts all tensors."""

from __future__ import annotations

import argparse

import pytest

from benchmark import memory

OPTIONS = argparse.Namespace(
    model="sgm.local_small", checkpoint=None, options={"down_scale": "1/2"}, windows=1
)
WITHOUT_WEIGHTS = argparse.Namespace(model="quadratic", checkpoint=None, options={}, windows=1)


def test_sizes_may_have_tiles() -> None:
    assert memory.Run.of_size("640x480", OPTIONS)[3:6] == (640, 480, None)
    assert memory.Run.of_size("640x480:64", OPTIONS)[3:6] == (640, 480, 64)


@pytest.mark.slow
def test_tensors_grow_with_the_frame_and_shrink_with_tiles() -> None:
    small, large, tiled = (
        memory.tensors_of(memory.Run.of_size(size, OPTIONS))["tensors"]
        for size in ("64x64", "64x512", "64x512:16")
    )
    frame = 64 * 512 * 3 * 4
    assert large - small > 10 * frame
    assert tiled < large


def test_tensors_of_a_small_frame_are_counted() -> None:
    frame = 32 * 48 * 3 * 4
    assert memory.tensors_of(memory.Run.of_size("48x32", WITHOUT_WEIGHTS))["tensors"] > 2 * frame


def test_the_peak_is_above_the_memory_after_loading() -> None:
    found = memory.peak_of(memory.Run.of_size("64x64", OPTIONS))
    assert found["peak"] >= found["loaded"] > 0


@pytest.mark.parametrize("size", ["64", "axb", "64x64:"])
def test_other_words_than_sizes_are_refused(size: str) -> None:
    with pytest.raises(SystemExit, match="WIDTHxHEIGHT"):
        memory.Run.of_size(size, OPTIONS)
