"""``vfi info``: versions, devices, backends, encoders and active fallbacks of this installation."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from typing import TYPE_CHECKING

from vfi.cli.parser import CommandParser
from vfi.cli.printing import print_lines

if TYPE_CHECKING:
    from vfi.ops.backends.select import Backend

Rows = list[tuple[str, str]]

MISSING = "not in this build of FFmpeg"
"""State of a codec without an encoder."""


def main(arguments: Sequence[str]) -> int:
    """Run ``vfi info`` and return its exit code.

    Args:
        arguments: Arguments after the name of the command.
    """
    CommandParser(
        "vfi info", description="Show versions, devices, backends, encoders and active fallbacks."
    ).parse_args(arguments)
    for title, rows in (
        ("versions", versions()),
        ("devices (--device)", devices()),
        ("backends", backends()),
        ("encoders (--codec)", encoders()),
        ("active fallbacks", fallbacks() or [("none", "")]),
    ):
        width = max(len(name) for name, _ in rows)
        print_lines(title, *(f"  {name:<{width}}  {text}".rstrip() for name, text in rows))
    return 0


def versions() -> Rows:
    """Return the versions of vfi and of its main dependencies."""
    import av
    import cv2
    import numpy
    import torch

    from vfi.version import __version__

    libraries = {name: ".".join(map(str, version)) for name, version in av.library_versions.items()}
    ffmpeg = ", ".join(
        f"{name} {libraries[name]}" for name in ("libavcodec", "libavformat") if name in libraries
    )
    return [
        ("vfi", __version__),
        ("Python", f"{platform.python_version()} on {platform.system()} {platform.machine()}"),
        ("PyTorch", f"{torch.__version__} (CUDA: {torch.version.cuda or 'not in this build'})"),
        ("NumPy", numpy.__version__),
        ("PyAV", f"{av.__version__} ({ffmpeg})"),
        ("OpenCV", cv2.__version__),
    ]


def devices() -> Rows:
    """Return the values of ``--device``, with a description of each device."""
    import torch

    rows = [("cpu", f"{os.cpu_count()} cores, {torch.get_num_threads()} threads in use")]
    for number in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(number)
        rows.append((f"cuda:{number}", f"{properties.name}, {properties.total_memory / 2**30:.1f} GiB"))
    if torch.backends.mps.is_available():
        rows.append(("mps", "Apple GPU"))
    return rows


def backends() -> Rows:
    """Return the implementation of each operator per type of device, and the reason for it."""
    import cv2

    return [
        ("backward_warp", "PyTorch (grid_sample)"),
        *((f"{live.operator}, {live.device}", f"{live.name} ({live.reason})") for live in _live_backends()),
        ("optical flow (dis)", f"OpenCV on the CPU, {cv2.getNumThreads()} threads"),
    ]


def encoders() -> Rows:
    """Return the values of ``--codec``, with the encoder and the containers of each."""
    from vfi.io.video.writing.encoders import CODECS, encoder_formats

    rows: Rows = []
    for name, codec in CODECS.items():
        present = [encoder.name for encoder in codec.encoders if encoder_formats(encoder.name)]
        suffixes = " ".join(f".{suffix}" for suffix in codec.suffixes)
        rows.append((name, f"{present[0]} ({suffixes})" if present else MISSING))
    return rows


def fallbacks() -> Rows:
    """Return what runs slower or not at all because something is missing, with the reason."""
    import torch

    from vfi.ops.backends.compiled import STATE

    rows: Rows = []
    has_cuda = torch.cuda.is_available()
    if not has_cuda and not torch.backends.mps.is_available():
        reason = (
            "no usable GPU was found" if torch.version.cuda else "this build of PyTorch has no GPU support"
        )
        rows.append(("GPU", f"networks run on the CPU: {reason}"))
    for live in _live_backends():
        # The other operators without compiled kernels have no faster implementation on that device.
        could_be_compiled = bool(STATE.missing) and live.reason.startswith(STATE.missing)
        if live.name != "compiled" and could_be_compiled and (has_cuda or live.device != "cuda"):
            rows.append((f"{live.operator}, {live.device}", f"{live.name} kernels: {live.reason}"))
    rows += [(name, state) for name, state in encoders() if state == MISSING]
    return rows


def _live_backends() -> list[Backend]:
    """Return the implementation of each operator on each type of device."""
    import torch

    from vfi.ops import live_backend
    from vfi.ops.backends.select import OPERATORS

    kinds = ["cpu", "cuda", *(["mps"] if torch.backends.mps.is_available() else [])]
    return [live_backend(operator, kind) for operator in OPERATORS for kind in kinds]
