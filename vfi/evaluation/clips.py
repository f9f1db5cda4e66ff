"""Comparison of three videos: interpolated frames beside those that were left out.

There are three sequences: the ground ``truth``, ``kept`` with every second frame of it, and the ``output``,
which is ``kept`` with a new frame in every gap. For odd k, frame k of the output is therefore compared with
frame k of the ground truth. Data sets are measured by :mod:`vfi.evaluation.runner`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice, pairwise
from pathlib import Path
from statistics import fmean, median_low
from typing import NamedTuple

import numpy as np

from vfi.errors import InputError
from vfi.evaluation.baselines import blend
from vfi.evaluation.metrics import HIGHEST_PSNR, psnr, ssim
from vfi.evaluation.samples import rgb8
from vfi.io import open_source


class Gap(NamedTuple):
    """One interpolated frame and all frames it is compared with: uint8 ``[H, W, 3]``, RGB."""

    before: np.ndarray
    after: np.ndarray
    truth: np.ndarray
    ours: np.ndarray

    def blended(self) -> np.ndarray:
        """The mean of the neighbours."""
        return blend(self.before, self.after)


@dataclass(frozen=True)
class Score:
    """Similarity of frames to ground truth, one number per frame."""

    psnr: list[float] = field(default_factory=list[float])
    """dB, at most :data:`vfi.evaluation.metrics.HIGHEST_PSNR`."""
    ssim: list[float] = field(default_factory=list[float])
    """At most 1."""

    def add(self, estimate: np.ndarray, truth: np.ndarray) -> None:
        """Measure one frame and append its scores.

        Args:
            estimate: Interpolated frame, uint8 ``[H, W, 3]``, RGB.
            truth: Ground truth, of the same shape.
        """
        self.psnr.append(min(float(psnr(estimate, truth)), HIGHEST_PSNR))
        self.ssim.append(float(ssim(estimate, truth)))

    @property
    def mean_psnr(self) -> float:
        """Mean of the frames' PSNRs, dB."""
        return fmean(self.psnr)

    @property
    def mean_ssim(self) -> float:
        """Mean of the frames' SSIMs."""
        return fmean(self.ssim)


@dataclass(frozen=True)
class Comparison:
    """Result of :func:`compare`."""

    ours: Score
    blending: Score
    example: int
    """Number of the gap whose PSNR is the median of ours, neither our best nor our worst."""
    example_gap: Gap


def compare(truth: Path, kept: Path, output: Path) -> Comparison:
    """Measure every interpolated frame, and blending in its place.

    Args:
        truth: Video with all frames; it may be longer.
        kept: Video with frames 0, 2, 4, ... of ``truth``.
        output: Video with the kept frames and the interpolated ones between them.

    Returns:
        The scores, and the gap of median PSNR as an example.

    Raises:
        InputError: If there are fewer than two kept frames, or sizes or numbers of frames do not fit.
    """
    ours, blending = Score(), Score()
    for gap in gaps(truth, kept, output):
        ours.add(gap.ours, gap.truth)
        blending.add(gap.blended(), gap.truth)
    if not ours.psnr:
        raise InputError(f"{truth}: at least three frames are needed to leave one out and compare.")
    example = ours.psnr.index(median_low(ours.psnr))
    chosen = next(gap for number, gap in enumerate(gaps(truth, kept, output)) if number == example)
    return Comparison(ours, blending, example, chosen)


def gaps(truth: Path, kept: Path, output: Path) -> Iterator[Gap]:
    """Yield the gaps of three videos that are read in step, see :func:`compare`."""
    left_out, ours = _odd(read_rgb(truth)), _odd(read_rgb(output))
    # The number of pairs of kept frames decides; the other videos may be longer.
    sides = zip(pairwise(read_rgb(kept)), left_out, ours, strict=False)
    for number, ((before, after), true, new) in enumerate(sides):
        if not before.shape == true.shape == new.shape:
            raise InputError(
                f"{output}: frame {2 * number + 1} is {_size(new)}, that of {truth} is {_size(true)}."
            )
        yield Gap(before, after, true, new)


def read_rgb(path: Path) -> Iterator[np.ndarray]:
    """Yield the upright frames of a video or a folder of images, uint8 ``[H, W, 3]``, RGB."""
    with open_source(path) as source:
        for frame in source:
            yield rgb8(frame.image.upright().rgb())


def _odd(frames: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Frames 1, 3, 5, ..."""
    return islice(frames, 1, None, 2)


def _size(frame: np.ndarray) -> str:
    return f"{frame.shape[1]} x {frame.shape[0]} pixels"
