"""GMFlow's matching and propagation: known displacements, definitions in plain loops, tiles, memory."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.support.largest_tensor import LargestTensor
from vfi.models.flow.gmflow.matching import global_matching, local_matching, match_both_ways
from vfi.models.flow.gmflow.propagation import FlowPropagation
from vfi.ops import backward_warp, pixel_grid


def plain_matching(features_0: Tensor, features_1: Tensor) -> Tensor:
    """Global matching by its definition, from 0 to 1, with the whole correlation."""
    batch, channels, height, width = features_0.shape
    grid = pixel_grid(height, width, dtype=features_0.dtype)
    scores = torch.einsum("bcn,bcm->bnm", features_0.flatten(2), features_1.flatten(2)) / math.sqrt(channels)
    found = torch.einsum("bnm,cm->bcn", scores.softmax(dim=-1), grid[0].flatten(1))
    return found.view(batch, 2, height, width) - grid


def distinct(height: int, width: int, channels: int = 32) -> Tensor:
    """Features that are different for each pixel, so that matching is sharp."""
    return 40 * F.normalize(torch.randn(1, channels, height, width), dim=1)


class TestGlobal:
    def test_a_shift_is_found(self) -> None:
        features = distinct(12, 17)
        moved = features.roll((2, -3), dims=(2, 3))
        flow = global_matching(features, moved, both=True)
        inner = flow[..., 3:-3, 3:-3]
        expected = torch.tensor([[-3.0, 2.0], [3.0, -2.0]]).view(2, 2, 1, 1).expand_as(inner)
        torch.testing.assert_close(inner, expected, atol=1e-3, rtol=0)

    @pytest.mark.parametrize("scores_at_once", [1, 50, 333, 10**6])
    def test_tiles_of_the_correlation_do_not_change_the_result(self, scores_at_once: int) -> None:
        features_0, features_1 = 3 * torch.randn(2, 3, 16, 7, 9)
        both = global_matching(features_0, features_1, both=True, scores_at_once=scores_at_once)
        expected = torch.cat((plain_matching(features_0, features_1), plain_matching(features_1, features_0)))
        torch.testing.assert_close(both, expected, atol=2e-5, rtol=0)
        one = global_matching(features_0, features_1, both=False, scores_at_once=scores_at_once)
        torch.testing.assert_close(one, expected[:3], atol=2e-5, rtol=0)

    def test_scores_of_any_size_are_safe(self) -> None:
        """Later tiles have far larger or far smaller scores than earlier ones."""
        features_0, features_1 = torch.randn(2, 1, 4, 6, 6)
        for scale in (torch.linspace(1, 300, 36), torch.linspace(300, 1, 36)):
            scaled = features_1 * scale.view(6, 6)
            both = global_matching(features_0, scaled, both=True, scores_at_once=16)
            expected = torch.cat((plain_matching(features_0, scaled), plain_matching(scaled, features_0)))
            torch.testing.assert_close(both, expected, atol=1e-4, rtol=0)

    @pytest.mark.parametrize("both", [False, True])
    def test_gradients_do_not_depend_on_the_pieces(self, both: bool) -> None:
        features = torch.randn(2, 1, 5, 4, 6, dtype=torch.float64, requires_grad=True)

        def gradient(scores_at_once: int) -> Tensor:
            flow = global_matching(*features, both=both, scores_at_once=scores_at_once)
            return torch.autograd.grad((flow * torch.arange(flow.numel()).view_as(flow)).sum(), features)[0]

        torch.testing.assert_close(gradient(20), gradient(10**6))

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
    def test_halves_are_matched_in_float32(self, dtype: torch.dtype) -> None:
        features_0, features_1 = torch.randn(2, 1, 8, 4, 5).to(dtype)
        flow = global_matching(features_0, features_1, both=True)
        assert flow.dtype == torch.float32
        torch.testing.assert_close(flow, global_matching(features_0.float(), features_1.float(), both=True))

    @torch.inference_mode()
    def test_memory_grows_with_the_pixels_not_with_their_square(self) -> None:
        pieces = 2**16
        features = torch.randn(2, 1, 4, 32, 64)
        tokens = features[0].flatten(2).mT
        with LargestTensor() as seen:
            global_matching(*features, both=True, scores_at_once=pieces)
            global_matching(*features, both=False, scores_at_once=pieces)
            match_both_ways(tokens, tokens, tokens[..., :2], scores_at_once=pieces)
        assert seen.numbers <= pieces  # where the whole correlation has 2^22

    def test_pieces_must_hold_something(self) -> None:
        with pytest.raises(ValueError, match="scores_at_once must be at least 1, not 0"):
            global_matching(*torch.randn(2, 1, 4, 2, 2), both=True, scores_at_once=0)


def plain_local_matching(features_0: Tensor, features_1: Tensor, radius: int) -> Tensor:
    """Local matching by its definition: candidates sampled one by one, those outside scored -1e9."""
    channels, height, width = features_0.shape[1:]
    grid = pixel_grid(height, width).expand(features_0.shape[0], -1, -1, -1)
    steps = range(-radius, radius + 1)
    offsets = [torch.tensor([float(dx), float(dy)]).view(1, 2, 1, 1) for dy in steps for dx in steps]
    scores: list[Tensor] = []
    for offset in offsets:
        x, y = (grid + offset).unbind(1)
        outside = (x < 0) | (x >= width) | (y < 0) | (y >= height)
        sampled = backward_warp(features_1, offset.expand_as(grid))
        score = (features_0 * sampled).sum(1) / math.sqrt(channels)
        scores.append(score.masked_fill(outside, -1e9))
    weights = torch.stack(scores).softmax(dim=0)[:, :, None]
    return (weights * torch.stack([grid + offset for offset in offsets])).sum(0) - grid


class TestLocal:
    @pytest.mark.parametrize(("height", "width", "radius"), [(6, 9, 1), (7, 5, 4), (2, 3, 4)])
    def test_it_is_the_definition(self, height: int, width: int, radius: int) -> None:
        features_0, features_1 = torch.randn(2, 2, 8, height, width)
        flow = local_matching(features_0, features_1, radius=radius)
        expected = plain_local_matching(features_0, features_1, radius)
        torch.testing.assert_close(flow, expected, atol=1e-4, rtol=0)

    def test_a_shift_is_found_where_it_stays_inside(self) -> None:
        features = distinct(10, 12)
        flow = local_matching(features, features.roll((1, -2), dims=(2, 3)), radius=3)
        expected = torch.tensor([-2.0, 1.0]).view(1, 2, 1, 1).expand(1, 2, 9, 10)
        torch.testing.assert_close(flow[..., :-1, 2:], expected, atol=1e-3, rtol=0)


class TestPropagation:
    @pytest.fixture
    def propagation(self) -> FlowPropagation:
        return FlowPropagation(8)

    def test_over_the_frame_keys_are_projected_from_queries(self, propagation: FlowPropagation) -> None:
        """Released weights depend on it, though the paper projects them from the features."""
        features, flow = torch.randn(2, 8, 5, 6), torch.randn(2, 2, 5, 6)

        def propagated(keys_of: Callable[[Tensor], Tensor]) -> Tensor:
            tokens = features.flatten(2).mT
            queries = propagation.q_proj(tokens)
            scores = queries @ propagation.k_proj(keys_of(tokens)).mT / math.sqrt(8)
            return (scores.softmax(dim=-1) @ flow.flatten(2).mT).mT.view_as(flow)

        found = propagation(features, flow, radius=None)
        torch.testing.assert_close(found, propagated(propagation.q_proj))
        assert not torch.allclose(found, propagated(lambda tokens: tokens))

    def test_near_by_neighbours_outside_take_part_with_score_and_flow_zero(
        self, propagation: FlowPropagation
    ) -> None:
        features, flow = torch.randn(1, 8, 4, 5), torch.randn(1, 2, 4, 5)
        found = propagation(features, flow, radius=1)
        tokens = features.permute(0, 2, 3, 1)[0]
        queries, keys = propagation.q_proj(tokens), propagation.k_proj(tokens)
        for y, x in ((0, 0), (1, 2), (3, 4), (0, 3)):
            scores, flows = [], []
            for row in range(y - 1, y + 2):
                for column in range(x - 1, x + 2):
                    inside = 0 <= row < 4 and 0 <= column < 5
                    product = (queries[y, x] * keys[row, column]).sum() if inside else torch.zeros(())
                    scores.append(product / math.sqrt(8))
                    flows.append(flow[0, :, row, column] if inside else torch.zeros(2))
            expected = torch.stack(scores).softmax(dim=0) @ torch.stack(flows)
            torch.testing.assert_close(found[0, :, y, x], expected)

    @pytest.mark.parametrize("radius", [None, 1])
    def test_one_flow_everywhere_stays(self, propagation: FlowPropagation, radius: int | None) -> None:
        flow = torch.tensor([3.0, -7.0]).view(1, 2, 1, 1).expand(1, 2, 6, 7)
        found = propagation(torch.randn(1, 8, 6, 7), flow, radius=radius)
        torch.testing.assert_close(found[..., 1:-1, 1:-1], flow[..., 1:-1, 1:-1])
