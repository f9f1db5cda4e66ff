"""Reads and writes frames (videos, image folders, pairs, animations) with exact times, and flow files.

Public names are loaded when they are first used, so that importing a record does not load FFmpeg.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vfi.io.base import FrameSink, FrameSource, SinkOptions
    from vfi.io.files import natural_key
    from vfi.io.flow import known_vectors, read_flow, write_flow
    from vfi.io.frames import OutputFrame, SourceFrame, SourceInfo
    from vfi.io.open import find_clips, open_sink, open_source
    from vfi.io.pixels.picture import Picture
    from vfi.io.pixels.tags import ColorTags
    from vfi.io.write import write_video

_HOMES = {
    "ColorTags": "vfi.io.pixels.tags",
    "FrameSink": "vfi.io.base",
    "FrameSource": "vfi.io.base",
    "OutputFrame": "vfi.io.frames",
    "Picture": "vfi.io.pixels.picture",
    "SinkOptions": "vfi.io.base",
    "SourceFrame": "vfi.io.frames",
    "SourceInfo": "vfi.io.frames",
    "find_clips": "vfi.io.open",
    "known_vectors": "vfi.io.flow",
    "natural_key": "vfi.io.files",
    "open_sink": "vfi.io.open",
    "open_source": "vfi.io.open",
    "read_flow": "vfi.io.flow",
    "write_flow": "vfi.io.flow",
    "write_video": "vfi.io.write",
}

__all__ = [
    "ColorTags",
    "FrameSink",
    "FrameSource",
    "OutputFrame",
    "Picture",
    "SinkOptions",
    "SourceFrame",
    "SourceInfo",
    "find_clips",
    "known_vectors",
    "natural_key",
    "open_sink",
    "open_source",
    "read_flow",
    "write_flow",
    "write_video",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'vfi.io' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
