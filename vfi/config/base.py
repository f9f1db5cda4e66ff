"""What the configurations of all commands share: from friendly values, files and Python to checked groups.

A configuration is a frozen dataclass of groups, and a group one of options (:mod:`vfi.config.fields`)::

    @dataclass(frozen=True)
    class TrainConfig(Configuration):
        data: DataOptions = field(default_factory=DataOptions)
        train: TrainOptions = field(default_factory=TrainOptions)

``train.lr`` is then a key of files (nested, ``train: {lr: 1e-4}``, or flat, ``lr: 1e-4``), ``--lr`` and
``--set train.lr=1e-4`` on the command line, and ``lr=1e-4`` in Python. jsonargparse converts the values.
"""

from __future__ import annotations

import argparse
import dataclasses
import difflib
from argparse import ArgumentError
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, cast, get_type_hints

import yaml
from jsonargparse import ArgumentParser, set_loader  # pyright: ignore[reportUnknownVariableType]
from typing_extensions import Self

from vfi.config import parsers
from vfi.config.fields import Option, SpellingError, options_of
from vfi.errors import ConfigError

AS_TYPED = "as typed"
"""Mode of jsonargparse in which values reach their spellings as they are, not as YAML reads them."""
set_loader(AS_TYPED, lambda typed: typed)

_LEAST_SIMILARITY = 0.65
"""Similarity of an unknown name and the option that is suggested for it, at least."""
_LARGEST_FILE = 1_000_000
"""Size in bytes of a configuration file, at most."""


@dataclass(frozen=True)
class Configuration:
    """Base of the configurations: groups of options, whose values are also attributes of the whole."""

    command: ClassVar[str]
    """Name of the command."""
    exclusive: ClassVar[tuple[tuple[str, ...], ...]] = ()
    """Names of which a file, a command line or a call gives one; that of the later layer counts."""
    answers: ClassVar[Mapping[str, str]] = {}
    """What to say about names that are no options but that other programs use."""

    @classmethod
    def from_values(cls, *layers: Mapping[str, object]) -> Self:
        """Return the configuration made from values in any friendly form.

        Args:
            layers: Mappings of names to strings, numbers or finished values, nested in groups or flat; None
                is "not given". Later layers override earlier ones.

        Raises:
            ConfigError: If a name is unknown or a value makes no sense.
        """
        values: dict[str, object] = {}
        for layer in layers:
            given = {name: value for name, value in cls.flat(layer).items() if value is not None}
            for names in cls.exclusive:
                if not given.keys().isdisjoint(names):
                    values = {name: value for name, value in values.items() if name not in names}
            values.update(given)
        return cls._parsed(cls.translated(values))

    @classmethod
    def translated(cls, values: dict[str, object]) -> dict[str, object]:
        """Return the values with other programs' names replaced by those of the options.

        Args:
            values: Flat values as they were given.

        Raises:
            ConfigError: If two names of one option are given, or a name is not used any more.
        """
        return values

    @classmethod
    def flat(cls, values: Mapping[str, object]) -> dict[str, object]:
        """Return values without groups: ``rate: {fps: 60}`` and ``rate.fps: 60`` become ``fps: 60``.

        Raises:
            ConfigError: If a group does not know an option or holds no mapping.
        """
        groups = {field.name for field in dataclasses.fields(cls)}
        flat: dict[str, object] = {}
        for key, value in values.items():
            group, dot, name = key.partition(".")
            if dot:
                value = {name: value}
            elif group not in groups:
                flat[key] = value
                continue
            if not isinstance(value, Mapping):
                raise ConfigError(f"{key} is a group of options: write 'name: value' lines below it.")
            for inner, item in cast("Mapping[object, object]", value).items():
                declared = options_of(cls).get(str(inner))
                if declared is None or declared.group != group:
                    raise cls.unknown_key(f"{group}.{inner}")
                flat[str(inner)] = item
        return flat

    def replace(self, **changes: object) -> Self:
        """Return a copy with other values of some options, checked again.

        Args:
            changes: Values by the names of options; None is "not given".
        """
        return self._parsed({**self._values(), **changes})

    def to_values(self) -> dict[str, object]:
        """Return every option by its flat name, as plain values that YAML and JSON can hold."""
        return {name: parsers.plain(value) for name, value in self._values().items()}

    def pixel_values(self) -> dict[str, object]:
        """Return the options that the written frames depend on, as plain values.

        A run is resumed only with the same ones. Each option says for itself whether it belongs here.
        """
        options = options_of(type(self))
        return {name: value for name, value in self.to_values().items() if options[name].affects_pixels}

    def to_yaml(self) -> str:
        """Return a configuration file, with groups, that gives these options again."""
        nested = _nested(type(self), self.to_values())
        return yaml.safe_dump(nested, sort_keys=False, allow_unicode=True)

    def __getattr__(self, name: str) -> Any:
        """Return the value of an option by its flat name: ``config.fps`` is ``config.rate.fps``."""
        declared = None if name.startswith("_") else options_of(type(self)).get(name)
        if declared is None:
            raise AttributeError(f"{type(self).__name__} has no option {name}")
        return getattr(getattr(self, declared.group), name)

    @classmethod
    def unknown_key(cls, name: str) -> ConfigError:
        """Return the error for a name that is no option, with the nearest one that is.

        Args:
            name: Name as it was given, with or without a group.
        """
        shown = parsers.shorten(name)
        key = name.replace("-", "_")
        if key in cls.answers:
            return ConfigError(f"There is no option {shown}: {cls.answers[key]}.")
        near = difflib.get_close_matches(key[-64:], options_of(cls), n=1, cutoff=_LEAST_SIMILARITY)
        hint = f"did you mean {near[0]}?" if near else f"see: vfi {cls.command} --help"
        return ConfigError(f"There is no option {shown}; {hint}")

    def _values(self) -> dict[str, object]:
        return {name: getattr(self, name) for name in options_of(type(self))}

    @classmethod
    def _parsed(cls, values: Mapping[str, object]) -> Self:
        """Return the configuration of flat values whose names are those of options."""
        given = {name: value for name, value in values.items() if value is not None}
        for name in values:
            if name not in options_of(cls):
                raise cls.unknown_key(name)
        nested = _nested(cls, given)
        try:
            parsed = _option_parser(cls).parse_object(nested)  # pyright: ignore[reportUnknownMemberType]
        except ArgumentError as error:
            raise sentence(error) from error
        groups = get_type_hints(cls)
        made = {
            field.name: groups[field.name](**vars(parsed[field.name])) for field in dataclasses.fields(cls)
        }
        return cls(**made)


def _nested(config: type[Configuration], values: Mapping[str, object]) -> dict[str, dict[str, object]]:
    """Return flat values in their groups."""
    nested: dict[str, dict[str, object]] = {}
    for name, value in values.items():
        nested.setdefault(options_of(config)[name].group, {})[name] = value
    return nested


def add_options(parser: ArgumentParser, config: type[Configuration]) -> None:
    """Declare the options of a configuration, in the groups of the help.

    Args:
        parser: Parser that gets them.
        config: Configuration with the groups.
    """
    groups = get_type_hints(config)
    sections: dict[str, Any] = {}
    for declared in options_of(config).values():
        if declared.group not in sections:
            title = (groups[declared.group].__doc__ or "").splitlines()[0].rstrip(".").lower()
            sections[declared.group] = parser.add_argument_group(title)  # pyright: ignore[reportUnknownMemberType]
        _add_option(sections[declared.group], declared)


def _add_option(section: Any, declared: Option) -> None:
    rules: dict[str, Any] = {"nargs": "?"} if declared.is_switch else {}
    section.add_argument(
        *declared.flags,
        f"--{declared.name.replace('_', '-')}" if declared.on_command_line else f"--{declared.key}",
        dest=declared.key,
        type=declared.registered_type,
        default=declared.default,
        help=declared.help.replace("%", "%%") if declared.on_command_line else argparse.SUPPRESS,
        metavar=declared.spelling.metavar,
        **rules,
    )


@lru_cache
def _option_parser(config: type[Configuration]) -> ArgumentParser:
    """Return a parser of the options alone, for values that do not come from a command line."""
    parser = ArgumentParser(exit_on_error=False, parser_mode=AS_TYPED)
    add_options(parser, config)
    return parser


def sentence(error: BaseException) -> ConfigError:
    """Return the error of an option inside that of jsonargparse, which wraps it in lines about types.

    Args:
        error: Error of the parser, caused by that of an option or not.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, SpellingError):
            return ConfigError(str(cause))
        cause = cause.__cause__ or cause.__context__
    return ConfigError(parsers.shorten(" ".join(str(error).split())).rstrip(".") + ".")


def read_yaml(path: Path) -> dict[str, object]:
    """Return the mapping in a YAML file, unchecked.

    Raises:
        ConfigError: If the file is missing, too large, or no YAML mapping.
    """
    shown = parsers.shorten(str(path), 500)
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_FILE + 1)
        if len(content) > _LARGEST_FILE:
            raise ConfigError(f"The configuration {shown} is larger than 1 MB: choose another file.")
        values = parsers.load_yaml(content.decode("utf-8"))
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) or "null byte" in str(error):
            reason = getattr(error, "strerror", None) or error
            raise ConfigError(f"Cannot read the configuration {shown}: {reason}.") from error
        reason = parsers.shorten(" ".join(str(error).split()), 200)
        raise ConfigError(f"The configuration {shown} is not YAML: {reason}.") from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(f"The configuration {shown} must hold lines of the form 'inter_frames: 3'.")
    return {str(key): value for key, value in cast("dict[object, object]", values).items()}
