"""Detection of scene cuts and duplicate frames from two consecutive frames alone.

**Cuts.** At a cut, motion explains nothing. Both frames are reduced to about 64 x 36 gray pixels and divided
into blocks; every block is searched for in the other frame within +-8 pixels, an eighth of its width. The
score of a block is its least mean absolute difference, relative to the block's own contrast: 0 if it is found
again, 1 if its own mean predicts it as well. The score of a pair is the mean over all blocks of both frames.
Black bars are left out.

A pair that scores high is compared once more after giving both frames the same mean and contrast, which
removes fades and flashes. What remains of them (the last steps of a fade to black, a flash to white) counts
as a cut, because motion does not explain it. Slow dissolves are no cuts.

The score depends on the two frames only, not on where decoding started.

Measured on 54 real clips of one shot each (handheld, sports, drone, animals; 10 to 60 frames per second),
and on 1000 joins of random frames of different clips, all at the default threshold of 0.87:

==========================================  =========================================
5,691 pairs, every frame                    no false alarm, highest score 0.77
2,825 pairs, every second frame             no false alarm, highest score 0.86
1,879 pairs, every third frame              7 false alarms, highest score 0.92
1,000 cuts                                  2 missed
1,000 cuts between black bars               8 missed
60 dissolves each over 4, 6, 12, 24 frames  taken for a cut: 23 %, 3 %, 0 %, 0 %
54 changes of light by 1.3 v + 20           1 false alarm
==========================================  =========================================

FFmpeg's ``scdet`` (its formula, computed here, not the filter itself) at a threshold of 10, on the first 60
frames of each clip: 1 false alarm at every frame, 2 at every second, and 8 of 375 cuts missed (this module
there: none of each).

PySceneDetect 0.7.2 (``scenedetect-headless``, which goes with our headless OpenCV) on the same clips at 320
columns, no shortest scene; cuts as 7 frames of one clip followed by 7 of another, found within a frame:

==========================  ===================================  =========  ==========  ==========
Detector (threshold)        False alarms at every 1st, 2nd, 3rd  1000 cuts  with bars   600, short
==========================  ===================================  =========  ==========  ==========
this module                 0, 0, 7                              3 missed   9 missed    1 missed
adaptive (3.0, as it is)    0, 0, 0                              53         74
adaptive (2.0)              2, 1, 0                              3          3           76
content (27)                170, 211, 215                        0          8
hash (0.35)                 7, 32, 81                            24         64
histogram (0.20)            6, 17, 35                            26         957
==========================  ===================================  =========  ==========  ==========

``short`` are the cuts around shots of a single frame (of two frames: 69 missed, here 1). The adaptive
detector, at 2.0 as good as this module on long shots and faster (0.7 ms per pair, here 2 to 5 on one core),
compares each frame with the two before and the two after it: it answers two frames late, and misses the cuts
of flashes and quick montages. For that reason, and because any pair of a film can be judged alone here, this
module stays.

**Duplicates.** :func:`is_duplicate` accepts exact repetitions and encoded ones: the changes of each block (a
fortieth of the width) are averaged with their sign, which cancels noise but not motion. 126 frames of 14
clips, each shown twice and encoded by x264 at CRF 18, 23 and 28: 126, 126 and 117 repeats found, and none of
the 112 real changes taken for one. In the 54 clips as they are it finds the ten known repeats and five more
pairs without motion.
"""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Luma: TypeAlias = NDArray[np.uint8]
"""``[H, W]``, 0 to 255."""

CUT_THRESHOLD = 0.87
"""Pairs that score more are cuts."""

_LONG_SIDE = 64  # px of the reduced frame
_BLOCK = 6  # px of the reduced frame
_REACH = 8  # px of the reduced frame
_STRIDE = 2  # px between the displacements tried
_SUSPICIOUS = 0.6  # scores below are not computed again at equal brightness
_LEAST_GAIN = 0.6  # ratio of contrasts between two frames of a fade
_NOISE = 2.0  # gray levels added to every contrast: a block of less is flat, and only noise
_WORST_BLOCK = 2.0  # one flat block in front of a busy one must not outweigh many others

_BAR_CONTRAST = 8  # gray levels within one row of a black bar
_BAR_CHANGE = 4  # gray levels from one frame to the other

_DUPLICATE_COLUMNS = 40  # blocks per row
_DUPLICATE_MEAN = 0.14  # gray levels, mean of the blocks' changes
_DUPLICATE_BLOCK = 3.2  # gray levels, in the worst block


def cut_score(luma_a: Luma, luma_b: Luma) -> float:
    """Fraction of two frames that motion does not explain, 0 to 2; see :data:`CUT_THRESHOLD`.

    Args:
        luma_a: Luma ``[H, W]`` uint8 of the earlier frame.
        luma_b: Luma ``[H, W]`` uint8 of the later frame, of the same size.

    Raises:
        ValueError: If the sizes differ.
    """
    _check_sizes(luma_a, luma_b)
    luma_a, luma_b = _trim_bars(_reduce(luma_a, 4 * _LONG_SIDE), _reduce(luma_b, 4 * _LONG_SIDE))
    small_a, small_b = _reduce(luma_a, _LONG_SIDE), _reduce(luma_b, _LONG_SIDE)
    score = _mutual_score(small_a, small_b)
    if score > _SUSPICIOUS:
        relit = _relight(small_a, small_b)
        if relit is not None:
            score = min(score, _mutual_score(*relit))
    return score


def is_duplicate(luma_a: Luma, luma_b: Luma) -> bool:
    """Whether the later frame repeats the earlier one, apart from compression artifacts.

    The frame as a whole and its worst block (a fortieth of its width) must both be nearly equal, so that
    a mouth that moves in an otherwise still drawing counts as a change. Arguments and errors are those of
    :func:`cut_score`.
    """
    _check_sizes(luma_a, luma_b)
    # With its sign: what compression adds cancels out within a block, what moves does not.
    difference = cv2.subtract(luma_a, luma_b, dtype=cv2.CV_32F)
    height, width = difference.shape
    columns = min(width, _DUPLICATE_COLUMNS)
    grid = columns, max(1, round(columns * height / width))
    blocks = np.abs(cv2.resize(difference, grid, interpolation=cv2.INTER_AREA))
    return float(blocks.mean()) <= _DUPLICATE_MEAN and float(blocks.max()) <= _DUPLICATE_BLOCK


def _check_sizes(luma_a: Luma, luma_b: Luma) -> None:
    if luma_a.shape != luma_b.shape:
        raise ValueError(f"frames of different sizes: {luma_a.shape} and {luma_b.shape}")


def _reduce(luma: Luma, long_side: int) -> Luma:
    """The frame, shrunk to this longer side in pixels by averaging; never enlarged."""
    height, width = luma.shape
    scale = min(1.0, long_side / max(height, width))
    size = max(_BLOCK, round(width * scale)), max(_BLOCK, round(height * scale))
    return np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), np.uint8)


def _trim_bars(luma_a: Luma, luma_b: Luma) -> tuple[Luma, Luma]:
    """Crop uniform, unchanging rows and columns at the edges, which any motion would explain."""
    for _ in range(2):  # rows, then columns of the transpose
        keep = np.flatnonzero(~_is_bar(luma_a, luma_b))
        if keep.size >= 4 * _BLOCK:
            luma_a, luma_b = luma_a[keep[0] : keep[-1] + 1], luma_b[keep[0] : keep[-1] + 1]
        luma_a, luma_b = luma_a.T, luma_b.T
    return np.ascontiguousarray(luma_a), np.ascontiguousarray(luma_b)


def _is_bar(luma_a: Luma, luma_b: Luma) -> NDArray[np.bool_]:
    """``[H]``: rows that are uniform and the same in both frames."""
    flat = np.maximum(np.ptp(luma_a, axis=1), np.ptp(luma_b, axis=1)) <= _BAR_CONTRAST
    return flat & (np.abs(luma_a.mean(axis=1) - luma_b.mean(axis=1)) <= _BAR_CHANGE)


def _mutual_score(luma_a: Luma, luma_b: Luma) -> float:
    return float(np.concatenate([_unexplained(luma_a, luma_b), _unexplained(luma_b, luma_a)]).mean())


def _relight(luma_a: Luma, luma_b: Luma) -> tuple[Luma, Luma] | None:
    """Both frames with the mean and contrast of the weaker one, as a fade or a flash changes them.

    None if that is more than a plausible change of light: a cut to black is a cut.
    """
    swap = luma_a.std() < luma_b.std()
    strong, weak = (luma_b, luma_a) if swap else (luma_a, luma_b)
    contrast = float(strong.std())
    gain = float(weak.std()) / contrast if contrast > _NOISE else 1.0
    if gain < _LEAST_GAIN:
        return None
    matched = (strong.astype(np.float32) - strong.mean()) * gain + weak.mean()
    relit = np.clip(np.rint(matched), 0, 255).astype(np.uint8)
    return (luma_a, relit) if swap else (relit, luma_b)


def _unexplained(luma: Luma, other: Luma) -> NDArray[np.float32]:
    """For each block of ``luma``, the fraction of its contrast that no displacement of ``other`` explains."""
    height, width = luma.shape
    grid = max(1, width // _BLOCK), max(1, height // _BLOCK)
    padded = cv2.copyMakeBorder(other, _REACH, _REACH, _REACH, _REACH, cv2.BORDER_REPLICATE)
    best = np.full(grid[::-1], 255, np.uint8)
    for top in range(0, 2 * _REACH + 1, _STRIDE):
        for left in range(0, 2 * _REACH + 1, _STRIDE):
            difference = cv2.absdiff(luma, padded[top : top + height, left : left + width])
            cv2.min(best, cv2.resize(difference, grid, interpolation=cv2.INTER_AREA), best)
    means = cv2.resize(luma, grid, interpolation=cv2.INTER_AREA)
    flat = cv2.resize(means, (width, height), interpolation=cv2.INTER_NEAREST)
    contrast = cv2.resize(cv2.absdiff(luma, flat), grid, interpolation=cv2.INTER_AREA)
    fractions = best.astype(np.float32) / (contrast.astype(np.float32) + np.float32(_NOISE))
    return np.minimum(fractions, _WORST_BLOCK).ravel()
