"""Files shaped like the released ones of EQVI, ScopeFlow, SGM-VFI and GMFlow, with synthetic weights.

Keys, shapes, order, prefixes, duplicates, containers and pickled types are theirs, as listed in
``tests/golden/*/keys_*.json``, and so is the format: for EQVI and ScopeFlow PyTorch before 1.6, from a GPU,
with NumPy 1. The weights are those of the golden vectors (``tests/support/golden_recipe.py``).
"""

from __future__ import annotations

import json
import pickle
from collections import OrderedDict
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal, cast
from unittest import mock

import numpy as np
import torch
from torch import Tensor

from tests.support.golden_recipe import synthetic_tensor

Kind = Literal["eqvi", "ms_fusion", "scopeflow"]
SgmKind = Literal["local_small", "local_base", "full_small", "full_base", "gmflow_1scale", "gmflow_2scale"]

SGM_KEYS = Path(__file__).parents[1] / "golden" / "sgm_vfi"
KEYS = Path(__file__).parents[1] / "golden" / "eqvi"
SALT = "f"
"""Selects the weights with which the golden vectors were computed."""


class OldPickler(cast("Any", pickle)._Pickler):  # Python's own, untyped: the one in C writes as it likes
    """Names NumPy's functions as NumPy 1 did."""

    def save_global(self, obj: Any, name: str | None = None) -> None:
        """Write a reference to a class or function."""
        if getattr(obj, "__module__", None) == "numpy._core.multiarray":
            self.write(pickle.GLOBAL + f"numpy.core.multiarray\n{obj.__name__}\n".encode())
            self.memoize(obj)
        else:
            super().save_global(obj, name)


def official_keys(kind: Kind) -> dict[str, Any]:
    """The list of keys of a released file: ``container``, ``fixed`` and ``keys``."""
    return json.loads((KEYS / f"keys_{kind}.json").read_text(encoding="utf-8"))


def synthetic_weights(kind: Kind) -> OrderedDict[str, Tensor]:
    """The state dict under the official names, without the wrappers' prefix; duplicates are one tensor."""
    listed = official_keys(kind)
    tensors: dict[str, Tensor] = {}
    state: OrderedDict[str, Tensor] = OrderedDict()
    for entry in listed["keys"]:
        source = entry["source"]
        if source not in tensors:
            tensors[source] = torch.from_numpy(_synthetic(entry, listed["fixed"]))
        state[entry["key"]] = tensors[source]
    return state


def official_container(kind: Kind) -> dict[str, Any]:
    """What the released file holds, as Python objects."""
    prefix = official_keys(kind)["container"]["prefix"]
    state = OrderedDict((prefix + name, tensor) for name, tensor in synthetic_weights(kind).items())
    if kind == "scopeflow":
        return {"epoch": 97, "best_epe_avg": np.float64(3.25), "total_loss": 1.5, "state_dict": state}
    return {
        "Detail": "synthetic weights",
        "epoch": 199,
        "timestamp": datetime(2020, 7, 1, 12, 30, 15, 250),
        "trainBatchSz": 12,
        "validationBatchSz": 1,
        "learningRate": 1e-06,
        "loss": [[np.float64(0.5), np.float64(0.25)], [np.float32(0.125)]],
        "valLoss": [[0.5]],
        "valPSNR": [[np.float64(24.5), np.int64(3)], [np.bool_(True)]],
        "model_state_dict": state,
    }


def write_container(container: object, path: Path) -> Path:
    """Write any object as PyTorch before 1.6 with NumPy 1 did on a GPU; the path."""
    old = SimpleNamespace(__name__="pickle", Pickler=OldPickler, dump=pickle.dump)
    with mock.patch("torch.serialization.location_tag", return_value="cuda:0"):
        torch.save(container, path, pickle_module=old, _use_new_zipfile_serialization=False)
    return path


def write_official(kind: Kind, path: Path) -> Path:
    """Write a file shaped like the released one; the path.

    Args:
        kind: Which: EQVI (Stage3, Stage123 and its VGG variant have the same keys), Stage4, or ScopeFlow.
        path: Where; replaced if it exists.
    """
    return write_container(official_container(kind), path)


def _synthetic(entry: dict[str, Any], fixed: dict[str, Any]) -> np.ndarray:
    if entry["kind"] == "fixed":
        return np.array(fixed[entry["source"]], np.float32).reshape(entry["shape"])
    return synthetic_tensor(
        entry["source"], entry["shape"], kind=entry["kind"], gain=entry["gain"], salt=SALT
    )


def sgm_keys(listing: str) -> dict[str, dict[str, Any]]:
    """The keys of a file of SGM-VFI's golden vectors, such as ``"local_small"``, in order: shape and kind."""
    return json.loads((SGM_KEYS / f"keys_{listing}.json").read_text(encoding="utf-8"))


def sgm_weights(listing: str) -> OrderedDict[str, Tensor]:
    """The synthetic weights under these keys."""
    gains = json.loads((SGM_KEYS / "gains.json").read_text(encoding="utf-8"))
    return OrderedDict(
        (key, torch.from_numpy(synthetic_tensor(key, entry["shape"], kind=entry["kind"], gains=gains)))
        for key, entry in sgm_keys(listing).items()
    )


def sgm_container(kind: SgmKind) -> dict[str, Any]:
    """What a file holds: the weights of GMFlow, or the state of SGM-VFI's training with cached masks."""
    if kind.startswith("gmflow"):
        return {"model": sgm_weights(kind)}
    state = OrderedDict((f"module.{key}", tensor) for key, tensor in sgm_weights(kind).items())
    for block in (1, 3):
        state[f"module.feature_bone.block4.{block}.attn_mask"] = torch.zeros(25, 49, 49)
        state[f"module.feature_bone.block4.{block}.HW"] = torch.tensor([1225.0])
    optimizer = {
        "state": {0: {"step": torch.tensor(9.0), "exp_avg": torch.zeros(3)}},
        "param_groups": [{"lr": 2e-5, "betas": (0.9, 0.999), "params": [0]}],
    }
    return {"epoch": 99, "model": state, "optimizer": optimizer}


def write_official_sgm(kind: SgmKind, path: Path) -> Path:
    """Write a file shaped like SGM-VFI's or GMFlow's; the path, replaced if it exists."""
    torch.save(sgm_container(kind), path)
    return path
