"""SGM-VFI against all its reference vectors, with weights from files like the released ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.support.golden import assert_matches_sgm_set, clip, load_sgm_manifest
from tests.support.golden_recipe import synthetic_array
from tests.support.official_files import SgmKind
from tests.support.sgm_pairs import at, load, pair, synthesize
from vfi.base.ensemble import Ensemble, members_of
from vfi.engine.losses import sgm_loss
from vfi.models.sgm import SgmInterpolator, SgmSettings
from vfi.models.sgm.types import FlowSteps, SgmFlow, SgmMotion
from vfi.types import Interpolation, Window

Official = Callable[[SgmKind], Path]


@pytest.fixture(scope="module")
def base(official_sgm: Official) -> SgmInterpolator:
    return load("sgm.base", official_sgm("full_base"))


def golden_clip(height: int, width: int, seed: int) -> tuple[Window, Tensor]:
    """The pair of a set of vectors, in its order of channels, and the frame between them."""
    return pair(height, width, seed), clip(3, height, width, seed)[1:2]


def every(step: int, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The vectors by name; some are subsampled images."""
    return {f"{name}_s{step}": tensor[..., ::step, ::step].detach() for name, tensor in tensors.items()}


def flow_of(steps: FlowSteps) -> SgmFlow:
    """The flow at full size, where it was estimated."""
    return SgmFlow(steps.final, None, None)


def flow_vectors(motion: SgmMotion, steps: FlowSteps) -> dict[str, Tensor]:
    """The vectors of the whole model except the frame."""
    matching = steps.matching
    assert matching is not None
    assert motion.matching is not None
    complete = {"flow": steps.final.flow, "mask": steps.final.mask_logit}
    found = {
        "init_flow_s": steps.flow_s8,
        "flow_match": matching.flow_match,
        "flow_fix": matching.flow_shifted,
        "flow_r": matching.flow_filled,
        "flow_merge": torch.cat(matching.flow_merged.chunk(2, dim=1)),
        "trans_feat_c8": motion.matching[:, ::8],
        **complete,
        **every(
            4,
            {
                "init_flow": steps.local.flow,
                "init_mask": steps.local.mask_logit,
                "flow_t": matching.correction.flow,
                "mask_t": matching.correction.mask_logit,
                **complete,
            },
        ),
    }
    for name, value in (
        ("imap", matching.importance),
        ("imap_s", matching.importance_s8),
        ("kp_ind_sorted", matching.points),
        ("warp_map", matching.hits),
    ):
        if value is not None:
            found[name] = value
    return found


def training_vectors(result: Interpolation) -> dict[str, Tensor]:
    """The vectors of a training forward."""
    steps = result.intermediates
    assert steps is not None
    found: dict[str, Tensor] = every(2, {"pred": result.frame})
    for name, step, items in (
        ("flow", 4, steps.flows),
        ("mask", 4, steps.masks),
        ("merged", 2, steps.merged),
    ):
        found |= every(step, {f"{name}{i}": item for i, item in enumerate(items)})
    return found


@torch.inference_mode()
def test_attention(small: SgmInterpolator) -> None:
    found: dict[str, Tensor] = {}
    for height, width in ((10, 9), (14, 14)):
        name = f"{height}x{width}"
        array = synthetic_array(f"attention/{name}", [4, height * width, 128], -2, 2)
        tokens = torch.from_numpy(array).unflatten(1, (height, width))
        for number, block in enumerate(small.feature_bone.block4[:2]):
            found[f"out_{name}_blk{number}"] = block(tokens).flatten(1, 2)[..., ::4]
    assert_matches_sgm_set("attention", found)


@pytest.mark.parametrize("size", ["small", pytest.param("base", marks=pytest.mark.slow)])
@torch.inference_mode()
def test_features(size: str, request: pytest.FixtureRequest) -> None:
    model: SgmInterpolator = request.getfixturevalue(size)
    window, _ = golden_clip(64, 96, 4)
    finest, half, quarter = model.feature_bone.pyramid(torch.cat((window.start, window.end)))
    tokens = model.feature_bone.patch_embed4(quarter)
    found = {"af2": quarter, "af3": model.feature_bone.pair(*tokens.chunk(2))}
    found |= {"af0_s4": finest[..., ::4, ::4], "af1_s2": half[..., ::2, ::2]}
    assert_matches_sgm_set(f"features_{size}", found)


@pytest.mark.parametrize("size", ["small", pytest.param("base", marks=pytest.mark.slow)])
@torch.inference_mode()
def test_local_model(size: SgmKind, official_sgm: Official, request: pytest.FixtureRequest) -> None:
    if size == "small":
        model = request.getfixturevalue("local_small")
    else:
        model = load("sgm.local_base", official_sgm("local_base"))
    window, _ = golden_clip(128, 192, 2)
    motion = model.estimate_motion(window)
    found = {f"fwd_{name}": value for name, value in training_vectors(model(window, at(0.25))).items()}
    for number, t in enumerate((0.5, 0.25)):
        steps = model.flow_steps(motion, at(t))
        frame = synthesize(model, window, t, motion, flow_of(steps)).frame
        found |= {
            f"t{number}_flow_s4": steps.final.flow[..., ::4, ::4],
            f"t{number}_mask_s4": steps.final.mask_logit[..., ::4, ::4],
            f"t{number}_init_flow_eighth": steps.flow_s8,
            f"t{number}_pred": frame,
            f"t{number}_pred_s2": frame[..., ::2, ::2],
        }
    assert_matches_sgm_set(f"local_{size}", found)


class TestWholeModel:
    @pytest.mark.parametrize(("number", "points"), [(0, 0.5), (1, 0.125), (2, "all")])
    @torch.inference_mode()
    def test_all_points_and_times(
        self, small: SgmInterpolator, settings_of_small: Callable[..., None], number: int, points: float | str
    ) -> None:
        settings_of_small(points=points)
        window, _ = golden_clip(272, 160, 5)
        motion = small.estimate_motion(window)
        for time, t in enumerate((0.5, 0.25)):
            steps = small.flow_steps(motion, at(t))
            frame = synthesize(small, window, t, motion, flow_of(steps)).frame
            found = flow_vectors(motion, steps)
            found |= {"pred": frame, **every(2, {"pred": frame})}
            assert_matches_sgm_set(f"full_small_t{time}_k{number}", found)

    @torch.inference_mode()
    def test_base(self, base: SgmInterpolator) -> None:
        window, _ = golden_clip(272, 160, 7)
        motion = base.estimate_motion(window)
        steps = base.flow_steps(motion, at(0.5))
        frame = synthesize(base, window, 0.5, motion, flow_of(steps)).frame
        found = flow_vectors(motion, steps) | every(2, {"pred": frame})
        assert_matches_sgm_set("full_base", found)

    @torch.inference_mode()
    def test_few_rows_are_matched_at_all_positions(self, small: SgmInterpolator) -> None:
        window, _ = golden_clip(128, 160, 3)
        motion = small.estimate_motion(window)
        steps = small.flow_steps(motion, at(0.5))
        found = flow_vectors(motion, steps)
        assert "imap" not in found
        found |= every(2, {"pred": synthesize(small, window, 0.5, motion, flow_of(steps)).frame})
        assert_matches_sgm_set("full_small_low", found)

    @torch.inference_mode()
    def test_matching_features_are_half_a_cell_off_at_odd_multiples_of_8(
        self, small: SgmInterpolator
    ) -> None:
        """Reproduced: frames are padded on both sides, features are cropped on one."""
        window, _ = golden_clip(272, 168, 15)
        motion = small.estimate_motion(window)
        assert small.gmflow is not None
        whole = small.gmflow.pair(motion.encoded_0.matching, motion.encoded_1.matching)
        found = flow_vectors(motion, small.flow_steps(motion, at(0.5))) | {"trans_feat_c8": whole[:, ::8]}
        assert whole.shape[-1] == 22
        assert motion.matching is not None
        assert torch.equal(motion.matching, whole[..., :21])
        assert_matches_sgm_set("full_small_odd", found)


class TestInferenceModes:
    @torch.inference_mode()
    @pytest.mark.slow
    def test_flow_at_half_the_size(
        self, small: SgmInterpolator, settings_of_small: Callable[..., None]
    ) -> None:
        settings_of_small(down_scale=0.5)
        window, _ = golden_clip(544, 320, 33)
        motion = small.estimate_motion(window)
        matching = small.flow_steps(motion, at(0.375)).matching
        assert matching is not None
        assert matching.points is not None
        assert matching.importance_s8 is not None
        found = every(3, {"pred": synthesize(small, window, 0.375, motion).frame})
        found |= {"kp_ind_sorted": matching.points, "imap_s": matching.importance_s8}
        assert_matches_sgm_set("inference_hr", found)

    @pytest.mark.slow
    def test_flow_at_four_fifths(
        self, small: SgmInterpolator, settings_of_small: Callable[..., None]
    ) -> None:
        """Through the public call, in RGB and without padding."""
        settings_of_small(down_scale=0.8)
        window, _ = golden_clip(320, 240, 32)
        shown = Window(window.start.flip(1), window.end.flip(1))
        frame = small.interpolate_window(shown, [0.5])[0].flip(1)
        assert_matches_sgm_set(
            "inference_hr08", every(2, {"pred": frame}) | {"pred_s2": frame[..., ::2, ::2]}
        )

    @torch.inference_mode()
    @pytest.mark.slow
    def test_ensemble_and_the_time_of_the_matching(
        self, small: SgmInterpolator, settings_of_small: Callable[..., None]
    ) -> None:
        """The authors' test-time augmentation is the mean with frames rotated by 180 degrees."""
        window, _ = golden_clip(128, 160, 33)

        def frame(model: SgmInterpolator | Ensemble, t: float) -> Tensor:
            return model(window, at(t)).frame[..., ::2, ::2]

        plain, quarter = frame(small, 0.5), frame(small, 0.25)
        both = frame(Ensemble(small, members_of(["turn_test"])), 0.5)
        settings_of_small(matching_time=0.5)
        found = {"hr": plain, "inf": frame(small, 0.5), "hr_t025": quarter, "inf_t025": frame(small, 0.25)}
        found |= dict.fromkeys(("hr_tta", "hr_fast_tta", "inf_tta", "inf_fast_tta"), both)
        assert_matches_sgm_set("inference_tta", found)
        assert torch.equal(found["hr"], found["inf"])
        assert float((found["hr_t025"] - found["inf_t025"]).abs().max()) > 0.1


class TestTraining:
    """Losses and the norm of every gradient."""

    @pytest.mark.slow
    def test_stage_1(self, official_sgm: Official) -> None:
        model = load("sgm.local_small", official_sgm("local_small")).train()
        assert_trains_like("train_local", model, golden_clip(128, 192, 2), t=0.5)

    @pytest.mark.slow
    def test_stage_2(self, official_sgm: Official) -> None:
        """Matching features are frozen; gradients of the local branch are not compared."""
        model = load("sgm.small", official_sgm("full_small")).train()
        model.settings = SgmSettings(matching_time=0.5)
        assert isinstance(model.gmflow, torch.nn.Module)
        model.gmflow.requires_grad_(False)
        result = assert_trains_like("train_forward", model, golden_clip(288, 160, 5), t=0.25)
        assert_matches_sgm_set("train_forward", training_vectors(result))


def assert_trains_like(
    name: str, model: SgmInterpolator, pair: tuple[Window, Tensor], *, t: float
) -> Interpolation:
    """Compare losses and gradients with those of the manifest, and return the outputs."""
    window, truth = pair
    result = model(window, at(t))
    assert result.intermediates is not None
    loss = sgm_loss(result.frame, result.intermediates.merged, truth)
    loss.total.backward()
    known = {key: entry["value"] for key, entry in load_sgm_manifest(name)["scalars"].items()}
    losses = {"loss": loss.total, "lap_pred": loss.frame}
    losses |= {f"lap_merged{i}": term for i, term in enumerate(loss.merged)}
    assert {key: float(value.detach()) for key, value in losses.items()} == pytest.approx(
        {key: known[key] for key in losses}, rel=2e-5
    )
    norms = {
        f"gradnorm/{key}": float(parameter.grad.norm())
        for key, parameter in model.named_parameters()
        if parameter.grad is not None
    }
    wanted = {key: value for key, value in known.items() if key.startswith("gradnorm/")}
    assert wanted
    # The largest error of the reference itself is 4e-3, relative.
    assert {key: norms[key] for key in wanted} == pytest.approx(wanted, rel=4e-3, abs=1e-9)
    return result
