"""Hole filling: known pixels stay, holes take the values of their surroundings, and scale does not matter."""

from __future__ import annotations

import pytest
import torch
from torch.autograd import gradcheck

from vfi.ops import fill_holes

SIZES = [(1, 1), (1, 9), (9, 1), (2, 2), (17, 23), (16, 32)]


@pytest.mark.parametrize("size", SIZES)
def test_without_holes_it_is_a_division(size: tuple[int, int]) -> None:
    values = torch.randn(2, 3, *size)
    weight = torch.empty(2, 1, *size).uniform_(0.3, 3)
    torch.testing.assert_close(fill_holes(values * weight, weight), values, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("known", [0.05, 0.5])
def test_a_constant_field_is_filled_with_its_constant(size: tuple[int, int], known: float) -> None:
    weight = (torch.rand(1, 1, *size) < known).float()
    weight[..., -1, -1] = 1e-3  # the least weight in use
    torch.testing.assert_close(
        fill_holes(7 * weight, weight), torch.full((1, 1, *size), 7.0), rtol=1e-3, atol=0
    )


@pytest.mark.parametrize(("weight", "own"), [(0.3, 1.0), (0.27, 0.9), (0.15, 0.5)])
def test_below_a_weight_of_three_tenths_the_surroundings_count(weight: float, own: float) -> None:
    weights = torch.ones(1, 1, 2, 2)
    weights[..., 0, 0] = weight
    values = torch.ones(1, 1, 2, 2)
    values[..., 0, 0] = 5
    around = (5 * weight + 3) / (weight + 3)  # the mean by weight of the four, the next level's only pixel
    filled = fill_holes(values * weights, weights)
    assert float(filled[..., 0, 0]) == pytest.approx(own * 5 + (1 - own) * around, abs=1e-5)


def test_without_any_weight_the_result_is_zero() -> None:
    nothing = torch.zeros(1, 1, 8, 8)
    assert torch.equal(fill_holes(nothing.expand(1, 2, 8, 8), nothing), torch.zeros(1, 2, 8, 8))


def test_one_known_pixel_fills_all() -> None:
    weight = torch.zeros(1, 1, 13, 21)
    weight[..., 5, 17] = 1
    torch.testing.assert_close(
        fill_holes(-3 * weight, weight), torch.full((1, 1, 13, 21), -3.0), atol=1e-4, rtol=0
    )


def test_known_pixels_keep_their_value_beside_holes() -> None:
    values = torch.randn(1, 2, 16, 16)
    weight = (torch.rand(1, 1, 16, 16) < 0.5).float()
    filled = fill_holes(values * weight, weight)
    torch.testing.assert_close(filled * weight, values * weight, atol=1e-5, rtol=0)


def test_a_hole_stays_within_the_range_of_its_surroundings() -> None:
    values = torch.rand(1, 1, 32, 32)
    weight = torch.ones(1, 1, 32, 32)
    weight[..., 10:20, 8:25] = 0
    filled = fill_holes(values * weight, weight)
    assert float(values.min()) <= float(filled.min())
    assert float(filled.max()) <= float(values.max())


def test_a_hole_takes_the_nearer_side() -> None:
    """Left is 0, right is 1, the middle unknown: it rises from one to the other."""
    weight = torch.ones(1, 1, 16, 32)
    weight[..., 12:20] = 0
    values = (torch.arange(32) >= 16).float().expand(1, 1, 16, 32)
    row = fill_holes(values * weight, weight)[0, 0, 8]
    assert float(row[12]) < 0.35
    assert float(row[19]) > 0.65
    assert bool((row.diff() >= -1e-6).all())


def test_a_pixel_of_little_weight_mixes_with_its_surroundings() -> None:
    """At half of the weight that is enough: half its own value, half that of the surroundings."""
    values = torch.zeros(1, 1, 32, 32)
    weight = torch.ones(1, 1, 32, 32)
    values[..., 16, 16], weight[..., 16, 16] = 1, 0.15
    filled = fill_holes(values * weight, weight)
    assert 0.5 < float(filled[..., 16, 16]) < 0.6


def test_more_than_one_counts_as_one() -> None:
    values = torch.rand(1, 2, 16, 16)
    weight = torch.randint(0, 3, (1, 1, 16, 16)) * 5.0
    whole = weight.clamp(max=1)
    torch.testing.assert_close(fill_holes(values * weight, weight), fill_holes(values * whole, whole))


def test_batch_of_two_equals_two_of_one() -> None:
    weight = (torch.rand(2, 1, 9, 13) < 0.3).float()
    total = torch.randn(2, 2, 9, 13) * weight
    alone = torch.cat([fill_holes(total[[number]], weight[[number]]) for number in range(2)])
    torch.testing.assert_close(fill_holes(total, weight), alone)


def test_gradients() -> None:
    weight = torch.empty(1, 1, 4, 5, dtype=torch.float64).uniform_(0.05, 0.25)
    total = torch.randn(1, 2, 4, 5, dtype=torch.float64)
    assert gradcheck(fill_holes, (total.requires_grad_(), weight.requires_grad_()))
