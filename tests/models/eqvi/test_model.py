"""EQVI and MS-Fusion: reference vectors, the training step, reuse, tiles, precision, sizes."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.support.golden import (
    as_frames,
    assert_matches_eqvi,
    clip,
    load_golden,
    load_golden_metadata,
)
from tests.support.natural_clips import natural_window
from vfi.base.clip import sliding_windows
from vfi.base.interpolator import Interpolator
from vfi.engine.losses import eqvi_loss
from vfi.evaluation.metrics import psnr
from vfi.models.eqvi import EqviInterpolator, MsFusionInterpolator, build_eqvi
from vfi.models.eqvi.fusion import halve
from vfi.models.eqvi.model import blend_weight, reached_rows
from vfi.models.eqvi.refinement import SEARCH
from vfi.models.flow.irr_pwc.model import IrrPwc
from vfi.models.motion.reversal import reverse_flow
from vfi.ops import backward_warp
from vfi.registry import load_model
from vfi.types import FrameKeys, Window

HALF = torch.tensor([0.5])


@pytest.fixture(scope="module")
def eqvi(official_eqvi: Path) -> EqviInterpolator:
    """The model with the golden vectors' weights, from a file like the released ones."""
    model = load_model("eqvi.stage123", checkpoint=official_eqvi, device="cpu")
    assert isinstance(model, EqviInterpolator)
    return model


@pytest.fixture(scope="module")
def ms_fusion(official_ms_fusion: Path) -> MsFusionInterpolator:
    """The stage with MS-Fusion."""
    model = load_model("eqvi.stage4", checkpoint=official_ms_fusion, device="cpu")
    assert isinstance(model, MsFusionInterpolator)
    return model


def window_of(frames: Tensor) -> Window:
    """The window of two or four frames ``[n, 3, H, W]``."""
    return Window.from_frames(frames.split(1))


class TestGolden:
    @pytest.mark.parametrize(("name", "t"), [("eqvi/eqvi_quadratic", 0.25), ("eqvi/eqvi_linear", 0.75)])
    @torch.inference_mode()
    def test_everything_on_the_way(self, eqvi: EqviInterpolator, name: str, t: float) -> None:
        golden = load_golden(name)
        window = window_of(as_frames(golden["frames"]))
        motion = eqvi.estimate_motion(window)
        flow_0t, flow_1t = motion.motion_0.at(t), motion.motion_1.at(1 - t)
        flows = eqvi.flow_at(motion, torch.tensor([t]))
        result = eqvi(window, torch.tensor([t]))
        assert result.flow_t0 is not None
        assert result.flow_t1 is not None
        assert result.blend is not None
        found = {
            "F12": motion.flows.flow_01,
            "F21": motion.flows.flow_10,
            f"F1t_{t}": flow_0t,
            f"F2t_{t}": flow_1t,
            f"Ft1_{t}": flows.flow_t0,
            f"Ft2_{t}": flows.flow_t1,
            f"norm1_{t}": reverse_flow(flow_0t).weight,
            f"Ft1r_{t}": result.flow_t0,
            f"Ft2r_{t}": result.flow_t1,
            f"I1tf_{t}": backward_warp(window.start, result.flow_t0),
            f"I2tf_{t}": backward_warp(window.end, result.flow_t1),
            # The blend holds mask and time; solved for the mask.
            f"M_{t}": result.blend * t / (result.blend * t + (1 - result.blend) * (1 - t)),
            f"out_{t}": result.frame,
        }
        for key, value in found.items():
            assert_matches_eqvi(value, golden[key], has_threshold=True)

    @pytest.mark.parametrize("name", ["eqvi/eqvi_quadratic", "eqvi/eqvi_linear"])
    def test_all_times(self, eqvi: EqviInterpolator, name: str) -> None:
        golden = load_golden(name)
        times = (0.25, 0.5, 0.75)
        frames = eqvi.interpolate_window(window_of(as_frames(golden["frames"])), times)
        for t, frame in zip(times, frames, strict=True):
            assert_matches_eqvi(frame, golden[f"out_{t}"], has_threshold=True)

    @pytest.mark.parametrize(
        ("case", "t"), [pytest.param("quad", 0.5, marks=pytest.mark.slow), ("lin", 0.25)]
    )
    @torch.inference_mode()
    def test_ms_fusion(self, ms_fusion: MsFusionInterpolator, case: str, t: float) -> None:
        golden = load_golden("eqvi/ms_fusion")
        frames = as_frames(golden["frames"])
        window = window_of(frames if case == "quad" else frames[1:3])
        result = ms_fusion(window, torch.tensor([t]))
        half = ms_fusion.eqvi(halve(window), torch.tensor([t])).frame
        enlarged = torch.nn.functional.interpolate(half, scale_factor=2, mode="bilinear")
        mask = ms_fusion.fusion(torch.cat((result.coarse, enlarged), dim=1)).sigmoid()
        assert_matches_eqvi(result.coarse, golden[f"{case}_It_{t}"], has_threshold=True)
        assert_matches_eqvi(enlarged, golden[f"{case}_It_up_{t}"], has_threshold=True)
        assert_matches_eqvi(mask, golden[f"{case}_mask_{t}"], has_threshold=True)
        assert_matches_eqvi(result.frame, golden[f"{case}_fused_{t}"], has_threshold=True)

    @pytest.mark.slow
    def test_training_step(self, official_eqvi: Path) -> None:
        golden, metadata = load_golden("eqvi/train_step"), load_golden_metadata("eqvi/train_step")
        model = load_model("eqvi.stage123", checkpoint=official_eqvi, device="cpu").train()
        frame_prev, frame_0, truth, frame_1, frame_next = (
            as_frames(golden["frames"].flatten(0, 1)).unflatten(0, (2, 5)).unbind(1)
        )
        window = Window(frame_0, frame_1, frame_prev, frame_next)
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
        result = model(window, golden["t"]).frame
        loss = eqvi_loss(result, truth).total
        loss.backward()
        assert_matches_eqvi(result.detach(), golden["out"], has_threshold=True)
        torch.testing.assert_close(loss.detach(), golden["loss_before"][0], rtol=1e-5, atol=0)
        names = metadata["grad_keys"].split()
        gradients = {
            name: parameter.grad for name, parameter in model.named_parameters() if parameter.grad is not None
        }
        assert sorted(gradients) == names  # no other parameter is trained
        norms = torch.stack([gradients[name].norm() for name in names])
        # The reference itself is up to 1.5e-3 (relative) away from float64.
        torch.testing.assert_close(norms, golden["grad_norms"], rtol=2e-3, atol=0)
        optimizer.step()
        after = eqvi_loss(model(window, golden["t"]).frame, truth).total
        torch.testing.assert_close(after.detach(), golden["loss_after"][0], rtol=1e-4, atol=0)


class TestReuse:
    """Number of computations of each kind in a clip."""

    @pytest.fixture
    def counted(self, eqvi: EqviInterpolator, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
        calls: Counter[str] = Counter()

        def count(owner: Any, name: str) -> None:
            method = getattr(owner, name)

            def counting(*arguments: Any, **keywords: Any) -> Any:
                calls[name] += 1
                return method(*arguments, **keywords)

            monkeypatch.setattr(owner, name, counting)

        count(eqvi.flownet, "match")
        count(eqvi.flownet, "encode")
        count(eqvi.feat_ext, "forward")
        return calls

    @pytest.mark.parametrize(("count", "inter_frames"), [(2, 1), (3, 1), (4, 3), (6, 1)])
    def test_a_clip_takes_each_pair_once(
        self, eqvi: EqviInterpolator, counted: Counter[str], count: int, inter_frames: int
    ) -> None:
        times = [k / (inter_frames + 1) for k in range(1, inter_frames + 1)]
        for window in sliding_windows(clip(count, 32, 32).split(1)):
            assert len(eqvi.interpolate_window(window, times)) == inter_frames
        skipping = count - 2 if count > 3 else 0  # clips of three frames are all ends, hence linear
        assert counted["match"] == count - 1 + skipping
        assert counted["encode"] == count
        assert counted["forward"] == count

    @pytest.mark.slow
    def test_ensembles_and_fusion_reuse_results(
        self, ms_fusion: MsFusionInterpolator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        calls: list[tuple[int, ...]] = []
        encode = ms_fusion.eqvi.flownet.encode
        monkeypatch.setattr(
            ms_fusion.eqvi.flownet,
            "encode",
            lambda frame: (calls.append(tuple(frame.shape[2:])), encode(frame))[1],
        )
        for window in sliding_windows(clip(5, 64, 64).split(1)):
            ms_fusion.interpolate_window(window, [0.5])
        assert Counter(calls) == {(64, 64): 5, (32, 32): 5}

    def test_reuse_changes_no_frame(self, eqvi: EqviInterpolator) -> None:
        for window in sliding_windows(clip(5, 32, 48).split(1)):
            shared = eqvi.interpolate_window(window, [0.3])
            alone = eqvi.interpolate_window(window.without_keys(), [0.3])
            assert all(torch.equal(a, b) for a, b in zip(shared, alone, strict=True))

    def test_caches_stay_small(self, eqvi: EqviInterpolator) -> None:
        for window in sliding_windows(clip(9, 32, 32).split(1)):
            eqvi.interpolate_window(window, [0.5])
        assert len(eqvi._pairs) <= 7
        assert len(eqvi._encoded) <= 4
        assert len(eqvi._contexts) <= 2


class TestTiles:
    @pytest.mark.slow
    def test_seams_are_invisible(self, eqvi: EqviInterpolator, monkeypatch: pytest.MonkeyPatch) -> None:
        """Two tiles, each with its overlap 32 rows less than the whole; features of all rows, or by tile."""
        window = window_of(clip(4, 320, 32))
        (whole,), (tiled,) = (eqvi.interpolate_window(window, [0.4], tile=tile) for tile in (None, 160))
        monkeypatch.setattr("vfi.base.interpolator.LARGE_FRAME", 1)
        monkeypatch.setattr(eqvi, "flow_reduction", 1)
        (tiled_as_large,) = eqvi.interpolate_window(window, [0.4], tile=160)
        for frame in (tiled, tiled_as_large):
            assert float(psnr(frame, whole)) > 50
            assert float((frame - whole).abs().max()) < 0.05

    @torch.inference_mode()
    def test_context_of_a_tile_covers_all_rows_that_are_sampled(self, eqvi: EqviInterpolator) -> None:
        window = window_of(clip(4, 96, 64))
        flow = torch.randn(1, 2, 32, 64) * 20
        context = eqvi.prepare(window).context_0
        whole = eqvi._warp_context(window.start, context, flow, slice(32, 64))
        of_tile = eqvi._warp_context(window.start, None, flow, slice(32, 64))
        torch.testing.assert_close(of_tile, whole, rtol=0, atol=1e-4)

    @pytest.mark.parametrize("shift", [-1e6, -3.2, 0.0, 7.9, 1e6])
    def test_reached_rows(self, shift: float) -> None:
        flow = torch.full((1, 2, 8, 4), shift)
        rows = reached_rows(flow, 16, 40)
        assert 0 <= rows.start < rows.stop <= 40
        if abs(shift) < 10:
            assert rows.start <= 16 + shift - 3
            assert rows.stop >= min(16 + 7 + shift + 1 + 3, 40)


@torch.inference_mode()
def test_reduced_flow_is_in_pixels_of_the_frame(eqvi: EqviInterpolator) -> None:
    seen: list[tuple[int, ...]] = []
    model = build_eqvi(flow_reduction=2).eval()
    model.load_state_dict(eqvi.state_dict())
    assert isinstance(model.flownet, IrrPwc)
    hook = model.flownet.feature_pyramid_extractor.register_forward_hook(
        lambda _, inputs, __: seen.append(tuple(inputs[0].shape[2:]))
    )
    window = window_of(clip(2, 70, 66))
    flows = model.estimate_motion(window).flows
    hook.remove()
    assert set(seen) == {(35, 33)}
    assert flows.flow_01.shape == (1, 2, 70, 66)
    small = eqvi.flownet(*(torch.nn.functional.avg_pool2d(f, 2) for f in (window.start, window.end)))
    assert float(flows.flow_01.mean()) == pytest.approx(2 * float(small.flow_01.mean()), rel=0.05, abs=0.05)


def test_flow_of_large_frames_is_estimated_at_half_size() -> None:
    model = build_eqvi()
    assert model.reduction(720, 1280) == 1
    assert model.reduction(1440, 2560) == 1
    assert model.reduction(1441, 2560) == 2
    assert build_eqvi(flow_reduction=4).reduction(32, 32) == 4
    with pytest.raises(ValueError, match="whole number from 1 on, not 0"):
        build_eqvi(flow_reduction=0)


@pytest.mark.parametrize("size", [(1, 1), (17, 90), (33, 63)])
@pytest.mark.parametrize("name", ["eqvi", "ms_fusion"])
def test_any_size(name: str, size: tuple[int, int], request: pytest.FixtureRequest) -> None:
    model: Interpolator = request.getfixturevalue(name)
    result = model.interpolate_window(window_of(torch.rand(4, 3, *size)), [0.5])[0]
    assert result.shape == (1, 3, *size)
    assert 0 <= float(result.min()) <= float(result.max()) <= 1


@pytest.mark.slow
def test_a_time_for_each_sample(eqvi: EqviInterpolator) -> None:
    frames = clip(4, 48, 64)
    prev, start, end, following = (torch.cat((frame, frame)) for frame in frames.split(1))
    pair = Window(start, end, prev, following)
    with torch.inference_mode():
        together = eqvi(pair, torch.tensor([0.25, 0.75])).frame
        for i, t in enumerate((0.25, 0.75)):
            alone = eqvi(window_of(frames), torch.tensor([t])).frame
            error = (together[i : i + 1] - alone).abs()
            assert float(error.mean()) < 1e-5


def test_alpha_moves_along_with_its_own_features(eqvi: EqviInterpolator) -> None:
    frames = clip(4, 48, 64)
    gray = frames[:, :1]
    window = window_of(torch.cat((gray.expand(-1, 3, -1, -1), gray), dim=1))
    result = eqvi.interpolate_window(window._replace(keys=FrameKeys(1, 2, 0, 3)), [0.5])[0]
    torch.testing.assert_close(result[:, 3], result[:, 0], rtol=0, atol=1e-6)


def test_blend_is_the_weight_of_frame_0() -> None:
    mask = torch.tensor([0.0, 0.25, 1.0]).view(1, 1, 1, 3)
    expected = torch.tensor([0.0, 0.75 * 0.25 / (0.75 * 0.25 + 0.25 * 0.75), 1.0])
    torch.testing.assert_close(blend_weight(mask, torch.tensor([0.25]))[0, 0, 0], expected)


@torch.inference_mode()
def test_refinement_keeps_its_leaky_output(eqvi: EqviInterpolator) -> None:
    """Released weights expect a leaky ReLU on an output that has both signs."""
    x = torch.rand(1, 20, 32, 32)
    refined = eqvi.refinenet(x)
    linear = eqvi.refinenet.conv3(refined.features)
    leaky = torch.where(linear > 0, linear, 0.1 * linear)
    torch.testing.assert_close(refined.residual_t0, leaky[:, 0:2])
    torch.testing.assert_close(refined.residual_t1, leaky[:, 2:4])
    torch.testing.assert_close(refined.offset_t0, SEARCH * leaky[:, 4:6].tanh())
    torch.testing.assert_close(refined.offset_t1, SEARCH * leaky[:, 6:8].tanh())


@pytest.mark.parametrize("dtype", [torch.bfloat16, pytest.param(torch.float16, marks=pytest.mark.slow)])
@pytest.mark.slow
def test_half_precision_keeps_flows_and_frames(eqvi: EqviInterpolator, dtype: torch.dtype) -> None:
    """On the CPU, in the same arithmetic as on a GPU."""
    model = same_again(eqvi)
    model.set_precision(dtype)
    assert model.precision == dtype
    assert model.dtype == torch.float32
    assert next(model.flownet.parameters()).dtype == torch.float32
    window = window_of(clip(4, 64, 64))
    whole, half = eqvi.interpolate_window(window, [0.5])[0], model.interpolate_window(window, [0.5])[0]
    assert float(psnr(half, whole)) > 45  # synthetic weights magnify; released ones are asked for 50


def test_motion_has_no_gradient_and_refinement_has(eqvi: EqviInterpolator) -> None:
    window = window_of(clip(4, 32, 32))
    motion = eqvi.estimate_motion(window)
    assert not motion.flows.flow_01.requires_grad
    assert eqvi(window, HALF).frame.requires_grad


def test_fusion_trains_its_own_network_alone(ms_fusion: MsFusionInterpolator) -> None:
    ms_fusion(window_of(clip(2, 64, 64)), HALF).frame.sum().backward()
    trained = {name for name, parameter in ms_fusion.named_parameters() if parameter.grad is not None}
    assert trained == {f"fusion.conv{i}.{kind}" for i in (1, 2, 3) for kind in ("weight", "bias")}
    ms_fusion.zero_grad(set_to_none=True)


def test_halving_is_bilinear_resizing() -> None:
    frames = torch.rand(2, 1, 3, 8, 12)
    small = halve(Window.from_frames([frames[0], frames[1]], keys=(1, 2)))
    for given, result in zip(frames, (small.start, small.end), strict=True):
        expected = torch.nn.functional.interpolate(given, scale_factor=0.5, mode="bilinear")
        torch.testing.assert_close(result, expected)
    assert small.prev is None
    assert small.key("start") != 1


def test_the_parameters_are_those_of_the_paper(ms_fusion: MsFusionInterpolator) -> None:
    def count(module: torch.nn.Module) -> int:
        return sum(parameter.numel() for parameter in module.parameters())

    eqvi = ms_fusion.eqvi
    sizes = [count(module) for module in (eqvi.refinenet, eqvi.synthesisnet, eqvi.masknet, ms_fusion.fusion)]
    assert sizes == [19_817_224, 1_847_075, 35_201, 11_297]


def same_again(model: EqviInterpolator) -> EqviInterpolator:
    """A copy that may be changed."""
    copy = build_eqvi().eval()
    copy.load_state_dict(model.state_dict())
    return copy.to(model.device)


@pytest.mark.parametrize(
    "how",
    [
        {"channels_last": True},
        pytest.param({"compile_networks": True}, marks=pytest.mark.slow),
    ],
    ids=["channels_last", "compiled"],
)
@pytest.mark.slow
def test_acceleration_changes_no_number(eqvi: EqviInterpolator, how: dict[str, bool]) -> None:
    if "compile_networks" in how and shutil.which("g++") is None:
        pytest.skip("torch.compile needs a compiler on a CPU: no g++ here")
    window = window_of(clip(4, 32, 64))
    fast = same_again(eqvi)
    fast.accelerate(**how)
    result, expected = fast.interpolate_window(window, [0.5])[0], eqvi.interpolate_window(window, [0.5])[0]
    assert_matches_eqvi(result, expected, has_threshold=True)


@pytest.mark.gpu
class TestGpu:
    @pytest.mark.parametrize("size", [(1080, 1920), (2160, 3840)])
    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
    def test_half_precision_is_50_db_near(
        self, natural_clip: Path, dtype: torch.dtype, size: tuple[int, int]
    ) -> None:
        """On natural frames, with weights of the initialisation: the golden ones magnify every rounding."""
        window = natural_window(natural_clip, *size)
        torch.manual_seed(0)
        whole = build_eqvi().eval().cuda()
        half = same_again(whole)
        half.set_precision(dtype)
        result, expected = (
            half.interpolate_window(window, [0.5])[0],
            whole.interpolate_window(window, [0.5])[0],
        )
        assert float(psnr(result, expected)) > 50

    def test_gpu_agrees_with_cpu(self, eqvi: EqviInterpolator) -> None:
        window = window_of(clip(4, 96, 128))
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            (result,) = same_again(eqvi).cuda().interpolate_window(window, [0.5])
        (expected,) = eqvi.interpolate_window(window, [0.5])
        assert_matches_eqvi(result.cpu(), expected, has_threshold=True)

    @pytest.mark.parametrize("how", [{"channels_last": True}, {"compile_networks": True}], ids=str)
    def test_acceleration_changes_no_number(self, natural_clip: Path, how: dict[str, bool]) -> None:
        window = natural_window(natural_clip, 360, 640)
        torch.manual_seed(0)
        plain = build_eqvi().eval().cuda()
        fast = same_again(plain)
        fast.accelerate(**how)
        result, expected = (
            fast.interpolate_window(window, [0.5])[0],
            plain.interpolate_window(window, [0.5])[0],
        )
        assert float(psnr(result, expected)) > 60
