"""Fixtures and rules for the whole test suite."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.support.natural_clips import clip_id, real_clips, write_natural_clips
from tests.support.official_files import Kind, SgmKind, write_official, write_official_sgm

REPOSITORY = Path(__file__).resolve().parents[1]
SHARED_FOLDER = "VFI_TEST_FOLDER"
"""Environment variable: the folder of large files that all workers of a run use together."""


def pytest_configure(config: pytest.Config) -> None:
    """Make the folder for all workers of this run; they inherit its name."""
    if not hasattr(config, "workerinput"):
        os.environ[SHARED_FOLDER] = tempfile.mkdtemp(prefix="vfi-tests-")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the shared folder once all workers have ended: pytest would keep such files for three runs."""
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ.pop(SHARED_FOLDER), ignore_errors=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs a GPU where there is none, so that ``-m gpu`` says why nothing ran."""
    if torch.cuda.is_available():
        return
    skip = pytest.mark.skip(reason="no CUDA device here")
    for item in items:
        if "gpu" in item.keywords:
            item.add_marker(skip)


@pytest.fixture(autouse=True)
def _same_random_numbers() -> None:
    """Every test draws the same numbers, alone or in the suite, in any order."""
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def natural_clips() -> Path:
    """The folder of the three small clips that stand in for real footage."""
    return _written_once("natural-clips", _natural_clips)


@pytest.fixture(scope="session", params=[None, *real_clips("demo/dog_play_720p.mp4")], ids=clip_id)
def natural_clip(request: pytest.FixtureRequest, natural_clips: Path) -> Path:
    """A clip with camera motion: one of the stand-ins and, where there is real footage, one of it too."""
    return request.param or natural_clips / "pan.mkv"


@pytest.fixture(scope="session")
def official_eqvi() -> Path:
    """A file shaped like the released EQVI files (Stage3, Stage123), with synthetic weights."""
    return _official("eqvi")


@pytest.fixture(scope="session")
def official_ms_fusion() -> Path:
    """A file shaped like the released Stage4 file, with synthetic weights."""
    return _official("ms_fusion")


@pytest.fixture(scope="session")
def official_scopeflow() -> Path:
    """A file shaped like ScopeFlow's, with synthetic weights: the flow network of ``official_eqvi``."""
    return _official("scopeflow")


@pytest.fixture(scope="session")
def official_sgm() -> Callable[[SgmKind], Path]:
    """Gives files shaped like SGM-VFI's and GMFlow's, with synthetic weights, each written when asked for."""

    def official(kind: SgmKind) -> Path:
        return _written_once(f"sgm_{kind}.pth", lambda path: write_official_sgm(kind, path))

    return official


@pytest.fixture
def own_checkpoint_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """The four folders that are searched, in order, all of this test; none exists yet."""
    for name in ("work", "clone"):
        (tmp_path / name).mkdir()
    (tmp_path / "clone" / "pyproject.toml").touch()
    monkeypatch.setenv("VFI_CHECKPOINTS", str(tmp_path / "named"))
    monkeypatch.setattr("vfi.checkpoints.search.user_data_path", lambda *_, **__: tmp_path / "data" / "vfi")
    monkeypatch.setattr("vfi.checkpoints.search.CLONE", tmp_path / "clone")
    monkeypatch.chdir(tmp_path / "work")
    return {
        "named": tmp_path / "named",
        "work": tmp_path / "work" / "checkpoints",
        "clone": tmp_path / "clone" / "checkpoints",
        "data": tmp_path / "data" / "vfi" / "checkpoints",
    }


def _natural_clips(folder: Path) -> None:
    folder.mkdir()
    write_natural_clips(folder)


def _official(kind: Kind) -> Path:
    return _written_once(f"{kind}.ckpt", lambda path: write_official(kind, path))


def _written_once(name: str, write: Callable[[Path], object]) -> Path:
    """A file of this run, written once; workers that come at the same time write the same."""
    path = Path(os.environ[SHARED_FOLDER], name)
    if not path.exists():
        own = path.with_suffix(f".{os.getpid()}")
        write(own)
        own.replace(path)
    return path
