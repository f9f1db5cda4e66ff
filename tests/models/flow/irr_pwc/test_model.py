"""IRR-PWC: reference vectors of the network and its parts, symmetry, any size, parts computed on request."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from tests.support.golden import as_frames, assert_matches_eqvi, clip, load_golden
from vfi.models.flow.irr_pwc.model import IrrPwc, IrrPwcFrame
from vfi.models.flow.irr_pwc.pwc import FLOW_SCALE, resize_aligned, warp_scaled
from vfi.registry import load_flow

SIZES = [(1, 1), (1, 40), (40, 1), (2, 3), (65, 33)]


@pytest.fixture(scope="module")
def network(official_scopeflow: Path) -> IrrPwc:
    """The network with the golden vectors' weights, from a file like ScopeFlow's."""
    estimator = load_flow("scopeflow", checkpoint=official_scopeflow, device="cpu")
    assert isinstance(estimator, IrrPwc)
    return estimator


@pytest.mark.parametrize("name", ["eqvi/irr_64x128", "eqvi/irr_100x76"])
class TestGolden:
    @pytest.fixture
    def golden(self, name: str) -> dict[str, Tensor]:
        return load_golden(name)

    @pytest.fixture
    def encoded(self, network: IrrPwc, golden: dict[str, Tensor]) -> list[IrrPwcFrame]:
        with torch.inference_mode():
            return [network.encode(frame[None]) for frame in as_frames(golden["frames"])]

    @torch.inference_mode()
    def test_pyramid(self, golden: dict[str, Tensor], encoded: list[IrrPwcFrame]) -> None:
        levels = [encoded[0].features_s2, *encoded[0].features]
        for number, level in enumerate(reversed(levels)):
            assert_matches_eqvi(level, golden[f"pyr_{number}"], has_threshold=False)

    @torch.inference_mode()
    def test_levels(self, network: IrrPwc, golden: dict[str, Tensor], encoded: list[IrrPwcFrame]) -> None:
        for number, level in enumerate(network.levels(*encoded)):
            assert_matches_eqvi(level.estimated[:1], golden[f"refine_in_f_{number}"], has_threshold=False)
            for i, direction in enumerate("fb"):
                found, continuous = level.flow[i : i + 1], level.continuous[i : i + 1]
                assert_matches_eqvi(found, golden[f"flow_{direction}_{number}"], has_threshold=False)
                wanted = golden[f"flow_cont_{direction}_{number}"]
                assert_matches_eqvi(continuous, wanted, has_threshold=False)

    @torch.inference_mode()
    def test_both_flows(self, network: IrrPwc, golden: dict[str, Tensor], encoded: list[IrrPwcFrame]) -> None:
        flow_ab, flow_ba, *_ = network.match(*encoded)
        assert_matches_eqvi(flow_ab, golden["F_ab"], has_threshold=False)
        assert_matches_eqvi(flow_ba, golden["F_ba"], has_threshold=False)

    @torch.inference_mode()
    def test_occlusions(self, network: IrrPwc, golden: dict[str, Tensor], encoded: list[IrrPwcFrame]) -> None:
        flow_scaled, logits = network.estimate(*encoded, occlusion=True)
        assert logits is not None
        assert_matches_eqvi(logits[:1], golden["occ_f"], has_threshold=False)
        assert_matches_eqvi(logits[1:], golden["occ_b"], has_threshold=False)
        pair = network.match(*encoded, occlusion=True)
        assert pair.occlusion_0 is not None
        torch.testing.assert_close(pair.occlusion_0, logits[:1].sigmoid())
        torch.testing.assert_close(pair.flow_01, flow_scaled[:1] / FLOW_SCALE)


@torch.inference_mode()
def test_blocks_are_the_golden_ones(network: IrrPwc) -> None:
    golden = load_golden("eqvi/irr_blocks")
    features, residual = network.flow_estimators(golden["dec_x"])
    context_input = torch.cat((features, golden["dec_x"][:, -2:] + residual), dim=1)
    result = {
        "refine_flow": network.refine_flow(golden["flow"], golden["diff_img"], golden["feat"]),
        "refine_occ": network.refine_occ(golden["occ"], golden["feat"], golden["feat2"]),
        "dec_features": features,
        "dec_out": residual,
        "context_out": network.context_networks(context_input),
        "occ_up_out": network.occ_shuffle_upsample(golden["occ_up_occ"], golden["occ_up_x"]),
    }
    for name, value in result.items():
        assert_matches_eqvi(value, golden[name], has_threshold=False)


def test_sampling_conventions_are_the_golden_ones() -> None:
    golden = load_golden("eqvi/warp")
    image_size = (79, 102)  # of the metadata
    x, flow = golden["x"], golden["flow_scaled"]
    assert_matches_eqvi(warp_scaled(x, flow, image_size), golden["layer_out"], has_threshold=False)
    still = warp_scaled(x, torch.zeros_like(flow), image_size)
    assert_matches_eqvi(still, golden["layer_zero_flow"], has_threshold=False)
    for name in ("up_aligned", "down_aligned"):
        resized = resize_aligned(golden["up_x"], golden[name].shape[-2:])
        assert_matches_eqvi(resized, golden[name], has_threshold=False)


def test_a_warp_without_motion_keeps_every_pixel_of_features_of_any_width() -> None:
    """Rounding at the edge does not make a sample count as outside."""
    for width in (97, 255, 1000, 3840):
        x = torch.rand(1, 2, 3, width) + 1
        still = torch.zeros(1, 2, 3, width)
        assert float(warp_scaled(x, still, (12, 4 * width)).min()) >= 1


def test_swapped_frames_swap_the_flows(network: IrrPwc) -> None:
    frame_0, frame_1 = torch.rand(2, 1, 3, 64, 80)
    with torch.inference_mode():
        there, back = network(frame_0, frame_1), network(frame_1, frame_0)
    torch.testing.assert_close(there.flow_01, back.flow_10, rtol=0, atol=1e-4)
    torch.testing.assert_close(there.flow_10, back.flow_01, rtol=0, atol=1e-4)


@pytest.mark.parametrize("size", SIZES)
def test_any_size(network: IrrPwc, size: tuple[int, int]) -> None:
    with torch.inference_mode():
        encoded = network.encode(torch.rand(2, 3, *size))
        pair = network.match(encoded, network.encode(torch.rand(2, 3, *size)), occlusion=True)
    for field, channels in zip(pair, (2, 2, 1, 1), strict=True):
        assert field is not None
        assert field.shape == (2, channels, *size)
        assert bool(field.isfinite().all())


def test_batch_of_two_equals_two_of_one(network: IrrPwc) -> None:
    frames = torch.cat([clip(2, 48, 64, seed) for seed in (1, 2)])
    frames_0, frames_1 = frames[::2], frames[1::2]
    with torch.inference_mode():
        together = network(frames_0, frames_1)
        for i in range(2):
            alone = network(frames_0[i : i + 1], frames_1[i : i + 1])
            torch.testing.assert_close(together.flow_01[i : i + 1], alone.flow_01, rtol=0, atol=1e-4)


def test_occlusions_cost_nothing_unless_asked_for(network: IrrPwc) -> None:
    called: list[str] = []
    branch = ("occ_estimators", "occ_context_networks", "refine_occ", "occ_shuffle_upsample", "conv_1x1_1")
    hooks = [
        getattr(network, name).register_forward_hook(lambda *_, name=name: called.append(name))
        for name in branch
    ]
    try:
        with torch.inference_mode():
            encoded = network.encode(torch.rand(1, 3, 32, 32))
            pair = network.match(encoded, encoded)
            assert not called
            assert pair.occlusion_0 is None
            network.match(encoded, encoded, occlusion=True)
        assert set(called) == set(branch)
    finally:
        for hook in hooks:
            hook.remove()


def test_the_factor_to_network_units_is_applied_twice(network: IrrPwc) -> None:
    """Released weights depend on the factor being applied twice; once would give a quarter of this at 1/4."""
    with torch.inference_mode():
        encoded = [network.encode(frame) for frame in torch.rand(2, 1, 3, 64, 64)]
        *_, finest = network.levels(*encoded)
    per_pixel = 64 * FLOW_SCALE / 16
    torch.testing.assert_close(finest.continuous, finest.estimated * per_pixel)
    refined = finest.flow / per_pixel  # an average of what was estimated, hence within its range
    assert bool((refined <= finest.estimated.amax((2, 3), keepdim=True) + 1e-6).all())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_flows_stay_float32_in_half_precision(dtype: torch.dtype) -> None:
    network = IrrPwc().eval().to(dtype)
    frames = torch.rand(2, 1, 3, 32, 48).to(dtype)
    with torch.inference_mode():
        pair = network(*frames)
    assert pair.flow_01.dtype == torch.float32
    assert bool(pair.flow_01.isfinite().all())


def test_initialisation_is_kaiming_with_zero_biases() -> None:
    for module in IrrPwc().modules():
        if isinstance(module, nn.Conv2d):
            assert module.bias is not None
            assert not bool(module.bias.any())
            fan_in = module.weight[0].numel()
            if module.weight.numel() > 5000:
                assert float(module.weight.detach().std()) == pytest.approx((2 / fan_in) ** 0.5, rel=0.1)
    assert sum(parameter.numel() for parameter in IrrPwc().parameters()) == 6_362_092
