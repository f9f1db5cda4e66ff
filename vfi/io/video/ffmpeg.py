"""Opens files with FFmpeg: safe file names, its log messages, and the meaning of its errors."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from pathlib import Path

import av
import av.logging
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError

# Errors of disk or machine, not of the streams that are written.
_MACHINE_ERRORS = frozenset(
    getattr(errno, name)
    for name in (
        "EACCES", "EDQUOT", "EEXIST", "EFBIG", "EINTR", "EIO", "EISDIR", "EMFILE", "ENFILE", "ENOENT",
        "ENOMEM", "ENOSPC", "ENOTDIR", "EPERM", "EPIPE", "EROFS",
    )
    if hasattr(errno, name)
)  # fmt: skip


def keep_from_python() -> None:
    """Make PyAV ignore the log messages of FFmpeg's threads; call it before codecs are opened.

    Once a level is set, PyAV's log callback waits for the interpreter's lock in the thread that logs, while a
    codec that is being closed waits for its threads and holds that lock: a deadlock. PyAV itself sets no
    level, but importing torchvision before 0.26 does. Failures are raised as exceptions in any case.
    """
    if av.logging.get_level() is not None:
        av.logging.set_level(None)


def file_url(path: Path) -> str:
    """The URL of a local file for FFmpeg.

    With an explicit protocol, colons and percent signs in the name have no special meaning.

    Args:
        path: Absolute or relative path.
    """
    return f"file:{path}"


def open_input(path: Path) -> InputContainer:
    """Open a media file for reading.

    Args:
        path: Media file.

    Raises:
        FFmpegError: If it cannot be read or is not a media file.
    """
    keep_from_python()
    return av.open(file_url(path), metadata_errors="replace")


def open_output(
    path: Path, container: str | None = None, options: Mapping[str, str] | None = None
) -> OutputContainer:
    """Open a media file for writing.

    Args:
        path: Media file, which is replaced if it exists.
        container: FFmpeg's name of the muxer; None: by the suffix.
        options: Options of the muxer.

    Raises:
        FFmpegError: If it cannot be written.
    """
    keep_from_python()
    return av.open(file_url(path), "w", format=container, container_options=dict(options or {}))


def is_refusal(error: Exception) -> bool:
    """Whether an error means that FFmpeg refuses its input; False for errors of disk or machine.

    Args:
        error: Exception raised by PyAV.
    """
    if not isinstance(error, (ValueError, FFmpegError)):
        return False
    return getattr(error, "errno", None) not in _MACHINE_ERRORS
