"""Configuration of ``vfi assemble`` and :func:`vfi.jobs.assemble.assemble_video`."""

from __future__ import annotations

from dataclasses import dataclass, field

from vfi.config import options
from vfi.config.base import Configuration
from vfi.errors import ConfigError


@dataclass(frozen=True)
class AssembleConfig(Configuration):
    """Images to encode as a video, and how; all values are checked on construction."""

    command = "assemble"

    source: options.FolderOptions = field(default_factory=options.FolderOptions)
    result: options.FilmOptions = field(default_factory=options.FilmOptions)
    existing: options.ExistingOptions = field(default_factory=options.ExistingOptions)
    encoding: options.EncodingOptions = field(default_factory=options.EncodingOptions)

    def __post_init__(self) -> None:
        if self.source.input is None:
            raise ConfigError("No input: name a folder of images.")
