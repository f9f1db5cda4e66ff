"""``vfi benchmark``: from a folder to tables, result files and the worst frames."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.support import datasets as tiny
from vfi.cli.main import main


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """One clip of nine frames of a size that all metrics take."""
    texture = cv2.resize(np.random.default_rng(0).integers(0, 256, (12, 20, 3), np.uint8), (120, 72))
    folder = tmp_path / "data" / "walk"
    folder.mkdir(parents=True)
    for number in range(9):
        cv2.imwrite(str(folder / f"{number}.png"), texture[:48, 3 * number : 3 * number + 64])
    return folder.parent


def run(*arguments: object) -> int:
    return main(["benchmark", *map(str, arguments)])


def test_tables_and_files(clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result, text, worst = tmp_path / "result.json", tmp_path / "result.md", tmp_path / "worst"
    arguments = ["--json", result, "--markdown", text, "--save-worst", 1, "--worst-folder", worst]
    assert run("clips", "--data", clips, *arguments) == 0
    printed = capsys.readouterr().out
    assert "| quadratic " in printed
    assert "| minterpolate " in printed
    assert text.read_text(encoding="utf-8") in printed
    assert "quadratic uses four frames, but 2 of 4 samples lack an outer one" in printed
    stored = json.loads(result.read_text(encoding="utf-8"))
    assert stored["complete"]
    assert stored["means"]["quadratic"]["psnr"] > stored["means"]["blend"]["psnr"]
    assert len(stored["rows"]) == 3 * 4
    assert stored["windows_without_neighbors"]["quadratic"] == 2
    assert {"command", "commit", "device"} <= stored["environment"].keys()
    assert (worst / "index.html").is_file()
    assert (worst / "quadratic_000_error.png").is_file()
    assert not list(tmp_path.glob("result.json.rows*"))


def test_other_choices(clips: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--factor", 4, "--limit", 1, "--baselines", "repeat", "--metrics", "ie,+sharpness"]
    result = clips.parent / "result.json"
    assert run("clips", "--data", clips, "--json", result, *options) == 0
    printed = capsys.readouterr().out
    stored = json.loads(result.read_text(encoding="utf-8"))
    assert (stored["choices"], stored["limit"], stored["samples"]) == ({"factor": 4}, 1, 1)
    assert "| method    | IE" in printed
    assert "sharpness" in printed
    assert "blend" not in printed


def test_a_broken_frame_keeps_the_rest(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (clips / "walk" / "5.png").write_bytes(b"no image")
    result = tmp_path / "result.json"
    assert run("clips", "--data", clips, "--json", result) == 2
    captured = capsys.readouterr()
    assert "Partial: 2 of 4 samples were measured." in captured.out
    assert "5.png is not an image" in captured.err
    assert not json.loads(result.read_text(encoding="utf-8"))["complete"]
    (clips / "walk" / "5.png").write_bytes((clips / "walk" / "4.png").read_bytes())
    assert run("clips", "--data", clips, "--json", result, "--resume") == 0
    assert json.loads(result.read_text(encoding="utf-8"))["complete"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["clip"], "There is no protocol 'clip': did you mean clips?"),
        (["ucf101"], "does not hold this data set: wanted folders with frame_00.png"),
        (["clips", "--metrics", "pnsr"], "There is no metric 'pnsr'"),
        (["clips", "--baselines", "rife"], "There is no baseline 'rife'"),
        (["clips", "--limit", "0"], "--limit 0: give a whole number from 1 on"),
        (["clips", "--list", "a.txt"], "The protocol clips has no choice of list_file"),
        (
            ["clips", "--model", "auto", "--model", "quadratic", "--checkpoint", "a.pth"],
            "belongs to one model",
        ),
        (["clips", "--model", "nothing"], "nothing"),
    ],
)
def test_mistakes(
    arguments: list[str], message: str, clips: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments, "--data", clips) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_an_existing_result_is_not_replaced(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = tmp_path / "result.json"
    result.write_text("{}", encoding="utf-8")
    assert run("clips", "--data", clips, "--json", result) == 2
    assert "exists already: add --overwrite" in capsys.readouterr().err
    assert result.read_text(encoding="utf-8") == "{}"


def test_published_figures_stand_beside_ours(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vfi.registry.published.published_figures", lambda *_: {"psnr": 24.0})
    tiny.write_reds(tmp_path / "reds")
    options = ["--limit", 1, "--baselines", "blend"]
    assert run("reds_vtsr", "--data", tmp_path / "reds", *options) == 0
    assert "| PSNR " in (printed := capsys.readouterr().out)
    assert "| paper PSNR | difference |" in printed


def test_the_list_of_protocols(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--protocols") == 0
    assert "xiph_4k_l_sgm" in capsys.readouterr().out


@pytest.mark.slow
def test_two_processes_give_the_totals_of_one(clips: Path, tmp_path: Path) -> None:
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        port = chosen.getsockname()[1]
    results: list[dict[str, object]] = []
    for name, launcher in (
        ("one", ["-m"]),
        ("two", ["-m", "torch.distributed.run", "--nproc-per-node=2", f"--master-port={port}", "-m"]),
    ):
        file = tmp_path / f"{name}.json"
        command = [*launcher, "vfi", "benchmark", "clips", "--data", str(clips), "--json", str(file), "-q"]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        subprocess.run([sys.executable, *command], check=True, env=environment, capture_output=True)
        results.append(json.loads(file.read_text(encoding="utf-8")))
    one, two = results
    assert one["rows"] == two["rows"]
    assert one["means"] == two["means"]
    assert two["complete"]
