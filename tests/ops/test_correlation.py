"""Local correlation: closed forms, the reference, gradients, types, golden vectors."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck

from tests.support.golden import assert_matches_eqvi, load_golden
from tests.support.operators import assert_same
from vfi.ops import correlation, reference


@pytest.mark.parametrize(("dx", "dy"), [(0, 0), (1, 0), (0, 1), (-2, 1), (2, -2)])
def test_one_displacement_has_one_channel(dx: int, dy: int) -> None:
    """A single bright pixel moved by (dx, dy) appears in the channel of that displacement only."""
    a, b = torch.zeros(1, 4, 9, 9), torch.zeros(1, 4, 9, 9)
    a[0, 1, 4, 4] = 2.0
    b[0, 1, 4 + dy, 4 + dx] = 6.0
    out = correlation(a, b, max_displacement=2)
    assert out.shape == (1, 25, 9, 9)
    assert out[0, (dy + 2) * 5 + dx + 2, 4, 4] == 2.0 * 6.0 / 4
    assert out.count_nonzero() == 1


def assert_equals(oracle: Callable[..., Tensor], shape: tuple[int, ...], reach: int) -> None:
    """Compare values and gradients on random features with those of a reference implementation."""
    a, b = (torch.randn(shape, dtype=torch.float64, requires_grad=True) for _ in range(2))
    out = correlation(a, b, max_displacement=reach)
    expected = oracle(a, b, max_displacement=reach)
    assert_same(out, expected, (a, b), values=1e-14, gradients=1e-13)


@pytest.mark.parametrize("size", [(5, 6), (1, 4), (3, 1), (1, 1)])
@pytest.mark.parametrize("reach", [0, 1, 3])
def test_values_and_gradients_equal_the_reference(size: tuple[int, int], reach: int) -> None:
    assert_equals(reference.correlation, (2, 3, *size), reach)


@pytest.mark.parametrize("size", [(8, 8), (7, 9), (17, 16), (19, 37)])
@pytest.mark.parametrize("reach", [2, 4, 5, 9])
def test_sizes_around_those_of_blocks_and_tiles(size: tuple[int, int], reach: int) -> None:
    assert_equals(reference.correlation_by_shifts, (2, 5, *size), reach)


def test_reference_by_shifts_is_the_reference() -> None:
    a, b = torch.randn(1, 3, 4, 5), torch.randn(1, 3, 4, 5)
    expected = reference.correlation(a, b, max_displacement=2)
    assert torch.allclose(reference.correlation_by_shifts(a, b, max_displacement=2), expected, atol=1e-6)


def test_gradcheck() -> None:
    a = torch.randn(1, 2, 3, 4, dtype=torch.float64, requires_grad=True)
    b = torch.randn(1, 2, 3, 4, dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda x, y: correlation(x, y, max_displacement=1), (a, b))
    assert gradgradcheck(lambda x, y: correlation(x, y, max_displacement=1), (a, b))


@pytest.mark.parametrize("wanted", [0, 1])
def test_each_gradient_can_be_computed_alone(wanted: int) -> None:
    features = [torch.randn(1, 2, 5, 6), torch.randn(1, 2, 5, 6)]
    features[wanted].requires_grad_()
    (gradient,) = torch.autograd.grad(correlation(*features).square().sum(), features[wanted])
    assert gradient.abs().sum() > 0


def test_opcheck() -> None:
    a, b = torch.randn(2, 3, 4, 5, requires_grad=True), torch.randn(2, 3, 4, 5, requires_grad=True)
    torch.library.opcheck(torch.ops.vfi.correlation.default, (a, b, 2))
    halves = torch.randn(1, 3, 4, 5).half(), torch.randn(1, 3, 4, 5).half()
    torch.library.opcheck(torch.ops.vfi.correlation.default, (*halves, 1))
    grad = torch.randn(2, 25, 4, 5, requires_grad=True)
    torch.library.opcheck(torch.ops.vfi.correlation_backward.default, (grad, a, b, 2))


def test_vmap_equals_a_loop() -> None:
    a, b = torch.randn(3, 2, 4, 5, 6, requires_grad=True), torch.randn(2, 4, 5, 6)
    mapped = torch.func.vmap(lambda x: correlation(x, b, max_displacement=1))(a)
    looped = torch.stack([correlation(x, b, max_displacement=1) for x in a])
    assert torch.allclose(mapped, looped, atol=1e-6)
    direction = torch.randn_like(looped)
    (ours,), (theirs,) = (torch.autograd.grad(out, a, direction) for out in (mapped, looped))
    assert torch.allclose(ours, theirs, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_halves_are_summed_in_float32(dtype: torch.dtype) -> None:
    a, b = torch.randn(1, 200, 5, 6).to(dtype), torch.randn(1, 200, 5, 6).to(dtype)
    out = correlation(a, b)
    assert out.dtype == dtype
    assert torch.equal(out, correlation(a.float(), b.float()).to(dtype))
    a.requires_grad_()
    (gradient,) = torch.autograd.grad(correlation(a, b).sum(), a)
    single = a.detach().float().requires_grad_()
    (expected,) = torch.autograd.grad(correlation(single, b.float()).sum(), single)
    assert torch.equal(gradient, expected.to(dtype))


def test_types_may_differ() -> None:
    a, b = torch.randn(1, 8, 5, 6).bfloat16(), torch.randn(1, 8, 5, 6)
    out = correlation(a, b)
    assert out.dtype == torch.bfloat16
    assert torch.equal(out, correlation(a.float(), b).bfloat16())


def test_strides_and_batch_do_not_matter() -> None:
    a, b = torch.randn(2, 8, 5, 7), torch.randn(2, 8, 5, 7)
    out = correlation(a, b, max_displacement=2)
    assert out.is_contiguous()
    last = torch.channels_last
    channels_last = correlation(
        a.contiguous(memory_format=last), b.contiguous(memory_format=last), max_displacement=2
    )
    assert torch.allclose(channels_last, out, atol=1e-6)
    inner = torch.randn(2, 9, 7, 9)
    inner[:, :8, 1:-1, 1:-1] = b
    assert torch.allclose(correlation(a, inner[:, :8, 1:-1, 1:-1], max_displacement=2), out, atol=1e-6)
    assert torch.allclose(correlation(a[1:], b[1:], max_displacement=2), out[1:], atol=1e-6)


def test_misfits_are_refused() -> None:
    ours = torch.zeros(1, 3, 4, 5)
    with pytest.raises(ValueError, match=r"\(1, 3, 4, 5\) and \(1, 3, 4, 6\)"):
        correlation(ours, torch.zeros(1, 3, 4, 6))
    with pytest.raises(ValueError, match="max_displacement"):
        correlation(ours, ours, max_displacement=-1)
    with pytest.raises(ValueError, match="floating point"):
        correlation(ours, ours.to(torch.int64))
    with pytest.raises(ValueError, match="one device"):
        correlation(ours, ours.to("meta"))


@pytest.mark.parametrize("shape", [(0, 3, 4, 5), (1, 0, 4, 5), (1, 3, 0, 5), (1, 3, 4, 0)])
def test_empty_features_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="without an empty side"):
        correlation(torch.zeros(shape), torch.zeros(shape))


@pytest.mark.parametrize("case", range(4))
def test_golden(case: int) -> None:
    golden = load_golden("eqvi/correlation")
    out = correlation(golden[f"x1_{case}"], golden[f"x2_{case}"], max_displacement=4)
    assert_matches_eqvi(out, golden[f"out_{case}"], has_threshold=False)
