"""Sheets of images with captions, in rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from vfi.errors import OutputError

MARGIN = 12
CAPTION_HEIGHT = 34
TITLE_SIZE, DETAIL_SIZE = 18, 15
BACKGROUND, INK, FAINT = "#14171c", "#f2f2f0", "#9aa4b2"
ACCENTS = {"plain": "#9aa4b2", "ours": "#ffb454", "blending": "#7fb4e0", "truth": "#8fd08a"}
MAGNIFICATION = 2.6
JPEG_QUALITY = 90


@dataclass(frozen=True)
class Panel:
    """An image with its caption."""

    image: np.ndarray
    """``[H, W, 3]`` uint8 RGB; all images of a sheet have the same aspect ratio."""
    title: str
    detail: str
    accent: str
    magnified: bool = False
    """Whether the chosen region of the sheet is shown magnified as well."""


def sheet(
    rows: Sequence[Sequence[Panel]], width: int, where: tuple[int, int, int, int] | None = None
) -> Image.Image:
    """Draw panels in rows.

    Args:
        rows: Panels of each row; the longest row sets the number of columns.
        width: Width of the sheet in pixels.
        where: Region that is magnified, ``(top, bottom, left, right)`` in pixels; None: none.
    """
    columns = max(map(len, rows))
    panel_width = (width - (columns + 1) * MARGIN) // columns
    height, full_width = rows[0][0].image.shape[:2]
    panel_height = max(round(panel_width * height / full_width), 1)
    pitch = panel_height + CAPTION_HEIGHT + MARGIN
    canvas = Image.new("RGB", (width, MARGIN + len(rows) * pitch), BACKGROUND)
    for row, panels in enumerate(rows):
        for column, panel in enumerate(panels):
            corner = (MARGIN + column * (panel_width + MARGIN), MARGIN + row * pitch)
            _draw_panel(canvas, panel, corner, (panel_width, panel_height), where)
    return canvas


def save_sheet(sheet: Image.Image, path: Path) -> None:
    """Write a sheet in the format of the path's suffix.

    Raises:
        OutputError: If the folder is missing or not writable, or the suffix is unknown.
    """
    try:
        sheet.save(path, quality=JPEG_QUALITY, optimize=True)
    except (OSError, ValueError) as error:
        raise OutputError(f"{path}: the image cannot be written ({error}).") from error


def _draw_panel(
    canvas: Image.Image,
    panel: Panel,
    corner: tuple[int, int],
    size: tuple[int, int],
    where: tuple[int, int, int, int] | None,
) -> None:
    """Draw an image, the caption beneath it, and its magnified region where wanted."""
    draw = ImageDraw.Draw(canvas)
    image = Image.fromarray(panel.image).resize(size, Image.Resampling.LANCZOS)
    canvas.paste(image, corner)
    if panel.magnified and where is not None:
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
    """Outline the chosen region and show it magnified in the corner farthest from it."""
    draw = ImageDraw.Draw(canvas)
    scale = size[0] / panel.image.shape[1]
    top, bottom, left, right = (round(value * scale) for value in where)
    zoomed = (round((right - left) * MAGNIFICATION), round((bottom - top) * MAGNIFICATION))
    source = Image.fromarray(panel.image[where[0] : where[1], where[2] : where[3]])
    inset = source.resize(zoomed, Image.Resampling.BICUBIC)
    x = corner[0] + (size[0] - zoomed[0] if left + right < size[0] else 0)
    y = corner[1] + (size[1] - zoomed[1] if top + bottom < size[1] else 0)
    outline = (corner[0] + left, corner[1] + top, corner[0] + right, corner[1] + bottom)
    draw.rectangle(outline, outline=panel.accent, width=2)
    canvas.paste(inset, (x, y))
    draw.rectangle((x, y, x + zoomed[0] - 1, y + zoomed[1] - 1), outline=panel.accent, width=2)
