"""Comparison sheet: an interpolated frame beside blending and the ground truth."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image

from vfi.evaluation.clips import Gap
from vfi.visual.panels import ACCENTS, Panel, sheet

DETAIL_FRACTION = 0.21  # height of the magnified region, relative to the frame
ERROR_FULL_SCALE = 64.0  # of 255: an error this large gets the brightest colour


def comparison_sheet(
    gap: Gap, *, name: str, ours_psnr: float, blending_psnr: float, number: int, width: int
) -> Image.Image:
    """Draw six panels: the two inputs, ours over blending, ground truth over our error.

    Args:
        gap: Interpolated frame, its neighbours and the ground truth.
        name: Name of the model.
        ours_psnr: PSNR of the interpolated frame in dB.
        blending_psnr: PSNR of blending in dB.
        number: Number of the interpolated frame in the output.
        width: Width of the image in pixels.

    Returns:
        The sheet.
    """
    rows = [
        [
            Panel(gap.before, "Input", f"frame {number - 1}", ACCENTS["plain"]),
            Panel(gap.ours, f"vfi {name}", f"PSNR {ours_psnr:.1f} dB", ACCENTS["ours"], True),
            Panel(gap.truth, "Ground truth", f"frame {number}, left out", ACCENTS["truth"], True),
        ],
        [
            Panel(gap.after, "Input", f"frame {number + 1}", ACCENTS["plain"]),
            Panel(gap.blended(), "Frame blending", f"PSNR {blending_psnr:.1f} dB", ACCENTS["blending"], True),
            Panel(
                error_map(gap.ours, gap.truth),
                f"Error of vfi {name}",
                f"brightest: {ERROR_FULL_SCALE:.0f} of 255",
                ACCENTS["ours"],
            ),
        ],
    ]
    return sheet(rows, width, hardest_region(gap))


def error_map(estimate: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Colour-code the error, black where there is none: uint8 ``[H, W, 3]``."""
    error = np.abs(estimate.astype(np.float32) - truth).mean(axis=2)
    level = np.clip(error * (255 / ERROR_FULL_SCALE), 0, 255).astype(np.uint8)
    colours = cv2.applyColorMap(level, cv2.COLORMAP_INFERNO)
    return np.ascontiguousarray(colours[..., ::-1])


def hardest_region(gap: Gap) -> tuple[int, int, int, int]:
    """Region where blending errs most, ``(top, bottom, left, right)``: motion had to be estimated there."""
    height, width = gap.truth.shape[:2]
    rows = max(round(height * DETAIL_FRACTION), 8)
    columns = min(round(rows * 1.3), width)
    error = np.abs(gap.blended().astype(np.float32) - gap.truth).mean(axis=2)
    total = cv2.boxFilter(error, -1, (columns, rows), anchor=(0, 0), borderType=cv2.BORDER_CONSTANT)
    inside = total[: height - rows + 1, : width - columns + 1]
    top, left = np.unravel_index(int(inside.argmax()), inside.shape)
    return int(top), int(top) + rows, int(left), int(left) + columns
