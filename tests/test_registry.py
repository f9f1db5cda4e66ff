"""The table of networks, and loading by name: every error is a clear sentence."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from typing import Any

import pytest
import torch

from vfi import load_model as from_package
from vfi.base.flow import FlowEstimator
from vfi.base.interpolator import Interpolator
from vfi.errors import ConfigError, ModelError
from vfi.registry import (
    DEFAULTS,
    SPECS,
    Kind,
    Spec,
    find,
    first_available,
    list_flows,
    list_models,
    load_flow,
    load_model,
    names,
)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_every_row_of_the_table_builds_its_network(spec: Spec) -> None:
    with torch.device("meta"):
        network = spec.import_builder()()
    assert isinstance(network, Interpolator if spec.kind == "interpolator" else FlowEstimator)
    assert getattr(network, "window", 2) == spec.window
    assert spec.summary


def test_names_and_paths_are_unique() -> None:
    assert len({spec.name for spec in SPECS}) == len(SPECS)
    files = [spec.checkpoint for spec in SPECS if spec.checkpoint]
    # Each family has a folder of its own, in which a file of another name is found by its keys.
    assert len({(file.path.parent, file.family) for file in files}) == len(files)


def test_models_are_ready_to_use() -> None:
    assert not load_model("quadratic").training
    assert not load_flow("dis").training


@pytest.mark.parametrize("kind", ["interpolator", "flow"])
def test_the_default_is_first_and_is_auto(kind: Kind) -> None:
    assert names(kind)[0] == DEFAULTS[kind] == find(kind, "auto").name
    assert names(kind)[1:] == sorted(names(kind)[1:])
    assert set(names(kind)) == {spec.name for spec in SPECS if spec.kind == kind}


def test_both_lists_together_are_the_table() -> None:
    assert {spec.name for spec in (*list_models(), *list_flows())} == {spec.name for spec in SPECS}
    assert type(from_package()) is type(load_model(DEFAULTS["interpolator"]))


def test_a_name_of_another_kind_is_unknown() -> None:
    with pytest.raises(ModelError, match="There is no model 'raft'"):
        find("interpolator", "raft")


def test_every_option_is_a_keyword() -> None:
    for spec in list_models():
        parameters = inspect.signature(spec.import_builder()).parameters
        assert all(parameter.kind is parameter.KEYWORD_ONLY for parameter in parameters.values())
        assert spec.fixed.keys() | spec.defaults.keys() <= parameters.keys()


def test_fixed_keywords_are_no_options() -> None:
    assert find("interpolator", "sgm.local_base").options == ["down_scale"]
    assert find("interpolator", "sgm.base").options == [
        "points", "down_scale", "matching_time", "dense_height",
    ]  # fmt: skip
    with pytest.raises(ConfigError, match=r"sgm\.base has no option 'size'; it has: points, down_scale"):
        load_model("sgm.base", size="small")


def test_options_reach_the_model() -> None:
    assert load_model("quadratic", flow_reduction=3).flow_reduction == 3  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (
            "quadratik",
            r"There is no model 'quadratik' \(did you mean 'quadratic'\?\); 'vfi models' lists them",
        ),
        ("zzz", "There is no model 'zzz'; 'vfi models' lists them"),
    ],
)
def test_unknown_models(name: str, sentence: str) -> None:
    with pytest.raises(ModelError, match=sentence):
        load_model(name)


def test_unknown_flow_backbones() -> None:
    with pytest.raises(
        ModelError,
        match=r"backbone 'scopeflo' \(did you mean 'scopeflow'\?\); there are: dis, gmflow, .*, raft",
    ):
        load_flow("scopeflo")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"flow_reductoin": 2},
            r"no option 'flow_reductoin' \(did you mean 'flow_reduction'\?\); it has: flow",
        ),
        ({"zzz": 2}, "The model quadratic has no option 'zzz'; it has: flow_reduction"),
        (
            {"flow_reduction": 0},
            "refuses its options: flow_reduction must be a whole number from 1 on, not 0",
        ),
        ({"flow_reduction": 1.5}, "flow_reduction must be a whole number from 1 on, not 1.5"),
        ({"flow_reduction": "two"}, "flow_reduction must be a whole number from 1 on, not 'two'"),
        ({"device": "abacus"}, "The device 'abacus' cannot be used here; 'vfi info' lists those that can"),
        ({"dtype": "int8"}, "no type 'int8' for frames: choose one of float32, float16, bfloat16"),
        ({"dtype": torch.float64}, "no type 'float64' for frames"),
    ],
)
def test_wrong_settings(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        load_model("quadratic", **options)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
@pytest.mark.parametrize("device", ["cuda", torch.device("cuda"), "cuda:7"])
def test_a_device_that_is_not_there(device: str | torch.device) -> None:
    with pytest.raises(ConfigError, match="cannot be used here; 'vfi info' lists those that can"):
        load_model(device=device)


def test_a_checkpoint_for_a_model_without_weights(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    with pytest.raises(
        ModelError, match=r"quadratic has no weights: leave out the checkpoint .*weights\.pth"
    ):
        load_model("quadratic", path)
    with pytest.raises(ModelError, match=r"The flow backbone dis has no weights: leave out the checkpoint"):
        load_flow("dis", path)


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        ("auto", torch.float32),
        ("float16", torch.float16),
        ("bfloat16", torch.bfloat16),
        (torch.bfloat16, torch.bfloat16),
    ],
)
def test_types(dtype: str | torch.dtype, expected: torch.dtype) -> None:
    assert load_model(device="cpu", dtype=dtype).dtype == expected


@pytest.mark.parametrize("device", ["cpu", torch.device("cpu")])
def test_devices(device: str | torch.device) -> None:
    assert load_model(device=device).device == torch.device("cpu")


def test_unknown_names_of_the_package() -> None:
    package = importlib.import_module("vfi")
    with pytest.raises(AttributeError, match="module 'vfi' has no attribute 'load_modell'"):
        _ = package.load_modell
    assert {"load_model", "load_flow", "interpolate_video"} <= set(dir(package))


class TestFirstAvailable:
    def test_weights_in_their_place_count(self, own_checkpoint_folders: dict[str, Path]) -> None:
        assert first_available("eqvi.stage123", "quadratic") == "quadratic"
        spec = find("interpolator", "eqvi.stage123").checkpoint
        assert spec is not None
        place = own_checkpoint_folders["work"] / spec.path
        place.parent.mkdir(parents=True)
        place.write_bytes(b"whatever")
        assert first_available("eqvi.stage123", "quadratic") == "eqvi.stage123"

    @pytest.mark.usefixtures("own_checkpoint_folders")
    def test_where_all_miss_their_weights_the_first_is_named(self) -> None:
        with pytest.raises(ModelError, match=r"The model eqvi\.stage4 needs its weights"):
            first_available("eqvi.stage4", "eqvi.stage3")
