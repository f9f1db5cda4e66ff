"""Reports of a job: progress while it runs, and a summary at its end."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

PROGRESS_SECONDS = 0.1
"""Progress is reported at most this often."""


@dataclass(frozen=True)
class Progress:
    """Progress of a job."""

    done: int
    """Number of output frames written, those of interrupted runs included."""
    total: int | None
    """Approximate number of all output frames; None: unknown."""
    seconds: float
    """Seconds since the start."""
    rate: float | None
    """Output frames per second of this run."""
    remaining: float | None
    """Estimated seconds to the end."""
    name: str
    """Name of the output."""


ProgressCallback = Callable[[Progress], None]


@dataclass(frozen=True)
class Report:
    """Summary of a finished job."""

    output: Path
    frames_in: int
    frames_out: int
    cuts: int
    seconds: float
    notes: tuple[str, ...] = ()
    """One sentence for each thing that was not carried over, or that the user should know."""
    damage: str | None = None
    """One sentence on damage in the input; the output holds what could be read."""
    clips: int = 1


class ProgressMeter:
    """Reports the progress of a job to a callback."""

    def __init__(self, name: str, total: int | None, done: int, callback: ProgressCallback | None) -> None:
        """Start the clock.

        Args:
            name: Name of the output.
            total: Expected number of output frames; None: unknown.
            done: Number of output frames that interrupted runs have written.
            callback: Function that receives the progress; None: none is reported.
        """
        self._name = name
        self._total = total
        self._skipped = done
        self._callback = callback
        self._begin = time.monotonic()
        self._reported = -PROGRESS_SECONDS

    @property
    def seconds(self) -> float:
        """Time since the run began."""
        return time.monotonic() - self._begin

    def update(self, done: int, *, finished: bool = False) -> None:
        """Report the number of frames written so far, unless the last report is very recent.

        Args:
            done: Number of output frames written, those of interrupted runs included.
            finished: Whether these are all frames; then they are reported in any case.
        """
        seconds = self.seconds
        if self._callback is None or (seconds - self._reported < PROGRESS_SECONDS and not finished):
            return
        self._reported = seconds
        total = done if finished else self._total if self._total is None else max(self._total, done)
        rate = (done - self._skipped) / seconds if done > self._skipped and seconds > 0 else None
        remaining = (total - done) / rate if total is not None and rate else None
        self._callback(Progress(done, total, seconds, rate, remaining, self._name))
