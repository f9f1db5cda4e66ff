"""Models for measurements that do not depend on their weights, and clips to run them on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vfi.base.interpolator import Interpolator
from vfi.data.synthetic import Scene
from vfi.registry import find, load_model


def ready_model(
    name: str, checkpoint: Path | None = None, device: str = "cpu", **options: Any
) -> Interpolator:
    """A model with weights from a file, else with the random ones of its initialization."""
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
