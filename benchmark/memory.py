"""How much memory a model needs, whether it grows, and what tiles change.

    python -m benchmark.memory --model eqvi.stage123 [--checkpoint FILE] [--sizes 1280x720 3840x2160:256]
    python -m benchmark.memory --model eqvi.stage123 --growth 500
    python -m benchmark.memory --model eqvi.stage123 --seams 256 --input CLIP

A size is WIDTHxHEIGHT, with ``:ROWS`` behind it for tiles of that many rows. Every size runs in a process of
its own through the windows of a short clip; the figure is the largest resident memory of that process, and
what of it came after the model was loaded. ``--growth`` runs through a long clip of small frames and compares
the memory after a fifth of it with that at its end. ``--seams`` compares tiled with untiled frames. Models
with weights run with random ones where no checkpoint is given: memory does not depend on them, seams do.
"""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import os
import resource
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from benchmark.models import ready_model, synthetic_frames, windows
from benchmark.report import table, write_result
from vfi.io import open_source
from vfi.metrics import psnr
from vfi.types import Window

CLIP_FRAMES = 5
GROWTH_HEIGHT, GROWTH_WIDTH = 64, 96
MEGABYTE = 2**20


class Peak(NamedTuple):
    """Resident memory of a process, bytes."""

    loaded: int
    """After the model was loaded."""
    peak: int
    """At most."""


def peak_of(name: str, checkpoint: Path | None, width: int, height: int, tile: int | None) -> Peak:
    """Run through a short clip; called in a process of its own."""
    model = ready_model(name, checkpoint, "cpu")
    frames = synthetic_frames(height, width, CLIP_FRAMES)
    gc.collect()
    loaded = resident()
    for window in windows(frames):
        model.interpolate_window(window, [0.5], tile=tile)
    return Peak(loaded, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


def resident() -> int:
    """Resident memory of this process at present, bytes (Linux)."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def measure_sizes(options: argparse.Namespace) -> dict[str, Any]:
    """The peaks of all sizes asked for."""
    result: dict[str, Any] = {}
    rows: list[list[str]] = []
    for size in options.sizes:
        dimensions, _, tile = size.partition(":")
        width, height = map(int, dimensions.split("x"))
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
            arguments = (options.model, options.checkpoint, width, height, int(tile) if tile else None)
            peak = process.submit(peak_of, *arguments).result()
        result[size] = {"loaded": peak.loaded, "peak": peak.peak}
        used = (peak.peak - peak.loaded) / MEGABYTE
        rows.append([size, f"{peak.peak / MEGABYTE:,.0f}", f"{used:,.0f}"])
        print(table(["size", "peak, MB", "of it after loading, MB"], rows[-1:]), flush=True)
    return {"peaks": result}


def measure_growth(options: argparse.Namespace) -> dict[str, Any]:
    """Memory after a fifth of a long clip and at its end."""
    model = ready_model(options.model, options.checkpoint, "cpu")
    frames = synthetic_frames(GROWTH_HEIGHT, GROWTH_WIDTH, 24)
    held: dict[int, int] = {}
    for number in range(1, options.growth - 2):
        i = [(number + offset) % len(frames) for offset in (-1, 0, 1, 2)]
        keys = (number - 1, number, number + 1, number + 2)
        model.interpolate_window(Window(*(frames[j] for j in i), keys=keys), [0.5])
        if number in (options.growth // 5, options.growth - 3):
            gc.collect()
            held[number] = resident()
    early, late = held.values()
    print(f"after a fifth {early / MEGABYTE:,.1f} MB, at the end {late / MEGABYTE:,.1f} MB")
    return {"frames": options.growth, "resident_early": early, "resident_late": late}


def measure_seams(options: argparse.Namespace) -> dict[str, Any]:
    """How far tiled frames are from untiled ones, and from the truth of a clip."""
    model = ready_model(options.model, options.checkpoint, options.device)
    with open_source(options.input) as source:
        frames = [frame.picture.tensor() for frame, _ in zip(source, range(7), strict=False)]
    window = Window(frames[0], frames[2], frames[4], frames[6])
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
