"""Reports of benchmark results: command, commit, machine, JSON file, table."""

from __future__ import annotations

import json
import math
import platform
import shlex
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import av
import cv2
import numpy
import torch

from vfi.version import __version__

REPOSITORY = Path(__file__).resolve().parents[1]


def environment() -> dict[str, Any]:
    """Command, date, commit, device and versions of a result, as plain JSON values."""
    return {
        "command": _command(),
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d"),
        "commit": _commit(),
        "device": _device(),
        "versions": {
            "vfi": __version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "opencv": cv2.__version__,
            "numpy": numpy.__version__,
            "av": av.__version__,
            "ffmpeg": getattr(av, "ffmpeg_version_info", "unknown"),
        },
    }


def write_result(path: Path | None, result: dict[str, Any]) -> None:
    """Write a result with its environment as JSON.

    Args:
        path: File to write; None: none.
        result: Plain JSON values; numbers may be infinite or NaN. Items of the list ``"rows"`` take a line
            each.
    """
    if path is None:
        return
    values = _finite({"environment": environment(), **result})
    rows = values.pop("rows", None)
    text = json.dumps(values, indent=1)
    if rows is not None:  # one line each, of which there may be thousands
        lines = ",\n  ".join(map(json.dumps, rows))
        text = text.removesuffix("\n}") + f',\n "rows": [\n  {lines}\n ]\n}}'
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n", encoding="utf-8")


def _finite(value: Any) -> Any:
    """The value with infinite numbers and NaN, which JSON does not know, as text."""
    if isinstance(value, dict):
        return {name: _finite(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_finite(part) for part in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table with aligned columns.

    Args:
        head: Titles of the columns.
        rows: Cells of each row.
    """
    widths = [max(len(line[column]) for line in [head, *rows]) for column in range(len(head))]

    def line(cells: list[str]) -> str:
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"

    return "\n".join([line(head), line(["-" * width for width in widths]), *map(line, rows)])


def _command() -> str:
    """The command line; of absolute paths only the last part, since the rest holds on one machine alone."""
    arguments = [Path(word).name if Path(word).is_absolute() else word for word in sys.argv[1:]]
    program = Path(sys.argv[0])
    if program.parent.name == "benchmark":
        return shlex.join(["python", "-m", f"benchmark.{program.stem}", *arguments])
    return shlex.join(["vfi", *arguments])


def _commit() -> str:
    """The abbreviated hash of the commit, marked if files differ from it; "unknown" outside a clone."""
    try:
        changed = _git("status", "--porcelain", "--untracked-files=no")
        return _git("rev-parse", "--short", "HEAD") + ("+changes" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(REPOSITORY), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _device() -> str:
    threads = f"{torch.get_num_threads()} threads"
    name = f"{platform.machine()} CPU, {threads}"
    return f"{name}; {torch.cuda.get_device_name()}" if torch.cuda.is_available() else name
