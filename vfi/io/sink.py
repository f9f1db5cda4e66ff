"""Opens what pictures are written to: a video file, a folder of images, or an animation."""

from __future__ import annotations

from pathlib import Path

from vfi.errors import ConfigError, OutputError
from vfi.io import messages
from vfi.io.animation import ANIMATION_SUFFIXES, AnimationSink
from vfi.io.encoders import VIDEO_SUFFIXES
from vfi.io.image_sink import IMAGE_FORMATS, ImageSink
from vfi.io.queued import output_errors
from vfi.io.reader import FrameSource
from vfi.io.records import SourceInfo
from vfi.io.video_sink import VideoSink
from vfi.io.writer import FrameSink, SinkOptions


def open_sink(path: Path | str, source: FrameSource, options: SinkOptions | None = None) -> FrameSink:
    """Open an output; everything that can be refused is refused here, before any work is done.

    Args:
        path: A file with the suffix of a video or an animation, or a folder for images (existing, or a name
            without suffix).
        source: Where the pictures come from; its information is used, and its file for sound and the rest.
        options: How to write; None: the defaults.

    Raises:
        ConfigError: If an option is wrong.
        OutputError: If the output exists, cannot be written, or cannot be made as asked.
    """
    messages.keep_from_python()
    options = options or SinkOptions()
    _check_options(options)
    path = Path(path).absolute()
    with output_errors(path):
        sink = _sink_for(path)
        if sink is ImageSink:
            _check_folder(path, source.info, options)
        else:
            _check_file(path, source.info, options)
        return sink(path, source.info, options)


def _sink_for(path: Path) -> type[VideoSink] | type[AnimationSink] | type[ImageSink]:
    """The kind of output that a name stands for."""
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


def _check_file(path: Path, info: SourceInfo, options: SinkOptions) -> None:
    if path.is_dir():
        raise OutputError(f"{path} is a folder: choose another name for the output.")
    if not path.exists():
        return
    if info.path.exists() and path.samefile(info.path):
        raise OutputError(f"Output and input are the same file, {path}: choose another name for the output.")
    if not options.overwrite:
        raise OutputError(f"{path} exists: give --overwrite to replace it, or choose another name.")


def _check_folder(path: Path, info: SourceInfo, options: SinkOptions) -> None:
    if not path.exists():
        return
    if not path.is_dir():
        raise OutputError(f"{path} is a file, not a folder for images: choose another name for the output.")
    source_folder = info.path if info.path.is_dir() else info.path.parent
    if info.kind != "video" and source_folder.exists() and path.samefile(source_folder):
        raise OutputError(f"Output and input are the same folder, {path}: choose another one for the output.")
    if any(path.iterdir()) and not options.overwrite:
        raise OutputError(f"{path} is not empty: give --overwrite to write into it, or choose another.")
