"""Quality of interpolated frames: leave frames out of a clip, interpolate them, compare with ground truth.

Of each clip every ``factor``-th frame is kept; it ends with a kept frame. Those between are interpolated from
the kept ones by the model and by the baselines, and compared as 8-bit RGB with the frames that were left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import fmean

import av
import numpy as np

from vfi.base.clip import interpolate_frames
from vfi.base.interpolator import Interpolator
from vfi.errors import InputError
from vfi.evaluation.baselines import blend, minterpolate
from vfi.evaluation.metrics import lpips, psnr, ssim
from vfi.io import Picture, open_source

HIGHEST_PSNR = 100.0
"""dB; stands for "equal", so that one equal frame does not make a mean infinite."""

Frames = Mapping[int, np.ndarray]
"""uint8 ``[H, W, 3]``, RGB, by frame number."""


@dataclass(frozen=True)
class Clip:
    """The kept frames as decoded, and all frames in RGB."""

    factor: int
    kept: list[av.VideoFrame]
    frames: Frames


@dataclass(frozen=True)
class Score:
    """Similarity of frames to ground truth, one number per frame."""

    psnr: list[float] = field(default_factory=list[float])
    """dB, at most :data:`HIGHEST_PSNR`."""
    ssim: list[float] = field(default_factory=list[float])
    """At most 1."""
    lpips: list[float] = field(default_factory=list[float])
    """Distances, from 0 on; empty where they are not measured."""

    def add(self, estimate: np.ndarray, truth: np.ndarray, *, with_lpips: bool = False) -> None:
        """Measure one frame and append its scores.

        Args:
            estimate: Interpolated frame, uint8 ``[H, W, 3]``, RGB.
            truth: Ground truth, of the same shape.
            with_lpips: Whether to measure LPIPS too, see :func:`vfi.evaluation.metrics.lpips`.
        """
        self.psnr.append(min(float(psnr(estimate, truth)), HIGHEST_PSNR))
        self.ssim.append(float(ssim(estimate, truth)))
        if with_lpips:
            self.lpips.append(float(lpips(estimate, truth)))

    @property
    def mean_psnr(self) -> float:
        """Mean of the frames' PSNRs, dB."""
        return fmean(self.psnr)

    @property
    def mean_ssim(self) -> float:
        """Mean of the frames' SSIMs."""
        return fmean(self.ssim)

    def means(self) -> dict[str, float]:
        """Means of all metrics that were measured, by name."""
        metrics = {"psnr": self.psnr, "ssim": self.ssim, "lpips": self.lpips}
        return {name: fmean(values) for name, values in metrics.items() if values}


def rgb8(frame: Picture) -> np.ndarray:
    """Convert a frame to uint8 ``[H, W, 3]``, RGB; deeper samples are rounded.

    Args:
        frame: Decoded samples.
    """
    rgb = frame.rgb()[..., :3]
    return rgb if rgb.dtype == np.uint8 else ((rgb.astype(np.uint32) + 128) // 257).astype(np.uint8)


def read_clip(path: Path, factor: int, limit: int | None = None) -> Clip:
    """Decode a video and choose the kept frames.

    Args:
        path: Video file.
        factor: Every ``factor``-th frame is kept.
        limit: Number of frames to read at most; None: all.

    Returns:
        The clip up to its last kept frame.
    """
    kept: list[av.VideoFrame] = []
    frames: dict[int, np.ndarray] = {}
    with open_source(path) as source:
        for frame in source:
            if limit is not None and frame.index >= limit:
                break
            frames[frame.index] = rgb8(frame.image)
            if frame.index % factor == 0:
                assert frame.image.frame is not None
                kept.append(frame.image.frame)
    last = (len(kept) - 1) * factor
    return Clip(factor, kept, {number: rgb for number, rgb in frames.items() if number <= last})


def interpolated_frames(frames: Frames, factor: int, model: Interpolator) -> Frames:
    """Interpolate the frames that are left out, in windows of four frames where there are four.

    Args:
        frames: Clip from frame 0 on, of which only multiples of ``factor`` are read.
        factor: Distance between kept frames, 2 or more.
        model: Interpolator to measure.

    Returns:
        The frames between the kept ones.
    """
    kept = (frame for number, frame in frames.items() if number % factor == 0)
    clip = interpolate_frames(model, kept, factor - 1)
    return {number: frame for number, frame in enumerate(clip) if number % factor}


def blended_frames(frames: Frames, factor: int) -> Frames:
    """Cross-fade the kept frames in place of those that are left out.

    Args:
        frames: Clip, of which only multiples of ``factor`` are read.
        factor: Distance between kept frames.
    """
    return {
        start + step: blend(frames[start], frames[end], step / factor)
        for start, end in pairwise(number for number in frames if number % factor == 0)
        for step in range(1, factor)
    }


def minterpolated_frames(clip: Clip) -> Frames:
    """Interpolate the frames that are left out by FFmpeg; it ends one or two kept frames early.

    Args:
        clip: Clip with its kept frames as decoded.
    """
    return {
        frame.pts: rgb8(Picture.from_frame(frame))
        for frame in minterpolate(clip.kept, clip.factor)
        if frame.pts is not None and frame.pts % clip.factor
    }


def score(truth: Frames, estimates: Mapping[str, Frames], *, with_lpips: bool = False) -> dict[str, Score]:
    """Score several methods over the frames that all of them interpolated.

    Args:
        truth: Ground truth.
        estimates: Interpolated frames of each method, by its name.
        with_lpips: Whether to measure LPIPS too.

    Returns:
        The score of each method, by its name.

    Raises:
        InputError: If there is no frame that all of them interpolated.
    """
    numbers = sorted(set(truth).intersection(*estimates.values()))
    if not numbers:
        raise InputError("The clip is too short to compare: minterpolate needs three kept frames.")
    scores = {method: Score() for method in estimates}
    for method, frames in estimates.items():
        for number in numbers:
            scores[method].add(frames[number], truth[number], with_lpips=with_lpips)
    return scores


def compare_methods(clip: Clip, model: Interpolator, *, with_lpips: bool = False) -> dict[str, Score]:
    """Score a model, ``minterpolate`` and blending on a clip.

    Args:
        clip: Clip from :func:`read_clip`.
        model: Interpolator to measure.
        with_lpips: Whether to measure LPIPS too.

    Returns:
        Scores by method: ``"model"``, ``"minterpolate"``, ``"blend"``.

    Raises:
        InputError: If the clip is too short.
    """
    estimates = {
        "model": interpolated_frames(clip.frames, clip.factor, model),
        "minterpolate": minterpolated_frames(clip),
        "blend": blended_frames(clip.frames, clip.factor),
    }
    return score(clip.frames, estimates, with_lpips=with_lpips)
