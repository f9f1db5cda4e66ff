"""The optional distribution ``vfi-correlation``: search, compatibility check, loading of its kernels.

Kernels are loaded once, when :mod:`vfi.ops` is imported, and register themselves under the names of our
operators. Nothing is compiled here. A package that does not fit is not loaded; a warning is logged, and
:data:`STATE` holds the reason.

``VFI_OPS_WITHOUT``, a comma-separated list of ``compiled`` and ``cupy``, disables these implementations.
"""

from __future__ import annotations

import importlib
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import torch

from vfi.errors import ConfigError

PACKAGE = "vfi_correlation"
INTERFACE = 1
"""Number of our operators' schemas; the package names the one it was written for."""

SWITCH = "VFI_OPS_WITHOUT"
OPTIONAL = ("compiled", "cupy")
REMEDY = "pip install ./correlation_package, in a clone of vfi, builds it again"


@dataclass(frozen=True)
class Compiled:
    """Result of loading the compiled package."""

    kernels: Mapping[str, str]
    """Description of the kernels for each device type that has some (``cpu``, ``cuda``)."""
    missing: str = ""
    """Reason why the other device types have none, as a part of a sentence."""


def left_out() -> frozenset[str]:
    """Implementations that ``VFI_OPS_WITHOUT`` disables.

    Returns:
        Some of :data:`OPTIONAL`.

    Raises:
        ConfigError: If it names anything else.
    """
    names = frozenset(filter(None, (name.strip() for name in os.environ.get(SWITCH, "").split(","))))
    if not names <= set(OPTIONAL):
        raise ConfigError(f"{SWITCH} may name {' and '.join(OPTIONAL)}, not {', '.join(sorted(names))}.")
    return names


def misfit(built: dict[str, Any], interface: int) -> str | None:
    """Reason why the kernels of an installed package must not be loaded.

    Args:
        built: Report of the package's ``built_for()``.
        interface: Interface number of the package, its ``INTERFACE``.

    Returns:
        The reason, or None if they fit.
    """
    if interface != INTERFACE:
        return f"it implements interface {interface} of the operators, vfi has {INTERFACE}; {REMEDY}"
    if _release(built["torch"]) != _release(torch.__version__):
        return f"it was built for PyTorch {built['torch']}, this is {torch.__version__}; {REMEDY}"
    if built["cuda"] is not None and torch.version.cuda != built["cuda"]:
        here = f"CUDA {torch.version.cuda}" if torch.version.cuda else "no CUDA"
        return f"it was built for a PyTorch with CUDA {built['cuda']}, this one has {here}; {REMEDY}"
    return None


def _release(version: str) -> str:
    """The release that compiled kernels depend on: ``2.11`` of ``2.11.0+cu130``."""
    return ".".join(version.split("+")[0].split(".")[:2])


def load() -> Compiled:
    """Load the kernels if they are installed and fit.

    Returns:
        The kernels by device type, and the reason why other device types have none.
    """
    if "compiled" in left_out():
        return Compiled({}, f"{PACKAGE} is left out by {SWITCH}")
    if find_spec(PACKAGE) is None:
        return Compiled({}, f"{PACKAGE} is not installed")
    try:
        package = importlib.import_module(PACKAGE)
        built = package.built_for()
        problem = misfit(built, package.INTERFACE)
        if problem is None:
            torch.ops.load_library(str(package.LIBRARY))
            return _loaded(built, package.instructions())
    # vfi must run without a broken installation, whatever its error is, and report it.
    except Exception as error:
        problem = f"it cannot be loaded ({' '.join(str(error).split())[:200]}); {REMEDY}"
    logging.getLogger(__name__).warning("%s is not used: %s.", PACKAGE, problem)
    return Compiled({}, f"{PACKAGE} is not used: {problem}")


def _loaded(built: dict[str, Any], instructions: str) -> Compiled:
    name = f"{PACKAGE} for PyTorch {built['torch']}"
    on_cpu = f"{name}, {instructions} instructions"
    if built["cuda"] is None:
        return Compiled({"cpu": on_cpu}, f"{PACKAGE} was built without CUDA, because {built['without_cuda']}")
    return Compiled({"cpu": on_cpu, "cuda": f"{name}, GPUs {built['architectures']}"})


STATE = load()
"""Result of loading the compiled package in this process."""
