"""The CPU kernels of ``vfi_correlation`` against plain PyTorch; skipped if they are not loaded."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

from vfi.ops.backends import compiled
from vfi.ops.backends.torch_correlation import plain_correlation, plain_correlation_backward

pytestmark = pytest.mark.skipif(
    "cpu" not in compiled.STATE.kernels, reason=compiled.STATE.missing or "no kernels for the CPU"
)

correlation, correlation_backward = torch.ops.vfi.correlation, torch.ops.vfi.correlation_backward

# Around the limits of vectors of 4, 8 and 16 pixels, tiles of 8 x 32, and 64 channels at a time.
SHAPES = [
    (1, 1, 1, 1),
    (2, 3, 5, 6),
    (1, 5, 8, 32),
    (2, 7, 9, 33),
    (1, 64, 7, 15),
    (1, 67, 17, 47),
    (3, 130, 2, 3),
]
TOLERANCES = {torch.float64: 1e-13, torch.float32: 5e-6, torch.float16: 2e-3, torch.bfloat16: 2e-2}


def assert_equals_plain(a: Tensor, b: Tensor, reach: int) -> None:
    tolerance = TOLERANCES[a.dtype]
    out, expected = correlation(a, b, reach), plain_correlation(a, b, reach)
    assert out.dtype == a.dtype
    assert out.is_contiguous()
    assert torch.allclose(out, expected, rtol=tolerance, atol=tolerance)
    grad = torch.randn_like(expected)
    for ours, theirs in zip(
        correlation_backward(grad, a, b, reach), plain_correlation_backward(grad, a, b, reach), strict=True
    ):
        assert ours.dtype == a.dtype
        assert torch.allclose(ours, theirs, rtol=tolerance, atol=10 * tolerance)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("reach", [0, 1, 4, 5, 10])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_values_and_gradients(shape: tuple[int, ...], reach: int, dtype: torch.dtype) -> None:
    assert_equals_plain(torch.randn(shape, dtype=dtype), torch.randn(shape, dtype=dtype), reach)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_halves_are_summed_in_float32(dtype: torch.dtype) -> None:
    a, b = torch.randn(1, 200, 9, 21).to(dtype), torch.randn(1, 200, 9, 21).to(dtype)
    assert_equals_plain(a, b, 4)
    assert torch.equal(correlation(a, b, 4), correlation(a.float(), b.float(), 4).to(dtype))


def test_any_strides() -> None:
    a, b = torch.randn(2, 9, 12, 40)[:, ::2, 1:-1, 2:-3], torch.randn(2, 5, 35, 10).transpose(2, 3)
    assert a.shape == b.shape
    assert_equals_plain(a, b, 4)
    last = torch.channels_last
    assert_equals_plain(a.contiguous(memory_format=last), b.contiguous(memory_format=last), 4)
    expanded = torch.randn(1, 81, 1, 1).expand(2, 81, 10, 35)
    for ours, theirs in zip(
        correlation_backward(expanded, a, b, 4), plain_correlation_backward(expanded, a, b, 4), strict=True
    ):
        assert torch.allclose(ours, theirs, atol=1e-4)


def test_gradcheck() -> None:
    a = torch.randn(1, 2, 3, 4, dtype=torch.float64, requires_grad=True)
    b = torch.randn(1, 2, 3, 4, dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda x, y: correlation(x, y, 2), (a, b))


def test_threads_do_not_change_the_result() -> None:
    a, b = torch.randn(2, 20, 40, 70), torch.randn(2, 20, 40, 70)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = correlation(a, b, 4)
        torch.set_num_threads(3)
        together = correlation(a, b, 4)
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(alone, together)


def test_misfits_are_refused() -> None:
    ours = torch.zeros(1, 3, 4, 5)
    with pytest.raises(RuntimeError, match=r"one shape .* \[1, 3, 4, 5\] and \[1, 3, 4, 6\]"):
        correlation(ours, torch.zeros(1, 3, 4, 6), 1)
    with pytest.raises(RuntimeError, match="without an empty side"):
        correlation(ours[:0], ours[:0], 1)
    with pytest.raises(RuntimeError, match="one type"):
        correlation(ours, ours.double(), 1)
    with pytest.raises(RuntimeError, match="floating point"):
        correlation(ours.long(), ours.long(), 1)
    with pytest.raises(RuntimeError, match=r"must be \[B, C, H, W\]"):
        correlation(ours[0], ours[0], 1)
    with pytest.raises(RuntimeError, match="0 or more, not -1"):
        correlation(ours, ours, -1)
    with pytest.raises(RuntimeError, match="displacement of 2"):
        correlation_backward(torch.zeros(1, 9, 4, 5), ours, ours, 2)


@pytest.mark.slow
@pytest.mark.parametrize("instructions", ["baseline", "AVX2"])
def test_lesser_processors_give_the_same(instructions: str) -> None:
    """The rest of this file with the kernels for processors of fewer instructions."""
    environment = {**os.environ, "VFI_CORRELATION_INSTRUCTIONS": instructions}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not slow", __file__],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert " passed" in done.stdout
    query = [
        sys.executable,
        "-c",
        "from vfi.ops.backends import compiled; print(compiled.STATE.kernels['cpu'])",
    ]
    state = subprocess.run(query, env=environment, capture_output=True, text=True, check=True).stdout
    assert f"{instructions} instructions" in state or "baseline instructions" in state
