"""Names of files and folders: natural order, and which of them are images or videos."""

from __future__ import annotations

import re
from pathlib import Path

from vfi.errors import printable

IMAGE_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".jpe", ".tif", ".tiff", ".webp", ".bmp", ".ppm", ".pgm", ".pnm"}
)
ANIMATION_SUFFIXES = frozenset({".gif", ".apng", ".webp", ".png"})
"""Image formats that can hold several frames."""
VIDEO_SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mkv", ".mov", ".webm", ".avi", ".ts", ".m2ts", ".mpg", ".mpeg", ".wmv", ".flv", ".gif"}
)
UNREAD_IMAGE_SUFFIXES = frozenset(
    {
        ".heic", ".heif", ".avif", ".exr", ".gif", ".dng", ".jp2", ".j2k", ".jxl", ".hdr", ".tga", ".dpx",
        ".psd", ".svg", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".rw2",
    }
)  # fmt: skip
"""Image formats that are not read from folders: unsupported ones, camera raw files, animations."""
_MOST_NAMED = 3
_DIGITS = re.compile(r"(\d+)")


def natural_key(name: str | Path) -> tuple[tuple[tuple[int, int, str], ...], str]:
    """Sorting key under which ``frame2`` comes before ``frame10``, and case does not matter.

    Args:
        name: File name, or a path, of which only the last part counts.
    """
    text = Path(name).name
    parts = _DIGITS.split(text)
    keys = tuple(
        (0, int(part), "") if number % 2 else (1, 0, part.casefold()) for number, part in enumerate(parts)
    )
    return keys, text


def images_in(folder: Path) -> list[Path]:
    """The image files directly in a folder, in natural order; hidden ones and everything else left out."""
    return _sorted_files(folder, IMAGE_SUFFIXES)


def unread_images_note(folder: Path) -> str | None:
    """One sentence on the images directly in a folder whose format cannot be read; None if there are none."""
    names = [printable(path.name) for path in _sorted_files(folder, UNREAD_IMAGE_SUFFIXES)]
    if not names:
        return None
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    count = "1 file is an image" if len(names) == 1 else f"{len(names)} files are images"
    return (
        f"{count} of a kind that vfi does not read and left out: {', '.join(names[:_MOST_NAMED])}{more}; "
        "convert to png, jpg, tif or webp to use all frames."
    )


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
