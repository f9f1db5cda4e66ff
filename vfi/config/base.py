"""Base class of the configurations of all commands: groups of options, read in layers and checked.

A configuration is a frozen dataclass of groups, and a group is one of options (:mod:`vfi.config.fields`)::

    @dataclass(frozen=True)
    class TrainConfig(Configuration):
        data: DataOptions = field(default_factory=DataOptions)
        train: TrainOptions = field(default_factory=TrainOptions)

``train.lr`` is then a key of files (nested, ``train: {lr: 1e-4}``, or flat, ``lr: 1e-4``), ``--lr`` and
``--set train.lr=1e-4`` on the command line, and ``lr=1e-4`` in Python. jsonargparse converts the values.
"""

from __future__ import annotations

import dataclasses
import difflib
from argparse import SUPPRESS
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, ClassVar, cast, get_type_hints

import yaml
from jsonargparse import ArgumentParser  # pyright: ignore[reportUnknownVariableType]
from typing_extensions import Self

from vfi.config import parsers
from vfi.config.fields import SWITCH, options_of
from vfi.errors import ConfigError, printable

_LEAST_SIMILARITY = 0.65
"""Smallest similarity of an unknown name and the option that is suggested for it."""


@dataclass(frozen=True)
class Configuration:
    """Base class of the configurations; the values of all groups are attributes of the whole too."""

    command: ClassVar[str]
    """Name of the command."""
    aliases: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """Further keys, which :meth:`translated` replaces, and their flags."""
    exclusive: ClassVar[tuple[tuple[str, ...], ...]] = ()
    """Alternative names, of which those in a later layer override those in earlier ones."""
    answers: ClassVar[Mapping[str, str]] = {}
    """Answers to names that are options of other programs."""

    @classmethod
    def from_values(cls, *layers: Mapping[str, object]) -> Self:
        """Return the configuration of values in any friendly spelling.

        Args:
            layers: Mappings of names to strings, numbers or converted values, nested in groups or flat. None
                means "not given". Later layers override earlier ones.

        Raises:
            ConfigError: If a name is unknown or a value is wrong.
        """
        values: dict[str, object] = {}
        for layer in layers:
            given = {name: value for name, value in cls.flat(layer).items() if value is not None}
            replaced = {name for names in cls.exclusive if given.keys() & names for name in names}
            values = {name: value for name, value in values.items() if name not in replaced} | given
        return cls._parsed(cls.translated(values))

    @classmethod
    def translated(cls, values: dict[str, object]) -> dict[str, object]:
        """Return flat values with the names of other programs replaced by those of the options.

        Args:
            values: Flat values as they were given.

        Raises:
            ConfigError: If two names of one option are given, or a name has no meaning here.
        """
        return values

    @classmethod
    def flat(cls, values: Mapping[str, object]) -> dict[str, object]:
        """Return values without groups: ``rate: {fps: 60}`` and ``rate.fps: 60`` become ``fps: 60``.

        Args:
            values: Values, nested in groups or flat.

        Raises:
            ConfigError: If a group has no such option or is no mapping.
        """
        options, groups = options_of(cls), {field.name for field in dataclasses.fields(cls)}
        flat: dict[str, object] = {}
        for key, value in values.items():
            inner: Mapping[object, object] = {key: value}
            if key in groups:
                if not isinstance(value, Mapping):
                    raise ConfigError(f"{key} is a group of options: write 'name: value' lines below it.")
                inner = cast("Mapping[object, object]", value)
            for name, item in inner.items():
                group, dot, name = (f"{key}.{name}" if key in groups else key).rpartition(".")
                if dot and (name not in options or options[name].group != group):
                    raise cls.unknown_key(f"{group}.{name}")
                flat[name] = item
        return flat

    def replace(self, **changes: object) -> Self:
        """Return a copy with other values of some options, checked again.

        Args:
            changes: Values by the names of options; None means "not given".
        """
        return self._parsed({**self._values(), **changes})

    def to_values(self) -> dict[str, object]:
        """Return all options by flat name, as plain values for YAML and JSON."""
        return {name: parsers.plain(value) for name, value in self._values().items()}

    def pixel_values(self) -> dict[str, object]:
        """Return the options that affect pixels as plain values: a run is resumed only with the same ones."""
        options = options_of(type(self))
        return {name: value for name, value in self.to_values().items() if options[name].affects_pixels}

    def to_yaml(self) -> str:
        """Return a configuration file, with groups, that gives these options again."""
        nested = parsers.plain(dataclasses.asdict(self))
        text = yaml.safe_dump(nested, sort_keys=False, allow_unicode=True)
        is_printable = all(line == printable(line) for line in text.split("\n"))
        return text if is_printable else yaml.safe_dump(nested, sort_keys=False)

    def __getattr__(self, name: str) -> Any:
        """Return the value of an option by its flat name: ``config.fps`` is ``config.rate.fps``."""
        declared = None if name.startswith("_") else options_of(type(self)).get(name)
        if declared is None:
            raise AttributeError(f"{type(self).__name__} has no option {name}")
        return getattr(getattr(self, declared.group), name)

    @classmethod
    def unknown_key(cls, name: str) -> ConfigError:
        """Return the error for an unknown name, with an answer or the most similar option.

        Args:
            name: Name as it was given: a key with or without a group, or a flag.
        """
        shown, options = parsers.shorten(name), options_of(cls)
        key = name.lstrip("-").replace("-", "_").rpartition(".")[2]
        near = difflib.get_close_matches(key[-64:], options, n=1, cutoff=_LEAST_SIMILARITY)
        if key in cls.answers:
            return ConfigError(f"There is no option {shown}: {cls.answers[key]}.")
        if key in options and not options[key].on_command_line:
            return ConfigError(f"There is no option {shown}: give --set {options[key].key}=VALUE.")
        if not near:
            return ConfigError(f"There is no option {shown}; see: vfi {cls.command} --help")
        similar = options[near[0]].flags[-1] if name.startswith("-") else near[0]
        return ConfigError(f"There is no option {shown}; did you mean {similar}?")

    def _values(self) -> dict[str, object]:
        return {name: getattr(self, name) for name in options_of(type(self))}

    @classmethod
    def _parsed(cls, values: Mapping[str, object]) -> Self:
        """Return the configuration of flat values by the names of options."""
        options = options_of(cls)
        for name in values.keys() - options:
            raise cls.unknown_key(name)
        given = {options[name].key: value for name, value in values.items() if value is not None}
        parsed = _option_parser(cls).parse_object(given)  # pyright: ignore[reportUnknownMemberType]
        groups = {field.name: get_type_hints(cls)[field.name] for field in dataclasses.fields(cls)}
        return cls(**{name: group(**vars(parsed[name])) for name, group in groups.items()})


def add_options(parser: ArgumentParser, config: type[Configuration]) -> None:
    """Declare the options of a configuration, under a heading of the help for each group.

    Args:
        parser: Parser to extend.
        config: Configuration with the groups.
    """
    groups = get_type_hints(config)
    headings: dict[str, Any] = {}
    for declared in options_of(config).values():
        if declared.group not in headings:
            title = (groups[declared.group].__doc__ or "").splitlines()[0].rstrip(".").lower()
            headings[declared.group] = parser.add_argument_group(title)  # pyright: ignore[reportUnknownMemberType]
        headings[declared.group].add_argument(
            *declared.flags,
            dest=declared.key,
            type=partial(declared.spelling, declared.name),
            default=declared.default,
            help=declared.help.replace("%", "%%") if declared.on_command_line else SUPPRESS,
            metavar=declared.spelling.metavar,
            **({"nargs": "?"} if declared.spelling is SWITCH else {}),
        )
    for key, flags in config.aliases.items():
        parser.add_argument(*flags, dest=key, help=SUPPRESS)  # pyright: ignore[reportUnknownMemberType]


@lru_cache
def _option_parser(config: type[Configuration]) -> ArgumentParser:
    """Return a parser of the options alone, for values that do not come from a command line."""
    parser = ArgumentParser(exit_on_error=False)
    add_options(parser, config)
    return parser
