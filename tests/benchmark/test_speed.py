"""The jobs of the speed comparison, on a clip of a few small frames."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark import speed
from benchmark.models import write_synthetic_clip
from tests.support.outputs import decoded
from vfi.models.quadratic import build_quadratic


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "input.mp4"
    write_synthetic_clip(path, 48, 64, 5, speed.RATE)
    return path


@pytest.mark.parametrize("inter_frames", [1, 3])
def test_vfi_writes_the_frames_that_are_counted(film: Path, tmp_path: Path, inter_frames: int) -> None:
    output = tmp_path / "out.mp4"
    new = speed.vfi_job(film, output, build_quadratic(), inter_frames)
    assert new == 4 * inter_frames
    assert len(decoded(output)) >= 5 + new


def test_minterpolate_writes_the_frames_that_are_counted(film: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    assert speed.minterpolate_job(film, output, 2) == 3
    assert len(decoded(output)) == 7


def test_jobs_take_turns_after_a_run_that_does_not_count() -> None:
    log: list[str] = []

    def job(name: str) -> int:
        log.append(name)
        return 2

    times = speed.measure({"a": lambda: job("a"), "b": lambda: job("b")}, 2)
    assert log == ["a", "b", "a", "b", "a", "b"]
    assert {name: len(values) for name, values in times.items()} == {"a": 2, "b": 2}
