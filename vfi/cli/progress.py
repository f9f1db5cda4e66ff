"""Shows how far a command is: a bar for people, lines of JSON for programs, or nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from tqdm import tqdm

from vfi.cli.arguments import CommandLine
from vfi.cli.printing import escaped
from vfi.errors import VfiError
from vfi.jobs.report import Progress, ProgressCallback, Report

Work = Callable[[ProgressCallback | None], Report]


def run(asked: CommandLine[Any], work: Work, summary: Callable[[Report], list[str]]) -> int:
    """Do what was asked, show how far it is, and return the exit code.

    Args:
        asked: Says how the progress is shown, or that only the configuration is wanted.
        work: Does the work and reports its progress.
        summary: Returns the lines that are printed at the end.

    Raises:
        VfiError: If the work failed.
    """
    if asked.print_config:
        print(asked.config.to_yaml(), end="")
    elif asked.progress == "json":
        _with_json(work)
    elif asked.progress == "quiet":
        work(None)
    else:
        with ProgressBar() as bar:
            report = work(bar)
        print("\n".join(map(escaped, summary(report))))
    return 0


def _with_json(work: Work) -> None:
    """Work and report to other programs: one JSON object per line."""

    def put(event: str, values: dict[str, object]) -> None:
        print(json.dumps({"event": event, **values}), flush=True)

    try:
        report = work(lambda progress: put("progress", asdict(progress)))
    except (VfiError, KeyboardInterrupt) as error:
        put("error", {"message": str(error)})
        raise
    put("done", {**asdict(report), "output": str(report.output)})


class ProgressBar:
    """A progress bar on the error output, where that is a terminal."""

    def __init__(self) -> None:
        self._bar: tqdm | None = None
        self._name = ""

    def __call__(self, progress: Progress) -> None:
        """Show the progress; a new output gets a new bar."""
        if self._bar is None or self._name != progress.name:
            self._close()
            self._name = progress.name
            self._bar = tqdm(
                desc=escaped(progress.name),
                initial=progress.done,
                unit=" frames",
                disable=None,
                dynamic_ncols=True,
            )
        self._bar.total = progress.total
        self._bar.update(progress.done - self._bar.n)

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, *exception: object) -> None:
        self._close()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
