"""Composition of flows and round trips: closed forms, the reference, borders, gradients."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

from vfi.ops import compose_flow, pixel_grid, reference, round_trip_error

SIZES = [(6, 7), (1, 5), (5, 1), (1, 1)]


def constant_flow(x: float, y: float, height: int = 6, width: int = 9) -> Tensor:
    return torch.tensor([float(x), float(y)])[None, :, None, None].expand(1, 2, height, width)


@pytest.mark.parametrize("size", SIZES)
def test_chain_equals_the_definition(size: tuple[int, int]) -> None:
    flow_ab, flow_bc = torch.randn(2, 2, 2, *size).mul(2)
    expected = flow_ab + reference.backward_warp(flow_bc, flow_ab, padding="border")
    torch.testing.assert_close(compose_flow(flow_ab, flow_bc), expected, atol=1e-4, rtol=0)


def test_translations_add_up() -> None:
    chained = compose_flow(constant_flow(2, -1), constant_flow(-0.5, 3))
    torch.testing.assert_close(chained, constant_flow(1.5, 2))


def test_the_second_flow_is_sampled_where_the_first_points() -> None:
    """A second flow equal to the pixel's own position shows where it was sampled, separately in x and y."""
    flow_ab = constant_flow(2, 1)
    chained = compose_flow(flow_ab, pixel_grid(6, 9))
    inside = chained[..., :-1, :-2]
    torch.testing.assert_close(inside, (pixel_grid(6, 9) + 2 * flow_ab)[..., :-1, :-2], atol=1e-5, rtol=0)


def test_beyond_the_image_the_nearest_edge_pixel_counts() -> None:
    chained = compose_flow(constant_flow(100, 0), pixel_grid(6, 9))
    torch.testing.assert_close(chained[0, 0], torch.full((6, 9), 108.0))


def test_opposite_translations_have_no_error() -> None:
    assert float(round_trip_error(constant_flow(2, -1), constant_flow(-2, 1)).max()) < 1e-5


def test_error_is_the_distance_from_the_start() -> None:
    error = round_trip_error(constant_flow(2, 1), constant_flow(1, 3))
    assert error.shape == (1, 1, 6, 9)
    torch.testing.assert_close(error, torch.full((1, 1, 6, 9), 5.0))


def test_occluded_pixels_have_a_large_error() -> None:
    """A square moves right by 4 over a still background: pixels it covers return with the square's motion."""
    square = torch.zeros(1, 1, 16, 24)
    square[..., 4:12, 8:14] = 1
    moved = square.roll(4, dims=3)
    flow_01 = torch.cat((4 * square, 0 * square), dim=1)
    flow_10 = torch.cat((-4 * moved, 0 * moved), dim=1)
    expected = 4 * moved * (1 - square)
    torch.testing.assert_close(round_trip_error(flow_01, flow_10), expected, atol=1e-4, rtol=0)


def test_gradients() -> None:
    flows = (torch.randn(2, 1, 2, 4, 5, dtype=torch.float64).round() + 0.3).unbind()
    assert gradcheck(compose_flow, [flow.clone().requires_grad_() for flow in flows])
    assert gradcheck(round_trip_error, [flow.clone().requires_grad_() for flow in flows])


def test_different_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="must agree in batch, height and width"):
        compose_flow(constant_flow(0, 0), constant_flow(0, 0, 6, 8))
