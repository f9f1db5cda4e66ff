"""Parser of the commands whose options are no configuration."""

from __future__ import annotations

import argparse
from typing import NoReturn

from vfi.errors import ConfigError


class CommandParser(argparse.ArgumentParser):
    """An ``ArgumentParser`` whose errors are those of vfi: one sentence, which the command line prints."""

    def __init__(self, prog: str, **options: object) -> None:
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(prog=prog, allow_abbrev=False, **options)  # pyright: ignore[reportArgumentType]

    def error(self, message: str) -> NoReturn:
        """Raise the message of argparse as an error.

        Args:
            message: Message of argparse, such as "unrecognized arguments: --x".

        Raises:
            ConfigError: Always.
        """
        raise ConfigError(f"{message[:1].upper()}{message[1:]}; see: {self.prog} --help")
