"""Block means and box filters: closed forms, PyTorch's pooling as the oracle, gradients."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch.autograd import gradcheck

from vfi.ops import block_mean, box_mean

SIZES = [(6, 8), (7, 9), (1, 5), (5, 1), (1, 1)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("side", [1, 2, 3, 4])
def test_blocks_equal_pooling_of_the_repeated_edge(size: tuple[int, int], side: int) -> None:
    field = torch.randn(2, 3, *size, dtype=torch.float64)
    padded = F.pad(field, (0, -size[1] % side, 0, -size[0] % side), mode="replicate")
    torch.testing.assert_close(block_mean(field, side), F.avg_pool2d(padded, side))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("side", [1, 3, 5])
def test_boxes_equal_pooling_of_the_repeated_edge(size: tuple[int, int], side: int) -> None:
    field = torch.randn(2, 3, *size, dtype=torch.float64)
    padded = F.pad(field, (side // 2,) * 4, mode="replicate")
    torch.testing.assert_close(box_mean(field, side), F.avg_pool2d(padded, side, stride=1))


def test_constant_fields_stay() -> None:
    field = torch.full((1, 2, 7, 5), 0.25)
    assert torch.equal(block_mean(field, 2), torch.full((1, 2, 4, 3), 0.25))
    torch.testing.assert_close(box_mean(field, 3), field)


def test_gradients() -> None:
    field = torch.randn(1, 2, 5, 4, dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda x: block_mean(x, 2), (field,))
    assert gradcheck(lambda x: box_mean(x, 3), (field,))


def test_impossible_sides_are_refused() -> None:
    field = torch.zeros(1, 1, 4, 4)
    with pytest.raises(ValueError, match="0"):
        block_mean(field, 0)
    with pytest.raises(ValueError, match="odd side"):
        box_mean(field, 4)
