"""Tile height: as the options ask, as fits into the memory allowed, or as fits into this machine's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.interpolation.test_video import scene_frame
from tests.support.fakes import HEIGHT, WIDTH, Blender
from tests.support.media import write_video
from vfi.base.interpolator import MemoryUse
from vfi.errors import ConfigError
from vfi.interpolation import interpolate_video
from vfi.jobs.report import Report

PER_ROW = 2**20
"""Bytes that the model states to need for each row."""


class Hungry(Blender):
    """States a high need of memory for each pixel."""

    def memory_use(self, height: int, width: int) -> MemoryUse:
        return MemoryUse(per_pixel=0, per_tile_pixel=PER_ROW / width)


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return write_video(tmp_path / "film.mp4", 3, make_frame=scene_frame)


def tiles_of(model: Hungry) -> set[int | None]:
    return {tile for _, _, tile in model.asked}


def run(film: Path, model: Hungry, **options: Any) -> Report:
    """Interpolate a film with frames of 3 HEIGHT rows."""
    size = (WIDTH, 3 * HEIGHT)
    return interpolate_video(film, film.with_name("out.mkv"), model, test_size=size, **options)


def machine(monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    """Simulate a machine of which 60 % of the memory just hold so many rows."""
    memory = -(-rows * PER_ROW * 10 // 6)
    monkeypatch.setattr("vfi.interpolation.job.total_memory", lambda device: memory)


def test_no_tiles_where_the_frame_just_fits(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, 3 * HEIGHT)
    model = Hungry()
    assert run(film, model).notes == ()
    assert tiles_of(model) == {None}


def test_tiles_where_one_row_does_not_fit(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, 3 * HEIGHT - 1)
    model = Hungry()
    run(film, model)
    assert tiles_of(model) == {3 * HEIGHT - 1}


def test_tiles_where_it_does_not_fit_are_reported(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, 100)
    model = Hungry()
    (note,) = run(film, model).notes
    assert "in tiles of 100 rows, to stay within 0.1 GiB of memory (--max-memory)" in note
    assert tiles_of(model) == {100}


def test_what_is_asked_for_counts_more_than_the_machine(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, 3 * HEIGHT)
    model = Hungry()
    run(film, model, max_memory=80 * PER_ROW)
    run(film, model, tile=70, overwrite=True)
    assert tiles_of(model) == {80, 70}


def test_too_small_a_machine_is_reported_before_anything_is_written(
    film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine(monkeypatch, 10)
    with pytest.raises(ConfigError, match="raise --max-memory or use smaller frames"):
        run(film, Hungry())
    assert [path.name for path in film.parent.iterdir()] == ["film.mp4"]
