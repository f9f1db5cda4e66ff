"""Runs the CUDA kernels on the CPU: values, bounds and barriers as on a GPU, speed and caches not."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from vfi.ops.backends.cupy_kernels import KERNELS, NUMBERS, Kernel

COMPILER = shutil.which("g++")

# What numbers.cuh leaves to the emulator: GCC's own half type stands for that of the GPU.
HALF = """
namespace vfi {
float as_sum(Half value) {
  _Float16 half;
  std::memcpy(&half, &value, sizeof half);
  return half;
}
Half Round<Half>::from(float value) {
  const _Float16 half = static_cast<_Float16>(value);
  Half result;
  std::memcpy(&result, &half, sizeof half);
  return result;
}
}
"""


def all_kernels() -> list[tuple[Kernel, torch.dtype]]:
    """Every kernel in every type."""
    return [(kernel, dtype) for kernel in KERNELS for dtype in NUMBERS]


def one_source(entries: Sequence[tuple[Kernel, torch.dtype]]) -> str:
    """All sources in one file: common parts come once, their entries are numbered."""
    parts = [
        f"#define entry entry_{number}\n{kernel.source(dtype)}#undef entry\n"
        for number, (kernel, dtype) in enumerate(entries)
    ]
    return "\n".join(parts)


def _starter(number: int, kernel: Kernel, dtype: torch.dtype) -> str:
    """A function that C can call, with the entry's parameters after the sizes of the launch."""
    names = {"T": NUMBERS[dtype], "S": "double" if dtype == torch.float64 else "float"}
    declared = ", ".join(kernel.parameters).format(**names)
    given = ", ".join(parameter.split()[-1] for parameter in kernel.parameters)
    return (
        f'extern "C" int start_{number}(unsigned blocks, unsigned threads, {declared}) {{\n'
        f"  return emulator::run(blocks, threads, [&] {{ entry_{number}({given}); }});\n}}\n"
    )


class Emulator:
    """The kernels as a shared library; :meth:`start` takes the place of ``cupy_kernels._start``."""

    def __init__(self, folder: Path, *options: str) -> None:
        assert COMPILER is not None
        entries = all_kernels()
        source, library = folder / "emulated.cpp", folder / "emulated.so"
        before = Path(__file__).with_suffix(".cpp").read_text(encoding="utf-8")
        starters = "".join(_starter(number, *entry) for number, entry in enumerate(entries))
        source.write_text(f"{before}\n{one_source(entries)}\n{HALF}\n{starters}", encoding="utf-8")
        flags = ["-std=c++17", "-O1", "-shared", "-fPIC", "-Wno-unknown-pragmas", *options]
        done = subprocess.run(
            [COMPILER, *flags, str(source), "-o", str(library)], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr[-4000:]
        self.library = ctypes.CDLL(str(library))
        self.numbers = {entry: number for number, entry in enumerate(entries)}
        self.started: list[Kernel] = []

    def start(
        self,
        kernel: Kernel,
        dtype: torch.dtype,
        device: torch.device,
        blocks: int,
        arguments: Sequence[Tensor | int],
    ) -> None:
        """Run a kernel on tensors of the CPU."""
        given: list[ctypes._SimpleCData] = []
        for parameter, argument in zip(kernel.parameters, arguments, strict=True):
            if isinstance(argument, Tensor):
                assert argument.is_contiguous()
                wanted = (
                    dtype
                    if "{T}" in parameter
                    else torch.float64
                    if dtype == torch.float64
                    else torch.float32
                )
                assert argument.dtype == wanted, parameter
                given.append(ctypes.c_void_p(argument.data_ptr()))
            else:
                assert "*" not in parameter
                whole = ctypes.c_longlong if parameter.startswith("long long") else ctypes.c_int
                given.append(whole(argument))
        start = getattr(self.library, f"start_{self.numbers[kernel, dtype]}")
        assert start(ctypes.c_uint(blocks), ctypes.c_uint(kernel.threads), *given) == 0, "deadlock"
        self.started.append(kernel)
