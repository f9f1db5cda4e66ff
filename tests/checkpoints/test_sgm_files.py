"""SGM-VFI's files are distinguished by their keys, found in the authors' project, loaded strictly."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest
import torch

from tests.support.official_files import SgmKind, sgm_container, sgm_keys, sgm_weights
from vfi.checkpoints import load_weights, open_checkpoint
from vfi.checkpoints.families import recognise_keys
from vfi.errors import ModelError
from vfi.models.sgm import build_sgm
from vfi.registry import find, load_model, reference_states

Official = Callable[[SgmKind], Path]
Folders = dict[str, Path]
FAMILIES: dict[SgmKind, str] = {
    "local_small": "sgm_local_small",
    "local_base": "sgm_local_base",
    "full_small": "sgm_small",
    "full_base": "sgm_base",
}


@pytest.mark.parametrize("kind", FAMILIES)
def test_sizes_and_parts_are_distinguished_by_keys(kind: SgmKind) -> None:
    keys = [*sgm_keys(kind), "feature_bone.block4.1.attn_mask"]
    family = recognise_keys(keys)
    assert family is not None
    assert family.name == FAMILIES[kind]
    part = recognise_keys(key for key in keys if not key.startswith("contextnet."))
    assert part is family  # also where some are missing


@pytest.mark.parametrize("kind", FAMILIES)
def test_keys_of_each_model_are_those_of_the_files(kind: SgmKind) -> None:
    (names, state), *others = reference_states(FAMILIES[kind]).items()
    assert not others
    size = kind.partition("_")[2]
    points = "" if kind.startswith("local") else f", sgm.{size}_quarter, sgm.{size}_eighth"
    assert names == f"sgm.{kind if kind.startswith('local') else size}{points}"
    assert {key: list(tensor.shape) for key, tensor in state.items()} == {
        key: entry["shape"] for key, entry in sgm_keys(kind).items()
    }


def test_prefix_and_cached_masks_are_left_out(official_sgm: Official) -> None:
    network = build_sgm(matching=False)
    checkpoint = load_weights(network, official_sgm("local_small"), "sgm_local_small")
    assert checkpoint.prefix == "module."
    assert checkpoint.raw.container == "model"
    assert len(checkpoint.notes) == 2
    assert checkpoint.notes[0].startswith("*.attn_mask (2) is left out: a mask cached from")
    assert checkpoint.notes[1].startswith("*.HW (2) is left out")
    state, wanted = network.state_dict(), sgm_weights("local_small")
    assert state.keys() == wanted.keys()
    assert all(torch.equal(state[key], wanted[key]) for key in wanted)


class TestRefusal:
    def test_the_local_model_is_not_the_whole_one(self, official_sgm: Official) -> None:
        with pytest.raises(
            ModelError,
            match=r"is a checkpoint of SGM-VFI's small local model, not a checkpoint of SGM-VFI, small: "
            r"load it as sgm\.local_small",
        ):
            load_model("sgm.small", official_sgm("local_small"), device="cpu")
        with pytest.raises(ModelError, match=r"load it as sgm\.small"):
            load_model("sgm.local_small", official_sgm("full_small"), device="cpu")

    def test_a_base_model_is_not_a_small_one(self, tmp_path: Path) -> None:
        state = {key: torch.zeros(1) for key in sgm_keys("full_base")}
        torch.save({"model": state}, tmp_path / "base.pth")
        with pytest.raises(ModelError, match=r"a checkpoint of SGM-VFI, base, not .*: load it as sgm\.base"):
            load_weights(build_sgm(), tmp_path / "base.pth", "sgm_small")

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            (lambda state: state.pop("module.unet.conv.bias"), "unet.conv.bias"),
            (lambda state: state.update({"module.unet.extra": torch.zeros(1)}), "unet.extra"),
            (lambda state: state.update({"module.unet.conv.bias": torch.zeros(4)}), "unet.conv.bias"),
            # The authors' loader ignores keys without the prefix.
            (lambda state: state.update({"unet.conv.bias": state.pop("module.unet.conv.bias")}), "module"),
        ],
        ids=["missing", "unexpected", "shape", "prefix"],
    )
    def test_all_else_is_strict(
        self, tmp_path: Path, change: Callable[[dict[str, torch.Tensor]], object], words: str
    ) -> None:
        container = sgm_container("local_small")
        change(container["model"])
        torch.save(container, tmp_path / "wrong.pth")
        with pytest.raises(ModelError, match=words):
            load_weights(build_sgm(matching=False), tmp_path / "wrong.pth", "sgm_local_small")


class TestPaths:
    @pytest.mark.parametrize("name", ["ours-1-2-points.pth", "ours-1-2-points.pkl"])
    @pytest.mark.parametrize("folder", ["named", "work", "clone", "project", "clone itself"])
    def test_beside_the_scripts_and_under_checkpoints(
        self, own_checkpoint_folders: Folders, official_sgm: Official, folder: str, name: str
    ) -> None:
        folders = own_checkpoint_folders | {
            "project": own_checkpoint_folders["work"].parent,
            "clone itself": own_checkpoint_folders["clone"].parent,
        }
        path = folders[folder] / "log" / "ours-1-2-points" / "ckpt" / name
        path.parent.mkdir(parents=True)
        path.symlink_to(official_sgm("full_small"))
        model = load_model("sgm.small", device="cpu")
        assert model.settings.points == Fraction(1, 2)  # pyright: ignore[reportAttributeAccessIssue]
        with pytest.raises(ModelError, match=r"ours-1-4-points.*folders searched: "):
            load_model("sgm.small_quarter", device="cpu")

    def test_other_models_are_not_looked_for_beside_the_scripts(
        self, own_checkpoint_folders: Folders, official_eqvi: Path
    ) -> None:
        spec = find("interpolator", "eqvi.stage3").checkpoint
        assert spec is not None
        path = own_checkpoint_folders["work"].parent / spec.path
        path.parent.mkdir(parents=True)
        shutil.copyfile(official_eqvi, path)
        with pytest.raises(ModelError, match="needs its weights"):
            load_model("eqvi.stage3", device="cpu")


def test_options_of_the_name_give_way_to_the_callers(official_sgm: Official) -> None:
    model = load_model(
        "sgm.small_eighth", official_sgm("full_small"), device="cpu", points="all", down_scale=0.5
    )
    assert model.settings.points == "all"  # pyright: ignore[reportAttributeAccessIssue]
    model = load_model("sgm.small_eighth", official_sgm("full_small"), device="cpu")
    assert model.settings.points == Fraction(1, 8)  # pyright: ignore[reportAttributeAccessIssue]


def test_a_converted_file_serves_too(official_sgm: Official, tmp_path: Path) -> None:
    from vfi.checkpoints.conversion import write_converted
    from vfi.checkpoints.loading import checked_state

    checkpoint = open_checkpoint(official_sgm("local_small"))
    network = build_sgm(matching=False)
    left_out = write_converted(
        checkpoint, checked_state(checkpoint, network.state_dict()), tmp_path / "local.safetensors"
    )
    assert left_out == ["optimizer"]
    assert load_weights(network, tmp_path / "local.safetensors", "sgm_local_small").notes == ()
