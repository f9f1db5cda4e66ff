"""Resizing flows."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch.autograd import gradcheck

from tests.support.golden import assert_matches_eqvi, load_golden
from tests.support.operators import assert_same
from vfi.ops import reference, resize_flow


@pytest.mark.parametrize("align_corners", [False, True])
def test_constant_flow_scales_with_the_image(align_corners: bool) -> None:
    flow = torch.tensor([3.0, -5.0])[None, :, None, None].expand(1, 2, 6, 8)
    resized = resize_flow(flow, 18, 4, align_corners=align_corners)
    expected = torch.tensor([1.5, -15.0])[None, :, None, None].expand(1, 2, 18, 4)
    assert torch.allclose(resized, expected)


def test_several_flows_in_one_tensor() -> None:
    flow = torch.randn(2, 4, 6, 7)
    resized = resize_flow(flow, 9, 5)
    assert torch.equal(resized[:, :2], resize_flow(flow[:, :2], 9, 5))
    assert torch.equal(resized[:, 2:], resize_flow(flow[:, 2:], 9, 5))


def test_same_size_is_the_same_flow() -> None:
    flow = torch.randn(1, 2, 6, 7)
    assert resize_flow(flow, 6, 7) is flow


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("size", [(9, 4), (3, 11), (1, 1), (10, 1), (1, 7)])
@pytest.mark.parametrize("old", [(5, 6), (1, 3), (4, 1)])
def test_equals_the_reference(align_corners: bool, size: tuple[int, int], old: tuple[int, int]) -> None:
    flow = torch.randn(2, 2, *old, dtype=torch.float64, requires_grad=True)
    ours = resize_flow(flow, *size, align_corners=align_corners)
    theirs = reference.resize_flow(flow, *size, align_corners=align_corners)
    assert_same(ours, theirs, (flow,), values=1e-12)


def test_gradcheck() -> None:
    flow = torch.randn(1, 2, 4, 5, dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda f: resize_flow(f, 7, 3), (flow,))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_halves_are_rounded_once(dtype: torch.dtype) -> None:
    flow = torch.randn(1, 2, 9, 7).mul(30).to(dtype)
    resized = resize_flow(flow, 21, 20)
    assert resized.dtype == dtype
    assert torch.equal(resized, resize_flow(flow.float(), 21, 20).to(dtype))


def test_strides_do_not_matter() -> None:
    flow = torch.randn(2, 2, 6, 5)
    channels_last = flow.contiguous(memory_format=torch.channels_last)
    assert torch.allclose(resize_flow(channels_last, 9, 9), resize_flow(flow, 9, 9), atol=1e-6)


def test_misfits_are_refused() -> None:
    with pytest.raises(ValueError, match="2 N"):
        resize_flow(torch.zeros(1, 3, 4, 5), 4, 4)
    with pytest.raises(ValueError, match="0 rows"):
        resize_flow(torch.zeros(1, 2, 4, 5), 0, 4)


def test_golden_bilinear_in_both_conventions() -> None:
    """The vectors hold three channels that are no flow; undoing the scale leaves the interpolation."""
    golden = load_golden("eqvi/warp")
    for source, target, align_corners in [
        ("up_x", "up_aligned", True),
        ("up_x", "up_default", False),
        ("up_x", "down_aligned", True),
        ("half_x", "half_default", False),
    ]:
        values, expected = golden[source], golden[target]
        height, width = expected.shape[-2:]
        flow = F.pad(values, (0, 0, 0, 0, 0, 1))  # a fourth channel completes the second pair
        resized = resize_flow(flow, height, width, align_corners=align_corners)
        scale = torch.tensor([width / values.shape[3], height / values.shape[2]]).repeat(2)
        assert_matches_eqvi((resized / scale[:, None, None])[:, :3], expected, has_threshold=False)
