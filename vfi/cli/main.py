"""``vfi``: the command line. Each command is a module with ``main(arguments) -> exit code``.

Errors are one sentence on standard error. The exit code is 2, or 3 if the input was damaged and everything
before the damage was written, 130 after Ctrl-C, and 143 after SIGTERM. ``--traceback`` (or the environment
variable ``VFI_TRACEBACK``) prints the traceback of an error.
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

from vfi.cli.printing import escape_unencodable_letters, print_lines, print_warnings
from vfi.errors import ConfigError, VfiError
from vfi.version import __version__

COMMANDS = {
    "interpolate": "interpolate frames of a video, a folder of images, or two images",
    "assemble": "encode a folder of images as a video",
    "flow": "estimate the optical flow between two frames: .flo, KITTI .png, colour-coded image",
    "demo": "render a clip, interpolate every second frame, and compare with the ground truth",
    "benchmark": "measure models and baselines on a data set",
    "motion": "measure how much a data set moves, and list its harder half",
    "models": "list the models",
    "checkpoints": "list, verify and convert files of model weights",
    "info": "show versions, devices, backends, encoders and active fallbacks",
}
INTERRUPTED, ENDED, INTERNAL_ERROR = 130, 143, 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Args:
        arguments: Arguments after the name of the program; None means those of this process.
    """
    # Waiting threads of torch must not spin: they would take the cores from the decoder and the encoder, and
    # runs on two busy cores took four times as long. torch reads this when it is imported, later.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    escape_unencodable_letters()
    print_warnings()
    given = list(sys.argv[1:] if arguments is None else arguments)
    show_trace = "--traceback" in given or bool(os.environ.get("VFI_TRACEBACK"))
    given = [argument for argument in given if argument != "--traceback"]
    ended: list[int] = []
    try:
        with _end_like_interrupt(ended):
            return _run(given)
    except BrokenPipeError:  # the reader of our output has closed it
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - stays open: Python flushes it at exit
        return INTERNAL_ERROR
    except (Exception, KeyboardInterrupt) as error:
        if show_trace:
            print_lines(*"".join(traceback.format_exception(error)).split("\n"), file=sys.stderr)
        message, code = _explain(error)
        print_lines(f"vfi: {message}", file=sys.stderr)
        return ENDED if ended else code


def _explain(error: BaseException) -> tuple[str, int]:
    """Return one sentence for the user, and the exit code."""
    if isinstance(error, VfiError):
        return str(error), error.exit_code
    if isinstance(error, KeyboardInterrupt):
        return str(error) or "Stopped.", INTERRUPTED
    # By name: the error may be one of torch, which is not imported here.
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return "There is not enough memory: give --max-memory or a smaller --tile.", VfiError.exit_code
    if isinstance(error, ModuleNotFoundError):
        return (
            f"The package {error.name} is missing: install vfi with its dependencies, "
            "such as with: python -m pip install -e ."
        ), VfiError.exit_code
    reason = " ".join(f"{type(error).__name__}: {error}".split())
    return f"internal error ({reason}); --traceback shows where.", INTERNAL_ERROR


def _run(arguments: list[str]) -> int:
    """Run the command that the first argument names, and return its exit code."""
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print_lines(*_usage())
        return 0 if arguments else 2
    if arguments[0] in ("-V", "--version"):
        print_lines(f"vfi {__version__}")
        return 0
    command = arguments[0]
    if command not in COMMANDS:
        raise ConfigError(f"There is no command {command!r}: choose one of {', '.join(COMMANDS)}.")
    return import_module(f"vfi.cli.{command}").main(arguments[1:])


def _usage() -> list[str]:
    width = max(map(len, COMMANDS))
    return [
        "usage: vfi COMMAND ...",
        "",
        "Video frame interpolation: synthesize new frames between the existing ones.",
        "",
        *(f"  {name:<{width}}  {text}" for name, text in COMMANDS.items()),
        "",
        "vfi COMMAND --help lists the options. First steps: vfi interpolate holiday.mp4",
    ]


@contextmanager
def _end_like_interrupt(received: list[int]) -> Iterator[None]:
    """Let SIGTERM stop the work as cleanly as Ctrl-C.

    Args:
        received: List to which the number of every received signal is appended.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        received.append(number)
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, stop)
    except ValueError:  # not in the main thread: the caller handles signals
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
