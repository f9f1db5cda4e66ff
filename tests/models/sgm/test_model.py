"""SGM-VFI as a model: reuse, tiles, sizes, times, alpha, precision, gradients."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.support.golden import assert_matches_eqvi, clip
from tests.support.natural_clips import natural_window
from tests.support.official_files import sgm_keys
from tests.support.sgm_pairs import at, pair, synthesize, window_of, windows
from vfi.base.ensemble import Ensemble, members_of
from vfi.evaluation.metrics import psnr
from vfi.models.sgm import (
    SgmInterpolator,
    SgmSettings,
    build_sgm,
)
from vfi.models.sgm.settings import padding_before
from vfi.ops import resize_flow
from vfi.types import FrameKeys, Window

Settings = Callable[..., None]


@pytest.fixture
def counted(small: SgmInterpolator, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Number of calls of each part of the small model."""
    calls: Counter[str] = Counter()

    def count(owner: Any, name: str, label: str) -> None:
        method = getattr(owner, name)

        def counting(*arguments: Any, **keywords: Any) -> Any:
            calls[label] += 1
            return method(*arguments, **keywords)

        monkeypatch.setattr(owner, name, counting)

    for owner, label in ((small.feature_bone, "features"), (small.gmflow, "matching")):
        count(owner, "encode", f"{label} of a frame")
        count(owner, "pair", f"{label} of a pair")
    count(small.contextnet, "forward", "context")
    count(small.unet, "forward", "synthesis")
    count(small.coarse_block, "precompute", "static response to a pair")
    count(small.coarse_block, "forward", "flow")
    return calls


class TestReuse:
    """Number of computations of each kind in a clip."""

    @pytest.mark.parametrize("inter_frames", [1, 3])
    @pytest.mark.parametrize("count", [2, 5])
    def test_a_clip_takes_each_frame_and_each_pair_once(
        self, small: SgmInterpolator, counted: Counter[str], count: int, inter_frames: int
    ) -> None:
        times = [k / (inter_frames + 1) for k in range(1, inter_frames + 1)]
        for window in windows(clip(count, 32, 32), object()):
            assert len(small.interpolate_window(window, times)) == inter_frames
        assert counted == {
            "features of a frame": count,
            "matching of a frame": count,
            "context": count,
            "features of a pair": count - 1,
            "matching of a pair": count - 1,
            "static response to a pair": count - 1,
            "flow": (count - 1) * inter_frames,
            "synthesis": (count - 1) * inter_frames,
        }

    def test_ensembles_reuse_results(self, small: SgmInterpolator, counted: Counter[str]) -> None:
        """Two views, each of which reuses its results of the pair before."""
        model = Ensemble(small, members_of(["turn_test"]))
        try:
            for window in windows(clip(4, 32, 32), object()):
                model.interpolate_window(window, [0.5])
        finally:
            small.reserve_cache(1)
        assert counted["features of a frame"] == counted["context"] == 2 * 4
        assert counted["features of a pair"] == 2 * 3

    def test_reuse_changes_no_frame(self, small: SgmInterpolator) -> None:
        for window in windows(clip(3, 48, 64), object()):
            shared = small.interpolate_window(window, [0.3])
            alone = small.interpolate_window(window.without_keys(), [0.3])
            assert torch.equal(shared[0], alone[0])

    def test_another_scale_is_not_taken_for_the_same(
        self, small: SgmInterpolator, settings_of_small: Settings
    ) -> None:
        window = next(windows(clip(2, 64, 64), object()))
        small.interpolate_window(window, [0.5])
        settings_of_small(down_scale=0.5)
        shared, alone = (small.interpolate_window(w, [0.5])[0] for w in (window, window.without_keys()))
        assert torch.equal(shared, alone)

    def test_caches_stay_small(self, small: SgmInterpolator) -> None:
        for window in windows(clip(5, 32, 32), object()):
            small.interpolate_window(window, [0.5])
        assert len(small._encoded) == len(small._contexts) == 2

    @torch.inference_mode()
    def test_alpha_takes_the_flow_of_the_colours(self, small: SgmInterpolator, counted: Counter[str]) -> None:
        frames = clip(3, 32, 48)
        window = window_of(*(torch.cat((f, f[:, :1]), dim=1) for f in (frames[:1], frames[2:])))
        small.interpolate_window(window, [0.25, 0.5])
        assert counted["flow"] == 2
        assert counted["synthesis"] == 4
        assert counted["context"] == 4


class TestOneFlowPerTime:
    """Alpha, tiles and reversed members repeat the synthesis only."""

    def test_alpha_and_tiles_ask_for_none(self, small: SgmInterpolator, counted: Counter[str]) -> None:
        small.interpolate_window(window_of(*torch.rand(2, 1, 4, 48, 64)), [0.25, 0.5], tile=16)
        assert counted["flow"] == 2
        assert counted["synthesis"] == 2 * 2 * 3

    def test_reversed_members_ask_for_one_each(self, small: SgmInterpolator, counted: Counter[str]) -> None:
        model = Ensemble(small, members_of(["reverse_test"]))
        model.interpolate_window(window_of(*torch.rand(2, 1, 4, 48, 64)), [0.25, 0.5])
        assert counted["flow"] == 2 * 2
        assert counted["synthesis"] == 2 * 2 * 2
        small.reserve_cache(1)

    def test_diagnostics_ask_for_one(self, small: SgmInterpolator, counted: Counter[str]) -> None:
        small.diagnostics(pair(48, 64), 0.5)
        assert counted["flow"] == counted["synthesis"] == 1


class TestSymmetry:
    """The networks depend on the order of the frames; the functions without weights do not."""

    @pytest.mark.parametrize("points", ["1/2", "all"])
    @torch.inference_mode()
    def test_swapped_frames_have_swapped_features(
        self, small: SgmInterpolator, settings_of_small: Settings, points: str
    ) -> None:
        settings_of_small(points=points, dense_height=0)
        window = pair(48, 64)
        there = small.estimate_motion(window)
        back = small.estimate_motion(window.reversed())
        for first, second in ((there.matching, back.matching), (there.flow_match, back.flow_match)):
            if first is None or second is None:
                assert points == "1/2"
                assert first is second
                continue
            torch.testing.assert_close(second, first.roll(1, dims=0), rtol=0, atol=2e-4)

    @torch.inference_mode()
    def test_swapped_frames_and_times_have_swapped_matches(self, small: SgmInterpolator) -> None:
        """Given one initial flow, the shifted matches at t are those of the swapped frames at 1 - t."""
        window = pair(48, 64)
        motion = small.estimate_motion(window)
        assert motion.flow_match is not None
        there = small.flow_steps(motion, at(0.25)).matching
        back = small.flow_steps(
            motion._replace(flow_match=motion.flow_match.roll(1, dims=0)), at(0.75)
        ).matching
        assert there is not None
        assert back is not None
        torch.testing.assert_close(back.flow_shifted, there.flow_shifted.roll(1, dims=0))


class TestTimes:
    def test_several_equal_one_at_a_time(self, small: SgmInterpolator) -> None:
        window, times = pair(48, 64), [0.125, 0.5, 0.75]
        together = small.interpolate_window(window, times)
        alone = [small.interpolate_window(window, [t])[0] for t in times]
        assert all(torch.equal(a, b) for a, b in zip(together, alone, strict=True))
        assert float((together[0] - together[2]).abs().max()) > 0.01

    @torch.inference_mode()
    def test_a_time_for_each_sample(self, small: SgmInterpolator, settings_of_small: Settings) -> None:
        settings_of_small(points=0.5, dense_height=0)
        first, second = pair(48, 64, seed=3), pair(48, 64, seed=4)
        both = window_of(torch.cat((first.start, second.start)), torch.cat((first.end, second.end)))
        together = small(both, torch.tensor([0.25, 0.75]))
        for i, (window, t) in enumerate(((first, 0.25), (second, 0.75))):
            alone = small(window, at(t))
            torch.testing.assert_close(together.frame[i : i + 1], alone.frame, rtol=0, atol=1e-4)
            torch.testing.assert_close(together.flow_t0[i : i + 1], alone.flow_t0, rtol=0, atol=2e-3)

    @torch.inference_mode()
    def test_matches_are_shifted_to_the_time_of_the_frame(
        self, small: SgmInterpolator, settings_of_small: Settings
    ) -> None:
        """With the option, as in the authors' training forward, they are at 0.5 for every t."""
        window = pair(48, 64)
        motion = small.estimate_motion(window)

        def shifted(t: float) -> Tensor:
            matching = small.flow_steps(motion, at(t)).matching
            assert matching is not None
            return matching.flow_shifted

        quarter, middle = shifted(0.25), shifted(0.5)
        assert float(quarter[:1].abs().mean()) < 0.8 * float(quarter[1:].abs().mean())
        settings_of_small(matching_time=0.5)
        assert torch.equal(shifted(0.25), middle)


class TestScale:
    @torch.inference_mode()
    def test_reduced_flow_is_in_pixels_of_the_frame(
        self, local_small: SgmInterpolator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(local_small, "settings", SgmSettings(down_scale=0.5))
        window = pair(112, 144)  # padded to 128 by 160 and halved
        motion = local_small.estimate_motion(window)
        assert motion.encoded_0.frame.shape == (1, 3, 64, 80)
        flow = local_small.flow_at(motion, at(0.5)).final
        final = local_small.flow_steps(motion, at(0.5)).final
        padding = padding_before(112, 144, local_small.settings.scale(112, 144))
        assert torch.equal(flow.flow, padding.unpad(resize_flow(final.flow, 128, 160)))
        assert flow.flow.shape == (1, 4, 112, 144)
        assert flow.mask_logit.shape == (1, 1, 112, 144)

    @torch.inference_mode()
    def test_large_frames_are_reduced(
        self, local_small: SgmInterpolator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("vfi.models.sgm.settings.LARGEST_FLOW", 64 * 80)
        motion = local_small.estimate_motion(pair(128, 160))
        assert motion.encoded_0.frame.shape == (1, 3, 64, 80)


class TestTiles:
    @torch.inference_mode()
    @pytest.mark.parametrize("tile", [16, 100])
    def test_tiles_change_nothing(self, local_small: SgmInterpolator, tile: int) -> None:
        window = pair(304, 48)
        whole, tiled = (local_small.interpolate_window(window, [0.4], tile=rows)[0] for rows in (None, tile))
        torch.testing.assert_close(tiled, whole, rtol=0, atol=2e-6)

    def test_memory_decides(self) -> None:
        small, base = build_sgm(matching=False), build_sgm(size="base", matching=False)
        for model in (small, base):
            enough = model.choose_tile(1088, 1920, 100 * 2**30)
            assert enough is None
            tile = model.choose_tile(2160, 3840, 8 * 2**30)
            assert tile is not None
            assert 64 <= tile < 2160
        assert base.memory_use(1088, 1920).per_pixel > small.memory_use(1088, 1920).per_pixel


@pytest.mark.parametrize("size", [(1, 1), (17, 90), (33, 63)])
@pytest.mark.parametrize("points", ["1/2", 0])
def test_any_size(
    small: SgmInterpolator, settings_of_small: Settings, points: float | str, size: tuple[int, int]
) -> None:
    settings_of_small(points=points, dense_height=0)
    result = small.interpolate_window(window_of(*torch.rand(2, 1, 3, *size)), [0.5])[0]
    assert result.shape == (1, 3, *size)
    assert 0 <= float(result.min()) <= float(result.max()) <= 1


def test_unsuitable_sizes_are_refused(local_small: SgmInterpolator) -> None:
    with pytest.raises(ValueError, match="both sides must be multiples of 8, but the frames are 20x16"):
        local_small.estimate_motion(window_of(*torch.rand(2, 1, 3, 16, 20)))
    window = window_of(*torch.rand(2, 1, 3, 16, 24))
    problem = "both sides must be multiples of 16, but the frames are 24x16"
    with torch.inference_mode(), pytest.raises(ValueError, match=problem):
        local_small(window, at(0.5))


@torch.inference_mode()
def test_no_points_leave_the_local_model(
    small: SgmInterpolator, local_small: SgmInterpolator, settings_of_small: Settings, counted: Counter[str]
) -> None:
    """The synthetic files have the same local weights."""
    settings_of_small(points=0)
    window = pair(48, 64)
    assert torch.equal(small(window, at(0.5)).frame, local_small(window, at(0.5)).frame)
    assert counted["matching of a frame"] == 0


def test_the_network_input_is_bgr(local_small: SgmInterpolator) -> None:
    window = pair(32, 48)
    swapped = window_of(window.start.flip(1), window.end.flip(1))
    with torch.inference_mode():
        inside = local_small(swapped, at(0.5)).frame
    assert torch.equal(local_small.interpolate_window(window, [0.5])[0], inside.flip(1))


def test_alpha_moves_along(small: SgmInterpolator) -> None:
    window = pair(32, 48)
    start, end = (frame[:, :1].expand(-1, 4, -1, -1) for frame in (window.start, window.end))
    result = small.interpolate_window(window_of(start, end)._replace(keys=FrameKeys(1, 2, 0, 3)), [0.5])[0]
    colours = small.interpolate_window(window_of(start[:, :3], end[:, :3]), [0.5])[0]
    torch.testing.assert_close(result[:, :3], colours)
    # Gray frames are the same in RGB and BGR, but the result is not gray: alpha is the red channel of the
    # network's result, which is blue for the caller.
    torch.testing.assert_close(result[:, 3], colours[:, 2], rtol=0, atol=1e-5)


def test_blend_is_the_weight_of_frame_0(local_small: SgmInterpolator) -> None:
    with torch.inference_mode():
        window = pair(32, 48)
        result = local_small(window, at(0.5))
        steps = local_small.flow_steps(local_small.estimate_motion(window), at(0.5))
    assert result.blend is not None
    assert result.coarse is not None
    torch.testing.assert_close(result.blend, steps.final.mask_logit.sigmoid())
    bright = window_of(torch.ones(1, 3, 32, 48), torch.zeros(1, 3, 32, 48))
    with torch.inference_mode():
        result = local_small(bright, at(0.5))
    assert result.blend is not None
    assert result.coarse is not None
    torch.testing.assert_close(result.coarse, result.blend.expand(-1, 3, -1, -1))


def test_what_was_matched_can_be_shown(small: SgmInterpolator, settings_of_small: Settings) -> None:
    settings_of_small(points="1/4", dense_height=0)
    found = small.diagnostics(pair(40, 56), 0.5)
    for number in (0, 1):
        assert found[f"importance_{number}"].shape == found[f"points_{number}"].shape == (1, 1, 40, 56)
        assert set(found[f"points_{number}"].unique().tolist()) == {0, 1}
    settings_of_small(points="all")
    assert "importance_0" not in small.diagnostics(pair(40, 56), 0.5)


class TestPrecision:
    @pytest.mark.parametrize("dtype", [torch.bfloat16, pytest.param(torch.float16, marks=pytest.mark.slow)])
    @pytest.mark.slow
    def test_halves_keep_flows_and_frames(self, small: SgmInterpolator, dtype: torch.dtype) -> None:
        """On the CPU, in the same arithmetic as on a GPU."""
        model = same_again(small)
        model.set_precision(dtype)
        assert model.precision == dtype
        assert model.dtype == torch.float32
        window = pair(64, 64)
        with torch.inference_mode():
            motion = model.estimate_motion(window)
            result = model(window, at(0.5))
        assert motion.matching is not None
        assert motion.matching.dtype == torch.float32
        assert result.flow_t0 is not None
        assert result.flow_t0.dtype == result.frame.dtype == torch.float32
        whole = small.interpolate_window(window, [0.5])[0]
        half = model.interpolate_window(window, [0.5])[0]
        # Synthetic weights magnify every rounding; those of the initialisation do not, see the GPU's test.
        assert float(psnr(half, whole)) > (45 if dtype == torch.bfloat16 else 60)

    @pytest.mark.parametrize(
        "how",
        [
            {"channels_last": True},
            pytest.param({"compile_networks": True}, marks=pytest.mark.slow),
        ],
        ids=["channels_last", "compiled"],
    )
    def test_acceleration_changes_no_number(self, small: SgmInterpolator, how: dict[str, bool]) -> None:
        if "compile_networks" in how and shutil.which("g++") is None:
            pytest.skip("torch.compile needs a compiler on a CPU: no g++ here")
        fast = same_again(small)
        fast.accelerate(**how)
        window = pair(32, 64)
        result, expected = (model.interpolate_window(window, [0.5])[0] for model in (fast, small))
        torch.testing.assert_close(result, expected, rtol=0, atol=1e-4)


class TestTraining:
    def test_the_matching_corrects_what_it_is_given(self, small: SgmInterpolator) -> None:
        """The compensation has no gradient with respect to the local branch; the final flow has one."""
        model = same_again(small)
        steps = model.flow_steps(model.estimate_motion(pair(32, 48)), at(0.5))
        assert steps.matching is not None
        steps.matching.correction.flow.sum().backward(retain_graph=True)
        trained = {name.partition(".")[0] for name, p in model.named_parameters() if p.grad is not None}
        assert trained == {"gmflow", "matching_block"}
        steps.final.flow.sum().backward()
        trained = {name.partition(".")[0] for name, p in model.named_parameters() if p.grad is not None}
        assert trained == {"gmflow", "matching_block", "feature_bone", "block"}

    def test_every_weight_of_the_local_model_is_trained(self, local_small: SgmInterpolator) -> None:
        model = build_sgm(matching=False)
        model.load_state_dict(local_small.state_dict())
        model(pair(32, 48), at(0.5)).frame.sum().backward()
        assert all(parameter.grad is not None for parameter in model.parameters())

    def test_the_lists_are_those_of_the_authors(self, small: SgmInterpolator) -> None:
        window = pair(32, 48)
        with torch.no_grad():
            result = small(window, at(0.25))
            plain = synthesize(small, window, 0.25, small.estimate_motion(window))
        assert result.intermediates is not None
        assert [len(listed) for listed in result.intermediates] == [2, 2, 3]
        assert torch.equal(result.frame, plain.frame)
        assert plain.coarse is not None
        assert torch.equal(result.intermediates.merged[1], plain.coarse)
        assert plain.intermediates is None


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"matching": False}, {"feature_bone": 1_006_512, "contextnet": 1_173_216, "unet": 11_816_035}),
        (
            {"size": "base", "matching": False},
            {"feature_bone": 5_568_352, "contextnet": 4_687_296, "unet": 47_233_219},
        ),
        ({}, {"block.0": 752_138, "block.1": 617_354, "matching_block.0.merge": 1_207_844}),
        (
            {"size": "base"},
            {"block.0": 1_047_050, "block.1": 764_810, "matching_block.0.refine_block": 332_554},
        ),
    ],
    ids=["local_small", "local_base", "full_small", "full_base"],
)
def test_parameters_are_those_of_the_released_files(
    options: dict[str, Any], parts: dict[str, int], request: pytest.FixtureRequest
) -> None:
    with torch.device("meta"):
        model = build_sgm(**options)
    for name, count in parts.items():
        assert sum(parameter.numel() for parameter in model.get_submodule(name).parameters()) == count
    listed = {key: tuple(entry["shape"]) for key, entry in sgm_keys(request.node.callspec.id).items()}
    assert {key: tuple(tensor.shape) for key, tensor in model.state_dict().items()} == listed


def same_again(model: SgmInterpolator) -> SgmInterpolator:
    """A copy of the small model that may be changed."""
    copy = build_sgm().eval()
    copy.load_state_dict(model.state_dict())
    return copy


def natural_pair(natural_clip: Path, height: int, width: int) -> Window:
    """Two adjacent frames of a clip, resized."""
    return natural_window(natural_clip, height, width)._replace(prev=None, next=None)


@pytest.mark.gpu
class TestGpu:
    def test_gpu_agrees_with_cpu(self, small: SgmInterpolator) -> None:
        window = pair(272, 160, seed=5)
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            (result,) = same_again(small).cuda().interpolate_window(window, [0.5])
        (expected,) = small.interpolate_window(window, [0.5])
        assert_matches_eqvi(result.cpu(), expected, has_threshold=True)

    @pytest.mark.parametrize("size", [(1080, 1920), (2160, 3840)])
    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
    def test_half_precision_is_50_db_near(
        self, natural_clip: Path, dtype: torch.dtype, size: tuple[int, int]
    ) -> None:
        """On natural frames, with weights of the initialisation: the golden ones magnify every rounding."""
        window = natural_pair(natural_clip, *size)
        torch.manual_seed(0)
        whole = build_sgm().eval().cuda()
        half = same_again(whole).cuda()
        half.set_precision(dtype)
        result, expected = (model.interpolate_window(window, [0.5])[0] for model in (half, whole))
        assert float(psnr(result, expected)) > 50

    @pytest.mark.parametrize("how", [{"channels_last": True}, {"compile_networks": True}], ids=str)
    def test_acceleration_changes_no_number(self, natural_clip: Path, how: dict[str, bool]) -> None:
        window = natural_pair(natural_clip, 360, 640)
        torch.manual_seed(0)
        plain = build_sgm().eval().cuda()
        fast = same_again(plain).cuda()
        fast.accelerate(**how)
        result, expected = (model.interpolate_window(window, [0.5])[0] for model in (fast, plain))
        assert float(psnr(result, expected)) > 60

    def test_a_4k_pair_fits_in_12_gigabytes(self) -> None:
        """The flow at full size, half the positions matched, in tiles that such a card needs."""
        model = build_sgm(points="1/2", down_scale=1).eval().cuda()
        frames = torch.rand(2, 1, 3, 2160, 3840, device="cuda")
        torch.cuda.reset_peak_memory_stats()
        model.interpolate_window(window_of(frames[0], frames[1]), [0.5], tile=512)
        assert torch.cuda.max_memory_allocated() < 12 * 2**30
