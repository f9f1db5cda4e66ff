"""Pixel coordinates."""

from __future__ import annotations

import torch

from vfi.ops import pixel_grid, reference


def test_equals_the_reference() -> None:
    grid = pixel_grid(3, 5)
    assert grid.shape == (1, 2, 3, 5)
    assert torch.equal(grid, reference.pixel_grid(3, 5))


def test_type_and_device_are_the_callers() -> None:
    grid = pixel_grid(2, 2, device="meta", dtype=torch.float64)
    assert grid.dtype == torch.float64
    assert grid.device.type == "meta"
