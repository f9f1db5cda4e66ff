"""Backward warping: closed forms, the reference, gradients, types, golden vectors."""

from __future__ import annotations

from typing import Literal

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

from tests.support.golden import assert_matches_eqvi, assert_matches_sgm, load_golden
from tests.support.golden_recipe import synthetic_array
from tests.support.operators import assert_same, irregular_flow
from vfi.ops import backward_warp, reference

Padding = Literal["zeros", "border"]

PADDINGS: tuple[Padding, ...] = ("zeros", "border")
SIZES = [(6, 7), (1, 5), (5, 1), (1, 1), (2, 3)]


def constant_flow(image: Tensor, x: float, y: float) -> Tensor:
    return image.new_tensor([x, y])[None, :, None, None].expand(image.shape[0], 2, *image.shape[2:])


@pytest.mark.parametrize("padding", PADDINGS)
def test_zero_flow_returns_the_image(padding: Padding) -> None:
    image = torch.rand(2, 3, 9, 13)
    assert torch.allclose(backward_warp(image, constant_flow(image, 0, 0), padding=padding), image, atol=1e-5)


@pytest.mark.parametrize(("x", "y"), [(2, 0), (-3, 0), (0, 1), (0, -2), (2, -1)])
def test_integer_translation_samples_the_shifted_pixel(x: int, y: int) -> None:
    image = torch.rand(1, 2, 8, 11)
    warped = backward_warp(image, constant_flow(image, x, y))
    for row in range(8):
        for column in range(11):
            inside = 0 <= row + y < 8 and 0 <= column + x < 11
            expected = image[0, :, row + y, column + x] if inside else torch.zeros(2)
            assert torch.allclose(warped[0, :, row, column], expected, atol=1e-5)


def test_border_repeats_the_edge() -> None:
    image = torch.rand(1, 1, 4, 5)
    assert torch.allclose(
        backward_warp(image, constant_flow(image, 100, 0), padding="border"),
        image[..., -1:].expand_as(image),
        atol=1e-6,
    )


def test_ramp_is_moved_by_fractions() -> None:
    """On ramps bilinear interpolation is exact, and x and y cannot be confused."""
    x, y = torch.meshgrid(torch.arange(12.0), torch.arange(10.0), indexing="xy")
    image = torch.stack((3 * x, 5 * y))[None]
    warped = backward_warp(image, constant_flow(image, 0.25, -0.5))
    assert torch.allclose(warped[0, 0, 1:, :-1], (3 * (x + 0.25))[1:, :-1], atol=1e-4)
    assert torch.allclose(warped[0, 1, 1:, :-1], (5 * (y - 0.5))[1:, :-1], atol=1e-4)


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("size", SIZES)
def test_values_and_gradients_equal_the_reference(padding: Padding, size: tuple[int, int]) -> None:
    image = torch.randn(2, 3, *size, dtype=torch.float64, requires_grad=True)
    flow = irregular_flow(2, *size).requires_grad_()
    out = backward_warp(image, flow, padding=padding)
    expected = reference.backward_warp(image, flow, padding=padding)
    assert_same(out, expected, (image, flow), values=1e-10, gradients=1e-9)


@pytest.mark.parametrize("padding", PADDINGS)
def test_gradcheck(padding: Padding) -> None:
    image = torch.randn(1, 2, 4, 5, dtype=torch.float64, requires_grad=True)
    flow = irregular_flow(1, 4, 5).requires_grad_()
    assert gradcheck(lambda i, f: backward_warp(i, f, padding=padding), (image, flow))


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("channels", [1, 3])
def test_splitting_an_image_among_threads_does_not_change_it(padding: Padding, channels: int) -> None:
    """With gradients the image is not split, so this compares the two implementations."""
    image = torch.rand(1, channels, 37, 23)
    flow = torch.randn(1, 2, 37, 23) * 6
    whole = backward_warp(image.clone().requires_grad_(), flow, padding=padding).detach()
    threads = torch.get_num_threads()
    try:
        for count in (1, 2, 3, 5):
            torch.set_num_threads(count)
            assert torch.equal(backward_warp(image, flow, padding=padding), whole)
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_halves_are_computed_in_float32(dtype: torch.dtype) -> None:
    image, flow = torch.rand(2, 3, 15, 17).to(dtype), torch.randn(2, 2, 15, 17).mul(3).to(dtype)
    warped = backward_warp(image, flow)
    assert warped.dtype == dtype
    assert torch.equal(warped, backward_warp(image.float(), flow.float()).to(dtype))
    assert backward_warp(image, flow.float()).dtype == dtype


def test_halves_are_sampled_exactly_in_large_images() -> None:
    image = torch.arange(2, dtype=torch.float16).repeat(1, 1, 2, 1500)
    warped = backward_warp(image, constant_flow(image, 1, 0))
    assert torch.allclose(warped[..., :-1], image[..., 1:], atol=1e-3)


@pytest.mark.parametrize("padding", PADDINGS)
def test_flow_that_is_not_finite_points_outside_and_gets_no_gradient(padding: Padding) -> None:
    image = torch.rand(1, 1, 4, 6, requires_grad=True)
    flow = torch.zeros(1, 2, 4, 6)
    flow[0, 0, 1, 1], flow[0, 1, 1, 2], flow[0, 0, 1, 3] = torch.nan, torch.inf, -torch.inf
    flow[0, 0, 2, 2], flow[0, 1, 2, 3] = 1e12, -3e9
    flow.requires_grad_()
    warped = backward_warp(image, flow, padding=padding)
    assert warped.isfinite().all()
    if padding == "zeros":
        assert (warped[0, 0, 1, 1:4] == 0).all()
        assert (warped[0, 0, 2, 2:4] == 0).all()
    warped.sum().backward()
    assert flow.grad is not None
    assert flow.grad.isfinite().all()
    assert (flow.grad[0, :, 1, 1] == flow.grad.new_tensor([0, flow.grad[0, 1, 1, 1]])).all()


def test_strides_do_not_matter() -> None:
    image, flow = torch.rand(2, 3, 9, 8), torch.randn(2, 2, 9, 8)
    expected = backward_warp(image, flow)
    strided = image.transpose(2, 3).contiguous().transpose(2, 3)
    assert torch.equal(backward_warp(strided, flow.contiguous(memory_format=torch.channels_last)), expected)


def test_batch_of_two_equals_two_of_one() -> None:
    image, flow = torch.rand(2, 3, 9, 8), torch.randn(2, 2, 9, 8)
    parts = [backward_warp(image[i : i + 1], flow[i : i + 1]) for i in range(2)]
    assert torch.allclose(backward_warp(image, flow), torch.cat(parts), atol=1e-6)


@pytest.mark.parametrize(
    ("image", "flow", "message"),
    [
        (torch.zeros(1, 3, 4, 5), torch.zeros(1, 2, 4, 6), "agree in batch, height and width"),
        (torch.zeros(2, 3, 4, 5), torch.zeros(1, 2, 4, 5), "agree in batch, height and width"),
        (torch.zeros(1, 3, 4, 5), torch.zeros(1, 3, 4, 5), r"2 channels \(x, y\)"),
        (torch.zeros(3, 4, 5), torch.zeros(1, 2, 4, 5), r"\[B, C, H, W\]"),
        (torch.zeros(1, 3, 4, 5, dtype=torch.uint8), torch.zeros(1, 2, 4, 5), "floating point"),
    ],
)
def test_misfits_are_refused(image: Tensor, flow: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        backward_warp(image, flow)


def test_unknown_padding_is_refused() -> None:
    with pytest.raises(ValueError, match="reflect"):
        backward_warp(torch.zeros(1, 1, 2, 2), torch.zeros(1, 2, 2, 2), padding="reflect")  # type: ignore[arg-type]  # on purpose


def test_golden_eqvi() -> None:
    golden = load_golden("eqvi/warp")
    warped = backward_warp(golden["x"], golden["backwarp_flow"])
    assert_matches_eqvi(warped, golden["backwarp_out"], has_threshold=False)


def test_golden_sgm() -> None:
    image = torch.from_numpy(synthetic_array("backwarp/x", (2, 4, 18, 25), -1, 1))
    flow = torch.from_numpy(synthetic_array("backwarp/flow", (2, 2, 18, 25), -12, 12))
    warped = backward_warp(image, flow, padding="border")
    assert_matches_sgm(warped, load_golden("sgm_vfi/backwarp")["out"], 3e-6)


def test_a_part_of_the_grid_equals_that_part_of_the_whole() -> None:
    torch.manual_seed(0)
    image = torch.rand(1, 3, 20, 26)
    flow = torch.randn(1, 2, 20, 26) * 4
    for padding in PADDINGS:
        whole = backward_warp(image, flow, padding=padding)
        part = backward_warp(image, flow[..., 6:17, 3:20], padding=padding, origin=(6, 3))
        torch.testing.assert_close(part, whole[..., 6:17, 3:20], rtol=0, atol=1e-5)
