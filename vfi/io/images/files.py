"""Single image files: their headers, and their pixels as R'G'B' with depth, alpha and orientation kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from vfi.errors import InputError
from vfi.io.images.profile import read_profile
from vfi.io.pixels import color
from vfi.io.pixels.storage import ImageStorage

_ORIENTATION_TAG = 274
_ALPHA_MODES = ("RGBA", "LA", "PA", "RGBa", "La")
_GRAY_MODES = ("1", "L", "LA", "La", "I", "F")
_FORMATS = {"JPEG": "jpg", "MPO": "jpg", "TIFF": "tif"}
# EXIF orientation -> (quarter turns counter-clockwise, then whether to flip left to right).
_ORIENTATIONS = {
    1: (0, False), 2: (0, True), 3: (2, False), 4: (2, True),
    5: (3, True), 6: (3, False), 7: (1, True), 8: (1, False),
}  # fmt: skip
# First bytes of a format -> the mark at the end of every complete file.
_END_MARKS = {b"\x89PNG": b"IEND", b"\xff\xd8\xff": b"\xff\xd9"}


@dataclass(frozen=True)
class ImageHeader:
    """Properties of an image file, known before its pixels are decoded."""

    height: int
    """Height in pixels, upright: after the EXIF orientation was applied."""
    width: int
    bits: int
    """8 or 16."""
    has_alpha: bool
    orientation: int = 1
    """EXIF orientation; 1 = stored upright."""
    storage: ImageStorage | None = None
    """How the file stores its samples; None for files that only OpenCV reads."""


def read_header(path: Path) -> ImageHeader:
    """Read the header of an image file.

    Raises:
        InputError: If the file is missing or not an image.
    """
    try:
        with Image.open(path) as image:
            orientation = _orientation(image)
            height, width = image.height, image.width
            if _ORIENTATIONS[orientation][0] % 2:
                height, width = width, height
            alpha = image.mode in _ALPHA_MODES or "transparency" in image.info
            bits = 16 if "16" in str(image.tile) or image.mode.startswith("I") else 8
            gray = image.mode in _GRAY_MODES or image.mode.startswith("I;16")
            name = str(image.format)
            file_format = _FORMATS.get(name, name.lower())
            storage = ImageStorage(file_format, bits, gray, alpha, read_profile(path, image))
            return ImageHeader(height, width, bits, alpha, orientation, storage)
    except Exception:  # of any type, as Pillow raises them for damaged files
        # Pillow does not support every TIFF that OpenCV reads.
        pixels = _decode(path)
    height, width, channels = pixels.shape
    return ImageHeader(height, width, 8 if pixels.dtype == np.uint8 else 16, channels == 4)


def _orientation(image: Image.Image) -> int:
    """EXIF orientation of an image; 1 where there is none."""
    if image.format == "PNG" and "exif" not in image.info:
        return 1  # Pillow would decode the whole image to look for a chunk at its end
    orientation = image.getexif().get(_ORIENTATION_TAG, 1)
    return orientation if orientation in _ORIENTATIONS else 1


def read_image(path: Path) -> np.ndarray:
    """Read an image file upright.

    Returns:
        ``[H, W, 3]``, with alpha ``[H, W, 4]``, R'G'B'(A): uint8, or uint16 over the full 16-bit range.

    Raises:
        InputError: If the file is missing, not an image, cut off, or of another sample type.
    """
    pixels = _decode(path)
    header = read_header(path)
    if header.has_alpha and pixels.shape[2] == 3:
        pixels = np.dstack([pixels, _transparency(path, pixels)])
    turns, flip = _ORIENTATIONS[header.orientation]
    if turns:
        pixels = np.rot90(pixels, turns)
    if flip:
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def _transparency(path: Path, pixels: np.ndarray) -> np.ndarray:
    """Alpha ``[H, W]`` of a file that names one transparent colour (tRNS), which OpenCV leaves out.

    Args:
        path: Image file.
        pixels: Samples of the file, ``[H, W, 3]``, uint8 or uint16.
    """
    with Image.open(path) as image:
        if pixels.dtype == np.uint8:
            return np.asarray(image.convert("RGBA"))[..., 3]
        key = image.info.get("transparency")
    opaque = np.full(pixels.shape[:2], np.iinfo(pixels.dtype).max, pixels.dtype)
    if isinstance(key, (int, tuple)):
        opaque[(pixels == np.asarray(key, np.int64)).all(axis=2)] = 0
    return opaque


def _decode(path: Path) -> np.ndarray:
    """The stored pixels as R'G'B'(A), in stored orientation."""
    try:
        content = np.fromfile(path, np.uint8)  # cv2.imread cannot open every name on every system
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist: check the name.") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): check its permissions.") from error
    _refuse_cut_off(path, content.tobytes())
    pixels = cv2.imdecode(content, cv2.IMREAD_UNCHANGED) if content.size else None
    if pixels is None:
        raise InputError(f"{path} is not an image that can be read: replace or remove it.")
    if pixels.dtype not in (np.uint8, np.uint16):
        raise InputError(f"{path} holds {pixels.dtype} samples: convert it to 8 or 16 bit integers.")
    return color.rgb_from_bgr(pixels)


def _refuse_cut_off(path: Path, content: bytes) -> None:
    """Refuse a truncated file, which decoders would complete with gray."""
    for start, end in _END_MARKS.items():
        if content.startswith(start) and content.rfind(end) < 0:
            raise InputError(f"{path} is cut off: replace it by the complete image, or remove it.")


def animation_plays(path: Path) -> int:
    """How often an animation is played; 0: endlessly, or the file is not an animation.

    Args:
        path: File of any kind, or folder.
    """
    if path.suffix.lower() not in (".gif", ".webp"):
        return 0
    try:
        with Image.open(path) as image:
            repeats = image.info.get("loop")
            if image.format != "GIF":
                return int(repeats or 0)
    except (OSError, ValueError):
        return 0
    if repeats is None:
        return 1
    return repeats + 1 if repeats else 0  # gif stores the repetitions after the first time
