"""Flow reversal: closed forms and golden vectors."""

from __future__ import annotations

import pytest
import torch

from tests.support.golden import assert_matches_eqvi, load_golden
from vfi.models.motion.reversal import reverse_flow


@pytest.mark.parametrize(("x", "y"), [(2.0, -1.0), (0.5, 0.25), (0.0, 0.0)])
def test_constant_flow_is_negated_where_it_lands(x: float, y: float) -> None:
    flow = torch.tensor([x, y])[None, :, None, None].expand(1, 2, 10, 12)
    flow_t0, weight = reverse_flow(flow)
    landed = (weight > 0).expand_as(flow)
    assert landed[..., 1:9, 2:11].all()
    assert torch.allclose(flow_t0[landed], -flow[landed], atol=1e-6)
    assert (flow_t0[~landed] == 0).all()


def test_path_back_leads_home() -> None:
    """For a smooth flow, the reversed flow leads back to the pixel from the point that it was splatted to."""
    rows, columns = torch.meshgrid(torch.arange(40.0), torch.arange(50.0), indexing="ij")
    flow = torch.stack((3 + torch.sin(rows / 9), 2 * torch.cos(columns / 11) - 1))[None]
    flow_t0 = reverse_flow(flow).flow_t0[0]
    for row, column in [(12, 12), (20, 25), (28, 33)]:
        x, y = column + flow[0, 0, row, column], row + flow[0, 1, row, column]
        back = flow_t0[:, round(y.item()), round(x.item())]
        assert torch.allclose(back, -flow[0, :, row, column], atol=0.2)


def test_two_that_meet_are_averaged() -> None:
    flow = torch.full((1, 2, 1, 6), 1e9)
    flow[0, :, 0, 1] = torch.tensor([2.0, 0.0])
    flow[0, :, 0, 3] = torch.tensor([0.0, 0.0])
    assert torch.allclose(reverse_flow(flow).flow_t0[0, :, 0, 3], torch.tensor([-1.0, 0.0]))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_halves_are_computed_in_float32(dtype: torch.dtype) -> None:
    flow = torch.randn(1, 2, 9, 11).mul(2).to(dtype)
    half, single = reverse_flow(flow), reverse_flow(flow.float())
    assert torch.equal(half.flow_t0, single.flow_t0.to(dtype))
    assert torch.equal(half.weight, single.weight.to(dtype))


def test_gradient_exists_and_is_finite() -> None:
    flow = torch.randn(1, 2, 6, 7, requires_grad=True)
    (gradient,) = torch.autograd.grad(reverse_flow(flow).flow_t0.square().sum(), flow)
    assert gradient.isfinite().all()
    assert gradient.abs().sum() > 0


def test_golden() -> None:
    golden = load_golden("eqvi/reversal")
    flow_t0, weight = reverse_flow(golden["F_1t"])
    assert_matches_eqvi(flow_t0, golden["F_t1"], has_threshold=True)
    assert_matches_eqvi(weight.expand(-1, 2, -1, -1), golden["norm"], has_threshold=True)
    assert torch.equal(weight[0, 0] == 0, golden["norm"][0, 0] == 0)


def test_golden_sum() -> None:
    golden = load_golden("eqvi/reversal")
    flow_t0, weight = reverse_flow(golden["F_1t"])
    assert_matches_eqvi(-flow_t0 * weight, golden["splat_sum"], has_threshold=True)
