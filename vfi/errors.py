"""The errors vfi raises on purpose: each is one sentence that says what, where, and how to fix it.

Names of files come into the sentences as they are, so control characters are escaped here, for all of them.
The command line prints the sentence and exits with ``exit_code``; library callers catch
:class:`VfiError`. Anything else that escapes is a bug.
"""

import re

# Control characters, marks that reverse the direction of writing, and bytes of names that are no text.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: object) -> str:
    """The text with everything escaped that would act on a terminal or cannot be printed.

    Args:
        text: A message, or a name that goes into one.
    """
    return _UNPRINTABLE.sub(lambda match: ascii(match.group())[1:-1], str(text))


class VfiError(Exception):
    """Base of all deliberate errors. ``str(error)`` is one clear sentence for the user."""

    exit_code = 2

    def __init__(self, message: object = "") -> None:
        """Keep the sentence, with control characters escaped.

        Args:
            message: The sentence.
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
    """A run that shall be resumed has nothing left to do: its output is complete. No failure."""

    exit_code = 0


class DamagedInputError(InputError):
    """The input breaks off half-way: everything before the damage was used and written.

    Raised after the output was completed, so that the caller knows that it is shorter than asked for.
    """

    exit_code = 3


class Interrupted(KeyboardInterrupt):
    """The user stopped the run. ``str()`` says what was kept and how to go on."""
