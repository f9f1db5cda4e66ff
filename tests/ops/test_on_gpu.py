"""The operators on a CUDA device, by every implementation that is installed: compiled, CuPy, plain PyTorch.

``vfi info`` reports which one the public functions use. CuPy's kernels are called by name here, so that they
are tested even where the compiled ones take precedence.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

from vfi.ops import correlation, forward_splat
from vfi.ops.backends import compiled, cupy_kernels, torch_correlation, torch_splat

pytestmark = pytest.mark.gpu

SHAPES = [(2, 3, 5, 6), (1, 32, 8, 32), (2, 17, 13, 37), (1, 130, 30, 50), (1, 1, 1, 1), (3, 5, 33, 64)]
TOLERANCES = {torch.float64: 1e-12, torch.float32: 2e-5, torch.float16: 4e-3, torch.bfloat16: 3e-2}
Operator = Callable[..., Tensor | tuple[Tensor, ...]]

BY_COMPILED = {
    "correlation": torch.ops.vfi.correlation,
    "correlation_backward": torch.ops.vfi.correlation_backward,
    "splat": torch.ops.vfi.splat,
    "splat_backward": torch.ops.vfi.splat_backward,
}
BY_CUPY = {name: getattr(cupy_kernels, name) for name in BY_COMPILED}
BY_PYTORCH: dict[str, Operator] = {
    "correlation": torch_correlation.plain_correlation,
    "correlation_backward": torch_correlation.plain_correlation_backward,
    "splat": torch_splat.plain_splat,
    "splat_backward": torch_splat.plain_splat_backward,
}


@pytest.fixture(params=["compiled", "cupy", "pytorch"])
def operators(request: pytest.FixtureRequest) -> dict[str, Operator]:
    """The operators of one implementation; skips if it is not installed."""
    if request.param == "compiled":
        if "cuda" not in compiled.STATE.kernels:
            pytest.skip(compiled.STATE.missing)
        return BY_COMPILED
    if request.param == "cupy":
        reason = cupy_kernels.missing()
        if reason is not None:
            pytest.skip(reason)
        return BY_CUPY
    return BY_PYTORCH


def as_tuple(result: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return (result,) if isinstance(result, Tensor) else result


def assert_as_on_cpu(
    operators: dict[str, Operator], name: str, arguments: tuple[Tensor | int | str, ...], tolerance: float
) -> None:
    """Compare with plain PyTorch on the CPU."""
    expected = as_tuple(BY_PYTORCH[name](*arguments))
    moved = [argument.cuda() if isinstance(argument, Tensor) else argument for argument in arguments]
    for ours, theirs in zip(as_tuple(operators[name](*moved)), expected, strict=True):
        assert ours.device.type == "cuda"
        assert ours.dtype == theirs.dtype
        assert torch.allclose(ours.cpu(), theirs, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", TOLERANCES, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("reach", [0, 3, 4, 5, 10])
def test_correlation(
    operators: dict[str, Operator], dtype: torch.dtype, shape: tuple[int, ...], reach: int
) -> None:
    a, b = torch.randn(shape).to(dtype), torch.randn(shape).to(dtype)
    assert_as_on_cpu(operators, "correlation", (a, b, reach), TOLERANCES[dtype])
    grad = torch.randn(shape[0], (2 * reach + 1) ** 2, *shape[2:]).to(dtype)
    assert_as_on_cpu(operators, "correlation_backward", (grad, a, b, reach), 10 * TOLERANCES[dtype])


def test_any_strides(operators: dict[str, Operator]) -> None:
    a, b = torch.randn(2, 9, 12, 40)[:, ::2, 1:-1, 2:-3], torch.randn(2, 5, 35, 10).transpose(2, 3)
    assert_as_on_cpu(operators, "correlation", (a, b, 4), 2e-5)
    unaligned = torch.randn(5 * 8 * 32 + 1)[1:].view(1, 5, 8, 32)
    assert_as_on_cpu(operators, "correlation", (unaligned, unaligned, 4), 2e-5)


def test_more_samples_than_the_height_of_a_grid(operators: dict[str, Operator]) -> None:
    a, b = torch.randn(70000, 2, 2, 3), torch.randn(70000, 2, 2, 3)
    assert_as_on_cpu(operators, "correlation", (a, b, 1), 2e-5)
    assert_as_on_cpu(operators, "correlation_backward", (torch.randn(70000, 9, 2, 3), a, b, 1), 2e-5)


def test_more_numbers_than_an_int_counts(operators: dict[str, Operator]) -> None:
    if torch.cuda.mem_get_info()[0] < 24 * 2**30:
        pytest.skip("needs 24 GiB of free memory on the GPU")
    if operators is BY_PYTORCH:
        pytest.skip("plain PyTorch has its own limits")
    a, b = (torch.randn(1, 1, 5200, 5120, device="cuda").half() for _ in range(2))
    (out,) = as_tuple(operators["correlation"](a, b, 4))
    assert out.numel() > 2**31
    for number in (0, 40, 80):  # dx = dy = -4, 0, 4
        shift = number // 9 - 4
        ours = out[0, number, 8:-8, 8:-8]
        moved = b[0, 0, 8 + shift : -8 + shift, 8 + shift : -8 + shift]
        assert torch.allclose(ours, a[0, 0, 8:-8, 8:-8] * moved, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("dtype", TOLERANCES, ids=str)
@pytest.mark.parametrize("kernel", ["bilinear", "gaussian"])
@pytest.mark.parametrize("channels", [1, 3, 19])
def test_splat(operators: dict[str, Operator], dtype: torch.dtype, kernel: str, channels: int) -> None:
    values, weight = torch.randn(2, channels, 33, 45).to(dtype), torch.rand(2, 1, 33, 45).to(dtype)
    flow = torch.randn(2, 2, 33, 45, dtype=torch.float64).mul(5)
    flow.view(-1)[:4] = torch.tensor([torch.nan, torch.inf, -1e12, 3e38], dtype=torch.float64)
    flow = flow.to(torch.promote_types(dtype, torch.float32))
    assert_as_on_cpu(operators, "splat", (values, flow, weight, kernel), 2 * TOLERANCES[dtype])
    grads = torch.randn_like(values), torch.randn_like(weight)
    assert_as_on_cpu(
        operators, "splat_backward", (*grads, values, flow, weight, kernel), 40 * TOLERANCES[dtype]
    )


def test_streams(operators: dict[str, Operator]) -> None:
    """Kernels run on the current stream, after the work that was queued there before."""
    a, b = torch.randn(1, 64, 120, 216, device="cuda"), torch.randn(1, 64, 120, 216, device="cuda")
    (expected,) = as_tuple(operators["correlation"](a, b, 4))
    delayed = torch.zeros_like(b)
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        torch.cuda._sleep(50_000_000)  # cycles
        delayed.copy_(b)
        (out,) = as_tuple(operators["correlation"](a, delayed, 4))
    torch.cuda.current_stream().wait_stream(stream)
    assert torch.equal(out, expected)


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs a second CUDA device")
def test_second_device(operators: dict[str, Operator]) -> None:
    a, b = torch.randn(1, 9, 13, 37), torch.randn(1, 9, 13, 37)
    expected = BY_PYTORCH["correlation"](a, b, 4)
    with torch.cuda.device(0):
        (out,) = as_tuple(operators["correlation"](a.to("cuda:1"), b.to("cuda:1"), 4))
    assert out.device == torch.device("cuda:1")
    assert isinstance(expected, Tensor)
    assert torch.allclose(out.cpu(), expected, atol=2e-5)


def test_graph_capture(operators: dict[str, Operator]) -> None:
    """No call synchronizes with the device."""
    a, b = torch.randn(1, 16, 24, 40, device="cuda"), torch.randn(1, 16, 24, 40, device="cuda")
    (expected,) = as_tuple(operators["correlation"](a, b, 4))
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        (out,) = as_tuple(operators["correlation"](a, b, 4))
    graph.replay()
    assert torch.allclose(out, expected, atol=1e-6)


def test_gradients_of_the_public_functions() -> None:
    a = torch.randn(1, 2, 3, 4, dtype=torch.float64, device="cuda", requires_grad=True)
    b = torch.randn(1, 2, 3, 4, dtype=torch.float64, device="cuda", requires_grad=True)
    assert gradcheck(lambda x, y: correlation(x, y, max_displacement=2), (a, b))
    whole = torch.randn(1, 2, 3, 4, dtype=torch.float64, device="cuda").mul(2).round()
    flow = (whole + torch.empty_like(whole).uniform_(0.1, 0.9)).requires_grad_()
    weight = torch.rand(1, 1, 3, 4, dtype=torch.float64, device="cuda", requires_grad=True)
    assert gradcheck(
        lambda v, f, w: tuple(forward_splat(v, f, weight=w)), (a, flow, weight), nondet_tol=1e-10
    )


def test_opcheck() -> None:
    a = torch.randn(2, 3, 4, 5, device="cuda", requires_grad=True)
    b = torch.randn(2, 3, 4, 5, device="cuda", requires_grad=True)
    torch.library.opcheck(torch.ops.vfi.correlation.default, (a, b, 2))
    flow, weight = torch.randn(2, 2, 4, 5, device="cuda"), torch.rand(2, 1, 4, 5, device="cuda")
    torch.library.opcheck(torch.ops.vfi.splat.default, (a.detach(), flow, weight, "gaussian"))
