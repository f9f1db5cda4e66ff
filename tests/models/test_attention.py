"""Positional encoding and softmax lookup against their definitions."""

from __future__ import annotations

import math

import pytest
import torch

from vfi.models.attention import RunningMean, counted_values, sine_positions, soft_lookup


def test_positions_are_the_definition() -> None:
    height, width, channels = 3, 5, 12
    table = sine_positions(height, width, channels, like=torch.zeros(1, dtype=torch.float64))
    assert table.shape == (height, width, channels)
    for y in range(height):
        for x in range(width):
            for channel in range(channels):
                axis = channels // 2
                value, last, i = (y, height, channel) if channel < axis else (x, width, channel - axis)
                angle = (value + 1) / (last + 1e-6) * 2 * math.pi / 10000 ** (2 * (i // 2) / axis)
                expected = math.cos(angle) if i % 2 else math.sin(angle)
                assert float(table[y, x, channel]) == pytest.approx(expected, abs=1e-12)


def test_positions_are_computed_in_float32() -> None:
    like = torch.zeros(1)
    table = sine_positions(40, 30, 128, like=like.bfloat16())
    assert torch.equal(table, sine_positions(40, 30, 128, like=like).bfloat16())


@pytest.mark.parametrize("channels", [0, 2, 6])
def test_channels_that_do_not_fit(channels: int) -> None:
    with pytest.raises(ValueError, match=f"multiple of 4, not {channels}"):
        sine_positions(2, 2, channels, like=torch.zeros(1))


@pytest.mark.parametrize("scores_at_once", [1, 40, 10**6])
@pytest.mark.parametrize("shared", [False, True])
def test_the_lookup_is_the_definition(scores_at_once: int, shared: bool) -> None:
    queries, keys = torch.randn(2, 5, 8), torch.randn(2, 11, 8)
    values = torch.randn(1 if shared else 2, 11, 3)
    expected = (queries @ keys.mT / math.sqrt(8)).softmax(dim=-1) @ values
    found = soft_lookup(queries, keys, values, scores_at_once=scores_at_once)
    torch.testing.assert_close(found, expected)


def test_no_queries_find_nothing() -> None:
    assert soft_lookup(torch.zeros(1, 0, 4), torch.zeros(1, 3, 4), torch.zeros(1, 3, 2)).shape == (1, 0, 2)


def test_running_means_take_pieces_of_any_size_and_order() -> None:
    scores, values = 50 * torch.randn(2, 3, 9), torch.randn(2, 9, 2)
    mean = RunningMean()
    for piece in ([4], [0, 8, 2], [1, 3, 5, 6, 7]):
        mean.add(scores[..., piece], counted_values(values[:, piece]))
    torch.testing.assert_close(mean.value(), scores.softmax(dim=-1) @ values)
