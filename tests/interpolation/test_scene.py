"""Cuts and repeats: synthetic images for the rules, real clips for the figures that the module states."""

from __future__ import annotations

import itertools
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.support.natural_clips import FIRST_AFTER_CUT, REPEATS, real_clips
from vfi.interpolation.scene import CUT_THRESHOLD, Luma, cut_score, is_duplicate

HEIGHT, WIDTH = 180, 320


def texture(seed: int, height: int = HEIGHT, width: int = WIDTH) -> Luma:
    """Discs of many sizes and gray levels: like a natural image, the result has edges and flat parts."""
    random = np.random.default_rng(seed)
    luma = np.full((height, width), random.integers(0, 256), np.uint8)
    for size in np.geomspace(90, 4, 150):
        center = int(random.integers(0, width)), int(random.integers(0, height))
        cv2.circle(luma, center, int(size), int(random.integers(0, 256)), -1, cv2.LINE_AA)
    return luma


def noisy(luma: Luma, sigma: float, seed: int = 0) -> Luma:
    noise = np.random.default_rng(seed).normal(0, sigma, luma.shape)
    return np.clip(luma + noise, 0, 255).astype(np.uint8)


class TestCutScore:
    def test_equal_frames_score_zero(self) -> None:
        assert cut_score(texture(0), texture(0)) == 0

    @pytest.mark.parametrize("seed", range(5))
    def test_different_scenes_are_cuts(self, seed: int) -> None:
        assert cut_score(texture(seed), texture(seed + 100)) > CUT_THRESHOLD

    @pytest.mark.parametrize("shift", [(0, 7), (12, 0), (-20, 25), (0, 36)])
    def test_motion_is_no_cut(self, shift: tuple[int, int]) -> None:
        large = texture(1, HEIGHT + 80, WIDTH + 80)
        dy, dx = shift
        before = large[40 : 40 + HEIGHT, 40 : 40 + WIDTH]
        after = large[40 + dy : 40 + dy + HEIGHT, 40 + dx : 40 + dx + WIDTH]
        assert cut_score(before, after) < 0.8

    def test_noise_is_no_cut(self) -> None:
        assert cut_score(noisy(texture(2), 12, 0), noisy(texture(2), 12, 1)) < 0.8

    @pytest.mark.parametrize("step", range(8))
    def test_a_fade_is_no_cut(self, step: int) -> None:
        before, after = ((texture(3) * (1 - k / 10)).astype(np.uint8) for k in (step, step + 1))
        assert cut_score(before, after) < CUT_THRESHOLD

    @pytest.mark.parametrize("seed", range(4))
    def test_a_fade_keeps_six_tenths_of_the_contrast_or_it_is_a_cut(self, seed: int) -> None:
        bright = texture(seed)
        darker, darkest = ((bright * gain).astype(np.uint8) for gain in (0.61, 0.59))
        assert cut_score(bright, darker) < 0.1
        assert cut_score(darker, bright) < 0.1
        assert cut_score(bright, darkest) > CUT_THRESHOLD
        assert cut_score(darkest, bright) > CUT_THRESHOLD

    def test_a_dissolve_is_no_cut(self) -> None:
        a, b = texture(4).astype(np.float32), texture(5).astype(np.float32)
        mixed = [(a + (b - a) * k / 12).astype(np.uint8) for k in range(13)]
        assert max(cut_score(*pair) for pair in itertools.pairwise(mixed)) < CUT_THRESHOLD

    def test_a_cut_to_black_is_a_cut(self) -> None:
        assert cut_score(texture(6), np.zeros((HEIGHT, WIDTH), np.uint8)) > CUT_THRESHOLD

    def test_black_frames_are_no_cut(self) -> None:
        black = np.full((HEIGHT, WIDTH), 16, np.uint8)
        assert cut_score(black, noisy(black, 1)) < CUT_THRESHOLD

    def test_empty_frames_that_brighten_are_no_cut(self) -> None:
        assert cut_score(*(np.full((HEIGHT, WIDTH), level, np.uint8) for level in (40, 80))) == 0

    def test_black_bars_hide_no_cut(self) -> None:
        frames = [texture(7), texture(8)]
        for luma in frames:
            luma[:24] = luma[-24:] = 16
        assert cut_score(*frames) > CUT_THRESHOLD

    def test_portrait_and_tiny_frames(self) -> None:
        for height, width in ((640, 360), (48, 64), (8, 8), (1, 1)):
            assert cut_score(texture(9, height, width), texture(9, height, width)) == 0

    def test_the_order_does_not_matter(self) -> None:
        a, b = texture(10), texture(11)
        assert cut_score(a, b) == pytest.approx(cut_score(b, a))

    def test_sizes_must_agree(self) -> None:
        with pytest.raises(ValueError, match="sizes"):
            cut_score(texture(0), texture(0, 90, 160))


class TestIsDuplicate:
    def test_a_repeat(self) -> None:
        assert is_duplicate(texture(0), texture(0))

    def test_a_compressed_repeat(self) -> None:
        traces = np.random.default_rng(0).random((HEIGHT, WIDTH)) < 0.1
        assert is_duplicate(texture(0) // 2, texture(0) // 2 + traces.astype(np.uint8))

    def test_a_small_moving_part_is_a_change(self) -> None:
        changed = texture(0).copy()
        changed[100:108, 100:108] ^= 0x40
        assert not is_duplicate(texture(0), changed)

    def test_slow_motion_is_a_change(self) -> None:
        large = texture(1, HEIGHT, WIDTH + 1)
        assert not is_duplicate(large[:, :-1], large[:, 1:])

    def test_sizes_must_agree(self) -> None:
        with pytest.raises(ValueError, match="sizes"):
            is_duplicate(texture(0), texture(0, 90, 160))


def read_luma(path: Path, limit: int) -> list[Luma]:
    av = pytest.importorskip("av")
    frames: list[Luma] = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            height = frame.height * WIDTH // frame.width // 2 * 2
            frames.append(frame.reformat(WIDTH, height, "gray", interpolation="AREA").to_ndarray())
            if len(frames) == limit:
                break
    return frames


HARD_CLIPS = [
    "pan.mkv",
    "object.mp4",
    *real_clips(
        "train/davis_drift-straight.mkv",
        "train/drone_car_snow.mp4",
        "train/boxer_480.mp4",
        "val/davis_scooter-black.mkv",
        "test/desk_320x240.mp4",
    ),
]


@pytest.mark.parametrize("name", HARD_CLIPS, ids=lambda name: Path(name).name)
def test_no_cut_is_seen_in_hard_clips(natural_clips: Path, name: str | Path) -> None:
    clip = read_luma(natural_clips / name, 40)
    for thinned in (clip, clip[::2]):
        scores = [cut_score(*pair) for pair in itertools.pairwise(thinned)]
        assert max(scores) < CUT_THRESHOLD


def test_the_cut_is_found_and_no_other(natural_clips: Path) -> None:
    clip = read_luma(natural_clips / "cut.avi", 40)
    scores = [cut_score(*pair) for pair in itertools.pairwise(clip)]
    assert [number for number, score in enumerate(scores, 1) if score > CUT_THRESHOLD] == [FIRST_AFTER_CUT]


@pytest.mark.parametrize(
    ("name", "repeats"),
    [
        ("object.mp4", REPEATS),
        ("pan.mkv", 0),
        *((clip, 9) for clip in real_clips("test/sign_book_640x480.mkv")),
    ],
    ids=lambda value: Path(str(value)).name,
)
def test_known_repeats_are_found(natural_clips: Path, name: str | Path, repeats: int) -> None:
    clip = read_luma(natural_clips / name, 200)
    assert sum(is_duplicate(*pair) for pair in itertools.pairwise(clip)) == repeats


def test_noise_of_compression_is_no_change_but_a_slow_shift_is_one() -> None:
    luma = texture(0)
    noise = np.random.default_rng(0).normal(0, 0.8, luma.shape)
    noisy = np.clip(np.rint(luma + noise), 0, 255).astype(np.uint8)
    shift = np.array([[1, 0, 0.25], [0, 1, 0]], np.float32)
    shifted = cv2.warpAffine(luma, shift, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)
    assert is_duplicate(luma, noisy)
    assert not is_duplicate(luma, np.asarray(shifted, np.uint8))
