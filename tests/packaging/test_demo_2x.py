"""``demo_2x.py``, the script a newcomer reads first: short, it works, and mistakes end in one sentence."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from tests.support.fakes import scene_array

SCRIPT = Path(__file__).resolve().parents[2] / "demo_2x.py"


@pytest.fixture
def pair(tmp_path: Path) -> list[Path]:
    names = [tmp_path / f"{number}.png" for number in range(2)]
    for number, name in enumerate(names):
        cv2.imwrite(str(name), scene_array(1, 3 * number))
    return names


def run(*arguments: object, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    environment = {**os.environ, "VFI_CHECKPOINTS": str(folder / "none"), "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def test_it_is_short() -> None:
    assert len(SCRIPT.read_text(encoding="utf-8").splitlines()) < 40


def test_two_images_give_a_frame_and_an_explanation(tmp_path: Path, pair: list[Path]) -> None:
    done = run(*pair, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(("quadratic ", "sgm.small "))
    between = cv2.imread(str(tmp_path / "demo_2x" / "between.png"))
    assert between is not None
    assert between.shape == (*scene_array(1).shape,)
    assert (tmp_path / "demo_2x" / "what_happened.png").stat().st_size > 1000


def test_a_missing_image_is_reported_in_one_sentence(tmp_path: Path, pair: list[Path]) -> None:
    done = run(pair[0], tmp_path / "none.png", folder=tmp_path)
    assert done.returncode != 0
    assert "none.png does not exist" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "demo_2x").exists()
