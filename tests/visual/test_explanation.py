"""The picture of how a frame came about."""

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
    """Shows everything that can be shown, and wants sizes that the frames do not have."""

    size = SizeRequirement(multiple=40)
    inputs = InputSpec(channel_order="bgr")

    def synthesize(self, sources: Sources, motion: None, flow: None, t: Tensor, rows: slice) -> Interpolation:
        made = super().synthesize(sources, motion, flow, t, rows).frame
        still = torch.zeros_like(made[:, :2])
        return Interpolation(made, still, still + 2, made[:, :1] * 0 + 0.5, made)

    def flow_diagnostics(self, window: Window, motion: Any, flow: Any) -> dict[str, Tensor]:
        plane = torch.zeros_like(window.start[:, :1])
        points = plane.clone()
        points[..., : plane.shape[-1] // 2] = 1
        return {"importance_0": plane + 1, "points_0": points}


def test_the_frame_is_the_one_that_interpolate_makes() -> None:
    model = load_model("quadratic")
    made = explain(model, *FRAMES, 0.25)
    assert np.array_equal(made.frame, model.interpolate(list(FRAMES), 0.25))


@pytest.mark.parametrize(("model", "rows"), [(Blender(), 1), (Finder(), 3)])
def test_everything_that_is_known_has_a_panel(model: Blender, rows: int) -> None:
    width, panel = 312, (312 - 4 * 12) // 3
    picture = explain(model, *FRAMES, width=width).picture
    height, frame_width = FRAMES[0].shape[:2]
    assert picture.size == (width, 12 + rows * (round(panel * height / frame_width) + 34 + 12))


def test_what_is_inside_has_the_size_and_channel_order_of_the_frames() -> None:
    start, end = (torch.rand(1, 3, 30, 50) for _ in range(2))
    inside = Finder().diagnostics(Window(start, end), 0.5)
    assert {value.shape[2:] for value in inside.values()} == {(30, 50)}
    torch.testing.assert_close(inside["frame"], (start + end) / 2)
    torch.testing.assert_close(inside["coarse"], inside["frame"])
    assert set(inside) == {"frame", "coarse", "flow_t0", "flow_t1", "blend", "importance_0", "points_0"}


def test_chosen_positions_are_tinted() -> None:
    sheet = np.asarray(explain(Finder(), *FRAMES, width=312).picture).astype(int)
    greenish = (sheet[..., 1] > sheet[..., 0] + 40) & (sheet[..., 1] > sheet[..., 2] + 20)
    assert greenish[-80:].any()
    assert POINT_COLOR[1] == max(POINT_COLOR)
