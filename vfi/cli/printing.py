"""Text for terminals and logs that cannot show every letter, and that some letters would command."""

from __future__ import annotations

import io
import sys


def print_any_letter() -> None:
    """Make standard output and standard error replace letters that their encoding lacks by escapes.

    Without it, a name with other letters ends a finished run in an error where only ASCII is known.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def escaped(text: str) -> str:
    """Return a line with its control characters, which terminals obey, written as escapes.

    Args:
        text: One line that may hold names of files.
    """
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)
