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
"""The clone that vfi runs from, where it does."""

CONVERTED = ".safetensors"
"""Suffix of a converted file beside the original."""


def checkpoint_folders() -> list[Path]:
    r"""The folders that are searched, in order; they need not exist.

    ``$VFI_CHECKPOINTS``, ``checkpoints`` in the working folder, ``checkpoints`` in the clone that vfi runs
    from, and the user's own: ``%LOCALAPPDATA%\vfi\checkpoints`` on Windows,
    ``~/Library/Application Support/vfi/checkpoints`` on macOS, elsewhere ``$XDG_DATA_HOME/vfi/checkpoints``
    (``~/.local/share/vfi/checkpoints``).
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
    """The file with these weights, if it lies in one of the folders.

    The folders are those of :func:`checkpoint_folders` and, where the authors have the file beside their
    scripts, the working folder and the clone itself. In each: the file at its place, else the safetensors
    file beside it, else the only checkpoint of the right family in the place's own folder, whatever its name.

    Args:
        spec: Description of the file.

    Returns:
        The file; None where there is none.

    Raises:
        ModelError: If several files in that folder would do.
    """
    for folder in _folders_for(spec):
        place = folder / spec.place
        for candidate in (place, place.with_suffix(CONVERTED)):
            if candidate.is_file():
                return candidate
        # Without a folder of its own, the file cannot be distinguished from those of other models.
        if len(spec.place.parts) > 1:
            found = _only_checkpoint(place.parent, spec.family)
            if found is not None:
                return found
    return None


def missing_checkpoint(subject: str, spec: CheckpointSpec) -> ModelError:
    """The error for weights that are in none of the folders: where to get them and where to put them.

    Args:
        subject: Beginning of the sentence, such as ``"The model eqvi.stage4"``.
        spec: Description of the missing file.

    Returns:
        The error, to be raised by the caller.
    """
    places = checkpoint_folders()
    named = bool(os.environ.get(FOLDER_VARIABLE))
    first = places[0] if named else next((folder for folder in places if folder.is_dir()), places[-1])
    return ModelError(
        f"{subject} needs its weights ({spec.description}): get them from {spec.page} and put the file at "
        f"{first / spec.place}, or name it by --checkpoint (checkpoint= in Python); folders searched: "
        f"{', '.join(map(str, _folders_for(spec)))}."
    )


def _folders_for(spec: CheckpointSpec) -> list[Path]:
    """The folders in which the place of this file is looked for, in order."""
    project = [Path.cwd(), *([CLONE] if (CLONE / "pyproject.toml").is_file() else [])]
    return list(dict.fromkeys([*checkpoint_folders(), *(project if spec.in_project else [])]))


def _only_checkpoint(folder: Path, family: str) -> Path | None:
    """The only checkpoint of this family in a folder; else one that cannot be read, for loading to report."""
    right: list[Path] = []
    unreadable: list[Path] = []
    for file in _checkpoint_files(folder):
        from vfi.checkpoints.reading import recognise_file  # here, because it loads torch

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
    """Files that begin like a checkpoint, sorted by name."""
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return
    if not entries:
        return
    from vfi.checkpoints.reading import detect_format  # here, because it loads torch

    for entry in entries:
        if not entry.name.startswith(".") and entry.is_file() and detect_format(entry) is not None:
            yield entry
