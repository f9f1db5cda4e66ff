"""``demo_2x.py``, the script a newcomer reads first: short, it works, and mistakes end in one sentence."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable
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


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Runs the script in a folder of its own, without a process of its own."""
    monkeypatch.setenv("VFI_CHECKPOINTS", str(tmp_path / "none"))
    monkeypatch.chdir(tmp_path)

    def run(*arguments: Path) -> None:
        monkeypatch.setattr(sys, "argv", [str(SCRIPT), *map(str, arguments)])
        runpy.run_path(str(SCRIPT), run_name="__main__")

    return run


def test_it_is_short() -> None:
    assert len(SCRIPT.read_text(encoding="utf-8").splitlines()) < 40


def test_two_images_give_a_frame_and_an_explanation(
    tmp_path: Path, pair: list[Path], run: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    run(*pair)
    assert capsys.readouterr().out.startswith(("quadratic ", "sgm.small "))
    between = cv2.imread(str(tmp_path / "demo_2x" / "between.png"))
    assert between is not None
    assert between.shape == (*scene_array(1).shape,)
    assert (tmp_path / "demo_2x" / "what_happened.png").stat().st_size > 1000


def test_a_missing_image_is_reported_in_one_sentence(
    tmp_path: Path, pair: list[Path], run: Callable[..., None]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run(pair[0], tmp_path / "none.png")
    assert "none.png does not exist" in str(ended.value.code)
    assert "\n" not in str(ended.value.code)
    assert not (tmp_path / "demo_2x").exists()
