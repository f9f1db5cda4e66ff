"""Fixtures for files with weights."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """The four folders that are searched, in order, all of this test; none exists yet."""
    for name in ("work", "clone"):
        (tmp_path / name).mkdir()
    (tmp_path / "clone" / "pyproject.toml").touch()
    monkeypatch.setenv("VFI_CHECKPOINTS", str(tmp_path / "named"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("vfi.checkpoints.places.CLONE", tmp_path / "clone")
    monkeypatch.chdir(tmp_path / "work")
    return {
        "named": tmp_path / "named",
        "work": tmp_path / "work" / "checkpoints",
        "clone": tmp_path / "clone" / "checkpoints",
        "data": tmp_path / "data" / "vfi" / "checkpoints",
    }
