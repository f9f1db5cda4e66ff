"""Quality on real clips: leave frames out, interpolate them, compare; see :mod:`vfi.evaluation.quality`.

    python -m benchmark.quality --data FOLDER [--factor 2] [--model quadratic] [--json FILE]

The model is compared with FFmpeg's ``minterpolate`` and with blending over the frames that all three
interpolated.
``FOLDER`` holds the clips by the names in :data:`CLIPS`.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from vfi.errors import VfiError
from vfi.evaluation.metrics import lpips
from vfi.evaluation.quality import compare_methods, read_clip
from vfi.evaluation.report import table, write_result
from vfi.registry import load_model

Means = dict[str, dict[str, float]]
"""Means of the metrics, by method and metric."""

CLIPS = (
    "val/bedroom.mp4",
    "val/davis_dance-twirl.mkv",
    "val/davis_scooter-black.mkv",
    "val/gopro_drone_coast.mp4",
    "train/davis_dog.mkv",
    "train/davis_kite-surf.mkv",
    "train/davis_parkour.mkv",
    "train/highway_driving.mp4",
    "train/puppy_running_360p.mkv",
    "train/woman_running_512.mp4",
)
"""All four validation clips, and six others whose motion ranges from slow to very fast."""

METHODS = ("model", "minterpolate", "blend")


def _lpips_works() -> bool:
    """Whether LPIPS can be measured here: its package and its weights are optional."""
    black = np.zeros((64, 64, 3), np.uint8)
    try:
        lpips(black, black)
    except VfiError as error:
        print(f"LPIPS is not measured: {error}")
        return False
    return True


def main() -> None:
    """Measure the clips, print a table and write the result."""
    options = build_parser().parse_args()
    with_lpips = _lpips_works()
    model = load_model(options.model)
    clips: dict[str, Means] = {}
    for name in options.clips:
        clip = read_clip(options.data / name, options.factor, options.limit)
        scores = compare_methods(clip, model, with_lpips=with_lpips)
        clips[name] = {method: scores[method].means() for method in METHODS}
        print(f"{name}: " + ", ".join(f"{m} {clips[name][m]['psnr']:.2f} dB" for m in METHODS), flush=True)
    mean = mean_of(list(clips.values()))
    print_tables(clips, mean)
    result: dict[str, Any] = {
        "factor": options.factor,
        "model": options.model,
        "limit": options.limit,
        "lpips": "measured" if with_lpips else "not measured: no weights on this machine",
        "mean": mean,
        "clips": clips,
    }
    write_result(options.json, result)


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmark.quality", description="Compare interpolated frames with true ones."
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with the clips")
    parser.add_argument("--factor", type=int, default=2, help="keep every n-th frame (default 2)")
    parser.add_argument("--model", default="auto")
    parser.add_argument("--clips", nargs="+", default=list(CLIPS), help="paths below --data")
    parser.add_argument("--limit", type=int, help="frames per clip (default all)")
    parser.add_argument("--json", type=Path, help="file for the result")
    return parser


def mean_of(clips: list[Means]) -> Means:
    """Average the metrics over clips, each with the same weight."""
    return {
        method: {metric: fmean(clip[method][metric] for clip in clips) for metric in clips[0][method]}
        for method in METHODS
    }


def print_tables(clips: dict[str, Means], mean: Means) -> None:
    """Print a table with a row per clip and one for the mean, and the model's lead over both baselines."""
    head = ["clip", *(f"{method} PSNR / SSIM" for method in METHODS)]
    rows = [
        [name, *(f"{scores[method]['psnr']:.2f} / {scores[method]['ssim']:.4f}" for method in METHODS)]
        for name, scores in [*clips.items(), ("mean", mean)]
    ]
    print(table(head, rows))
    least = min(clip["model"]["psnr"] - clip["blend"]["psnr"] for clip in clips.values())
    print(f"model - minterpolate, mean PSNR: {mean['model']['psnr'] - mean['minterpolate']['psnr']:+.2f} dB")
    print(f"model - blend, worst clip: {least:+.2f} dB")


if __name__ == "__main__":
    main()
