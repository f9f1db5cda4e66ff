"""What sharing saves, on frames of a few pixels: both ways make the same frames, and ours takes less."""

from __future__ import annotations

import copy
from functools import cache

import pytest
import torch

from benchmark import sharing
from benchmark.models import ready_model, synthetic_frames
from benchmark.original_cost import original_eqvi, original_sgm
from vfi.base.clip import sliding_windows
from vfi.base.interpolator import Interpolator


@cache
def model_of(name: str) -> Interpolator:
    return ready_model(name)


@pytest.mark.parametrize(
    ("name", "original", "size"),
    [("eqvi.stage123", original_eqvi, (32, 64)), ("sgm.small", original_sgm, (48, 64))],
)
def test_both_ways_make_the_same_frames(name: str, original: sharing.Original, size: tuple[int, int]) -> None:
    model = model_of(name)
    half = torch.tensor([0.5])
    for window in list(sliding_windows(synthetic_frames(*size, 4)))[:2]:
        with torch.inference_mode():
            expected = original(model, window, half)
            made = model.interpolate_window(window, [0.5])[0]
        assert float((made - expected).abs().mean()) < 1e-5


@pytest.mark.parametrize(
    ("name", "original", "size", "fewer"),
    [
        ("eqvi.stage123", original_eqvi, (64, 64), {1: 4.5, 3: 6.5, 7: 7.5}),
        ("sgm.small", original_sgm, (272, 64), {1: 1.15, 3: 2.0, 7: 2.5}),
    ],
)
@torch.inference_mode()
def test_what_is_computed_in_the_middle_of_a_clip(
    name: str, original: sharing.Original, size: tuple[int, int], fewer: dict[int, float]
) -> None:
    *known, counted = list(sliding_windows(synthetic_frames(*size, 6)))[:4]
    alone = sharing.multiplications(original, model_of(name), counted, torch.tensor([0.5]))
    for number, least in fewer.items():
        model = copy.deepcopy(model_of(name))
        for window in known:
            model.interpolate_window(window, [0.5])
        times = sharing.times_of(number)
        shared = sharing.multiplications(model.interpolate_window, counted, times) / number
        assert alone / shared > least


def test_figures_are_per_new_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "INTER_FRAMES", (1, 3))
    monkeypatch.setattr(sharing, "WARM_WINDOWS", 1)
    monkeypatch.setattr(sharing, "MEASURED_WINDOWS", 1)
    result = sharing.measure(model_of("eqvi.stage123"), original_eqvi, 32, 32)
    assert set(result["shared"]) == {"1", "3"}
    for row in result["shared"].values():
        cost = result["baseline"]["seconds_per_frame"]
        assert row["times_as_fast"] == pytest.approx(cost / row["seconds_per_frame"])
        assert row["times_fewer_multiplications"] > 1
    assert result["difference"]["mean"] < 1e-5


def test_times_are_evenly_spread() -> None:
    assert sharing.times_of(3) == [0.25, 0.5, 0.75]
