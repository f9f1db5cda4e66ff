"""Exact, strictly increasing times from the timestamps of a container.

Containers store times in ticks, Matroska's usually a thousandth of a second: 24000/1001 frames per second
become 0, 42, 83, 125 ms. A timestamp within a tick of a multiple of the nominal frame interval is taken
as that multiple; any other is kept, which preserves variable frame rates.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import TypeVar

from vfi.io.video.jumps import RESET_INTERVALS, RESET_SECONDS

Item = TypeVar("Item")

# Greatest number of frames without a usable timestamp that wait for the next usable one.
_MOST_WAITING = 4
# Greatest relative error of a rate that was estimated from timestamps; less than half the difference between
# 60 and 60000/1001.
_ESTIMATE_ERROR = Fraction(1, 2500)
# Least occupied part of a grid: any timestamps lie on some very fine grid.
_LEAST_OCCUPANCY = Fraction(1, 2)


@dataclass(frozen=True)
class TimeGrid:
    """The instants ``anchor + k / rate`` on which frames of a constant nominal rate lie."""

    rate: Fraction | None
    """Frames per second; None: no grid, every timestamp is kept."""
    tick: Fraction
    """Seconds per unit of the stored stamps."""
    anchor: Fraction = Fraction(0)
    """Any instant of the grid."""

    @staticmethod
    def at(rate: Fraction | None, tick: Fraction, first: Fraction) -> TimeGrid:
        """The grid through 0 if the stream's first timestamp lies on it, else the grid through ``first``."""
        through_zero = TimeGrid(rate, tick)
        return through_zero if through_zero.holds(first) else TimeGrid(rate, tick, first)

    @property
    def tolerance(self) -> Fraction:
        """Greatest distance of a timestamp from its instant on the grid, in seconds."""
        if self.rate is None:
            return Fraction(0)
        interval = 1 / self.rate
        if 4 * self.tick <= interval:
            return self.tick
        return self.tick / 2 if 2 * self.tick <= interval else Fraction(0)

    def nearest(self, time: Fraction) -> Fraction:
        """The grid's instant nearest to ``time``."""
        if self.rate is None:
            return time
        return self.anchor + round((time - self.anchor) * self.rate) / self.rate

    def holds(self, time: Fraction) -> bool:
        """Whether a timestamp at ``time`` stands for an instant of the grid."""
        return abs(time - self.nearest(time)) <= self.tolerance

    def snapped(self, time: Fraction) -> Fraction:
        """The instant that a timestamp at ``time`` stands for."""
        nearest = self.nearest(time)
        return nearest if abs(time - nearest) <= self.tolerance else time


def likely_rates(named: Iterable[Fraction | None]) -> list[Fraction]:
    """The rates that a container states, each preceded by the usual rates it may be an estimate of.

    FFmpeg estimates the rate of some files from a few rounded timestamps and finds 19001/317 instead of
    60000/1001.
    """
    rates: list[Fraction] = []
    for rate in named:
        if rate:
            rates += [usual for usual in _usual_rates(rate) if abs(usual - rate) <= rate * _ESTIMATE_ERROR]
            rates.append(rate)
    return rates


def _usual_rates(rate: Fraction) -> tuple[Fraction, Fraction]:
    """The whole rate and the American broadcast rate nearest to a rate."""
    return Fraction(round(rate)), Fraction(round(rate * 1001 / 1000) * 1000, 1001)


def constant_rate(
    stamps: Sequence[Fraction], tick: Fraction, candidates: Iterable[Fraction | None]
) -> Fraction | None:
    """The first candidate rate on whose grid all timestamps lie, with at most every other instant empty.

    Args:
        stamps: Times of consecutive frames in any order, seconds.
        tick: Seconds per unit of the stored stamps.
        candidates: Rates that the container states, the most reliable one first.

    Returns:
        Frames per second, or None if the rate varies.
    """
    ordered = sorted(set(stamps))
    rates = [rate for rate in candidates if rate]
    if len(ordered) < 2:
        return rates[0] if rates else None
    for rate in rates:
        grid = TimeGrid.at(rate, tick, ordered[0])
        occupancy = (len(ordered) - 1) / ((ordered[-1] - ordered[0]) * rate)
        if occupancy >= _LEAST_OCCUPANCY and all(grid.holds(stamp) for stamp in ordered):
            return rate
    return None


def timed(
    stamped: Iterable[tuple[Fraction | None, Fraction | None, Item]], interval: Fraction
) -> Iterator[tuple[Fraction, Fraction, Item]]:
    """Give every item a strictly increasing time and a positive duration.

    Args:
        stamped: Tuples (time, own duration, item) in seconds; time and duration may be None.
        interval: Seconds between frames where timestamps are missing.

    Yields:
        (time, duration, item); the duration lasts until the next item, the last item's is its own.
    """
    previous: tuple[Fraction, Fraction | None, Item] | None = None
    for time, own, item in _increasing(stamped, interval):
        if previous is not None:
            yield previous[0], time - previous[0], previous[2]
        previous = (time, own, item)
    if previous is not None:
        time, own, item = previous
        yield time, own or interval, item


def _increasing(
    stamped: Iterable[tuple[Fraction | None, Fraction | None, Item]], interval: Fraction
) -> Iterator[tuple[Fraction, Fraction | None, Item]]:
    """Repair missing, repeated and backward timestamps.

    Items without a usable timestamp wait for the next usable one and divide the time before it evenly. A
    clock that jumps far back was restarted: what follows is appended one interval later. So is the first
    timestamp of a stream that began with more unstamped items than may wait: these have received times before
    it.
    """
    stamped_before = False
    last: Fraction | None = None
    offset = Fraction(0)
    waiting: list[tuple[Fraction | None, Item]] = []
    farthest_back = max(Fraction(RESET_SECONDS), RESET_INTERVALS * interval)
    for stamp, own, item in stamped:
        time = None if stamp is None else stamp + offset
        restarted = time is not None and last is not None and time < last - farthest_back
        first_is_overdue = time is not None and not stamped_before and last is not None
        stamped_before = stamped_before or stamp is not None
        if time is not None and last is not None and (restarted or first_is_overdue):
            offset += last + interval * (len(waiting) + 1) - time
            time = last + interval * (len(waiting) + 1)
        if time is not None and (last is None or time > last):
            yield from _placed(waiting, last, time, interval)
            waiting.clear()
            last = time
            yield time, own, item
            continue
        waiting.append((own, item))
        if len(waiting) > _MOST_WAITING:
            last = (-interval if last is None else last) + interval * len(waiting)
            yield from _placed(waiting, None, last + interval, interval)
            waiting.clear()
    end = (-interval if last is None else last) + interval * (len(waiting) + 1)
    yield from _placed(waiting, None, end, interval)


def _placed(
    waiting: list[tuple[Fraction | None, Item]], last: Fraction | None, time: Fraction, interval: Fraction
) -> Iterator[tuple[Fraction, Fraction | None, Item]]:
    """Spread waiting items between ``last`` and ``time``, or let them end one interval before ``time``."""
    count = len(waiting)
    if last is None:
        first, step = time - count * interval, interval
    else:
        step = min(interval, (time - last) / (count + 1))
        first = last + step
    for number, (own, item) in enumerate(waiting):
        yield first + number * step, own, item


# Containers keep distances between timestamps in 32 bits: at this many ticks per second three and a half
# minutes still fit, and rounding to a tick, where it is needed, stays below a tenth of a microsecond.
MAX_TICKS = 10_000_000
MIN_TICKS = 10_000


def choose_ticks(intervals: Iterable[Fraction]) -> int:
    """Ticks per second in which all given times are whole numbers, as far as :data:`MAX_TICKS` allows.

    Args:
        intervals: Times to represent exactly, in seconds, the most important first: the frame duration, the
            source's time unit, offsets. Times that would exceed :data:`MAX_TICKS` are rounded.
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
    while ticks < MIN_TICKS:  # FFmpeg's mov muxer would do so itself, unnoticed
        ticks *= 2
    return ticks


@dataclass
class OutputClock:
    """Turns times into strictly increasing ticks."""

    ticks: int
    """Ticks per second."""
    last: int | None = None
    """The latest timestamp, in ticks; None before the first."""

    def stamp(self, time: Fraction, duration: Fraction) -> tuple[int, int]:
        """Timestamp and duration of the next frame, in ticks.

        Args:
            time: Time in seconds, greater than that of the frame before.
            duration: Duration in seconds.
        """
        stamp = round(time * self.ticks)
        if self.last is not None:
            stamp = max(stamp, self.last + 1)
        self.last = stamp
        return stamp, max(1, round((time + duration) * self.ticks) - stamp)


@dataclass(frozen=True)
class Timeline:
    """The mapping of source times to output times."""

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
        """The source time of a container's timestamp, in seconds."""
        return stamp * unit - self.zero

    def place(self, time: Fraction) -> Fraction:
        """The output time of a source time, both in seconds."""
        return (time - self.origin) * self.scale

    def covers(self, start: Fraction, stop: Fraction) -> bool:
        """Whether a range of source time is, at least in part, used."""
        after_begin = self.begin is None or stop > self.begin or start == stop == self.begin
        return after_begin and (self.end is None or start < self.end)
