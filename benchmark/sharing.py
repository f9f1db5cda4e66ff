"""What sharing saves: seconds per new frame against our own unshared baseline, in one run on one clip.

    python -m benchmark.speed sharing [--model eqvi.stage123] [--checkpoint FILE] [--json FILE]

The baseline is built from the model's own parts with all sharing switched off, as the authors' code has it
(``benchmark/original_cost.py``); it costs the same for every new frame, whatever their number. Ours is
measured in the middle of a clip, windows taking turns with the baseline's frames, at 1, 3 and 7 new frames
per pair. The outputs are compared too. Random weights do where none are given: the cost does not depend on
them.

Beside the times stand the multiplications of convolutions, matrix products and attention, counted by
PyTorch: what sharing saves whatever the machine does meanwhile.
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
from benchmark.original_cost import original_eqvi, original_sgm
from vfi.base.clip import sliding_windows
from vfi.base.interpolator import Interpolator
from vfi.evaluation.report import table, write_result
from vfi.types import Window

Original = Callable[[Any, Window, Tensor], Tensor]

ORIGINALS: dict[str, tuple[Original, str]] = {
    "eqvi": (original_eqvi, "448x256"),
    "sgm": (original_sgm, "448x272"),
}
"""What the authors' code of each family does, and the size it is usually asked for."""

INTER_FRAMES = (1, 3, 7)
WARM_WINDOWS = 2
"""At the clip's beginning, before every window finds what its neighbours computed."""

MEASURED_WINDOWS = 3

COUNTED = ("10^9 multiplications", "times fewer")


def main(arguments: Sequence[str]) -> None:
    """Parse, measure, print, write."""
    parser = argparse.ArgumentParser(
        "python -m benchmark.speed sharing", description="Measure what is saved."
    )
    parser.add_argument("--model", default="eqvi.stage123", help="an EQVI or SGM-VFI model")
    parser.add_argument("--checkpoint", type=Path, help="its weights; default: random ones")
    parser.add_argument("--size", help="WIDTHxHEIGHT; default: 448x256, for SGM-VFI 448x272")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path, help="file for the result")
    options = parser.parse_args(arguments)
    family = options.model.partition(".")[0]
    if family not in ORIGINALS:
        parser.error(
            f"there is no cost model of {options.model}: choose one of eqvi.stage123, sgm.small, ..."
        )
    original, usual_size = ORIGINALS[family]
    width, height = map(int, (options.size or usual_size).split("x"))
    result = measure(ready_model(options.model, options.checkpoint, options.device), original, height, width)
    print(table(["new frames per pair", "seconds per new frame", "times as fast", *COUNTED], _rows(result)))
    print("largest and mean difference of the frames:", result["difference"])
    write_result(options.json, {"model": options.model, "size": [width, height], **result})


def _rows(result: dict[str, Any]) -> list[list[str]]:
    """The result as rows of a table."""

    def row(name: str, way: dict[str, Any]) -> list[str]:
        return [
            name,
            f"{way['seconds_per_frame']:.3f}",
            f"{way.get('times_as_fast', 1):.2f}",
            f"{way['multiplications_per_frame'] / 1e9:.1f}",
            f"{way.get('times_fewer_multiplications', 1):.2f}",
        ]

    return [row("unshared baseline", result["baseline"]), *(row(*item) for item in result["shared"].items())]


@torch.inference_mode()
def measure(model: Interpolator, original: Original, height: int, width: int) -> dict[str, Any]:
    """Seconds per new frame of both ways, and how far their frames are apart."""
    count = WARM_WINDOWS + MEASURED_WINDOWS
    frames = [frame.to(model.device) for frame in synthetic_frames(height, width, count + 3)]
    *inner, counted = list(sliding_windows(frames))[: count + 1]
    half = torch.full((1,), 0.5, device=model.device)
    baseline: list[float] = []
    shared: dict[int, list[float]] = {number: [] for number in INTER_FRAMES}
    differences: list[Tensor] = []
    models = {number: copy.deepcopy(model) for number in INTER_FRAMES}  # each with caches of its own
    timed(model.device, original, model, inner[-1], half)  # the first run of anything is slower
    for position, window in enumerate(inner):
        made: dict[int, list[Tensor]] = {}
        for number in INTER_FRAMES:
            seconds, made[number] = timed(
                model.device, models[number].interpolate_window, window, times_of(number)
            )
            if position >= WARM_WINDOWS:
                shared[number].append(seconds / number)
        if position >= WARM_WINDOWS:
            seconds, expected = timed(model.device, original, model, window, half)
            baseline.append(seconds)
            differences += [(frames[len(frames) // 2] - expected).abs().cpu() for frames in made.values()]
    cost = _cost(baseline, multiplications(original, model, counted, half))
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
    """What a new frame costs: seconds of every run and in the middle, and multiplications."""
    return {"seconds_per_frame": median(runs), "multiplications_per_frame": count, "runs": runs}


def _saving(baseline: dict[str, Any], runs: list[float], count: int) -> dict[str, Any]:
    """What a new frame costs, and how many times less that is than the baseline."""
    own = _cost(runs, count)
    return {
        **own,
        "times_as_fast": baseline["seconds_per_frame"] / own["seconds_per_frame"],
        "times_fewer_multiplications": baseline["multiplications_per_frame"] / count,
    }


def times_of(number: int) -> list[float]:
    """So many times, evenly spread."""
    return [(k + 1) / (number + 1) for k in range(number)]


def multiplications(work: Callable[..., Any], *arguments: Any) -> int:
    """Those of a piece of work, in convolutions, matrix products and attention."""
    # Attention is counted where it consists of matrix products.
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        work(*arguments)
    return counter.get_total_flops() // 2


def timed(device: torch.device, work: Callable[..., Any], *arguments: Any) -> tuple[float, Any]:
    """Wall time of a piece of work, and its result; waits for the GPU."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    start = time.perf_counter()
    result = work(*arguments)
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - start, result
