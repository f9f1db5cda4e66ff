"""Fixtures that every part of the test suite may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real clips: ``VFI_DATA``, else ``shared/data`` beside the clone; skips where there is none."""
    named = os.environ.get("VFI_DATA")
    folder = Path(named) if named else REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no real clips: {folder} is not a folder (VFI_DATA names another place)")
    return folder
