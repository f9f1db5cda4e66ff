"""The scripts that users of SGM-VFI know, in the terms of ``vfi benchmark``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from vfi.cli.sgm_scripts import benchmark_arguments, build_parser

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], ["--model", "sgm.small"]),
        (["--exp_name", "ours-base-1-4-points"], ["--model", "sgm.base_quarter"]),
        (
            ["--exp_name", "mine-base"],
            ["--model", "sgm.base", "--checkpoint", str(Path("log/mine-base/ckpt/mine-base.pth"))],
        ),
        (
            ["--num_key_points", "0.125"],
            ["--model", "sgm.small", "--model-options", "{points: 0.125}"],
        ),
        (["--num_key_points", "-1"], ["--model", "sgm.small", "--model-options", "{points: all}"]),
    ],
)
def test_flags(given: list[str], expected: list[str]) -> None:
    options = build_parser("Xiph", ["xiph_2k_l_sgm"]).parse_args(["--path", "netflix", *given])
    start = ["benchmark", "xiph_2k_l_sgm", "--data", "netflix", "--baselines", "none"]
    assert benchmark_arguments("xiph_2k_l_sgm", options) == start + expected


@pytest.mark.parametrize("script", ["XTest_interval", "SNU_FILM", "Xiph"])
def test_a_script_runs_as_a_file(script: str, tmp_path: Path) -> None:
    command = [
        sys.executable,
        str(REPOSITORY / "benchmark" / f"{script}.py"),
        "--path",
        str(tmp_path / "none"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 2
    assert "is not a folder" in done.stderr
    assert "Traceback" not in done.stderr
