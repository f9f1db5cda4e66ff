"""Difference between tiled and untiled frames on a real clip, and the PSNR of both.

    python -m benchmark.seams --model eqvi.stage123 --checkpoint FILE --input CLIP [--rows 256]

One frame of the clip is left out and interpolated from its neighbours with and without tiles.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from benchmark.models import model_parser, ready_model
from vfi.base.interpolator import Interpolator
from vfi.evaluation.metrics import psnr
from vfi.evaluation.report import table, write_result
from vfi.io import open_source
from vfi.types import Window

FRAMES = 7


def measure(model: Interpolator, frames: Sequence[Tensor], rows: int) -> dict[str, Any]:
    """PSNR between a tiled and an untiled frame, and of both against the frame of the clip.

    Args:
        model: Model to measure.
        frames: Seven consecutive frames ``[1, 3, H, W]`` of a clip; the middle one is interpolated.
        rows: Tile height in rows.

    Returns:
        The sizes and the three PSNR in dB, as JSON values.
    """
    window, expected = Window.from_frames(frames[::2]), frames[FRAMES // 2]
    whole = model.interpolate_window(window, [0.5])[0].cpu()
    tiled = model.interpolate_window(window, [0.5], tile=rows)[0].cpu()
    return {
        "tile": rows,
        "size": [whole.shape[-1], whole.shape[-2]],
        "tiled_against_untiled_psnr": float(psnr(tiled, whole)),
        "untiled_psnr": float(psnr(whole, expected)),
        "tiled_psnr": float(psnr(tiled, expected)),
    }


def main() -> None:
    """Parse, measure, print, write."""
    parser = model_parser("seams", "Compare tiled with untiled frames.")
    parser.add_argument("--input", type=Path, required=True, help="a clip of seven frames or more")
    parser.add_argument("--rows", type=int, default=256, help="tile height in rows")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    with open_source(options.input) as source:
        frames = [frame.image.tensor() for frame, _ in zip(source, range(FRAMES), strict=False)]
    if len(frames) < FRAMES:
        parser.error(f"{options.input} has {len(frames)} frames: {FRAMES} or more are needed")
    model = ready_model(options.model, options.checkpoint, options.device, **options.options)
    result = measure(model, frames, options.rows)
    print(table(list(result), [[str(value) for value in result.values()]]))
    write_result(options.json, {"model": options.model, **result})


if __name__ == "__main__":
    main()
