"""Sparse global matching: matches of known motion, and symmetry between both frames."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from vfi.models.sgm.sparse import (
    importance_map,
    largest,
    match_all,
    match_points,
    shift_matches,
    swap_frames,
)
from vfi.ops import backward_warp

HALF = torch.tensor([0.5])


class TestLargest:
    def test_the_largest_in_ascending_order(self) -> None:
        values = torch.tensor([[0.0, 3, 1, 2], [5, 0, 0, 7]]).view(2, 1, 2, 2)
        assert largest(values, 2).tolist() == [[1, 3], [0, 3]]

    def test_of_equal_values_the_first(self) -> None:
        values = torch.zeros(1, 1, 40, 50)
        values[0, 0, 20, 3] = 1
        assert largest(values, 5).tolist() == [[0, 1, 2, 3, 20 * 50 + 3]]


class TestMatching:
    def test_every_match_is_the_mean_of_all_positions_by_similarity(self) -> None:
        features = torch.randn(2, 8, 3, 5, dtype=torch.float64)
        flow = match_all(features)
        for own, other, found in zip(features, swap_frames(features), flow, strict=True):
            for y in range(3):
                for x in range(5):
                    score = torch.einsum("c,chw->hw", own[:, y, x], other) / 8**0.5
                    weight = score.flatten().softmax(0).view(3, 5)
                    rows, columns = torch.meshgrid(torch.arange(3.0), torch.arange(5.0), indexing="ij")
                    expected = torch.stack(((weight * columns).sum() - x, (weight * rows).sum() - y))
                    torch.testing.assert_close(found[:, y, x], expected, rtol=0, atol=1e-6)

    def test_a_shift_is_found(self) -> None:
        """Both directions, x and y, with distinct features and sharp similarities."""
        scene = 60 * torch.nn.functional.normalize(torch.randn(1, 32, 12, 16), dim=1)
        first, second = scene[..., 0:10, 2:14], scene[..., 2:12, 0:12]
        flow = match_all(torch.cat((first, second)))
        inside = (slice(None), slice(2, 8), slice(2, 10))
        assert torch.allclose(flow[0][inside], torch.tensor([2.0, -2.0]).view(2, 1, 1), atol=1e-3)
        assert torch.allclose(flow[1][inside], torch.tensor([-2.0, 2.0]).view(2, 1, 1), atol=1e-3)

    def test_points_find_what_all_positions_find(self) -> None:
        features = torch.randn(4, 8, 6, 7)
        points = torch.stack([torch.randperm(42)[:9].sort().values for _ in range(4)])
        chosen = torch.zeros(4, 42, dtype=torch.bool).scatter(1, points, value=True).view(4, 1, 6, 7)
        expected = torch.where(chosen, match_all(features), 0)
        torch.testing.assert_close(match_points(features, points), expected)

    def test_halves_are_matched_in_float32(self) -> None:
        features = torch.randn(2, 8, 6, 7, dtype=torch.bfloat16)
        assert match_all(features).dtype == torch.float32
        torch.testing.assert_close(match_all(features), match_all(features.float()))


class TestImportance:
    @pytest.fixture
    def scene(self) -> tuple[Tensor, Tensor]:
        """Unrelated frames and flows, ``[2, 3, H, W]`` and ``[2, 2, H, W]``."""
        return torch.rand(2, 3, 24, 32), 4 * torch.randn(2, 2, 24, 32)

    def test_swapping_the_frames_swaps_the_maps(self, scene: tuple[Tensor, Tensor]) -> None:
        frames, flows = scene
        warped = backward_warp(frames, flows, padding="border")
        first = importance_map(frames, flows, warped)
        swapped = importance_map(swap_frames(frames), swap_frames(flows), swap_frames(warped))
        torch.testing.assert_close(swapped, swap_frames(first))

    def test_true_flows_have_no_importance(self) -> None:
        frames = torch.rand(1, 3, 16, 16).expand(2, -1, -1, -1)
        assert float(importance_map(frames, torch.zeros(2, 2, 16, 16), frames).max()) < 1e-6

    def test_what_the_flows_miss_is_important_in_both_frames(self) -> None:
        """A bright square that moved, with flows of 0."""
        frames = torch.zeros(2, 3, 20, 30)
        frames[0, :, 8:12, 4:8] = frames[1, :, 8:12, 20:24] = 1
        importance = importance_map(frames, torch.zeros(2, 2, 20, 30), frames)
        differs = (frames[:1] - frames[1:]).abs().sum(1, keepdim=True)
        torch.testing.assert_close(importance, differs.expand(2, -1, -1, -1), rtol=1e-5, atol=1e-5)

    def test_where_nothing_arrives_counts_for_nothing(self) -> None:
        """Frame 1 differs on the left, but time t is splatted to its right half only."""
        frames = torch.ones(2, 3, 8, 16)
        frames[1, ..., :8] = 0
        flows = torch.zeros(2, 2, 8, 16)
        flows[1, 0] = 8
        warped = backward_warp(frames, flows, padding="border")
        importance = importance_map(frames, flows, warped)
        assert float(importance[0].abs().max()) < 1e-5


class TestShift:
    @pytest.mark.parametrize("t", [0.25, 0.5, 0.9])
    @pytest.mark.parametrize("count", [None, 96])
    def test_a_shift_is_shared_by_time(self, t: float, count: int | None) -> None:
        matches = torch.tensor([[8.0, -4], [-8, 4]]).view(2, 2, 1, 1).expand(-1, -1, 8, 12).contiguous()
        flow = shift_matches(matches, torch.tensor([t]), count).flow
        hit = flow[:, 0] != 0
        assert hit.any(dim=-1).any(dim=-1).all()
        for found, weight, direction in ((0, t, 1), (1, 1 - t, 0)):
            values = flow[found].permute(1, 2, 0)[hit[found]]
            torch.testing.assert_close(
                values, (weight * matches[direction, :, 0, 0]).expand_as(values), rtol=1e-4, atol=1e-4
            )

    def test_swapping_frames_and_time_swaps_the_flows(self) -> None:
        matches = 5 * torch.randn(4, 2, 10, 12) * (torch.rand(4, 1, 10, 12) > 0.5)
        t = torch.tensor([0.25, 0.625])
        first = shift_matches(matches, t, 40)
        swapped = shift_matches(swap_frames(matches), 1 - t, 40)
        torch.testing.assert_close(swapped.flow, swap_frames(first.flow))
        assert first.hits is not None
        torch.testing.assert_close(swapped.hits, swap_frames(first.hits))

    def test_only_positions_that_are_hit_most_are_kept(self) -> None:
        matches = torch.zeros(2, 2, 6, 8)
        matches[1, :, 2, 1:7] = torch.tensor([2.0, 2.0])[:, None]  # six positions of frame 1, all hit alike
        shifted = shift_matches(matches, HALF, 4)
        assert shifted.hits is not None
        assert shifted.hits[0, 0, 3, 2:8].tolist() == [1.0] * 6
        assert (shifted.flow[0, 0, 3] != 0).tolist() == [False, False, True, True, True, True, False, False]
        assert float(shifted.flow[1].abs().max()) == 0

    def test_a_match_of_nothing_counts_as_missing(self) -> None:
        """Reproduced: each component by itself for a half, as in training."""
        matches = torch.zeros(2, 2, 4, 4)
        matches[1, 0, 1, 1] = 2.0  # y is matched with 0
        matches[1, :, 3, 3] = torch.tensor([-2.0, -2.0])
        hits = shift_matches(matches, HALF, 16).hits
        assert hits is not None
        assert float(hits[0, 0, 1, 2]) == 0.5
        assert float(hits[0, 0, 2, 2]) == 1.0

    def test_what_is_missing_gives_way(self) -> None:
        """Unmatched positions, which do not move, have no weight where a match is splatted."""
        matches = torch.zeros(2, 2, 4, 4)
        matches[1, :, 1, 1] = torch.tensor([2.0, 2.0])
        flow = shift_matches(matches, HALF, None).flow
        torch.testing.assert_close(flow[0, :, 2, 2], torch.tensor([1.0, 1.0]), rtol=1e-4, atol=1e-4)
