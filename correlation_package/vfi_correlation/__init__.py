"""Compiled kernels for the operators of vfi, without functions for users.

:mod:`vfi.ops` loads them when it is imported, and ``vfi info`` reports the result. They replace the plain
PyTorch behind ``torch.ops.vfi.correlation``, ``torch.ops.vfi.splat`` and their gradients.
"""

from __future__ import annotations

import ctypes
import json
from pathlib import Path
from typing import Any

INTERFACE = 1
"""Version of the operators' schemas; vfi loads the kernels only if its own is the same."""

LIBRARY = Path(__file__).with_name("kernels.so")
"""The shared library; PyTorch loads it by ``torch.ops.load_library``."""


def built_for() -> dict[str, Any]:
    """Record of the environment that the kernels were built for.

    Returns:
        ``torch``: the version of PyTorch; ``cuda``: the version of CUDA, or None; ``architectures``: those of
        the GPUs; ``without_cuda``: the reason why CUDA was left out, or None.

    Raises:
        OSError: If the kernels were not built.
    """
    return json.loads(LIBRARY.with_name("built_for.json").read_text(encoding="utf-8"))


def instructions() -> str:
    """Instruction set of the CPU kernels on this processor: ``AVX-512``, ``AVX2`` or ``baseline``."""
    instructions_of_library = ctypes.CDLL(str(LIBRARY)).vfi_correlation_instructions
    instructions_of_library.restype = ctypes.c_char_p
    return instructions_of_library().decode()
