"""Savings by sharing: time and multiplications per new frame, against an unshared baseline, on one clip.

    python -m benchmark.speed sharing [--model eqvi.stage123] [--checkpoint FILE] [--json FILE]

The unshared baseline (:mod:`benchmark.unshared`) is built from the parts of the same model; its cost per new
frame does not depend on their number. The model is measured in the middle of the clip at 1, 3 and 7 new
frames per pair, in turn with the baseline, and the frames of both are compared. Without a checkpoint the
weights are random: the cost does not depend on them.

PyTorch counts the multiplications of convolutions, matrix products and attention, a figure that does not
depend on the load of the machine.
"""

from __future__ import annotations

import argparse
import copy
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from benchmark.models import ready_model, synthetic_frames
from benchmark.unshared import unshared_eqvi, unshared_sgm
from vfi.base.clip import sliding_windows
from vfi.base.interpolator import Interpolator
from vfi.evaluation.report import table, write_result
from vfi.types import Window

Baseline = Callable[[Any, Window, Tensor], Tensor]

BASELINES: dict[str, tuple[Baseline, str]] = {
    "eqvi": (unshared_eqvi, "448x256"),
    "sgm": (unshared_sgm, "448x272"),
}
"""Unshared baseline of each family, and the usual size of its frames."""

INTER_FRAMES = (1, 3, 7)
WARM_WINDOWS = 2
"""Windows at the beginning of the clip, which find no results of their neighbours in the cache."""

MEASURED_WINDOWS = 3

COUNTED = ("10^9 multiplications", "times fewer")


def main(arguments: Sequence[str]) -> None:
    """Parse, measure, print, write."""
    parser = argparse.ArgumentParser(
        "python -m benchmark.speed sharing", description="Measure the savings by sharing."
    )
    parser.add_argument("--model", default="eqvi.stage123", help="an EQVI or SGM-VFI model")
    parser.add_argument("--checkpoint", type=Path, help="its weights; default: random ones")
    parser.add_argument("--size", help="WIDTHxHEIGHT; default: 448x256, for SGM-VFI 448x272")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path, help="file for the result")
    options = parser.parse_args(arguments)
    family = options.model.partition(".")[0]
    if family not in BASELINES:
        parser.error(f"there is no unshared baseline of {options.model}: choose an eqvi or sgm model")
    baseline, usual_size = BASELINES[family]
    width, height = map(int, (options.size or usual_size).split("x"))
    result = measure(ready_model(options.model, options.checkpoint, options.device), baseline, height, width)
    print(table(["new frames per pair", "seconds per new frame", "times as fast", *COUNTED], _rows(result)))
    print("difference of the frames:", result["difference"])
    write_result(options.json, {"model": options.model, "size": [width, height], **result})


def _rows(result: dict[str, Any]) -> list[list[str]]:
    """The result as rows of a table."""

    def row(name: str, cost: dict[str, Any]) -> list[str]:
        return [
            name,
            f"{cost['seconds_per_frame']:.3f}",
            f"{cost.get('times_as_fast', 1):.2f}",
            f"{cost['multiplications_per_frame'] / 1e9:.1f}",
            f"{cost.get('times_fewer_multiplications', 1):.2f}",
        ]

    return [row("unshared baseline", result["baseline"]), *(row(*item) for item in result["shared"].items())]


@torch.inference_mode()
def measure(model: Interpolator, unshared: Baseline, height: int, width: int) -> dict[str, Any]:
    """Cost per new frame of a model and of its unshared baseline, and the difference of their frames."""
    count = WARM_WINDOWS + MEASURED_WINDOWS
    frames = [frame.to(model.device) for frame in synthetic_frames(height, width, count + 3)]
    *inner, counted = list(sliding_windows(frames))[: count + 1]
    half = torch.full((1,), 0.5, device=model.device)
    baseline: list[float] = []
    shared: dict[int, list[float]] = {number: [] for number in INTER_FRAMES}
    differences: list[Tensor] = []
    models = {number: copy.deepcopy(model) for number in INTER_FRAMES}  # each with its own caches
    timed(model.device, unshared, model, inner[-1], half)  # the first run is slower
    for position, window in enumerate(inner):
        new: dict[int, list[Tensor]] = {}
        for number in INTER_FRAMES:
            seconds, new[number] = timed(
                model.device, models[number].interpolate_window, window, times_of(number)
            )
            if position >= WARM_WINDOWS:
                shared[number].append(seconds / number)
        if position >= WARM_WINDOWS:
            seconds, expected = timed(model.device, unshared, model, window, half)
            baseline.append(seconds)
            differences += [(group[len(group) // 2] - expected).abs().cpu() for group in new.values()]
    cost = _cost(baseline, multiplications(unshared, model, counted, half))
    difference = torch.stack(differences)
    return {
        "baseline": cost,
        "shared": {
            str(number): _saving(
                cost,
                shared[number],
                multiplications(models[number].interpolate_window, counted, times_of(number)) // number,
            )
            for number in INTER_FRAMES
        },
        "difference": {"largest": float(difference.max()), "mean": float(difference.mean())},
    }


def _cost(runs: list[float], count: int) -> dict[str, Any]:
    """Cost of a new frame: seconds of every run and their median, and multiplications."""
    return {"seconds_per_frame": median(runs), "multiplications_per_frame": count, "runs": runs}


def _saving(baseline: dict[str, Any], runs: list[float], count: int) -> dict[str, Any]:
    """Cost of a new frame, and the ratio of the baseline's cost to it."""
    own = _cost(runs, count)
    return {
        **own,
        "times_as_fast": baseline["seconds_per_frame"] / own["seconds_per_frame"],
        "times_fewer_multiplications": baseline["multiplications_per_frame"] / count,
    }


def times_of(number: int) -> list[float]:
    """The t of ``number`` new frames, evenly spaced in (0, 1)."""
    return [(k + 1) / (number + 1) for k in range(number)]


def multiplications(work: Callable[..., Any], *arguments: Any) -> int:
    """Number of multiplications of a call, in convolutions, matrix products and attention."""
    # Attention is counted only if it is computed by matrix products.
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        work(*arguments)
    return counter.get_total_flops() // 2


def timed(device: torch.device, work: Callable[..., Any], *arguments: Any) -> tuple[float, Any]:
    """Wall time of a call in seconds, including the work it queues on the GPU, and its result."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    start = time.perf_counter()
    result = work(*arguments)
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - start, result
