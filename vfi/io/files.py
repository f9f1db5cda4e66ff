"""Names of files and folders: natural order, and which of them are pictures or videos."""

from __future__ import annotations

import re
from pathlib import Path

IMAGE_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".jpe", ".tif", ".tiff", ".webp", ".bmp", ".ppm", ".pgm", ".pnm"}
)
ANIMATION_SUFFIXES = frozenset({".gif", ".apng", ".webp", ".png"})
"""Image formats that can hold several pictures."""
VIDEO_SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mkv", ".mov", ".webm", ".avi", ".ts", ".m2ts", ".mpg", ".mpeg", ".wmv", ".flv", ".gif"}
)
_DIGITS = re.compile(r"(\d+)")


def natural_key(name: str | Path) -> tuple[tuple[tuple[int, int, str], ...], str]:
    """Sorting key under which ``frame2`` comes before ``frame10``, and case does not matter.

    Args:
        name: A file name, or a path, of which only the last part counts.
    """
    text = Path(name).name
    parts = _DIGITS.split(text)
    keys = tuple(
        (0, int(part), "") if place % 2 else (1, 0, part.casefold()) for place, part in enumerate(parts)
    )
    return keys, text


def images_in(folder: Path) -> list[Path]:
    """The image files directly in a folder, in natural order; hidden ones and everything else left out."""
    return _sorted_files(folder, IMAGE_SUFFIXES)


def videos_in(folder: Path) -> list[Path]:
    """The files directly in a folder that are videos by their names, in natural order."""
    return _sorted_files(folder, VIDEO_SUFFIXES)


def clips_in(folder: Path) -> list[Path]:
    """The folders of images directly in a folder, in natural order; hidden ones left out."""
    subfolders = [entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith(".")]
    return sorted((entry for entry in subfolders if images_in(entry)), key=natural_key)


def _sorted_files(folder: Path, suffixes: frozenset[str]) -> list[Path]:
    files = (
        entry
        for entry in folder.iterdir()
        if entry.suffix.lower() in suffixes and not entry.name.startswith(".") and entry.is_file()
    )
    return sorted(files, key=natural_key)
