"""Pairs of frames, and models to show them to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from tests.support.golden_recipe import synthetic_frames
from vfi.base.interpolator import Sources
from vfi.models.sgm import SgmInterpolator
from vfi.registry import load_model
from vfi.types import Interpolation, Window


def load(name: str, path: Path) -> SgmInterpolator:
    """A model of the registry, with weights from a file."""
    model = load_model(name, checkpoint=path, device="cpu")
    assert isinstance(model, SgmInterpolator)
    return model


def clip(count: int, height: int, width: int, seed: int = 3) -> Tensor:
    """Synthetic frames ``[count, 3, H, W]``."""
    frames = torch.from_numpy(synthetic_frames(count, height, width, seed))
    return frames.permute(0, 3, 1, 2).float() / 255


def window_of(start: Tensor, end: Tensor) -> Window:
    """Two frames ``[B, C, H, W]``, by themselves."""
    return Window(start, end)


def pair(height: int, width: int, seed: int = 3) -> Window:
    """Two frames as they are two apart in a clip."""
    frames = clip(3, height, width, seed)
    return window_of(frames[:1], frames[2:])


def windows(frames: Tensor, name: object) -> Iterator[Window]:
    """The windows of a clip of this name, as a pipeline passes them."""
    for i in range(len(frames) - 1):
        yield Window.from_frames([frames[i : i + 1], frames[i + 1 : i + 2]], keys=[(name, i), (name, i + 1)])


def synthesize(model: SgmInterpolator, window: Window, t: float) -> Interpolation:
    """The whole frame at one time, at the scale of the model's settings, step by step."""
    motion = model.estimate_motion(window)
    sources = Sources(window, model.prepare(window))
    return model.synthesize(sources, motion, model.flow_at(motion, at(t)), at(t), window.rows)


def at(t: float) -> Tensor:
    """A time for a batch of one."""
    return torch.tensor([t])
