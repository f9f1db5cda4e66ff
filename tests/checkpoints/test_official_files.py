"""Models and backbones load files like the released ones completely and strictly, in any format."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import pytest
import torch
from torch import Tensor

import vfi
from tests.support.official_files import Kind, official_keys, synthetic_weights
from vfi.checkpoints import load_weights
from vfi.errors import ConfigError, ModelError
from vfi.registry import SPECS, load_flow_weights, reference_states

Folders = dict[str, Path]
Value = TypeVar("Value")


def ours(official: Mapping[str, Value]) -> dict[str, Value]:
    """The tensors by our names; the rules of the renaming are implemented here independently."""
    return {
        key.replace("QVI_model.", "eqvi.").replace("FusionNet.", "fusion."): value
        for key, value in official.items()
        if "acc.flownet." not in key and "get_grad" not in key
    }


def expected(kind: Kind) -> dict[str, Tensor]:
    """The synthetic weights under our names."""
    return ours(synthetic_weights(kind))


def assert_equal(state: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
    assert state.keys() == wanted.keys()
    different = [key for key in wanted if not torch.equal(state[key], wanted[key])]
    assert not different


class TestOfficialFiles:
    """No tensor is lost or swapped when the authors' names become ours."""

    def test_eqvi(self, official_eqvi: Path) -> None:
        model = vfi.load_model("eqvi.stage123", official_eqvi, device="cpu")
        assert_equal(model.state_dict(), expected("eqvi"))
        assert model.dtype == torch.float32
        assert not model.training

    def test_ms_fusion(self, official_ms_fusion: Path) -> None:
        model = vfi.load_model("eqvi.stage4", str(official_ms_fusion), device="cpu")
        assert_equal(model.state_dict(), expected("ms_fusion"))

    def test_scopeflow(self, official_scopeflow: Path) -> None:
        flow = vfi.load_flow("scopeflow", official_scopeflow, device="cpu")
        assert_equal(flow.state_dict(), expected("scopeflow"))
        assert not flow.training

    def test_scopeflow_is_the_flow_network_of_eqvi(self, official_scopeflow: Path) -> None:
        """Start of a training from scratch: synthetic EQVI has the flow network of synthetic ScopeFlow."""
        from vfi.models.eqvi import build_eqvi

        model = build_eqvi()
        before = model.masknet.conv1.weight.clone()
        load_flow_weights(model.flownet, "scopeflow", official_scopeflow)
        flow = {key: tensor for key, tensor in expected("eqvi").items() if key.startswith("flownet.")}
        assert_equal({f"flownet.{key}": tensor for key, tensor in model.flownet.state_dict().items()}, flow)
        assert torch.equal(model.masknet.conv1.weight, before)

    @pytest.mark.parametrize("family", ["eqvi", "ms_fusion", "scopeflow"])
    def test_keys_of_each_model_are_those_of_the_released_files(self, family: Kind) -> None:
        (names, state), *others = reference_states(family).items()
        assert not others
        specs = [spec for spec in SPECS if spec.checkpoint and spec.checkpoint.family == family]
        assert names == ", ".join(spec.name for spec in specs)
        wanted = {entry["key"]: tuple(entry["shape"]) for entry in official_keys(family)["keys"]}
        assert {key: tuple(tensor.shape) for key, tensor in state.items()} == ours(wanted)
        assert all(tensor.is_meta for tensor in state.values())


class TestOtherFiles:
    @pytest.mark.parametrize("legacy", [False, True])
    def test_bare_state_dicts(self, official_scopeflow: Path, tmp_path: Path, legacy: bool) -> None:
        path = tmp_path / "bare.pth"
        weights = OrderedDict(synthetic_weights("scopeflow"))
        torch.save(weights, path, _use_new_zipfile_serialization=not legacy)
        assert_equal(vfi.load_flow("scopeflow", path, device="cpu").state_dict(), expected("scopeflow"))

    def test_our_own_states(self, official_scopeflow: Path, tmp_path: Path) -> None:
        flow = vfi.load_flow("scopeflow", official_scopeflow, device="cpu")
        torch.save(flow.state_dict(), tmp_path / "ours.pth")
        again = vfi.load_flow("scopeflow", tmp_path / "ours.pth", device="cpu")
        assert_equal(again.state_dict(), flow.state_dict())

    def test_the_place_in_a_checkpoints_folder(
        self, own_checkpoint_folders: Folders, official_scopeflow: Path
    ) -> None:
        folder = own_checkpoint_folders["data"] / "scopeflow" / "Sintel_ft"
        folder.mkdir(parents=True)
        (folder / "checkpoint_best.ckpt").symlink_to(official_scopeflow)
        assert_equal(vfi.load_flow("scopeflow", device="cpu").state_dict(), expected("scopeflow"))


class TestRefusal:
    def test_files_of_another_model(
        self, official_eqvi: Path, official_ms_fusion: Path, official_scopeflow: Path
    ) -> None:
        with pytest.raises(ModelError, match=r"an MS-Fusion checkpoint, .*: load it as eqvi\.stage4\."):
            vfi.load_model("eqvi.stage123", official_ms_fusion)
        with pytest.raises(ModelError, match=r"an EQVI checkpoint, not an MS-.*: load it as eqvi\.stage3, "):
            vfi.load_model("eqvi.stage4", official_eqvi)
        with pytest.raises(ModelError, match=r"a ScopeFlow checkpoint, .* as the flow backbone scopeflow\."):
            vfi.load_model("eqvi.stage3", official_scopeflow)
        with pytest.raises(ModelError, match=r"an EQVI checkpoint, not a ScopeFlow checkpoint: load it as"):
            vfi.load_flow("scopeflow", official_eqvi)
        with pytest.raises(ModelError, match=r"a ScopeFlow checkpoint, not a RAFT checkpoint of torchvision"):
            vfi.load_flow("raft", official_scopeflow)

    def test_a_file_that_was_written_in_part(self, official_scopeflow: Path, tmp_path: Path) -> None:
        path = tmp_path / "part.ckpt"
        path.write_bytes(official_scopeflow.read_bytes()[:20_000_000])
        with pytest.raises(ModelError, match=r"part\.ckpt is damaged or only partly written: get or copy it"):
            vfi.load_flow("scopeflow", path)

    def test_the_other_raft(self, tmp_path: Path) -> None:
        from vfi.models.flow.raft import build_raft_small

        torch.save(build_raft_small().state_dict(), tmp_path / "small.pth")
        with pytest.raises(ModelError, match=r"a RAFT checkpoint of torchvision, but .* have another shape"):
            vfi.load_flow("raft", tmp_path / "small.pth")

    def test_a_missing_file(
        self, own_checkpoint_folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("VFI_CHECKPOINTS")
        with pytest.raises(
            ModelError,
            match=r"^The model eqvi\.stage123 needs its weights \(EQVI Stage123\): get them from "
            r"https://github\.com/lyh-18/EQVI and put the file at .*/vfi/checkpoints/Stage123_scratch/"
            r"Stage123_scratch_checkpoint\.ckpt, or name it by --checkpoint",
        ):
            vfi.load_model("eqvi.stage123")
        with pytest.raises(ModelError, match="The flow backbone scopeflow needs its weights"):
            vfi.load_flow("scopeflow")
        with pytest.raises(ModelError, match=r"The checkpoint .*none does not exist"):
            vfi.load_model("eqvi.stage123", tmp_path / "none")

    def test_wrong_options_are_reported_before_missing_files(self, own_checkpoint_folders: Folders) -> None:
        with pytest.raises(ConfigError, match=r"The model eqvi\.stage4 has no option 'tile'"):
            vfi.load_model("eqvi.stage4", tile=3)

    def test_half_precision_on_a_cpu_without_it(
        self, official_eqvi: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("vfi.devices.cpu_computes", lambda dtype: dtype == torch.float32)
        with pytest.raises(
            ConfigError, match=r"eqvi\.stage123 cannot use float16 on this CPU, .* dtype float32"
        ):
            vfi.load_model("eqvi.stage123", official_eqvi, device="cpu", dtype="float16")
        assert vfi.load_model("quadratic", device="cpu", dtype="float16").dtype == torch.float16

    def test_weights_for_what_has_none(self) -> None:
        from vfi.models.flow.dis import DisFlow

        with pytest.raises(ModelError, match="The flow backbone dis has no weights to load"):
            load_flow_weights(DisFlow(), "dis")


def test_loading_draws_no_random_numbers(official_scopeflow: Path) -> None:
    torch.manual_seed(3)
    wanted = torch.rand(4)
    torch.manual_seed(3)
    vfi.load_flow("scopeflow", official_scopeflow, device="cpu")
    assert torch.equal(torch.rand(4), wanted)


def test_half_precision_where_the_cpu_has_it(official_eqvi: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vfi.devices.cpu_computes", lambda dtype: True)
    model = vfi.load_model("eqvi.stage123", official_eqvi, device="cpu", dtype="bfloat16")
    assert model.precision == torch.bfloat16


def test_a_network_on_another_device_takes_the_weights_there(official_scopeflow: Path) -> None:
    from vfi.models.flow.irr_pwc.model import build_irr_pwc

    network = build_irr_pwc().to(torch.bfloat16)
    load_weights(network, official_scopeflow, "scopeflow")
    wanted = {key: tensor.bfloat16() for key, tensor in expected("scopeflow").items()}
    assert_equal(network.state_dict(), wanted)
