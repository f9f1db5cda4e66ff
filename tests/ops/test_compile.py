"""Every operator goes through ``torch.compile`` in one piece, with its gradient, and on a GPU as on a CPU."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from vfi.ops import (
    Padding,
    average_splat,
    backward_warp,
    correlation,
    forward_splat,
    pixel_grid,
    resize_flow,
    softmax_splat,
)

Operator = Callable[[Tensor, Tensor], Tensor]

OPERATORS: dict[str, Operator] = {
    "warp": lambda values, flow: backward_warp(values, flow),
    "warp_border": lambda values, flow: backward_warp(values, flow, padding="border"),
    "splat": lambda values, flow: torch.cat(forward_splat(values, flow), dim=1),
    "splat_weighted": lambda values, flow: forward_splat(values, flow, weight=values[:, :1].exp()).sum,
    "splat_gaussian": lambda values, flow: average_splat(values, flow, kernel="gaussian", empty="zero"),
    "softmax_splat": lambda values, flow: softmax_splat(values, flow, values[:, :1]),
    "resize": lambda values, flow: resize_flow(flow, 11, 6),
    "pad": lambda values, flow: Padding.to_fit(9, 13, multiple=8).pad(values),
    "correlation": lambda values, flow: correlation(values, values.flip(3), max_displacement=2),
    "grid": lambda values, flow: pixel_grid(9, 13, device=flow.device) + flow,
}


def inputs(device: str = "cpu", dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    values, flow = torch.randn(2, 3, 9, 13), torch.randn(2, 2, 9, 13) * 2
    return values.to(device, dtype).requires_grad_(), flow.to(device, dtype).requires_grad_()


def gradients(operator: Operator, values: Tensor, flow: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    out = operator(values, flow)
    for_values, for_flow = torch.autograd.grad(
        out.square().sum(), (values, flow), allow_unused=True, materialize_grads=True
    )
    return out.detach(), for_values, for_flow


def compare(operator: Operator, backend: str, device: str) -> None:
    torch.compiler.reset()
    values, flow = inputs(device)
    compiled = torch.compile(operator, fullgraph=True, backend=backend)
    for ours, expected in zip(
        gradients(compiled, values, flow), gradients(operator, values, flow), strict=True
    ):
        assert torch.allclose(ours, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", OPERATORS)
def test_compiles_without_graph_breaks(name: str) -> None:
    compare(OPERATORS[name], "aot_eager", "cpu")


@pytest.mark.gpu
@pytest.mark.parametrize("name", OPERATORS)
def test_compiles_on_gpu(name: str) -> None:
    compare(OPERATORS[name], "inductor", "cuda")


@pytest.mark.gpu
@pytest.mark.parametrize("name", OPERATORS)
def test_gpu_equals_cpu(name: str) -> None:
    values, flow = inputs()
    on_cpu = gradients(OPERATORS[name], values, flow)
    moved = values.detach().cuda().requires_grad_(), flow.detach().cuda().requires_grad_()
    for ours, expected in zip(gradients(OPERATORS[name], *moved), on_cpu, strict=True):
        assert ours.device.type == "cuda"
        assert torch.allclose(ours.cpu(), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_gpu_keeps_half_types(dtype: torch.dtype) -> None:
    values, flow = inputs("cuda", dtype)
    for operator in OPERATORS.values():
        assert operator(values, flow).dtype in (dtype, torch.float32)
