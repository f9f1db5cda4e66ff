"""GMFlow's files are recognised, distinguished and found; EQVI with GMFlow as its flow network."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.checkpoints.test_official_files import assert_equal, expected
from tests.support.official_files import SgmKind, official_container, sgm_weights, synthetic_weights
from vfi import load_flow, load_model
from vfi.base.flow import FlowEstimator
from vfi.checkpoints import load_weights
from vfi.checkpoints.families import recognise_keys
from vfi.errors import ConfigError, ModelError
from vfi.models.eqvi import EqviInterpolator, MsFusionInterpolator, build_eqvi
from vfi.models.flow.gmflow import GmFlow, build_gmflow, build_gmflow_refine
from vfi.registry import find
from vfi.types import FlowPair, Window

Folders = dict[str, Path]
Official = Callable[[SgmKind], Path]
NAMES: dict[str, SgmKind] = {"gmflow": "gmflow_1scale", "gmflow.refine": "gmflow_2scale"}


class TestFiles:
    @pytest.mark.parametrize("name", NAMES)
    def test_every_weight_arrives(self, official_sgm: Official, name: str) -> None:
        flow = load_flow(name, official_sgm(NAMES[name]), device="cpu")
        assert_equal(flow.state_dict(), sgm_weights(NAMES[name]))
        assert not flow.training

    def test_the_two_are_distinguished(self, official_sgm: Official) -> None:
        with pytest.raises(ModelError, match=r"a GMFlow checkpoint, not .* refinement: .* backbone gmflow\."):
            load_flow("gmflow.refine", official_sgm("gmflow_1scale"))
        with pytest.raises(ModelError, match=r"with refinement, not a .* as the flow backbone gmflow.refine"):
            load_flow("gmflow", official_sgm("gmflow_2scale"))

    @pytest.mark.parametrize(
        ("build", "family"), [(build_gmflow, "gmflow"), (build_gmflow_refine, "gmflow_refine")]
    )
    def test_ours_are_recognised_too(self, build: Callable[[], GmFlow], family: str) -> None:
        with torch.device("meta"):
            recognised = recognise_keys(build().state_dict())
        assert recognised is not None
        assert recognised.name == family

    @pytest.mark.parametrize("folder", ["pretrained", "checkpoints/pretrained"])
    def test_paths(self, own_checkpoint_folders: Folders, official_sgm: Official, folder: str) -> None:
        """The working folder itself, as in the projects of GMFlow and SGM-VFI, and ``checkpoints``."""
        Path(folder).mkdir(parents=True)
        for name, kind in NAMES.items():
            spec = find("flow", name).checkpoint
            assert spec is not None
            os.symlink(official_sgm(kind), Path(folder, spec.path.name))
        for name, kind in NAMES.items():
            assert_equal(load_flow(name, device="cpu").state_dict(), sgm_weights(kind))

    def test_related_files_in_one_folder_are_distinguished_by_their_keys(
        self, own_checkpoint_folders: Folders, official_sgm: Official
    ) -> None:
        folder = own_checkpoint_folders["work"] / "pretrained"
        folder.mkdir(parents=True)
        os.symlink(official_sgm("gmflow_1scale"), folder / "a.pth")
        os.symlink(official_sgm("gmflow_2scale"), folder / "b.pth")
        for name, kind in NAMES.items():
            assert_equal(load_flow(name, device="cpu").state_dict(), sgm_weights(kind))

    def test_a_missing_file(self, own_checkpoint_folders: Folders) -> None:
        with pytest.raises(
            ModelError,
            match=r"gmflow needs its weights \(GMFlow fine-tuned on Sintel\).*/pretrained/gmflow_sintel-",
        ):
            load_flow("gmflow")


@pytest.fixture(scope="module")
def model(official_eqvi: Path, official_sgm: Official) -> EqviInterpolator:
    file = official_sgm("gmflow_1scale")
    model = load_model("eqvi.stage123", official_eqvi, device="cpu", flow="gmflow", flow_checkpoint=file)
    assert isinstance(model, EqviInterpolator)
    return model


class TestInEqvi:
    def test_the_flow_is_gmflows_and_the_rest_is_eqvis(self, model: EqviInterpolator) -> None:
        assert isinstance(model.flownet, GmFlow)
        assert_equal(model.flownet.state_dict(), sgm_weights("gmflow_1scale"))
        rest = {key: value for key, value in expected("eqvi").items() if not key.startswith("flownet.")}
        state = model.state_dict()
        assert_equal({key: state[key] for key in state if not key.startswith("flownet.")}, rest)

    @torch.inference_mode()
    def test_it_interpolates_along_them(self, model: EqviInterpolator) -> None:
        frames = torch.rand(4, 1, 3, 48, 64)
        motion = model.estimate_motion(Window.from_frames(list(frames)))
        pair = model.flownet(frames[1], frames[2])
        torch.testing.assert_close(motion.flows.flow_01, pair.flow_01, atol=1e-3, rtol=0)
        assert model.interpolate(list(frames), 0.5).shape == (1, 3, 48, 64)

    def test_ms_fusion_takes_it_too(
        self, official_ms_fusion: Path, official_sgm: Official, own_checkpoint_folders: Folders
    ) -> None:
        Path("pretrained").mkdir()
        os.symlink(official_sgm("gmflow_1scale"), "pretrained/gmflow_sintel-0c07dcb3.pth")
        model = load_model("eqvi.stage4", official_ms_fusion, device="cpu", flow="gmflow")
        assert isinstance(model, MsFusionInterpolator)
        assert_equal(model.eqvi.flownet.state_dict(), sgm_weights("gmflow_1scale"))

    def test_an_estimator_may_be_handed_over(self, official_eqvi: Path) -> None:
        class Still(FlowEstimator):
            def match(self, encoded_0: torch.Tensor, encoded_1: torch.Tensor) -> FlowPair:
                return FlowPair(torch.zeros_like(encoded_0[:, :2]), torch.zeros_like(encoded_1[:, :2]))

        still = Still()
        model = load_model("eqvi.stage3", official_eqvi, device="cpu", flow=still)
        assert isinstance(model, EqviInterpolator)
        assert model.flownet is still

    def test_dropped_keys_are_reported(self, official_eqvi: Path) -> None:
        network = build_eqvi(flow=load_flow("dis"))
        notes = load_weights(network, official_eqvi, "eqvi", keep_flow=True).notes
        assert "flownet.* (124) is left out: another flow replaces it" in notes

    def test_the_files_flow_network_may_be_missing_then(self, tmp_path: Path) -> None:
        state = {key: value for key, value in synthetic_weights("eqvi").items() if "flownet." not in key}
        torch.save(state, tmp_path / "rest.pth")
        load_model("eqvi.stage3", tmp_path / "rest.pth", device="cpu", flow="dis")
        with pytest.raises(ModelError, match=r"124 of \d+ keys are missing \(flownet\.\* \(124\)\)"):
            load_model("eqvi.stage3", tmp_path / "rest.pth", device="cpu")

    def test_all_else_is_as_strict_as_ever(self, tmp_path: Path) -> None:
        container = official_container("eqvi")
        del container["model_state_dict"]["module.masknet.conv1.weight"]
        torch.save(container, tmp_path / "part.pth")
        with pytest.raises(ModelError, match=r"1 of \d+ keys are missing \(masknet\.conv1\.weight\)"):
            load_model("eqvi.stage3", tmp_path / "part.pth", device="cpu", flow="dis")

    @pytest.mark.parametrize(
        ("options", "error", "sentence"),
        [
            (
                {"flow_checkpoint": "file"},
                ConfigError,
                r"eqvi\.stage3 takes flow_checkpoint only with flow, the name of another flow backbone",
            ),
            ({"flow": "gmflaw"}, ModelError, "no flow backbone 'gmflaw' .did you mean 'gmflow'"),
            ({"flow": 3}, ConfigError, "wants the name of a flow backbone as flow, not 3"),
            ({"flow": "dis", "flow_checkpoint": "file"}, ModelError, "dis has no weights: leave out the"),
            ({"flow": "gmflow", "flow_checkpoint": "none.pth"}, ModelError, r"none\.pth does not exist"),
            ({"flou": "dis"}, ConfigError, r"no option 'flou' .*; it has: flow, flow_reduction, flow_check"),
        ],
    )
    def test_refusals(
        self, official_eqvi: Path, options: dict[str, Any], error: type[Exception], sentence: str
    ) -> None:
        with pytest.raises(error, match=sentence):
            load_model("eqvi.stage3", official_eqvi, device="cpu", **options)
