"""Fingerprints of runs: a run is resumed only if everything that its frames depend on is the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from vfi.base.ensemble import Ensemble
from vfi.base.weights import weights_hash
from vfi.version import __version__

if TYPE_CHECKING:
    from vfi.base.interpolator import Interpolator


def fingerprint(sources: list[Path], values: Mapping[str, object]) -> str:
    """Hash of everything that the frames of an output depend on.

    Args:
        sources: Files and folders that are read; each file counts by name, size and time of change.
        values: Everything else that the frames depend on, as plain JSON values.
    """
    identity = {
        "version": __version__,
        "source": [entry for source in sources for entry in file_identity(source)],
        **values,
    }
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def file_identity(path: Path) -> list[tuple[str, int, int]]:
    """Name, size and time of change of a file, or of every file in a folder."""
    files = sorted(entry for entry in path.iterdir() if entry.is_file()) if path.is_dir() else [path]
    stats = [(file.name, file.stat()) for file in files]
    return [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]


def model_identity(model: Interpolator) -> dict[str, object]:
    """Type, members, device, precision and weights of a model, as plain JSON values."""
    return {
        "model": [*model_names(model), model.device.type, str(model.precision)],
        "weights": weights_hash(model),
    }


def model_names(model: Interpolator) -> list[str]:
    """The model's type and, of an ensemble, its members."""
    if isinstance(model, Ensemble):
        return [*model_names(model.model), *map(str, model.members)]
    return [type(model).__qualname__]
