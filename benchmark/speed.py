"""Speed of interpolation: ratios between jobs that run in turn in one process on the same input.

    python -m benchmark.speed [--input CLIP] [--runs 3] [--json FILE]

Two comparisons, each of whole jobs from file to file, with decoding and encoding (H.264, the same encoder and
settings):

* ``vfi`` against FFmpeg's ``minterpolate``, doubling the frame rate: seconds per new frame, and their ratio.
* ``vfi`` with 1, 3 and 7 new frames per pair: the fraction of the cost that is paid once per pair.

Without ``--input`` the clip is synthetic, 854x480. A figure is the median of the runs; the jobs take turns,
so that a change of the machine's speed affects all of them.

Other comparisons:

* ``python -m benchmark.speed against REF``: these sources with those of another commit
  (:mod:`benchmark.against`);
* ``python -m benchmark.speed operators``: the implementations of the operators (:mod:`benchmark.operators`);
* ``python -m benchmark.speed sharing``: a model with an unshared baseline (:mod:`benchmark.sharing`).
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

from benchmark import against, operators, sharing
from benchmark.models import write_synthetic_clip
from vfi.base.interpolator import Interpolator
from vfi.evaluation.baselines import minterpolate
from vfi.evaluation.report import table, write_result
from vfi.interpolation import interpolate_video
from vfi.registry import load_model

HEIGHT, WIDTH, FRAMES, RATE = 480, 854, 48, Fraction(24)
ENCODER = {"crf": "16", "preset": "medium"}
"""Options of libx264 in all jobs."""


def vfi_job(source: Path, output: Path, model: Interpolator, inter_frames: int) -> int:
    """Interpolate a video file with vfi, and return the number of new frames."""
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


def minterpolate_job(source: Path, output: Path, factor: int) -> int:
    """Interpolate a video file with FFmpeg's filter, and return the number of new frames."""
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


def seconds_per_frame(job: Callable[[], int]) -> float:
    """Wall time of one run of a job per new frame."""
    start = time.perf_counter()
    new_frames = job()
    return (time.perf_counter() - start) / new_frames


def measure(jobs: dict[str, Callable[[], int]], runs: int) -> dict[str, list[float]]:
    """Seconds per new frame of each job in each run, after one run of each that does not count."""
    for job in jobs.values():
        job()
    times: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(runs):
        for name, job in jobs.items():
            times[name].append(seconds_per_frame(job))
    return times


def main() -> None:
    """Parse, measure, print, write."""
    others = {"against": against.main, "operators": operators.main, "sharing": sharing.main}
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
        source, output = options.input or Path(folder) / "input.mp4", Path(folder) / "output.mp4"
        if not options.input:
            write_synthetic_clip(source, HEIGHT, WIDTH, FRAMES, RATE)
        jobs = {
            "minterpolate x2": lambda: minterpolate_job(source, output, 2),
            "vfi x2": lambda: vfi_job(source, output, model, 1),
            "vfi x4": lambda: vfi_job(source, output, model, 3),
            "vfi x8": lambda: vfi_job(source, output, model, 7),
        }
        times = measure(jobs, options.runs)
    seconds = {name: median(values) for name, values in times.items()}
    ratios = {name: seconds["minterpolate x2"] / value for name, value in seconds.items()}
    rows = [[name, f"{seconds[name]:.3f}", f"{ratios[name]:.2f}"] for name in jobs]
    print(table(["job", "seconds per new frame", "times as fast as minterpolate x2"], rows))
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


if __name__ == "__main__":
    main()
