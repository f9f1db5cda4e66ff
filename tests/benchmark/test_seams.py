"""Tiled against untiled frames on a small synthetic clip."""

from __future__ import annotations

from benchmark import seams
from benchmark.models import synthetic_frames
from vfi.models.quadratic import build_quadratic


def test_tiles_change_little() -> None:
    result = seams.measure(build_quadratic(), synthetic_frames(48, 64, seams.FRAMES), rows=16)
    assert result["size"] == [64, 48]
    assert result["tiled_against_untiled_psnr"] > 60
    assert abs(result["tiled_psnr"] - result["untiled_psnr"]) < 0.01
