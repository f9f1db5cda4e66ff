"""The recipe of the golden inputs gives the numbers from which the golden outputs were computed."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.golden_recipe import (
    kind_of,
    most_specific,
    synthetic_array,
    synthetic_frames,
    synthetic_state,
    synthetic_tensor,
)


def fingerprint(array: NDArray[np.generic]) -> str:
    return hashlib.sha256(array.tobytes()).hexdigest()[:16]


def test_frames() -> None:
    frames = synthetic_frames(4, 64, 96, seed=1)
    assert frames.shape == (4, 64, 96, 3)
    assert fingerprint(frames) == "98f4db0c7928ec38"
    assert np.abs(np.diff(frames.astype(float), axis=0)).mean() == pytest.approx(10.932, abs=1e-3)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("conv", "da30bf864b70f236"),
        ("conv_hp", "21ab158b188bc8e1"),
        ("conv_t", "35543e598840ae02"),
        ("bias", "ecf15540caca1816"),
        ("norm", "858dc3d96ac406bc"),
        ("prelu", "4ab1ff02ae0191fc"),
        ("mean", "1f92dd8b34bce2d9"),
        ("var", "770afebf4a3d3dda"),
        ("zero", "1fe2373734955e60"),
        ("raw", "e5b1e13caa99dcdc"),
    ],
)
def test_weights(kind: str, expected: str) -> None:
    assert fingerprint(synthetic_tensor("example.weight", (4, 3, 3, 3), kind=kind)) == expected


@pytest.mark.parametrize(
    ("name", "shape", "kind"),
    [
        ("a.weight", (4, 3, 3, 3), "conv"),
        ("a.bias", (4,), "bias"),
        ("norm.weight", (4,), "norm"),
        ("PReLU.weight", (4,), "prelu"),
        ("bn.running_mean", (4,), "mean"),
        ("bn.running_var", (4,), "var"),
        ("bn.num_batches_tracked", (), "zero"),
        ("relative_position_bias_table", (4, 3), "raw"),
        ("cls_token", (1, 1, 3), "raw"),
    ],
)
def test_kind_follows_from_name_and_shape(name: str, shape: tuple[int, ...], kind: str) -> None:
    assert kind_of(name, shape) == kind


def test_longest_prefix_wins_and_suffix_beats_it() -> None:
    table = {"": 1, "a": 2, "a.b": 3, "*bias": 4}
    assert most_specific(table, "x.weight", 0) == 1
    assert most_specific(table, "a.weight", 0) == 2
    assert most_specific(table, "a.b.weight", 0) == 3
    assert most_specific(table, "ab.weight", 0) == 1
    assert most_specific(table, "a.b.bias", 0) == 4
    assert most_specific(None, "a", 0) == 0


def test_state_looks_up_kinds_and_gains() -> None:
    state = synthetic_state(
        {"a.weight": (2, 3), "p.weight": (3,)}, gains={"a": 2.0}, kinds={"p": "prelu"}, salt="s"
    )
    assert np.array_equal(state["a.weight"], synthetic_tensor("a.weight", (2, 3), gain=2.0, salt="s"))
    assert np.array_equal(state["p.weight"], synthetic_tensor("p.weight", (3,), kind="prelu", salt="s"))


def test_array_stays_in_its_range() -> None:
    array = synthetic_array("x", (100,), -3, 5)
    assert array.dtype == np.float32
    assert array.min() >= -3
    assert array.max() <= 5
    assert np.ptp(array) > 7


def test_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="dense"):
        synthetic_tensor("x", (1,), kind="dense")
