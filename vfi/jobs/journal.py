"""The decision on each pair of source frames and its reason: a journal while a job runs, a log at its end.

The journal lies in the folder of the unfinished output, one line per pair, so that its length costs no memory
and an interrupted run loses nothing of it. It is deleted with that folder when the output is complete; before
that, the JSON log that the user may ask for is written from it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

from vfi.errors import OutputError
from vfi.io.partial import DECISIONS_FILE, partial_path
from vfi.jobs.report import Report

CUT_ACTIONS = ("repeated", "blended")
"""Actions on a pair of frames across a cut."""

PAUSE_REASON = "pause of the source"
"""Part of the reason of a decision where the source shows nothing new for long."""


@dataclass(frozen=True)
class Decision:
    """Decision on a pair of consecutive distinct frames."""

    first: int
    """Index of the pair's first frame in the source, from 0."""
    second: int
    """Index of the pair's second frame in the source."""
    time: float
    """Timestamp of the first frame, in seconds of the source's clock; rounded for people."""
    action: str
    """``"interpolated"``, ``"repeated"``, ``"blended"``, ``"held"``, or ``"passed"`` where no output frame
    lies between the two frames."""
    reason: str
    score: float | None
    """Cut score, where it was measured."""
    new_frames: int
    """Number of output frames that are interpolated."""


class Journal:
    """The decisions of one output, in the order of its pairs."""

    def __init__(self, output: Path, *, resume: bool) -> None:
        """Choose the file; it is written with the first decision.

        Args:
            output: Output of the job.
            resume: Whether an interrupted run of the same output continues; else its decisions are dropped.
        """
        self.path = partial_path(output.absolute()) / DECISIONS_FILE
        self._file: TextIO | None = None
        self._resume = resume

    def end(self) -> int | None:
        """The source frame up to which an interrupted run noted all decisions; None if some are missing."""
        end: int | None = None
        for entry in self.entries():
            if end is not None and entry["first"] != end:
                return None
            end = entry["second"]
        return end

    def add(self, decision: Decision) -> None:
        """Note the decision on the next pair; earlier notes on this and later pairs are dropped.

        Raises:
            OutputError: If the journal cannot be written.
        """
        with _errors(self.path):
            if self._file is None:
                kept = [entry for entry in self.entries() if entry["first"] < decision.first]
                self._file = self.path.open("w", encoding="utf-8")
                self._file.writelines(f"{json.dumps(entry)}\n" for entry in kept)
            self._file.write(f"{json.dumps(asdict(decision))}\n")
            self._file.flush()

    def join(self, parts: Iterable[Journal]) -> None:
        """Add the decisions of several journals, which may overlap by some pairs."""
        last = -1
        for part in parts:
            for entry in part.entries():
                if entry["first"] > last:
                    last = entry["first"]
                    self.add(Decision(**entry))

    def entries(self) -> Iterator[dict[str, Any]]:
        """The decisions so far, as plain values; a line that was not written to its end is left out."""
        if not self.path.is_file() or (self._file is None and not self._resume):
            return
        with self.path.open(encoding="utf-8", errors="replace") as file:
            for line in file:
                try:
                    entry = json.loads(line)
                    yield {name: entry[name] for name in Decision.__dataclass_fields__}
                except (ValueError, KeyError, TypeError):
                    return

    def cuts(self) -> int:
        """Number of cuts among the decisions so far."""
        return sum(entry["action"] in CUT_ACTIONS for entry in self.entries())

    def notes(self) -> list[str]:
        """Sentences for the report on what the decisions so far have in common."""
        count = sum(PAUSE_REASON in entry["reason"] for entry in self.entries())
        if not count:
            return []
        pauses = "1 pause of the source is" if count == 1 else f"{count} pauses of the source are"
        return [f"{pauses} held: only the last usual interval before the next frame is interpolated."]

    def close(self) -> None:
        """Close the file and keep it."""
        if self._file is not None:
            self._file.close()
            self._file = None


class Log:
    """The user's log: a JSON object with ``"run"`` (options and source), ``"pairs"`` and ``"report"``.

    It has a temporary name until it is complete. Without a path nothing is written.
    """

    def __init__(self, path: Path | None, run: Mapping[str, object]) -> None:
        """Begin the file, so that a path that cannot be written is reported before any work is done.

        Args:
            path: File of the finished log; None: no log.
            run: Options and source of the run, as plain JSON values.

        Raises:
            OutputError: If the file cannot be written.
        """
        self.path = path
        self._file: TextIO | None = None
        if path is not None:
            with _errors(path, "the log "):
                path.parent.mkdir(parents=True, exist_ok=True)
                self._file = self._partial(path).open("w", encoding="utf-8")
                self._file.write(f'{{"run": {json.dumps(run, ensure_ascii=False, indent=1)},\n"pairs": [')

    def add_pairs(self, journal: Journal) -> None:
        """Write the decisions of a journal, which is deleted when its output is complete.

        Args:
            journal: Journal with all decisions of the run.

        Raises:
            OutputError: If the file cannot be written.
        """
        if self._file is None or self.path is None:
            return
        with _errors(self.path, "the log "):
            separator = "\n"
            for entry in journal.entries():
                self._file.write(separator + json.dumps(entry))
                separator = ",\n"

    def finish(self, report: Report) -> None:
        """Complete the file under its own name.

        Args:
            report: Report of the finished run.

        Raises:
            OutputError: If the file cannot be written.
        """
        if self._file is None or self.path is None:
            return
        summary = {**asdict(report), "output": str(report.output)}
        with _errors(self.path, "the log "):
            self._file.write(f'\n],\n"report": {json.dumps(summary, ensure_ascii=False, indent=1)}}}\n')
            self._file.close()
            self._partial(self.path).replace(self.path)
        self._file = None

    def __enter__(self) -> Log:
        """The log itself."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Remove an unfinished log."""
        if self._file is not None and self.path is not None:
            self._file.close()
            self._file = None
            self._partial(self.path).unlink(missing_ok=True)

    @staticmethod
    def _partial(path: Path) -> Path:
        return path.with_name(path.name + ".part")


@contextmanager
def _errors(path: Path, kind: str = "") -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        remedy = "choose another --log" if kind else "see whether the disk is in order"
        raise OutputError(f"Cannot write {kind}{path} ({reason}): {remedy}.") from error
