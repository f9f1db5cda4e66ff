"""EQVI's sharing: seconds per new frame against the cost of the authors' way, in one run on the same frames.

    python -m benchmark.speed eqvi [--checkpoint FILE] [--size 448x256] [--device cpu] [--json FILE]

The baseline is built from the same parts with all sharing switched off (``benchmark/original_cost.py``); it
costs the same for every new frame, whatever their number. Ours is measured in the middle of a clip, windows
taking turns with the baseline's frames, at 1, 3 and 7 new frames per pair. The outputs are compared too.
Random weights do where none are given: the cost does not depend on them.
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

from benchmark.models import ready_model, synthetic_frames, windows
from benchmark.original_cost import original_eqvi
from benchmark.report import table, write_result
from vfi.models.eqvi import EqviInterpolator

INTER_FRAMES = (1, 3, 7)
WARM_WINDOWS = 2
"""At the clip's beginning, before every window finds what its neighbours computed."""

MEASURED_WINDOWS = 3


def main(arguments: Sequence[str]) -> None:
    """Parse, measure, print, write."""
    parser = argparse.ArgumentParser("python -m benchmark.speed eqvi", description="Measure EQVI's sharing.")
    parser.add_argument("--checkpoint", type=Path, help="a file of eqvi.stage123; default: random weights")
    parser.add_argument("--size", default="448x256")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path, help="file for the result")
    options = parser.parse_args(arguments)
    width, height = map(int, options.size.split("x"))
    model = ready_model("eqvi.stage123", options.checkpoint, options.device)
    assert isinstance(model, EqviInterpolator)
    result = measure(model, height, width)
    rows = [
        [name, f"{row['seconds_per_frame']:.3f}", f"{row['times_as_fast']:.2f}"]
        for name, row in result["shared"].items()
    ]
    baseline = ["the authors' way", f"{result['baseline']['seconds_per_frame']:.3f}", "1"]
    print(table(["new frames per pair", "seconds per new frame", "times as fast"], [baseline, *rows]))
    print("largest and mean difference of the frames:", result["difference"])
    write_result(options.json, {"model": "eqvi.stage123", "size": [width, height], **result})


@torch.inference_mode()
def measure(model: EqviInterpolator, height: int, width: int) -> dict[str, Any]:
    """Seconds per new frame of both ways, and how far their frames are apart."""
    count = WARM_WINDOWS + MEASURED_WINDOWS + 2
    frames = [frame.to(model.device) for frame in synthetic_frames(height, width, count)]
    inner = list(windows(frames))[: WARM_WINDOWS + MEASURED_WINDOWS]
    half = torch.full((1,), 0.5, device=model.device)
    baseline: list[float] = []
    shared: dict[int, list[float]] = {number: [] for number in INTER_FRAMES}
    differences: list[Tensor] = []
    models = {number: copy.deepcopy(model) for number in INTER_FRAMES}  # each with caches of its own
    timed(model.device, original_eqvi, model, inner[-1], half)  # the first run of anything is slower
    for position, window in enumerate(inner):
        made: dict[int, list[Tensor]] = {}
        for number in INTER_FRAMES:
            seconds, made[number] = timed(
                model.device, models[number].interpolate_window, window, times_of(number)
            )
            if position >= WARM_WINDOWS:
                shared[number].append(seconds / number)
        if position >= WARM_WINDOWS:
            seconds, expected = timed(model.device, original_eqvi, model, window, half)
            baseline.append(seconds)
            differences += [(frames[len(frames) // 2] - expected).abs().cpu() for frames in made.values()]
    cost = median(baseline)
    difference = torch.stack(differences)
    return {
        "baseline": {"seconds_per_frame": cost, "runs": baseline},
        "shared": {
            str(number): {
                "seconds_per_frame": median(runs),
                "times_as_fast": cost / median(runs),
                "runs": runs,
            }
            for number, runs in shared.items()
        },
        "difference": {"largest": float(difference.max()), "mean": float(difference.mean())},
    }


def times_of(number: int) -> list[float]:
    """So many times, evenly spread."""
    return [(k + 1) / (number + 1) for k in range(number)]


def timed(device: torch.device, work: Callable[..., Any], *arguments: Any) -> tuple[float, Any]:
    """Wall time of a piece of work, and its result; waits for the GPU."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    start = time.perf_counter()
    result = work(*arguments)
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - start, result
