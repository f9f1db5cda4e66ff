"""Jumps of a container's clock: recordings that were joined or interrupted, whose timestamps restart.

Jumps are found in reading order, packet by packet: a timestamp far before the end of the previous packet or,
in formats whose clock may be reset (MPEG transport and program streams), far after it. The packets that
follow are moved by an offset, so that they begin where the packet before the jump ends.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from av.error import FFmpegError

from vfi.io.video import ffmpeg

# FFmpeg's flag of formats whose clock may be reset (AVFMT_TS_DISCONT).
_DISCONTINUOUS = 0x0200
# A step back by more than this many seconds (or frame intervals) is a restarted clock, not disorder.
RESET_SECONDS, RESET_INTERVALS = 1, 10
# A step ahead by more is a new clock where clocks may be reset (as FFmpeg's own default has it); elsewhere
# it is a pause.
_FORWARD_SECONDS = 10
# Samples of the clock over a file, and the bytes that are searched for one.
_SAMPLES, _SAMPLE_BYTES = 64, 1 << 16
_TS_SYNC, _TS_SIZES = 0x47, (188, 192)
_PACK_START = b"\x00\x00\x01\xba"
_CLOCK_HZ = 90000


@dataclass(frozen=True)
class ClockJump:
    """One jump of a container's clock, as found in the video stream."""

    time: Fraction
    """Stored container time of the first packet after the jump, in seconds."""
    offset: Fraction
    """Seconds to add to all stored times after the jump, until the next jump (not a sum to be built)."""
    before: Fraction
    """Stored container time at which the last packet before the jump ends, in seconds."""
    position: int | None
    """Byte in the file at which the first packet after the jump begins; None where unknown."""


def may_reset(format_flags: int) -> bool:
    """Whether a container format, by FFmpeg's flags, is one whose clock may jump in both directions."""
    return bool(format_flags & _DISCONTINUOUS)


class ClockFollower:
    """Finds the jumps in one stream whose packets come in reading order."""

    def __init__(self, interval: Fraction, *, resets: bool) -> None:
        """Start at a clock without jumps.

        Args:
            interval: Seconds between packets where a packet has no duration.
            resets: Whether a long step ahead is a jump; otherwise it is a pause.
        """
        self.jumps: list[ClockJump] = []
        self.offset = Fraction(0)
        """Seconds to add to the stored times of the latest packet."""
        self._interval = interval
        self._back = max(Fraction(RESET_SECONDS), RESET_INTERVALS * interval)
        self._ahead = max(Fraction(_FORWARD_SECONDS), RESET_INTERVALS * interval) if resets else None
        self._end: Fraction | None = None

    def follow(self, time: Fraction, duration: Fraction, position: int | None, tick: Fraction) -> Fraction:
        """The offset of the next packet.

        Args:
            time: Stored decoding time, seconds.
            duration: Duration in seconds; 0 where unknown.
            position: Byte in the file at which the packet begins; None where unknown.
            tick: Unit of the stored times, seconds; the offset is a multiple of it.
        """
        if self._end is not None:
            step = time - self._end
            if step < -self._back or (self._ahead is not None and step > self._ahead):
                self.offset += round(-step / tick) * tick
                self.jumps.append(ClockJump(time, self.offset, self._end, position))
        self._end = time + (duration or self._interval)
        return self.offset


class OtherStreamClock:
    """Applies the jumps of the video stream to another stream of the same file, read in order.

    The streams jump at slightly different bytes of the file, so positions do not decide: where the stream's
    own clock jumps, the offset is chosen that continues it most closely.
    """

    def __init__(self, jumps: Sequence[ClockJump], interval: Fraction = Fraction(0)) -> None:
        """Start before the first jump.

        Args:
            jumps: Jumps of the video stream, in reading order.
            interval: Seconds between packets of this stream, where they may lie seconds apart.
        """
        self._offsets = [Fraction(0), *(jump.offset for jump in jumps)]
        self.passed = 0
        """Number of jumps so far."""
        self._tolerance = max(Fraction(RESET_SECONDS), RESET_INTERVALS * interval) / 2
        self._last: Fraction | None = None

    def follow(self, passed: int) -> Fraction:
        """The seconds to add to a packet of a stream whose packets are too rare to show the jumps.

        Args:
            passed: Number of jumps that another stream has passed at this position of the file.
        """
        self.passed = max(self.passed, passed)
        return self._offsets[self.passed]

    def offset(self, time: Fraction) -> Fraction:
        """The seconds to add to a packet's stored time.

        Args:
            time: Stored time, seconds.
        """
        if self._last is not None:
            step = time + self._offsets[self.passed] - self._last
            if step < -self._tolerance or step > self._tolerance:
                self.passed = self._nearest(time, self._last, abs(step))
        self._last = time + self._offsets[self.passed]
        return self._offsets[self.passed]

    def _nearest(self, time: Fraction, last: Fraction, step: Fraction) -> int:
        """The section, this one or a later one, that puts ``time`` nearest to ``last``."""
        best = self.passed
        for section in range(self.passed + 1, len(self._offsets)):
            distance = abs(time + self._offsets[section] - last)
            if distance < step:
                best, step = section, distance
        return best


def find_jumps(path: Path, stream: int, interval: Fraction) -> tuple[ClockJump, ...]:
    """All jumps of a file's clock, from the packets of its video stream; none where its format has none.

    The source knows the jumps only where it has read, which a resumed run or the joining of shards has not.

    Args:
        path: Video file, which is read to its end if its format may have jumps.
        stream: Number of the video stream.
        interval: Seconds between frames where a packet has no duration.
    """
    clock = ClockFollower(interval, resets=True)
    try:
        with ffmpeg.open_input(path) as container:
            if not may_reset(container.format.flags):
                return ()
            for packet in container.demux(container.streams[stream]):
                if packet.size and packet.dts is not None:
                    unit = packet.time_base
                    clock.follow(packet.dts * unit, (packet.duration or 0) * unit, packet.pos, unit)
    except (OSError, FFmpegError):  # what could be read counts
        pass
    return tuple(clock.jumps)


def clock_looks_broken(path: Path, format_name: str) -> bool:
    """Whether samples of a file's clock, from its beginning to its end, contradict one continuous clock.

    Only MPEG transport and program streams are examined; False for every other format.

    Args:
        path: Media file.
        format_name: FFmpeg's name of its format.
    """
    read = {"mpegts": _transport_clock, "mpeg": _program_clock}.get(format_name)
    if read is None:
        return False
    size = path.stat().st_size
    times: list[float] = []
    with path.open("rb") as file:
        if size <= _SAMPLES * _SAMPLE_BYTES:
            times = read(file.read())
        else:
            for number in range(_SAMPLES):
                file.seek((size - _SAMPLE_BYTES) * number // (_SAMPLES - 1))
                times += read(file.read(_SAMPLE_BYTES))[:1]
    steps = sorted(after - before for before, after in pairwise(times))
    if not steps:
        return False
    usual = steps[bisect_right(steps, 0) :] or [0]
    return steps[0] < 0 or steps[-1] > _FORWARD_SECONDS + 4 * usual[len(usual) // 2]


def _transport_clock(block: bytes) -> list[float]:
    """The clock references of one program in a block of a transport stream, in seconds."""
    for size in _TS_SIZES:
        for start in range(min(size, len(block))):
            if all(block[at] == _TS_SYNC for at in range(start, min(len(block), start + 5 * size), size)):
                return _clock_references(block, start, size)
    return []


def _clock_references(block: bytes, start: int, size: int) -> list[float]:
    times: list[float] = []
    program: int | None = None
    for at in range(start, len(block) - 11, size):
        has_field = block[at] == _TS_SYNC and block[at + 3] & 0x20 and block[at + 4] >= 7
        if not has_field or not block[at + 5] & 0x10:
            continue
        identifier = (block[at + 1] & 0x1F) << 8 | block[at + 2]
        program = identifier if program is None else program
        if identifier == program:
            base = int.from_bytes(block[at + 6 : at + 10], "big") << 1 | block[at + 10] >> 7
            times.append(base / _CLOCK_HZ)
    return times


def _program_clock(block: bytes) -> list[float]:
    """The clock references of the packs in a block of a program stream, in seconds."""
    times: list[float] = []
    at = block.find(_PACK_START)
    while 0 <= at < len(block) - 9:
        first, second, third, fourth, fifth = block[at + 4 : at + 9]
        if first >> 6 == 1:  # MPEG-2: marker bits lie between 3, 15 and 15 bits
            high = (first & 0x38) << 27 | (first & 3) << 28 | second << 20 | (third & 0xF8) << 12
            times.append((high | (third & 3) << 13 | fourth << 5 | fifth >> 3) / _CLOCK_HZ)
        elif first >> 4 == 2:  # MPEG-1
            high = (first & 0x0E) << 29 | second << 22 | (third & 0xFE) << 14
            times.append((high | fourth << 7 | fifth >> 1) / _CLOCK_HZ)
        at = block.find(_PACK_START, at + 9)
    return times
