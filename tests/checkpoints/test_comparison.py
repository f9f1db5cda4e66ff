"""Differences are told whole and short."""

from __future__ import annotations

import pytest

from vfi.checkpoints.comparison import compare_shapes, group_keys

ALL = {
    "a.conv.weight": (2, 3),
    "a.conv.bias": (2,),
    "a.up.weight": (1,),
    "b.weight": (1,),
    "b.bias": (1,),
}


@pytest.mark.parametrize(
    ("chosen", "written"),
    [
        ([], []),
        (list(ALL), ["a.* (3)", "b.* (2)"]),
        (["a.conv.bias", "a.conv.weight"], ["a.conv.* (2)"]),
        (["a.conv.bias", "b.bias"], ["a.conv.bias", "b.bias"]),
        (["a.up.weight"], ["a.up.weight"]),
    ],
)
def test_whole_branches_are_taken_together(chosen: list[str], written: list[str]) -> None:
    assert group_keys(chosen, ALL) == written


def test_a_name_that_begins_like_another() -> None:
    among = ["conv_1x1.0.bias", "conv_1x1_1.0.bias", "a", "a.b"]
    assert group_keys(["conv_1x1.0.bias"], among) == ["conv_1x1.0.bias"]
    assert group_keys(["a.b"], among) == ["a.b"]
    assert group_keys(["a", "a.b"], among) == ["a.* (2)"]


def test_equal() -> None:
    difference = compare_shapes(ALL, ALL)
    assert not difference
    assert difference.count == 0
    assert difference.sentence() == ""


def test_every_kind_is_told() -> None:
    found = {**ALL, "a.conv.weight": (2, 5), "c.x": (1,), "c.y": (1,)}
    del found["a.up.weight"]
    difference = compare_shapes(found, ALL)
    assert difference.count == 4
    assert difference.sentence() == (
        "1 of 5 keys are missing (a.up.weight), 2 are unexpected (c.* (2)), "
        "1 have another shape (a.conv.weight is [2, 5], must be [2, 3])"
    )


def test_long_lists_are_shortened_unless_all_is_wanted() -> None:
    expected = {f"n{number}.w": (1,) for number in range(9)}
    difference = compare_shapes({}, expected)
    assert difference.sentence() == "9 of 9 keys are missing (n0.w, n1.w, n2.w, n3.w, and 5 more)"
    assert "n8.w" in difference.sentence(None)
