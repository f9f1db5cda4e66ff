"""``vfi``: the command line. Each command is a module with ``main(arguments) -> exit code``.

Mistakes of the user and of the input end in one sentence on the error output: exit code 2, 3 if the input
was damaged but what could be read is written, 130 after Ctrl-C, 143 after a request to end. ``--traceback``
(or the environment variable ``VFI_TRACEBACK``) shows where an error came from.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from types import FrameType

from vfi.cli.printing import escaped, print_any_letter
from vfi.errors import ConfigError, VfiError
from vfi.version import __version__

COMMANDS = {
    "interpolate": "put new frames between those of a video, a folder of images, or two images",
    "assemble": "make a film of a folder of images",
    "flow": "find the optical flow between two frames: .flo, KITTI's png, a colour image",
    "demo": "render a clip, leave out every second frame, make new ones, compare with the truth",
    "benchmark": "measure models and baselines on a data set",
    "motion": "measure how much a data set moves, and list its harder half",
    "models": "list the models",
    "checkpoints": "list, verify and convert files with weights",
    "info": "show versions, devices, backends and encoders",
}
INTERRUPTED, ENDED, INTERNAL_ERROR = 130, 143, 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: Without the program's name; None: those of this process.

    Returns:
        The exit code.
    """
    # Threads of torch that wait give way: spinning, they take the cores from decoder and encoder, which on
    # two busy cores made whole runs four times slower. Read when torch is imported, which comes later.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    print_any_letter()
    given = list(sys.argv[1:] if arguments is None else arguments)
    show_trace = "--traceback" in given or bool(os.environ.get("VFI_TRACEBACK"))
    given = [argument for argument in given if argument != "--traceback"]
    ended: list[int] = []
    try:
        with _end_like_interrupt(ended):
            return _run(given)
    except BrokenPipeError:  # whoever read our output has gone
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - stays open: Python flushes it at exit
        return INTERNAL_ERROR
    except (Exception, KeyboardInterrupt) as error:
        if show_trace:
            traceback.print_exception(error)
        message, code = _explain(error)
        print(f"vfi: {escaped(' '.join(message.split()))}", file=sys.stderr)
        return ENDED if ended else code


def _explain(error: BaseException) -> tuple[str, int]:
    """One sentence for the user, and the exit code."""
    if isinstance(error, VfiError):
        return str(error), error.exit_code
    if isinstance(error, KeyboardInterrupt):
        return str(error) or "Stopped.", INTERRUPTED
    # By name, because torch, whose own error this may be, need not be loaded.
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return "There is not enough memory: give --max-memory or a smaller --tile.", VfiError.exit_code
    if isinstance(error, ModuleNotFoundError):
        return (
            f"The package {error.name} is missing: install vfi with what it needs, "
            "such as by: python -m pip install -e ."
        ), VfiError.exit_code
    return f"internal error ({type(error).__name__}: {error}); --traceback shows where.", INTERNAL_ERROR


def _run(arguments: list[str]) -> int:
    """Find the command and run it."""
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(_usage())
        return 0 if arguments else 2
    if arguments[0] in ("-V", "--version"):
        print(f"vfi {__version__}")
        return 0
    command = arguments[0]
    if command not in COMMANDS:
        raise ConfigError(f"There is no command {command!r}: choose one of {', '.join(COMMANDS)}.")
    return import_module(f"vfi.cli.{command}").main(arguments[1:])


def _usage() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {text}" for name, text in COMMANDS.items()]
    return "\n".join(
        [
            "usage: vfi COMMAND ...",
            "",
            "Video frame interpolation: new frames between the old ones.",
            "",
            *lines,
            "",
            "vfi COMMAND --help lists the options. First steps: vfi interpolate holiday.mp4",
        ]
    )


@contextmanager
def _end_like_interrupt(received: list[int]) -> Iterator[None]:
    """Let a request to end (``kill``) stop the work as cleanly as Ctrl-C.

    Args:
        received: Gets the number of every signal that came.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        received.append(number)
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, stop)
    except ValueError:  # not in the main thread: whoever started us handles signals
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
