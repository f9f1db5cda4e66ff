"""The command line with a model that needs no weights and no time."""

from __future__ import annotations

import pytest

from tests.support.command_line import Vfi, command_line
from tests.support.fakes import Blender
from vfi.errors import ConfigError
from vfi.registry import find


class SmallBlender(Blender):
    """Knows one name and one smallest tile."""

    def choose_tile(self, height: int, width: int, max_memory: int | None) -> int | None:
        if max_memory is not None and max_memory < 10**6:
            raise ConfigError(
                f"{max_memory} bytes do not hold the smallest tile: give --max-memory 1MB or more."
            )
        return super().choose_tile(height, width, max_memory)


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> SmallBlender:
    """The model that every run of this test uses."""
    blender = SmallBlender()

    def load(config):
        find("interpolator", config.model)
        return blender

    monkeypatch.setattr("vfi.interpolation.video._load", load)
    return blender


@pytest.fixture
def vfi(model: SmallBlender, capfd: pytest.CaptureFixture[str]) -> Vfi:
    """Runs the command line."""
    return command_line(capfd)
