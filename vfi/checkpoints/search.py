"""Search for weight files: the folders, in order, and the files that are accepted there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from platformdirs import user_data_path

from vfi.checkpoints.specs import CheckpointSpec
from vfi.errors import ModelError

FOLDER_VARIABLE = "VFI_CHECKPOINTS"
"""Environment variable that names a folder to search first."""

CLONE = Path(__file__).resolve().parents[2]
"""Folder of the clone that vfi is run from; in an installation it has no ``pyproject.toml``."""

CONVERTED = ".safetensors"
"""Suffix of a converted file beside the original."""


def checkpoint_folders() -> list[Path]:
    r"""The folders that are searched, in order; some may not exist.

    ``$VFI_CHECKPOINTS``, ``checkpoints`` in the working folder, ``checkpoints`` in the clone that vfi runs
    from, and the user's own: ``%LOCALAPPDATA%\vfi\checkpoints`` on Windows,
    ``~/Library/Application Support/vfi/checkpoints`` on macOS, elsewhere ``vfi/checkpoints`` in
    ``$XDG_DATA_HOME`` or its default by the XDG Base Directory Specification.
    """
    named = os.environ.get(FOLDER_VARIABLE)
    folders = [
        *([Path(named).expanduser()] if named else []),
        Path.cwd() / "checkpoints",
        *([CLONE / "checkpoints"] if (CLONE / "pyproject.toml").is_file() else []),
        user_data_path("vfi", appauthor=False) / "checkpoints",
    ]
    return list(dict.fromkeys(folders))


def find_checkpoint(spec: CheckpointSpec) -> Path | None:
    """Search the folders for a weight file.

    The folders are those of :func:`checkpoint_folders` and, where the authors have the file beside their
    scripts, the working folder and the clone itself. In each: the file at its path, else the safetensors
    file of this name, else the only checkpoint of the right family in the same folder, whatever its name.

    Args:
        spec: Description of the file.

    Returns:
        Path of the file; None if there is none.

    Raises:
        ModelError: If several files in a folder fit.
    """
    for folder in _folders_for(spec):
        path = folder / spec.path
        for candidate in (path, path.with_suffix(CONVERTED)):
            if candidate.is_file():
                return candidate
        # Without a folder of its own, the file cannot be distinguished from those of other models.
        if len(spec.path.parts) > 1:
            found = _only_checkpoint(path.parent, spec.family)
            if found is not None:
                return found
    return None


def missing_checkpoint(subject: str, spec: CheckpointSpec) -> ModelError:
    """The error for weights in none of the folders, with their source and a folder to put them in.

    Args:
        subject: Beginning of the sentence, such as ``"The model eqvi.stage4"``.
        spec: Description of the missing file.

    Returns:
        The error, which the caller raises.
    """
    folders = checkpoint_folders()
    named = bool(os.environ.get(FOLDER_VARIABLE))
    first = folders[0] if named else next((folder for folder in folders if folder.is_dir()), folders[-1])
    return ModelError(
        f"{subject} needs its weights ({spec.description}): get them from {spec.page} and put the file at "
        f"{first / spec.path}, or name it by --checkpoint (checkpoint= in Python); folders searched: "
        f"{', '.join(map(str, _folders_for(spec)))}."
    )


def _folders_for(spec: CheckpointSpec) -> list[Path]:
    """The folders that are searched for this file, in order."""
    project = [Path.cwd(), *([CLONE] if (CLONE / "pyproject.toml").is_file() else [])]
    return list(dict.fromkeys([*checkpoint_folders(), *(project if spec.in_project else [])]))


def _only_checkpoint(folder: Path, family: str) -> Path | None:
    """The only checkpoint of this family in a folder; else an unreadable one, which loading reports."""
    right: list[Path] = []
    unreadable: list[Path] = []
    for file in _checkpoint_files(folder):
        from vfi.checkpoints.reading import recognise_file  # here, because it imports torch

        try:
            if recognise_file(file) == family:
                right.append(file)
        except ModelError:
            unreadable.append(file)
    if len(right) > 1:
        names = ", ".join(file.name for file in right)
        raise ModelError(f"Several checkpoints in {folder} would do ({names}): name one by --checkpoint.")
    return next(iter(right or unreadable), None)


def _checkpoint_files(folder: Path) -> Iterator[Path]:
    """Files that begin like a weight file, sorted by name."""
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return
    if not entries:
        return
    from vfi.checkpoints.reading import detect_format  # here, because it imports torch

    for entry in entries:
        if not entry.name.startswith(".") and entry.is_file() and detect_format(entry) is not None:
            yield entry
