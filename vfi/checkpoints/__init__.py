"""Weight files: search, safe reading, recognition by keys, strict loading, conversion.

Public names are imported when they are first used: a search for files does not import torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vfi.checkpoints.loading import Checkpoint, load_weights, open_checkpoint
    from vfi.checkpoints.search import checkpoint_folders, find_checkpoint
    from vfi.checkpoints.specs import CheckpointSpec, Metric

_HOMES = {
    "Checkpoint": "vfi.checkpoints.loading",
    "CheckpointSpec": "vfi.checkpoints.specs",
    "Metric": "vfi.checkpoints.specs",
    "checkpoint_folders": "vfi.checkpoints.search",
    "find_checkpoint": "vfi.checkpoints.search",
    "load_weights": "vfi.checkpoints.loading",
    "open_checkpoint": "vfi.checkpoints.loading",
}

__all__ = [
    "Checkpoint",
    "CheckpointSpec",
    "Metric",
    "checkpoint_folders",
    "find_checkpoint",
    "load_weights",
    "open_checkpoint",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'vfi.checkpoints' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
