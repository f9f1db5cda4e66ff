"""Names of devices and floating point types, and whether a device computes in a type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from vfi.errors import ConfigError

if TYPE_CHECKING:
    import torch

DTYPES = ("float32", "float16", "bfloat16")

_CPU_SUPPORT = {"float16": "_is_mkldnn_fp16_supported", "bfloat16": "_is_mkldnn_bf16_supported"}
"""How oneDNN, which computes torch's convolutions on CPUs, reports whether this one has the type."""


def resolve_device(device: str | torch.device) -> torch.device:
    """Return the device of a name.

    Args:
        device: Device or its name: ``"auto"`` (the first CUDA device, else the CPU), or one of torch.

    Raises:
        ConfigError: If there is no such device here.
    """
    import torch

    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        resolved = torch.device(device)
        torch.empty(0, device=resolved)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ConfigError(
            f"The device '{device}' cannot be used here; 'vfi info' lists those that can."
        ) from error
    return resolved


def resolve_dtype(dtype: str | torch.dtype) -> torch.dtype:
    """Return the floating point type of a name.

    Args:
        dtype: Name of a type: ``"auto"`` (float32), one of :data:`DTYPES`; or a type of torch.

    Raises:
        ConfigError: If frames cannot be held in it.
    """
    import torch

    name = "float32" if dtype == "auto" else str(dtype).removeprefix("torch.")
    if name not in DTYPES:
        raise ConfigError(f"There is no type {name!r} for frames: choose one of {', '.join(DTYPES)}.")
    return getattr(torch, name)


def cpu_computes(dtype: torch.dtype) -> bool:
    """Whether this machine's CPU has instructions for networks in this type.

    Without them torch emulates it, at a tenth of the speed of float32 and less.

    Args:
        dtype: Data type, float32, float16 or bfloat16.
    """
    import torch

    name = str(dtype).removeprefix("torch.")
    if name not in _CPU_SUPPORT:
        return True
    try:
        return bool(getattr(torch.ops.mkldnn, _CPU_SUPPORT[name])())
    except (AttributeError, RuntimeError):  # a torch built without oneDNN
        return False


def total_memory(device: torch.device) -> int:
    """The memory of a device, in bytes: the same in every run, whatever else runs at the time."""
    if device.type == "cuda":
        import torch

        return int(cast("Any", torch.cuda).get_device_properties(device).total_memory)
    import psutil

    return int(cast("Any", psutil).virtual_memory().total)  # it brings no types


def require_precision(subject: str, device: torch.device, dtype: torch.dtype) -> None:
    """Refuse half-precision on a CPU that has no instructions for it.

    Args:
        subject: Beginning of the sentence, such as ``"The model eqvi.stage4"``.
        device: Device of the network.
        dtype: Data type of the network.

    Raises:
        ConfigError: If the CPU would have to emulate it; the message says what else to give.
    """
    if device.type != "cpu" or cpu_computes(dtype):
        return
    import torch

    name = str(dtype).removeprefix("torch.")
    choices = ["float32", *(["bfloat16"] if name == "float16" and cpu_computes(torch.bfloat16) else [])]
    raise ConfigError(
        f"{subject} cannot use {name} on this CPU, which lacks the instructions and would be slower than in "
        f"float32: give dtype {' or '.join(choices)}, or a GPU as device."
    )
