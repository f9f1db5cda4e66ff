"""Shards joined equal the whole bit for bit, wherever their borders lie."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import pytest

from tests.support.fakes import Blender, scene_array
from tests.support.media import write_video
from tests.support.outputs import video_packets
from vfi.config import InterpolateConfig
from vfi.errors import ConfigError, OutputError
from vfi.interpolation.job import InterpolationJob
from vfi.interpolation.video import open_job
from vfi.jobs.report import Report
from vfi.jobs.runner import run
from vfi.jobs.shards import join_shards, run_shard, split, split_at

SCENES = [
    *((1, n) for n in range(4)), *[(1, 4)] * 3, (1, 5), (1, 6), *[(9, 0)] * 2, *((9, n) for n in range(1, 4)),
    *[(9, 4)] * 9, (9, 5), (9, 6), (5, 0), (5, 1), *[(5, 2)] * 4, (5, 3),
]  # fmt: skip
"""(scene, shift) of each frame: cuts, frames shown up to four times, and one that stands still."""
UNEVEN = [0, 1, 2, 3, 5, 6, 8, 9, 10, 11, 30, 31, 32]  # with a pause; the rest is even
SEGMENT = 4


def scene_frame(number: int, pixel_format: str) -> av.VideoFrame:
    return av.VideoFrame.from_ndarray(scene_array(*SCENES[number]), "rgb24").reformat(format=pixel_format)


@contextmanager
def job(source: Path, output: Path, **options: Any) -> Iterator[InterpolationJob]:
    config = InterpolateConfig.from_values({"input": source, "output": output, **options})
    with open_job(config, Blender()) as opened:
        opened.options = replace(opened.options, segment_frames=SEGMENT)
        yield opened


def whole(source: Path, output: Path, **options: Any) -> Report:
    with job(source, output, **options) as opened:
        return run(opened)


def joined(source: Path, output: Path, borders: list[int] | int, **options: Any) -> Report:
    folder = output.with_name("shards")
    with job(source, output, **options) as opened:
        shards = (
            split(opened.count(), borders, opened) if isinstance(borders, int) else split_at(borders, opened)
        )
    for shard in reversed(shards):
        with job(source, output, **options) as opened:
            run_shard(opened, shard, folder)
    with job(source, output, **options) as opened:
        report = join_shards(opened, shards, folder)
    assert not folder.exists()
    return report


def film(folder: Path, uneven: bool = False) -> Path:
    stamps = [*UNEVEN, *(33 + n for n in range(len(SCENES) - len(UNEVEN)))] if uneven else None
    return write_video(
        folder / "film.mp4", len(SCENES), stamps=stamps, time_base=Fraction(1, 12) if uneven else None,
        rate=12, make_frame=scene_frame, options={"qp": "0", "preset": "ultrafast"},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("count", "uneven", "options"),
    [
        (2, True, {"inter_frames": 1, "duplicates": True}),
        (5, False, {"fps": "29.97", "duplicates": True}),
    ],
)
def test_films(tmp_path: Path, count: int, uneven: bool, options: dict[str, Any]) -> None:
    check_film(tmp_path, count, uneven, options)


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize(
    ("uneven", "options"),
    [
        (False, {"inter_frames": 2}),
        (False, {"inter_frames": 1, "duplicates": True}),
        (False, {"fps": "29.97", "duplicates": True}),
        (True, {"inter_frames": 1, "duplicates": True}),
        (True, {"fps": 25}),
    ],
)
def test_more_films(tmp_path: Path, count: int, uneven: bool, options: dict[str, Any]) -> None:
    check_film(tmp_path, count, uneven, options)


def check_film(tmp_path: Path, count: int, uneven: bool, options: dict[str, Any]) -> None:
    """Compare packets, report and log of a film that is joined of shards with those of a run of the whole."""
    source = film(tmp_path, uneven)
    options = {**options, "codec": "ffv1"}
    wanted = whole(source, tmp_path / "whole.mkv", log=tmp_path / "whole.json", **options)
    report = joined(source, tmp_path / "out.mkv", count, log=tmp_path / "out.json", **options)
    assert video_packets(tmp_path / "out.mkv") == video_packets(tmp_path / "whole.mkv")
    seconds = report.seconds
    assert report == replace(wanted, output=tmp_path / "out.mkv", seconds=seconds)
    logs = [json.loads((tmp_path / name).read_text())["pairs"] for name in ("out.json", "whole.json")]
    assert logs[0] == logs[1]


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images") / "in"
    folder.mkdir()
    for number, scene in enumerate(SCENES):
        image = cv2.cvtColor(scene_array(*scene), cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(folder / f"{number:03d}.png"), image)
    return folder


def test_images(tmp_path: Path, images: Path) -> None:
    """Borders beside a cut, within a repeated frame and before the end."""
    check_images(tmp_path, images, [1, 17, 44, 57], {"duplicates": True})


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"duplicates": True}, {"preserve_input": False, "duplicates": True}])
def test_images_with_a_border_at_every_frame(tmp_path: Path, images: Path, options: dict[str, Any]) -> None:
    check_images(tmp_path, images, list(range(1, 2 * len(SCENES) - 1)), options)


def check_images(tmp_path: Path, images: Path, borders: list[int], options: dict[str, Any]) -> None:
    """Compare images that are joined of shards with those of a run of the whole."""
    wanted = whole(images, tmp_path / "whole", **options)
    borders = [border for border in borders if border < wanted.frames_out]
    assert joined(images, tmp_path / "out", borders, **options).frames_out == wanted.frames_out
    names = sorted(path.name for path in (tmp_path / "whole").iterdir())
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names
    for name in names:
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_borders_of_films_are_those_of_their_segments(tmp_path: Path) -> None:
    with job(film(tmp_path), tmp_path / "out.mp4") as opened:
        shards = split_at([3, 9, 10, 17], opened)
    assert [(shard.first, shard.stop) for shard in shards] == [(0, 4), (4, 8), (8, 16), (16, None)]


def test_refusals(tmp_path: Path) -> None:
    source = film(tmp_path)
    with job(source, tmp_path / "out.gif") as opened, pytest.raises(ConfigError, match="an animation"):
        split(10, 2, opened)
    with job(source, tmp_path / "out.mp4") as opened:
        with pytest.raises(ConfigError, match="0 shards"):
            split(10, 0, opened)
        with pytest.raises(OutputError, match=r"Shard 0 .* is not finished"):
            join_shards(opened, split(20, 2, opened), tmp_path / "shards")
    assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"]
