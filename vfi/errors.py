"""Errors that vfi raises deliberately: one sentence that says what is wrong, where, and how to fix it.

Sentences contain file names, so :class:`VfiError` escapes their control characters. The command line prints
the sentence and exits with ``exit_code``; callers of the library catch :class:`VfiError`. Any other exception
is a bug.
"""

import re

# Control characters, marks that change the direction of writing, and undecodable bytes of file names.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: object) -> str:
    """Return a text with escapes for all characters that act on a terminal or cannot be printed.

    Args:
        text: Message, or file name within one.
    """
    return _UNPRINTABLE.sub(lambda match: ascii(match.group())[1:-1], str(text))


class VfiError(Exception):
    """Base class of all deliberate errors; ``str(error)`` is one sentence for the user."""

    exit_code = 2

    def __init__(self, message: object = "") -> None:
        """Store the sentence with its control characters escaped.

        Args:
            message: Sentence for the user.
        """
        super().__init__(printable(message))


class InputError(VfiError):
    """The input cannot be used: missing, empty, of mixed sizes, without frames, not an image."""


class OutputError(VfiError):
    """The output cannot be written: exists, unwritable, disk full, a codec that refuses the format."""


class ConfigError(VfiError):
    """An option, a configuration key or a combination of options is wrong."""


class ModelError(VfiError):
    """A model or a checkpoint is unknown, missing, damaged, or does not fit."""


class AlreadyComplete(VfiError):
    """The output of a run to be resumed is already complete. The exit code reports success."""

    exit_code = 0


class DamagedInputError(InputError):
    """The input is damaged: only the part before the damage was processed and written.

    Raised after the output is complete, because the output is shorter than requested.
    """

    exit_code = 3


class Interrupted(KeyboardInterrupt):
    """The user stopped the run; ``str(error)`` states what was kept and how to resume."""
