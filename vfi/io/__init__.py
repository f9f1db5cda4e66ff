"""Pictures in and out: videos, folders of images, pairs and animations, with exact times; files of flow.

Public names are loaded when they are first used, so that importing a record does not load FFmpeg.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vfi.io.color_tags import ColorTags
    from vfi.io.flow_color import flow_to_color
    from vfi.io.flow_files import known_vectors, read_flow, write_flow
    from vfi.io.names import natural_key
    from vfi.io.picture import Picture
    from vfi.io.reader import FrameSource
    from vfi.io.records import OutputFrame, SourceFrame, SourceInfo
    from vfi.io.sink import open_sink
    from vfi.io.source import find_clips, open_source
    from vfi.io.writer import FrameSink, SinkOptions

_HOMES = {
    "ColorTags": "vfi.io.color_tags",
    "FrameSink": "vfi.io.writer",
    "FrameSource": "vfi.io.reader",
    "OutputFrame": "vfi.io.records",
    "Picture": "vfi.io.picture",
    "SinkOptions": "vfi.io.writer",
    "SourceFrame": "vfi.io.records",
    "SourceInfo": "vfi.io.records",
    "find_clips": "vfi.io.source",
    "flow_to_color": "vfi.io.flow_color",
    "known_vectors": "vfi.io.flow_files",
    "natural_key": "vfi.io.names",
    "open_sink": "vfi.io.sink",
    "open_source": "vfi.io.source",
    "read_flow": "vfi.io.flow_files",
    "write_flow": "vfi.io.flow_files",
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
    "flow_to_color",
    "known_vectors",
    "natural_key",
    "open_sink",
    "open_source",
    "read_flow",
    "write_flow",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'vfi.io' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
