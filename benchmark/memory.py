"""How much memory a model needs, whether it grows, and what tiles change.

    python -m benchmark.memory --model eqvi.stage123 [--checkpoint FILE] [--sizes 1280x720 3840x2160:256]
    python -m benchmark.memory --model sgm.small --options '{points: 1/4}' --windows 1 --tensors [--sizes ...]
    python -m benchmark.memory --model eqvi.stage123 --growth 500
    python -m benchmark.memory --model eqvi.stage123 --seams 256 --input CLIP

A size is WIDTHxHEIGHT, with ``:ROWS`` behind it for tiles of that many rows. Every size runs in a process of
its own through the windows of a short clip; the figure is the largest resident memory of that process, and
what of it came after the model was loaded. With ``--tensors`` it is instead what PyTorch's tensors held at
most, the model and the frames not counted: what a GPU, where the allocator hands out little more than that,
would need beside them. ``--growth`` runs through a long clip of small frames and compares the memory after a
fifth of it with that at its end. ``--seams`` compares tiled with untiled frames. Models with weights run with
random ones where no checkpoint is given: memory does not depend on them, seams do.
"""

from __future__ import annotations

import argparse
import gc
import json
import multiprocessing
import os
import re
import resource
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from itertools import accumulate
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

from torch.profiler import ProfilerActivity, profile

from benchmark.models import ready_model, synthetic_frames
from vfi.base.clip import sliding_windows
from vfi.config.parsers import mapping
from vfi.evaluation.metrics import psnr
from vfi.evaluation.report import table, write_result
from vfi.io import open_source
from vfi.types import Window

WINDOWS = 4
GROWTH_HEIGHT, GROWTH_WIDTH = 64, 96
MEGABYTE = 2**20


class Run(NamedTuple):
    """What is measured: some windows of a clip."""

    model: str
    checkpoint: Path | None
    options: dict[str, Any]
    """The model's own."""
    width: int
    height: int
    tile: int | None
    windows: int

    @classmethod
    def of_size(cls, size: str, options: argparse.Namespace) -> Run:
        """``"3840x2160:256"`` is a size with a tile."""
        found = re.fullmatch(r"(\d+)x(\d+)(?::(\d+))?", size)
        if found is None:
            sys.exit(f"--sizes {size}: WIDTHxHEIGHT or WIDTHxHEIGHT:ROWS is expected")
        width, height, tile = found.groups()
        return cls(
            options.model,
            options.checkpoint,
            options.options,
            int(width),
            int(height),
            int(tile) if tile else None,
            options.windows,
        )

    def prepare(self) -> Callable[[], None]:
        """Load the model and make the frames; the rest of the work."""
        model = ready_model(self.model, self.checkpoint, "cpu", **self.options)
        frames = synthetic_frames(self.height, self.width, self.windows + 1)

        def work() -> None:
            for window in sliding_windows(frames):
                model.interpolate_window(window, [0.5], tile=self.tile)

        return work


def peak_of(run: Run) -> dict[str, int]:
    """Resident memory once everything is loaded, and at most, bytes; called in a process of its own."""
    work = run.prepare()
    gc.collect()
    loaded = resident()
    work()
    return {"loaded": loaded, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}


def tensors_of(run: Run) -> dict[str, int]:
    """What tensors hold at most beside the model and the frames, bytes."""
    work = run.prepare()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True, acc_events=True) as profiler:
        work()
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder, "trace.json")
        profiler.export_chrome_trace(str(trace))
        events = json.loads(trace.read_text(encoding="utf-8"))["traceEvents"]
    changes = [event for event in events if event.get("name") == "[memory]"]
    held = accumulate(event["args"]["Bytes"] for event in sorted(changes, key=itemgetter("ts")))
    return {"tensors": max(held)}


def resident() -> int:
    """Resident memory of this process at present, bytes (Linux)."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def measure_sizes(options: argparse.Namespace) -> dict[str, Any]:
    """The peaks of all sizes asked for."""
    result: dict[str, Any] = {}
    for size in options.sizes:
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
            measure = tensors_of if options.tensors else peak_of
            held = process.submit(measure, Run.of_size(size, options)).result()
        result[size] = held
        megabytes = [f"{number / MEGABYTE:,.0f}" for number in held.values()]
        print(table(["size", *(f"{name}, MB" for name in held)], [[size, *megabytes]]), flush=True)
    return {"options": options.options, "windows": options.windows, "peaks": result}


def measure_growth(options: argparse.Namespace) -> dict[str, Any]:
    """Memory after a fifth of a long clip and at its end."""
    model = ready_model(options.model, options.checkpoint, "cpu")
    frames = synthetic_frames(GROWTH_HEIGHT, GROWTH_WIDTH, 24)
    held: dict[int, int] = {}
    for number in range(1, options.growth - 2):
        keys = range(number - 1, number + 3)
        around = [frames[key % len(frames)] for key in keys]
        model.interpolate_window(Window.from_frames(around, keys), [0.5])
        if number in (options.growth // 5, options.growth - 3):
            gc.collect()
            held[number] = resident()
    before, after = held.values()
    print(f"after a fifth {before / MEGABYTE:,.1f} MB, at the end {after / MEGABYTE:,.1f} MB")
    return {"frames": options.growth, "resident_early": before, "resident_late": after}


def measure_seams(options: argparse.Namespace) -> dict[str, Any]:
    """How far tiled frames are from untiled ones, and from the truth of a clip."""
    model = ready_model(options.model, options.checkpoint, options.device, **options.options)
    with open_source(options.input) as source:
        frames = [frame.image.tensor() for frame, _ in zip(source, range(7), strict=False)]
    window = Window.from_frames(frames[::2])
    whole = model.interpolate_window(window, [0.5])[0].cpu()
    tiled = model.interpolate_window(window, [0.5], tile=options.seams)[0].cpu()
    result = {
        "tile": options.seams,
        "size": [whole.shape[-1], whole.shape[-2]],
        "tiled_against_untiled_psnr": float(psnr(tiled, whole)),
        "untiled_psnr": float(psnr(whole, frames[3])),
        "tiled_psnr": float(psnr(tiled, frames[3])),
    }
    print(table(list(result), [[str(value) for value in result.values()]]))
    return result


def main() -> None:
    """Parse, measure, print, write."""
    parser = argparse.ArgumentParser("python -m benchmark.memory", description="Measure a model's memory.")
    parser.add_argument("--model", default="auto")
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--device", default="cpu", help="for --seams; memory is measured on the CPU")
    parser.add_argument("--sizes", nargs="+", default=["1280x720"], help="WIDTHxHEIGHT or WIDTHxHEIGHT:ROWS")
    parser.add_argument(
        "--options", type=mapping, default={}, help="the model's own, such as '{points: 1/4}'"
    )
    parser.add_argument("--windows", type=int, default=WINDOWS, help="how many pairs of frames, for --sizes")
    parser.add_argument(
        "--tensors", action="store_true", help="count tensors instead of the process's memory"
    )
    parser.add_argument("--growth", type=int, help="run through this many small frames instead")
    parser.add_argument("--seams", type=int, help="compare tiles of this many rows with no tiles instead")
    parser.add_argument("--input", type=Path, help="a clip of seven frames or more, for --seams")
    parser.add_argument("--json", type=Path, help="file for the result")
    options = parser.parse_args()
    if options.seams and not options.input:
        sys.exit("--seams needs an --input")
    measure = measure_growth if options.growth else measure_seams if options.seams else measure_sizes
    write_result(options.json, {"model": options.model, **measure(options)})


if __name__ == "__main__":
    main()
