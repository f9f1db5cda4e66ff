"""How fast new frames are made: ratios between roads that run in turn in one process, on the same input.

    python -m benchmark.speed [--input CLIP] [--runs 3] [--json FILE]

Two comparisons, each on whole roads from file to file, decoding and encoding (H.264, the same encoder and
settings) included:

* ``vfi`` against FFmpeg's ``minterpolate``, doubling the frame rate: seconds per new frame, and their ratio.
* ``vfi`` with 1, 3 and 7 new frames per pair: how much of the cost is paid once per pair.

Without ``--input`` a synthetic clip of 854x480 is made. A figure is the median of the runs; the roads take
turns, so that a change of the machine's speed meets all of them.

``python -m benchmark.speed operators`` compares the implementations of the operators
(:mod:`benchmark.operators`), ``python -m benchmark.speed sharing`` a network that shares what neighbouring
frames have in common with one that does not (:mod:`benchmark.sharing`).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from statistics import median
from typing import Any

import av

from benchmark import operators, sharing
from vfi.base.interpolator import Interpolator
from vfi.data.synthetic import Scene, write_clip
from vfi.evaluation.baselines import minterpolate
from vfi.evaluation.report import table, write_result
from vfi.interpolation import interpolate_video
from vfi.registry import load_model

HEIGHT, WIDTH, FRAMES, RATE = 480, 854, 48, Fraction(24)
ENCODER = {"crf": "16", "preset": "medium"}
"""Of libx264, for both roads."""


def vfi_road(source: Path, output: Path, model: Interpolator, inter_frames: int) -> int:
    """Interpolate a file with vfi; the number of new frames."""
    report = interpolate_video(
        source,
        output,
        model,
        inter_frames,
        overwrite=True,
        codec="h264",
        quality=float(ENCODER["crf"]),
        preset=ENCODER["preset"],
    )
    return inter_frames * (report.frames_in - 1)


def minterpolate_road(source: Path, output: Path, factor: int) -> int:
    """Interpolate a file with FFmpeg's filter; the number of new frames."""
    new = 0
    with av.open(str(source)) as reader, av.open(str(output), "w") as writer:
        video = reader.streams.video[0]
        video.thread_type = "AUTO"
        rate = (video.average_rate or RATE) * factor
        encoder = writer.add_stream("libx264", rate=rate, options=ENCODER)
        encoder.width, encoder.height, encoder.pix_fmt = video.width, video.height, "yuv420p"
        encoder.codec_context.time_base = 1 / rate
        for frame in minterpolate(reader.decode(video), factor):
            assert frame.pts is not None
            new += frame.pts % factor != 0
            converted = frame.reformat(format="yuv420p")
            converted.pts, converted.time_base = frame.pts, 1 / rate
            writer.mux(encoder.encode(converted))
        writer.mux(encoder.encode(None))
    return new


def seconds_per_frame(road: Callable[[], int]) -> float:
    """Wall time of one run per new frame."""
    start = time.perf_counter()
    new_frames = road()
    return (time.perf_counter() - start) / new_frames


def measure(roads: dict[str, Callable[[], int]], runs: int) -> dict[str, list[float]]:
    """Seconds per new frame of each road in each run, after a run of each that does not count."""
    for road in roads.values():
        road()
    times: dict[str, list[float]] = {name: [] for name in roads}
    for _ in range(runs):
        for name, road in roads.items():
            times[name].append(seconds_per_frame(road))
    return times


def main() -> None:
    """Parse, measure, print, write."""
    others = {"operators": operators.main, "sharing": sharing.main}
    if sys.argv[1:] and sys.argv[1] in others:
        others[sys.argv[1]](sys.argv[2:])
        return
    parser = argparse.ArgumentParser("python -m benchmark.speed", description="Compare speeds as ratios.")
    parser.add_argument("--input", type=Path, help="a video file; default: a synthetic clip of 854x480")
    parser.add_argument("--model", default="auto")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", type=Path, help="file for the result")
    options = parser.parse_args()
    model = load_model(options.model, device=options.device)
    with tempfile.TemporaryDirectory() as folder:
        source, output = options.input or synthetic_clip(Path(folder)), Path(folder) / "output.mp4"
        roads = {
            "minterpolate x2": lambda: minterpolate_road(source, output, 2),
            "vfi x2": lambda: vfi_road(source, output, model, 1),
            "vfi x4": lambda: vfi_road(source, output, model, 3),
            "vfi x8": lambda: vfi_road(source, output, model, 7),
        }
        times = measure(roads, options.runs)
    seconds = {name: median(values) for name, values in times.items()}
    ratios = {name: seconds["minterpolate x2"] / value for name, value in seconds.items()}
    rows = [[name, f"{seconds[name]:.3f}", f"{ratios[name]:.2f}"] for name in roads]
    print(table(["road", "seconds per new frame", "times as fast as minterpolate x2"], rows))
    result: dict[str, Any] = {
        "input": options.input.name if options.input else f"synthetic, {WIDTH}x{HEIGHT}, {FRAMES} frames",
        "model": options.model,
        "model_device": str(model.device),
        "runs": options.runs,
        "seconds_per_new_frame": times,
        "median": seconds,
        "times_as_fast_as_minterpolate": ratios,
    }
    write_result(options.json, result)


def synthetic_clip(folder: Path) -> Path:
    """A clip with small and large motion, rotation and occlusion, made here so that anyone can repeat it."""
    path = folder / "input.mp4"
    scene = Scene.demo(HEIGHT, WIDTH, duration=float(FRAMES / RATE))
    write_clip(path, (scene.render_rgb(float(number / RATE)) for number in range(FRAMES)), RATE)
    return path


if __name__ == "__main__":
    main()
