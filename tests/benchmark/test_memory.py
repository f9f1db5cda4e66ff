"""What a model needs: larger pictures need more, tiles less, and what tensors hold is counted."""

from __future__ import annotations

import argparse

import pytest

from benchmark import memory

OPTIONS = argparse.Namespace(
    model="sgm.local_small", checkpoint=None, options={"down_scale": "1/2"}, windows=1
)


def test_sizes_may_have_tiles() -> None:
    assert memory.Run.of_size("640x480", OPTIONS)[3:6] == (640, 480, None)
    assert memory.Run.of_size("640x480:64", OPTIONS)[3:6] == (640, 480, 64)


def test_tensors_grow_with_the_picture_and_shrink_with_tiles() -> None:
    small, large, tiled = (
        memory.tensors_of(memory.Run.of_size(size, OPTIONS))["tensors"]
        for size in ("64x64", "64x512", "64x512:16")
    )
    picture = 64 * 512 * 3 * 4
    assert large - small > 10 * picture
    assert tiled < large


def test_the_peak_lies_above_what_was_loaded() -> None:
    held = memory.peak_of(memory.Run.of_size("64x64", OPTIONS))
    assert held["peak"] >= held["loaded"] > 0


@pytest.mark.parametrize("size", ["64", "axb", "64x64:"])
def test_what_is_no_size_is_refused(size: str) -> None:
    with pytest.raises(SystemExit, match="WIDTHxHEIGHT"):
        memory.Run.of_size(size, OPTIONS)
