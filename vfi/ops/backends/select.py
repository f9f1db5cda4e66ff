"""Which implementation of an operator runs on which device, and why.

Three may stand behind ``torch.ops.vfi.correlation`` and ``torch.ops.vfi.splat`` with their gradients, the
first that is there: the compiled package (:mod:`vfi.ops.backends.compiled`; splatting on CUDA only), CuPy
(:mod:`.cupy_kernels`; on CUDA), plain PyTorch (everywhere). The choice is made once per process.
Importing this module makes it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import torch

from vfi.ops.backends import compiled, cupy_kernels, torch_correlation, torch_splat

OPERATORS = ("correlation", "forward_splat")

# Operator of torch.ops.vfi, what CuPy does for it, what PyTorch does.
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
    """Why this one, as a part of a sentence."""


def live_backend(operator: str, device: torch.device | str) -> Backend:
    """Which implementation an operator has on a device, in this process.

    Args:
        operator: Name of the operator, one of :data:`OPERATORS`.
        device: Device, of which only the type counts.

    Returns:
        The implementation, and why it is that one.

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
        return Backend(operator, kind, "PyTorch", f"there is nothing else for {kind}")
    if kind == "cpu":
        return Backend(operator, kind, "PyTorch", state.missing)
    why_no_cupy = cupy_kernels.missing()
    if why_no_cupy is None:
        return Backend(operator, kind, "CuPy", f"{state.missing}, but CuPy is there")
    return Backend(operator, kind, "PyTorch", f"{state.missing}; {why_no_cupy}")


def _register_for_cuda(name: str, by_cupy: Callable[..., Any], by_torch: Callable[..., Any]) -> None:
    """Let an operator ask for CuPy when it meets a CUDA tensor, not before: importing it takes a while."""

    def on_cuda(*arguments: Any) -> Any:
        return (by_torch if cupy_kernels.missing() else by_cupy)(*arguments)

    torch.library.impl(f"vfi::{name}", "CUDA", on_cuda)


if "cuda" not in compiled.STATE.kernels:
    for _operator in _ON_CUDA:
        _register_for_cuda(*_operator)
