"""How many frames are asked for, and where they go if nothing is said."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest

from tests.interpolation.test_video import run, scene_frame
from tests.support.fakes import Blender
from tests.support.media import write_video
from vfi.errors import ConfigError
from vfi.interpolation import interpolate_video


class TestAmount:
    def test_one_new_frame_is_the_default(self) -> None:
        assert inspect.signature(interpolate_video).parameters["inter_frames"].default == 1

    @pytest.mark.parametrize(
        ("options", "count"),
        [({}, 16), ({"inter_frames": 2}, 24), ({"fps": 60}, 20), ({"slow_motion": 3}, 24)],
    )
    def test_which_gives_way_to_other_wishes(
        self, tmp_path: Path, options: dict[str, Any], count: int
    ) -> None:
        film = write_video(tmp_path / "film.mp4", 8, make_frame=scene_frame)
        report = interpolate_video(film, tmp_path / "out.mkv", Blender(), **options)
        assert report.frames_out == count

    def test_but_two_wishes_contradict_each_other(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="either inter_frames or fps"):
            interpolate_video(tmp_path, None, Blender(), inter_frames=2, fps=60)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({}, "film_x2.mp4"),
        ({"inter_frames": 3}, "film_x4.mp4"),
        ({"fps": 30}, "film_30fps.mp4"),
        ({"slow_motion": 2}, "film_slow2.mp4"),
    ],
)
def test_default_names(tmp_path: Path, options: dict[str, Any], name: str) -> None:
    film = write_video(tmp_path / "film.mp4", 3, make_frame=scene_frame)
    assert run(film, None, **options).output == tmp_path / name


def test_default_names_of_folders_and_foreign_containers(
    tmp_path: Path, image_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(image_folder, None).output == tmp_path / "clip_x2"
    monkeypatch.chdir(image_folder)
    assert run(Path(), None, fps=60).output == tmp_path / "clip_60fps"
    film = write_video(tmp_path / "old.avi", 3, codec="mpeg4", make_frame=scene_frame)
    assert run(film, None).output == tmp_path / "old_x2.mp4"
