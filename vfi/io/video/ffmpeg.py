"""Opening files with FFmpeg: names that are safe to hand over, its messages, and what its errors mean."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from pathlib import Path

import av
import av.logging
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError

# What a disk or a machine refuses: no fault of the streams that are written.
_MACHINE_ERRORS = frozenset(
    getattr(errno, name)
    for name in (
        "EACCES", "EDQUOT", "EEXIST", "EFBIG", "EINTR", "EIO", "EISDIR", "EMFILE", "ENFILE", "ENOENT",
        "ENOMEM", "ENOSPC", "ENOTDIR", "EPERM", "EPIPE", "EROFS",
    )
    if hasattr(errno, name)
)  # fmt: skip


def keep_from_python() -> None:
    """Make PyAV drop the messages of FFmpeg's threads; to be called before codecs are opened.

    Once a level is set, PyAV's callback waits for the interpreter's lock in whichever thread has a message.
    A codec that is closed waits for its threads, and does so while it holds that lock. PyAV itself sets no
    level, but importing torchvision before 0.26 does. Failures are raised as exceptions anyway.
    """
    if av.logging.get_level() is not None:
        av.logging.set_level(None)


def file_url(path: Path) -> str:
    """The name of a local file as FFmpeg takes it.

    With the protocol named, a colon or a percent sign in the name means nothing.

    Args:
        path: File, absolute or relative.
    """
    return f"file:{path}"


def open_input(path: Path) -> InputContainer:
    """An open media file, to read from.

    Args:
        path: File.

    Raises:
        FFmpegError: If it cannot be read or is not a media file.
    """
    keep_from_python()
    return av.open(file_url(path), metadata_errors="replace")


def open_output(
    path: Path, container: str | None = None, options: Mapping[str, str] | None = None
) -> OutputContainer:
    """An open media file, to write to.

    Args:
        path: File; replaced if it exists.
        container: FFmpeg's name of the muxer; None: by the suffix.
        options: The muxer's options.

    Raises:
        FFmpegError: If it cannot be written.
    """
    keep_from_python()
    return av.open(file_url(path), "w", format=container, container_options=dict(options or {}))


def is_refusal(error: Exception) -> bool:
    """Whether an error says that FFmpeg does not take what it was given; False: disk or machine failed.

    Args:
        error: As raised by PyAV.
    """
    if not isinstance(error, (ValueError, FFmpegError)):
        return False
    return getattr(error, "errno", None) not in _MACHINE_ERRORS
