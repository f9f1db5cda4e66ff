"""Models, clips and options that several measurements use."""

from __future__ import annotations

import argparse
from fractions import Fraction
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vfi.base.interpolator import Interpolator
from vfi.config.parsers import mapping
from vfi.data.synthetic import Scene, write_clip
from vfi.registry import find, load_model


def ready_model(
    name: str, checkpoint: Path | None = None, device: str = "cpu", **options: Any
) -> Interpolator:
    """A model with the weights of a checkpoint, or without one with random initial weights."""
    spec = find("interpolator", name)
    if checkpoint is not None or spec.checkpoint is None:
        return load_model(name, checkpoint=checkpoint, device=device, **options)
    torch.manual_seed(0)
    model: Interpolator = spec.import_builder()(**options)
    return model.eval().to(device)


def synthetic_frames(height: int, width: int, count: int) -> list[Tensor]:
    """Frames ``[1, 3, H, W]`` of a clip with small and large motion, rotation and occlusion."""
    scene = Scene.demo(height, width, duration=count / 24)
    return [scene.render(number / 24)[None] for number in range(count)]


def write_synthetic_clip(path: Path, height: int, width: int, count: int, rate: Fraction) -> None:
    """Write the frames of the same scene at another frame rate as a video file."""
    scene = Scene.demo(height, width, duration=float(count / rate))
    write_clip(path, (scene.render_rgb(float(number / rate)) for number in range(count)), rate)


def model_parser(program: str, description: str) -> argparse.ArgumentParser:
    """Command line of a measurement of one model: the model, its weights, its options, the result."""
    parser = argparse.ArgumentParser(f"python -m benchmark.{program}", description=description)
    parser.add_argument("--model", default="auto")
    parser.add_argument("--checkpoint", type=Path, help="weights of the model; default: random ones")
    parser.add_argument(
        "--options", type=mapping, default={}, help="options of the model, such as '{points: 1/4}'"
    )
    parser.add_argument("--json", type=Path, help="file for the result")
    return parser
