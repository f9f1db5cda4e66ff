"""The scripts that users of SGM-VFI know run as files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    "script",
    ["XTest_interval", *(pytest.param(name, marks=pytest.mark.slow) for name in ("SNU_FILM", "Xiph"))],
)
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
