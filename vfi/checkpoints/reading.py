"""Reading of weight files without execution of any code in them.

Formats: ``torch.save`` since and before PyTorch 1.6, and safetensors. A pickle may refer to tensors, plain
values and the types of :func:`allowed_globals`; anything else is refused before it is called.
"""

from __future__ import annotations

import json
import re
import threading
import zipfile
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode

from vfi.checkpoints.families import common_prefix, recognise_keys
from vfi.errors import ModelError

Format = Literal["zip", "legacy", "safetensors"]
"""``torch.save`` since 1.6 (``zip``) and before (``legacy``), or safetensors."""

FORMAT_TITLES: dict[Format, str] = {
    "zip": "torch.save",
    "legacy": "torch.save before 1.6",
    "safetensors": "safetensors",
}

STATE_KEYS = ("model_state_dict", "state_dict", "model")
"""Entries of a container that may contain the weights, in the order of the search."""

_HEAD = 64  # bytes, enough for every signature below
_LARGEST_HEADER = 100_000_000  # bytes, the limit of safetensors itself
_UNKNOWN_FORMATS = (
    (b"<!doctype", "is a web page: the download gave a page instead of the file"),
    (b"<html", "is a web page: the download gave a page instead of the file"),
    (b"version https://git-lfs", "is a Git LFS pointer: download the file itself with git lfs pull"),
    (b"\x1f\x8b", "is a gzip archive: unpack it first"),
    (b"rar!", "is a RAR archive: unpack it first"),
    (b"7z\xbc\xaf", "is a 7-Zip archive: unpack it first"),
)
_NUMPY_TYPES = (
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
    "float16", "float32", "float64",
)  # fmt: skip
_REFUSED = re.compile(r"GLOBAL ([\w.]+)|but got <class '([\w.]+)'>")
_loading = threading.Lock()  # torch keeps its list of allowed types per process


@dataclass(frozen=True)
class RawCheckpoint:
    """Contents of a weight file, with its own key names."""

    path: Path
    format: Format
    container: str | None
    """Entry of :data:`STATE_KEYS` with the weights; None where they are not in a container."""
    state: Mapping[str, Tensor]
    """Tensors on the CPU, from :func:`read_header` on ``meta``."""
    entries: Mapping[str, object]
    """Other entries of the container."""


def allowed_globals() -> list[Any]:
    """Types that a pickle may refer to beside tensors and plain values: dates, and NumPy's numbers.

    EQVI's containers have both. NumPy 1 and 2 pickle a number under different names; both are read.
    """
    rebuild = cast("Any", np.float64(0).__reduce__())[0]
    return [
        datetime,
        (rebuild, "numpy.core.multiarray.scalar"),
        (rebuild, "numpy._core.multiarray.scalar"),
        np.dtype,
        *(type(np.dtype(name)) for name in _NUMPY_TYPES),
    ]


def detect_format(path: Path) -> Format | None:
    """The format of a weight file by its first bytes; None if it has none of them, or cannot be read.

    Args:
        path: File of any kind.
    """
    try:
        with path.open("rb") as file:
            return _format_of(file.read(_HEAD))
    except OSError:
        return None


def read_checkpoint(path: Path) -> RawCheckpoint:
    """Read a weight file safely.

    Args:
        path: Weight file of any name: a container or a bare state dict of ``torch.save``, or safetensors.

    Returns:
        The tensors and the container's other entries.

    Raises:
        ModelError: If the file is missing, empty, damaged, partly written, of another format, or has contents
            that are not allowed.
    """
    return _read(path, values=True)


def read_header(path: Path) -> RawCheckpoint:
    """Read the key names and shapes of a weight file without its values.

    Takes the same time for a file of a kilobyte and of a gigabyte. Damaged values are not detected.

    Args:
        path: Weight file, see :func:`read_checkpoint`.

    Returns:
        The contents of the file, with tensors on the ``meta`` device.

    Raises:
        ModelError: If the file cannot be read, see :func:`read_checkpoint`.
    """
    return _read(path, values=False)


def recognise_file(path: Path) -> str | None:
    """Recognise the family of a weight file by its keys, without reading its values.

    Args:
        path: Weight file.

    Returns:
        Name of the family; None if the keys belong to no family.

    Raises:
        ModelError: If the file cannot be read.
    """
    keys = list(read_header(path).state)
    prefix = len(common_prefix(keys))
    family = recognise_keys(key[prefix:] for key in keys)
    return family.name if family else None


def _read(path: Path, *, values: bool) -> RawCheckpoint:
    """Read a weight file, opened once; without values its tensors are on ``meta``."""
    if path.is_dir():
        raise ModelError(f"The checkpoint {path} is a folder: name the file in it.")
    try:
        with path.open("rb") as file:
            file_format = _require_format(path, file.read(_HEAD))
            if file_format == "safetensors":
                return RawCheckpoint(path, file_format, None, *_read_safetensors(path, values=values))
            file.seek(0)
            if file_format == "zip":
                _require_torch_archive(path, file)
            loaded = _read_pickle(path, file, values=values)
    except FileNotFoundError:
        raise ModelError(f"The checkpoint {path} does not exist.") from None
    except OSError as error:
        raise ModelError(f"The checkpoint {path} cannot be read: {error.strerror or error}.") from error
    container, state, entries = _find_state(loaded)
    if not state:
        raise ModelError(
            f"The checkpoint {path} contains no weights: a state dict is expected, bare or as one of "
            f"{', '.join(STATE_KEYS)}, but there is {_describe(loaded)}."
        )
    for name, tensor in state.items():
        _require_plain(path, name, tensor)
    if not values:
        state = {
            name: torch.empty(tensor.shape, dtype=tensor.dtype, device="meta")
            for name, tensor in state.items()
        }
    return RawCheckpoint(path, file_format, container, state, entries)


def _format_of(head: bytes) -> Format | None:
    if head.startswith(b"PK\x03\x04"):
        return "zip"
    if head.startswith(b"\x80") and len(head) > 1 and head[1] in (2, 3, 4, 5):  # a pickle and its protocol
        return "legacy"
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= _LARGEST_HEADER:
        return "safetensors"
    return None


def _require_format(path: Path, head: bytes) -> Format:
    """The format by the first bytes; a :class:`ModelError` states what the file is instead."""
    if not head:
        raise ModelError(f"The checkpoint {path} is empty: get or copy it again.")
    found = _format_of(head)
    if found is None:
        start = head.lstrip().lower()
        reason = next((text for mark, text in _UNKNOWN_FORMATS if start.startswith(mark)), None)
        reason = reason or "is no weight file (torch.save or safetensors is expected)"
        raise ModelError(f"The checkpoint {path} {reason}.")
    return found


def _read_safetensors(path: Path, *, values: bool) -> tuple[dict[str, Tensor], dict[str, object]]:
    """The tensors, and the metadata with JSON strings decoded."""
    try:
        with cast("Any", safe_open)(path, framework="pt", device="cpu") as file:
            names: list[str] = list(file.keys())
            if values:
                state = {name: file.get_tensor(name) for name in names}
            else:
                state = {name: torch.empty(file.get_slice(name).get_shape(), device="meta") for name in names}
            metadata: dict[str, str] = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise _damaged(path, error) from error
    return state, {name: _from_json(text) for name, text in metadata.items()}


def _from_json(text: str) -> object:
    """The mapping or list that a string encodes in JSON, else the string."""
    try:
        return json.loads(text) if text.startswith(("{", "[")) else text
    except (ValueError, RecursionError):
        return text


def _read_pickle(path: Path, file: BinaryIO, *, values: bool) -> object:
    """The object that ``torch.save`` wrote; without values its tensors are uninitialised."""
    try:
        with _loading:
            # On exit, torch removes all types given here, even those that the program had allowed before.
            before = cast("Any", torch.serialization).get_safe_globals()
            allowed = [each for each in allowed_globals() if each not in before]
            # Not skip_data: torch.load refuses it in torch 2.6.
            reading = nullcontext() if values else FakeTensorMode()
            with torch.serialization.safe_globals(allowed), reading:
                return torch.load(file, map_location="cpu", weights_only=True)
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


def _require_torch_archive(path: Path, file: BinaryIO) -> None:
    """Refuse valid zip archives without a pickle of tensors; torch reports damaged ones."""
    try:
        with zipfile.ZipFile(file) as archive:
            names = {name.rpartition("/")[2] for name in archive.namelist()}
    except Exception:  # a damaged directory can raise anything
        return
    finally:
        file.seek(0)
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
    """The name of the entry with the weights, the tensors, and the other entries."""
    if not isinstance(loaded, Mapping):
        return None, {}, {}
    mapping = cast("Mapping[object, object]", loaded)
    for key in STATE_KEYS:
        state = _as_state(mapping.get(key))
        if state:
            return key, state, {str(name): value for name, value in mapping.items() if name != key}
    return None, _as_state(mapping), {}


def _as_state(value: object) -> dict[str, Tensor]:
    """The value if it is a mapping of names to tensors, else an empty mapping."""
    if not isinstance(value, Mapping):
        return {}
    mapping = cast("Mapping[object, object]", value)
    state = {
        name: item for name, item in mapping.items() if isinstance(name, str) and isinstance(item, Tensor)
    }
    return state if len(state) == len(mapping) else {}


def _require_plain(path: Path, name: str, tensor: Tensor) -> None:
    """Refuse tensors that are not dense arrays, complete in memory."""
    on_cpu = tensor.device.type == "cpu" or isinstance(tensor, FakeTensor)
    plain = tensor.layout == torch.strided and on_cpu and not tensor.is_quantized
    if not plain or tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        raise ModelError(f"The checkpoint {path} is refused: its {name} is not a plain tensor.")


def _describe(loaded: object) -> str:
    """The description of a file's contents other than weights, for a message."""
    if not isinstance(loaded, Mapping):
        return f"a value of type {type(loaded).__name__}"
    names = [str(name) for name in cast("Mapping[object, object]", loaded)]
    return f"a mapping with {', '.join(names[:5])}{', ...' if len(names) > 5 else ''}" if names else "nothing"
