"""Inter-frame attention: windows, masks, and the peculiarities of the released weights."""

from __future__ import annotations

import pytest
import torch

from vfi.models.attention import sine_positions
from vfi.models.sgm.attention import (
    APART,
    SHIFT,
    WINDOW,
    CrossFrameBlock,
    merge_windows,
    partition_windows,
    window_mask,
    window_padding,
)

CPU = torch.device("cpu")


def kept_apart(height: int, width: int, shift: int) -> torch.Tensor:
    """The mask ``[K, L, L]`` by its definition, position by position."""
    top, bottom, left, right = window_padding(height, width)
    rows, columns = height + top + bottom, width + left + right

    def section(index: int, first: int, second: int) -> int:
        return 0 if index < first else 1 if index < second else 2

    def labels(y: int, x: int) -> tuple[object, object]:
        padding = section(y, top, top + height), section(x, left, left + width)
        edge = section(y, rows - WINDOW, rows - shift), section(x, columns - WINDOW, columns - shift)
        return padding, edge if shift else None

    window_labels = [
        [labels(y + i, x + j) for i in range(WINDOW) for j in range(WINDOW)]
        for y in range(0, rows, WINDOW)
        for x in range(0, columns, WINDOW)
    ]
    return torch.tensor([[[a != b for b in window] for a in window] for window in window_labels])


@pytest.mark.parametrize("size", [(10, 9), (7, 13), (14, 8)])
@pytest.mark.parametrize("shift", [0, SHIFT])
def test_masks(size: tuple[int, int], shift: int) -> None:
    """The regions of the padding are those without the shift: reproduced, as in training."""
    mask = window_mask(*size, shift, CPU)
    assert mask is not None
    assert torch.equal(mask, kept_apart(*size, shift) * APART)


def test_whole_windows_need_no_mask() -> None:
    assert window_mask(14, 21, 0, CPU) is None
    shifted = window_mask(14, 21, SHIFT, CPU)
    assert shifted is not None
    assert torch.equal(shifted, kept_apart(14, 21, SHIFT) * APART)


@pytest.mark.parametrize(("one", "other"), [((28, 42), (42, 28)), ((27, 28), (28, 28)), ((8, 14), (9, 14))])
def test_masks_depend_on_height_and_width(one: tuple[int, int], other: tuple[int, int]) -> None:
    """The authors' code reuses the mask of the last frame of the same padded area."""
    first, second = window_mask(*one, SHIFT, CPU), window_mask(*other, SHIFT, CPU)
    assert first is not None
    assert second is not None
    assert not torch.equal(first, second)


def test_masks_cached_in_inference_are_used_in_training() -> None:
    block = CrossFrameBlock(32, shifted=True)
    tokens = torch.randn(2, 9, 11, 32)
    with torch.inference_mode():
        block(tokens)
    block(tokens).sum().backward()
    assert block.attn.q.weight.grad is not None


def test_windows_are_cut_row_by_row_and_joined_again() -> None:
    plane = torch.arange(2 * 14 * 21).view(2, 14, 21, 1)
    windows = partition_windows(plane)
    assert windows.shape == (2, 6, 49, 1)
    assert torch.equal(windows[1, 4].view(7, 7), plane[1, 7:14, 7:14, 0])
    assert torch.equal(merge_windows(windows, 14, 21), plane)


def test_padding_is_centred_with_the_rest_behind() -> None:
    assert window_padding(10, 9) == (2, 2, 2, 3)
    assert window_padding(14, 7) == (0, 0, 0, 0)


@torch.inference_mode()
def test_what_is_found_is_added_to_the_normalised_tokens() -> None:
    """Reproduced: not to the block's input."""
    block = CrossFrameBlock(32, shifted=False)
    torch.nn.init.zeros_(block.attn.proj.weight)
    torch.nn.init.zeros_(block.attn.proj.bias)
    torch.nn.init.zeros_(block.mlp.fc2.weight)
    torch.nn.init.zeros_(block.mlp.fc2.bias)
    tokens = 5 + torch.randn(2, 7, 7, 32)
    expected = torch.nn.functional.layer_norm(tokens, (32,), eps=1e-6) + sine_positions(7, 7, 32, like=tokens)
    torch.testing.assert_close(block(tokens), expected)


@torch.inference_mode()
def test_each_frame_looks_at_the_other_alone() -> None:
    block = CrossFrameBlock(32, shifted=True)
    tokens = torch.randn(4, 10, 9, 32)  # two samples of two frames
    plain, swapped = block(tokens), block(tokens.roll(2, dims=0))
    torch.testing.assert_close(swapped, plain.roll(2, dims=0))
    other = tokens.clone()
    other[2] += torch.randn(10, 9, 32)  # frame 1 of the first sample
    changed = (block(other) - plain).abs().flatten(1).amax(1) > 1e-6
    assert changed.tolist() == [True, False, True, False]
