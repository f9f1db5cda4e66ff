"""Files are recognised by their keys, renamed to ours, and loaded completely or not at all."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from tests.support.official_files import official_keys
from tests.support.small_checkpoints import HORIZONTAL, SmallEqvi, SmallFusion, equal_weights, official
from vfi.checkpoints import load_weights, open_checkpoint
from vfi.checkpoints.families import FAMILIES, common_prefix, recognise_keys
from vfi.checkpoints.loading import compare_shapes, group_keys
from vfi.errors import ModelError
from vfi.registry import SPECS

NETWORKS: dict[str, Callable[[], Any]] = {"eqvi": SmallEqvi, "ms_fusion": SmallFusion}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "weights.bin"


def write(path: Path, state: dict[str, Tensor]) -> Path:
    torch.save({"model_state_dict": OrderedDict(state)}, path)
    return path


class TestNames:
    @pytest.mark.parametrize("kind", ["eqvi", "ms_fusion", "scopeflow"])
    def test_released_files_are_recognised(self, kind: Any) -> None:
        family = recognise_keys(entry["key"] for entry in official_keys(kind)["keys"])
        assert family is not None
        assert family.name == kind

    @pytest.mark.parametrize("kind", NETWORKS)
    def test_ours_are_recognised_too(self, kind: str) -> None:
        family = recognise_keys(NETWORKS[kind]().state_dict())
        assert family is not None
        assert family.name == kind

    @pytest.mark.parametrize("keys", [[], ["backbone.x", "head.y"], ["masknet.x", "head.y"]])
    def test_unknown_keys_are_not_recognised(self, keys: list[str]) -> None:
        assert recognise_keys(keys) is None

    @pytest.mark.parametrize(
        ("keys", "prefix"),
        [
            (["module.a", "module.b"], "module."),
            (["_model.module.a.b", "_model.module.c"], "_model.module."),
            (["module.module.a"], "module.module."),
            (["module.a", "b"], ""),
            (["modules.a"], ""),
            ([], ""),
        ],
    )
    def test_prefixes_that_all_keys_have(self, keys: list[str], prefix: str) -> None:
        assert common_prefix(keys) == prefix

    def test_every_family_is_used_and_every_file_has_one(self) -> None:
        used = {spec.checkpoint.family for spec in SPECS if spec.checkpoint}
        assert used == {family.name for family in FAMILIES}


class TestLoading:
    @pytest.mark.parametrize("prefix", ["module.", "_model.module.", ""])
    @pytest.mark.parametrize("kind", NETWORKS)
    def test_official_names(self, path: Path, kind: str, prefix: str) -> None:
        source, target = NETWORKS[kind](), NETWORKS[kind]()
        checkpoint = load_weights(target, write(path, official(source, prefix)), kind)
        assert equal_weights(source, target)
        assert checkpoint.prefix == prefix
        assert any("acc.flownet.* (2) is left out: it repeats" in note for note in checkpoint.notes)
        assert sum("get_grad" in note for note in checkpoint.notes) == 2

    @pytest.mark.parametrize("kind", NETWORKS)
    @pytest.mark.parametrize("converted", [False, True])
    def test_our_names(self, path: Path, kind: str, converted: bool) -> None:
        source, target = NETWORKS[kind](), NETWORKS[kind]()
        if converted:
            save_file(source.state_dict(), path)
        else:
            torch.save(source.state_dict(), path)
        assert load_weights(target, path, kind).notes == ()
        assert equal_weights(source, target)

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
    def test_other_precisions_become_float32(self, path: Path, dtype: torch.dtype) -> None:
        source, target = SmallEqvi().to(dtype), SmallEqvi()
        load_weights(target, write(path, official(source)), "eqvi")
        assert equal_weights(source.float(), target)
        assert all(tensor.dtype == torch.float32 for tensor in target.state_dict().values())

    def test_weights_that_are_views_of_one_memory(self, path: Path) -> None:
        source, target = SmallEqvi(), SmallEqvi()
        nn.utils.parameters_to_vector(source.parameters())
        flat = nn.utils.parameters_to_vector(source.parameters()).detach()
        views, start = {}, 0
        for name, tensor in source.state_dict().items():
            views[name] = flat[start : start + tensor.numel()].view(tensor.shape)
            start += tensor.numel()
        load_weights(target, write(path, views), "eqvi")
        assert equal_weights(source, target)

    def test_scalars_of_the_bilateral_mask(self, path: Path, official_scopeflow: Path) -> None:
        from vfi.models.flow.irr_pwc.model import build_irr_pwc

        container = torch.load(official_scopeflow, map_location="cpu", weights_only=False)
        extra = {f"_model.module.refine_flow.{name}": torch.ones(1) for name in ("gamma", "alpha")}
        checkpoint = load_weights(
            build_irr_pwc(), write(path, {**container["state_dict"], **extra}), "scopeflow"
        )
        assert len(checkpoint.notes) == 2
        assert all("a scalar of models with a bilateral mask" in note for note in checkpoint.notes)


def changed(key: str, change: Callable[[Tensor], Tensor]) -> Callable[[dict[str, Tensor]], dict[str, Tensor]]:
    return lambda state: {**state, key: change(state[key])}


def without(start: str) -> Callable[[dict[str, Tensor]], dict[str, Tensor]]:
    return lambda state: {key: tensor for key, tensor in state.items() if not key.startswith(start)}


class TestRefusal:
    @pytest.mark.parametrize(
        ("change", "sentence"),
        [
            (
                without("module.masknet."),
                r"looks like an EQVI checkpoint, but .* 4 of 8 keys are missing \(masknet\.\* \(4\)\)",
            ),
            (without("module.refinenet.bias"), r"1 of 8 keys are missing \(refinenet\.bias\)"),
            (
                lambda state: {**state, "module.refinenet.extra": torch.ones(1)},
                r"1 are unexpected \(refinenet\.extra\)",
            ),
            (
                changed("module.refinenet.weight", lambda tensor: tensor[:1]),
                r"1 have another shape \(refinenet\.weight is \[1, 2\], must be \[2, 2\]\)",
            ),
            # No release contains the copy without its original.
            (without("module.flownet."), r"2 of 8 keys are missing .* 2 are unexpected \(acc\.\* \(2\)\)"),
            (
                changed("module.acc.flownet.0.bias", lambda tensor: tensor + 1),
                r"acc\.flownet\.0\.bias and flownet\.0\.bias must be the same but differ",
            ),
            (
                changed("module.get_grad.weight_v", lambda tensor: 2 * tensor),
                r"its get_grad\.weight_v is not the constant",
            ),
            (
                changed("module.get_grad.weight_v", lambda tensor: HORIZONTAL),
                r"its get_grad\.weight_v is not the constant",
            ),
            (
                changed("module.get_grad.weight_h", lambda tensor: torch.ones(2)),
                r"its get_grad\.weight_h is not the constant",
            ),
            (
                changed("module.masknet.0.bias", lambda tensor: tensor * torch.nan),
                r"its masknet\.0\.bias holds NaN or infinity",
            ),
            (
                changed("module.masknet.0.bias", lambda tensor: tensor.half() + torch.inf),
                r"its masknet\.0\.bias holds NaN or infinity",
            ),
            (
                changed("module.masknet.0.bias", lambda tensor: tensor.long()),
                r"its masknet\.0\.bias holds numbers of type int64",
            ),
            (
                changed("module.masknet.0.bias", lambda tensor: tensor.to(torch.complex64)),
                r"its masknet\.0\.bias holds numbers of type complex64",
            ),
        ],
    )
    def test_files_that_are_not_right(self, path: Path, change: Any, sentence: str) -> None:
        write(path, change(official(SmallEqvi())))
        network = SmallEqvi()
        before = {key: tensor.clone() for key, tensor in network.state_dict().items()}
        with pytest.raises(ModelError, match=sentence) as caught:
            load_weights(network, path, "eqvi")
        assert str(path) in str(caught.value)
        assert str(caught.value).count(". ") == 0, "one sentence"
        assert all(torch.equal(tensor, before[key]) for key, tensor in network.state_dict().items())

    def test_some_keys_with_prefix_and_some_without(self, path: Path) -> None:
        state = official(SmallEqvi())
        mixed = {key.removeprefix("module.") if "masknet" in key else key: state[key] for key in state}
        with pytest.raises(ModelError, match="belongs to no model that is known"):
            load_weights(SmallEqvi(), write(path, mixed), "eqvi")

    def test_two_names_for_one_tensor(self, path: Path) -> None:
        state = {**official(SmallFusion(), ""), "fusion.bias": torch.ones(1)}
        with pytest.raises(ModelError, match=r"holds fusion\.bias twice, under two names"):
            load_weights(SmallFusion(), write(path, state), "ms_fusion")

    def test_files_of_other_models(self, path: Path) -> None:
        write(path, official(SmallFusion()))
        with pytest.raises(
            ModelError, match=r"is an MS-Fusion checkpoint, not an EQVI checkpoint: load it as eqvi\.stage4"
        ):
            load_weights(SmallEqvi(), path, "eqvi")

    def test_files_of_no_known_model(self, path: Path) -> None:
        write(path, nn.Sequential(OrderedDict(backbone=nn.Linear(1, 1), head=nn.Linear(1, 1))).state_dict())
        with pytest.raises(
            ModelError,
            match=r"belongs to no model that is known here: its keys begin with backbone, head "
            r"\(known are eqvi, ms_fusion, scopeflow, raft, .*sgm_base.*\)",
        ):
            open_checkpoint(path)


SHAPES = {
    "a.conv.weight": (2, 3),
    "a.conv.bias": (2,),
    "a.up.weight": (1,),
    "b.weight": (1,),
    "b.bias": (1,),
}


@pytest.mark.parametrize(
    ("chosen", "written"),
    [
        ([], []),
        (list(SHAPES), ["a.* (3)", "b.* (2)"]),
        (["a.conv.bias", "a.conv.weight"], ["a.conv.* (2)"]),
        (["a.conv.bias", "b.bias"], ["a.conv.bias", "b.bias"]),
        (["a.up.weight"], ["a.up.weight"]),
    ],
)
def test_whole_branches_are_taken_together(chosen: list[str], written: list[str]) -> None:
    assert group_keys(chosen, SHAPES) == written


def test_a_name_that_begins_like_another() -> None:
    among = ["conv_1x1.0.bias", "conv_1x1_1.0.bias", "a", "a.b"]
    assert group_keys(["conv_1x1.0.bias"], among) == ["conv_1x1.0.bias"]
    assert group_keys(["a.b"], among) == ["a.b"]
    assert group_keys(["a", "a.b"], among) == ["a.* (2)"]


def test_equal_keys_make_no_difference() -> None:
    difference = compare_shapes(SHAPES, SHAPES)
    assert not difference
    assert difference.count == 0
    assert difference.sentence() == ""


def test_every_kind_of_difference_is_reported() -> None:
    found = {**SHAPES, "a.conv.weight": (2, 5), "c.x": (1,), "c.y": (1,)}
    del found["a.up.weight"]
    difference = compare_shapes(found, SHAPES)
    assert difference.count == 4
    assert difference.sentence() == (
        "1 of 5 keys are missing (a.up.weight), 2 are unexpected (c.* (2)), "
        "1 have another shape (a.conv.weight is [2, 5], must be [2, 3])"
    )


def test_long_lists_are_shortened_unless_all_is_wanted() -> None:
    expected = {f"n{number}.w": (1,) for number in range(9)}
    difference = compare_shapes({}, expected)
    assert difference.sentence() == "9 of 9 keys are missing (n0.w, n1.w, n2.w, n3.w, and 5 more)"
    assert "n8.w" in difference.sentence(None)
