"""Diagnostics of one interpolated frame: a sheet of its flows, its blend and the model's other maps."""

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
    """An interpolated frame and its sheet of diagnostics."""

    frame: np.ndarray
    """``[H, W, 3]`` uint8 RGB."""
    sheet: Image.Image
    """The two input frames, the interpolated one, and the model's diagnostics, with captions."""


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
        frame_0: Start frame, ``[H, W, 3]`` uint8 RGB, or ``[1, 3, H, W]`` float in [0, 1].
        frame_1: End frame of the same type and size.
        t: Time in (0, 1).
        width: Width of the sheet in pixels.

    Returns:
        The frame and the sheet.

    Raises:
        ValueError: If the arguments are not what :meth:`~vfi.base.interpolator.Interpolator.interpolate`
            requires.
    """
    (start, end), _ = as_tensors([frame_0, frame_1])
    computed = require_interpolator(model).diagnostics(Window(start, end), t)
    maps = {name: value.float().cpu() for name, value in computed.items()}
    frame = as_array(maps["frame"].clamp(0, 1))
    panels = [
        Panel(as_array(start), "Frame 0", "", ACCENTS["plain"]),
        Panel(as_array(end), "Frame 1", "", ACCENTS["plain"]),
        Panel(frame, "New frame", f"t = {t:g}", ACCENTS["ours"]),
        *_flow_panels(maps),
        *_map_panels(maps),
    ]
    rows = [panels[i : i + PANELS_PER_ROW] for i in range(0, len(panels), PANELS_PER_ROW)]
    return Explanation(frame, sheet(rows, width))


def _flow_panels(maps: dict[str, Tensor]) -> list[Panel]:
    """Panels of both flows from the new frame, in colours of one scale."""
    flows = {f"Flow to frame {i}": maps[f"flow_t{i}"] for i in (0, 1) if f"flow_t{i}" in maps}
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


def _map_panels(maps: dict[str, Tensor]) -> list[Panel]:
    """Panels of all one-channel maps; matched positions are drawn on the importance map of their frame."""
    panels: list[Panel] = []
    for name, values in maps.items():
        if values.shape[1] != 1 or name.startswith("points"):
            continue
        fixed = name == "blend"
        top = 1.0 if fixed else max(float(values.max()), 1e-9)
        level = (values[0, 0] * (255 / top)).clamp(0, 255).to(torch.uint8).numpy()
        colored = np.ascontiguousarray(cv2.applyColorMap(level, cv2.COLORMAP_INFERNO)[..., ::-1])
        points = maps.get(name.replace("importance", "points")) if "importance" in name else None
        detail = "brightest: all from frame 0" if fixed else f"brightest: {top:.3g}"
        if points is not None:
            colored = _mark(colored, points[0, 0].numpy() > 0)
            detail = "green: matched over the whole frame"
        panels.append(
            Panel(colored, name.replace("_", " of frame ").capitalize(), detail, ACCENTS["blending"])
        )
    return panels


def _mark(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Tint an image where ``points`` is true."""
    marked = image.copy()
    marked[points] = (marked[points] * 0.4 + np.array(POINT_COLOR) * 0.6).astype(np.uint8)
    return marked
