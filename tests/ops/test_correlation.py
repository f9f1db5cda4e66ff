"""Local correlation: closed forms, the reference, gradients, types, golden vectors."""

from __future__ import annotations

import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck

from tests.golden_support import assert_matches_eqvi, load_golden
from vfi.ops import correlation, reference


@pytest.mark.parametrize(("dx", "dy"), [(0, 0), (1, 0), (0, 1), (-2, 1), (2, -2)])
def test_one_displacement_has_one_channel(dx: int, dy: int) -> None:
    """A single bright pixel moved by (dx, dy) answers in the channel of that displacement only."""
    a, b = torch.zeros(1, 4, 9, 9), torch.zeros(1, 4, 9, 9)
    a[0, 1, 4, 4] = 2.0
    b[0, 1, 4 + dy, 4 + dx] = 6.0
    out = correlation(a, b, radius=2)
    assert out.shape == (1, 25, 9, 9)
    assert out[0, (dy + 2) * 5 + dx + 2, 4, 4] == 2.0 * 6.0 / 4
    assert out.count_nonzero() == 1


@pytest.mark.parametrize("size", [(5, 6), (1, 4), (3, 1), (1, 1)])
@pytest.mark.parametrize("radius", [0, 1, 3])
def test_values_and_gradients_equal_the_reference(size: tuple[int, int], radius: int) -> None:
    a = torch.randn(2, 3, *size, dtype=torch.float64, requires_grad=True)
    b = torch.randn(2, 3, *size, dtype=torch.float64, requires_grad=True)
    out, expected = correlation(a, b, radius=radius), reference.correlation(a, b, radius=radius)
    assert torch.allclose(out, expected, atol=1e-14)
    direction = torch.randn_like(out)
    if not expected.requires_grad:
        return
    for ours, theirs in zip(
        torch.autograd.grad(out, (a, b), direction),
        torch.autograd.grad(expected, (a, b), direction),
        strict=True,
    ):
        assert torch.allclose(ours, theirs, atol=1e-13)


def test_gradcheck() -> None:
    a = torch.randn(1, 2, 3, 4, dtype=torch.float64, requires_grad=True)
    b = torch.randn(1, 2, 3, 4, dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda x, y: correlation(x, y, radius=1), (a, b))
    assert gradgradcheck(lambda x, y: correlation(x, y, radius=1), (a, b))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_halves_are_summed_in_float32(dtype: torch.dtype) -> None:
    a, b = torch.randn(1, 200, 5, 6).to(dtype), torch.randn(1, 200, 5, 6).to(dtype)
    out = correlation(a, b)
    assert out.dtype == dtype
    assert torch.equal(out, correlation(a.float(), b.float()).to(dtype))


def test_strides_and_batch_do_not_matter() -> None:
    a, b = torch.randn(2, 8, 5, 7), torch.randn(2, 8, 5, 7)
    out = correlation(a, b, radius=2)
    last = torch.channels_last
    turned = correlation(a.contiguous(memory_format=last), b.contiguous(memory_format=last), radius=2)
    assert torch.allclose(turned, out, atol=1e-6)
    assert torch.allclose(correlation(a[1:], b[1:], radius=2), out[1:], atol=1e-6)


def test_misfits_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(1, 3, 4, 5\) and \(1, 3, 4, 6\)"):
        correlation(torch.zeros(1, 3, 4, 5), torch.zeros(1, 3, 4, 6))
    with pytest.raises(ValueError, match="radius"):
        correlation(torch.zeros(1, 3, 4, 5), torch.zeros(1, 3, 4, 5), radius=-1)


@pytest.mark.parametrize("case", range(4))
def test_golden(case: int) -> None:
    golden = load_golden("eqvi/correlation")
    out = correlation(golden[f"x1_{case}"], golden[f"x2_{case}"], radius=4)
    assert_matches_eqvi(out, golden[f"out_{case}"], has_threshold=False)
