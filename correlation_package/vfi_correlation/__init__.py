"""Compiled kernels for the operators of vfi; nothing to be called here.

:mod:`vfi.ops` loads them when it is imported and says in ``vfi info`` what came of it. They take the place of
the plain PyTorch behind ``torch.ops.vfi.correlation``, ``torch.ops.vfi.splat`` and their gradients.
"""

from __future__ import annotations

import ctypes
import json
from pathlib import Path
from typing import Any

INTERFACE = 1
"""Number of the operators' schemas; vfi has the same, or does not load the kernels."""

LIBRARY = Path(__file__).with_name("kernels.so")
"""The shared library; PyTorch loads it by ``torch.ops.load_library``."""


def built_for() -> dict[str, Any]:
    """What the kernels were built for.

    Returns:
        ``torch``: the version of PyTorch; ``cuda``: that of CUDA, or None; ``architectures``: of the GPUs;
        ``without_cuda``: why there is no CUDA, or None.

    Raises:
        OSError: if nothing was built here.
    """
    return json.loads(LIBRARY.with_name("built_for.json").read_text(encoding="utf-8"))


def instructions() -> str:
    """What the loaded kernels for the CPU use: ``AVX-512``, ``AVX2`` or ``baseline`` instructions."""
    instructions_of_library = ctypes.CDLL(str(LIBRARY)).vfi_correlation_instructions
    instructions_of_library.restype = ctypes.c_char_p
    return instructions_of_library().decode()
