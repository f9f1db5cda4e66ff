"""From the command line to the configuration of a command, through jsonargparse.

What is typed overrides ``--set``, and that the files of ``--config``; of several files the last counts.
"""

from __future__ import annotations

import argparse
import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from jsonargparse import ArgumentParser

from vfi.config import Configuration, read_yaml
from vfi.config.base import AS_TYPED, add_options, sentence
from vfi.config.fields import options_of
from vfi.errors import ConfigError

Config = TypeVar("Config", bound=Configuration)

COMMON = {"config": "", "set": "", "print_config": "", "quiet": "-q", "json": "", "help": "-h"}
"""Options of every command that are no part of its configuration, and their short flags."""


@dataclass(frozen=True)
class Command(Generic[Config]):
    """A command whose options are those of a configuration."""

    config: type[Config]
    usage: str
    """The arguments without names, as the help shows them."""
    description: str
    examples: str
    files: tuple[str, ...]
    """Names of the options that the arguments without a name stand for."""
    few_files: str
    """What to say when there are more of them."""
    aliases: Mapping[str, str] = field(default_factory=dict[str, str])
    """Further flags, and the key that each gives."""
    answers: Mapping[str, str] = field(default_factory=dict[str, str])
    """What to say about keys of files that are no options of the command line."""


@dataclass(frozen=True)
class CommandLine(Generic[Config]):
    """What a command was asked to do."""

    config: Config
    progress: str
    """``"bar"``, ``"quiet"`` or ``"json"``."""
    print_config: bool
    """Show the resolved configuration instead of working."""


def parse_command_line(command: Command[Config], arguments: Sequence[str]) -> CommandLine[Config]:
    """Return what the arguments after ``vfi interpolate`` or the like ask for.

    Raises:
        ConfigError: If an option or key is unknown, a value makes no sense, or a file cannot be read.
        SystemExit: After ``--help``.
    """
    known = list(_spelled_out(command, arguments))
    try:
        given = build_parser(command).parse_args(known, defaults=False)
    except argparse.ArgumentError as error:
        raise _reworded(command, error) from error
    options = options_of(command.config)
    keys = {name: option.key for name, option in options.items()} | {key: key for key in _alias_keys(command)}
    typed = {name: given[key] for name, key in keys.items() if given.get(key) is not None}
    files = given.get("files") or []
    if len(files) > len(command.files):
        raise ConfigError(f"{files[len(command.files)]} is one file too many: {command.few_files}.")
    for name, value in zip(command.files, files, strict=False):
        if name in typed:
            raise ConfigError(f"{value} is one file too many: --{name} names one already.")
        typed[name] = value
    layers = [read_yaml(Path(file)) for file in given.get("config") or []]
    layers.append(dict(map(_assignment, given.get("set") or [])))
    progress = "json" if given.get("json") else "quiet" if given.get("quiet") else "bar"
    config = command.config.from_values(*layers, typed)
    return CommandLine(config, progress, bool(given.get("print_config")))


def build_parser(command: Command[Config]) -> ArgumentParser:
    """Return the parser of a command, made from the options of its configuration."""
    name = f"vfi {command.config.command}"
    parser = ArgumentParser(
        prog=name,
        usage=f"{name} {command.usage}",
        description=command.description,
        epilog=command.examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        print_config=None,  # its own would print before files and other layers are merged
        exit_on_error=False,
        parser_mode=AS_TYPED,
        allow_abbrev=False,  # an abbreviation would change its meaning with every new option
    )
    add = parser.add_argument
    add("files", nargs="*", metavar="INPUT", help=f"the same as --{command.files[0]}")
    add("--config", action="append", metavar="FILE", help="a YAML file with these options")
    add("--set", action="append", metavar="KEY=VALUE", help="any key of such a file, such as rate.fps=60")
    add("--print-config", action="store_true", help="show all options as YAML, and stop")
    add("-q", "--quiet", action="store_true", help="no progress bar")
    add("--json", action="store_true", help="progress as one JSON object per line")
    add_options(parser, command.config)
    for key in _alias_keys(command):
        flags = [flag for flag, meant in command.aliases.items() if meant == key]
        add(*flags, dest=key, help=argparse.SUPPRESS)
    return parser


def _alias_keys(command: Command[Config]) -> list[str]:
    return list(dict.fromkeys(command.aliases.values()))


def _spelled_out(command: Command[Config], arguments: Sequence[str]) -> Iterator[str]:
    """Yield the arguments with dashes in names and values behind switches, refusing unknown options.

    Raises:
        ConfigError: If an option is unknown.
    """
    options = options_of(command.config)
    short = {flag: name for name, option in options.items() for flag in option.flags}
    waiting = deque(arguments)
    while waiting:
        argument = waiting.popleft()
        if argument == "--":
            yield from (argument, *waiting)
            return
        flag, equals, value = argument.partition("=")
        name = short.get(flag) or flag.removeprefix("--").replace("-", "_")
        if flag.startswith("--") and not _is_flag(command, flag, name):
            raise _unknown(command, flag.removeprefix("--").replace("-", "_"))
        if (flag.startswith("--") or flag in short) and name in options:
            if options[name].is_switch and not equals:
                equals = "="
                value = waiting.popleft() if waiting and waiting[0] in ("true", "false") else "true"
            yield f"--{name.replace('_', '-')}{equals}{value}"
        else:
            yield flag.replace("_", "-") + equals + value if flag.startswith("--") else argument


def _is_flag(command: Command[Config], flag: str, name: str) -> bool:
    """Whether an argument that begins with two dashes names an option of the command line."""
    option = options_of(command.config).get(name)
    return (option is not None and option.on_command_line) or name in COMMON or flag in command.aliases


def _unknown(command: Command[Config], name: str) -> ConfigError:
    """Return the error for a flag that does not exist."""
    if name in command.answers:
        return ConfigError(f"There is no option --{name.replace('_', '-')}: {command.answers[name]}.")
    option = options_of(command.config).get(name)
    if option is not None:
        return ConfigError(f"There is no option --{name.replace('_', '-')}: give --set {option.key}=VALUE.")
    return command.config.unknown_key(name)


def _assignment(text: str) -> tuple[str, str]:
    """Return key and value of ``KEY=VALUE``.

    Raises:
        ConfigError: If there is no such sign or no key.
    """
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"--set {text}: write a key and a value, such as --set rate.fps=60.")
    return key.strip().replace("-", "_"), value


def _reworded(command: Command[Config], error: argparse.ArgumentError) -> ConfigError:
    """Return the error of the parser as one sentence."""
    heading, colon, rest = str(error).partition(": ")
    if heading.lower() == "unrecognized arguments" and colon:
        name = rest.split()[0]
        if name.startswith("-"):
            return command.config.unknown_key(name)
        return ConfigError(f"{name} must stand directly behind the first input.")
    reworded = sentence(error)
    if re.match("argument ", str(reworded)):
        return ConfigError(f"{str(reworded).rstrip('.')}; see: vfi {command.config.command} --help")
    return reworded
