"""Clocks that restart within a file: joined recordings, broadcasts, interrupted streams.

The frames after a restart are appended to those before it. Packets of the other streams must be moved by the
same offset, or sound and frames drift apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from av.error import FFmpegError

from vfi.io.video import ffmpeg

# A step back by more seconds (or packets) is a restart, not disorder; a step ahead is one, not a pause.
_BACK_SECONDS, _AHEAD_SECONDS, _LEAST_PACKETS = 1, 10, 10
_RESTARTING = ("mpegts", "mpeg")  # formats that are joined end to end and cut anywhere
_USUAL_INTERVAL = Fraction(1, 25)


class ClockOffsets:
    """What is added to the times of one stream, restart after restart."""

    def __init__(self, offsets: Sequence[Fraction]) -> None:
        """Begin before the first restart.

        Args:
            offsets: Seconds by which everything after each restart is moved, counted from the file's clock.
        """
        self._offsets = [Fraction(0), *offsets]
        self._last: Fraction | None = None
        self.passed = 0
        """Number of restarts so far."""

    def offset(self, time: Fraction) -> Fraction:
        """Seconds to add to the next time of the stream.

        A step of the times that is nearer to that of a coming restart than to none is taken to be it.

        Args:
            time: Time in the file, seconds; to be given in the order of the file.
        """
        if self._last is not None:
            step, here = time - self._last, self._offsets[self.passed]
            following = range(self.passed, len(self._offsets))
            self.passed = min(following, key=lambda number: abs(step + self._offsets[number] - here))
        self._last = time
        return self._offsets[self.passed]

    def follow(self, passed: int) -> Fraction:
        """Seconds to add to a stream with rare packets, which follows the others in the order of the file.

        Args:
            passed: Number of restarts that another stream has passed.
        """
        self.passed = max(self.passed, passed)
        return self._offsets[self.passed]


def find_offsets(path: Path) -> tuple[Fraction, ...]:
    """Offsets of the restarts in the first video stream, seconds; empty where the format has none.

    Args:
        path: Video. It is read to its end if its format may have restarts.
    """
    offsets: list[Fraction] = []
    try:
        with ffmpeg.open_input(path) as container:
            if not container.streams.video or container.format.name not in _RESTARTING:
                return ()
            end: Fraction | None = None
            for packet in container.demux(container.streams.video[0]):
                if not packet.size or packet.dts is None:
                    continue
                time = packet.dts * packet.time_base + (offsets[-1] if offsets else 0)
                length = (packet.duration or 0) * packet.time_base or _USUAL_INTERVAL
                if end is not None and _is_restart(time - end, length):
                    offsets.append((offsets[-1] if offsets else 0) + end - time)
                    time = end
                end = time + length
    except (OSError, FFmpegError):
        return tuple(offsets)
    return tuple(offsets)


def _is_restart(step: Fraction, length: Fraction) -> bool:
    """Whether a packet that begins ``step`` seconds after the end of the one before has a new clock."""
    least = _LEAST_PACKETS * length
    return step < -max(_BACK_SECONDS, least) or step > max(_AHEAD_SECONDS, least)
