"""The plan of an output: content and exact time of every frame, from the timestamps of the source.

All times are :class:`fractions.Fraction` seconds, so nothing drifts over any length and every coincidence
is decided by arithmetic, never by a tolerance. Two clocks exist: the source's own, and the output's, which
is ``(source time - origin) * time_scale``.

A :class:`Plan` is data: any frame of the output can be asked for alone, in any order::

    plan = Plan(Timing(inter_frames=1), timestamps)
    plan[1000]              # source frame, t, time, duration and name of output frame 1000
    plan.range_of(20)       # the output frames from source frame 20 until just before source frame 21

A stream appends its timestamps one by one; the frames between two source frames follow with the second one.

There are two ways to place frames:

* **between frames** (``inter_frames=N``): N new frames split every interval evenly, so a variable frame rate
  stays variable and every source frame is shown; source frame k is output frame k (N + 1);
* **on a grid** (``rate=F``): one frame every 1/F second, counted from the first source frame. A grid point
  that coincides with a source frame shows that frame; any ratio works, down as well as up. Source frame k is
  shown from output frame ceil(F (its time - the first time)) on.

**Pauses.** An interval of more than :data:`PAUSE` times the usual one is a pause, as screen recorders and
slide shows have them: the frame before it is held, and motion fills the last usual interval only.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from statistics import median_low
from typing import NamedTuple

from vfi.errors import InputError
from vfi.interpolation.names import image_name

GRID_NAME_DIGITS = 8  # enough for 38 days at 30 frames per second

PAUSE = 4
"""An interval of more than this many usual ones is a pause; animation repeats a drawing up to four times."""
USUAL_OVER = 5
"""The usual interval is the median of this many intervals before."""

MOST_INTER_FRAMES = 10_000
"""Most new frames between each two source frames."""
HIGHEST_RATE = 100_000
"""Most output frames per second: the finest ticks of a container are some hundred times finer."""
TIME_SCALES = Fraction(1, 1000), Fraction(1000)
"""Least and greatest output seconds per source second."""
MOST_PER_INTERVAL = 100_000
"""Most output frames between two source frames: 28 minutes at 60 per second."""
MOST_FRAMES = 100_000_000
"""Most frames of an output: 19 days at 60 per second."""


class Kind(Enum):
    """Content of an output frame."""

    ORIGINAL = "original"
    """A source frame, passed through."""
    BETWEEN = "between"
    """A new frame inside an interval."""
    HOLD = "hold"
    """A source frame shown again: in a pause, or at the end, so that the output is as long as the input."""


class Timestamp(NamedTuple):
    """Time and duration of a source frame on the source's clock."""

    time: Fraction
    """Seconds."""
    duration: Fraction
    """Seconds until the next frame."""
    name: str = ""
    """Name of the source frame."""


@dataclass(frozen=True)
class PlanItem:
    """One frame of the output."""

    index: int
    """Index of the output frame, from 0."""
    time: Fraction
    """Timestamp on the output's clock, in seconds."""
    duration: Fraction
    """Duration in seconds of the output's clock."""
    source: int
    """Index of the source frame at or before it."""
    source_time: Fraction
    """Timestamp on the source's clock, in seconds."""
    t: Fraction
    """Position between that source frame (0) and the next (1); in [0, 1). 0 where the frame is held."""
    step: int
    """0 for a source frame, k for the k-th other frame since then."""
    kind: Kind
    name: str
    """Its name as an image, without suffix."""


@dataclass(frozen=True)
class Timing:
    """Number and speed of the output frames; give ``inter_frames`` or ``rate``, not both."""

    inter_frames: int | None = None
    """New frames between each two source frames, 1 to :data:`MOST_INTER_FRAMES`."""
    rate: Fraction | None = None
    """Output frames per second of the output's clock, up to :data:`HIGHEST_RATE`."""
    time_scale: Fraction = Fraction(1)
    """Seconds of output per second of source: 2 is half speed. Within :data:`TIME_SCALES`."""
    origin: Fraction = Fraction(0)
    """The source time that becomes output time 0."""
    hold_last: bool = True
    """Hold the last frame so that the output lasts as long as the input (films). Without, the output
    ends with the last source frame (image folders: n frames make n - 1 pairs)."""
    originals: bool = True
    """Show the source frames too (False: only the other frames, for image folders)."""
    naming: str = "generic"
    """Names of new images, see :func:`vfi.interpolation.names.image_name`."""

    def __post_init__(self) -> None:
        if (self.inter_frames is None) == (self.rate is None):
            raise ValueError("give either inter_frames or rate")
        if self.inter_frames is not None and not 1 <= self.inter_frames <= MOST_INTER_FRAMES:
            raise ValueError(
                f"inter_frames is {_short(self.inter_frames)}, it must be from 1 to {MOST_INTER_FRAMES}"
            )
        if self.rate is not None and not 0 < self.rate <= HIGHEST_RATE:
            raise ValueError(f"rate is {_short(self.rate)}, it must be above 0 and at most {HIGHEST_RATE}")
        if not TIME_SCALES[0] <= self.time_scale <= TIME_SCALES[1]:
            raise ValueError(
                f"time_scale is {_short(self.time_scale)}, it must be from {TIME_SCALES[0]} "
                f"to {TIME_SCALES[1]}"
            )

    def output_rate(self, source_rate: Fraction | None) -> Fraction | None:
        """Frames per second of the output; None if it follows a source without a constant rate."""
        if self.inter_frames is None:
            return self.rate
        if source_rate is None:
            return None
        return source_rate * (self.inter_frames + 1) / self.time_scale

    def estimate_count(self, frame_count: int | None, duration: Fraction | None) -> int | None:
        """Approximate number of output frames, from the frames and seconds of the source; None: unknown."""
        if self.inter_frames is not None:
            return None if frame_count is None else frame_count * (self.inter_frames + 1)
        if duration is None or self.rate is None:
            return None
        return max(1, round(duration * self.time_scale * self.rate))


def _short(number: Fraction | int) -> str:
    """A number for messages: as it is, or its size where it has very many digits."""
    text = str(number) if number.numerator.bit_length() + number.denominator.bit_length() < 200 else ""
    return text or ("far too large" if number > 1 else "far too small")


def slow_motion_timing(
    factor: Fraction, source_rate: Fraction | None, origin: Fraction = Fraction(0), *, hold_last: bool = True
) -> Timing:
    """The timing of slow motion.

    A whole factor K puts K - 1 new frames between each two, so that every source frame is kept and the
    frame rate stays the source's. Any other factor samples the source's nominal rate.

    Args:
        factor: Seconds of output per second of source.
        source_rate: Nominal frames per second of the source; None: unknown.
        origin: Source time of output time 0, in seconds.
        hold_last: Whether the last frame is held, as in films.

    Raises:
        ValueError: If the factor is not whole and ``source_rate`` is unknown.
    """
    if factor.denominator == 1 and factor > 1:
        return Timing(inter_frames=int(factor) - 1, time_scale=factor, origin=origin, hold_last=hold_last)
    if source_rate is None:
        raise ValueError("slow motion by this factor needs a constant frame rate: add --fps")
    return Timing(rate=source_rate, time_scale=factor, origin=origin, hold_last=hold_last)


class Plan:
    """The frames of an output, each computed from the timestamps around it alone."""

    def __init__(
        self, timing: Timing, timestamps: Iterable[Timestamp] | None = None, interval: Fraction | None = None
    ) -> None:
        """Plan a whole source, or begin with a stream.

        Args:
            timing: Number and speed of the output frames.
            timestamps: Timestamps of all source frames, in order; None: a stream begins.
            interval: Usual interval of the source in seconds, where it is known beforehand.

        Raises:
            ValueError: If the timestamps do not increase.
            InputError: If a gap between them would take too many frames.
        """
        self.timing = timing
        self._stamps: list[Timestamp] = []
        self._motions: list[Fraction] = []  # when motion to the next source frame begins, source's clock
        self._begins: list[int] = []  # the first output frame at or after each source frame
        self._forgotten = 0
        self._zero = Fraction(0)  # the first source frame's time, where the grid begins
        self._coinciding = 0  # grid points that are left out because they show source frames
        self._recent = deque([interval] if interval else [], maxlen=USUAL_OVER)
        self._count: int | None = None
        if timestamps is not None:
            for timestamp in timestamps:
                self.append(timestamp)
            self.end()

    def append(self, timestamp: Timestamp) -> None:
        """Add the next source frame.

        Raises:
            ValueError: If it is not later than the one before.
            InputError: If the gap between them would take too many frames.
        """
        if not self._begins:
            self._zero = timestamp.time
            self._begins.append(0)
            self._stamps.append(timestamp)
            return
        before = self._stamps[-1]
        interval = timestamp.time - before.time
        if interval <= 0:
            raise ValueError(f"timestamps must increase: {timestamp.time} s follows {before.time} s")
        usual = median_low(self._recent) if self._recent else interval
        self._recent.append(interval)
        self._motions.append(timestamp.time - usual if interval > PAUSE * usual else before.time)
        source = self.sources
        if self.timing.rate is None:
            begin = source * self._per_interval
        else:
            self._coinciding += not self.timing.originals and self._on_grid(before.time)
            begin = math.ceil(self._grid_number(timestamp.time)) - self._coinciding
            self._check_gap(before, timestamp, begin - self._begins[-1])
        self._begins.append(begin)
        self._stamps.append(timestamp)

    def end(self) -> None:
        """Note that the last source frame has been appended."""
        self._count = self._begins[-1] + self._last_count() if self._stamps else 0

    def forget(self, before: int) -> None:
        """Free the timestamps of the source frames before this one, which are not asked for again."""
        number = min(before - self._forgotten, len(self._stamps) - 2)  # the end needs the last interval
        if number > 0:
            del self._stamps[:number], self._motions[:number], self._begins[:number]
            self._forgotten += number

    @property
    def sources(self) -> int:
        """Number of source frames so far."""
        return self._forgotten + len(self._stamps)

    def __len__(self) -> int:
        """Number of output frames; of a stream that has not ended, those known so far."""
        return self._count if self._count is not None else self._begins[-1] if self._begins else 0

    def __getitem__(self, index: int) -> PlanItem:
        """The output frame of this number.

        Raises:
            IndexError: If there is none, or none yet.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"output frame {index} of {len(self)}")
        return self._item(self.source_of(index), index)

    def range_of(self, source: int) -> range:
        """The output frames from a source frame until just before the next one."""
        number = source - self._forgotten
        following = self._begins[number + 1] if number + 1 < len(self._begins) else len(self)
        return range(self._begins[number], following)

    def items(self, source: int) -> list[PlanItem]:
        """The output frames of :meth:`range_of`."""
        return [self._item(source, index) for index in self.range_of(source)]

    def source_of(self, index: int) -> int:
        """The source frame at or before an output frame; the last one for numbers beyond the end."""
        return self._forgotten + max(bisect_right(self._begins, index) - 1, 0)

    def pause(self, source: int) -> Fraction:
        """Seconds for which a source frame is held before the motion to the next one begins."""
        number = source - self._forgotten
        return self._motions[number] - self._stamps[number].time

    def _item(self, source: int, index: int) -> PlanItem:
        number = source - self._forgotten
        stamp, is_last = self._stamps[number], number + 1 == len(self._stamps)
        if self.timing.rate is None:
            step = index - self._begins[number] + (not self.timing.originals)
            source_time, duration = self._split(number, step)
        else:
            first = math.ceil(self._grid_number(stamp.time))
            coincides = self._on_grid(stamp.time)
            place = index - self._begins[number] + (coincides and not self.timing.originals)
            step = place + (not coincides)
            source_time, duration = self._zero + self._grid_step * (first + place), 1 / self.timing.rate
        t = Fraction(0)
        if not is_last and source_time > self._motions[number]:
            begin = self._motions[number]
            t = (source_time - begin) / (self._stamps[number + 1].time - begin)
        kind = Kind.ORIGINAL if step == 0 else Kind.BETWEEN if t else Kind.HOLD
        return PlanItem(
            index=index,
            time=(source_time - self.timing.origin) * self.timing.time_scale,
            duration=duration,
            source=source,
            source_time=source_time,
            t=t,
            step=step,
            kind=kind,
            name=self._name(number, step, source_time),
        )

    @property
    def _per_interval(self) -> int:
        """Output frames per source frame, between frames."""
        return (self.timing.inter_frames or 0) + self.timing.originals

    def _split(self, number: int, step: int) -> tuple[Fraction, Fraction]:
        """Time on the source's clock and duration in the output of the k-th frame in an interval."""
        parts, scale = (self.timing.inter_frames or 0) + 1, self.timing.time_scale
        start, is_last = self._stamps[number].time, number + 1 == len(self._stamps)
        begin = start if is_last else self._motions[number]
        whole = self._last_interval() if is_last else self._stamps[number + 1].time - begin
        duration = whole / parts
        time = begin + duration * step if step else start
        if step == 0:
            duration += begin - start  # a pause
        if is_last and self.timing.hold_last:
            duration = min(duration, start + self._stamps[number].duration - time)
        return time, duration * scale

    def _last_interval(self) -> Fraction:
        """The length that is divided evenly after the last source frame, in seconds.

        Where the end of a range cuts that frame short, the held frames keep the distance of the frames
        before, so that a constant rate stays constant; only the last one is shown shorter.
        """
        last = self._stamps[-1]
        return max(last.duration, last.time - self._motions[-1]) if self._motions else last.duration

    def _last_count(self) -> int:
        """Number of output frames from the last source frame on."""
        last = self._stamps[-1]
        if self.timing.rate is None:
            if not self.timing.hold_last:
                return int(self.timing.originals)
            parts = (self.timing.inter_frames or 0) + 1
            return math.ceil(parts * last.duration / self._last_interval()) - (not self.timing.originals)
        coincides = self._on_grid(last.time)
        # Half a step of slack: the output is then at most half a frame shorter or longer than the input.
        stop = math.ceil(self._grid_number(last.time + last.duration) - Fraction(1, 2))
        count = stop - math.ceil(self._grid_number(last.time))
        count = max(count, int(self.sources == 1))  # one frame alone is shown even by a slow grid
        if not self.timing.hold_last:
            count = min(count, int(coincides))
        return count - (coincides and not self.timing.originals and count > 0)

    @property
    def _grid_step(self) -> Fraction:
        """Seconds of the source's clock between output frames on a grid."""
        assert self.timing.rate is not None
        return 1 / (self.timing.rate * self.timing.time_scale)

    def _grid_number(self, time: Fraction) -> Fraction:
        """The number of the grid point at a time of the source's clock; a fraction between two points."""
        return (time - self._zero) / self._grid_step

    def _on_grid(self, time: Fraction) -> bool:
        return self._grid_number(time).denominator == 1

    def _check_gap(self, before: Timestamp, after: Timestamp, count: int) -> None:
        if count > MOST_PER_INTERVAL:
            raise InputError(
                f"There is a gap of {float(after.time - before.time):.0f} s after the frame at "
                f"{float(before.time):.2f} s, which would take {count} frames; at most {MOST_PER_INTERVAL} "
                "are written between two source frames: leave the gap out with --start and --end, or give "
                "--inter-frames instead of --fps."
            )

    def _name(self, number: int, step: int, source_time: Fraction) -> str:
        """The name of an output frame as an image; on a grid, the number of the grid point."""
        timing = self.timing
        if timing.inter_frames is None:
            return f"{int(self._grid_number(source_time)):0{GRID_NAME_DIGITS}d}"
        following = self._stamps[number + 1].name if number + 1 < len(self._stamps) else ""
        name = self._stamps[number].name
        return image_name(name, following, step, timing.inter_frames, timing.naming) if step else name
