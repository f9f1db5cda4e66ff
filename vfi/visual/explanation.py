"""One new frame, and a sheet of diagnostics: flows, blend, and whatever else the model computes."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from vfi.base.arrays import as_array, as_tensors
from vfi.base.interpolator import Interpolator, require_interpolator
from vfi.types import Window
from vfi.visual.flow_color import flow_to_color
from vfi.visual.panels import ACCENTS, Panel, sheet

WIDTH = 1500
"""Width of the sheet in pixels."""

PANELS_PER_ROW = 3
POINT_COLOR = (80, 255, 120)
"""Colour of matched positions, RGB."""


class Explanation(NamedTuple):
    """A new frame and the sheet that explains it."""

    frame: np.ndarray
    """``[H, W, 3]`` uint8 RGB."""
    picture: Image.Image
    """The two frames, the new one, and the model's diagnostics, with captions."""


def explain(
    model: Interpolator,
    frame_0: np.ndarray | Tensor,
    frame_1: np.ndarray | Tensor,
    t: float = 0.5,
    *,
    width: int = WIDTH,
) -> Explanation:
    """Interpolate between two frames, and draw the diagnostics.

    Args:
        model: Interpolator of the frame.
        frame_0: Frame ``[H, W, 3]`` uint8 RGB, or ``[1, 3, H, W]`` float in [0, 1].
        frame_1: Frame of the same kind and size.
        t: Time in (0, 1).
        width: Width of the sheet in pixels.

    Returns:
        The frame and the sheet.

    Raises:
        ValueError: As for :meth:`~vfi.base.interpolator.Interpolator.interpolate`.
    """
    (start, end), _ = as_tensors([frame_0, frame_1])
    found = require_interpolator(model).diagnostics(Window(start, end), t)
    inside = {name: value.float().cpu() for name, value in found.items()}
    frame = as_array(inside["frame"].clamp(0, 1))
    panels = [
        Panel(as_array(start), "Frame 0", "", ACCENTS["plain"]),
        Panel(as_array(end), "Frame 1", "", ACCENTS["plain"]),
        Panel(frame, "New frame", f"t = {t:g}", ACCENTS["ours"]),
        *_flow_panels(inside),
        *_map_panels(inside),
    ]
    rows = [panels[i : i + PANELS_PER_ROW] for i in range(0, len(panels), PANELS_PER_ROW)]
    return Explanation(frame, sheet(rows, width))


def _flow_panels(inside: dict[str, Tensor]) -> list[Panel]:
    """Both flows from the new frame, in colours of one scale."""
    flows = {f"Flow to frame {i}": inside[f"flow_t{i}"] for i in (0, 1) if f"flow_t{i}" in inside}
    if not flows:
        return []
    largest = max(float(flow.norm(dim=1).max()) for flow in flows.values())
    return [
        Panel(
            as_array(flow_to_color(flow, largest=max(largest, 1.0))),
            title,
            f"brightest: {largest:.0f} px",
            ACCENTS["truth"],
        )
        for title, flow in flows.items()
    ]


def _map_panels(inside: dict[str, Tensor]) -> list[Panel]:
    """Everything that has one channel; positions that were chosen lie over the map of the same frame."""
    panels: list[Panel] = []
    for name, values in inside.items():
        if values.shape[1] != 1 or name.startswith("points"):
            continue
        fixed = name == "blend"
        top = 1.0 if fixed else max(float(values.max()), 1e-9)
        level = (values[0, 0] * (255 / top)).clamp(0, 255).to(torch.uint8).numpy()
        picture = np.ascontiguousarray(cv2.applyColorMap(level, cv2.COLORMAP_INFERNO)[..., ::-1])
        points = inside.get(name.replace("importance", "points")) if "importance" in name else None
        detail = "brightest: all from frame 0" if fixed else f"brightest: {top:.3g}"
        if points is not None:
            picture = _mark(picture, points[0, 0].numpy() > 0)
            detail = "green: matched over the whole frame"
        panels.append(
            Panel(picture, name.replace("_", " of frame ").capitalize(), detail, ACCENTS["blending"])
        )
    return panels


def _mark(picture: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Tint the positions."""
    marked = picture.copy()
    marked[points] = (marked[points] * 0.4 + np.array(POINT_COLOR) * 0.6).astype(np.uint8)
    return marked
