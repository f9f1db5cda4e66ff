"""Forward splatting: closed forms, the reference, gradients, types, golden vectors."""

from __future__ import annotations

import math
from typing import NamedTuple

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

from tests.support.golden import assert_matches_sgm, load_golden
from tests.support.golden_recipe import synthetic_array
from tests.support.operators import assert_same, irregular_flow
from vfi.ops import Splat, average_splat, forward_splat, normalise_splat, reference, softmax_splat
from vfi.ops.splat import EmptyRule, Kernel

KERNELS: tuple[Kernel, ...] = ("bilinear", "gaussian")
SIZES = [(5, 6), (1, 5), (5, 1), (1, 1)]


def constant_flow(x: float, y: float, height: int, width: int) -> Tensor:
    return torch.tensor([float(x), float(y)])[None, :, None, None].expand(1, 2, height, width)


def test_whole_translation_moves_the_pixels() -> None:
    values = torch.rand(1, 3, 6, 8)
    total, weight = forward_splat(values, constant_flow(2, -1, 6, 8))
    assert torch.equal(total[..., :-1, 2:], values[..., 1:, :-2])
    assert (total[..., -1, :] == 0).all()
    assert (total[..., :2] == 0).all()
    assert torch.equal(weight, (total[:, :1] != 0).float())


def test_a_fractional_position_spreads_over_four_pixels() -> None:
    values = torch.zeros(1, 1, 4, 5)
    values[0, 0, 1, 1] = 8.0
    total = forward_splat(values, constant_flow(1.25, 0.5, 4, 5)).sum
    expected = torch.zeros_like(total)
    expected[0, 0, 1, 2] = expected[0, 0, 2, 2] = 8 * 0.75 * 0.5
    expected[0, 0, 1, 3] = expected[0, 0, 2, 3] = 8 * 0.25 * 0.5
    assert torch.allclose(total, expected)


def test_gaussian_weights_and_both_corners_at_whole_flow() -> None:
    """The far corner takes part even where the flow is a whole number: exp(-1) beside, exp(-2) across."""
    values = torch.zeros(1, 1, 5, 5)
    values[0, 0, 2, 2] = 1.0
    total = forward_splat(values, constant_flow(0, 0, 5, 5), kernel="gaussian").sum[0, 0]
    beside, across = math.exp(-1), math.exp(-2)
    assert torch.allclose(total[2:4, 2:4], torch.tensor([[1, beside], [beside, across]]))
    assert total.sum().item() == pytest.approx(1 + 2 * beside + across)


def test_mass_is_conserved_inside_and_only_dropped_at_the_edge() -> None:
    values = torch.rand(2, 3, 20, 24, dtype=torch.float64)
    flow = torch.empty(2, 2, 20, 24, dtype=torch.float64).uniform_(-4, 4)
    inner = torch.zeros_like(values)
    inner[..., 5:-5, 5:-5] = values[..., 5:-5, 5:-5]
    assert torch.allclose(forward_splat(inner, flow).sum.sum(), inner.sum())
    assert forward_splat(values, flow).sum.sum() < values.sum()


@pytest.mark.parametrize("kernel", KERNELS)
def test_average_of_a_constant_is_the_constant_wherever_anything_landed(kernel: Kernel) -> None:
    flow = torch.randn(1, 2, 12, 13) * 3
    average = average_splat(torch.full((1, 1, 12, 13), 7.0), flow, kernel=kernel, empty="zero")
    landed = forward_splat(torch.ones(1, 1, 12, 13), flow, kernel=kernel).weight > 0
    assert torch.allclose(average[landed], torch.tensor(7.0), rtol=1e-5)
    assert (average[~landed] == 0).all()


def test_softmax_lets_the_larger_metric_win() -> None:
    values = torch.tensor([[[[1.0, 2.0, 3.0]]]])
    flow = torch.tensor([[[[1.0, 0.0, 0.0]], [[0.0, 0.0, 0.0]]]])  # 1 lands on 2
    metric = torch.tensor([[[[0.0, math.log(3.0), 0.0]]]])
    assert torch.allclose(softmax_splat(values, flow, metric), torch.tensor([[[[0.0, 1.75, 3.0]]]]))


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("weighted", [False, True])
def test_values_and_gradients_equal_the_reference(
    kernel: Kernel, size: tuple[int, int], weighted: bool
) -> None:
    values = torch.randn(2, 3, *size, dtype=torch.float64, requires_grad=True)
    flow = irregular_flow(2, *size).requires_grad_()
    weight = torch.rand(2, 1, *size, dtype=torch.float64, requires_grad=True) if weighted else None
    inputs = [tensor for tensor in (values, flow, weight) if tensor is not None]
    out = forward_splat(values, flow, weight=weight, kernel=kernel)
    expected = reference.forward_splat(values, flow, weight=weight, kernel=kernel)
    assert_same(out, expected, inputs, values=1e-12)


@pytest.mark.parametrize("kernel", KERNELS)
def test_gradcheck(kernel: Kernel) -> None:
    values = torch.randn(1, 2, 3, 4, dtype=torch.float64, requires_grad=True)
    flow = irregular_flow(1, 3, 4).requires_grad_()
    weight = torch.rand(1, 1, 3, 4, dtype=torch.float64, requires_grad=True)
    assert gradcheck(
        lambda v, f, w: tuple(forward_splat(v, f, weight=w, kernel=kernel)), (values, flow, weight)
    )


@pytest.mark.parametrize("empty", ["add", "zero", "clip"])
def test_gradcheck_of_softmax(empty: EmptyRule) -> None:
    values = torch.randn(1, 2, 3, 4, dtype=torch.float64, requires_grad=True)
    flow = irregular_flow(1, 3, 4).requires_grad_()
    metric = torch.randn(1, 1, 3, 4, dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda v, f, m: softmax_splat(v, f, m, empty=empty), (values, flow, metric))


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("needed", ["values", "flow", "weight"])
def test_each_gradient_can_be_asked_for_alone(kernel: Kernel, needed: str) -> None:
    inputs = {
        "values": torch.rand(1, 2, 4, 5),
        "flow": torch.rand(1, 2, 4, 5),
        "weight": torch.rand(1, 1, 4, 5),
    }
    inputs[needed].requires_grad_()
    total, _ = forward_splat(inputs["values"], inputs["flow"], weight=inputs["weight"], kernel=kernel)
    (gradient,) = torch.autograd.grad(total.sum(), inputs[needed])
    assert gradient.abs().sum() > 0


def test_second_gradient_is_refused_and_not_wrong() -> None:
    values, flow = torch.rand(1, 2, 4, 5), torch.rand(1, 2, 4, 5, requires_grad=True)
    total = forward_splat(values, flow).sum
    (gradient,) = torch.autograd.grad(total.square().sum(), flow, create_graph=True)
    with pytest.raises(RuntimeError, match="differentiable once"):
        torch.autograd.grad(gradient.sum(), flow)


@pytest.mark.slow
def test_opcheck() -> None:
    values = torch.randn(2, 3, 4, 5, requires_grad=True)
    flow = torch.randn(2, 2, 4, 5, requires_grad=True)
    weight = torch.rand(2, 1, 4, 5, requires_grad=True)
    for kernel in KERNELS:
        torch.library.opcheck(torch.ops.vfi.splat.default, (values, flow, weight, kernel))
    torch.library.opcheck(
        torch.ops.vfi.splat.default,
        (values.detach().half()[:1], flow.detach()[:1], weight.detach()[:1], "bilinear"),
    )
    grads = (torch.randn(2, 3, 4, 5), torch.randn(2, 1, 4, 5))
    arguments = (*grads, values.detach(), flow.detach(), weight.detach(), "gaussian")
    torch.library.opcheck(torch.ops.vfi.splat_backward.default, arguments)


@pytest.mark.parametrize("kernel", KERNELS)
def test_flow_that_lands_nowhere_contributes_nothing(kernel: Kernel) -> None:
    values, flow = torch.rand(1, 2, 5, 6), torch.full((1, 2, 5, 6), 1e9)
    special = [torch.nan, torch.inf, -torch.inf, 1e12, -3e9, 3e38, -1e7, 2.0**31, -(2.0**31), 2.0**63]
    for i, number in enumerate(special):
        flow[0, i % 2].view(-1)[i] = number
        flow[0, 1 - i % 2].view(-1)[i] = 0.0
    values.requires_grad_()
    flow.requires_grad_()
    total, weight = forward_splat(values, flow, kernel=kernel)
    assert (total == 0).all()
    assert (weight == 0).all()
    for gradient in torch.autograd.grad(total.sum() + weight.sum(), (values, flow)):
        assert (gradient == 0).all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("kernel", KERNELS)
def test_halves_are_summed_in_float32(dtype: torch.dtype, kernel: Kernel) -> None:
    values, flow = torch.rand(1, 3, 15, 17).to(dtype), torch.randn(1, 2, 15, 17).mul(3).to(dtype)
    weight = torch.rand(1, 1, 15, 17).to(dtype)
    ours = forward_splat(values, flow, weight=weight, kernel=kernel)
    exact = forward_splat(values.float(), flow.float(), weight=weight.float(), kernel=kernel)
    for half, single in zip(ours, exact, strict=True):
        assert half.dtype == dtype
        assert torch.equal(half, single.to(dtype))
    soft = softmax_splat(values, flow, weight)
    assert torch.equal(soft, softmax_splat(values.float(), flow.float(), weight.float()).to(dtype))


def test_many_halves_add_up() -> None:
    """4096 ones on one pixel: a float16 sum of ones would stop at 2048."""
    values, flow = torch.ones(1, 1, 1, 4096).half(), -torch.arange(4096.0).expand(1, 2, 1, 4096).clone()
    flow[:, 1] = 0
    assert forward_splat(values, flow).sum[0, 0, 0, 0] == 4096


def test_strips_do_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    values, flow = (
        torch.rand(2, 3, 9, 7, dtype=torch.float64),
        torch.randn(2, 2, 9, 7, dtype=torch.float64) * 3,
    )
    whole = forward_splat(values, flow)
    for rows in (1, 2, 4):
        monkeypatch.setattr("vfi.ops.backends.torch_splat.STRIP_VALUES", rows * 2 * 4 * 7)
        for ours, expected in zip(forward_splat(values, flow), whole, strict=True):
            assert torch.allclose(ours, expected, atol=1e-14)


def test_result_repeats_to_the_bit() -> None:
    values, flow = torch.rand(1, 3, 90, 110), torch.randn(1, 2, 90, 110) * 5
    first, second = forward_splat(values, flow), forward_splat(values, flow)
    assert torch.equal(first.sum, second.sum)
    assert torch.equal(first.weight, second.weight)


def test_strides_do_not_matter() -> None:
    values, flow = torch.rand(2, 3, 9, 8), torch.randn(2, 2, 9, 8)
    transposed = values.transpose(2, 3).contiguous().transpose(2, 3)
    ours = forward_splat(transposed, flow.contiguous(memory_format=torch.channels_last))
    expected = forward_splat(values, flow)
    assert torch.equal(ours.sum, expected.sum)
    assert ours.sum.is_contiguous()


def test_batch_of_two_equals_two_of_one() -> None:
    values, flow = torch.rand(2, 3, 9, 8), torch.randn(2, 2, 9, 8) * 2
    both = forward_splat(values, flow)
    for i in range(2):
        one = forward_splat(values[i : i + 1], flow[i : i + 1])
        assert torch.allclose(both.sum[i : i + 1], one.sum, atol=1e-6)
        assert torch.allclose(both.weight[i : i + 1], one.weight, atol=1e-6)


def test_misfits_are_refused() -> None:
    values, flow = torch.zeros(1, 3, 4, 5), torch.zeros(1, 2, 4, 5)
    with pytest.raises(ValueError, match="agree in batch, height and width"):
        forward_splat(values, flow[..., 1:])
    with pytest.raises(ValueError, match="1 channel"):
        forward_splat(values, flow, weight=values)
    with pytest.raises(ValueError, match="weight and flow_ab must agree"):
        forward_splat(values, flow, weight=values[:, :1, 1:])
    with pytest.raises(ValueError, match="box"):
        forward_splat(values, flow, kernel="box")  # type: ignore[arg-type]  # on purpose
    with pytest.raises(ValueError, match="none"):
        normalise_splat(Splat(values, values[:, :1]), empty="none")  # type: ignore[arg-type]  # on purpose


@pytest.mark.parametrize(("empty", "expected"), [("add", 4.0), ("zero", 8.0), ("clip", 8.0)])
def test_the_least_denominator_is_in_units_of_the_weight(empty: EmptyRule, expected: float) -> None:
    splat = Splat(torch.full((1, 1, 1, 1), 2.0), torch.full((1, 1, 1, 1), 0.25))
    assert normalise_splat(splat, empty=empty, epsilon=0.25).item() == expected
    assert normalise_splat(splat, empty="clip", epsilon=0.5).item() == 4.0
    assert normalise_splat(splat, empty="add").item() == pytest.approx(2 / (0.25 + 1e-7), rel=1e-6)


class GoldenCase(NamedTuple):
    """Inputs and results of the softmax splatting that SGM-VFI uses."""

    x: Tensor
    flow: Tensor
    special: Tensor
    metric: Tensor
    direction: Tensor
    results: dict[str, Tensor]


@pytest.fixture(scope="module")
def golden() -> GoldenCase:
    results = load_golden("sgm_vfi/softsplat")
    return GoldenCase(
        x=torch.from_numpy(synthetic_array("softsplat/x", (2, 3, 20, 26), -1, 1)),
        flow=torch.from_numpy(synthetic_array("softsplat/flow", (2, 2, 20, 26), -9, 9)),
        special=results["flow_special"],
        metric=torch.from_numpy(synthetic_array("softsplat/metric", (2, 1, 20, 26), -2, 2)),
        direction=torch.from_numpy(synthetic_array("softsplat/cot", (2, 3, 20, 26), -1, 1)),
        results=results,
    )


def test_golden_sum(golden: GoldenCase) -> None:
    assert_matches_sgm(forward_splat(golden.x, golden.special).sum, golden.results["out_sum"], 2e-6)


def test_golden_average(golden: GoldenCase) -> None:
    assert_matches_sgm(average_splat(golden.x, golden.special), golden.results["out_avg"], 7e-6)


@pytest.mark.parametrize(("name", "empty"), [("out_linear", "add"), ("out_linear_zeroeps", "zero")])
def test_golden_linear(golden: GoldenCase, name: str, empty: EmptyRule) -> None:
    out = average_splat(golden.x, golden.special, weight=golden.metric.abs(), empty=empty)
    assert_matches_sgm(out, golden.results[name], 7e-6)


@pytest.mark.parametrize(
    ("name", "empty"),
    [
        ("out_soft", "add"),
        ("out_soft_addeps", "add"),
        ("out_soft_zeroeps", "zero"),
        ("out_soft_clipeps", "clip"),
    ],
)
def test_golden_soft(golden: GoldenCase, name: str, empty: EmptyRule) -> None:
    out = softmax_splat(golden.x, golden.special, golden.metric, empty=empty)
    assert_matches_sgm(out, golden.results[name], 7e-6)


def test_golden_soft_with_whole_metric(golden: GoldenCase) -> None:
    metric = torch.where(golden.metric > 0, 1, -20)
    assert not metric.is_floating_point()
    out = softmax_splat(golden.x, golden.special, metric)
    assert_matches_sgm(out, golden.results["out_soft_intz"], 7e-6)


def test_golden_gradients_of_sum(golden: GoldenCase) -> None:
    x, flow = golden.x.clone().requires_grad_(), golden.flow.clone().requires_grad_()
    out = forward_splat(x, flow).sum
    grad_x, grad_flow = torch.autograd.grad(out, (x, flow), golden.direction)
    assert_matches_sgm(out, golden.results["g_sum_out"], 2e-6)
    assert_matches_sgm(grad_x, golden.results["g_sum_dx"], 2e-6)
    assert_matches_sgm(grad_flow, golden.results["g_sum_dflow"], 3e-6)


def test_golden_gradients_of_soft(golden: GoldenCase) -> None:
    inputs = tuple(tensor.clone().requires_grad_() for tensor in (golden.x, golden.flow, golden.metric))
    out = softmax_splat(*inputs)
    grad_x, grad_flow, grad_metric = torch.autograd.grad(out, inputs, golden.direction)
    assert_matches_sgm(out, golden.results["g_soft_out"], 7e-6)
    assert_matches_sgm(grad_x, golden.results["g_soft_dx"], 4e-6)
    assert_matches_sgm(grad_flow, golden.results["g_soft_dflow"], 1e-4)
    assert_matches_sgm(grad_metric, golden.results["g_soft_dmetric"], 6e-6)
