"""Small synthetic films for the tests of evaluation and benchmarks."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from vfi.data.synthetic import Scene, write_clip


def translation_film(folder: Path, count: int) -> Path:
    """Write a film ``clip.mp4`` of textures that move steadily, 96 x 64 pixels, 24 frames per second.

    Args:
        folder: Existing folder of the film.
        count: Number of frames.
    """
    scene = Scene.translation(64, 96, (4.0, 2.0))
    path = folder / "clip.mp4"
    write_clip(path, (scene.render_rgb(number) for number in range(count)), Fraction(24))
    return path
