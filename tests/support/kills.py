"""Runs that are killed at a chosen moment, and damage to what they left."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KILLED = 137

RUN = """
import os, sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from tests.support.fakes import Blender
from vfi.errors import AlreadyComplete
from vfi.interpolation.video import interpolate_video

source, output, moment, wait = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
names = ("open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "shutil.copyfile")
count = 0

def watch(event, arguments):
    # Python reports every access to a file before it happens: these are the moments at which a kill matters.
    global count
    if event not in names or not arguments or not str(arguments[0]).startswith(str(output)):
        return
    count += 1
    if count == moment:
        if not wait:
            os._exit(137)
        print("there", flush=True)
        sys.stdin.readline()

sys.addaudithook(watch)
options = dict(resume="--resume" in sys.argv, overwrite="--overwrite" in sys.argv)
try:
    interpolate_video(source, output, Blender(), **options)
except AlreadyComplete:
    pass
os.write(1, f"{count}\\n".encode())
"""


def start(
    source: Path, output: Path, *flags: str, moment: int = 0, wait: bool = False
) -> subprocess.Popen[str]:
    """A process that interpolates with a model that only blends.

    Args:
        source: Film or folder.
        output: Film or folder; how often it and what lies beside it is touched counts the moments.
        flags: ``--resume`` or ``--overwrite``.
        moment: Number of the access, from 1 on, at which the process dies or waits; 0: none.
        wait: Whether it prints a line and waits for one instead of dying.
    """
    arguments = [str(source), str(output), str(moment), "wait" if wait else "", *flags]
    return subprocess.Popen(
        [sys.executable, "-c", RUN, *arguments],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Exit code, output and errors of a process that ends by itself."""
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def contents(output: Path) -> dict[str, bytes]:
    """All files of an output by their relative names, so that two results can be compared."""
    files = [output] if output.is_file() else [path for path in sorted(output.rglob("*")) if path.is_file()]
    return {str(path.relative_to(output)): path.read_bytes() for path in files}


def spoil(path: Path, damage: str) -> None:
    """Damage a file as a disk or a power cut does it: ``flip`` a bit, make it ``empty``, or ``cut`` it."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(
        {"flip": bytes(content), "empty": b"", "cut": bytes(content[: len(content) // 2])}[damage]
    )
