"""The way in: from a path to pictures with times, whatever the path holds."""

from __future__ import annotations

from fractions import Fraction
from functools import partial
from pathlib import Path

from vfi.errors import ConfigError, InputError
from vfi.io.image_source import AnimationSource, ImageSource, is_animation
from vfi.io.names import IMAGE_SUFFIXES, clips_in, images_in, videos_in
from vfi.io.reader import FrameSource
from vfi.io.trim import check_trim
from vfi.io.video_source import VideoSource


def open_source(
    path: str | Path,
    *,
    second: str | Path | None = None,
    start: Fraction | None = None,
    end: Fraction | None = None,
    rate: Fraction | None = None,
    mixed_sizes: bool = False,
) -> FrameSource:
    """Open pictures for reading.

    Args:
        path: A video file, an animated image, a folder of images, or one image.
        second: A second image, which makes a pair with ``path``.
        start: Time of the first wanted picture, seconds on the source's clock, inclusive.
        end: Time before which the last wanted picture begins, seconds.
        rate: Pictures per second of images, which have no time of their own; None: 24.
        mixed_sizes: Whether images may differ in size; the source then has that of the first.

    Returns:
        A context manager that can be iterated once; see :class:`~vfi.io.reader.FrameSource`.

    Raises:
        InputError: If the input cannot be used; the message names it and the mend.
        ConfigError: If the options contradict each other.
    """
    path = _existing(path)
    check_trim(start, end)
    if rate is not None and rate <= 0:
        raise ConfigError(f"a rate of {rate} pictures per second is not positive: give a positive one.")
    images = partial(ImageSource, root=path, rate=rate, start=start, end=end, mixed_sizes=mixed_sizes)
    if second is not None:
        return images([_image_file(path), _image_file(_existing(second))], kind="pair")
    if path.is_dir():
        return images(_folder_images(path))
    if is_animation(path):
        return AnimationSource(path, start, end)
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return images([path])
    return VideoSource(path, start, end)


def find_clips(path: str | Path) -> list[Path]:
    """The clips of a dataset: the folders of images in a folder that holds no images itself.

    Returns:
        The folders in natural order; empty if ``path`` is not such a dataset.
    """
    folder = Path(path)
    if not folder.is_dir() or images_in(folder):
        return []
    return clips_in(folder)


def _existing(path: str | Path) -> Path:
    path = Path(path)
    try:
        exists = path.exists()
    except OSError:  # a name that the file system refuses
        exists = False
    if not exists:
        raise InputError(f"{path} does not exist: check the name.")
    return path


def _image_file(path: Path) -> Path:
    if path.is_dir() or path.suffix.lower() not in IMAGE_SUFFIXES:
        raise InputError(f"{path} is not an image file: a pair needs two images.")
    return path


def _folder_images(folder: Path) -> list[Path]:
    try:
        images = images_in(folder)
        if images:
            return images
        videos, clips = videos_in(folder), clips_in(folder)
    except PermissionError as error:
        raise InputError(f"{folder} may not be read: change its permissions.") from error
    if videos:
        raise InputError(f"{folder} is a folder of videos: name one of them, such as {videos[0]}.")
    if clips:
        raise InputError(
            f"{folder} is a dataset of {len(clips)} clips: name one of them, such as {clips[0]}."
        )
    raise InputError(
        f"{folder} holds no images: give a folder of png, jpg, tif, webp or bmp files, or a video."
    )
