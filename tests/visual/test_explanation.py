"""The sheet of diagnostics of an interpolated frame."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.support.fakes import Blender, scene_array
from vfi.base.interpolator import Sources
from vfi.registry import load_model
from vfi.types import InputSpec, Interpolation, SizeRequirement, Window
from vfi.visual.explanation import POINT_COLOR, explain

FRAMES = (scene_array(1, 0), scene_array(1, 3))


class Finder(Blender):
    """Returns every kind of diagnostics, and requires a size that the frames do not have."""

    size = SizeRequirement(multiple=40)
    inputs = InputSpec(channel_order="bgr")

    def synthesize(self, sources: Sources, motion: None, flow: None, t: Tensor, rows: slice) -> Interpolation:
        frame = super().synthesize(sources, motion, flow, t, rows).frame
        still = torch.zeros_like(frame[:, :2])
        return Interpolation(frame, still, still + 2, frame[:, :1] * 0 + 0.5, frame)

    def flow_diagnostics(self, window: Window, motion: Any, flow: Any) -> dict[str, Tensor]:
        plane = torch.zeros_like(window.start[:, :1])
        points = plane.clone()
        points[..., : plane.shape[-1] // 2] = 1
        return {"importance_0": plane + 1, "points_0": points}


def test_the_frame_is_that_of_interpolate() -> None:
    model = load_model("quadratic")
    explained = explain(model, *FRAMES, 0.25)
    assert np.array_equal(explained.frame, model.interpolate(list(FRAMES), 0.25))


@pytest.mark.parametrize(("model", "rows"), [(Blender(), 1), (Finder(), 3)])
def test_each_map_has_a_panel(model: Blender, rows: int) -> None:
    width, panel = 312, (312 - 4 * 12) // 3
    sheet = explain(model, *FRAMES, width=width).sheet
    height, frame_width = FRAMES[0].shape[:2]
    assert sheet.size == (width, 12 + rows * (round(panel * height / frame_width) + 34 + 12))


def test_diagnostics_have_the_size_and_channel_order_of_the_frames() -> None:
    start, end = (torch.rand(1, 3, 30, 50) for _ in range(2))
    maps = Finder().diagnostics(Window(start, end), 0.5)
    assert {value.shape[2:] for value in maps.values()} == {(30, 50)}
    torch.testing.assert_close(maps["frame"], (start + end) / 2)
    torch.testing.assert_close(maps["coarse"], maps["frame"])
    assert set(maps) == {"frame", "coarse", "flow_t0", "flow_t1", "blend", "importance_0", "points_0"}


def test_matched_positions_are_tinted() -> None:
    sheet = np.asarray(explain(Finder(), *FRAMES, width=312).sheet).astype(int)
    greenish = (sheet[..., 1] > sheet[..., 0] + 40) & (sheet[..., 1] > sheet[..., 2] + 20)
    assert greenish[-80:].any()
    assert POINT_COLOR[1] == max(POINT_COLOR)
