"""Quality on a tiny clip: what is kept, what is made again, how it is scored and written down."""

from __future__ import annotations

import json
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from benchmark import quality
from vfi.data.synthetic import Scene, write_clip
from vfi.errors import InputError
from vfi.models.quadratic import build_quadratic

HEIGHT, WIDTH, COUNT = 64, 96, 9


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    scene = Scene.translation(HEIGHT, WIDTH, (4.0, 2.0))
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    write_clip(path, (scene.render_rgb(number) for number in range(COUNT)), Fraction(24))
    return path


@pytest.mark.parametrize(("factor", "limit", "last"), [(2, None, 8), (4, None, 8), (3, None, 6), (2, 6, 4)])
def test_clip_ends_with_a_kept_frame(film: Path, factor: int, limit: int | None, last: int) -> None:
    clip = quality.read_clip(film, factor, limit)
    assert list(clip.frames) == list(range(last + 1))
    assert len(clip.kept) >= last // factor + 1


@pytest.mark.parametrize("factor", [2, 4])
def test_all_methods_make_the_left_out_frames(film: Path, factor: int) -> None:
    clip = quality.read_clip(film, factor, None)
    left_out = {number for number in range(COUNT) if number % factor}
    assert set(quality.model_frames(clip, build_quadratic(), factor)) == left_out
    assert set(quality.blended_frames(clip, factor)) == left_out
    assert set(quality.minterpolate_frames(clip, factor)) == {n for n in left_out if n < COUNT - factor}


def test_blend_is_weighted_by_nearness() -> None:
    dark, light = np.zeros((2, 2, 3), np.uint8), np.full((2, 2, 3), 200, np.uint8)
    made = quality.blended_frames(quality.Clip([], {0: dark, 1: dark, 2: dark, 3: dark, 4: light}), 4)
    assert {number: int(frame[0, 0, 0]) for number, frame in made.items()} == {1: 50, 2: 100, 3: 150}


def test_scores_are_means_over_what_all_made() -> None:
    truth = np.full((16, 16, 3), 100, np.uint8)
    clip = quality.Clip([], dict.fromkeys(range(5), truth))
    made = {"near": {1: truth + 1, 3: truth + 1}, "far": {1: truth + 10, 2: truth, 3: truth + 10}}
    scores = quality.score(clip, made, with_lpips=False)
    assert scores["near"]["psnr"] == pytest.approx(20 * np.log10(255))
    assert scores["far"]["psnr"] == pytest.approx(20 * np.log10(25.5))
    assert set(scores["near"]) == {"psnr", "ssim"}


def test_a_clip_too_short_to_compare() -> None:
    truth = np.zeros((16, 16, 3), np.uint8)
    with pytest.raises(InputError, match="too short"):
        quality.score(quality.Clip([], {0: truth}), {"model": {1: truth}, "minterpolate": {}}, False)


def test_command_writes_what_it_measured(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    result = tmp_path / "results" / "quality.json"
    arguments = ["--data", str(film.parent), "--clips", film.name, "--json", str(result)]
    monkeypatch.setattr(sys, "argv", ["quality.py", *arguments])
    quality.main()
    written = json.loads(result.read_text(encoding="utf-8"))
    assert set(written["clips"][film.name]) == set(quality.METHODS)
    assert written["mean"] == written["clips"][film.name]
    assert written["mean"]["model"]["psnr"] > written["mean"]["blend"]["psnr"]
    assert written["environment"]["command"].startswith("python -m benchmark.quality --data")
    assert f"{written['mean']['model']['psnr']:.2f} dB" in capsys.readouterr().out
