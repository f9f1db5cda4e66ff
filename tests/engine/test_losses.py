"""Losses: reference vectors, closed forms, gradients."""

from __future__ import annotations

import pytest
import torch

from tests.support.golden import (
    assert_matches_eqvi,
    assert_matches_sgm_set,
    clip,
    load_golden,
    load_sgm_manifest,
)
from vfi.engine.losses import (
    PYRAMID_LEVELS,
    eqvi_loss,
    laplacian_loss,
    laplacian_pyramid,
    sgm_loss,
    smoothing_kernel,
)


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
    additive, product = smoothing_kernel(), smoothing_kernel("gaussian")
    assert float(additive.sum()) == pytest.approx(1)
    assert float(product.sum()) == pytest.approx(1)
    corner, centre = torch.exp(torch.tensor(-1.0)), 1.0
    assert float(additive[0, 0] / additive[2, 2]) == pytest.approx(float(corner / centre))
    assert float(product[0, 0] / product[2, 2]) == pytest.approx(float(corner**2))


def test_a_constant_difference_shows_in_the_last_level_alone() -> None:
    image = torch.rand(1, 3, 40, 33)
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
    assert float(laplacian_loss(image, image + 0.25)) == pytest.approx(0.25, abs=1e-5)
    assert float(eqvi_loss(image, image).total) == 0


def test_gradient_points_towards_the_truth() -> None:
    truth = torch.rand(1, 3, 32, 32)
    frame = (truth + 0.1).requires_grad_()
    eqvi_loss(frame, truth).total.backward()
    assert frame.grad is not None
    assert float(frame.grad.mean()) > 0


def test_small_images_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 32 pixels per side, but it is 40x31"):
        laplacian_loss(torch.rand(1, 3, 31, 40), torch.rand(1, 3, 31, 40))


class TestSgm:
    """The pyramid that SGM-VFI was trained with."""

    @pytest.fixture
    def pair(self) -> tuple[torch.Tensor, torch.Tensor]:
        frames = clip(3, 64, 96, 41)
        return frames[:2], frames[1:]

    def test_pyramid_and_loss_are_the_golden_ones(self, pair: tuple[torch.Tensor, torch.Tensor]) -> None:
        frame, truth = pair
        levels = laplacian_pyramid(frame, "binomial")
        assert_matches_sgm_set("lap_loss", {f"level{i}_input": level for i, level in enumerate(levels)})
        scalars = {name: entry["value"] for name, entry in load_sgm_manifest("lap_loss")["scalars"].items()}
        for i, level in enumerate(laplacian_pyramid(frame - truth, "binomial")[:PYRAMID_LEVELS]):
            assert float(level.abs().mean()) == pytest.approx(scalars[f"l1_level{i}"], rel=2e-5)
        assert float(laplacian_loss(frame, truth, "binomial")) == pytest.approx(scalars["loss"], rel=2e-5)

    def test_blends_count_half(self, pair: tuple[torch.Tensor, torch.Tensor]) -> None:
        frame, truth = pair
        one = laplacian_loss(frame, truth, "binomial")
        loss = sgm_loss(frame, [frame, truth, frame], truth)
        assert [float(term) for term in loss.merged] == pytest.approx([float(one), 0, float(one)])
        assert float(loss.frame) == float(one)
        assert float(loss.total) == pytest.approx(2 * float(one))

    def test_what_is_left_does_not_count(self) -> None:
        image = torch.rand(1, 3, 64, 64)
        assert float(laplacian_loss(image, image + 0.25, "binomial")) < 1e-6
        assert float(laplacian_pyramid(image + 0.25, "binomial")[-1].mean()) > 0.25

    @pytest.mark.parametrize("size", [(32, 64), (64, 80), (33, 64)])
    def test_sizes_that_do_not_halve_five_times_are_refused(self, size: tuple[int, int]) -> None:
        image = torch.rand(1, 3, *size)
        with pytest.raises(ValueError, match="multiples of 32 from 64 on"):
            laplacian_loss(image, image, "binomial")

    def test_unknown_pyramids_are_refused(self) -> None:
        with pytest.raises(ValueError, match="not 'other'"):
            smoothing_kernel("other")  # pyright: ignore[reportArgumentType] - that is the test
