"""Perceptual distances: our part around the packages' networks, and what is said without them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from vfi.errors import ModelError
from vfi.evaluation import perceptual
from vfi.evaluation.perceptual import dists, flolpips

SHAPE = (2, 3, 8, 8)


@pytest.fixture(autouse=True)
def nothing_kept() -> Iterator[None]:
    perceptual._built.cache_clear()
    yield
    perceptual._built.cache_clear()


class Difference(nn.Module):
    """Stands in for a network: the mean absolute difference over channels, as a map."""

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        return (first - second).abs().mean(dim=1, keepdim=True) / 2


def constant_flow(value: float) -> Tensor:
    return torch.full((2, 2, 8, 8), float(value))


def test_equal_motion_weighs_all_pixels_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(perceptual, "_build_spatial_lpips", lambda network: Difference())
    truth, estimate = torch.zeros(SHAPE), torch.zeros(SHAPE)
    estimate[:, :, :4] = 0.5
    distance = flolpips(estimate, truth, truth, truth, lambda first, second: constant_flow(1))
    torch.testing.assert_close(distance, torch.full((2,), 0.25, dtype=torch.float64))


def test_only_wrong_motion_counts_where_there_is_some(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(perceptual, "_build_spatial_lpips", lambda network: Difference())
    truth, estimate = torch.zeros(SHAPE), torch.full(SHAPE, 0.25)
    estimate[:, :, 4:] = 0.75

    def flow(first: Tensor, second: Tensor) -> Tensor:
        wrong = constant_flow(0)
        wrong[:, :, 4:] = float(second.amax() > 0)
        return wrong

    distance = flolpips(estimate, truth, truth, truth, flow)
    torch.testing.assert_close(distance, torch.full((2,), 0.75, dtype=torch.float64))


def test_dists_is_one_number_per_image(monkeypatch: pytest.MonkeyPatch) -> None:
    class Mean(nn.Module):
        def forward(self, first: Tensor, second: Tensor) -> Tensor:
            return (first - second).abs().mean(dim=(1, 2, 3))

    monkeypatch.setattr(perceptual, "_build_dists", Mean)
    assert dists(torch.ones(SHAPE), torch.zeros(SHAPE)).tolist() == [1, 1]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ImportError("no package"), r"DISTS needs the metrics extra: pip install"),
        (OSError("no network"), r"The weights of DISTS are neither on this machine nor to be downloaded"),
    ],
)
def test_what_is_missing_is_said(error: Exception, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> nn.Module:
        raise error

    monkeypatch.setattr(perceptual, "_build_dists", fail)
    with pytest.raises(ModelError, match=message):
        dists(torch.ones(SHAPE), torch.zeros(SHAPE))
