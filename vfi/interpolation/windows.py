"""From source frames to pairs with neighbours: cuts, repeated frames, ends of the clip.

Two generators, each testable with a list. Together they hold a handful of frames: the four of a window and
the one that the cut detector has just seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from vfi.interpolation import scene
from vfi.interpolation.records import Change, Pair, Shot, Showing
from vfi.interpolation.schedule import Stamp
from vfi.io.frames import SourceFrame

LONGEST_RUN = 4
"""Animation repeats a drawing up to this often ("on fours"); what stays longer stands still on purpose."""

MOST_UNEVEN = Fraction(4, 3)
"""A neighbour is used only if its interval is at most this much longer or shorter than the pair's: the
four-frame models assume equal intervals."""


@dataclass(frozen=True)
class SceneRules:
    """What to look for between consecutive frames."""

    find_cuts: bool = True
    cut_threshold: float = scene.CUT_THRESHOLD
    merge_duplicates: bool = False


def find_shots(frames: Iterable[SourceFrame], rules: SceneRules) -> Iterator[Shot]:
    """Compare each frame with the one before, and merge repeated frames where asked.

    A run of up to :data:`LONGEST_RUN` equal frames becomes one shot with as many showings. The frames of a
    longer run stay apart, linked by :attr:`Change.STILL`, so that a still picture does not start to creep.

    Args:
        frames: Consecutive frames of one source.
        rules: What to look for.
    """
    shot: Shot | None = None
    before: SourceFrame | None = None
    still = False
    for frame in frames:
        showing = Showing(Stamp(frame.time, frame.duration), frame.name)
        if before is None or shot is None:
            shot, before = Shot(frame, (showing,), None, None), frame
            continue
        repeated = rules.merge_duplicates and scene.is_duplicate(before.picture.luma(), frame.picture.luma())
        if repeated and not still and len(shot.showings) < LONGEST_RUN:
            shot = replace(shot, showings=(*shot.showings, showing))
        else:
            yield shot
            change, score = (Change.STILL, None) if repeated else _compare(before, frame, rules)
            still = repeated
            shot = Shot(frame, (showing,), change, score)
        before = frame
    if shot is not None:
        yield shot


def _compare(before: SourceFrame, frame: SourceFrame, rules: SceneRules) -> tuple[Change, float | None]:
    if not rules.find_cuts:
        return Change.MOTION, None
    score = scene.cut_score(before.picture.luma(), frame.picture.luma())
    return (Change.CUT if score > rules.cut_threshold else Change.MOTION), score


def pair_up(shots: Iterable[Shot], window: int = 4) -> Iterator[Pair | Shot]:
    """Consecutive shots with their neighbours; at the very end the last shot alone.

    Args:
        shots: Of one source, in order.
        window: How many frames the model looks at, 2 or 4; with 2 no pair has neighbours.
    """
    prev: Shot | None = None
    start: Shot | None = None
    end: Shot | None = None
    for shot in shots:
        if start is not None and end is not None:
            yield _pair(prev, start, end, shot, window)
        prev, start, end = start, end, shot
    if start is not None and end is not None:
        yield _pair(prev, start, end, None, window)
    if end is not None:
        yield end


def _pair(prev: Shot | None, start: Shot, end: Shot, following: Shot | None, window: int) -> Pair:
    """Leave out the neighbours that do not belong to the same movement, and say why."""
    if window == 2:
        return Pair(None, start, end, None, "the model looks at two frames")
    reasons: list[str] = []
    interval = end.first.time - start.first.time
    if prev is None:
        reasons.append("first pair")
    elif start.change is Change.CUT:
        prev = None
        reasons.append("cut before")
    elif not _even(start.first.time - prev.first.time, interval):
        prev = None
        reasons.append("uneven times before")
    if following is None:
        reasons.append("last pair")
    elif following.change is Change.CUT:
        following = None
        reasons.append("cut after")
    elif not _even(following.first.time - end.first.time, interval):
        following = None
        reasons.append("uneven times after")
    return Pair(prev, start, end, following, ", ".join(reasons) or "four frames")


def _even(neighbour: Fraction, interval: Fraction) -> bool:
    return interval <= neighbour * MOST_UNEVEN and neighbour <= interval * MOST_UNEVEN
