"""The environment that is written with every result, and the table."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch

from vfi.evaluation import report


def test_result_carries_command_commit_and_environment(tmp_path: Path) -> None:
    path = tmp_path / "new" / "result.json"
    report.write_result(path, {"psnr": 30.5})
    written = json.loads(path.read_text(encoding="utf-8"))
    assert written["psnr"] == 30.5
    assert set(written["environment"]) == {"command", "date", "commit", "device", "versions"}
    assert written["environment"]["versions"]["torch"] == torch.__version__
    assert str(torch.get_num_threads()) in written["environment"]["device"]


def test_without_a_path_nothing_is_written() -> None:
    report.write_result(None, {"psnr": 30.5})


def test_a_result_without_git_is_written_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert report.environment()["commit"] == "unknown"
    monkeypatch.undo()
    monkeypatch.setattr(report, "REPOSITORY", tmp_path)
    assert report.environment()["commit"] == "unknown"


def test_equal_frames_leave_valid_json(tmp_path: Path) -> None:
    """Their PSNR is infinite, for which JSON has no number."""
    report.write_result(tmp_path / "result.json", {"clips": {"still": {"psnr": math.inf}}, "times": [1.5]})

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    written = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"), parse_constant=refuse)
    assert written["clips"]["still"]["psnr"] == "inf"
    assert written["times"] == [1.5]


def test_table_is_aligned() -> None:
    lines = report.table(["clip", "dB"], [["a long name", "30.12"], ["b", "9"]]).splitlines()
    assert lines[0] == "| clip        | dB    |"
    assert lines[1] == "| ----------- | ----- |"
    assert len({len(line) for line in lines}) == 1


def test_rows_take_a_line_each(tmp_path: Path) -> None:
    rows = [{"sample": "a", "psnr": math.inf}, {"sample": "b", "psnr": 30.5}]
    report.write_result(tmp_path / "result.json", {"rows": rows, "mean": 1})
    text = (tmp_path / "result.json").read_text(encoding="utf-8")
    assert '\n  {"sample": "b", "psnr": 30.5}\n' in text
    assert json.loads(text)["rows"] == [{"sample": "a", "psnr": "inf"}, rows[1]]
    assert json.loads(text)["mean"] == 1


@pytest.mark.parametrize(
    ("program", "command"),
    [
        ("benchmark/speed.py", "python -m benchmark.speed clips --data data"),
        ("vfi/__main__.py", "vfi clips --data data"),
        ("bin/vfi", "vfi clips --data data"),
    ],
)
def test_the_command_is_that_of_the_program(
    program: str, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", [program, "clips", "--data", "data"])
    assert report.environment()["command"] == command
