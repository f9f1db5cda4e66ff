"""``vfi assemble``: encode a folder of images as a video."""

from __future__ import annotations

from collections.abc import Sequence

from vfi.cli.arguments import Command, parse_command_line
from vfi.cli.progress import run
from vfi.config import AssembleConfig
from vfi.jobs.report import ProgressCallback, Report

COMMAND = Command(
    config=AssembleConfig,
    usage="FOLDER [-o OUTPUT] [options]",
    description="Encode a folder of images as a video, or every folder in a folder as a video of its own.",
    examples="""examples:
  vfi assemble frames/ -o film.mp4 --fps 30            the images in natural order, 1 before 2 before 10
  vfi assemble frames/ -o film.mkv --codec ffv1        lossless
  vfi assemble results/ -o films/ --fps 60000/1001     a video of every folder in it
""",
    files=("input",),
    few_files="give one folder",
)


def main(arguments: Sequence[str]) -> int:
    """Run ``vfi assemble`` and return its exit code.

    Args:
        arguments: Arguments after the name of the command.

    Raises:
        VfiError: If the options, the images or the output are unusable.
    """
    asked = parse_command_line(COMMAND, arguments)

    def work(progress: ProgressCallback | None) -> Report:
        from vfi.jobs.assemble import assemble  # slow to import: after the options are checked

        return assemble(asked.config, progress)

    return run(asked, work, lambda report: summary(report, asked.config))


def summary(report: Report, config: AssembleConfig) -> list[str]:
    """Return the lines that summarise a run."""
    films = f"{report.clips} films" if report.clips > 1 else "a film"
    first = (
        f"{report.output}: {report.frames_in} images became {films} of "
        f"{float(report.frames_out / config.fps):.2f} s at {float(config.fps):g} per second."
    )
    return [first, *report.notes]
