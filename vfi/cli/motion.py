"""``vfi motion``: how much a data set moves, as numbers, histograms and a list of its harder half."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, median
from typing import TYPE_CHECKING

from vfi.cli.benchmark import progress_bar
from vfi.cli.parser import CommandParser
from vfi.cli.printing import print_lines
from vfi.errors import ConfigError, InputError

if TYPE_CHECKING:
    from vfi.evaluation.motion import Motion

SIZE_MULTIPLE = 64
"""Sides of the frames are padded to multiples of it, which every backbone takes."""
EXAMPLES = """examples:
  vfi motion clips --data my_videos/ --histogram motion.svg
  vfi motion snufilm_hard --data SNU-FILM/ --backbone raft --top-half top-half-hard.txt
  vfi benchmark snufilm_hard --data SNU-FILM/ --list top-half-hard.txt       then measure that half
"""


def main(arguments: Sequence[str]) -> int:
    """Run ``vfi motion`` with the arguments behind it, and return the exit code.

    Raises:
        VfiError: If something is wrong with the arguments, the data set or the output.
    """
    options = build_parser().parse_args(arguments)
    outputs = (options.top_half, options.json, *histogram_paths(options.histogram))
    existing = next((path for path in outputs if path is not None and path.exists()), None)
    if existing is not None and not options.overwrite:
        raise ConfigError(f"{existing} exists already: add --overwrite, or give another name.")
    from vfi.evaluation.motion import measure_motion, top_half, write_list
    from vfi.evaluation.protocols import find_protocol
    from vfi.registry import find, load_flow

    protocol = find_protocol(options.protocol)
    samples = protocol.samples(options.data)[: options.limit]
    if len(samples) < 2:
        raise InputError(f"{options.data} holds a single sample: there is nothing to compare.")
    spec = find("flow", options.backbone)
    estimator = load_flow(spec.name, options.checkpoint, options.device)
    motions: list[Motion] = []
    with progress_bar("motion", hidden=options.quiet) as show:
        for motion in measure_motion(samples, estimator, multiple=SIZE_MULTIPLE):
            motions.append(motion)
            show(len(motions), len(samples))
    print_lines(*summary(motions, spec.name))
    if options.top_half is not None:
        write_list(options.top_half, options.data, top_half(motions))
    if options.histogram is not None:
        write_histogram(options.histogram, motions, protocol.name)
    if options.json is not None:
        write_json(options.json, motions, protocol.name, spec.name)
    return 0


def build_parser() -> argparse.ArgumentParser:
    """The parser of ``vfi motion``."""
    parser = CommandParser(
        prog="vfi motion",
        usage="vfi motion PROTOCOL --data FOLDER [options]",
        description="Measure the motion between the two inputs of each sample of a data set.",
        epilog=EXAMPLES,
    )
    add = parser.add_argument
    add("protocol", metavar="PROTOCOL", help="layout of the data set and its samples, see: vfi benchmark")
    add("--data", type=Path, required=True, metavar="FOLDER", help="the data set, as its archive unpacks")
    add("--limit", type=int, metavar="N", help="only the first N samples")
    add("--backbone", default="auto", metavar="NAME", help="dis, raft, scopeflow, gmflow, ... (default: dis)")
    add("--checkpoint", type=Path, metavar="FILE", help="file with the backbone's weights")
    add("--device", default="auto", metavar="NAME", help="auto, cpu, cuda, cuda:1, ...")
    add("--top-half", type=Path, metavar="FILE", help="write the half with the larger motion as a list")
    add("--histogram", type=Path, metavar="FILE", help="write both statistics as .svg histograms")
    add("--json", type=Path, metavar="FILE", help="write both statistics of every sample")
    add("--overwrite", action="store_true", help="replace existing files")
    add("-q", "--quiet", action="store_true", help="no progress bar")
    return parser


def summary(motions: Sequence[Motion], backbone: str) -> list[str]:
    """The statistics of a data set in two lines.

    Args:
        motions: Motions of its samples.
        backbone: Name of the flow backbone.
    """
    lines = [f"{len(motions)} samples, flow by {backbone}:"]
    for title, values in statistics(motions).items():
        lines.append(
            f"  {title}: {min(values):.2f} to {max(values):.2f} px, "
            f"mean {fmean(values):.2f}, median {median(values):.2f}"
        )
    return lines


def statistics(motions: Sequence[Motion]) -> dict[str, list[float]]:
    """Both statistics of all samples, by their titles."""
    return {
        "mean motion magnitude": [motion.mean for motion in motions],
        "motion sufficiency": [motion.sufficiency for motion in motions],
    }


def histogram_paths(path: Path | None) -> list[Path]:
    """The files of the histograms of both statistics, named after one file; none without it."""
    endings = () if path is None else ("mean", "sufficiency")
    return [path.with_name(f"{path.stem}_{ending}.svg") for ending in endings if path is not None]


def write_histogram(path: Path, motions: Sequence[Motion], data: str) -> None:
    """Write a histogram of each statistic: ``name_mean.svg`` and ``name_sufficiency.svg``.

    Args:
        path: File whose name is extended.
        motions: Motions to draw.
        data: Name of the data set.
    """
    from vfi.visual.histogram import histogram

    for (title, values), file in zip(statistics(motions).items(), histogram_paths(path), strict=True):
        drawn = histogram(values, title=f"{data}: {title}", unit="pixels")
        file.write_text(drawn, encoding="utf-8")


def write_json(path: Path, motions: Sequence[Motion], data: str, backbone: str) -> None:
    """Write the statistics of every sample, with the environment.

    Args:
        path: File, replaced if it exists.
        motions: Motions to write.
        data: Name of the protocol.
        backbone: Name of the flow backbone.
    """
    from vfi.evaluation.report import write_result

    rows = [
        {"sample": motion.sample.name, "mean": motion.mean, "sufficiency": motion.sufficiency}
        for motion in motions
    ]
    write_result(path, {"protocol": data, "backbone": backbone, "rows": rows})
