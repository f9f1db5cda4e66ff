"""From the command line to the configuration of a command, through jsonargparse.

Every field of the configuration becomes an option, and a key of the files that ``--config`` reads; what
comes later on the command line counts. Values are converted by the configuration itself, so that files,
command line and Python understand the same spellings.
"""

from __future__ import annotations

import argparse
import dataclasses
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from jsonargparse import ArgumentParser

from vfi.config import Configuration, parsers, read_yaml
from vfi.errors import ConfigError

Config = TypeVar("Config", bound=Configuration)


@dataclass(frozen=True)
class Command(Generic[Config]):
    """A command whose options are the fields of a configuration."""

    config: type[Config]
    usage: str
    """The arguments without names, as the help shows them."""
    description: str
    examples: str
    files: tuple[str, ...]
    """Names of the options that the arguments without a name stand for."""
    few_files: str
    """What to say when there are more of them."""
    exclusive: tuple[tuple[str, str], ...] = ()
    """Options of which one counts: what is typed goes before what a configuration file holds."""


@dataclass(frozen=True)
class CommandLine(Generic[Config]):
    """What a command was asked to do."""

    config: Config
    progress: str
    """``"bar"``, ``"quiet"`` or ``"json"``."""
    print_config: bool
    """Show the resolved configuration instead of working."""


def parse_command_line(command: Command[Config], arguments: Sequence[str]) -> CommandLine[Config]:
    """Understand the arguments after ``vfi interpolate`` or the like.

    Raises:
        ConfigError: an unknown option or key, a value that makes no sense, an unreadable file.
        SystemExit: after ``--help``.
    """
    parser = build_parser(command)
    try:
        given = parser.parse_args([_with_dashes(argument) for argument in arguments])
    except argparse.ArgumentError as error:
        raise reword(command.config, str(error), arguments) from error
    values = {field.name: given[field.name] for field in dataclasses.fields(command.config)}
    values.update({name: given[other] for other, name in command.config.spellings.items() if given[other]})
    if len(given["files"]) > len(command.files):
        raise ConfigError(f"{given['files'][len(command.files)]} is one file too many: {command.few_files}.")
    values.update(zip(command.files, given["files"], strict=False))
    _let_command_line_decide(command, values, arguments)
    progress = "json" if given["json"] else "quiet" if given["quiet"] else "bar"
    return CommandLine(command.config.from_values(values), progress, given["print_config"])


def build_parser(command: Command[Config]) -> ArgumentParser:
    """The parser of a command, made from the fields of its configuration."""
    name = f"vfi {command.config.command}"
    parser = ArgumentParser(
        prog=name,
        usage=f"{name} {command.usage}",
        description=command.description,
        epilog=command.examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        print_config=None,  # its own would print the values as they were typed
        exit_on_error=False,
        allow_abbrev=False,  # an abbreviation would change its meaning with every new option
    )
    same = " and ".join(f"--{name}" for name in command.files)
    parser.add_argument("files", nargs="*", metavar="INPUT", help=f"the same as {same}")
    parser.add_argument("--config", action="config", metavar="FILE", help="a YAML file with these options")
    parser.add_argument("--print-config", action="store_true", help="show all options as YAML, and stop")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress bar")
    parser.add_argument("--json", action="store_true", help="progress as one JSON object per line")
    groups: dict[str, Any] = {}
    for field in dataclasses.fields(command.config):
        title = field.metadata["group"]
        if title not in groups:
            groups[title] = parser.add_argument_group(title)
        _add_option(groups[title], field)
    for other in command.config.spellings:
        parser.add_argument(_flag(other), dest=other, action="store_true", help=argparse.SUPPRESS)
    return parser


def reword(config: type[Configuration], message: str, arguments: Sequence[str] = ()) -> ConfigError:
    """Turn a message of the parser into one sentence for the user."""
    message = " ".join(message.split())
    if re.search("config", message) and (path := _config_path(arguments)) is not None:
        try:
            for key in read_yaml(path):
                if key not in _keys(config):
                    return config.unknown_key(key)
        except ConfigError as error:
            return error
    unknown = re.search(
        r"unrecognized arguments: (\S+)|option '([^']+)' is not accepted|key '([^']+)' is not expected",
        message,
        re.IGNORECASE,
    )
    if unknown is None:
        return ConfigError(f"{message.rstrip('.')}; see: vfi {config.command} --help")
    name = next(group for group in unknown.groups() if group)
    if unknown[1] and not name.startswith("-"):
        return ConfigError(f"{name} must stand directly behind the first input.")
    name = name.lstrip("-").split("=")[0]
    if name.replace("-", "_") in _keys(config):  # an option that can only be turned off
        return ConfigError(f"--{name} is so by itself: only --no-{name} can be given.")
    return config.unknown_key(name)


def _add_option(group: Any, field: dataclasses.Field[Any]) -> None:
    """Declare one field; its value stays as it was typed, the configuration converts it."""
    text = field.metadata["help"].replace("%", "%%")  # argparse fills in what follows a single one
    if field.metadata["parse"] is parsers.switch:
        flag = _flag(f"no_{field.name}" if field.default else field.name)
        action = "store_false" if field.default else "store_true"
        group.add_argument(flag, dest=field.name, action=action, help=text)
        return
    rules: dict[str, Any] = {"help": text, "metavar": field.metadata["metavar"]}
    if field.metadata["parse"] is parsers.mapping:
        rules["type"] = dict[str, Any]
    group.add_argument(*field.metadata["flags"], _flag(field.name), **rules)


def _let_command_line_decide(command: Command[Any], values: dict[str, Any], arguments: Sequence[str]) -> None:
    """Of two options that exclude each other, drop the one that only the configuration file gives."""
    typed = {_with_dashes(argument).partition("=")[0] for argument in arguments}
    flags = {field.name: field.metadata["flags"] for field in dataclasses.fields(command.config)}
    given = {name for name, others in flags.items() if not typed.isdisjoint((_flag(name), *others))}
    for pair in command.exclusive:
        for kept, dropped in (pair, pair[::-1]):
            if kept in given and dropped not in given:
                values[dropped] = None


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _with_dashes(argument: str) -> str:
    """Accept ``--inter_frames``, the spelling of the configuration files, for ``--inter-frames``."""
    name, equals, value = argument.partition("=")
    return name.replace("_", "-") + equals + value if name.startswith("--") else argument


def _keys(config: type[Configuration]) -> set[str]:
    names = {field.name for field in dataclasses.fields(config)}
    return names | set(config.spellings) | {"quiet", "json"}


def _config_path(arguments: Sequence[str]) -> Path | None:
    """The last configuration file named on the command line."""
    named = None
    for number, argument in enumerate(arguments):
        if argument.startswith("--config="):
            named = argument.partition("=")[2]
        elif argument == "--config" and number + 1 < len(arguments):
            named = arguments[number + 1]
    return Path(named) if named else None
