"""Models for measurements that do not depend on their weights, and clips to run them on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vfi.base.interpolator import Interpolator
from vfi.data.synthetic import Scene
from vfi.registry import find, load_model
from vfi.types import Window


def ready_model(
    name: str, checkpoint: Path | None = None, device: str = "cpu", **options: Any
) -> Interpolator:
    """A model with weights from a file, else with the random ones of its initialisation."""
    spec = find("interpolator", name)
    if checkpoint is not None or spec.checkpoint is None:
        return load_model(name, checkpoint=checkpoint, device=device, **options)
    torch.manual_seed(0)
    model: Interpolator = spec.import_builder()(**options)
    return model.eval().to(device)


def synthetic_frames(height: int, width: int, count: int) -> list[Tensor]:
    """A clip with small and large motion, rotation and occlusion: ``[1, 3, H, W]`` each."""
    scene = Scene.demo(height, width, duration=count / 24)
    return [scene.render(number / 24)[None] for number in range(count)]


def windows(frames: list[Tensor]) -> Iterator[Window]:
    """The windows of a clip as the pipeline makes them: four frames, two at the clip's ends."""
    last = len(frames) - 1
    for i in range(last):
        inner = 0 < i < last - 1
        prev, following = (frames[i - 1], frames[i + 2]) if inner else (None, None)
        yield Window(prev, frames[i], frames[i + 1], following, keys=(i - 1, i, i + 1, i + 2))
