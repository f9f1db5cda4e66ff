"""Progress of a command: a bar on a terminal, JSON lines for programs, or nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from tqdm import tqdm

from vfi.cli.arguments import CommandLine
from vfi.cli.printing import print_json, print_lines
from vfi.errors import VfiError, printable
from vfi.jobs.report import Progress, ProgressCallback, Report

Work = Callable[[ProgressCallback | None], Report]


def run(asked: CommandLine[Any], work: Work, summary: Callable[[Report], list[str]]) -> int:
    """Run a command, show its progress, and return the exit code.

    Args:
        asked: Parsed command line, which selects the kind of progress or only prints the configuration.
        work: Function that does the work and reports its progress.
        summary: Function that returns the lines printed at the end.

    Raises:
        VfiError: If the work fails.
    """
    if asked.print_config:
        print_lines(*asked.config.to_yaml().splitlines())
    elif asked.progress == "json":
        _with_json(work)
    elif asked.progress == "quiet":
        work(None)
    else:
        with ProgressBar() as bar:
            report = work(bar)
        print_lines(*summary(report))
    return 0


def _with_json(work: Work) -> None:
    """Run the work and print its progress as one JSON object per line."""

    def put(event: str, values: dict[str, object]) -> None:
        print_json({"event": event, **values})

    try:
        report = work(lambda progress: put("progress", asdict(progress)))
    except (VfiError, KeyboardInterrupt) as error:
        put("error", {"message": str(error)})
        raise
    put("done", {**asdict(report), "output": str(report.output)})


class ProgressBar:
    """Progress bar on standard error, shown only on a terminal."""

    def __init__(self) -> None:
        self._bar: tqdm | None = None
        self._name = ""

    def __call__(self, progress: Progress) -> None:
        """Show the progress; every output has its own bar.

        Args:
            progress: Progress of the current output.
        """
        if self._bar is None or self._name != progress.name:
            self._close()
            self._name = progress.name
            self._bar = tqdm(
                desc=printable(progress.name),
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
