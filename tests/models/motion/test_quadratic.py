"""Rectified quadratic flow prediction: closed forms and golden vectors."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

from tests.support.golden import assert_matches_eqvi, load_golden
from vfi.models.motion.quadratic import (
    least_squares_motion,
    linear_motion,
    pairwise_accelerations,
    rectification_alpha,
    rectification_gate,
    rectified_quadratic_motion,
)


def flows_of(velocity: Tensor, acceleration: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The flows back, ahead and far of quadratic motion."""
    return -velocity + acceleration / 2, velocity + acceleration / 2, 2 * velocity + 2 * acceleration


def random_field() -> Tensor:
    return torch.randn(2, 2, 5, 6, dtype=torch.float64) * 4


@pytest.mark.parametrize("t", [0.0, 0.25, 0.5, 0.9, 1.0])
def test_true_quadratic_motion_is_recovered(t: float) -> None:
    velocity, acceleration = random_field(), random_field()
    flow = rectified_quadratic_motion(*flows_of(velocity, acceleration)).at(t)
    assert torch.allclose(flow, velocity * t + acceleration * t * t / 2, atol=1e-12)


def test_true_quadratic_motion_agrees_in_all_estimates() -> None:
    velocity, acceleration = random_field(), random_field()
    flows = flows_of(velocity, acceleration)
    fitted = least_squares_motion(*flows)
    assert torch.allclose(fitted.velocity, velocity, atol=1e-12)
    for estimate in (fitted.acceleration, *pairwise_accelerations(*flows)):
        assert torch.allclose(estimate, acceleration, atol=1e-12)


def test_uniform_motion_is_linear() -> None:
    velocity = random_field()
    flow = rectified_quadratic_motion(-velocity, velocity, 2 * velocity).at(0.3)
    assert torch.allclose(flow, linear_motion(velocity).at(0.3), atol=1e-12)


def test_least_squares_solves_the_normal_equations() -> None:
    flows = [random_field() for _ in range(3)]
    matrix = torch.tensor([[-1, 0.5], [1, 0.5], [2, 2]], dtype=torch.float64)
    solution = torch.linalg.lstsq(matrix, torch.stack([flow.flatten() for flow in flows])).solution
    fitted = least_squares_motion(*flows)
    assert torch.allclose(fitted.velocity.flatten(), solution[0], atol=1e-12)
    assert torch.allclose(fitted.acceleration.flatten(), solution[1], atol=1e-12)


def test_ends_are_met_where_the_far_frame_is_rejected() -> None:
    """Outside the gate the motion passes through both neighbours, whatever the flow to the far frame."""
    back, ahead = torch.full((1, 2, 1, 1), -1.0), torch.full((1, 2, 1, 1), 3.0)  # accelerates by 2
    motion = rectified_quadratic_motion(back, ahead, torch.full((1, 2, 1, 1), -50.0))
    assert torch.allclose(motion.at(1.0), ahead)
    assert torch.allclose(motion.at(-1.0), back)


def test_gate_decides_x_and_y_separately() -> None:
    adjacent = torch.tensor([1.0, -1.0]).view(1, 2, 1, 1)
    gate = rectification_gate(adjacent, torch.full_like(adjacent, 2), torch.full_like(adjacent, 3))
    assert gate.flatten().tolist() == [True, False]


@pytest.mark.parametrize("difference", [0.0, 1.0, 5.0, 8.0])
def test_alpha_is_that_of_the_paper(difference: float) -> None:
    alpha = rectification_alpha(torch.tensor(difference + 3), torch.tensor(3.0))
    assert alpha.item() == pytest.approx(0.5 - math.tanh(difference - 5) / 2, rel=1e-5)


@pytest.mark.parametrize("size", [100.0, 1e4, 1e30])
def test_violent_motion_stays_finite(size: float) -> None:
    """The authors' ratio of exponentials is NaN from about 93 pixels on."""
    ones = torch.ones(1, 2, 1, 1)
    flow = rectified_quadratic_motion(size * ones, size * ones, 20 * size * ones).at(0.5)
    assert torch.allclose(flow, size / 4 * ones)


def test_time_may_differ_in_the_batch() -> None:
    flows = random_field(), random_field(), random_field()
    both = rectified_quadratic_motion(*flows).at(torch.tensor([0.25, 0.75]))
    for i, t in enumerate((0.25, 0.75)):
        assert torch.allclose(both[i], rectified_quadratic_motion(*flows).at(t)[i])
        assert torch.equal(linear_motion(flows[1]).at(torch.tensor([0.25, 0.75]))[i], flows[1][i] * t)
    with pytest.raises(ValueError, match="one entry per sample"):
        linear_motion(flows[1]).at(torch.tensor([0.1, 0.2, 0.3]))


def test_gradcheck() -> None:
    flows = [random_field()[:1, :, :2, :3].requires_grad_() for _ in range(3)]
    assert gradcheck(lambda back, ahead, far: rectified_quadratic_motion(back, ahead, far).at(0.4), flows)


def test_golden() -> None:
    golden = load_golden("eqvi/acceleration")
    flows = golden["F_ba"], golden["F_bc"], golden["F_bd"]
    fitted, accelerations = least_squares_motion(*flows), pairwise_accelerations(*flows)
    gate = rectification_gate(*accelerations)
    assert torch.equal(gate.float(), golden["gate"])
    results = {
        "lse_v0": fitted.velocity,
        "lse_acc": fitted.acceleration,
        "alpha": rectification_alpha(*accelerations[:2]),
        "F_bt_0.25": rectified_quadratic_motion(*flows).at(0.25),
        "F_bt_0.5": rectified_quadratic_motion(*flows).at(0.5),
        "F_bt_0.75": rectified_quadratic_motion(*flows).at(0.75),
        "F_bt_batch": rectified_quadratic_motion(*flows).at(golden["t_batch"].flatten()),
    }
    for name, result in results.items():
        assert_matches_eqvi(result, golden[name], has_threshold=False)
