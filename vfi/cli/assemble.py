"""``vfi assemble``: make a film of a folder of images."""

from __future__ import annotations

from collections.abc import Sequence

from vfi.cli.arguments import Command, parse_command_line
from vfi.cli.progress import run
from vfi.config import AssembleConfig
from vfi.jobs.report import ProgressCallback, Report

COMMAND = Command(
    config=AssembleConfig,
    usage="FOLDER [-o OUTPUT] [options]",
    description="Make a film of a folder of images, or one of every folder in a folder.",
    examples="""examples:
  vfi assemble frames/ -o film.mp4 --fps 30            the images in natural order, 1 before 2 before 10
  vfi assemble frames/ -o film.mkv --codec ffv1        without any loss
  vfi assemble results/ -o films/ --fps 60000/1001     a film of every folder in it
""",
    files=("input",),
    few_files="give one folder",
)


def main(arguments: Sequence[str]) -> int:
    """Run ``vfi assemble`` with the arguments behind it, and return the exit code.

    Raises:
        VfiError: If something is wrong with the options, the images or the output.
    """
    asked = parse_command_line(COMMAND, arguments)

    def work(progress: ProgressCallback | None) -> Report:
        from vfi.jobs.assemble import assemble  # not before the options are understood: it takes a while

        return assemble(asked.config, progress)

    return run(asked, work, lambda report: summary(report, asked.config))


def summary(report: Report, config: AssembleConfig) -> list[str]:
    """Return what was done, in a few lines for people."""
    films = f"{report.clips} films" if report.clips > 1 else "a film"
    first = (
        f"{report.output}: {report.frames_in} images became {films} of "
        f"{float(report.frames_out / config.fps):.2f} s at {float(config.fps):g} per second."
    )
    return [first, *report.notes]
