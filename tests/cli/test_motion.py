"""``vfi motion``: statistics of a data set, and a list that ``vfi benchmark`` takes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support import datasets as tiny
from vfi.cli.main import main


@pytest.fixture
def snu_film(tmp_path: Path) -> Path:
    return tiny.write_snu_film(tmp_path / "SNU-FILM", width=96, height=64)


def test_statistics_histograms_and_a_list(
    snu_film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {name: tmp_path / name for name in ("half.txt", "motion.svg", "motion.json")}
    outputs = [
        "--top-half",
        files["half.txt"],
        "--histogram",
        files["motion.svg"],
        "--json",
        files["motion.json"],
    ]
    assert main(["motion", "snufilm_hard", "--data", str(snu_film), *map(str, outputs)]) == 0
    printed = capsys.readouterr().out
    assert "4 samples, flow by dis:" in printed
    assert "motion sufficiency: " in printed
    assert len(files["half.txt"].read_text(encoding="utf-8").splitlines()) == 2
    assert "<svg" in (tmp_path / "motion_sufficiency.svg").read_text(encoding="utf-8")
    rows = json.loads(files["motion.json"].read_text(encoding="utf-8"))["rows"]
    assert [set(row) for row in rows] == [{"sample", "mean", "sufficiency"}] * 4
    arguments = ["--data", str(snu_film), "--list", str(files["half.txt"]), "--baselines", "blend"]
    assert main(["benchmark", "snufilm_hard", *arguments]) == 0


def test_existing_files_stay(snu_film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "half.txt").write_text("mine", encoding="utf-8")
    arguments = ["--data", str(snu_film), "--top-half", str(tmp_path / "half.txt")]
    assert main(["motion", "snufilm_hard", *arguments]) == 2
    assert "exists already" in capsys.readouterr().err


def test_existing_histograms_stay(snu_film: Path, tmp_path: Path) -> None:
    (tmp_path / "motion_mean.svg").write_text("mine", encoding="utf-8")
    arguments = ["--data", str(snu_film), "--histogram", str(tmp_path / "motion.svg")]
    assert main(["motion", "snufilm_hard", *arguments]) == 2
    assert (tmp_path / "motion_mean.svg").read_text(encoding="utf-8") == "mine"


def test_one_sample_is_too_few(snu_film: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["motion", "snufilm_hard", "--data", str(snu_film), "--limit", "1"]) == 2
    assert "holds a single sample" in capsys.readouterr().err
