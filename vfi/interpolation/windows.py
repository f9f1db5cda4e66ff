"""From source frames to pairs with neighbours: cuts, repeated frames, pauses, ends of the clip.

Two generators, each testable with a list. Together they hold a handful of frames: the four of a window and
the one that the cut detector has just compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from enum import Enum
from fractions import Fraction

from vfi.interpolation import scene
from vfi.interpolation.schedule import Timestamp
from vfi.io.frames import SourceFrame

LONGEST_RUN = 4
"""Animation repeats a drawing up to this often ("on fours"); what stays longer is held on purpose."""

MOST_UNEVEN = Fraction(4, 3)
"""A neighbour is used only if its interval is at most this much longer or shorter than the pair's: the
four-frame models assume equal intervals."""


class Change(Enum):
    """What happens between two consecutive frames."""

    MOTION = "motion"
    """New frames are interpolated."""
    CUT = "cut"
    """A new scene begins: nothing is invented."""
    HOLD = "hold"
    """The frame stays the same for long: it is shown again."""
    PAUSE = "pause"
    """The source shows nothing new for long: only the end of the interval is interpolated."""


@dataclass(frozen=True)
class DistinctFrame:
    """A frame and the timestamps at which the source shows it: several where it is repeated."""

    frame: SourceFrame
    timestamps: tuple[Timestamp, ...]
    change: Change | None
    """From the distinct frame before to this one; None for the first."""
    score: float | None
    """The cut score of that change, where it was measured."""


@dataclass(frozen=True)
class Pair:
    """Two consecutive distinct frames with their neighbours, as far as these belong to the same movement."""

    prev: DistinctFrame | None
    start: DistinctFrame
    end: DistinctFrame
    next: DistinctFrame | None
    reason: str
    """Why there are four frames or not, for the log."""


@dataclass(frozen=True)
class SceneRules:
    """What to look for between consecutive frames."""

    find_cuts: bool = True
    cut_threshold: float = scene.CUT_THRESHOLD
    merge_duplicates: bool = False

    @property
    def context(self) -> int:
        """How many frames before any frame have to be read to know its window as in a full reading.

        Wherever reading starts, the grouping is right from the second distinct frame on. Up to three
        distinct frames of :data:`LONGEST_RUN` frames matter: the first, the frame's own, the one between.
        """
        return self.reach + 2 * LONGEST_RUN if self.merge_duplicates else 1

    @property
    def reach(self) -> int:
        """How many frames before any frame its distinct frame may begin."""
        return LONGEST_RUN - 1 if self.merge_duplicates else 0


def mark_changes(
    frames: Iterable[SourceFrame], rules: SceneRules, pauses: Callable[[int], bool] | None = None
) -> Iterator[DistinctFrame]:
    """Compare each frame with the one before, and merge repeated frames where asked.

    A run of up to :data:`LONGEST_RUN` equal frames becomes one distinct frame with as many timestamps. The
    frames of a longer run stay apart, linked by :attr:`Change.HOLD`, so that a held frame does not start to
    creep.

    Args:
        frames: Consecutive frames of one source.
        rules: What to look for.
        pauses: Whether the interval after the frame of this number is a pause, as :meth:`Plan.pauses`; None:
            there are no pauses.
    """
    distinct: DistinctFrame | None = None
    before: SourceFrame | None = None
    held = False
    for frame in frames:
        stamp = Timestamp(frame.time, frame.duration, frame.name)
        if before is None or distinct is None:
            distinct, before = DistinctFrame(frame, (stamp,), None, None), frame
            continue
        paused = pauses is not None and pauses(before.index)
        repeated = rules.merge_duplicates and scene.is_duplicate(before.image.luma(), frame.image.luma())
        if repeated and not held and not paused and len(distinct.timestamps) < LONGEST_RUN:
            distinct = replace(distinct, timestamps=(*distinct.timestamps, stamp))
        else:
            yield distinct
            change, score = (Change.HOLD, None) if repeated else _compare(before, frame, rules)
            if paused and change is Change.MOTION:
                change = Change.PAUSE
            held = repeated
            distinct = DistinctFrame(frame, (stamp,), change, score)
        before = frame
    if distinct is not None:
        yield distinct


def _compare(before: SourceFrame, frame: SourceFrame, rules: SceneRules) -> tuple[Change, float | None]:
    if not rules.find_cuts:
        return Change.MOTION, None
    score = scene.cut_score(before.image.luma(), frame.image.luma())
    return (Change.CUT if score > rules.cut_threshold else Change.MOTION), score


def pair_up(frames: Iterable[DistinctFrame], window: int = 4) -> Iterator[Pair | DistinctFrame]:
    """Consecutive distinct frames with their neighbours; at the very end the last frame alone.

    Args:
        frames: Distinct frames of one source, in order.
        window: Number of frames that the model takes, 2 or 4; with 2 no pair has neighbours.
    """
    prev: DistinctFrame | None = None
    start: DistinctFrame | None = None
    end: DistinctFrame | None = None
    for frame in frames:
        if start is not None and end is not None:
            yield _pair(prev, start, end, frame, window)
        prev, start, end = start, end, frame
    if start is not None and end is not None:
        yield _pair(prev, start, end, None, window)
    if end is not None:
        yield end


def _pair(
    prev: DistinctFrame | None,
    start: DistinctFrame,
    end: DistinctFrame,
    following: DistinctFrame | None,
    window: int,
) -> Pair:
    """Leave out the neighbours that do not belong to the same movement, and say why."""
    if window == 2:
        return Pair(None, start, end, None, "the model takes two frames")
    reasons: list[str] = []
    interval = end.frame.time - start.frame.time
    if prev is None:
        reasons.append("first pair")
    elif start.change is Change.CUT:
        prev = None
        reasons.append("cut before")
    elif start.change is Change.PAUSE or not _even(start.frame.time - prev.frame.time, interval):
        prev = None
        reasons.append("uneven intervals before")
    if following is None:
        reasons.append("last pair")
    elif following.change is Change.CUT:
        following = None
        reasons.append("cut after")
    elif following.change is Change.PAUSE or not _even(following.frame.time - end.frame.time, interval):
        following = None
        reasons.append("uneven intervals after")
    return Pair(prev, start, end, following, ", ".join(reasons) or "four frames")


def _even(neighbour: Fraction, interval: Fraction) -> bool:
    return interval <= neighbour * MOST_UNEVEN and neighbour <= interval * MOST_UNEVEN
