"""A lock on an output, kept by the operating system: it ends with its process, so a kill leaves no lock.

Written here rather than taken from ``filelock``, which never deletes its file, may truncate the
owner's record in older releases, and falls back to locks that outlive their process.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from vfi.errors import OutputError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_LOGGER = logging.getLogger(__name__)
_LOCKED_ERRORS = (errno.EAGAIN, errno.EACCES, errno.EWOULDBLOCK, errno.EDEADLK)
_UNSUPPORTED_ERRORS = (errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK)
_PROGRAM = "vfi lock"
_LONGEST_RECORD = 4096  # bytes
_LOCKED_BYTE = 1 << 30  # Windows refuses to read what is locked: a byte far behind the owner's record


class OutputLock:
    """The right to write one output. Its file names the process that holds it, and is deleted with it."""

    def __init__(self, path: Path, output: Path) -> None:
        """Name the lock; nothing is touched yet.

        Args:
            path: Lock file.
            output: Final file or folder that the lock guards, for messages.
        """
        self.path = path
        self.output = output
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock, or fail at once if another run has it.

        Raises:
            OutputError: If another run holds the lock, or if a file of another origin has its name.
            OSError: If the lock file cannot be created.
        """
        while self._descriptor is None:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
            try:
                self._try(descriptor)
                # Whoever held it before may have deleted the file after it was opened here.
                if _is_same_file(descriptor, self.path):
                    _write_owner(descriptor)
                    self._descriptor = descriptor
            finally:
                if self._descriptor is None:
                    os.close(descriptor)

    def release(self) -> None:
        """Delete the lock file and release the lock; does nothing where it is not held."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is None:
            return
        if sys.platform == "win32":  # which deletes no open file
            os.close(descriptor)
            with suppress(OSError):  # another run has taken it meanwhile
                self.path.unlink()
        else:
            with suppress(OSError):  # the whole folder may be gone
                if _is_same_file(descriptor, self.path):
                    self.path.unlink()
            os.close(descriptor)

    def _try(self, descriptor: int) -> None:
        try:
            _lock(descriptor)
        except OSError as error:
            if error.errno in _LOCKED_ERRORS:
                raise OutputError(
                    f"{self.output} is being written by another run{_owner(descriptor)}: wait for its end, "
                    "stop it, or choose another output."
                ) from None
            if error.errno not in _UNSUPPORTED_ERRORS:
                raise
            _LOGGER.warning("%s: the file system has no locks; a second run goes unnoticed", self.path)
        content = _read(descriptor)
        if content.strip(b"\0") and _parse(content) is None:
            raise OutputError(
                f"{self.path} is in the way and was not created by vfi: move it away or choose another "
                "output."
            )


def _lock(descriptor: int) -> None:
    if sys.platform == "win32":
        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _is_same_file(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


def _write_owner(descriptor: int) -> None:
    record = {"program": _PROGRAM, "process": os.getpid(), "host": socket.gethostname()}
    os.ftruncate(descriptor, 0)
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, json.dumps(record).encode())


def _read(descriptor: int) -> bytes:
    os.lseek(descriptor, 0, os.SEEK_SET)
    return os.read(descriptor, _LONGEST_RECORD)


def _parse(content: bytes) -> dict[str, Any] | None:
    """The owner's record, or None if it is not one."""
    try:
        record = json.loads(content)
    except ValueError:
        return None
    return record if isinstance(record, dict) and record.get("program") == _PROGRAM else None


def _owner(descriptor: int) -> str:
    """The holder of a lock for messages; empty where it has not written its record yet."""
    try:
        record = _parse(_read(descriptor))
    except OSError:
        record = None
    return "" if record is None else f" (process {record.get('process')} on {record.get('host')})"
