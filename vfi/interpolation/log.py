"""The JSON log: what was decided for each pair of source frames, and why.

It is written while the work goes on, so that its length costs no memory, under a temporary name, and gets
its own name when the run is complete.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TextIO

from vfi.errors import OutputError
from vfi.interpolation.records import Decision, Report


class DecisionLog:
    """A JSON object with what was asked (``"run"``), a list of ``"pairs"``, and the ``"report"``.

    Without a path it takes everything and writes nothing.
    """

    def __init__(self, path: Path | None, run: Mapping[str, object]) -> None:
        """Begin the file.

        Args:
            path: Where the finished log lies; None: nowhere.
            run: What was asked for: plain JSON values.

        Raises:
            OutputError: the file cannot be written.
        """
        self.path = path
        self._file: TextIO | None = None
        self._separator = "\n"
        if path is not None:
            with self._errors():
                path.parent.mkdir(parents=True, exist_ok=True)
                self._file = self._partial(path).open("w", encoding="utf-8")
            self._write(f'{{"run": {json.dumps(run, ensure_ascii=False, indent=1)},\n"pairs": [')

    def add(self, decision: Decision) -> None:
        """Note what is done with the next pair."""
        self._write(self._separator + json.dumps(asdict(decision)))
        self._separator = ",\n"

    def finish(self, report: Report) -> None:
        """Complete the file under its own name."""
        if self._file is None or self.path is None:
            return
        summary = {**asdict(report), "output": str(report.output)}
        self._write(f'\n],\n"report": {json.dumps(summary, ensure_ascii=False, indent=1)}}}\n')
        with self._errors():
            self._file.close()
            self._partial(self.path).replace(self.path)
        self._file = None

    def discard(self) -> None:
        """Remove what was begun; nothing happens after :meth:`finish`."""
        if self._file is not None and self.path is not None:
            self._file.close()
            self._file = None
            self._partial(self.path).unlink(missing_ok=True)

    def __enter__(self) -> DecisionLog:
        return self

    def __exit__(self, *exception: object) -> None:
        """Remove what is not finished."""
        self.discard()

    def _write(self, text: str) -> None:
        if self._file is not None:
            with self._errors():
                self._file.write(text)

    @staticmethod
    def _partial(path: Path) -> Path:
        return path.with_name(path.name + ".part")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason = error.strerror or error
            raise OutputError(
                f"Cannot write the log {self.path} ({reason}): choose another --log."
            ) from error
