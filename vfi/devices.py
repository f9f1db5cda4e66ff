"""Devices and floating point types by name, and which types a device supports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from vfi.errors import ConfigError

if TYPE_CHECKING:
    import torch

DTYPES = ("float32", "float16", "bfloat16")

_CPU_SUPPORT = {"float16": "_is_mkldnn_fp16_supported", "bfloat16": "_is_mkldnn_bf16_supported"}
"""Functions of oneDNN, which computes torch's convolutions on CPUs, that report support for a type."""


def resolve_device(device: str | torch.device) -> torch.device:
    """Return the device of a name.

    Args:
        device: Device of torch or its name; ``"auto"`` is the first CUDA device, else the CPU.

    Raises:
        ConfigError: If there is no such device.
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
        dtype: Data type of torch or its name, one of :data:`DTYPES`; ``"auto"`` is float32.

    Raises:
        ConfigError: If the type is not one of :data:`DTYPES`.
    """
    import torch

    name = "float32" if dtype == "auto" else str(dtype).removeprefix("torch.")
    if name not in DTYPES:
        raise ConfigError(f"There is no type {name!r} for frames: choose one of {', '.join(DTYPES)}.")
    return getattr(torch, name)


def cpu_computes(dtype: torch.dtype) -> bool:
    """Whether the CPU has instructions for networks in this type.

    Without them torch emulates the type, at a tenth of the speed of float32 or less.

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
    """The total memory of a device in bytes, independent of other programs."""
    if device.type == "cuda":
        import torch

        return int(cast("Any", torch.cuda).get_device_properties(device).total_memory)
    import psutil

    return int(cast("Any", psutil).virtual_memory().total)  # it has no type hints


def require_precision(subject: str, device: torch.device, dtype: torch.dtype) -> None:
    """Check that a device supports a type; a CPU without instructions for half precision does not.

    Args:
        subject: Beginning of the sentence, such as ``"The model eqvi.stage4"``.
        device: Device of the network.
        dtype: Data type of the network.

    Raises:
        ConfigError: If the CPU would have to emulate the type; the message lists alternatives.
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
