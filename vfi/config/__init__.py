"""The options of the commands: one schema for the command line, YAML files and Python."""

from vfi.config.commands import (
    OFFICIAL_MODELS,
    OTHER_SPELLINGS,
    RETIRED_KEYS,
    AssembleConfig,
    Configuration,
    InterpolateConfig,
    load_config,
    read_yaml,
)

__all__ = [
    "OFFICIAL_MODELS",
    "OTHER_SPELLINGS",
    "RETIRED_KEYS",
    "AssembleConfig",
    "Configuration",
    "InterpolateConfig",
    "load_config",
    "read_yaml",
]
