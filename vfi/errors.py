"""The errors vfi raises on purpose: each is one sentence that says what, where, and how to fix it.

The command line prints the sentence and exits with ``exit_code``; library callers catch
:class:`VfiError`. Anything else that escapes is a bug.
"""


class VfiError(Exception):
    """Base of all deliberate errors. ``str(error)`` is one clear sentence for the user."""

    exit_code = 2


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
