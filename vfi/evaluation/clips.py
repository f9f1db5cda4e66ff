"""Frames made between kept ones, beside the frames that were left out: how near do they come?

Three sequences take part: the ``truth``, ``kept`` with every second frame of it, and the ``output``, which is
``kept`` with a new frame in every gap. Frame k of the output is therefore to be compared with frame k of the
truth, for odd k. Frame blending, the mean of the two neighbours, is the least that has to be beaten.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path
from statistics import fmean, median_low
from typing import NamedTuple

import numpy as np

from vfi.errors import InputError
from vfi.evaluation.metrics import psnr, ssim
from vfi.io import open_source

HIGHEST_PSNR = 100.0  # dB; stands for "equal", so that one equal frame does not make a mean infinite


class Gap(NamedTuple):
    """One new frame and everything it is compared with: uint8 ``[H, W, 3]``, RGB."""

    before: np.ndarray
    after: np.ndarray
    truth: np.ndarray
    ours: np.ndarray

    def blended(self) -> np.ndarray:
        """The mean of the neighbours."""
        mean = (self.before.astype(np.uint16) + self.after + 1) // 2
        return mean.astype(np.uint8)


@dataclass(frozen=True)
class Score:
    """How near frames come to the truth, one number per gap."""

    psnr: tuple[float, ...]
    """dB."""
    ssim: tuple[float, ...]

    @property
    def mean_psnr(self) -> float:
        """The mean of the PSNRs, dB."""
        return fmean(self.psnr)

    @property
    def mean_ssim(self) -> float:
        """The mean of the SSIMs, at most 1."""
        return fmean(self.ssim)


@dataclass(frozen=True)
class Comparison:
    """The outcome of :func:`compare`."""

    ours: Score
    blending: Score
    example: int
    """Number of the gap whose PSNR is the median of ours: neither our best nor our worst."""
    example_gap: Gap


def compare(truth: Path, kept: Path, output: Path) -> Comparison:
    """Measure every gap.

    Args:
        truth: Video with all frames, and perhaps more.
        kept: Video with frames 0, 2, 4, ... of it.
        output: Video with those and the new ones between them.

    Raises:
        InputError: If there are fewer than two kept frames, or sizes or numbers of frames do not fit.
    """
    ours, blending = [], []
    for gap in gaps(truth, kept, output):
        ours.append(_measure(gap.ours, gap.truth))
        blending.append(_measure(gap.blended(), gap.truth))
    if not ours:
        raise InputError(f"{truth}: three frames at least are needed to leave one out and compare.")
    values = [value for value, _ in ours]
    example = values.index(median_low(values))
    chosen = next(gap for number, gap in enumerate(gaps(truth, kept, output)) if number == example)
    return Comparison(_score(ours), _score(blending), example, chosen)


def gaps(truth: Path, kept: Path, output: Path) -> Iterator[Gap]:
    """Walk through three videos side by side, see :func:`compare`; nothing is kept in memory."""
    left_out, ours = _odd(read_rgb(truth)), _odd(read_rgb(output))
    # The number of pairs of kept frames decides; the others may be longer.
    sides = zip(pairwise(read_rgb(kept)), left_out, ours, strict=False)
    for number, ((before, after), true, new) in enumerate(sides):
        if not before.shape == true.shape == new.shape:
            raise InputError(
                f"{output}: frame {2 * number + 1} is {_size(new)}, that of {truth} is {_size(true)}."
            )
        yield Gap(before, after, true, new)


def read_rgb(path: Path) -> Iterator[np.ndarray]:
    """The upright frames of a video or a folder of images, uint8 ``[H, W, 3]``, RGB."""
    with open_source(path) as source:
        for frame in source:
            picture = frame.picture.upright().rgb()[..., :3]
            if picture.dtype != np.uint8:
                picture = ((picture.astype(np.uint32) + 128) // 257).astype(np.uint8)
            yield picture


def _odd(frames: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Frames 1, 3, 5, ..."""
    return islice(frames, 1, None, 2)


def _measure(estimate: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    return min(float(psnr(estimate, truth)), HIGHEST_PSNR), float(ssim(estimate, truth))


def _score(measured: Iterable[tuple[float, float]]) -> Score:
    decibels, similarities = zip(*measured, strict=True)
    return Score(decibels, similarities)


def _size(frame: np.ndarray) -> str:
    return f"{frame.shape[1]} x {frame.shape[0]} pixels"
