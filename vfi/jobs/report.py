"""What a job reports: progress while it works, and a summary at its end."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

PROGRESS_SECONDS = 0.1
"""Progress is reported at most this often."""


@dataclass(frozen=True)
class Progress:
    """How far a job is."""

    done: int
    """Output frames written, those of an interrupted run before included."""
    total: int | None
    """About how many there will be; None where nothing is known."""
    seconds: float
    """Time since the start."""
    rate: float | None
    """Output frames per second of this run."""
    remaining: float | None
    """Seconds still to go."""
    name: str
    """Name of what is being written."""


ProgressCallback = Callable[[Progress], None]


@dataclass(frozen=True)
class Report:
    """What a job did."""

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


class ProgressMeter:
    """Reports to a callback how far a job is."""

    def __init__(self, name: str, total: int | None, done: int, callback: ProgressCallback | None) -> None:
        """Begin to measure the time.

        Args:
            name: Name of what is being written.
            total: Expected number of output frames; None: unknown.
            done: Number of output frames that an interrupted run has written.
            callback: Receives the progress; None: nobody does.
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
        """Report that so many frames are written."""
        seconds = self.seconds
        if self._callback is None or (seconds - self._reported < PROGRESS_SECONDS and not finished):
            return
        self._reported = seconds
        total = done if finished else self._total if self._total is None else max(self._total, done)
        rate = (done - self._skipped) / seconds if done > self._skipped and seconds > 0 else None
        remaining = (total - done) / rate if total is not None and rate else None
        self._callback(Progress(done, total, seconds, rate, remaining, self._name))
