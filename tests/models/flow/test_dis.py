"""DIS: known motion is estimated in the right direction and axis, at any size."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from torch import Tensor

from vfi.data.synthetic import Scene
from vfi.evaluation.metrics import epe
from vfi.models.flow.dis import DisFlow

SIZES = [(1, 1), (1, 40), (40, 1), (15, 16), (17, 23), (31, 64)]


def frames(velocity: tuple[float, float], height: int = 96, width: int = 128) -> tuple[Tensor, Tensor]:
    scene = Scene.translation(height, width, velocity)
    return scene.render(0)[None], scene.render(1)[None]


@pytest.mark.parametrize("velocity", [(5.0, 0.0), (0.0, -4.0), (-3.5, 2.25), (14.0, 6.0)])
def test_translation_is_found_in_both_directions(velocity: tuple[float, float]) -> None:
    flow_01, flow_10, *occlusions = DisFlow()(*frames(velocity))
    truth = torch.tensor(velocity)[None, :, None, None].expand(1, 2, 96, 128)
    margin = int(max(map(abs, velocity))) + 4
    inner = (..., slice(margin, -margin), slice(margin, -margin))
    assert float(epe(flow_01[inner], truth[inner])) < 0.1
    assert float(epe(flow_10[inner], -truth[inner])) < 0.1
    assert occlusions == [None, None]


def test_equal_frames_do_not_move() -> None:
    frame = frames((0, 0))[0]
    assert all(float(flow.abs().max()) < 1e-3 for flow in DisFlow()(frame, frame)[:2])


@pytest.mark.parametrize("size", SIZES)
def test_any_size(size: tuple[int, int]) -> None:
    for flow in DisFlow()(torch.rand(2, 3, *size), torch.rand(2, 3, *size))[:2]:
        assert flow.shape == (2, 2, *size)
        assert flow.dtype == torch.float32
        assert bool(flow.isfinite().all())


def test_batch_of_two_equals_two_of_one() -> None:
    pairs = [frames((3, 1)), frames((-2, 4))]
    together = DisFlow()(*(torch.cat(side) for side in zip(*pairs, strict=True)))
    for number, pair in enumerate(pairs):
        alone = DisFlow()(*pair)
        assert torch.equal(together.flow_01[number], alone.flow_01[0])
        assert torch.equal(together.flow_10[number], alone.flow_10[0])


def test_swapped_frames_swap_the_flows() -> None:
    start, end = frames((3, 1))
    there, back = DisFlow()(start, end), DisFlow()(end, start)
    assert torch.equal(there.flow_01, back.flow_10)
    assert torch.equal(there.flow_10, back.flow_01)


def test_nothing_is_remembered_between_calls() -> None:
    estimator, pair = DisFlow(), frames((3, 1))
    first = estimator(*pair)
    estimator(*frames((-9, 5)))
    estimator(*frames((1, 1), 24, 24))
    assert torch.equal(estimator(*pair).flow_01, first.flow_01)


def test_half_types_and_gradients() -> None:
    start, end = frames((3, 1))
    expected = DisFlow()(start, end).flow_01
    estimate = DisFlow()(start.half().requires_grad_(), end.half()).flow_01
    assert estimate.dtype == torch.float32
    assert not estimate.requires_grad
    assert float((estimate - expected).abs().mean()) < 0.05


def test_copies_work() -> None:
    pair, estimator = frames((3, 1)), DisFlow()
    expected = estimator(*pair).flow_01
    for copied in (copy.deepcopy(estimator), pickle.loads(pickle.dumps(estimator))):
        assert torch.equal(copied(*pair).flow_01, expected)
    assert not estimator.state_dict()
