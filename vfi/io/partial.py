"""The unfinished output on disk: a locked, marked folder beside the final file or folder.

Everything that is computed is collected in ``NAME.part``. The folder is recognised by a marker file and by an
entry in its state; only files with names that this program gives are ever deleted. The finished result gets
its final name by one rename, before which the folder is marked: a run that is killed at any time leaves
either a complete output or a folder from which it can be resumed.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from vfi.errors import AlreadyComplete, ConfigError, OutputError
from vfi.io.lock import OutputLock

STATE_FILE = "state.json"
MARKER_FILE = "vfi-unfinished-output"
IMAGE_FOLDER = "images"
UNFINISHED = ".unfinished"
DECISIONS_FILE = "decisions.jsonl"
"""Journal of the job that writes the output, see :mod:`vfi.jobs.journal`."""
_PUBLISHING_FILE = "publishing.json"
_PROGRAM = "vfi unfinished output"
_VERSION = 2
_LAST_REMOVED = (STATE_FILE, _PUBLISHING_FILE, MARKER_FILE)
_OWN_FILE = re.compile(
    r"(\d{6,}\.(mkv|json)|\d{6,}|(state|publishing|animation)\.json|(joined|animation)\.\w+|(images|decisions)\.jsonl)"
    rf"({re.escape(UNFINISHED)})?|{MARKER_FILE}"
)
_OWN_IMAGE = re.compile(rf".*(\.(png|jpg|tif|webp)|{re.escape(UNFINISHED)})", re.DOTALL)
_CHUNK_BYTES = 1 << 20


class PartialFolder:
    """Folder of an unfinished output. From :meth:`begin` to :meth:`release` no other run can use it."""

    def __init__(self, output: Path, result: str) -> None:
        """Set the names; nothing is touched yet.

        Args:
            output: Final file or folder.
            result: Name, inside the folder, of the file or folder that becomes the output.
        """
        self.output = output
        self.path = partial_path(output)
        self.result = self.path / result
        self._lock = OutputLock(_lock_path(output), output)

    def begin(self, identity: Mapping[str, Any], *, resume: bool, overwrite: bool) -> None:
        """Lock the output and prepare the folder: empty, or with the work of an interrupted run.

        Args:
            identity: JSON values that must be equal for a run to be resumed.
            resume: Whether to resume an interrupted run, if there is one.
            overwrite: Whether an existing output may be replaced.

        Raises:
            AlreadyComplete: If ``resume`` finds the output complete.
            OutputError: If another run writes there, the output exists, or a folder of other origin is in
                the way.
            ConfigError: If the interrupted run had other settings, or its state is damaged.
        """
        self.output.parent.mkdir(parents=True, exist_ok=True)
        self._lock.acquire()
        with self.released_on_error():
            self._prepare({"program": _PROGRAM, "version": _VERSION, **identity}, resume, overwrite)

    @property
    def is_moving(self) -> bool:
        """Whether a run was interrupted while its complete result was given its final place."""
        return (self.path / _PUBLISHING_FILE).exists() and self.result.exists()

    def mark_moving(self) -> None:
        """Record that the result is complete and is about to get its final name."""
        write_json(self.path / _PUBLISHING_FILE, {"result": self.result.name})

    def publish(self) -> None:
        """Give the result its final name by one rename, and delete everything else."""
        self.mark_moving()
        self.result.replace(self.output)
        synchronise_folder(self.output.parent)
        self.clear()

    def move_into_output(self, name: str) -> None:
        """Move one file of a result that is a folder into the output, an existing folder.

        Args:
            name: Name of the file; a file that has been moved already is skipped.
        """
        file, target = self.result / name, self.output / name
        if not file.exists():
            return
        try:
            file.replace(target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            # The output is a mounted disk: copy beside the final name, then rename.
            copy = target.with_name(f"{name}{UNFINISHED}")
            shutil.copyfile(file, copy)
            synchronise(copy)
            copy.replace(target)
            file.unlink()

    def clear(self) -> None:
        """Delete everything in the folder that has one of our names, then the folder if it is empty."""
        if not self.path.is_dir():
            return
        own = [path for path in self.path.iterdir() if _OWN_FILE.fullmatch(path.name)]
        for path in own:
            if path.name not in _LAST_REMOVED:
                path.unlink()
        images = self.path / IMAGE_FOLDER
        if images.is_dir():
            for path in images.iterdir():
                if _OWN_IMAGE.fullmatch(path.name):
                    path.unlink()
            images.rmdir()
        for name in _LAST_REMOVED:  # the files by which the folder is recognised go last
            (self.path / name).unlink(missing_ok=True)
        with suppress(OSError):  # it contains a file of the user
            self.path.rmdir()

    def release(self) -> None:
        """Unlock the output; may be called twice."""
        self._lock.release()

    @contextmanager
    def released_on_error(self) -> Iterator[None]:
        """Unlock the output if the block fails, such as the rest of opening a sink."""
        try:
            yield
        except BaseException:
            self.release()
            raise

    def _prepare(self, state: dict[str, Any], resume: bool, overwrite: bool) -> None:
        state = json.loads(json.dumps(state))
        found = self._find_state()
        present = is_filled(self.output)
        begun = found is not None or (self.path / _PUBLISHING_FILE).exists()
        if resume and present and self._was_published():
            self.clear()
            raise AlreadyComplete(f"{self.output} is complete; the remains of the work on it are deleted.")
        if resume and present and not begun and not overwrite:
            self.clear()
            raise AlreadyComplete(
                f"{self.output} is complete: there is nothing to resume; give --overwrite to repeat it."
            )
        entering = self.output.is_dir() and self.is_moving  # overwriting was allowed before
        if present and not overwrite and not (resume and entering and found == state):
            raise OutputError(self._exists_message(begun=begun and resume))
        if resume and found == state:
            if not self.result.is_dir():
                (self.path / _PUBLISHING_FILE).unlink(missing_ok=True)  # the result is written again
            return
        if resume and found is not None:
            raise ConfigError(self._other_settings_message(found))
        self._start_over(state)

    def _start_over(self, state: Mapping[str, Any]) -> None:
        foreign = next(self._foreign_files(), None)
        if foreign is not None:
            raise OutputError(
                f"{foreign} is in the way and was not created by vfi: move it away or choose another output."
            )
        self.clear()
        self.path.mkdir(exist_ok=True)
        (self.path / MARKER_FILE).touch()
        write_json(self.path / STATE_FILE, state)

    def _find_state(self) -> dict[str, Any] | None:
        """The state of an interrupted run, empty where it is damaged; None if there is no such run.

        Raises:
            OutputError: If something of other origin has the folder's name.
        """
        if not self.path.exists() and not self.path.is_symlink():
            return None
        ours = self.path.is_dir() and not self.path.is_symlink()
        marked = ours and (self.path / MARKER_FILE).is_file()
        file = self.path / STATE_FILE
        if ours and marked and not file.exists():
            return None
        if ours and not marked and not any(self.path.iterdir()):
            return None
        state = read_json(file) if marked else None
        if isinstance(state, dict) and state.get("program") == _PROGRAM:
            return state
        if marked and not isinstance(state, dict):
            return {}
        raise OutputError(
            f"{self.path} is in the way and was not created by vfi: move it away or choose another output."
        )

    def _was_published(self) -> bool:
        """Whether an interrupted run got as far as giving the result its final name."""
        mark = read_json(self.path / _PUBLISHING_FILE)
        return isinstance(mark, dict) and mark.get("result") == self.result.name and not self.result.exists()

    def _foreign_files(self) -> Iterator[Path]:
        """The paths in the folder whose names this program does not give."""
        if self.path.is_dir():
            images = self.path / IMAGE_FOLDER
            own_folder = images.is_dir() and not images.is_symlink()
            for path in self.path.iterdir():
                if not (_OWN_FILE.fullmatch(path.name) or (path == images and own_folder)):
                    yield path
            if own_folder:
                yield from (path for path in images.iterdir() if not _OWN_IMAGE.fullmatch(path.name))

    def _exists_message(self, *, begun: bool) -> str:
        if self.output.is_dir():
            return f"{self.output} is not empty: give --overwrite to write into it, or choose another name."
        if begun:
            return (
                f"{self.output} exists: give --overwrite and --resume to replace it by the result of the "
                "interrupted run, or choose another name."
            )
        return f"{self.output} exists: give --overwrite to replace it, or choose another name."

    def _other_settings_message(self, found: Mapping[str, Any]) -> str:
        if not found:
            return f"The state in {self.path / STATE_FILE} is damaged: leave --resume out to start over."
        if found.get("version") != _VERSION:
            return f"{self.path} was created by another version of vfi: leave --resume out to start over."
        return (
            f"{self.path} was created with other settings or another input: give the same ones to "
            "resume it, or leave --resume out to start over."
        )


def partial_path(output: Path) -> Path:
    """The folder in which the unfinished ``output`` is collected."""
    return output.with_name(output.name + ".part")


def _lock_path(output: Path) -> Path:
    """The lock file of an unfinished ``output``."""
    return output.with_name(output.name + ".part.lock")


def require_same_work(folder: Path, other: Path) -> None:
    """Verify that two unfinished outputs contain frames of the same input and settings.

    Args:
        folder: Folder of one unfinished output.
        other: Folder of the other unfinished output.

    Raises:
        OutputError: If their states differ or are missing.
    """
    state = read_json(folder / STATE_FILE)
    if state is None or state != read_json(other / STATE_FILE):
        raise OutputError(
            f"{folder} holds frames of other settings or another input than {other}: join only parts of the "
            "same work."
        )


def is_complete(output: Path) -> bool:
    """Whether a finished output exists, without the remains of an interrupted run beside it.

    Args:
        output: Final file or folder.
    """
    remains = partial_path(output), _lock_path(output)
    return is_filled(output) and not any(path.exists() for path in remains)


def is_filled(output: Path) -> bool:
    """Whether a file or a folder that is not empty has this name."""
    return any(output.iterdir()) if output.is_dir() else output.exists()


def file_record(path: Path) -> dict[str, Any]:
    """Size in bytes and SHA-256 of a file, for :func:`matches_record`."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
            size += len(chunk)
    return {"size": size, "sha256": digest.hexdigest()}


def matches_record(path: Path, record: Mapping[str, Any]) -> bool:
    """Whether a file exists and has the recorded size and content.

    Args:
        path: File, which may be missing.
        record: Record with the entries ``size`` and ``sha256``; others are ignored.
    """
    try:
        if path.stat().st_size != record.get("size"):
            return False
        return file_record(path)["sha256"] == record.get("sha256")
    except OSError:
        return False


def read_json(path: Path) -> Any:
    """The content of a JSON file; None if it is missing, damaged, or not JSON."""
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return None


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file, whole or not at all."""
    unfinished = path.with_name(path.name + UNFINISHED)
    unfinished.write_text(json.dumps(content), "utf-8")
    synchronise(unfinished)
    unfinished.replace(path)


def synchronise(path: Path) -> None:
    """Wait until a file's content is on the disk, so that its renaming cannot overtake it."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def synchronise_folder(path: Path) -> None:
    """Wait until the names in a folder are on the disk, where the system can do that."""
    if sys.platform == "win32":
        return
    with suppress(OSError):  # some network file systems cannot, and need not
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
