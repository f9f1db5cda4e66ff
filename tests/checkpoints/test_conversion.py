"""Converted files contain the weights and the container's entries, and are written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open

from tests.support.small_checkpoints import SmallEqvi, equal_weights, official
from vfi import __version__
from vfi.checkpoints import load_weights, open_checkpoint
from vfi.checkpoints.conversion import LARGEST_ENTRY, keep_entries, sha256_of, write_converted
from vfi.checkpoints.loading import checked_state
from vfi.errors import ConfigError, OutputError

NETWORK = SmallEqvi()
ENTRIES = {
    "Detail": "text",
    "epoch": np.int64(3),
    "timestamp": datetime(2020, 7, 1, 12),
    "valPSNR": [[np.float64(24.5)], [np.float32(0.5)]],
}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "official.ckpt"
    torch.save(
        {**ENTRIES, "optimizer": {"state": torch.ones(3)}, "model_state_dict": official(NETWORK)}, path
    )
    return path


def convert(source: Path, output: Path, **options: Any) -> list[str]:
    checkpoint = open_checkpoint(source)
    return write_converted(checkpoint, checked_state(checkpoint, NETWORK.state_dict()), output, **options)


def test_weights_and_metadata(source: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.safetensors"
    assert convert(source, output) == ["optimizer"]
    network = SmallEqvi()
    load_weights(network, output, "eqvi")
    assert equal_weights(network, NETWORK)
    with safe_open(output, framework="pt") as file:
        metadata = file.metadata()
    assert json.loads(metadata.pop("entries")) == {
        "Detail": "text",
        "epoch": 3,
        "timestamp": "2020-07-01T12:00:00",
        "valPSNR": [[24.5], [0.5]],
    }
    assert metadata == {
        "format": "pt",
        "family": "eqvi",
        "source": "official.ckpt",
        "source_sha256": hashlib.sha256(source.read_bytes()).hexdigest(),
        "vfi_version": __version__,
    }


def test_nothing_is_replaced_unasked(source: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.safetensors"
    output.write_text("mine", encoding="utf-8")
    with pytest.raises(OutputError, match="exists: give --overwrite to replace it, or choose another name"):
        convert(source, output)
    assert output.read_text(encoding="utf-8") == "mine"
    convert(source, output, overwrite=True)
    assert open_checkpoint(output).family.name == "eqvi"


def test_wrong_names(source: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"out\.ckpt must end in \.safetensors"):
        convert(source, tmp_path / "out.ckpt")
    converted = tmp_path / "converted.safetensors"
    convert(source, converted)
    with pytest.raises(ConfigError, match="is the checkpoint itself: choose another name"):
        convert(converted, converted, overwrite=True)


def test_a_folder_that_is_not_there(source: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written: No such file or directory"):
        convert(source, tmp_path / "nowhere" / "out.safetensors")


def test_an_interruption_leaves_what_was_there(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "out.safetensors"
    output.write_text("mine", encoding="utf-8")

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("safetensors.torch.save_file", full)
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(OutputError, match=r"out\.safetensors cannot be written: No space left on device"):
        convert(source, output, overwrite=True)
    assert sorted(os.listdir(tmp_path)) == before
    assert output.read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (None, None),
        (True, True),
        (np.bool_(True), True),
        (np.float32(0.5), 0.5),
        (float("nan"), "nan"),
        (np.float64("inf"), "inf"),
        (torch.tensor(2.5), 2.5),
        ((1, [2, {"a": np.int64(3)}]), [1, [2, {"a": 3}]]),
        ({1: "x"}, {"1": "x"}),
    ],
)
def test_entries_that_are_kept(value: object, kept: object) -> None:
    assert keep_entries({"x": value}) == ({"x": kept}, [])


@pytest.mark.parametrize(
    "value", [torch.ones(2), {"a": [torch.ones(2)]}, b"bytes", {1, 2}, 1j, "x" * LARGEST_ENTRY], ids=type
)
def test_entries_that_are_not(value: object) -> None:
    assert keep_entries({"x": value, "y": 1}) == ({"y": 1}, ["x"])


def test_sums(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(os.urandom(3_000_000))
    assert sha256_of(path) == hashlib.sha256(path.read_bytes()).hexdigest()
