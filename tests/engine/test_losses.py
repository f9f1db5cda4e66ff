"""Losses: reference vectors, closed forms, gradients."""

from __future__ import annotations

import pytest
import torch

from tests.golden_support import assert_matches_eqvi, load_golden
from vfi.engine.losses import eqvi_loss, laplacian_loss, laplacian_pyramid, smoothing_kernel


def test_kernel_pyramid_and_loss_are_the_golden_ones() -> None:
    golden = load_golden("eqvi/losses")
    a, b = golden["a"], golden["b"]
    assert_matches_eqvi(smoothing_kernel(), golden["kernel"], has_threshold=False)
    pyramid = laplacian_pyramid(a)
    for level in (2, 4, 5):
        assert_matches_eqvi(pyramid[level], golden[f"pyr_a_{level}"], has_threshold=False)
    per_level = torch.stack([level.abs().mean() for level in laplacian_pyramid(a - b)])
    assert_matches_eqvi(per_level, golden["per_level"], has_threshold=False)
    loss = eqvi_loss(a, b)
    for name in ("laplacian", "l1", "total"):
        torch.testing.assert_close(getattr(loss, name), golden[name][0], rtol=1e-6, atol=1e-6)


def test_the_kernel_is_a_sum_and_not_a_product() -> None:
    additive, product = smoothing_kernel(), smoothing_kernel(additive=False)
    assert float(additive.sum()) == pytest.approx(1)
    assert float(product.sum()) == pytest.approx(1)
    corner, centre = torch.exp(torch.tensor(-1.0)), 1.0
    assert float(additive[0, 0] / additive[2, 2]) == pytest.approx(float(corner / centre))
    assert float(product[0, 0] / product[2, 2]) == pytest.approx(float(corner**2))


def test_a_constant_difference_shows_in_the_last_level_alone() -> None:
    picture = torch.rand(1, 3, 40, 33)
    levels = laplacian_pyramid(torch.full((1, 3, 40, 33), 0.25))
    assert [tuple(level.shape[2:]) for level in levels] == [
        (40, 33),
        (20, 16),
        (10, 8),
        (5, 4),
        (2, 2),
        (1, 1),
    ]
    assert all(float(level.abs().max()) < 1e-6 for level in levels[:-1])
    assert float(laplacian_loss(picture, picture + 0.25)) == pytest.approx(0.25, abs=1e-5)
    assert float(eqvi_loss(picture, picture).total) == 0


def test_gradient_points_towards_the_truth() -> None:
    truth = torch.rand(1, 3, 32, 32)
    made = (truth + 0.1).requires_grad_()
    eqvi_loss(made, truth).total.backward()
    assert made.grad is not None
    assert float(made.grad.mean()) > 0


def test_small_pictures_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 32 pixels per side, but it is 40x31"):
        laplacian_loss(torch.rand(1, 3, 31, 40), torch.rand(1, 3, 31, 40))
