"""Pairs of frames and models for the tests of SGM-VFI."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from tests.support.golden import clip
from vfi.base.interpolator import Sources
from vfi.models.sgm import SgmInterpolator
from vfi.models.sgm.types import SgmFlow, SgmMotion
from vfi.registry import load_model
from vfi.types import Interpolation, Window


def load(name: str, path: Path) -> SgmInterpolator:
    """A model of the registry, with weights from a file."""
    model = load_model(name, checkpoint=path, device="cpu")
    assert isinstance(model, SgmInterpolator)
    return model


def window_of(start: Tensor, end: Tensor) -> Window:
    """The window of two frames ``[B, C, H, W]``."""
    return Window(start, end)


def pair(height: int, width: int, seed: int = 3) -> Window:
    """Two frames of a clip with one frame between them."""
    frames = clip(3, height, width, seed)
    return window_of(frames[:1], frames[2:])


def windows(frames: Tensor, name: object) -> Iterator[Window]:
    """The windows of a clip, with keys from its name."""
    for i in range(len(frames) - 1):
        yield Window.from_frames([frames[i : i + 1], frames[i + 1 : i + 2]], keys=[(name, i), (name, i + 1)])


def synthesize(
    model: SgmInterpolator, window: Window, t: float, motion: SgmMotion, flow: SgmFlow | None = None
) -> Interpolation:
    """The whole frame at one time, from the motion and, if it is known, the flow of that time."""
    sources = Sources(window, model.prepare(window))
    flow = flow or model.flow_at(motion, at(t))
    return model.synthesize(sources, motion, flow, at(t), window.rows)


def at(t: float) -> Tensor:
    """A time for a batch of one."""
    return torch.tensor([t])
