"""The two roads of the speed comparison, on a clip of a few small frames."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark import speed
from tests.support.outputs import decoded
from vfi.models.quadratic import build_quadratic


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    patch = pytest.MonkeyPatch()
    patch.setattr(speed, "HEIGHT", 48)
    patch.setattr(speed, "WIDTH", 64)
    patch.setattr(speed, "FRAMES", 5)
    path = speed.synthetic_clip(tmp_path_factory.mktemp("clips"))
    patch.undo()
    return path


@pytest.mark.parametrize("inter_frames", [1, 3])
def test_vfi_makes_what_it_is_paid_for(film: Path, tmp_path: Path, inter_frames: int) -> None:
    output = tmp_path / "out.mp4"
    new = speed.vfi_road(film, output, build_quadratic(), inter_frames)
    assert new == 4 * inter_frames
    assert len(decoded(output)) >= 5 + new


def test_minterpolate_makes_what_it_is_paid_for(film: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    assert speed.minterpolate_road(film, output, 2) == 3
    assert len(decoded(output)) == 7


def test_roads_take_turns_after_a_run_that_does_not_count() -> None:
    log: list[str] = []

    def road(name: str) -> int:
        log.append(name)
        return 2

    times = speed.measure({"a": lambda: road("a"), "b": lambda: road("b")}, 2)
    assert log == ["a", "b", "a", "b", "a", "b"]
    assert {name: len(values) for name, values in times.items()} == {"a": 2, "b": 2}
