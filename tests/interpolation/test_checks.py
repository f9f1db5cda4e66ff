"""Checks before anything is computed: names that new images would take."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interpolation.conftest import write_images
from vfi.config import InterpolateConfig
from vfi.errors import InputError
from vfi.interpolation.checks import check_source
from vfi.io import open_source


def check(folder: Path, **options: object) -> None:
    config = InterpolateConfig.from_values({"input": folder, **options})
    with open_source(folder) as source:
        check_source(config, source.info, folder.with_name("out"))


def test_a_folder_may_not_hold_names_of_new_images(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "in", 3)
    (folder / "003.png").rename(folder / "002_3.png")
    check(folder, inter_frames=3)  # new images are 002_0 to 002_2
    check(folder, fps=60)  # new images are numbers
    with pytest.raises(InputError, match=r"in already holds a new frame, 002_3: give a folder"):
        check(folder, inter_frames=4)
