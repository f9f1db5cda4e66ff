"""Savings by sharing on frames of a few pixels: equal frames, and fewer multiplications than the baseline."""

from __future__ import annotations

import copy
from functools import cache

import pytest
import torch

from benchmark import sharing
from benchmark.models import ready_model, synthetic_frames
from benchmark.unshared import unshared_eqvi, unshared_sgm
from vfi.base.clip import sliding_windows
from vfi.base.interpolator import Interpolator


@cache
def model_of(name: str) -> Interpolator:
    return ready_model(name)


@pytest.mark.parametrize(
    ("name", "unshared", "size"),
    [
        pytest.param("eqvi.stage123", unshared_eqvi, (32, 64), marks=pytest.mark.slow),
        ("sgm.small", unshared_sgm, (48, 64)),
    ],
)
def test_frames_equal_those_of_the_baseline(
    name: str, unshared: sharing.Baseline, size: tuple[int, int]
) -> None:
    model = model_of(name)
    half = torch.tensor([0.5])
    for window in list(sliding_windows(synthetic_frames(*size, 4)))[:2]:
        with torch.inference_mode():
            expected = unshared(model, window, half)
            frame = model.interpolate_window(window, [0.5])[0]
        assert float((frame - expected).abs().mean()) < 1e-5


@pytest.mark.parametrize(
    ("name", "unshared", "size", "fewer"),
    [
        pytest.param(
            *("eqvi.stage123", unshared_eqvi, (64, 64), {1: 4.5, 3: 6.5, 7: 7.5}), marks=pytest.mark.slow
        ),
        pytest.param(
            *("sgm.small", unshared_sgm, (272, 64), {1: 1.15, 3: 2.0, 7: 2.5}), marks=pytest.mark.slow
        ),
        ("sgm.small", unshared_sgm, (48, 64), {3: 1.8}),
    ],
)
@torch.inference_mode()
def test_multiplications_in_the_middle_of_a_clip(
    name: str, unshared: sharing.Baseline, size: tuple[int, int], fewer: dict[int, float]
) -> None:
    *before, counted = list(sliding_windows(synthetic_frames(*size, 6)))[:4]
    alone = sharing.multiplications(unshared, model_of(name), counted, torch.tensor([0.5]))
    for number, least in fewer.items():
        model = copy.deepcopy(model_of(name))
        for window in before:
            model.interpolate_window(window, [0.5])
        times = sharing.times_of(number)
        shared = sharing.multiplications(model.interpolate_window, counted, times) / number
        assert alone / shared > least


@pytest.mark.slow
def test_figures_are_per_new_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "INTER_FRAMES", (1, 3))
    monkeypatch.setattr(sharing, "WARM_WINDOWS", 1)
    monkeypatch.setattr(sharing, "MEASURED_WINDOWS", 1)
    result = sharing.measure(model_of("eqvi.stage123"), unshared_eqvi, 32, 32)
    assert set(result["shared"]) == {"1", "3"}
    for row in result["shared"].values():
        cost = result["baseline"]["seconds_per_frame"]
        assert row["times_as_fast"] == pytest.approx(cost / row["seconds_per_frame"])
        assert row["times_fewer_multiplications"] > 1
    assert result["difference"]["mean"] < 1e-5


def test_times_are_evenly_spread() -> None:
    assert sharing.times_of(3) == [0.25, 0.5, 0.75]
