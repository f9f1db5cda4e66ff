"""Peak memory of a model at several frame sizes, each in a process of its own.

    python -m benchmark.memory --model eqvi.stage123 [--checkpoint FILE] [--sizes 1280x720 3840x2160:256]
    python -m benchmark.memory --model sgm.small --options '{points: 1/4}' --windows 1 --tensors [--sizes ...]

A size is WIDTHxHEIGHT, followed by ``:ROWS`` for tiles of that many rows. The process interpolates the
windows of a short clip; the result is its peak resident memory, and the resident memory after the model was
loaded. With ``--tensors`` it is the peak memory of PyTorch's tensors without model and frames: the GPU memory
that is needed beside them, because there the allocator adds little. Without a checkpoint the weights are
random: memory does not depend on them.
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

from benchmark.models import model_parser, ready_model, synthetic_frames
from vfi.base.clip import sliding_windows
from vfi.evaluation.report import table, write_result

WINDOWS = 4
MEGABYTE = 2**20


class Run(NamedTuple):
    """The model, its options, and the windows that a process interpolates."""

    model: str
    checkpoint: Path | None
    options: dict[str, Any]
    width: int
    height: int
    tile: int | None
    windows: int

    @classmethod
    def of_size(cls, size: str, options: argparse.Namespace) -> Run:
        """The run for a size such as ``"3840x2160:256"`` and the options of the command line."""
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
        """Load the model and render the frames, and return the function that interpolates them."""
        model = ready_model(self.model, self.checkpoint, "cpu", **self.options)
        frames = synthetic_frames(self.height, self.width, self.windows + 1)

        def interpolate() -> None:
            for window in sliding_windows(frames):
                model.interpolate_window(window, [0.5], tile=self.tile)

        return interpolate


def peak_of(run: Run) -> dict[str, int]:
    """Resident memory of this process after loading, and its peak, in bytes; for a process of its own."""
    interpolate = run.prepare()
    gc.collect()
    loaded = resident()
    interpolate()
    return {"loaded": loaded, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}


def tensors_of(run: Run) -> dict[str, int]:
    """Peak memory of tensors other than those of the model and the frames, in bytes."""
    interpolate = run.prepare()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True, acc_events=True) as profiler:
        interpolate()
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder, "trace.json")
        profiler.export_chrome_trace(str(trace))
        events = json.loads(trace.read_text(encoding="utf-8"))["traceEvents"]
    changes = [event for event in events if event.get("name") == "[memory]"]
    return {
        "tensors": max(accumulate(event["args"]["Bytes"] for event in sorted(changes, key=itemgetter("ts"))))
    }


def resident() -> int:
    """Present resident memory of this process in bytes (Linux)."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    """Parse, measure, print, write."""
    parser = model_parser("memory", "Measure the peak memory of a model on the CPU.")
    parser.add_argument("--sizes", nargs="+", default=["1280x720"], help="WIDTHxHEIGHT or WIDTHxHEIGHT:ROWS")
    parser.add_argument("--windows", type=int, default=WINDOWS, help="number of pairs of frames")
    parser.add_argument(
        "--tensors", action="store_true", help="measure the memory of tensors instead of the process's"
    )
    options = parser.parse_args()
    peaks: dict[str, dict[str, int]] = {}
    for size in options.sizes:
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
            measure = tensors_of if options.tensors else peak_of
            peaks[size] = process.submit(measure, Run.of_size(size, options)).result()
        megabytes = [f"{number / MEGABYTE:,.0f}" for number in peaks[size].values()]
        print(table(["size", *(f"{name}, MB" for name in peaks[size])], [[size, *megabytes]]), flush=True)
    result = {"model": options.model, "options": options.options, "windows": options.windows, "peaks": peaks}
    write_result(options.json, result)


if __name__ == "__main__":
    main()
