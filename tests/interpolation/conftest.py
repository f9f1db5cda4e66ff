"""Small inputs for the end-to-end tests."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest

from tests.support.fakes import scene_array


@pytest.fixture
def image_folder(tmp_path: Path) -> Path:
    """Four images of one scene, 001.png to 004.png."""
    return write_images(tmp_path / "clip")


def write_images(folder: Path, count: int = 4, seed: int = 1) -> Path:
    folder.mkdir(parents=True)
    for number in range(count):
        name = str(folder / f"{number + 1:03d}.png")
        cv2.imwrite(name, cv2.cvtColor(scene_array(seed, number), cv2.COLOR_RGB2BGR))
    return folder
