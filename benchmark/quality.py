"""How near new frames come to the true ones: leave frames out of real clips, make them again, compare.

    python -m benchmark.quality --data FOLDER [--factor 2] [--model quadratic] [--json FILE]

Of each clip every ``factor``-th frame is kept. Those between are made from them by the model, by FFmpeg's
``minterpolate`` and by blending the neighbours, and compared with the frames left out as 8-bit RGB, over the
frames that all three made. ``FOLDER`` holds the clips by the names in :data:`CLIPS`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import av
import numpy as np

from vfi.base.interpolator import Interpolator
from vfi.errors import InputError, VfiError
from vfi.evaluation.metrics import lpips, psnr, ssim
from vfi.evaluation.minterpolate import minterpolate
from vfi.evaluation.report import table, write_result
from vfi.io import Picture, open_source
from vfi.io.pixels.color import array_from_tensor, tensor_from_array
from vfi.registry import load_model
from vfi.types import Window

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
"""All four validation clips, and six others that range from slow to very fast."""

METHODS = ("model", "minterpolate", "blend")

Frames = dict[int, np.ndarray]
"""uint8 ``[H, W, 3]`` by frame number."""


@dataclass(frozen=True)
class Clip:
    """The kept frames as decoded, and all frames in RGB."""

    kept: list[av.VideoFrame]
    frames: Frames


def read_clip(path: Path, factor: int, limit: int | None) -> Clip:
    """Decode a clip; at most ``limit`` frames."""
    kept: list[av.VideoFrame] = []
    frames: Frames = {}
    with open_source(path) as source:
        for frame in source:
            if limit is not None and frame.index >= limit:
                break
            frames[frame.index] = frame.picture.rgb()
            if frame.index % factor == 0:
                assert frame.picture.frame is not None
                kept.append(frame.picture.frame)
    last = (len(kept) - 1) * factor
    return Clip(kept, {number: rgb for number, rgb in frames.items() if number <= last})


def model_frames(clip: Clip, model: Interpolator, factor: int) -> Frames:
    """The left-out frames as the model makes them, four-frame windows where there are four."""
    numbers = [number for number in clip.frames if number % factor == 0]
    times = [step / factor for step in range(1, factor)]
    tensors = {number: tensor_from_array(clip.frames[number]) for number in numbers}
    made: Frames = {}
    for first in numbers[:-1]:
        around = [first - factor, first, first + factor, first + 2 * factor]
        window = Window(
            tensors.get(around[0]),
            tensors[around[1]],
            tensors[around[2]],
            tensors.get(around[3]),
            keys=(around[0], around[1], around[2], around[3]),
        )
        for step, frame in enumerate(model.interpolate_window(window, times), start=1):
            made[first + step] = array_from_tensor(frame)
    return made


def minterpolate_frames(clip: Clip, factor: int) -> Frames:
    """The left-out frames as FFmpeg makes them."""
    return {
        frame.pts: Picture.from_frame(frame).rgb()
        for frame in minterpolate(clip.kept, factor)
        if frame.pts is not None and frame.pts % factor
    }


def blended_frames(clip: Clip, factor: int) -> Frames:
    """The left-out frames as cross-fades of the kept ones around them."""
    made: Frames = {}
    for number in clip.frames:
        before, step = number - number % factor, number % factor
        if step:
            weight = step / factor
            mixed = (1 - weight) * clip.frames[before] + weight * clip.frames[before + factor]
            made[number] = np.rint(mixed).astype(np.uint8)
    return made


def score(clip: Clip, made: dict[str, Frames], with_lpips: bool) -> dict[str, dict[str, float]]:
    """Mean metrics of each method over the frames that all of them made.

    Raises:
        InputError: If there is no such frame.
    """
    numbers = sorted(set.intersection(*(set(frames) for frames in made.values())) & set(clip.frames))
    if not numbers:
        raise InputError("The clip is too short to compare: minterpolate needs three kept frames.")
    scores: dict[str, dict[str, float]] = {}
    for method, frames in made.items():
        values = [dict(_metrics(frames[number], clip.frames[number], with_lpips)) for number in numbers]
        scores[method] = {name: fmean(value[name] for value in values) for name in values[0]}
    return scores


def _metrics(estimate: np.ndarray, truth: np.ndarray, with_lpips: bool) -> Iterator[tuple[str, float]]:
    yield "psnr", float(psnr(estimate, truth))
    yield "ssim", float(ssim(estimate, truth))
    if with_lpips:
        yield "lpips", float(lpips(estimate, truth))


def _lpips_works() -> bool:
    """Whether LPIPS can be measured here: its package and its weights are optional."""
    picture = np.zeros((64, 64, 3), np.uint8)
    try:
        lpips(picture, picture)
    except VfiError as error:
        print(f"LPIPS is not measured: {error}")
        return False
    return True


def main() -> None:
    """Parse, measure, print, write."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmark.quality", description="Compare new frames with true ones."
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with the clips")
    parser.add_argument("--factor", type=int, default=2, help="keep every n-th frame (default 2)")
    parser.add_argument("--model", default="auto")
    parser.add_argument("--clips", nargs="+", default=list(CLIPS), help="paths below --data")
    parser.add_argument("--limit", type=int, help="frames per clip (default all)")
    parser.add_argument("--json", type=Path, help="file for the result")
    options = parser.parse_args()
    with_lpips = _lpips_works()
    model = load_model(options.model)
    clips: dict[str, dict[str, dict[str, float]]] = {}
    for name in options.clips:
        clip = read_clip(options.data / name, options.factor, options.limit)
        made = {
            "model": model_frames(clip, model, options.factor),
            "minterpolate": minterpolate_frames(clip, options.factor),
            "blend": blended_frames(clip, options.factor),
        }
        clips[name] = score(clip, made, with_lpips)
        print(
            f"{name}: " + ", ".join(f"{method} {clips[name][method]['psnr']:.2f} dB" for method in METHODS),
            flush=True,
        )
    mean = {
        method: {
            metric: fmean(clip[method][metric] for clip in clips.values())
            for metric in clips[next(iter(clips))][method]
        }
        for method in METHODS
    }
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


def print_tables(clips: dict[str, dict[str, dict[str, float]]], mean: dict[str, dict[str, float]]) -> None:
    """One table, a row per clip and the mean, and the two figures of the bar."""
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
