"""Conversion to safetensors: our key names, no duplicates, the container's other entries as metadata."""

from __future__ import annotations

import hashlib
import json
import math
import tempfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import numpy as np
from safetensors import SafetensorError
from safetensors import torch as safetensors_torch
from torch import Tensor

from vfi.checkpoints.loading import Checkpoint
from vfi.checkpoints.search import CONVERTED
from vfi.errors import ConfigError, OutputError
from vfi.version import __version__

LARGEST_ENTRY = 100_000
"""Characters of JSON; larger entries of a container are not converted."""

_BLOCK = 1 << 20  # bytes


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def write_converted(
    checkpoint: Checkpoint, state: Mapping[str, Tensor], output: Path, *, overwrite: bool = False
) -> list[str]:
    """Write weights as a safetensors file, completely or not at all.

    The metadata are ``family``, ``source`` (the file's name), ``source_sha256``, ``vfi_version`` and
    ``entries``, a JSON string of the container's other entries.

    Args:
        checkpoint: Opened file that the weights come from.
        state: Weights from :func:`vfi.checkpoints.loading.checked_state`.
        output: Path that ends in ``.safetensors``, in a folder that exists.
        overwrite: Whether an existing file may be replaced.

    Returns:
        Names of the container's entries that are not converted, such as optimiser states.

    Raises:
        ConfigError: If ``output`` has another suffix, or is the checkpoint itself.
        OutputError: If ``output`` exists, or cannot be written.
    """
    source = checkpoint.raw.path
    if output.suffix != CONVERTED:
        raise ConfigError(f"The name {output} must end in {CONVERTED}, the format that is written.")
    if output.exists():
        if output.samefile(source):
            raise ConfigError(f"{output} is the checkpoint itself: choose another name.")
        if not overwrite:
            raise OutputError(f"{output} exists: give --overwrite to replace it, or choose another name.")
    entries, left_out = keep_entries(checkpoint.raw.entries)
    metadata = {
        "format": "pt",  # what the safetensors library writes for torch
        "family": checkpoint.family.name,
        "source": source.name,
        "source_sha256": sha256_of(source),
        "vfi_version": __version__,
        "entries": json.dumps(entries, allow_nan=False),
    }
    try:
        with tempfile.TemporaryDirectory(dir=output.parent, prefix=f".{output.name}.") as folder:
            part = Path(folder, output.name)
            cast("Any", safetensors_torch).save_file(dict(state), part, metadata)
            part.replace(output)
    except (OSError, SafetensorError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or error
        raise OutputError(f"{output} cannot be written: {reason}.") from error
    return left_out


def keep_entries(entries: Mapping[str, object]) -> tuple[dict[str, object], list[str]]:
    """Select the entries of a container that JSON can hold.

    Args:
        entries: Entries of the container by name, such as epoch, date, losses.

    Returns:
        The entries as plain values (dates and numbers that are not finite as strings, NumPy's numbers as
        numbers), and the names of the other entries: those with tensors or foreign types, or very large ones.
    """
    kept: dict[str, object] = {}
    left_out: list[str] = []
    for name, value in entries.items():
        try:
            plain = _plain(value)
            if len(json.dumps(plain)) > LARGEST_ENTRY:
                raise TypeError("too large")
        except (TypeError, RecursionError):
            left_out.append(name)
        else:
            kept[name] = plain
    return kept, left_out


def _plain(value: object) -> object:
    """The value converted to types of JSON.

    Raises:
        TypeError: If JSON has no such type.
    """
    if isinstance(value, np.generic):
        value = cast("object", value.item())
    elif isinstance(value, Tensor) and value.numel() == 1:
        value = value.item()
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, Mapping):
        items = cast("Mapping[object, object]", value).items()
        return {str(name): _plain(item) for name, item in items}
    if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray)):
        return [_plain(item) for item in cast("Sequence[object]", value)]
    raise TypeError(f"JSON has no {type(value).__name__}")
