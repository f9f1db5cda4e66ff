"""Comparison of new frames with those left out, and its image."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vfi.data.synthetic import Scene, write_clip
from vfi.errors import InputError, OutputError
from vfi.evaluation.clips import Gap, compare, gaps, read_rgb
from vfi.evaluation.metrics import psnr, ssim
from vfi.visual.comparison import comparison_sheet, error_map, hardest_region
from vfi.visual.panels import save_sheet

RATE = Fraction(24)


@pytest.fixture(scope="module")
def frames() -> list[np.ndarray]:
    scene = Scene.passing(48, 64, (60.0, 20.0), seed=1)
    return [scene.render_rgb(number / 24) for number in range(7)]


def write(path: Path, frames: list[np.ndarray]) -> Path:
    """Write a video without loss."""
    write_clip(path, frames, RATE, codec="ffv1", pixel_format="bgr0")
    return path


@pytest.fixture
def files(tmp_path: Path, frames: list[np.ndarray]) -> tuple[Path, Path, Path]:
    """Ground truth, kept frames, and an output that repeats the frame before instead of interpolating."""
    repeated = [frame for frame in frames[::2] for _ in range(2)]
    return (
        write(tmp_path / "truth.mkv", frames),
        write(tmp_path / "kept.mkv", frames[::2]),
        write(tmp_path / "output.mkv", repeated),
    )


def test_each_gap_holds_its_frames(files: tuple[Path, Path, Path], frames: list[np.ndarray]) -> None:
    found = list(gaps(*files))
    assert len(found) == 3
    np.testing.assert_array_equal(found[1].before, frames[2])
    np.testing.assert_array_equal(found[1].truth, frames[3])
    np.testing.assert_array_equal(found[1].after, frames[4])
    np.testing.assert_array_equal(found[1].ours, frames[2])
    mean = (frames[2].astype(float) + frames[4]) / 2
    assert np.abs(found[1].blended() - mean).max() <= 0.5


def test_scores_are_those_of_the_metrics(files: tuple[Path, Path, Path], frames: list[np.ndarray]) -> None:
    comparison = compare(*files)
    expected = [float(psnr(frames[number - 1], frames[number])) for number in (1, 3, 5)]
    assert comparison.ours.psnr == pytest.approx(expected)
    assert comparison.ours.mean_psnr == pytest.approx(np.mean(expected))
    assert comparison.ours.mean_ssim == pytest.approx(
        np.mean([float(ssim(frames[number - 1], frames[number])) for number in (1, 3, 5)])
    )
    assert comparison.blending.mean_psnr > comparison.ours.mean_psnr
    assert sorted(expected).index(expected[comparison.example]) == 1
    np.testing.assert_array_equal(comparison.example_gap.truth, frames[2 * comparison.example + 1])


def test_equal_frames_have_a_finite_score(tmp_path: Path, frames: list[np.ndarray]) -> None:
    truth = write(tmp_path / "truth.mkv", frames)
    comparison = compare(truth, write(tmp_path / "kept.mkv", frames[::2]), truth)
    assert comparison.ours.mean_psnr == 100.0
    assert comparison.ours.mean_ssim == pytest.approx(1.0)


def test_what_does_not_fit_is_refused(tmp_path: Path, frames: list[np.ndarray]) -> None:
    truth = write(tmp_path / "truth.mkv", frames)
    kept = write(tmp_path / "kept.mkv", frames[::2])
    small = write(tmp_path / "small.mkv", [frame[:32] for frame in frames])
    with pytest.raises(InputError, match="64 x 32 pixels"):
        compare(truth, kept, small)
    with pytest.raises(InputError, match="at least three frames"):
        compare(truth, write(tmp_path / "one.mkv", frames[:1]), truth)


def test_deep_samples_are_rounded_to_eight_bits(tmp_path: Path) -> None:
    import cv2

    levels = np.arange(0, 65536, 257, dtype=np.uint16).reshape(16, 16)
    cv2.imwrite(str(tmp_path / "0.png"), np.stack([levels] * 3, axis=-1))
    cv2.imwrite(str(tmp_path / "1.png"), np.stack([levels] * 3, axis=-1))
    frame = next(read_rgb(tmp_path))
    np.testing.assert_array_equal(frame[..., 0].ravel(), np.arange(256))


def test_the_hardest_region_is_where_blending_errs() -> None:
    still = np.full((100, 150, 3), 90, np.uint8)
    before, truth, after = still.copy(), still.copy(), still.copy()
    before[60:70, 100:110], truth[60:70, 108:118], after[60:70, 116:126] = 255, 255, 255
    top, bottom, left, right = hardest_region(Gap(before, after, truth, truth))
    assert top <= 60
    assert bottom >= 70
    assert left <= 108
    assert right >= 118
    assert 0 <= top < bottom <= 100
    assert 0 <= left < right <= 150


def test_no_error_is_black_and_much_is_bright() -> None:
    gray = np.full((8, 8, 3), 100, np.uint8)
    assert error_map(gray, gray).max() < 8
    assert error_map(gray + 100, gray).mean() > 150


@pytest.mark.parametrize("shape", [(48, 64), (90, 60), (64, 200)])
def test_the_sheet_shows_all_panels(tmp_path: Path, shape: tuple[int, int]) -> None:
    random = np.random.Generator(np.random.Philox(3))
    frames = random.integers(0, 256, (4, *shape, 3), dtype=np.uint8)
    sheet = comparison_sheet(
        Gap(*frames), name="quadratic", ours_psnr=30.0, blending_psnr=20.0, number=3, width=640
    )
    assert sheet.width == 640
    panel = np.asarray(sheet)[12 : 12 + 20, 12 : 12 + 20]
    assert panel.std() > 20
    for name in ("sheet.png", "sheet.jpg"):
        save_sheet(sheet, tmp_path / name)
        with Image.open(tmp_path / name) as read:
            assert read.size == sheet.size
    with pytest.raises(OutputError, match=r"sheet\.xyz"):
        save_sheet(sheet, tmp_path / "sheet.xyz")
    with pytest.raises(OutputError, match="nowhere"):
        save_sheet(sheet, tmp_path / "nowhere" / "sheet.png")
