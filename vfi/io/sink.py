"""Opens what pictures are written to: a video file, a folder of images, or an animation."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Literal, Protocol

from typing_extensions import Self

from vfi.errors import ConfigError, OutputError
from vfi.io.animation import ANIMATION_SUFFIXES, AnimationSink
from vfi.io.encoders import VIDEO_SUFFIXES
from vfi.io.image_sink import IMAGE_FORMATS, ImageSink
from vfi.io.queued import output_errors
from vfi.io.reader import FrameSource
from vfi.io.records import OutputFrame, SourceInfo
from vfi.io.video_sink import VideoSink


@dataclass(frozen=True)
class SinkOptions:
    """How an output is written. Everything has a default that suits most."""

    codec: str = "auto"
    """A key of :data:`vfi.io.encoders.CODECS`, FFmpeg's name of an encoder, or ``"auto"``."""
    quality: float | None = None
    """On the codec's own scale (CRF; ProRes profile number; 1 to 100 for jpg and webp); None: a good one."""
    preset: str | None = None
    """The encoder's own name of how slow it works; None: a good one."""
    pixel_format: str = "auto"
    """FFmpeg's name; ``"auto"``: the source's, or the nearest that loses least."""
    audio: Literal["copy", "stretch", "drop"] = "copy"
    """What becomes of sound: packets copied; slowed down by ``time_scale`` with its pitch kept; left out."""
    time_scale: Fraction = Fraction(1)
    """Output seconds per source second."""
    rate: Fraction | None = None
    """Frames per second of the output where it is constant; None where only the time stamps tell."""
    divisions: int = 1
    """Into how many parts the intervals of the source are divided where there is no constant rate."""
    overwrite: bool = False
    """Replace an existing output."""
    resume: bool = False
    """Go on where an interrupted run with the same fingerprint stopped."""
    fingerprint: str = ""
    """Stands for everything that the frames depend on; runs of equal fingerprints give equal frames."""
    start: Fraction | None = None
    """Source time that became output time 0; None: the source was not trimmed at its start."""
    end: Fraction | None = None
    """Source time at which the source was trimmed; None: it was not."""
    size: tuple[int, int] | None = None
    """Height and width of the pictures if not those of the source."""
    image_format: str = "png"
    """For a folder of images: one of :data:`vfi.io.image_sink.IMAGE_FORMATS`."""
    png_compression: int = 1
    """0 (none) to 9 (smallest, slow)."""
    loop: int = 0
    """How often an animation is played; 0: for ever."""
    segment_frames: int = 120
    """Frames per resumable piece of a video: what an interruption loses at most."""


class FrameSink(Protocol):
    """What pictures are written to. A context manager: leaving it without :meth:`finish` aborts."""

    completed: int
    """Frames safely done by an interrupted run; the caller starts with the frame of this index."""

    def write(self, frame: OutputFrame) -> None:
        """Take the next frame; may wait while the encoder is behind."""
        ...

    def finish(self) -> list[str]:
        """Complete the output under its final name; returns one sentence for everything it does not keep."""
        ...

    def abort(self) -> list[str]:
        """Give up; returns a sentence that tells what can be resumed, or nothing."""
        ...

    def __enter__(self) -> Self:
        """The sink itself."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Abort unless finished."""
        ...


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
