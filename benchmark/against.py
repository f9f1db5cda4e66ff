"""Speed and peak memory of these sources against those of another commit, in one run on the same clips.

    python -m benchmark.speed against REF [--runs 5] [--models quadratic sgm.small ...] [--json FILE]

The sources of REF are checked out to a temporary git worktree. Each job is a whole ``python -m vfi
interpolate`` from file to file in a process of its own, with one of the two source trees first on the path
and the packages of this environment. Both trees take turns, and change their order after every run, so that a
change of the machine's speed affects both. A ratio is the median over the runs of these sources divided by
REF: below 1 these sources are faster or need less memory. Models with weights run with random ones.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import torch

from benchmark.models import ready_model, write_synthetic_clip
from vfi.errors import VfiError
from vfi.evaluation.report import write_result
from vfi.registry import find

REPOSITORY = Path(__file__).resolve().parents[1]
RATE = Fraction(24)


class ClipSize(NamedTuple):
    """Size of a synthetic clip in pixels, and its number of frames."""

    height: int
    width: int
    frames: int


CLIPS = {
    "quadratic": ClipSize(480, 854, 24),
    "eqvi.stage123": ClipSize(128, 192, 9),
    "sgm.small": ClipSize(256, 448, 6),
}
"""Clip of each model that is compared, about ten seconds of work for one job."""


class Cost(NamedTuple):
    """Wall time of a process in seconds, and its peak resident memory in bytes."""

    seconds: float
    peak_bytes: int


class Job(NamedTuple):
    """Interpolation of a clip by a model, from file to file."""

    model: str
    source: Path
    checkpoint: Path | None

    def run(self, tree: Path, output: Path) -> Cost:
        """Run the job with the sources of a tree.

        Args:
            tree: Top folder of the sources.
            output: Video file to write.

        Returns:
            The cost of the process.

        Raises:
            VfiError: If the job fails.
        """
        weights = ["--checkpoint", str(self.checkpoint)] if self.checkpoint else []
        command = [sys.executable, "-m", "vfi", "interpolate", str(self.source), "-o", str(output)]
        command += ["--model", self.model, *weights, "--device", "cpu", "--overwrite", "--quiet"]
        path = os.pathsep.join(filter(None, (str(tree), os.environ.get("PYTHONPATH"))))
        with tempfile.TemporaryFile("w+", encoding="utf-8") as messages:
            start = time.perf_counter()
            process = subprocess.Popen(
                command, cwd=tree, env={**os.environ, "PYTHONPATH": path}, stdout=messages, stderr=messages
            )
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - start
            process.returncode = os.waitstatus_to_exitcode(status)
            messages.seek(0)
            if process.returncode:
                raise VfiError(f"{self.model} failed with the sources in {tree}: {messages.read()[-2000:]}")
        return Cost(seconds, usage.ru_maxrss * 1024)


@contextmanager
def checkout(reference: str) -> Iterator[Path]:
    """Check out a commit to a temporary worktree, and remove it afterwards.

    Args:
        reference: Commit, branch or tag of this repository.

    Yields:
        The top folder of the worktree.

    Raises:
        VfiError: If there is no such commit.
    """
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder, "reference")
        added = _git("worktree", "add", "--detach", str(tree), f"{reference}^{{commit}}")
        if added.returncode:
            raise VfiError(f"{reference} cannot be checked out: {added.stderr.strip()}")
        try:
            yield tree
        finally:
            _git("worktree", "remove", "--force", str(tree))


def _git(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *arguments], cwd=REPOSITORY, capture_output=True, text=True)


def prepare(model: str, clip: ClipSize, folder: Path) -> Job:
    """Write the clip and, for a model with weights, a checkpoint of random ones to a folder."""
    source, checkpoint = folder / f"{model}.mp4", None
    write_synthetic_clip(source, clip.height, clip.width, clip.frames, RATE)
    if find("interpolator", model).checkpoint is not None:
        checkpoint = folder / f"{model}.pt"
        torch.save(ready_model(model).state_dict(), checkpoint)
    return Job(model, source, checkpoint)


def compare(job: Job, reference: Path, runs: int) -> dict[str, Any]:
    """Costs of a job with both source trees, and their ratios.

    Args:
        job: Job to run.
        reference: Top folder of the sources to compare with.
        runs: Number of runs with each tree, after one that does not count.

    Returns:
        Costs of all runs and median ratios, as JSON values.
    """
    trees = {"reference": reference, "here": REPOSITORY}
    costs: dict[str, list[Cost]] = {name: [] for name in trees}
    for run in range(runs + 1):
        for name in sorted(trees, reverse=run % 2 == 0):
            cost = job.run(trees[name], job.source.with_name(f"{job.model}_{name}.mp4"))
            if run:
                costs[name].append(cost)
    pairs = list(zip(costs["here"], costs["reference"], strict=True))
    return {
        "time_ratio": median(here.seconds / other.seconds for here, other in pairs),
        "memory_ratio": median(here.peak_bytes / other.peak_bytes for here, other in pairs),
        "costs": {name: [cost._asdict() for cost in of_tree] for name, of_tree in costs.items()},
    }


def measure(reference: str, clips: Mapping[str, ClipSize], runs: int) -> dict[str, Any]:
    """Result of :func:`compare` for each model with a clip of its size, as JSON values."""
    with tempfile.TemporaryDirectory() as folder, checkout(reference) as tree:
        models = {
            model: {"clip": clip._asdict(), **compare(prepare(model, clip, Path(folder)), tree, runs)}
            for model, clip in clips.items()
        }
    return {"reference": reference, "runs": runs, "models": models}


def main(arguments: Sequence[str]) -> None:
    """Parse, measure, print, write."""
    parser = argparse.ArgumentParser(
        "python -m benchmark.speed against", description="Compare these sources with another commit."
    )
    parser.add_argument("reference", metavar="REF", help="a commit, branch or tag")
    parser.add_argument("--models", nargs="+", choices=CLIPS, default=list(CLIPS), metavar="MODEL")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", type=Path, help="file for the result")
    options = parser.parse_args(arguments)
    if options.runs < 1:
        parser.error(f"--runs must be 1 or more, not {options.runs}")
    try:
        result = measure(options.reference, {name: CLIPS[name] for name in options.models}, options.runs)
    except VfiError as error:
        sys.exit(f"error: {error}")
    print(json.dumps(result, indent=1))
    write_result(options.json, result)
