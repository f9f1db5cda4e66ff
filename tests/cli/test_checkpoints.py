"""``vfi checkpoints`` and ``vfi models``: listing, verification and conversion."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import cv2
import pytest
import torch

from tests.support.command_line import Outcome, Vfi, command_line, refused
from tests.support.golden_recipe import synthetic_frames
from tests.support.small_checkpoints import SmallEqvi, official
from vfi.registry import list_flows, list_models, load_flow

Folders = dict[str, Path]
SCOPEFLOW = Path("scopeflow", "Sintel_ft", "checkpoint_best.ckpt")


@pytest.fixture
def placed(own_checkpoint_folders: Folders, official_scopeflow: Path) -> Path:
    """ScopeFlow's file where it is searched for."""
    path = own_checkpoint_folders["work"] / SCOPEFLOW
    path.parent.mkdir(parents=True)
    shutil.copyfile(official_scopeflow, path)
    return path


def row(outcome: Outcome, name: str) -> str:
    """The line that begins with a name."""
    return next(line for line in outcome.out.splitlines() if line.split()[:1] == [name])


class TestList:
    def test_what_is_missing_and_what_is_found(self, vfi: Vfi, placed: Path) -> None:
        outcome = vfi("checkpoints", "list")
        assert outcome.code == 0
        assert row(outcome, "scopeflow").split()[1:] == ["found", str(placed), "(25.5", "MB,", "scopeflow)"]
        assert "missing  Stage4_MSFusion/Stage4_MSFusion_checkpoint.ckpt (ms_fusion), from https://" in row(
            outcome, "eqvi.stage4"
        )
        assert str(placed.parents[2]) in outcome.out.splitlines()[-1]

    def test_for_programs(self, vfi: Vfi, placed: Path, own_checkpoint_folders: Folders) -> None:
        listing = json.loads(vfi("checkpoints", "list", "--json").out)
        assert listing["folders"] == [str(folder) for folder in own_checkpoint_folders.values()]
        rows = {row["name"]: row for row in listing["checkpoints"]}
        with_weights = {spec.name for spec in (*list_models(), *list_flows()) if spec.checkpoint}
        assert rows.keys() == with_weights
        assert rows["scopeflow"]["file"] == str(placed)
        assert rows["scopeflow"]["size"] == placed.stat().st_size
        assert rows["eqvi.stage3"]["file"] is None
        metric = {"dataset": "REDS_VTSR x2, 30 clips", "name": "PSNR", "value": 24.0354}
        assert metric in rows["eqvi.stage3"]["metrics"]

    def test_several_that_would_do(self, vfi: Vfi, placed: Path) -> None:
        shutil.copyfile(placed, placed.with_name("a.ckpt"))
        placed.rename(placed.with_name("b.ckpt"))
        outcome = vfi("checkpoints", "list")
        assert outcome.code == 0
        assert "would do (a.ckpt, b.ckpt): name one by --checkpoint" in row(outcome, "scopeflow")


class TestVerify:
    def test_a_good_file(self, vfi: Vfi, official_scopeflow: Path) -> None:
        outcome = vfi("checkpoints", "verify", official_scopeflow)
        assert outcome.code == 0
        for words in (
            f"{official_scopeflow.stat().st_size:,} bytes",
            f"{hashlib.sha256(official_scopeflow.read_bytes()).hexdigest()} (no published checksum)",
            "torch.save before 1.6, container with state_dict, prefix _model.module.",
            "all 124 present, with the shapes of the model",
            "epoch, best_epe_avg",
            "can be used",
        ):
            assert words in outcome.out

    def test_all_that_are_found(self, vfi: Vfi, placed: Path) -> None:
        outcome = vfi("checkpoints", "verify")
        assert outcome.code == 0
        assert outcome.out.startswith(f"{placed}\n")

    def test_none_is_found(self, vfi: Vfi, own_checkpoint_folders: Folders) -> None:
        refused(vfi("checkpoints", "verify"), "No checkpoint is found to verify: name a file")

    def test_a_file_that_is_not_whole(self, vfi: Vfi, tmp_path: Path) -> None:
        path = tmp_path / "part.ckpt"
        torch.save({"model_state_dict": official(SmallEqvi())}, path)
        outcome = vfi("checkpoints", "verify", path)
        refused(outcome, "part.ckpt cannot be used, see above")
        keys = next(line for line in outcome.out.splitlines() if line.startswith("  keys "))
        assert "209 of 209 keys are missing" in keys
        assert "refinenet.up5.* (4)" in keys or "refinenet.* (" in keys
        assert "more" not in keys
        assert "looks like an EQVI checkpoint, but" in outcome.out

    def test_each_of_several_is_reported(self, vfi: Vfi, official_scopeflow: Path, tmp_path: Path) -> None:
        web_page = tmp_path / "page.ckpt"
        web_page.write_text("<!DOCTYPE html>", encoding="utf-8")
        missing = tmp_path / "missing.ckpt"
        outcome = vfi("checkpoints", "verify", web_page, official_scopeflow, missing)
        refused(outcome, f"2 of 3 checkpoints cannot be used: {web_page}, {missing}.")
        assert "is a web page" in outcome.out
        assert "can be used" in outcome.out
        assert "No such file" in outcome.out

    def test_the_nearest_network_of_a_family(self, vfi: Vfi, tmp_path: Path) -> None:
        from vfi.models.flow.raft import build_raft_small

        path = tmp_path / "small.pth"
        torch.save(build_raft_small().state_dict(), path)
        outcome = vfi("checkpoints", "verify", path)
        assert outcome.code == 0
        assert "raft, for raft.small" in outcome.out
        assert "(differs from the released files)" in outcome.out

    def test_a_released_file(
        self, vfi: Vfi, official_scopeflow: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        published = {"scopeflow": hashlib.sha256(official_scopeflow.read_bytes()).hexdigest()[:8]}
        monkeypatch.setattr("vfi.cli.checkpoints._published_sums", lambda family: published)
        assert "(the released file of scopeflow)" in vfi("checkpoints", "verify", official_scopeflow).out

    def test_for_programs(self, vfi: Vfi, official_eqvi: Path, tmp_path: Path) -> None:
        outcome = vfi("checkpoints", "verify", "--json", official_eqvi, tmp_path / "missing")
        assert outcome.code == 2
        good, bad = json.loads(outcome.out)
        assert good["usable"]
        assert good["family"] == "eqvi"
        assert good["models"] == "eqvi.stage3, eqvi.stage123, eqvi.stage123_vgg"
        assert good["keys"] == 209
        assert good["entries"]["valPSNR"] == [[24.5, 3], [True]]
        assert good["entries"]["timestamp"].startswith("2020-07-01T12:30")
        assert not bad["usable"]
        assert "No such file" in bad["problem"]


class TestConvert:
    def test_beside_the_file_where_it_is_found(self, vfi: Vfi, placed: Path) -> None:
        outcome = vfi("checkpoints", "convert", placed)
        assert outcome.code == 0
        converted = placed.with_suffix(".safetensors")
        assert outcome.out.startswith(f"{converted}: 124 tensors, 25.5 MB, for scopeflow.")
        placed.unlink()
        assert len(load_flow("scopeflow", device="cpu").state_dict()) == 124

    def test_elsewhere_with_what_is_left_out(self, vfi: Vfi, official_eqvi: Path, tmp_path: Path) -> None:
        outcome = vfi("checkpoints", "convert", official_eqvi, "-o", tmp_path / "eqvi.safetensors")
        assert outcome.code == 0
        assert "209 tensors" in outcome.out
        assert "acc.flownet.* (124) is left out: it repeats flownet.*" in outcome.out

    def test_nothing_is_replaced_unasked(self, vfi: Vfi, official_scopeflow: Path, tmp_path: Path) -> None:
        output = tmp_path / "out.safetensors"
        output.write_text("mine", encoding="utf-8")
        refused(vfi("checkpoints", "convert", official_scopeflow, "-o", output), "give --overwrite")
        assert output.read_text(encoding="utf-8") == "mine"
        assert vfi("checkpoints", "convert", official_scopeflow, "-o", output, "--overwrite").code == 0

    def test_only_whole_files(self, vfi: Vfi, tmp_path: Path) -> None:
        path = tmp_path / "part.ckpt"
        torch.save({"model_state_dict": official(SmallEqvi())}, path)
        refused(vfi("checkpoints", "convert", path), "209 of 209 keys are missing")
        assert not path.with_suffix(".safetensors").exists()


class TestModels:
    def test_windows_weights_and_published_numbers(
        self, vfi: Vfi, own_checkpoint_folders: Folders, official_ms_fusion: Path
    ) -> None:
        folder = own_checkpoint_folders["named"] / "Stage4_MSFusion"
        folder.mkdir(parents=True)
        (folder / "whatever.pth").symlink_to(official_ms_fusion)
        outcome = vfi("models")
        assert outcome.code == 0
        assert row(outcome, "quadratic").split()[1:5] == ["4", "frames", "no", "weights"]
        assert row(outcome, "eqvi.stage4").split()[1:7] == ["4", "frames", "weights", "found", "24.06", "dB"]
        assert row(outcome, "eqvi.stage123").split()[1:7] == [
            "4",
            "frames",
            "weights",
            "missing",
            "24.10",
            "dB",
        ]
        (folder / "other.pth").symlink_to(official_ms_fusion)
        assert "weights unclear" in row(vfi("models"), "eqvi.stage4")


class TestInterpolation:
    """From the command line to new frames, with the weights named or found."""

    @pytest.fixture
    def run(self, capfd: pytest.CaptureFixture[str]) -> Vfi:
        return command_line(capfd)

    @pytest.fixture
    def clip(self, tmp_path: Path) -> Path:
        folder = tmp_path / "clip"
        folder.mkdir()
        for number, frame in enumerate(synthetic_frames(3, 48, 64, seed=2)):
            cv2.imwrite(str(folder / f"{number}.png"), cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
        return folder

    def test_a_file_that_is_named_and_one_at_its_place(
        self, run: Vfi, clip: Path, own_checkpoint_folders: Folders, official_eqvi: Path, tmp_path: Path
    ) -> None:
        common = ("interpolate", clip, "--model", "eqvi.stage123", "--device", "cpu", "--quiet", "-o")
        refused(
            run(*common, tmp_path / "first"), "Stage123_scratch_checkpoint.ckpt, or name it by --checkpoint"
        )
        assert not (tmp_path / "first").exists()
        assert run(*common, tmp_path / "first", "--checkpoint", official_eqvi).code == 0
        place = own_checkpoint_folders["work"] / "Stage123_scratch" / "Stage123_scratch_checkpoint.ckpt"
        place.parent.mkdir(parents=True)
        place.symlink_to(official_eqvi)
        assert run(*common, tmp_path / "second").code == 0
        new = [path.name for path in sorted((tmp_path / "first").iterdir()) if "_" in path.name]
        assert len(new) == 2
        for name in new:
            assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()

    def test_a_file_of_another_model(
        self, run: Vfi, clip: Path, official_scopeflow: Path, tmp_path: Path
    ) -> None:
        output = tmp_path / "out"
        outcome = run(
            "interpolate", clip, "-o", output, "--model", "eqvi.stage4", "--checkpoint", official_scopeflow
        )
        refused(
            outcome, "is a ScopeFlow checkpoint, not an MS-Fusion checkpoint: load it as the flow backbone"
        )
        assert not output.exists()
