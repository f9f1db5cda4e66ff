"""The colour wheel: published hues, white for no motion, black for unknown flow."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from vfi.visual.flow_color import flow_to_color


def color_of(x: float, y: float, largest: float = 1.0) -> Tensor:
    return flow_to_color(torch.tensor([x, y]).view(1, 2, 1, 1), largest=largest).flatten()


def color_at(position: float) -> Tensor:
    """The saturated colour at a position of the wheel, 0 to 54."""
    angle = 2 * math.pi * position / 54
    return color_of(math.cos(angle), math.sin(angle), largest=1 + 1e-6)


@pytest.mark.parametrize(
    ("position", "rgb"),
    [
        (0, (1, 0, 0)),  # red
        (15, (1, 1, 0)),  # yellow
        (21, (0, 1, 0)),  # green
        (25, (0, 1, 1)),  # cyan
        (36, (0, 0, 1)),  # blue
        (49, (1, 0, 1)),  # magenta
        (5, (1, 1 / 3, 0)),
        (18, (1 / 2, 1, 0)),
        (23, (0, 1, 1 / 2)),
        (42.5, (1 / 2, 0, 1)),
        (52, (1, 0, 1 / 2)),
    ],
)
def test_the_hues_of_the_wheel(position: float, rgb: tuple[float, float, float]) -> None:
    torch.testing.assert_close(color_at(position), torch.tensor(rgb, dtype=torch.float32), atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("direction", "rgb"),
    [
        ((1, 0), (1, 0, 0)),  # right
        ((0, 1), (1, 0.9, 0)),  # down: 13.5 of 15 steps to yellow
        ((-1, 0), (0, 9 / 11, 1)),  # left: 2 of 11 steps from cyan to blue
        ((0, -1), (4.5 / 13, 0, 1)),  # up
    ],
)
def test_the_four_directions(direction: tuple[int, int], rgb: tuple[float, float, float]) -> None:
    torch.testing.assert_close(color_of(*direction), torch.tensor(rgb, dtype=torch.float32))


def test_the_sign_of_zero_does_not_matter() -> None:
    assert torch.equal(color_of(1.0, -0.0), color_of(1.0, 0.0))
    assert torch.equal(color_of(-1.0, -0.0), color_of(-1.0, 0.0))


def test_no_motion_is_white() -> None:
    assert bool((flow_to_color(torch.zeros(2, 2, 3, 4)) == 1).all())
    assert bool((flow_to_color(torch.zeros(1, 2, 3, 4), largest=5.0) == 1).all())


def test_opposite_directions_differ_much() -> None:
    for step in range(36):
        x, y = math.cos(step * math.pi / 36), math.sin(step * math.pi / 36)
        assert float((color_of(x, y) - color_of(-x, -y)).abs().max()) > 0.8


def test_saturation_grows_with_the_length() -> None:
    colors = torch.stack([color_of(0.6 * length, -0.8 * length) for length in (0, 0.25, 0.5, 1.0)])
    saturation = colors.amax(dim=1) - colors.amin(dim=1)
    torch.testing.assert_close(saturation, torch.tensor([0, 0.25, 0.5, 1.0]) * saturation[-1])
    assert bool((colors.amax(dim=1) > 0.99).all())


def test_vectors_longer_than_the_largest_are_darker() -> None:
    torch.testing.assert_close(color_of(3.0, 0.0), torch.tensor([0.75, 0.0, 0.0]))


def test_the_largest_is_that_of_each_sample() -> None:
    flow = torch.randn(2, 2, 5, 6)
    flow[1] *= 100
    color = flow_to_color(flow)
    assert torch.equal(color[1:], flow_to_color(flow[1:]))
    longest = float(flow[0].norm(dim=0).max())
    torch.testing.assert_close(color[:1], flow_to_color(flow[:1], largest=longest * (1 + 1e-6)))
    assert float(color.min()) >= 0
    assert float(color.max()) <= 1


@pytest.mark.parametrize("value", [math.nan, math.inf, 1.7e9])
def test_unknown_vectors_are_black_and_are_not_the_largest(value: float) -> None:
    flow = torch.zeros(1, 2, 1, 3)
    flow[0, 0, 0] = torch.tensor([2.0, 1.0, value])
    color = flow_to_color(flow)
    torch.testing.assert_close(color[0, :, 0].T, torch.tensor([[1, 0, 0], [1, 0.5, 0.5], [0, 0, 0]]))


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match="wanted a flow"):
        flow_to_color(torch.zeros(2, 4, 4))
    with pytest.raises(ValueError, match="must be positive, not 0"):
        flow_to_color(torch.zeros(1, 2, 4, 4), largest=0)
