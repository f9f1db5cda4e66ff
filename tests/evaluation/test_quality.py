"""Quality on tiny clips: which frames are kept, which are interpolated, how they are scored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.support.films import translation_film
from vfi import load_model
from vfi.data.synthetic import Scene
from vfi.errors import InputError
from vfi.evaluation import quality
from vfi.models.quadratic import build_quadratic

COUNT = 9


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return translation_film(tmp_path_factory.mktemp("clips"), COUNT)


@pytest.mark.parametrize(("factor", "limit", "last"), [(2, None, 8), (4, None, 8), (3, None, 6), (2, 6, 4)])
def test_clip_ends_with_a_kept_frame(film: Path, factor: int, limit: int | None, last: int) -> None:
    clip = quality.read_clip(film, factor, limit)
    assert list(clip.frames) == list(range(last + 1))
    assert len(clip.kept) >= last // factor + 1


@pytest.mark.parametrize("factor", [2, 4])
def test_all_methods_give_the_left_out_frames(film: Path, factor: int) -> None:
    clip = quality.read_clip(film, factor, None)
    left_out = {number for number in range(COUNT) if number % factor}
    assert set(quality.interpolated_frames(clip.frames, factor, build_quadratic())) == left_out
    assert set(quality.blended_frames(clip.frames, factor)) == left_out
    assert set(quality.minterpolated_frames(clip)) == {n for n in left_out if n < COUNT - factor}


def test_blend_is_weighted_by_nearness() -> None:
    dark, light = np.zeros((2, 2, 3), np.uint8), np.full((2, 2, 3), 200, np.uint8)
    blended = quality.blended_frames({0: dark, 1: dark, 2: dark, 3: dark, 4: light}, 4)
    assert {number: int(frame[0, 0, 0]) for number, frame in blended.items()} == {1: 50, 2: 100, 3: 150}


def test_scores_are_means_over_the_common_frames() -> None:
    truth = np.full((16, 16, 3), 100, np.uint8)
    estimates = {"near": {1: truth + 1, 3: truth + 1}, "far": {1: truth + 10, 2: truth, 3: truth + 10}}
    scores = quality.score(dict.fromkeys(range(5), truth), estimates)
    assert scores["near"].mean_psnr == pytest.approx(20 * np.log10(255))
    assert scores["far"].mean_psnr == pytest.approx(20 * np.log10(25.5))
    assert set(scores["near"].means()) == {"psnr", "ssim"}


def test_a_clip_too_short_to_compare() -> None:
    truth = np.zeros((16, 16, 3), np.uint8)
    with pytest.raises(InputError, match="too short"):
        quality.score({0: truth}, {"model": {1: truth}, "minterpolate": {}})


def test_equal_frames_have_a_finite_score() -> None:
    frame = np.full((16, 16, 3), 7, np.uint8)
    score = quality.Score()
    score.add(frame, frame)
    assert score.psnr == [100.0]


def test_the_default_model_has_its_committed_quality() -> None:
    """A change of these figures is a change of the default model: renew them with the reason."""
    scene = Scene.demo(144, 256, duration=1.0)
    truth = {number: scene.render_rgb(number / 24) for number in range(13)}
    estimates = {
        "model": quality.interpolated_frames(truth, 2, load_model()),
        "blend": quality.blended_frames(truth, 2),
    }
    scores = quality.score(truth, estimates)
    assert scores["model"].mean_psnr == pytest.approx(30.46, abs=0.05)
    assert scores["blend"].mean_psnr == pytest.approx(24.63, abs=0.05)
