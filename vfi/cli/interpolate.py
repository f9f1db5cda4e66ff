"""``vfi interpolate``: put new frames between those of a video, a folder of images, or two images."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from tqdm import tqdm

from vfi.cli.arguments import Command, CommandLine, parse_command_line
from vfi.config import InterpolateConfig
from vfi.errors import VfiError
from vfi.pipeline.records import Progress, Report

EXAMPLES = """examples:
  vfi interpolate holiday.mp4                          twice the frame rate: holiday_x2.mp4
  vfi interpolate film.mkv -o film60.mkv --fps 60      any frame rate
  vfi interpolate goal.mp4 --slow-motion 4             four times slower, sound stretched
  vfi interpolate frames/ -o more/ --inter-frames 3    a folder of images
  vfi interpolate first.png second.png -o between/     two images
"""

COMMAND = Command(
    config=InterpolateConfig,
    usage="INPUT [SECOND] [-o OUTPUT] [options]",
    description="Put new frames between those of a video, a folder of images, or two images.",
    examples=EXAMPLES,
    files=("input", "second"),
    few_files="give one input or two images",
    exclusive=(("fps", "inter_frames"), ("output", "store_path")),
)


def main(arguments: Sequence[str]) -> int:
    """Run ``vfi interpolate`` with the arguments behind it; the exit code.

    Raises:
        VfiError: something is wrong with the options, the input or the output.
    """
    asked = parse_command_line(COMMAND, arguments)
    if asked.print_config:
        print(asked.config.to_yaml(), end="")
        return 0
    if asked.progress == "json":
        return _with_json(asked.config)
    return _with_bar(asked)


def _with_bar(asked: CommandLine[InterpolateConfig]) -> int:
    """Work with a progress bar, or silently."""
    from vfi.pipeline import interpolate  # not before the options are understood: it takes a while

    if asked.progress == "quiet":
        interpolate(asked.config)
        return 0
    with ProgressBar() as bar:
        report = interpolate(asked.config, progress=bar)
    print(summary(report))
    return 0


def _with_json(config: InterpolateConfig) -> int:
    """Work and tell other programs: one JSON object per line."""
    from vfi.pipeline import interpolate

    def tell(event: str, values: dict[str, object]) -> None:
        print(json.dumps({"event": event, **values}), flush=True)

    try:
        report = interpolate(config, progress=lambda progress: tell("progress", asdict(progress)))
    except (VfiError, KeyboardInterrupt) as error:
        tell("error", {"message": str(error)})
        raise
    tell("done", {**asdict(report), "output": str(report.output)})
    return 0


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
                desc=progress.name, initial=progress.done, unit=" frames", disable=None, dynamic_ncols=True
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


def summary(report: Report) -> str:
    """What was done, in a few lines for people."""
    rate = report.frames_out / report.seconds if report.seconds > 0 else 0
    clips = f"{report.clips} clips, " if report.clips > 1 else ""
    cuts = {0: "no cuts", 1: "1 cut"}.get(report.cuts, f"{report.cuts} cuts")
    first = (
        f"{report.output}: {clips}{report.frames_in} frames became {report.frames_out} in "
        f"{report.seconds:.1f} s ({rate:.1f} per second), {cuts}."
    )
    return "\n".join([first, *report.notes])
