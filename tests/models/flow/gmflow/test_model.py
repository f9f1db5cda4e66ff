"""GMFlow as a flow estimator: any size, symmetry, types, memory, training, settings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.support.golden import clip
from tests.support.largest_tensor import LargestTensor
from tests.support.official_files import SgmKind
from vfi.models.flow.gmflow import GmFlow, ScaleSettings, build_gmflow, build_gmflow_refine
from vfi.models.flow.gmflow.model import hidden_pixels
from vfi.registry import load_flow

Official = Callable[[SgmKind], Path]
NAMES: dict[str, SgmKind] = {"gmflow": "gmflow_1scale", "gmflow.refine": "gmflow_2scale"}


@pytest.fixture(scope="module", params=NAMES)
def network(request: pytest.FixtureRequest, official_sgm: Official) -> GmFlow:
    """The network with the golden vectors' weights, at one scale and at two."""
    estimator = load_flow(request.param, official_sgm(NAMES[request.param]), device="cpu")
    assert isinstance(estimator, GmFlow)
    return estimator


def two_frames(height: int, width: int, seed: int = 1) -> tuple[Tensor, Tensor]:
    frames = clip(2, height, width, seed)
    return frames[:1], frames[1:]


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (35, 2), (33, 65)])
def test_any_size(network: GmFlow, size: tuple[int, int]) -> None:
    with torch.inference_mode():
        encoded = [network.encode(frame) for frame in torch.rand(2, 2, 3, *size)]
        pair = network.match(encoded[0], encoded[1], occlusion=True)
    for field, channels in zip(pair, (2, 2, 1, 1), strict=True):
        assert field is not None
        assert field.shape == (2, channels, *size)
        assert bool(field.isfinite().all())


@torch.inference_mode()
def test_padding_repeats_the_edge_of_the_frame(network: GmFlow) -> None:
    frames = two_frames(64, 96)
    grown = [torch.nn.functional.pad(frame, (10, 11, 4, 5), mode="replicate") for frame in frames]
    smaller = [frame[..., 4:-5, 10:-11] for frame in grown]
    torch.testing.assert_close(network(*smaller).flow_01, network(*frames).flow_01)


@torch.inference_mode()
def test_padding_at_the_bottom_only() -> None:
    network = build_gmflow(padding_at_bottom=True)
    padding = network.encode(torch.rand(1, 3, 20, 20)).padding
    assert (padding.top, padding.bottom, padding.left, padding.right) == (0, 12, 6, 6)


@torch.inference_mode()
def test_swapped_frames_swap_the_flows(network: GmFlow) -> None:
    frame_0, frame_1 = two_frames(64, 96)
    there, back = network(frame_0, frame_1), network(frame_1, frame_0)
    torch.testing.assert_close(there.flow_01, back.flow_10, rtol=0, atol=1e-3)
    torch.testing.assert_close(there.flow_10, back.flow_01, rtol=0, atol=1e-3)


@torch.inference_mode()
def test_batch_of_two_equals_two_of_one(network: GmFlow) -> None:
    pairs = [two_frames(40, 72, seed) for seed in (1, 2)]
    together = network(*(torch.cat(frames) for frames in zip(*pairs, strict=True)))
    for i, frames in enumerate(pairs):
        alone = network(*frames)
        torch.testing.assert_close(together.flow_01[i : i + 1], alone.flow_01, rtol=0, atol=1e-3)
        torch.testing.assert_close(together.flow_10[i : i + 1], alone.flow_10, rtol=0, atol=1e-3)


@torch.inference_mode()
def test_one_direction_is_half_of_both(network: GmFlow) -> None:
    encoded = [network.encode(frame) for frame in two_frames(64, 64)]
    both, one = network.estimate(*encoded), network.estimate(*encoded, both=False)
    torch.testing.assert_close(both[:1], one, rtol=0, atol=1e-3)


@torch.inference_mode()
def test_a_frame_is_encoded_once_for_all_pairs(network: GmFlow) -> None:
    seen: list[object] = []
    hook = network.backbone.register_forward_hook(lambda *_: seen.append(None))
    try:
        first, second, third = (network.encode(frame) for frame in torch.rand(3, 1, 3, 32, 32))
        network.match(first, second)
        network.match(second, third)
    finally:
        hook.remove()
    assert len(seen) == 3


@torch.inference_mode()
def test_tiles_of_the_correlation_change_nothing(network: GmFlow, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = two_frames(64, 96)
    whole = network(*frames)
    monkeypatch.setattr(network, "scores_at_once", 500)
    pieces = network(*frames)
    torch.testing.assert_close(pieces.flow_01, whole.flow_01, rtol=0, atol=1e-3)
    torch.testing.assert_close(pieces.flow_10, whole.flow_10, rtol=0, atol=1e-3)


@torch.inference_mode()
@pytest.mark.slow
def test_memory_grows_with_the_pixels_not_with_their_square() -> None:
    """At the larger size a whole correlation would be the largest tensor by far, at the smaller it is not."""
    network = GmFlow(scores_at_once=2**20)

    def largest(side: int) -> int:
        with LargestTensor() as seen:
            network(*torch.rand(2, 1, 3, side, side))
        return seen.numbers

    smaller, larger = largest(192), largest(384)
    assert larger <= 4 * smaller
    assert larger < (384 // 8) ** 4


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_flows_stay_float32_in_half_precision(network: GmFlow, dtype: torch.dtype) -> None:
    frames = two_frames(32, 64)
    half = GmFlow(network.scale_settings).eval().to(dtype)
    half.load_state_dict(network.state_dict())
    with torch.inference_mode():
        expected, found = network(*frames), half(*(frame.to(dtype) for frame in frames))
    assert found.flow_01.dtype == torch.float32
    coarse = 0.3 if dtype == torch.float16 else 3.0
    assert float((found.flow_01 - expected.flow_01).abs().mean()) < coarse


def test_float64_is_kept() -> None:
    network = build_gmflow().double().eval()
    with torch.inference_mode():
        assert network(*torch.rand(2, 1, 3, 16, 16).double()).flow_01.dtype == torch.float64


def test_training_reaches_every_weight(network: GmFlow) -> None:
    frames = two_frames(32, 64)
    predictions = network.predictions(*frames)
    scales = len(network.scale_settings)
    assert len(predictions) == 2 * scales
    gradients = torch.autograd.grad(
        torch.stack(predictions).abs().sum(), list(network.parameters()), allow_unused=True
    )
    unused = [
        name
        for (name, _), gradient in zip(network.named_parameters(), gradients, strict=True)
        if gradient is None or not bool(gradient.abs().max() > 0)
    ]
    assert unused in ([], ["feature_flow_attn.k_proj.bias"])  # which a softmax over all keys does not feel


def test_hidden_pixels_are_those_that_do_not_come_back() -> None:
    there = torch.zeros(1, 2, 4, 12)
    there[:, 0] = 3.0
    back = -there
    back[:, :, 1, 8] = 0.0  # a pixel that went elsewhere: the one that lands there from x = 5 is hidden
    hidden = hidden_pixels(there, back)
    assert hidden.dtype == there.dtype
    expected = torch.zeros(1, 1, 4, 12)
    expected[..., 9:] = 1.0  # content that leaves the frame has no match
    expected[..., 1, 5] = 1.0
    assert torch.equal(hidden, expected)


def test_the_bound_of_hidden_pixels_grows_with_the_motion() -> None:
    there = torch.zeros(1, 2, 1, 200)
    there[:, 0] = 100.0
    back = -there + torch.tensor([2.0, 0.0]).view(1, 2, 1, 1)
    assert not bool(
        hidden_pixels(there, back)[..., :95].any()
    )  # 2 px of 198 px, of which 2.48 px are allowed
    assert bool(hidden_pixels(there / 100, -there / 100 + 2)[..., :95].all())


@pytest.mark.parametrize(
    ("scales", "sentence"),
    [
        ((), "one or two scales, not 0"),
        ((ScaleSettings(1),) * 3, "one or two scales, not 3"),
        ((ScaleSettings(1, matching_radius=4),), "the first scale matches everywhere, not within 4 pixels"),
        ((ScaleSettings(0),), r"whole numbers from 1 on, not \(0, None, None\)"),
        ((ScaleSettings(1, propagation_radius=-1),), "whole numbers from 1 on"),
    ],
)
def test_wrong_settings(scales: tuple[ScaleSettings, ...], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        GmFlow(scales)


def test_wrong_options() -> None:
    with pytest.raises(ValueError, match=r"two numbers, for 1/8 and 1/4, not 3"):
        build_gmflow_refine(attention_splits=3)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match=r"whole numbers from 1 on, not \('two', None, None\)"):
        build_gmflow(attention_splits="two")  # pyright: ignore[reportArgumentType]


def test_sizes_are_those_of_the_released_networks() -> None:
    for build, count in ((build_gmflow, 4_680_288), (build_gmflow_refine, 4_716_720)):
        with torch.device("meta"):
            network = build()
        assert sum(parameter.numel() for parameter in network.parameters()) == count


@pytest.mark.gpu
@torch.inference_mode()
def test_flows_on_a_gpu_are_those_of_the_cpu(network: GmFlow) -> None:
    frames = two_frames(128, 192)
    expected = network(*frames)
    try:
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            found = network.to("cuda")(*(frame.cuda() for frame in frames))
    finally:
        network.to("cpu")
    assert found.flow_01.device.type == "cuda"
    torch.testing.assert_close(found.flow_01.cpu(), expected.flow_01, rtol=0, atol=2e-3)
    torch.testing.assert_close(found.flow_10.cpu(), expected.flow_10, rtol=0, atol=2e-3)
