"""From the command line to :class:`~vfi.config.InterpolateConfig`, through jsonargparse.

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
from typing import Any

from jsonargparse import ArgumentParser

from vfi import options
from vfi.config import InterpolateConfig, read_yaml, unknown_key
from vfi.errors import ConfigError

FILES = ("input", "second")  # what the arguments without a name mean

EXAMPLES = """examples:
  vfi interpolate holiday.mp4                          twice the frame rate: holiday_x2.mp4
  vfi interpolate film.mkv -o film60.mkv --fps 60      any frame rate
  vfi interpolate goal.mp4 --slow-motion 4             four times slower, sound stretched
  vfi interpolate frames/ -o more/ --inter-frames 3    a folder of images
  vfi interpolate first.png second.png -o between/     two images
"""


@dataclass(frozen=True)
class CommandLine:
    """What ``vfi interpolate`` was asked to do."""

    config: InterpolateConfig
    progress: str
    """``"bar"``, ``"quiet"`` or ``"json"``."""
    print_config: bool
    """Show the resolved configuration instead of working."""


def parse_command_line(arguments: Sequence[str]) -> CommandLine:
    """Understand the arguments after ``vfi interpolate``.

    Raises:
        ConfigError: an unknown option or key, a value that makes no sense, an unreadable file.
        SystemExit: after ``--help``.
    """
    parser = build_parser()
    try:
        given = parser.parse_args([_with_dashes(argument) for argument in arguments])
    except argparse.ArgumentError as error:
        raise reword(str(error), arguments) from error
    values = {field.name: given[field.name] for field in dataclasses.fields(InterpolateConfig)}
    if len(given["files"]) > len(FILES):
        raise ConfigError(f"{given['files'][len(FILES)]} is one file too many: give one input or two images.")
    values.update(zip(FILES, given["files"], strict=False))
    _let_command_line_decide_amount(values, arguments)
    progress = "json" if given["json"] else "quiet" if given["quiet"] else "bar"
    return CommandLine(InterpolateConfig.from_values(values), progress, given["print_config"])


def build_parser() -> ArgumentParser:
    """The parser of ``vfi interpolate``, made from the fields of the configuration."""
    parser = ArgumentParser(
        prog="vfi interpolate",
        usage="vfi interpolate INPUT [SECOND] [-o OUTPUT] [options]",
        description="Put new frames between those of a video, a folder of images, or two images.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        print_config=None,  # its own would print the values as they were typed
        exit_on_error=False,
        allow_abbrev=False,  # an abbreviation would change its meaning with every new option
    )
    parser.add_argument("files", nargs="*", metavar="INPUT", help="the same as --input and --second")
    parser.add_argument("--config", action="config", metavar="FILE", help="a YAML file with these options")
    parser.add_argument("--print-config", action="store_true", help="show all options as YAML, and stop")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress bar")
    parser.add_argument("--json", action="store_true", help="progress as one JSON object per line")
    groups: dict[str, Any] = {}
    for field in dataclasses.fields(InterpolateConfig):
        title = field.metadata["group"]
        if title not in groups:
            groups[title] = parser.add_argument_group(title)
        _add_option(groups[title], field)
    return parser


def reword(message: str, arguments: Sequence[str] = ()) -> ConfigError:
    """Turn a message of the parser into one sentence for the user."""
    message = " ".join(message.split())
    if re.search("config", message) and (path := _config_path(arguments)) is not None:
        try:
            for key in read_yaml(path):
                if key not in _keys():
                    return unknown_key(key)
        except ConfigError as error:
            return error
    unknown = re.search(
        r"unrecognized arguments: (\S+)|option '([^']+)' is not accepted|key '([^']+)' is not expected",
        message,
        re.IGNORECASE,
    )
    if unknown is None:
        return ConfigError(f"{message.rstrip('.')}; see: vfi interpolate --help")
    name = next(group for group in unknown.groups() if group)
    if unknown[1] and not name.startswith("-"):
        return ConfigError(f"{name} must stand directly behind the first input.")
    name = name.lstrip("-").split("=")[0]
    if name.replace("-", "_") in _keys():  # an option that can only be turned off
        return ConfigError(f"--{name} is so by itself: only --no-{name} can be given.")
    return unknown_key(name)


def _add_option(group: Any, field: dataclasses.Field[Any]) -> None:
    """Declare one field; its value stays as it was typed, the configuration converts it."""
    dashed = field.name.replace("_", "-")
    text = field.metadata["help"]
    if field.metadata["parse"] is options.switch:
        flag, action = (f"--no-{dashed}", "store_false") if field.default else (f"--{dashed}", "store_true")
        group.add_argument(flag, dest=field.name, action=action, help=text)
        return
    rules: dict[str, Any] = {"help": text, "metavar": field.metadata["metavar"]}
    if field.metadata["parse"] is options.mapping:
        rules["type"] = dict[str, Any]
    group.add_argument(*field.metadata["flags"], f"--{dashed}", **rules)


def _let_command_line_decide_amount(values: dict[str, Any], arguments: Sequence[str]) -> None:
    """Of two options that exclude each other, drop the one that only the configuration file gives."""
    typed = {_with_dashes(argument).partition("=")[0] for argument in arguments}
    if "--fps" in typed and "--inter-frames" not in typed:
        values["inter_frames"] = None
    if "--inter-frames" in typed and "--fps" not in typed:
        values["fps"] = None


def _with_dashes(argument: str) -> str:
    """Accept ``--inter_frames``, the spelling of the configuration files, for ``--inter-frames``."""
    name, equals, value = argument.partition("=")
    return name.replace("_", "-") + equals + value if name.startswith("--") else argument


def _keys() -> set[str]:
    return {field.name for field in dataclasses.fields(InterpolateConfig)} | {"quiet", "json"}


def _config_path(arguments: Sequence[str]) -> Path | None:
    """The last configuration file named on the command line."""
    named = None
    for number, argument in enumerate(arguments):
        if argument.startswith("--config="):
            named = argument.partition("=")[2]
        elif argument == "--config" and number + 1 < len(arguments):
            named = arguments[number + 1]
    return Path(named) if named else None
