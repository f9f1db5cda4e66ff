"""Files with weights, read without running any code that they may hold.

``torch.save`` (of today and from before 1.6) and safetensors. A pickle may name tensors, plain values and the
types of :func:`allowed_globals`; anything else is refused before it is called.
"""

from __future__ import annotations

import json
import re
import threading
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from vfi.checkpoints.families import common_prefix, recognise_keys
from vfi.checkpoints.sniff import Format, require_format
from vfi.errors import ModelError

STATE_KEYS = ("model_state_dict", "state_dict", "model")
"""Under which containers hold the weights."""

_NUMPY_TYPES = (
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
    "float16", "float32", "float64",
)  # fmt: skip
_REFUSED = re.compile(r"GLOBAL ([\w.]+)|but got <class '([\w.]+)'>")
_loading = threading.Lock()  # torch keeps its list of allowed types per process


@dataclass(frozen=True)
class RawCheckpoint:
    """What a file holds, under its own names."""

    path: Path
    format: Format
    container: str | None
    """The entry of :data:`STATE_KEYS` that holds the weights; None where they are not in a container."""
    state: Mapping[str, Tensor]
    """On the CPU."""
    entries: Mapping[str, object]
    """What else the container holds."""


def allowed_globals() -> list[Any]:
    """What a pickle may name beside tensors and plain values: dates, and NumPy's numbers.

    EQVI's containers hold both. NumPy 1 and 2 pickle a number under different names, and each reads both.
    """
    rebuild = cast("Any", np.float64(0).__reduce__())[0]
    return [
        datetime,
        (rebuild, "numpy.core.multiarray.scalar"),
        (rebuild, "numpy._core.multiarray.scalar"),
        np.dtype,
        *(type(np.dtype(name)) for name in _NUMPY_TYPES),
    ]


def read_checkpoint(path: Path) -> RawCheckpoint:
    """Read a file of weights safely.

    Args:
        path: A container or a bare state dict by ``torch.save``, or a safetensors file, whatever its name.

    Returns:
        Its tensors and what lies beside them.

    Raises:
        ModelError: it is missing, empty, damaged, partly written, something else, or holds what is not read.
    """
    file_format = require_format(path)
    if file_format == "safetensors":
        state, metadata = _read_safetensors(path)
        return RawCheckpoint(path, file_format, None, state, metadata)
    if file_format == "zip":
        _require_torch_archive(path)
    loaded = _read_pickle(path)
    container, state, entries = _find_state(loaded)
    if not state:
        raise ModelError(
            f"The checkpoint {path} holds no weights: a state dict is expected, bare or as one of "
            f"{', '.join(STATE_KEYS)}, but there is {_describe(loaded)}."
        )
    for name, tensor in state.items():
        _require_plain(path, name, tensor)
    return RawCheckpoint(path, file_format, container, state, entries)


def recognise_file(path: Path) -> str | None:
    """The family a file belongs to, by its keys.

    Args:
        path: Any file.

    Returns:
        The family's name; None if it is none of ours.

    Raises:
        ModelError: it cannot be read.
    """
    keys = list(read_checkpoint(path).state)
    prefix = len(common_prefix(keys))
    family = recognise_keys(key[prefix:] for key in keys)
    return family.name if family else None


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, object]]:
    """The tensors and the metadata, with those that are JSON text as values."""
    try:
        with cast("Any", safe_open)(path, framework="pt", device="cpu") as file:
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
            metadata: dict[str, str] = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise _damaged(path, error) from error
    return state, {name: _from_json(text) for name, text in metadata.items()}


def _from_json(text: str) -> object:
    """The mapping or list that a text is in JSON, else the text."""
    try:
        return json.loads(text) if text.startswith(("{", "[")) else text
    except (ValueError, RecursionError):
        return text


def _read_pickle(path: Path) -> object:
    try:
        with _loading:
            # Torch takes back what it is given here, even what the program itself had allowed before.
            before = cast("Any", torch.serialization).get_safe_globals()
            with torch.serialization.safe_globals([each for each in allowed_globals() if each not in before]):
                return torch.load(path, map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except Exception as error:  # a damaged or hostile pickle can raise anything
        text = str(error)
        refused = _REFUSED.search(text)
        if refused:
            name = refused[1] or refused[2]
            raise ModelError(
                f"The checkpoint {path} is refused, and nothing of it ran: it holds {name}, and only "
                "tensors, plain values, dates and NumPy numbers are read, since anything else could "
                "run code: get the file from its authors, or have its state dict alone saved."
            ) from error
        raise _damaged(path, error) from error


def _require_torch_archive(path: Path) -> None:
    """Refuse whole zip archives that hold no pickle of tensors; what is damaged is for torch to tell."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = {name.rpartition("/")[2] for name in archive.namelist()}
    except Exception:  # a damaged directory can raise anything
        return
    if "data.pkl" not in names:
        raise ModelError(f"The checkpoint {path} is a zip archive: unpack it first.")
    if "constants.pkl" in names:
        raise ModelError(f"The checkpoint {path} is a TorchScript program: its state dict is wanted instead.")


def _damaged(path: Path, error: Exception) -> ModelError:
    reason = str(error).strip().partition("\n")[0][:120].rstrip(".") or type(error).__name__
    return ModelError(
        f"The checkpoint {path} is damaged or only partly written: get or copy it again ({reason})."
    )


def _find_state(loaded: object) -> tuple[str | None, dict[str, Tensor], dict[str, object]]:
    """The name of the container's entry, the tensors, and the other entries."""
    if not isinstance(loaded, Mapping):
        return None, {}, {}
    mapping = cast("Mapping[object, object]", loaded)
    for key in STATE_KEYS:
        state = _as_state(mapping.get(key))
        if state:
            return key, state, {str(name): value for name, value in mapping.items() if name != key}
    return None, _as_state(mapping), {}


def _as_state(value: object) -> dict[str, Tensor]:
    """The mapping of names to tensors that a value is, or nothing."""
    if not isinstance(value, Mapping):
        return {}
    mapping = cast("Mapping[object, object]", value)
    state = {
        name: item for name, item in mapping.items() if isinstance(name, str) and isinstance(item, Tensor)
    }
    return state if len(state) == len(mapping) else {}


def _require_plain(path: Path, name: str, tensor: Tensor) -> None:
    """Refuse tensors that are not plain arrays of numbers in memory, whole."""
    plain = tensor.layout == torch.strided and tensor.device.type == "cpu" and not tensor.is_quantized
    if not plain or tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        raise ModelError(f"The checkpoint {path} is refused: its {name} is not a plain tensor.")


def _describe(loaded: object) -> str:
    """A few words on what a file holds instead of weights."""
    if not isinstance(loaded, Mapping):
        return f"a value of type {type(loaded).__name__}"
    names = [str(name) for name in cast("Mapping[object, object]", loaded)]
    return f"a mapping with {', '.join(names[:5])}{', ...' if len(names) > 5 else ''}" if names else "nothing"
