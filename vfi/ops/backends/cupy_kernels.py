"""The CUDA kernels of ``vfi/ops/backends/cuda``, compiled and launched by CuPy.

The fallback on CUDA where the compiled package, which is built from the same sources, is not installed. CuPy
compiles a kernel at its first call, once per device, and caches the result on disk. Kernels run on PyTorch's
current stream of the tensors' device.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from math import prod
from typing import Any

import torch
from torch import Tensor

from vfi.ops.backends.compiled import SWITCH, left_out
from vfi.ops.checks import working_dtype

# As in correlation.cuh and splat.cuh; a test compares them.
SIDE = 9
TILE_WIDTH = 32
CORRELATE_HEIGHT = 8
CORRELATE_THREADS = 288
GATHER_HEIGHT = 4
GATHER_WARPS = 4
GATHER_THREADS = 128
SPLAT_THREADS = 256
SPLAT_CHANNELS = 8

LARGEST = 2**31 - 1
"""Largest number of blocks of a launch, and of pixels of a plane."""

NUMBERS = {
    torch.float16: "vfi::Half",
    torch.bfloat16: "vfi::BFloat",
    torch.float32: "float",
    torch.float64: "double",
}
"""The C++ type of each data type in the sources."""


@dataclass(frozen=True)
class Kernel:
    """One kernel of the sources and its launch bounds."""

    file: str
    call: str
    """Name of the C++ function with its template arguments; ``{T}`` is the type of numbers."""
    parameters: tuple[str, ...]
    """Declarations of the parameters; ``{T}`` is the type of numbers, ``{S}`` that of sums."""
    threads: int
    blocks_per_processor: int = 1

    def source(self, dtype: torch.dtype) -> str:
        """The complete source for one data type, with the kernel as ``entry``.

        Args:
            dtype: Data type, a key of :data:`NUMBERS`.

        Returns:
            CUDA C++ that includes nothing.
        """
        names = {"T": NUMBERS[dtype], "S": "double" if dtype == torch.float64 else "float"}
        declared = ", ".join(self.parameters).format(**names)
        given = ", ".join(parameter.split()[-1] for parameter in self.parameters)
        # Sums of float64 take twice the registers.
        blocks = 1 if dtype == torch.float64 else self.blocks_per_processor
        return (
            f"{_text('numbers.cuh')}\n{_text(self.file)}\n"
            f'extern "C" __global__ void __launch_bounds__({self.threads}, {blocks}) entry({declared}) {{\n'
            f"  vfi::{self.call.format(**names)}({given});\n}}\n"
        )


_FEATURES = ("int channels", "int height", "int width", "int reach")
_IMAGE = ("long long batch", "int channels", "int height", "int width", "int gaussian")
_GATHERED = ("const {T}* weights", "const {T}* features", "{T}* out", *_FEATURES)

CORRELATE = Kernel(
    "correlation.cuh",
    "correlate<{T}>",
    ("const {T}* a", "const {T}* b", "{T}* out", *_FEATURES),
    CORRELATE_THREADS,
    blocks_per_processor=2,
)
GATHER = Kernel("correlation.cuh", "gather<{T}, false>", _GATHERED, GATHER_THREADS)
GATHER_REVERSED = Kernel("correlation.cuh", "gather<{T}, true>", _GATHERED, GATHER_THREADS)
SPLAT = Kernel(
    "splat.cuh",
    "splat<{T}>",
    ("const {T}* values", "const {S}* flow", "const {S}* weight", "{S}* total", "{S}* norm", *_IMAGE),
    SPLAT_THREADS,
)
SPLAT_GRADIENT = Kernel(
    "splat.cuh",
    "splat_gradient<{T}>",
    (
        *("const {T}* grad_total", "const {T}* grad_norm", "const {T}* values", "const {S}* flow"),
        *("const {S}* weight", "{T}* grad_values", "{S}* grad_flow", "{S}* grad_weight"),
        *_IMAGE,
    ),
    SPLAT_THREADS,
)
KERNELS = (CORRELATE, GATHER, GATHER_REVERSED, SPLAT, SPLAT_GRADIENT)


@cache
def missing() -> str | None:
    """Reason why CuPy cannot be used here.

    Returns:
        The reason as a part of a sentence, or None if CuPy can be used.
    """
    if "cupy" in left_out():
        return f"CuPy is left out by {SWITCH}"
    if torch.version.cuda is None:
        return "this build of PyTorch has no CUDA"
    if find_spec("cupy") is None:
        return "CuPy is not installed"
    try:
        import cupy  # pyright: ignore[reportMissingImports]  # an extra

        cupy.cuda.runtime.getDeviceCount()
    except Exception as error:  # a CuPy for another CUDA fails in ways of its own
        return f"CuPy does not work here ({' '.join(str(error).split())[:200]})"
    return None


def correlation(features_a: Tensor, features_b: Tensor, max_displacement: int) -> Tensor:
    """``torch.ops.vfi.correlation`` on CUDA: see :func:`.torch_correlation.plain_correlation`."""
    a, b = features_a.contiguous(), features_b.contiguous()
    batch, channels, height, width = a.shape
    side = 2 * max_displacement + 1
    out = a.new_empty((batch, side * side, height, width))
    groups = _parts(side, SIDE)
    blocks = (_parts(width, TILE_WIDTH), _parts(height, CORRELATE_HEIGHT), groups, groups, batch)
    _launch(CORRELATE, a, blocks, (a, b, out, channels, height, width, max_displacement))
    return out


def correlation_backward(
    grad: Tensor, features_a: Tensor, features_b: Tensor, max_displacement: int
) -> tuple[Tensor, Tensor]:
    """``torch.ops.vfi.correlation_backward`` on CUDA.

    See :func:`.torch_correlation.plain_correlation_backward`.
    """
    weights = grad.to(features_a.dtype).contiguous()
    batch, channels, height, width = features_a.shape
    at_once = GATHER_WARPS * (2 if features_a.dtype == torch.float64 else 4)
    blocks = (_parts(channels, at_once), _parts(width, TILE_WIDTH), _parts(height, GATHER_HEIGHT), batch)
    gradients: list[Tensor] = []
    for kernel, features in ((GATHER, features_b.contiguous()), (GATHER_REVERSED, features_a.contiguous())):
        out = torch.empty_like(features)
        arguments = (weights, features, out, channels, height, width, max_displacement)
        _launch(kernel, features, blocks, arguments)
        gradients.append(out)
    return gradients[0], gradients[1]


def splat(values: Tensor, flow: Tensor, weight: Tensor, kernel: str) -> tuple[Tensor, Tensor]:
    """``torch.ops.vfi.splat`` on CUDA: see :func:`.torch_splat.plain_splat`.

    Raises:
        RuntimeError: If deterministic algorithms are required: the order of the sum differs from run to run.
    """
    _alert_not_deterministic("vfi::splat on CUDA")
    own, flow, weight = _splat_inputs(values, flow, weight)
    batch, channels, height, width = values.shape
    total, norm = torch.zeros_like(own, dtype=flow.dtype), torch.zeros_like(weight)
    portions = max(1, _parts(channels, SPLAT_CHANNELS))
    blocks = (_parts(batch * height * width * portions, SPLAT_THREADS),)
    arguments = (own, flow, weight, total, norm, batch, channels, height, width, int(kernel == "gaussian"))
    _launch(SPLAT, own, blocks, arguments)
    return total.to(values.dtype), norm.to(values.dtype)


def splat_backward(
    grad_sum: Tensor, grad_norm: Tensor, values: Tensor, flow: Tensor, weight: Tensor, kernel: str
) -> tuple[Tensor, Tensor, Tensor]:
    """``torch.ops.vfi.splat_backward`` on CUDA: see :func:`.torch_splat.plain_splat_backward`."""
    inputs = _splat_inputs(values, flow, weight)
    own = inputs[0]
    from_sum, from_norm = grad_sum.to(own.dtype).contiguous(), grad_norm.to(own.dtype).contiguous()
    gradients = [torch.empty_like(tensor) for tensor in inputs]
    batch, channels, height, width = values.shape
    blocks = (_parts(batch * height * width, SPLAT_THREADS),)
    numbers = (batch, channels, height, width, int(kernel == "gaussian"))
    _launch(SPLAT_GRADIENT, own, blocks, (from_sum, from_norm, *inputs, *gradients, *numbers))
    return gradients[0].to(values.dtype), gradients[1].to(flow.dtype), gradients[2].to(weight.dtype)


def _alert_not_deterministic(name: str) -> None:
    """Raise or warn as PyTorch's own operators do after ``torch.use_deterministic_algorithms``."""
    if not torch.are_deterministic_algorithms_enabled():
        return
    message = (
        f"{name} does not have a deterministic implementation, but deterministic algorithms are required"
    )
    if not torch.is_deterministic_algorithms_warn_only_enabled():
        raise RuntimeError(message)
    warnings.warn(message, stacklevel=3)


def _splat_inputs(values: Tensor, flow: Tensor, weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The tensors as the kernels take them: contiguous, flow and weight in the type of sums.

    Values are converted only if that type is float64.
    """
    dtype = working_dtype(values, flow, weight)
    own = values.to(dtype) if dtype == torch.float64 else values
    return own.contiguous(), flow.to(dtype).contiguous(), weight.to(dtype).contiguous()


def _parts(count: int, size: int) -> int:
    return -(-count // size)


@cache
def _text(name: str) -> str:
    """The text of a source without its includes, which the caller prepends."""
    text = files("vfi.ops.backends").joinpath("cuda").joinpath(name).read_text(encoding="utf-8")
    return re.sub(r"^#include .*\n", "", text, flags=re.MULTILINE)


def _launch(kernel: Kernel, like: Tensor, blocks: Sequence[int], arguments: Sequence[Tensor | int]) -> None:
    """Check the limits of all kernels, and launch one.

    Args:
        kernel: Kernel to launch.
        like: Tensor ``[B, C, H, W]`` whose device and data type the kernel uses.
        blocks: Factors of the number of blocks.
        arguments: Arguments in the order of the kernel's parameters.

    Raises:
        ValueError: If a plane or the grid exceeds the range of an int, or the type has no kernel.
    """
    count = prod(blocks)
    if like.dtype not in NUMBERS:
        raise ValueError(f"there is no kernel for {like.dtype}: use float16, bfloat16, float32 or float64")
    if count > LARGEST or like.shape[2] * like.shape[3] > LARGEST:
        raise ValueError(f"one plane may have 2^31 - 1 pixels, but the shape is {tuple(like.shape)}")
    if count:
        _start(kernel, like.dtype, like.device, count, arguments)


@cache
def _compiled(kernel: Kernel, dtype: torch.dtype) -> Any:
    import cupy  # pyright: ignore[reportMissingImports]  # an extra

    return cupy.RawKernel(kernel.source(dtype), "entry", options=("-std=c++17",))


class _CurrentStream:
    """PyTorch's current stream of a device, in the protocol by which CuPy adopts streams."""

    def __init__(self, device: torch.device) -> None:
        self.pointer = torch.cuda.current_stream(device).cuda_stream

    def __cuda_stream__(self) -> tuple[int, int]:
        return 0, self.pointer


def _start(
    kernel: Kernel, dtype: torch.dtype, device: torch.device, blocks: int, arguments: Sequence[Tensor | int]
) -> None:
    import cupy  # pyright: ignore[reportMissingImports]  # an extra
    import numpy as np

    given: list[Any] = []
    for parameter, argument in zip(kernel.parameters, arguments, strict=True):
        if isinstance(argument, Tensor):
            given.append(argument.data_ptr())
        else:
            given.append(np.int64(argument) if parameter.startswith("long long") else np.int32(argument))
    stream = _CurrentStream(device)
    with torch.cuda.device(device), cupy.cuda.Device(device.index):
        if hasattr(cupy.cuda.Stream, "from_external"):
            current = cupy.cuda.Stream.from_external(stream)
        else:  # before CuPy 14
            current = cupy.cuda.ExternalStream(stream.pointer, device.index)
        with current:
            _compiled(kernel, dtype)((blocks,), (kernel.threads,), tuple(given))
