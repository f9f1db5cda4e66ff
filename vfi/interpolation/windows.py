"""From source frames to intervals with neighbours: cuts, repeated frames, pauses, ends of the clip.

Two generators, each testable with a list. Together they keep a handful of frames: the four of a window and
the one that was read last.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import Enum
from fractions import Fraction

from vfi.interpolation import scene
from vfi.interpolation.schedule import Plan, Timestamp
from vfi.io.frames import SourceFrame

LONGEST_RUN = 4
"""Animation repeats a drawing up to this often ("on fours"); a frame that stays longer is meant to stand
still."""

MOST_UNEVEN = Fraction(4, 3)
"""Greatest ratio between the lengths of two neighbouring intervals, either way, at which the neighbour is
used: the four-frame models assume equal intervals."""


class Change(Enum):
    """What happens between two consecutive frames."""

    MOTION = "motion"
    """New frames are interpolated."""
    CUT = "cut"
    """A new scene begins: nothing is interpolated."""
    HOLD = "hold"
    """The frame stays the same for long: it is shown again."""
    PAUSE = "pause"
    """The source shows nothing new for long: only the end of the interval is interpolated."""


@dataclass(frozen=True)
class Interval:
    """The interval between two consecutive distinct frames, or what follows the last one."""

    start: SourceFrame
    """The distinct frame at which the interval begins; where it is repeated, the first of the source frames
    that show it."""
    repeats: int
    """Number of consecutive source frames that show ``start``, itself included."""
    end: SourceFrame | None
    """The next distinct frame; None after the last one."""
    change: Change | None
    """Change from ``start`` to ``end``; None where there is no end."""
    score: float | None
    """Cut score of that change, where it was measured."""
    prev: SourceFrame | None = None
    """The distinct frame before ``start``, if it belongs to the same movement."""
    next: SourceFrame | None = None
    """The distinct frame after ``end``, if it belongs to the same movement."""
    reason: str = ""
    """Why there are four frames or not, for the log."""

    @property
    def sources(self) -> range:
        """Numbers of the source frames that show ``start``."""
        return range(self.start.index, self.start.index + self.repeats)

    @property
    def length(self) -> Fraction:
        """Seconds from ``start`` to ``end`` on the source's clock; 0 where there is no end."""
        return Fraction(0) if self.end is None else self.end.time - self.start.time


@dataclass(frozen=True)
class SceneRules:
    """Criteria by which consecutive frames are compared."""

    find_cuts: bool = True
    cut_threshold: float = scene.CUT_THRESHOLD
    merge_duplicates: bool = False

    @property
    def context(self) -> int:
        """Number of frames to read before any frame so that its window is that of a full reading.

        Wherever reading starts, the grouping is right from the second distinct frame on. Up to three
        distinct frames of :data:`LONGEST_RUN` frames matter: the first, the frame's own, the one between.
        """
        return self.reach + 2 * LONGEST_RUN if self.merge_duplicates else 1

    @property
    def reach(self) -> int:
        """Greatest number of frames by which a distinct frame begins before any of its repeats."""
        return LONGEST_RUN - 1 if self.merge_duplicates else 0


def find_intervals(
    frames: Iterable[SourceFrame], rules: SceneRules, plan: Plan | None = None
) -> Iterator[Interval]:
    """Compare each frame with the one before, and merge repeated frames where asked.

    A run of up to :data:`LONGEST_RUN` equal frames becomes one distinct frame. The frames of a longer run
    stay apart, linked by :attr:`Change.HOLD`, so that a frame that stands still does not start to creep.

    Args:
        frames: Consecutive frames of one source.
        rules: Criteria of the comparison.
        plan: Plan that each frame's timestamp is appended to and that is asked for pauses; None: there are no
            pauses.

    Yields:
        The interval from each distinct frame to the next, without neighbours; at the end, that of the last
        frame, which has no end.
    """
    start: SourceFrame | None = None
    before: SourceFrame | None = None
    repeats, holding = 1, False
    for frame in frames:
        if plan is not None:
            plan.append(Timestamp(frame.time, frame.duration, frame.name))
        if start is None or before is None:
            start = before = frame
            continue
        paused = plan is not None and plan.pause(before.index) > 0
        repeated = rules.merge_duplicates and scene.is_duplicate(before.image.luma(), frame.image.luma())
        if repeated and not holding and not paused and repeats < LONGEST_RUN:
            repeats += 1
        else:
            change, score = (Change.HOLD, None) if repeated else _compare(before, frame, rules)
            if paused and change is Change.MOTION:
                change = Change.PAUSE
            yield Interval(start, repeats, frame, change, score)
            start, repeats, holding = frame, 1, repeated
        before = frame
    if plan is not None:
        plan.end()
    if start is not None:
        yield Interval(start, repeats, None, None, None)


def _compare(before: SourceFrame, frame: SourceFrame, rules: SceneRules) -> tuple[Change, float | None]:
    """The change between two different frames, and its cut score where it is measured."""
    if not rules.find_cuts:
        return Change.MOTION, None
    score = scene.cut_score(before.image.luma(), frame.image.luma())
    return (Change.CUT if score > rules.cut_threshold else Change.MOTION), score


def add_neighbours(intervals: Iterable[Interval], window: int = 4) -> Iterator[Interval]:
    """Add to each interval the frames on either side that belong to the same movement.

    Args:
        intervals: Intervals of one source, in order.
        window: Number of frames that the model takes, 2 or 4; with 2 no interval has neighbours.

    Yields:
        The same intervals, with the reasons for the log.
    """
    before: Interval | None = None
    current: Interval | None = None
    for after in intervals:
        if current is not None:
            yield _with_neighbours(before, current, after, window)
        before, current = current, after
    if current is not None:
        yield current


def _with_neighbours(before: Interval | None, current: Interval, after: Interval, window: int) -> Interval:
    """The interval with those neighbours that belong to the same movement, and the reason."""
    if window == 2:
        return replace(current, reason="the model takes two frames")
    obstacle_before = "first pair" if before is None else _obstacle(current, before, "before")
    obstacle_after = "last pair" if after.end is None else _obstacle(current, after, "after")
    return replace(
        current,
        prev=None if before is None or obstacle_before else before.start,
        next=None if obstacle_after else after.end,
        reason=", ".join(filter(None, (obstacle_before, obstacle_after))) or "four frames",
    )


def _obstacle(current: Interval, neighbour: Interval, side: str) -> str:
    """Why a neighbouring interval does not belong to the same movement; empty if it does."""
    if neighbour.change is Change.CUT:
        return f"cut {side}"
    longer, shorter = max(current.length, neighbour.length), min(current.length, neighbour.length)
    if neighbour.change is Change.PAUSE or longer > shorter * MOST_UNEVEN:
        return f"uneven intervals {side}"
    return ""
