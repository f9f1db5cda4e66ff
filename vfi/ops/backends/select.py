"""Choice of the implementation of each operator on each device, with the reason.

``torch.ops.vfi.correlation``, ``torch.ops.vfi.splat`` and their gradients run on the first of these that is
available: the compiled package (:mod:`vfi.ops.backends.compiled`; splatting on CUDA only), CuPy
(:mod:`.cupy_kernels`; CUDA only), plain PyTorch (every device). The choice is fixed when this module is
imported.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import torch

from vfi.ops.backends import compiled, cupy_kernels, torch_correlation, torch_splat

OPERATORS = ("correlation", "forward_splat")

# Operator of torch.ops.vfi, its implementation by CuPy, its implementation in plain PyTorch.
_ON_CUDA: tuple[tuple[str, Callable[..., Any], Callable[..., Any]], ...] = (
    ("correlation", cupy_kernels.correlation, torch_correlation.plain_correlation),
    (
        "correlation_backward",
        cupy_kernels.correlation_backward,
        torch_correlation.plain_correlation_backward,
    ),
    ("splat", cupy_kernels.splat, torch_splat.plain_splat),
    ("splat_backward", cupy_kernels.splat_backward, torch_splat.plain_splat_backward),
)


class Backend(NamedTuple):
    """Implementation of an operator on a type of device."""

    operator: str
    """One of :data:`OPERATORS`."""
    device: str
    """``cpu``, ``cuda``, ``mps`` and so on."""
    name: Literal["compiled", "CuPy", "PyTorch"]
    reason: str
    """Reason for this choice, as a part of a sentence."""


def live_backend(operator: str, device: torch.device | str) -> Backend:
    """Implementation of an operator on a device, in this process.

    Args:
        operator: Name of the operator, one of :data:`OPERATORS`.
        device: Device, of which only the type counts.

    Returns:
        The implementation and the reason for it.

    Raises:
        ValueError: If there is no such operator.
    """
    if operator not in OPERATORS:
        raise ValueError(f"operator must be one of {', '.join(OPERATORS)}, not {operator!r}")
    kind, state = torch.device(device).type, compiled.STATE
    has_compiled = kind == "cuda" or (kind == "cpu" and operator == "correlation")
    if has_compiled and kind in state.kernels:
        return Backend(operator, kind, "compiled", state.kernels[kind])
    if not has_compiled:
        return Backend(operator, kind, "PyTorch", f"there is no other implementation for {kind}")
    if kind == "cpu":
        return Backend(operator, kind, "PyTorch", state.missing)
    why_no_cupy = cupy_kernels.missing()
    if why_no_cupy is None:
        return Backend(operator, kind, "CuPy", f"{state.missing}, but CuPy is installed")
    return Backend(operator, kind, "PyTorch", f"{state.missing}; {why_no_cupy}")


def _register_for_cuda(name: str, by_cupy: Callable[..., Any], by_torch: Callable[..., Any]) -> None:
    """Register an operator that looks for CuPy at its first CUDA tensor, because importing CuPy is slow."""

    def on_cuda(*arguments: Any) -> Any:
        return (by_torch if cupy_kernels.missing() else by_cupy)(*arguments)

    torch.library.impl(f"vfi::{name}", "CUDA", on_cuda)


if "cuda" not in compiled.STATE.kernels:
    for _operator in _ON_CUDA:
        _register_for_cuda(*_operator)
