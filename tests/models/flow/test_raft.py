"""RAFT: equal to torchvision's own, any size, frames encoded once. The weights are random."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn
from torchvision.models.optical_flow import RAFT, raft_large, raft_small

from vfi.models.flow import raft
from vfi.models.flow.raft import RaftFlow, build_raft, build_raft_small
from vfi.models.flow.upsampling import enlarge_convex
from vfi.ops import Padding


@pytest.fixture(scope="module")
def network() -> RAFT:
    torch.manual_seed(0)
    return raft_small().eval()


@pytest.fixture(scope="module")
def estimator(network: RAFT) -> RaftFlow:
    return RaftFlow(network, iterations=2).eval()


def frames(height: int, width: int, batch: int = 1) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(height * width)
    pair = torch.rand(2, batch, 3, height, width, generator=generator)
    return pair[0], pair[1]


def torchvision_flow(network: RAFT, start: Tensor, end: Tensor, iterations: int) -> Tensor:
    """The flow of torchvision's own model, after our padding."""
    padding = Padding.to_fit(*start.shape[-2:], multiple=8, minimum=128)
    flow = network(padding.pad(start) * 2 - 1, padding.pad(end) * 2 - 1, num_flow_updates=iterations)[-1]
    return padding.unpad(flow)


@torch.inference_mode()
@pytest.mark.parametrize("size", [(128, 136), (65, 150)])
def test_flows_equal_those_of_torchvision(network: RAFT, estimator: RaftFlow, size: tuple[int, int]) -> None:
    start, end = frames(*size, batch=2)
    flow_01, flow_10, *occlusions = estimator(start, end)
    assert flow_01.shape == (2, 2, *size)
    assert float(flow_01.abs().max()) > 0.5  # random, but not nothing
    torch.testing.assert_close(flow_01, torchvision_flow(network, start, end, 2), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(flow_10, torchvision_flow(network, end, start, 2), atol=1e-4, rtol=1e-4)
    assert occlusions == [None, None]


@torch.inference_mode()
def test_the_large_one_finds_what_torchvision_finds() -> None:
    torch.manual_seed(0)
    network = raft_large().eval()
    start, end = frames(128, 128)
    found = RaftFlow(network, iterations=1).eval()(start, end)
    expected = torchvision_flow(network, start, end, 1)
    torch.testing.assert_close(found.flow_01, expected, atol=1e-4, rtol=1e-4)


@torch.inference_mode()
def test_directions_one_after_the_other_give_the_same(
    estimator: RaftFlow, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = frames(128, 128)
    together = estimator(*pair)
    monkeypatch.setattr(raft, "BATCHED_CORRELATIONS", 0)
    apart = estimator(*pair)
    torch.testing.assert_close(apart.flow_01, together.flow_01, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(apart.flow_10, together.flow_10, atol=1e-4, rtol=1e-4)


@torch.inference_mode()
def test_swapped_frames_swap_the_flows(estimator: RaftFlow) -> None:
    start, end = frames(128, 128)
    there, back = estimator(start, end), estimator(end, start)
    torch.testing.assert_close(there.flow_01, back.flow_10, atol=1e-4, rtol=1e-4)


@torch.inference_mode()
@pytest.mark.parametrize("size", [(1, 1), (7, 129)])
def test_any_size_and_half_types(estimator: RaftFlow, size: tuple[int, int]) -> None:
    start, end = frames(*size)
    for flow in estimator(start.half(), end.half())[:2]:
        assert flow.shape == (1, 2, *size)
        assert flow.dtype == torch.float32
        assert bool(flow.isfinite().all())


@torch.inference_mode()
def test_a_frame_is_encoded_once_for_all_its_pairs(estimator: RaftFlow) -> None:
    calls: list[int] = []
    hooks = [
        encoder.register_forward_hook(lambda *_: calls.append(1))
        for encoder in (estimator.feature_encoder, estimator.context_encoder)
    ]
    encoded = [estimator.encode(frame) for frame in (*frames(128, 128), torch.rand(1, 3, 128, 128))]
    estimator.match(encoded[0], encoded[1])
    estimator.match(encoded[1], encoded[2])
    assert len(calls) == 2 * 3
    for hook in hooks:
        hook.remove()


@pytest.mark.gpu
@torch.inference_mode()
def test_a_gpu_finds_the_same(estimator: RaftFlow) -> None:
    pair = frames(128, 136)
    found = copy.deepcopy(estimator).cuda()(*(frame.cuda() for frame in pair))
    torch.testing.assert_close(found.flow_01.cpu(), estimator(*pair).flow_01, atol=1e-2, rtol=1e-2)


@torch.inference_mode()
def test_nothing_large_is_kept(estimator: RaftFlow) -> None:
    estimator(*frames(128, 128))
    assert estimator.corr_block.corr_pyramid == []
    copy.deepcopy(estimator)


def test_parameters_have_torchvisions_names() -> None:
    assert set(build_raft().state_dict()) == set(raft_large().state_dict())
    assert set(build_raft_small().state_dict()) == set(raft_small().state_dict())
    assert build_raft(iterations=20).iterations == 20
    with pytest.raises(ValueError, match="at least 1, not 0"):
        build_raft_small(iterations=0)


def test_gradients_reach_encoders_and_update(network: RAFT) -> None:
    trained = RaftFlow(copy.deepcopy(network), iterations=1)
    found = trained(*frames(128, 128))
    (found.flow_01.abs().mean() + found.flow_10.abs().mean()).backward()
    without = [name for name, weight in trained.named_parameters() if weight.grad is None]
    assert not without


def test_enlarging_weighs_the_neighbours() -> None:
    flow = torch.arange(2 * 3 * 4.0).view(1, 2, 3, 4)
    logits = torch.full((1, 9, 8, 8, 3, 4), -100.0)
    logits[:, 4] = 100.0  # only the pixel itself
    fine = enlarge_convex(flow, logits.flatten(1, 3))
    assert torch.equal(fine, nn.functional.interpolate(flow, scale_factor=8) * 8)
    logits[:, 4, :, 4:] = -100.0
    logits[:, 5, :, 4:] = 100.0  # the right half of each: the neighbour to the right
    right = enlarge_convex(flow, logits.flatten(1, 3))[..., 4::8]
    assert torch.equal(right[..., ::8, :-1], 8 * flow[..., 1:])
    assert bool((right[..., -1] == 0).all())
