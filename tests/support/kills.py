"""Runs that are killed at a chosen file access, and damage to the files they left.

A server that has loaded torch once forks a process for every run: loading it takes longer than all the rest.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import torch

from tests.support.fakes import Blender
from vfi.errors import AlreadyComplete
from vfi.interpolation.video import interpolate_video

KILLED = 137
_SECONDS = 120.0
# Python reports every access to a file before it happens: these are the points at which a kill matters.
_ACCESSES = ("open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "shutil.copyfile")


class Run(NamedTuple):
    """A process that interpolates with a model that only blends."""

    process: Any
    pipe: Any
    """Receives ``"there"`` from a run that waits; at the end its count of accesses or its error."""

    def finish(self) -> tuple[int, str]:
        """Wait for the end: the exit code, and the count of accesses or the error."""
        try:
            assert self.pipe.poll(_SECONDS)
            message = str(self.pipe.recv())
        except EOFError:  # it was killed
            message = ""
        self.process.join(_SECONDS)
        return self.process.exitcode, message


def start(source: Path, output: Path, *, access: int = 0, wait: bool = False, **options: bool) -> Run:
    """Start a run.

    Args:
        source: Film or folder.
        output: Film or folder; accesses to it and to the files beside it are counted.
        access: Number of the access, from 1 on, at which the process dies or waits; 0: none.
        wait: Whether it sends ``"there"`` and waits for a message instead of dying.
        options: ``resume`` or ``overwrite``.
    """
    context: Any = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    here, there = context.Pipe()
    process = context.Process(target=_work, args=(there, source, output, access, wait, options))
    process.start()
    there.close()
    return Run(process, here)


def _work(
    pipe: Connection, source: Path, output: Path, access: int, wait: bool, options: dict[str, Any]
) -> None:
    count = 0

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal count
        if event not in _ACCESSES or not arguments or not str(arguments[0]).startswith(str(output)):
            return
        count += 1
        if count == access and wait:
            pipe.send("there")
            pipe.recv()
        elif count == access:
            os._exit(KILLED)

    torch.set_num_threads(1)
    sys.addaudithook(watch)
    try:
        interpolate_video(source, output, Blender(), **options)
    except AlreadyComplete:
        pass
    except Exception as error:
        pipe.send(str(error))
        os._exit(2)
    pipe.send(count)


def contents(output: Path) -> dict[str, bytes]:
    """All files of an output by their relative names, so that two results can be compared."""
    files = [output] if output.is_file() else [path for path in sorted(output.rglob("*")) if path.is_file()]
    return {str(path.relative_to(output)): path.read_bytes() for path in files}


def spoil(path: Path, damage: str) -> None:
    """Damage a file as a disk or a power cut does it: ``flip`` a bit, make it ``empty``, or ``cut`` it."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes({"flip": content, "empty": b"", "cut": content[: len(content) // 2]}[damage])
