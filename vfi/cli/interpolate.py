"""``vfi interpolate``: interpolate frames of a video, a folder of images, or two images."""

from __future__ import annotations

from collections.abc import Sequence

from vfi.cli.arguments import Command, parse_command_line
from vfi.cli.progress import run
from vfi.config import InterpolateConfig
from vfi.jobs.report import ProgressCallback, Report

EXAMPLES = """examples:
  vfi interpolate holiday.mp4                          twice the frame rate: holiday_x2.mp4
  vfi interpolate film.mkv -o film60.mkv --fps 60      any frame rate
  vfi interpolate -i film.mkv -y --multi 4             four times the frame rate, replacing film_x4.mkv
  vfi interpolate goal.mp4 --slow-motion 4             four times slower, audio stretched
  vfi interpolate frames/ -o more/ --inter-frames 3    a folder of images
  vfi interpolate first.png second.png -o between/     two images
"""

COMMAND = Command(
    config=InterpolateConfig,
    usage="INPUT [SECOND] [-o OUTPUT] [options]",
    description="Interpolate frames of a video, a folder of images, or two images.",
    examples=EXAMPLES,
    files=("input", "second"),
    few_files="give one input or two images",
)


def main(arguments: Sequence[str]) -> int:
    """Run ``vfi interpolate`` and return its exit code.

    Args:
        arguments: Arguments after the name of the command.

    Raises:
        VfiError: If the options, the input or the output are unusable.
    """
    asked = parse_command_line(COMMAND, arguments)

    def work(progress: ProgressCallback | None) -> Report:
        from vfi.interpolation import interpolate

        return interpolate(asked.config, progress=progress)

    return run(asked, work, summary)


def summary(report: Report) -> list[str]:
    """Return the lines that summarise a run."""
    rate = report.frames_out / report.seconds if report.seconds > 0 else 0
    clips = f"{report.clips} clips, " if report.clips > 1 else ""
    cuts = {0: "no cuts", 1: "1 cut"}.get(report.cuts, f"{report.cuts} cuts")
    first = (
        f"{report.output}: {clips}{report.frames_in} frames became {report.frames_out} in "
        f"{report.seconds:.1f} s ({rate:.1f} per second), {cuts}."
    )
    return [first, *report.notes]
