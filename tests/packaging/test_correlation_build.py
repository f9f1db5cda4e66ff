"""The build script of ``vfi_correlation``: the GPUs it builds for, and the toolkits it refuses."""

from __future__ import annotations

import runpy
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from tests.packaging.sources import REPOSITORY

SCRIPT = REPOSITORY / "correlation_package" / "setup.py"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The names of the script, which describes the distribution to a fake setuptools."""
    monkeypatch.setattr("setuptools.setup", lambda **options: None)
    monkeypatch.setattr(sys, "argv", ["setup.py"])
    return runpy.run_path(str(SCRIPT))


@pytest.mark.parametrize(
    ("pytorch", "toolkit", "expected"),
    [
        ("12.6", "12.9", "7.5;8.0;9.0+PTX"),
        ("12.8", "12.4", "7.5;8.0;9.0+PTX"),
        ("12.8", "12.8", "7.5;8.0;9.0;10.0;12.0+PTX"),
        ("13.0", "13.1", "7.5;8.0;9.0;10.0;12.0+PTX"),
    ],
)
def test_blackwell_needs_cuda_12_8_of_pytorch_and_of_the_toolkit(
    script: dict[str, Any], pytorch: str, toolkit: str, expected: str
) -> None:
    assert script["every_architecture"](pytorch, toolkit) == expected


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (
            "Cuda compilation tools, release 12.4, V12.4.99",
            "toolkit in /cuda is 12.4, but PyTorch was built for CUDA 13.0",
        ),
        ("nothing", "does not report its version"),
    ],
)
def test_unsuitable_toolkits_are_refused(
    script: dict[str, Any], monkeypatch: pytest.MonkeyPatch, output: str, message: str
) -> None:
    monkeypatch.setattr(subprocess, "run", lambda *command, **options: SimpleNamespace(stdout=output))
    torch = SimpleNamespace(version=SimpleNamespace(cuda="13.0"))
    with pytest.raises(SystemExit, match=message):
        script["toolkit_version"](torch, "/cuda")
