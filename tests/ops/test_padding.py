"""Padding and the crop back."""

from __future__ import annotations

import pytest
import torch

from vfi.ops import Padding, reference


@pytest.mark.parametrize("size", [(1, 1), (5, 7), (64, 64), (63, 65), (3, 200)])
@pytest.mark.parametrize(("multiple", "minimum"), [(1, 1), (8, 1), (32, 64), (7, 20), (64, 1)])
def test_fits_exactly_and_round_trips(size: tuple[int, int], multiple: int, minimum: int) -> None:
    padding = Padding.to_fit(*size, multiple=multiple, minimum=minimum)
    image = torch.rand(2, 3, *size)
    padded = padding.pad(image)
    for side, old in zip(padded.shape[-2:], size, strict=True):
        assert side % multiple == 0
        assert side >= minimum
        assert side - old < multiple or side - multiple < minimum
    assert torch.equal(padding.unpad(padded), image)
    assert bool(padding) == (padded.shape != image.shape)


def test_is_centred_with_the_odd_pixel_last() -> None:
    assert Padding.to_fit(13, 10, multiple=8) == Padding(top=1, bottom=2, left=3, right=3)


def test_nothing_to_add_keeps_the_tensor() -> None:
    image = torch.rand(1, 3, 8, 8)
    assert Padding.to_fit(8, 8, multiple=8).pad(image) is image


@pytest.mark.parametrize("size", [(1, 1), (2, 3)])
def test_edge_is_repeated_farther_than_the_size_of_the_image(size: tuple[int, int]) -> None:
    image = torch.rand(1, 2, *size, dtype=torch.float64)
    padded = Padding(top=5, bottom=6, left=7, right=8).pad(image)
    assert torch.equal(padded, reference.pad(image, 5, 6, 7, 8))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_type_is_kept(dtype: torch.dtype) -> None:
    image = torch.rand(1, 3, 5, 6).to(dtype)
    padding = Padding.to_fit(5, 6, multiple=4)
    assert padding.pad(image).dtype == dtype
    assert torch.equal(padding.unpad(padding.pad(image)), image)


def test_strides_do_not_matter() -> None:
    image = torch.rand(1, 3, 5, 6)
    padding = Padding.to_fit(5, 6, multiple=4)
    transposed = image.transpose(2, 3).contiguous().transpose(2, 3)
    assert torch.equal(padding.pad(transposed), padding.pad(image))


def test_gradient_sums_over_the_repeated_pixels() -> None:
    image = torch.rand(1, 1, 2, 2, dtype=torch.float64, requires_grad=True)
    padded = Padding(top=1, left=2).pad(image)
    padded.sum().backward()
    assert image.grad is not None
    assert torch.equal(image.grad[0, 0], torch.tensor([[6.0, 2.0], [3.0, 1.0]], dtype=torch.float64))


def test_misfits_are_refused() -> None:
    with pytest.raises(ValueError, match="5, 6, 0, 1"):
        Padding.to_fit(5, 6, multiple=0)
    with pytest.raises(ValueError, match="never padded"):
        Padding(top=3, bottom=3).unpad(torch.zeros(1, 1, 6, 6))
