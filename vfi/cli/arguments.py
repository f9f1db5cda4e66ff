"""From the command line to the configuration of a command, through jsonargparse.

Options override ``--set``, which overrides the files of ``--config``; of several files the last one counts.
"""

from __future__ import annotations

import argparse
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

from jsonargparse import ArgumentParser

from vfi.config import Configuration, read_yaml
from vfi.config.base import add_options
from vfi.config.fields import SWITCH, options_of
from vfi.errors import ConfigError

Config = TypeVar("Config", bound=Configuration)


@dataclass(frozen=True)
class Command(Generic[Config]):
    """A command whose options are those of a configuration."""

    config: type[Config]
    usage: str
    """Positional arguments, as the help shows them."""
    description: str
    examples: str
    files: tuple[str, ...]
    """Names of the options for which the positional arguments stand."""
    few_files: str
    """Remedy if there are more of them."""


@dataclass(frozen=True)
class CommandLine(Generic[Config]):
    """A parsed command line."""

    config: Config
    progress: str
    """``"bar"``, ``"quiet"`` or ``"json"``."""
    print_config: bool
    """Whether the resolved configuration is printed instead of running the command."""


def parse_command_line(command: Command[Config], arguments: Sequence[str]) -> CommandLine[Config]:
    """Return the configuration that the arguments of a command give.

    Args:
        command: Command with its configuration.
        arguments: Arguments after the name of the command.

    Raises:
        ConfigError: If an option or key is unknown, a value is wrong, or a file cannot be read.
        SystemExit: If the arguments ask for the help.
    """
    try:
        parsed = build_parser(command).parse_args(list(_normalised(command, arguments)), defaults=False)
    except argparse.ArgumentError as error:
        raise _reworded(command, error) from error
    given: dict[str, Any] = {key: value for key, value in vars(parsed.as_flat()).items() if value is not None}
    files: list[str] = given.pop("files", [])
    if len(files) > len(command.files):
        raise ConfigError(f"{files[len(command.files)]} is one file too many: {command.few_files}.")
    layers = [read_yaml(Path(file)) for file in given.pop("config", [])]
    layers.append(dict(map(_assignment, given.pop("set", []))))
    progress, print_config = given.pop("progress", "bar"), given.pop("print_config", False)
    typed = command.config.flat(given)
    for name, value in zip(command.files, files, strict=False):
        if name in typed:
            raise ConfigError(f"{value} is one file too many: --{name} names one already.")
        typed[name] = value
    return CommandLine(command.config.from_values(*layers, typed), progress, print_config)


def build_parser(command: Command[Config]) -> ArgumentParser:
    """Return the parser of a command, built from the options of its configuration."""
    name = f"vfi {command.config.command}"
    parser = ArgumentParser(
        prog=name,
        usage=f"{name} {command.usage}",
        description=command.description,
        epilog=command.examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        print_config=None,  # its own would print before the layers are merged
        exit_on_error=False,
        allow_abbrev=False,  # an abbreviation would change its meaning with every new option
    )
    add = parser.add_argument
    add("files", nargs="*", metavar="INPUT", help=f"the same as --{command.files[0]}")
    add("--config", action="append", metavar="FILE", help="YAML file of options")
    add("--set", action="append", metavar="KEY=VALUE", help="any option of such a file, such as rate.fps=60")
    add("--print-config", action="store_true", help="print all options as YAML and exit")
    add = partial(add, action="store_const", dest="progress")
    add("-q", "--quiet", const="quiet", help="print no progress bar and no summary")
    add("--json", const="json", help="print the progress as JSON, one object per line")
    add_options(parser, command.config)
    return parser


def _normalised(command: Command[Config], arguments: Sequence[str]) -> Iterator[str]:
    """Yield the arguments with flags in their usual form, and with a value for every switch.

    ``--inter_frames`` becomes ``--inter-frames``; ``--rate.inter-frames`` becomes ``--rate.inter_frames``.
    """
    options = [option for option in options_of(command.config).values() if option.spelling is SWITCH]
    switches = {flag for option in options for flag in (*option.flags, f"--{option.key}")}
    waiting = deque(arguments)
    while waiting:
        argument = waiting.popleft()
        if argument == "--":
            yield from (argument, *waiting)
            return
        flag, equals, value = argument.partition("=")
        if flag.startswith("--"):
            name = flag[2:]
            flag = f"--{name.replace('-', '_') if '.' in name else name.replace('_', '-')}"
        if flag in switches and not equals:
            equals, value = "=", waiting.popleft() if waiting and waiting[0] in ("true", "false") else "true"
        yield f"{flag}{equals}{value}"


def _assignment(text: str) -> tuple[str, str]:
    """Return key and value of ``KEY=VALUE``."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"--set {text}: write a key and a value, such as --set rate.fps=60.")
    return key.strip().replace("-", "_"), value


def _reworded(command: Command[Config], error: argparse.ArgumentError) -> ConfigError:
    """Return the error of the parser as one sentence."""
    message = " ".join(str(error).split())
    heading, _, rest = message.partition(": ")
    if heading.lower() != "unrecognized arguments":
        return ConfigError(f"{message[:1].upper()}{message[1:]}; see: vfi {command.config.command} --help")
    name = rest.split()[0].partition("=")[0]
    if name.startswith("-"):
        return command.config.unknown_key(name)
    return ConfigError(f"{name} must directly follow the first input.")
