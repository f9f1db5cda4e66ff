"""Output of the commands: every line goes through this module, which escapes what would act on a terminal."""

from __future__ import annotations

import io
import json
import logging
import sys
from typing import TextIO

from vfi.errors import printable


def escape_unencodable_letters() -> None:
    """Let standard output and standard error write letters that their encoding lacks as escapes.

    Otherwise a file name outside ASCII would end a completed run with an error on an ASCII terminal.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


class _LogPrinter(logging.Handler):
    """Prints the warnings of the library on standard error."""

    def emit(self, record: logging.LogRecord) -> None:
        print_lines(f"vfi: {record.getMessage()}", file=sys.stderr)


_LOG_PRINTER = _LogPrinter(logging.WARNING)


def print_warnings() -> None:
    """Print the warnings that the library logs, file names escaped, instead of leaving them to Python."""
    logging.getLogger("vfi").addHandler(_LOG_PRINTER)  # which adds it once


def print_lines(*lines: str, file: TextIO | None = None) -> None:
    """Print lines with their control characters escaped, newlines in file names included.

    Args:
        lines: Lines without the newline at their end.
        file: Stream to write to; None means standard output.
    """
    for line in lines:
        print(printable(line), file=file, flush=True)


def print_json(value: object, indent: int | None = None) -> None:
    """Print a value as JSON, in ASCII without control characters.

    Args:
        value: Mapping, list or plain value.
        indent: Number of spaces per level; None means one line.
    """
    print(json.dumps(value, indent=indent).replace("\x7f", "\\u007f"), flush=True)
