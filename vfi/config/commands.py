"""The options of the commands: one schema for the command line, YAML files and Python.

Every field of :class:`InterpolateConfig` is at once a key of a configuration file (``inter_frames: 3``), an
option of the command line (``--inter-frames 3``) and an argument of :func:`vfi.interpolate_video`. Values
may be written the friendly way (``fps="23.976"``, ``start="1:02:03.5"``, ``max_memory="8GB"``); see
:mod:`vfi.config.parsers` for what is understood. A wrong value or an unknown name raises
:class:`~vfi.errors.ConfigError` with one sentence. :class:`AssembleConfig` is the same for ``vfi assemble``.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

import yaml
from typing_extensions import Self

from vfi.config import options, parsers
from vfi.errors import ConfigError

RETIRED_KEYS = {
    "pwc_path": "the flow network comes with the model",
    "testset": "every folder of clips is read the same way",
}
"""Keys of EQVI's configuration files that have no meaning here, and why."""

OTHER_SPELLINGS = {"MS_test": "ms_test"}
"""Keys of EQVI's configuration files that are spelled differently here."""

OFFICIAL_MODELS = {"EQVI": "eqvi.stage123", "MS-Fusion": "eqvi.stage4"}
"""EQVI's names of its two networks, and a model of the same network. ``EQVI`` needs a checkpoint, which
decides about the weights: three of the released files hold that network."""

_LEAST_LIKENESS = 0.65  # between a wrong name and the option that is suggested for it


@dataclass(frozen=True)
class Configuration:
    """What all commands' options can do: be made from friendly values, and become plain ones again."""

    command: ClassVar[str]
    """Name of the command."""
    spellings: ClassVar[Mapping[str, str]] = {}
    """Other names of options, and the option that each means."""
    retired: ClassVar[Mapping[str, str]] = {}
    """Keys that files of others may hold but that have no meaning here, and why."""

    @classmethod
    def from_values(cls, values: Mapping[str, object]) -> Self:
        """The configuration from values in any friendly form.

        Args:
            values: From names of fields to strings, numbers or finished values; None is "not given".

        Raises:
            ConfigError: an unknown name, or a value that makes no sense.
        """
        fields = {field.name: field for field in dataclasses.fields(cls)}
        parsed: dict[str, Any] = {}
        for given, value in values.items():
            name = cls.spellings.get(given, given)
            if name not in fields:
                raise cls.unknown_key(given)
            if value is None:
                continue
            try:
                parsed[name] = fields[name].metadata["parse"](value)
            except (ValueError, TypeError, ZeroDivisionError) as error:
                raise ConfigError(f"{name}: {error}.") from error
        return cls(**parsed)

    def to_values(self) -> dict[str, object]:
        """Every option as plain strings, numbers, lists and mappings: what YAML and JSON can hold."""
        return {field.name: parsers.plain(getattr(self, field.name)) for field in dataclasses.fields(self)}

    def to_yaml(self) -> str:
        """A configuration file that gives these options again."""
        return yaml.safe_dump(self.to_values(), sort_keys=False, allow_unicode=True)

    @classmethod
    def unknown_key(cls, name: str) -> ConfigError:
        """The error for a name that is no option, with the nearest one that is."""
        if name in cls.retired:
            return ConfigError(
                f"The option {name} is not needed any more: {cls.retired[name]}; please remove it."
            )
        known = [field.name for field in dataclasses.fields(cls)]
        near = difflib.get_close_matches(name.replace("-", "_"), known, n=1, cutoff=_LEAST_LIKENESS)
        hint = f"did you mean {near[0]}?" if near else f"see: vfi {cls.command} --help"
        return ConfigError(f"There is no option {name}; {hint}")


# The groups of the last base come first: in files, and in the help.
@dataclass(frozen=True)
class InterpolateConfig(
    Configuration,
    options.ProtocolOptions,
    options.EnsembleOptions,
    options.DecisionOptions,
    options.ModelOptions,
    options.KeepingOptions,
    options.ResultOptions,
    options.EncodingOptions,
    options.OutputOptions,
    options.AmountOptions,
    options.InputOptions,
):
    """What to interpolate, how, and where to put it. All values are checked on construction."""

    command = "interpolate"
    spellings = OTHER_SPELLINGS
    retired = RETIRED_KEYS

    def __post_init__(self) -> None:
        _check_amount(self)
        _check_places(self)
        _check_numbers(self)
        _check_protocol(self)

    @property
    def ensemble(self) -> tuple[str, ...]:
        """The ensembles that are switched on."""
        names = [field.name for field in dataclasses.fields(options.EnsembleOptions)]
        return tuple(name for name in names if getattr(self, name))


@dataclass(frozen=True)
class AssembleConfig(Configuration, options.KeepingOptions, options.EncodingOptions, options.FolderOptions):
    """Which images to put together to a film, and how. All values are checked on construction."""

    command = "assemble"

    def __post_init__(self) -> None:
        if self.input is None:
            raise ConfigError("No input: name a folder of images.")
        if self.fps <= 0:
            raise ConfigError(f"fps is {self.fps}, but it must be above 0.")


def load_config(path: Path, **overrides: object) -> InterpolateConfig:
    """Read a configuration file.

    Args:
        path: A YAML file: a mapping of option names to values.
        overrides: Options that count instead of the file's.

    Raises:
        ConfigError: the file is missing, is no YAML mapping, or holds something wrong.
    """
    return InterpolateConfig.from_values({**read_yaml(path), **overrides})


def read_yaml(path: Path) -> dict[str, object]:
    """The mapping in a YAML file, unchecked.

    Raises:
        ConfigError: the file is missing or is no YAML mapping.
    """
    try:
        values: object = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"Cannot read the configuration {path}: {error.strerror or error}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"The configuration {path} is not YAML: {reason}.") from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(f"The configuration {path} must hold lines of the form 'inter_frames: 3'.")
    mapping: dict[Any, Any] = values  # pyright: ignore[reportUnknownVariableType]  # YAML has no types
    return {str(key): value for key, value in mapping.items()}


def _check_amount(config: InterpolateConfig) -> None:
    if config.inter_frames is not None and config.fps is not None:
        raise ConfigError("Give either inter_frames or fps, not both.")
    if config.inter_frames is not None and config.inter_frames < 1:
        raise ConfigError(f"inter_frames is {config.inter_frames}, but it must be 1 or more.")
    for name in ("fps", "slow_motion", "input_fps"):
        value: Fraction | None = getattr(config, name)
        if value is not None and value <= 0:
            raise ConfigError(f"{name} is {value}, but it must be above 0.")
    if config.start is not None and config.start < 0:
        raise ConfigError("start must not be negative: times count from the beginning of the input.")
    if config.end is not None and config.end <= (config.start or 0):
        raise ConfigError("end must be later than start.")


def _check_places(config: InterpolateConfig) -> None:
    if config.input is None and config.testset_root is None:
        raise ConfigError("No input: name a video, a folder of images, or two images.")
    if config.input is not None and config.testset_root is not None:
        raise ConfigError("Give either an input or testset_root, not both.")
    if config.output is not None and config.store_path is not None:
        raise ConfigError("Give either an output or store_path, not both.")
    if config.testset_root is not None and config.second is not None:
        raise ConfigError("A second image goes with a first one, not with testset_root.")


def _check_numbers(config: InterpolateConfig) -> None:
    if config.cut_threshold <= 0:
        raise ConfigError(f"cut_threshold is {config.cut_threshold}, but it must be above 0.")
    for name in ("tile", "max_memory"):
        value: int | None = getattr(config, name)
        if value is not None and value <= 0:
            raise ConfigError(f"{name} is {value}, but it must be above 0.")


def _check_protocol(config: InterpolateConfig) -> None:
    if any(config.mean) or any(value != 1 for value in config.std):
        raise ConfigError("mean must be 0 and std must be 1: all models take RGB from 0 to 1 as it is.")
    if config.naming != "generic" and config.fps is not None:
        raise ConfigError(f"naming: {config.naming} counts new images: give inter_frames instead of fps.")
    if config.model == "EQVI" and config.checkpoint is None:
        raise ConfigError(
            "EQVI is a network with several sets of weights: name their file as checkpoint, or choose the "
            "model eqvi.stage3, eqvi.stage123 or eqvi.stage123_vgg."
        )
