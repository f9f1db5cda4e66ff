"""The wheel, installed in an environment of its own, passes the fast tests from another folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
BUILD_INPUTS = ("pyproject.toml", "README.md", "LICENSE", "NOTICE", "vfi", "models")
# What users of the wheel may copy out of the clone: it must work there too.
FILES_TO_TAKE = ("interpolate.py", "configs", "pyproject.toml")  # the last for pytest's settings
# What these tests look at is the clone itself.
CLONE_ONLY_TESTS = ("packaging", "benchmark")

pytestmark = pytest.mark.slow


def run(command: Sequence[str | Path], folder: Path) -> str:
    """The output of a command that sees nothing of the clone; fails with that output."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    environment.pop("PYTHONPATH", None)
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}"
    return done.stdout


def copy_into(folder: Path, original: Path, *leave_out: str) -> None:
    """Copy a file or a folder, without compiled Python and what is to be left out."""
    if original.is_dir():
        ignored = shutil.ignore_patterns("__pycache__", *leave_out)
        shutil.copytree(original, folder / original.name, ignore=ignored)
    else:
        shutil.copy(original, folder)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy: setuptools leaves a ``build/`` behind and takes old files from it."""
    source = tmp_path_factory.mktemp("source")
    for name in BUILD_INPUTS:
        copy_into(source, REPOSITORY / name)
    run([sys.executable, "-m", "build", "--wheel", "--no-isolation"], source)
    (built,) = (source / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def clean_python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a new environment that holds the wheel and borrows our dependencies.

    A folder named in a ``.pth`` file is searched, but the ``.pth`` files inside it are not read: that is
    what keeps an editable install of this clone out of the new environment.
    """
    folder = tmp_path_factory.mktemp("clean") / "environment"
    venv.create(folder, with_pip=False, symlinks=os.name != "nt")
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    site_packages = run([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], folder)
    borrowed = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (Path(site_packages.strip()) / "borrowed.pth").write_text("\n".join(sorted(borrowed)) + "\n")
    run(
        [sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", wheel], folder
    )
    return python


def test_wheel_has_one_top_level_name(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    top_level = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert top_level == {"vfi"}
    assert {"vfi/py.typed", "vfi/ops/backends/cuda/correlation.cuh"} <= set(names)
    assert any(name.endswith("dist-info/licenses/NOTICE") for name in names)


def test_wheel_holds_every_module(wheel: Path) -> None:
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if name.endswith(".py")}
    bridge = REPOSITORY / "vfi" / "models" / "__init__.py"
    expected = {
        path.relative_to(REPOSITORY).as_posix()
        for path in (REPOSITORY / "vfi").rglob("*.py")
        if path != bridge
    }
    networks = {path.relative_to(REPOSITORY).as_posix() for path in (REPOSITORY / "models").rglob("*.py")}
    assert packed == expected | {f"vfi/{name}" for name in networks}


def test_command_line_starts_from_wheel(clean_python: Path, tmp_path: Path) -> None:
    program = clean_python.with_name("vfi.exe" if os.name == "nt" else "vfi")
    assert "interpolate" in run([program, "--help"], tmp_path)


def test_fast_tests_pass_from_another_folder(clean_python: Path, tmp_path: Path) -> None:
    copy_into(tmp_path, REPOSITORY / "tests", *CLONE_ONLY_TESTS)
    for name in FILES_TO_TAKE:
        copy_into(tmp_path, REPOSITORY / name)
    found = run(
        [clean_python, "-c", "import vfi, vfi.models; print(vfi.__file__, *vfi.models.__path__)"], tmp_path
    )
    environment = clean_python.parents[1]
    assert all(Path(place).is_relative_to(environment) for place in found.split())
    run([clean_python, "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider"], tmp_path)
