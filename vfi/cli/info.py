"""``vfi info``: versions, devices, backends and encoders of this installation."""

from __future__ import annotations

import argparse
import os
import platform
from collections.abc import Sequence

Rows = list[tuple[str, str]]


def main(arguments: Sequence[str]) -> int:
    """Run ``vfi info``; the exit code."""
    argparse.ArgumentParser(
        prog="vfi info", description="Show versions, devices, backends and encoders."
    ).parse_args(arguments)
    for title, rows in (
        ("versions", versions()),
        ("devices", devices()),
        ("backends", backends()),
        ("encoders", encoders()),
    ):
        print(title)
        width = max(len(name) for name, _ in rows)
        for name, text in rows:
            print(f"  {name:<{width}}  {text}")
    return 0


def versions() -> Rows:
    """Ours, and those of what we stand on."""
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
    """What can be given as ``--device``."""
    import torch

    rows = [("cpu", f"{os.cpu_count()} cores, {torch.get_num_threads()} threads in use")]
    for number in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(number)
        memory = properties.total_memory / 2**30
        rows.append((f"cuda:{number}", f"{properties.name}, {memory:.1f} GiB"))
    if torch.backends.mps.is_available():
        rows.append(("mps", "Apple GPU"))
    if len(rows) == 1:
        why = "no usable GPU found" if torch.version.cuda else "this build of PyTorch is for CPUs only"
        rows.append(("cuda", f"none: {why}"))
    return rows


def backends() -> Rows:
    """What computes the operators and the optical flow, and why."""
    import cv2
    import torch

    from vfi.ops import live_backend
    from vfi.ops.backends.select import OPERATORS

    kinds = ["cpu", "cuda", *(["mps"] if torch.backends.mps.is_available() else [])]
    live = [live_backend(operator, kind) for operator in OPERATORS for kind in kinds]
    return [
        ("backward_warp", "PyTorch (grid_sample)"),
        *((f"{found.operator}, {found.device}", f"{found.name} ({found.reason})") for found in live),
        ("flow", f"OpenCV DIS on the CPU, {cv2.getNumThreads()} threads"),
    ]


def encoders() -> Rows:
    """What can be given as ``--codec``, and which encoder does it."""
    from vfi.io.video.writing.encoders import CODECS, encoder_formats

    rows: Rows = []
    for name, codec in CODECS.items():
        present = [encoder.name for encoder in codec.encoders if encoder_formats(encoder.name)]
        suffixes = " ".join(f".{suffix}" for suffix in codec.suffixes)
        state = present[0] if present else "not in this build of FFmpeg"
        rows.append((name, f"{state} ({suffixes})"))
    return rows
