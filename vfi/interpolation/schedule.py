"""Which frames to show when: from the time stamps of a source to those of the result, exactly.

All times are :class:`fractions.Fraction` seconds, so nothing drifts over any length and every coincidence
is decided by arithmetic, never by a tolerance. Two clocks exist: the source's own, and the output's, which
is ``(source time - origin) * time_scale``.

A :class:`Schedule` is asked pair by pair, in order, and needs to see one frame ahead only::

    schedule = Schedule(Timing(inter_frames=1))
    items = schedule.pair(stamp_0, stamp_1)     # everything shown from stamp_0 until just before stamp_1
    items += schedule.last(stamp_1)             # what the last frame adds

There are two ways to place frames:

* **between frames** (``inter_frames=N``): N new frames split every real interval evenly, so a variable
  frame rate stays variable and every source frame is shown;
* **on a grid** (``rate=F``): one frame every 1/F second, counted from the first source frame. A grid point
  that coincides with a source frame shows that frame; any ratio works, down as well as up.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import Enum
from fractions import Fraction

GRID_NAME_DIGITS = 8  # enough for 38 days at 30 frames per second
REDS_NAME_DIGITS = 8  # as the files of the REDS_VTSR set have them


class Kind(Enum):
    """What is shown at one instant of the output."""

    ORIGINAL = "original"
    """A source frame, passed through."""
    BETWEEN = "between"
    """A new frame inside an interval."""
    REPEAT = "repeat"
    """The last source frame once more, so that the output is as long as the input."""


@dataclass(frozen=True)
class Stamp:
    """When a source frame is shown, on the source's clock, in seconds."""

    time: Fraction
    duration: Fraction


@dataclass(frozen=True)
class PlanItem:
    """One frame of the output."""

    index: int
    """Running number, from 0."""
    time: Fraction
    """When it is shown, on the output's clock, in seconds."""
    duration: Fraction
    """How long it is shown, in seconds of the output's clock."""
    source: int
    """Number of the source frame (as counted by the schedule) at or before this instant."""
    moment: Fraction
    """The same instant on the source's clock, in seconds."""
    t: Fraction
    """Position between that source frame (0) and the next (1); in [0, 1)."""
    step: int
    """0 for a source frame, k for the k-th other frame since then."""
    kind: Kind


@dataclass(frozen=True)
class Timing:
    """How many frames to show, and how fast. Give ``inter_frames`` or ``rate``, not both."""

    inter_frames: int | None = None
    """New frames between each two source frames, 1 or more."""
    rate: Fraction | None = None
    """Output frames per second, of the output's clock."""
    time_scale: Fraction = Fraction(1)
    """Seconds of output per second of source: 2 is half speed."""
    origin: Fraction = Fraction(0)
    """The source time that becomes output time 0."""
    hold_last: bool = True
    """Repeat the last frame so that the output lasts as long as the input (films). Without, the output
    ends with the last source frame (picture folders: n frames make n - 1 pairs)."""

    def __post_init__(self) -> None:
        if (self.inter_frames is None) == (self.rate is None):
            raise ValueError("give either inter_frames or rate")
        if self.inter_frames is not None and self.inter_frames < 1:
            raise ValueError(f"inter_frames is {self.inter_frames}, it must be 1 or more")
        if self.rate is not None and self.rate <= 0:
            raise ValueError(f"rate is {self.rate}, it must be above 0")
        if self.time_scale <= 0:
            raise ValueError(f"time_scale is {self.time_scale}, it must be above 0")

    def output_rate(self, source_rate: Fraction | None) -> Fraction | None:
        """Frames per second of the result, or None when they follow a source without a constant rate."""
        if self.inter_frames is None:
            return self.rate
        if source_rate is None:
            return None
        return source_rate * (self.inter_frames + 1) / self.time_scale

    def estimate_count(self, frame_count: int | None, duration: Fraction | None) -> int | None:
        """About how many frames the result has (for progress), from what is known of the source."""
        if self.inter_frames is not None:
            return None if frame_count is None else frame_count * (self.inter_frames + 1)
        if duration is None or self.rate is None:
            return None
        return max(1, round(duration * self.time_scale * self.rate))


def slow_motion_timing(
    factor: Fraction, source_rate: Fraction | None, origin: Fraction = Fraction(0), *, hold_last: bool = True
) -> Timing:
    """The timing of ``factor`` times slower with nothing else asked.

    A whole factor K puts K - 1 new frames between each two, so that every source frame is kept and the
    frame rate stays the source's. Any other factor samples the source's nominal rate.

    Raises:
        ValueError: the factor is not whole and ``source_rate`` is unknown.
    """
    if factor.denominator == 1 and factor > 1:
        return Timing(inter_frames=int(factor) - 1, time_scale=factor, origin=origin, hold_last=hold_last)
    if source_rate is None:
        raise ValueError("a factor that is not a whole number needs a frame rate")
    return Timing(rate=source_rate, time_scale=factor, origin=origin, hold_last=hold_last)


class Schedule:
    """Turns consecutive source stamps into plan items, one pair at a time."""

    def __init__(self, timing: Timing) -> None:
        self.timing = timing
        self._first: Fraction | None = None
        self._index = 0
        self._source = 0
        self._interval = Fraction(0)  # of the pair before

    def pair(self, start: Stamp, end: Stamp) -> list[PlanItem]:
        """Everything shown from ``start`` until just before ``end``.

        Raises:
            ValueError: ``end`` is not later than ``start``.
        """
        if end.time <= start.time:
            raise ValueError(f"time stamps must increase: {end.time} s follows {start.time} s")
        interval = end.time - start.time
        moments = (
            self._split(start.time, interval)
            if self.timing.rate is None
            else self._grid(start.time, end.time)
        )
        items = self._items(start.time, interval, moments, Kind.BETWEEN)
        self._source += 1
        self._interval = interval
        return items

    def last(self, frame: Stamp) -> list[PlanItem]:
        """What the last source frame adds: itself and, where it is held, its repetitions.

        Where the end of a range cuts the frame short, the repetitions keep the distance of the frames before,
        so that a constant rate stays constant; only the last one is shown shorter.
        """
        end = frame.time + frame.duration
        whole = frame.duration
        if self.timing.rate is None:
            whole = max(frame.duration, self._interval)
            moments = [moment for moment in self._split(frame.time, whole) if moment < end]
        else:
            # Half a step of slack: the output is then at most half a frame shorter or longer than the input.
            slack = self._grid_step() / 2
            moments = self._grid(frame.time, end - slack)
            if self._index == 0 and not moments:
                moments = [frame.time]
        if not self.timing.hold_last:
            moments = [moment for moment in moments if moment == frame.time]
        items = self._items(frame.time, frame.duration, moments, Kind.REPEAT, whole)
        if self.timing.rate is None and self.timing.hold_last:
            left = (end - items[-1].moment) * self.timing.time_scale
            items[-1] = replace(items[-1], duration=min(items[-1].duration, left))
        return items

    def _split(self, start: Fraction, interval: Fraction) -> list[Fraction]:
        """The interval's start and the points that cut it into ``inter_frames + 1`` equal parts."""
        parts = (self.timing.inter_frames or 0) + 1
        return [start + interval * k / parts for k in range(parts)]

    def _grid_step(self) -> Fraction:
        assert self.timing.rate is not None
        return 1 / (self.timing.rate * self.timing.time_scale)

    def _grid(self, start: Fraction, end: Fraction) -> list[Fraction]:
        """Grid points in [start, end), on the source's clock; the grid begins at the first frame."""
        if self._first is None:
            self._first = start
        step = self._grid_step()
        number = math.ceil((start - self._first) / step)
        past_the_end = math.ceil((end - self._first) / step)
        return [self._first + step * k for k in range(number, past_the_end)]

    def _items(
        self,
        start: Fraction,
        interval: Fraction,
        moments: list[Fraction],
        kind: Kind,
        whole: Fraction | None = None,
    ) -> list[PlanItem]:
        """Wrap instants of one interval into numbered items.

        Args:
            start: Of the interval.
            interval: Its length.
            moments: The instants.
            kind: What is not a source frame.
            whole: What is split evenly; None: the interval.
        """
        items: list[PlanItem] = []
        scale = self.timing.time_scale
        if self.timing.rate is None:
            duration = (whole or interval) * scale / ((self.timing.inter_frames or 0) + 1)
        else:
            duration = 1 / self.timing.rate
        first_step = 0 if moments and moments[0] == start else 1
        for step, moment in enumerate(moments, first_step):
            items.append(
                PlanItem(
                    index=self._index,
                    time=(moment - self.timing.origin) * scale,
                    duration=duration,
                    source=self._source,
                    moment=moment,
                    t=(moment - start) / interval,
                    step=step,
                    kind=Kind.ORIGINAL if step == 0 else kind,
                )
            )
            self._index += 1
        return items


def plan(stamps: Iterable[Stamp], timing: Timing) -> Iterator[PlanItem]:
    """The whole plan of a stream of stamps, one frame of look-ahead at a time."""
    schedule = Schedule(timing)
    previous: Stamp | None = None
    for stamp in stamps:
        if previous is not None:
            yield from schedule.pair(previous, stamp)
        previous = stamp
    if previous is not None:
        yield from schedule.last(previous)


def frame_name(
    item: PlanItem, source_name: str, timing: Timing, *, naming: str = "generic", next_name: str | None = None
) -> str:
    """The name (without suffix) of an output picture.

    A source frame keeps its name. The k-th of N new frames after frame a is, by ``naming``:

    * ``"generic"``: ``<a>_<k-1>``; k - 1 gets leading zeros where a pair has more than ten, so that natural
      and plain order agree;
    * ``"reds_vtsr"``: the number that lies as far between a and the frame after it as the new frame does.

    On a grid, where most pictures belong to no source frame, it is the running number.

    Args:
        item: What is shown.
        source_name: Name of the source frame at or before it.
        timing: The timing that made the item.
        naming: ``"generic"`` or ``"reds_vtsr"``.
        next_name: Name of the source frame after it, which ``"reds_vtsr"`` needs.

    Raises:
        ValueError: the names have no whole numbers between them, see :func:`number_between`.
    """
    if timing.inter_frames is None:
        return f"{item.index:0{GRID_NAME_DIGITS}d}"
    if item.step == 0:
        return source_name
    if naming == "reds_vtsr":
        number = number_between(source_name, next_name or "", item.step, timing.inter_frames)
        return f"{number:0{REDS_NAME_DIGITS}d}"
    digits = len(str(timing.inter_frames - 1))
    return f"{source_name}_{item.step - 1:0{digits}d}"


def number_between(name: str, next_name: str, step: int, inter_frames: int) -> int:
    """The number a + k (b - a) / (N + 1) of the k-th of N new frames between the frames a and b.

    With N = 3 and frames 8 apart these are m - 2, m and m + 2 around the middle m, as in EQVI's script for
    the REDS_VTSR set; here the rule holds for every N that divides the distance.

    Args:
        name: a, a whole number.
        next_name: b, likewise.
        step: k, from 1 to N.
        inter_frames: N.

    Raises:
        ValueError: a name is no whole number, b is not larger than a, or the numbers are not whole; the
            message is a part of a sentence.
    """
    for text in (name, next_name):
        if not (text.isascii() and text.isdecimal()):
            raise ValueError(f"{text!r} is not a whole number")
    first, second = int(name), int(next_name)
    if second <= first:
        raise ValueError(f"{next_name} is not larger than {name}")
    distance, rest = divmod(second - first, inter_frames + 1)
    if rest:
        raise ValueError(
            f"the step from {name} to {next_name} is not a multiple of {inter_frames + 1}, "
            f"which inter_frames {inter_frames} needs"
        )
    return first + step * distance
