"""Time stamps of the output: exact fractions of a second as integers of one unit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from math import lcm

# Containers keep distances between time stamps in 32 bits: at this many ticks a second three and a half
# minutes still fit, and rounding to a tick, where it is needed at all, stays below a tenth of a microsecond.
MAX_TICKS = 10_000_000
MIN_TICKS = 10_000


def choose_ticks(intervals: Iterable[Fraction]) -> int:
    """Ticks per second in which all the given times are whole numbers, as far as they fit.

    Args:
        intervals: Times that shall be exact, in seconds, the most important first: the frame duration, the
            source's time unit, offsets. One that would exceed :data:`MAX_TICKS` is left to rounding.
    """
    ticks, exact = 1, True
    for interval in intervals:
        finer = lcm(ticks, interval.denominator)
        if finer <= MAX_TICKS:
            ticks = finer
        else:
            exact = False
    if not exact:
        return ticks * (MAX_TICKS // ticks)
    while ticks < MIN_TICKS:  # as FFmpeg's mov muxer does, which else would do so behind our back
        ticks *= 2
    return ticks


@dataclass
class OutputClock:
    """Turns times into strictly increasing ticks."""

    ticks: int
    """Per second."""
    last: int | None = None
    """The last time stamp that was given out."""

    def stamp(self, time: Fraction, duration: Fraction) -> tuple[int, int]:
        """Time stamp and duration of the next frame, in ticks.

        Args:
            time: Seconds; greater than that of the frame before.
            duration: Seconds.
        """
        stamp = round(time * self.ticks)
        if self.last is not None:
            stamp = max(stamp, self.last + 1)
        self.last = stamp
        return stamp, max(1, round((time + duration) * self.ticks) - stamp)


@dataclass(frozen=True)
class Timeline:
    """Where the times of a source lie in the output."""

    zero: Fraction = Fraction(0)
    """Container time that counts as the source's time 0."""
    scale: Fraction = Fraction(1)
    """Output seconds per source second: 2 for half speed."""
    begin: Fraction | None = None
    """First source time that is used; it becomes output time 0. None: all from the source's time 0 on."""
    end: Fraction | None = None
    """Source time at which the output ends; None: all."""

    @property
    def origin(self) -> Fraction:
        """The source time that becomes output time 0."""
        return Fraction(0) if self.begin is None else self.begin

    def source_time(self, stamp: int, unit: Fraction) -> Fraction:
        """The source time of a container's time stamp, in seconds."""
        return stamp * unit - self.zero

    def place(self, time: Fraction) -> Fraction:
        """The output time of a source time, both in seconds."""
        return (time - self.origin) * self.scale

    def covers(self, start: Fraction, stop: Fraction) -> bool:
        """Whether a stretch of source time is, at least in part, used."""
        after_begin = self.begin is None or stop > self.begin or start == stop == self.begin
        return after_begin and (self.end is None or start < self.end)
