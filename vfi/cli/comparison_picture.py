"""One picture that shows what a new frame looks like beside blending and the truth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from vfi.cli.comparison import Gap
from vfi.errors import OutputError

MARGIN = 12
CAPTION_HEIGHT = 34
TITLE_SIZE, DETAIL_SIZE = 18, 15
BACKGROUND, INK, FAINT = "#14171c", "#f2f2f0", "#9aa4b2"
ACCENTS = {"plain": "#9aa4b2", "ours": "#ffb454", "blending": "#7fb4e0", "truth": "#8fd08a"}

MAGNIFICATION = 2.6
DETAIL_SHARE = 0.21  # height of the magnified part, of the frame's
ERROR_FULL_SCALE = 64.0  # of 255: an error this large gets the brightest colour
JPEG_QUALITY = 90


@dataclass(frozen=True)
class Panel:
    """A frame with its caption."""

    picture: np.ndarray
    title: str
    detail: str
    accent: str
    magnified: bool = False


def comparison_picture(
    gap: Gap, *, name: str, ours_psnr: float, blending_psnr: float, number: int, width: int
) -> Image.Image:
    """Six panels: the two inputs, ours over blending, truth over our error.

    Args:
        gap: the frames.
        name: of the model.
        ours_psnr: dB.
        blending_psnr: dB.
        number: of the new frame in the output.
        width: of the whole picture, pixels.
    """
    panel_width = (width - 4 * MARGIN) // 3
    panel_height = round(panel_width * gap.truth.shape[0] / gap.truth.shape[1])
    rows = [
        [
            Panel(gap.before, "Input", f"frame {number - 1}", ACCENTS["plain"]),
            Panel(gap.ours, f"vfi {name}", f"PSNR {ours_psnr:.1f} dB", ACCENTS["ours"], True),
            Panel(gap.truth, "Truth", f"frame {number}, left out", ACCENTS["truth"], True),
        ],
        [
            Panel(gap.after, "Input", f"frame {number + 1}", ACCENTS["plain"]),
            Panel(gap.blended(), "Frame blending", f"PSNR {blending_psnr:.1f} dB", ACCENTS["blending"], True),
            Panel(
                error_picture(gap.ours, gap.truth),
                f"Error of vfi {name}",
                f"brightest: {ERROR_FULL_SCALE:.0f} of 255",
                ACCENTS["ours"],
            ),
        ],
    ]
    pitch = panel_height + CAPTION_HEIGHT + MARGIN
    canvas = Image.new("RGB", (width, MARGIN + len(rows) * pitch), BACKGROUND)
    where = hardest_place(gap)
    for row, panels in enumerate(rows):
        for column, panel in enumerate(panels):
            corner = (MARGIN + column * (panel_width + MARGIN), MARGIN + row * pitch)
            _draw_panel(canvas, panel, corner, (panel_width, panel_height), where)
    return canvas


def error_picture(estimate: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """The error as a colour, black where there is none: uint8 ``[H, W, 3]``."""
    error = np.abs(estimate.astype(np.float32) - truth).mean(axis=2)
    level = np.clip(error * (255 / ERROR_FULL_SCALE), 0, 255).astype(np.uint8)
    colours = cv2.applyColorMap(level, cv2.COLORMAP_INFERNO)
    return np.ascontiguousarray(colours[..., ::-1])


def hardest_place(gap: Gap) -> tuple[int, int, int, int]:
    """Where blending errs most, ``(top, bottom, left, right)``: there is motion that had to be found."""
    height, width = gap.truth.shape[:2]
    rows = max(round(height * DETAIL_SHARE), 8)
    columns = min(round(rows * 1.3), width)
    error = np.abs(gap.blended().astype(np.float32) - gap.truth).mean(axis=2)
    total = cv2.boxFilter(error, -1, (columns, rows), anchor=(0, 0), borderType=cv2.BORDER_CONSTANT)
    inside = total[: height - rows + 1, : width - columns + 1]
    top, left = np.unravel_index(int(inside.argmax()), inside.shape)
    return int(top), int(top) + rows, int(left), int(left) + columns


def save_picture(picture: Image.Image, path: Path) -> None:
    """Write a picture as its suffix says.

    Raises:
        OutputError: the folder is missing, not writable, or the suffix is unknown.
    """
    try:
        picture.save(path, quality=JPEG_QUALITY, optimize=True)
    except (OSError, ValueError) as error:
        raise OutputError(f"{path}: the picture cannot be written ({error}).") from error


def _draw_panel(
    canvas: Image.Image,
    panel: Panel,
    corner: tuple[int, int],
    size: tuple[int, int],
    where: tuple[int, int, int, int],
) -> None:
    """Place a frame with its caption beneath, and its magnified part where wanted."""
    draw = ImageDraw.Draw(canvas)
    picture = Image.fromarray(panel.picture).resize(size, Image.Resampling.LANCZOS)
    canvas.paste(picture, corner)
    if panel.magnified:
        _draw_detail(canvas, panel, corner, size, where)
    x, y = corner[0], corner[1] + size[1] + 7
    draw.rectangle((x, y + 2, x + 4, y + 20), fill=panel.accent)
    title, detail = ImageFont.load_default(TITLE_SIZE), ImageFont.load_default(DETAIL_SIZE)
    draw.text((x + 12, y + 11), panel.title, font=title, fill=INK, anchor="lm")
    draw.text((x + size[0], y + 11), panel.detail, font=detail, fill=FAINT, anchor="rm")


def _draw_detail(
    canvas: Image.Image,
    panel: Panel,
    corner: tuple[int, int],
    size: tuple[int, int],
    where: tuple[int, int, int, int],
) -> None:
    """Frame the chosen part and show it magnified in the corner farthest from it."""
    draw = ImageDraw.Draw(canvas)
    scale = size[0] / panel.picture.shape[1]
    top, bottom, left, right = (round(value * scale) for value in where)
    zoomed = (round((right - left) * MAGNIFICATION), round((bottom - top) * MAGNIFICATION))
    source = Image.fromarray(panel.picture[where[0] : where[1], where[2] : where[3]])
    inset = source.resize(zoomed, Image.Resampling.BICUBIC)
    x = corner[0] + (size[0] - zoomed[0] if left + right < size[0] else 0)
    y = corner[1] + (size[1] - zoomed[1] if top + bottom < size[1] else 0)
    outline = (corner[0] + left, corner[1] + top, corner[0] + right, corner[1] + bottom)
    draw.rectangle(outline, outline=panel.accent, width=2)
    canvas.paste(inset, (x, y))
    draw.rectangle((x, y, x + zoomed[0] - 1, y + zoomed[1] - 1), outline=panel.accent, width=2)
