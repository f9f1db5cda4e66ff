"""What the stages of the pipeline hand to each other, and what they tell the caller."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from vfi.interpolation.schedule import Stamp
from vfi.io.frames import SourceFrame


class Change(Enum):
    """What happens between two consecutive pictures."""

    MOTION = "motion"
    """New frames are interpolated."""
    CUT = "cut"
    """A new scene begins: nothing is invented."""
    STILL = "still"
    """The picture stays the same for long: it is shown again."""


@dataclass(frozen=True)
class Showing:
    """One instant at which the source shows a picture."""

    stamp: Stamp
    name: str
    """Name of the source frame there."""


@dataclass(frozen=True)
class Shot:
    """A picture and all instants at which it is shown: several where the source repeats it."""

    frame: SourceFrame
    showings: tuple[Showing, ...]
    change: Change | None
    """From the picture before to this one; None for the first."""
    score: float | None
    """The cut score of that change, where it was measured."""

    @property
    def first(self) -> Stamp:
        """When it is shown first."""
        return self.showings[0].stamp

    @property
    def last(self) -> Stamp:
        """When it is shown for the last time."""
        return self.showings[-1].stamp


@dataclass(frozen=True)
class Pair:
    """Two consecutive pictures with their neighbours, as far as these belong to the same movement."""

    prev: Shot | None
    start: Shot
    end: Shot
    next: Shot | None
    reason: str
    """Why there are four frames or not, for the log."""


@dataclass(frozen=True)
class Decision:
    """What was done with a pair, for the log."""

    first: int
    """Number of the pair's first frame in the source, from 0."""
    second: int
    time: float
    """Of the first frame, in seconds of the source's clock; rounded for people."""
    action: str
    """``"interpolated"``, ``"repeated"``, ``"blended"``, ``"held"``, or ``"passed"`` where no instant lies
    between the two frames."""
    reason: str
    score: float | None
    """Cut score, where it was measured."""
    new_frames: int
    """Frames that are not in the source."""


@dataclass(frozen=True)
class Progress:
    """How far a run is."""

    done: int
    """Output frames written, those of an interrupted run before included."""
    total: int | None
    """About how many there will be; None where nothing is known."""
    seconds: float
    """Since the start."""
    rate: float | None
    """Output frames per second of this run."""
    remaining: float | None
    """Seconds still to go."""
    name: str
    """What is being written."""


ProgressCallback = Callable[[Progress], None]


@dataclass(frozen=True)
class Report:
    """What a run did."""

    output: Path
    frames_in: int
    frames_out: int
    cuts: int
    seconds: float
    notes: tuple[str, ...] = ()
    """One sentence for everything that was not carried over, or that the user should know."""
    damage: str | None = None
    """What was broken in the input; the output holds what could be read."""
    clips: int = 1


class Interrupted(KeyboardInterrupt):
    """The user stopped the run. ``str()`` says what was kept and how to go on."""
