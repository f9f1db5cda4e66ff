"""From the time stamps of a container to exact, strictly increasing times.

Containers store times in ticks, Matroska's usually a thousandth of a second: 24000/1001 frames per second
become 0, 42, 83, 125 ms. A stamp that lies within a tick of a multiple of the nominal frame interval is
taken to mean that multiple; any other stamp means itself, which keeps variable frame rates as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import TypeVar

from vfi.io.video.jumps import RESET_INTERVALS, RESET_SECONDS

Item = TypeVar("Item")

# How many frames without a usable stamp may wait for the next usable one.
_MOST_WAITING = 4
# How far a rate that was estimated from stamps may lie from the true one, relatively; less than half of
# what lies between 60 and 60000/1001.
_ESTIMATE_ERROR = Fraction(1, 2500)
# A stamped grid must be occupied at least to this part: any stamps lie on some very fine grid.
_LEAST_OCCUPANCY = Fraction(1, 2)


@dataclass(frozen=True)
class TimeGrid:
    """The instants ``anchor + k / rate`` on which frames of a constant nominal rate lie."""

    rate: Fraction | None
    """Frames per second; None: no grid, every stamp stands for itself."""
    tick: Fraction
    """Seconds per unit of the stored stamps."""
    anchor: Fraction = Fraction(0)
    """Any instant of the grid."""

    @staticmethod
    def at(rate: Fraction | None, tick: Fraction, first: Fraction) -> TimeGrid:
        """The grid through 0 if the stream's first stamp lies on that one, else the one through ``first``."""
        through_zero = TimeGrid(rate, tick)
        return through_zero if through_zero.holds(first) else TimeGrid(rate, tick, first)

    @property
    def tolerance(self) -> Fraction:
        """How far from the grid a stamp of one of its instants can lie, in seconds."""
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
        """Whether a stamp at ``time`` stands for an instant of the grid."""
        return abs(time - self.nearest(time)) <= self.tolerance

    def snapped(self, time: Fraction) -> Fraction:
        """The instant that a stamp at ``time`` stands for."""
        nearest = self.nearest(time)
        return nearest if abs(time - nearest) <= self.tolerance else time


def likely_rates(named: Iterable[Fraction | None]) -> list[Fraction]:
    """The rates that a container names, each preceded by the usual rates it may be an estimate of.

    FFmpeg derives the rate of some files from a few rounded stamps and arrives at 19001/317 instead of
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
    """The first candidate rate on whose grid all stamps lie, with at most every other place empty.

    Args:
        stamps: Times of consecutive frames in any order, seconds.
        tick: Seconds per unit of the stored stamps.
        candidates: Rates that the container names, the most trusted one first.

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
        stamped: (time, own duration, item); a time or a duration may be missing.
        interval: Seconds between frames where nothing else is known.

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
    """Repair missing, repeated and backward stamps.

    Items without a usable stamp wait for the next usable one and share the time before it. A clock that
    jumps far back was restarted: what follows is appended one interval later. So is the first stamp of a
    stream that began with more unstamped items than may wait: their places are given away by then.
    """
    stamped_before = False
    last: Fraction | None = None
    offset = Fraction(0)
    waiting: list[tuple[Fraction | None, Item]] = []
    farthest_back = max(Fraction(RESET_SECONDS), RESET_INTERVALS * interval)
    for stamp, own, item in stamped:
        time = None if stamp is None else stamp + offset
        restarted = time is not None and last is not None and time < last - farthest_back
        late_first = time is not None and not stamped_before and last is not None
        stamped_before = stamped_before or stamp is not None
        if time is not None and last is not None and (restarted or late_first):
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
    for place, (own, item) in enumerate(waiting):
        yield first + place * step, own, item


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
