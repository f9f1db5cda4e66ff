"""Tiny data sets in the layouts of the real ones."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

WIDTH, HEIGHT = 20, 12


def tiny_frame(number: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """Frame of a given number: a slanted gradient that moves and brightens, BGR uint8 ``[H, W, 3]``."""
    rows, columns = np.mgrid[:height, :width]
    plane = (rows * 5 + (columns + number) * 7 + number * 3) % 256
    return np.stack([plane, 255 - plane, (plane + 40) % 256], axis=2).astype(np.uint8)


def write_frame(path: Path, number: int, width: int = WIDTH, height: int = HEIGHT) -> Path:
    """Write :func:`tiny_frame` as an image, and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), tiny_frame(number, width, height))
    return path


def write_x_test(root: Path) -> Path:
    """Write two clips of X-TEST."""
    for clip in ("Type1/TEST01_003_f0433", "Type2/TEST06_001_f0273"):
        for number in range(33):
            write_frame(root / clip / f"{number:04d}.png", number)
    return root


def write_snu_film(
    root: Path,
    splits: Iterable[tuple[str, int]] = (("hard", 4),),
    width: int = WIDTH,
    height: int = HEIGHT,
) -> Path:
    """Write one clip of 33 frames and a list for each split with its distance of frames."""
    folder = root / "test" / "GOPRO_test" / "GOPR0384_11_00"
    for number in range(1, 34):
        write_frame(folder / f"{number:06d}.png", number, width, height)
    (root / "eval_modes").mkdir(parents=True, exist_ok=True)
    for split, gap in splits:
        lines = [
            " ".join(
                f"data/SNU-FILM/test/GOPRO_test/GOPR0384_11_00/{at:06d}.png"
                for at in (first, first + gap, first + 2 * gap)
            )
            for first in range(1, 34 - 2 * gap, 2 * gap)
        ]
        for name in (f"test-{split}.txt", f"top-half-motion-sufficiency_test-{split}.txt"):
            (root / "eval_modes" / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root


def write_xiph(root: Path, sequences: Iterable[str], width: int = WIDTH, height: int = HEIGHT) -> Path:
    """Write frames 1 to 99 of some sequences, and the list of their samples."""
    lines: list[str] = []
    for sequence in sequences:
        for number in range(1, 100):
            write_frame(root / f"{sequence}-{number:03d}.png", number, width, height)
        lines += [
            " ".join(f"netflix/{sequence}-{at:03d}.png" for at in (middle - 1, middle, middle + 1))
            for middle in range(2, 99, 2)
        ]
    (root / "top-half-motion-sufficiency-gap2.txt").write_text("\n".join(lines), encoding="utf-8")
    return root


def write_reds(root: Path, clips: int = 5) -> Path:
    """Write clips of 60 frames per second: numbers 0, 2, ... 32."""
    for clip in range(clips):
        for number in range(0, 34, 2):
            write_frame(root / f"{clip:03d}" / f"{number:08d}.png", number + clip)
    return root


def write_vimeo(root: Path, frames: int) -> Path:
    """Write two clips of Vimeo90K with 3 or 7 frames."""
    names = ["00001/0389", "00002/0001"]
    for name in names:
        for number in range(1, frames + 1):
            write_frame(root / "sequences" / name / f"im{number}.png", number)
    name = "tri_testlist.txt" if frames == 3 else "sep_testlist.txt"
    (root / name).write_text("\n".join(names) + "\n\n", encoding="utf-8")
    return root


def write_ucf101(root: Path) -> Path:
    """Write the triplets 1, 2 and 11."""
    for name in ("1", "2", "11"):
        for number, frame in enumerate(("frame_00", "frame_01_gt", "frame_02")):
            write_frame(root / name / f"{frame}.png", number)
    return root


def write_middlebury(root: Path) -> Path:
    """Write one sequence of two frames and one of eight."""
    for sequence, numbers in (("Beanbags", (10, 11)), ("Dimetrodon", range(7, 15))):
        write_frame(root / "other-gt-interp" / sequence / "frame10i11.png", 10)
        for number in numbers:
            write_frame(root / "other-data" / sequence / f"frame{number:02d}.png", number)
    return root


def write_davis(root: Path) -> Path:
    """Write two sequences of nine and eight frames."""
    for sequence, count in (("bear", 9), ("camel", 8)):
        for number in range(count):
            write_frame(root / "JPEGImages" / "480p" / sequence / f"{number:05d}.png", number)
    return root
