"""Video frame interpolation: synthesize new frames between the existing ones.

Public names are imported on first use, so that ``import vfi`` is quick:
:func:`load_model`, :func:`load_flow`, :func:`interpolate_video`, :func:`interpolate_frames`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vfi.version import __version__

if TYPE_CHECKING:
    from vfi.base.clip import interpolate_frames
    from vfi.interpolation import interpolate_video
    from vfi.registry import load_flow, load_model

__all__ = ["__version__", "interpolate_frames", "interpolate_video", "load_flow", "load_model"]

_MODULES = {
    "interpolate_frames": "vfi.base.clip",
    "interpolate_video": "vfi.interpolation",
    "load_flow": "vfi.registry",
    "load_model": "vfi.registry",
}


def __getattr__(name: str) -> Any:
    """Import a public name from its module on first use."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    """Return all names, imported or not."""
    return sorted([*globals(), *_MODULES])
