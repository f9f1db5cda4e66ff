"""The options of the commands: one schema for the command line, YAML files and Python."""

from vfi.config.assemble import AssembleConfig
from vfi.config.base import Configuration
from vfi.config.eqvi import OFFICIAL_MODELS
from vfi.config.interpolate import InterpolateConfig, load_config
from vfi.config.parsers import read_yaml

__all__ = [
    "OFFICIAL_MODELS",
    "AssembleConfig",
    "Configuration",
    "InterpolateConfig",
    "load_config",
    "read_yaml",
]
