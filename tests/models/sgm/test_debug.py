"""Maps of importance and matched positions."""

from __future__ import annotations

import torch

from vfi.models.sgm import build_sgm
from vfi.types import Window


def window(height: int, width: int) -> Window:
    start, end = torch.rand(2, 1, 3, height, width)
    return Window(start, end)


def test_chosen_positions_lie_where_the_importance_is_largest() -> None:
    model = build_sgm(points=0.25, dense_height=0).eval()
    inside = model.diagnostics(window(48, 70), 0.5)
    for i in (0, 1):
        importance, points = inside[f"importance_{i}"], inside[f"points_{i}"]
        assert importance.shape == points.shape == (1, 1, 48, 70)
        assert set(points.unique().tolist()) == {0.0, 1.0}
        assert importance[points == 1].min() >= importance[points == 0].max()


def test_no_maps_without_sparse_matching() -> None:
    for model in (build_sgm(points="all"), build_sgm(matching=False)):
        assert "points_0" not in model.eval().diagnostics(window(32, 48), 0.5)
