"""SGM-VFI with the golden vectors' weights, from files like the released ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.official_files import SgmKind
from tests.support.sgm_pairs import load
from vfi.models.sgm import SgmInterpolator, SgmSettings


@pytest.fixture(scope="session")
def small(official_sgm: Callable[[SgmKind], Path]) -> SgmInterpolator:
    return load("sgm.small", official_sgm("full_small"))


@pytest.fixture(scope="session")
def local_small(official_sgm: Callable[[SgmKind], Path]) -> SgmInterpolator:
    return load("sgm.local_small", official_sgm("local_small"))


@pytest.fixture
def settings_of_small(small: SgmInterpolator, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Runs the small model with other settings, for one test."""
    return lambda **values: monkeypatch.setattr(small, "settings", SgmSettings(**values))
