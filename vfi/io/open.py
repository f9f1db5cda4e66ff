"""Opens frame sources and sinks by path."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path

from vfi.errors import ConfigError, InputError, OutputError
from vfi.io.base import FrameSink, FrameSource, SinkOptions
from vfi.io.files import IMAGE_SUFFIXES, clips_in, images_in, unread_images_note, videos_in
from vfi.io.frames import SourceInfo, check_trim
from vfi.io.images.animation import ANIMATION_SUFFIXES, AnimationSink
from vfi.io.images.files import animation_plays
from vfi.io.images.sink import IMAGE_FORMATS, ImageSink
from vfi.io.images.source import AnimationSource, ImageSource, is_animation
from vfi.io.queued_sink import output_errors
from vfi.io.video import ffmpeg
from vfi.io.video.reading.interlaced import DEINTERLACING, Deinterlacing
from vfi.io.video.reading.source import VideoSource
from vfi.io.video.writing.encoders import VIDEO_SUFFIXES
from vfi.io.video.writing.sink import VideoSink

# An address on the network; a path has already lost one of its slashes.
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/{1,3}(?=[^/])")
# Names of numbered images as other programs take them: f%03d.png, *.png, f####.exr
_PATTERN = re.compile(r"%0?\d*d|[*?]|##")


def open_source(
    path: str | Path,
    *,
    second: str | Path | None = None,
    start: Fraction | None = None,
    end: Fraction | None = None,
    rate: Fraction | None = None,
    mixed_sizes: bool = False,
    deinterlace: Deinterlacing = "auto",
) -> FrameSource:
    """Open frames for reading.

    Args:
        path: Video file, animated image, folder of images, or single image.
        second: Second image of a pair, of which ``path`` is the first.
        start: Time of the first wanted frame, seconds on the source's clock, inclusive; None: the beginning.
        end: Time before which the last wanted frame begins, seconds; None: the end.
        rate: Frames per second of sources without timestamps: images (None: 24) and bare streams such as
            ``.h264`` (None: the rate in their headers).
        mixed_sizes: Whether images may differ in size; the source then has that of the first.
        deinterlace: Treatment of interlaced video: ``"auto"`` adds a note to ``info.notes`` and leaves it
            interlaced, ``"off"`` omits the note, ``"bwdif"`` turns every field into a frame.

    Returns:
        A context manager that can be iterated once; see :class:`~vfi.io.base.FrameSource`.

    Raises:
        InputError: If the input cannot be used; the message names the file and the remedy.
        ConfigError: If the options contradict each other.
    """
    if deinterlace not in DEINTERLACING:
        raise ConfigError(
            f"Unknown way to deinterlace, {deinterlace!r}: choose one of {', '.join(DEINTERLACING)}."
        )
    path = _existing(path)
    check_trim(start, end)
    if rate is not None and rate <= 0:
        raise ConfigError(f"a rate of {rate} frames per second is not positive: give a positive one.")
    images = partial(ImageSource, root=path, rate=rate, start=start, end=end, mixed_sizes=mixed_sizes)
    if second is not None:
        return images([_image_file(path), _image_file(_existing(second))], kind="pair")
    if path.is_dir():
        source = images(_folder_images(path))
        note = unread_images_note(path)
        source.info = replace(source.info, notes=(note,) if note else ())
        return source
    if is_animation(path):
        return AnimationSource(path, start, end)
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return images([path])
    return VideoSource(path, start, end, rate=rate, deinterlace=deinterlace)


def find_clips(path: str | Path) -> list[Path]:
    """The clips of a dataset: the folders of images in a folder that holds no images itself.

    Returns:
        The folders in natural order; empty if ``path`` is not such a dataset.
    """
    folder = Path(path)
    if not os.path.isdir(folder) or images_in(folder):  # unlike Path.is_dir, it accepts names of any length
        return []
    return clips_in(folder)


def _existing(path: str | Path) -> Path:
    """The path of a file or folder; refuses what cannot be opened as one, and pipes that may never end."""
    text, path = str(path), Path(path)
    if text == "-":
        raise InputError("Standard input (-) cannot be read: save it to a file and give the name of that.")
    try:
        mode = path.stat().st_mode
    except PermissionError as error:
        raise InputError(f"{text} may not be read: change its permissions.") from error
    except (OSError, ValueError) as error:  # missing, or a name that the file system refuses
        raise InputError(_missing(text, path)) from error
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
        return path
    kind = _special_kind(mode)
    raise InputError(f"{text} is a {kind}, not a file: save its content to a file, and give that.")


def _special_kind(mode: int) -> str:
    """The kind of a path that is neither a file nor a folder, by its mode."""
    if stat.S_ISFIFO(mode):
        return "pipe"
    return "socket" if stat.S_ISSOCK(mode) else "device"


def _missing(text: str, path: Path) -> str:
    """The sentence on a missing path, by the form of its name."""
    if _ADDRESS.match(text):
        return f"{text} is an address, and vfi reads only files: download it first."
    if _PATTERN.search(path.name):
        return f"{text} is a pattern of names: name the folder of the images instead, {path.parent}."
    return f"{text} does not exist: check the name."


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
    unread = unread_images_note(folder)
    if unread:
        raise InputError(f"{folder} holds no images that can be read: {unread}")
    if clips:
        raise InputError(
            f"{folder} is a dataset of {len(clips)} clips: name one of them, such as {clips[0]}."
        )
    raise InputError(
        f"{folder} holds no images: give a folder of png, jpg, tif, webp or bmp files, or a video."
    )


def open_sink(path: Path | str, source: FrameSource, options: SinkOptions | None = None) -> FrameSink:
    """Open an output; all that can be refused is refused here, before any frame is computed.

    Args:
        path: File with the suffix of a video or an animation, or folder for images (existing, or a name
            without suffix).
        source: Source of the frames; its information is used, and its file for audio and other streams.
        options: Options of the output; None: the defaults.

    Raises:
        AlreadyComplete: If a run is to be resumed whose output is complete.
        ConfigError: If an option is wrong.
        OutputError: If the output exists, is being written by another run, or cannot be
            written with these options.
    """
    ffmpeg.keep_from_python()
    options = options or SinkOptions()
    _check_options(options)
    path = Path(path)
    with output_errors(path):
        sink = _sink_for(path)
        path = path.absolute()
        if sink is ImageSink:
            _check_folder(path, source.info)
            _check_names(source)
        else:
            _check_file(path, source.info)
        if options.loop < 0:
            options = replace(options, loop=animation_plays(source.info.path))
        return sink(path, source.info, options)


def is_image_folder(output: Path) -> bool:
    """Whether an output is a folder of images, not a file."""
    return output.suffix[1:].lower() not in (*VIDEO_SUFFIXES, *ANIMATION_SUFFIXES)


def _sink_for(path: Path) -> type[VideoSink] | type[AnimationSink] | type[ImageSink]:
    """The sink class of an output name."""
    if path.name == "-":
        raise ConfigError("Standard output (-) cannot be written to: give the name of a file or a folder.")
    if _ADDRESS.match(str(path)):
        raise ConfigError(f"{path} is an address, and vfi writes only files: give the name of a file.")
    suffix = path.suffix[1:].lower()
    if suffix in VIDEO_SUFFIXES:
        return VideoSink
    if suffix in ANIMATION_SUFFIXES:
        return AnimationSink
    if not suffix or path.is_dir():
        return ImageSink
    known = ", ".join(f".{name}" for name in (*VIDEO_SUFFIXES, *ANIMATION_SUFFIXES))
    raise ConfigError(f"vfi does not write .{suffix} files ({path}): choose {known}, or a folder for images.")


def _check_options(options: SinkOptions) -> None:
    if options.time_scale <= 0:
        raise ConfigError(f"The time scale must be greater than 0, not {options.time_scale}.")
    if options.audio == "copy" and options.time_scale != 1:
        raise ConfigError(
            "Sound cannot be copied at another speed: choose --audio stretch (pitch kept) or --audio drop."
        )
    if options.image_format not in IMAGE_FORMATS:
        raise ConfigError(
            f"Unknown image format {options.image_format!r}: choose one of {', '.join(IMAGE_FORMATS)}."
        )
    if not 0 <= options.png_compression <= 9:
        raise ConfigError(f"The png compression is a number from 0 to 9, not {options.png_compression}.")


def _check_file(path: Path, info: SourceInfo) -> None:
    if path.is_dir():
        raise OutputError(f"{path} is a folder: choose another name for the output.")
    if not path.exists():
        return
    if not path.is_file():
        raise OutputError(f"{path} is a {_special_kind(path.stat().st_mode)}: name a file for the output.")
    if info.path.exists() and path.samefile(info.path):
        raise OutputError(f"Output and input are the same file, {path}: choose another name for the output.")


def _check_folder(path: Path, info: SourceInfo) -> None:
    if not path.exists():
        return
    if not path.is_dir():
        raise OutputError(f"{path} is a file, not a folder for images: choose another name for the output.")
    source_folder = info.path if info.path.is_dir() else info.path.parent
    if info.kind != "video" and source_folder.exists() and path.samefile(source_folder):
        raise OutputError(f"Output and input are the same folder, {path}: choose another one for the output.")


def _check_names(source: FrameSource) -> None:
    """Refuse images whose names differ only in their suffixes: they would overwrite each other.

    Raises:
        InputError: If there are such images.
    """
    if not isinstance(source, ImageSource):
        return
    by_name: dict[str, Path] = {}
    for image in source.images:
        other = by_name.setdefault(image.stem, image)
        if other is not image:
            raise InputError(
                f"{other} and {image} would both be written to {image.stem}: rename or remove one of them."
            )
