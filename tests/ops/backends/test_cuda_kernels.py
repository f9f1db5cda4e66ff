"""The CUDA sources without a GPU: they compile, and an emulator runs them unchanged.

Properties that need a GPU (speed, caches, the asynchronous copies of the hardware) are in ``test_on_gpu.py``.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.support.cuda_emulator import COMPILER, Emulator, all_kernels, one_source
from vfi.ops.backends import cupy_kernels
from vfi.ops.backends.cupy_kernels import KERNELS, Kernel
from vfi.ops.backends.torch_correlation import plain_correlation, plain_correlation_backward
from vfi.ops.backends.torch_splat import plain_splat, plain_splat_backward

TOLERANCES = {torch.float64: 1e-13, torch.float32: 5e-6, torch.float16: 2e-3, torch.bfloat16: 2e-2}
# Around tiles of 32 x 8 and 32 x 4, 16 channels at a time; widths that are multiples of 4 are read in fours.
SHAPES = [(2, 3, 5, 6), (1, 5, 8, 32), (1, 9, 9, 40), (2, 17, 13, 37), (1, 1, 1, 1), (1, 33, 4, 64)]
NVCC = shutil.which("nvcc")


@pytest.mark.parametrize("file", ["correlation.cuh", "splat.cuh"])
def test_constants_are_those_of_the_sources(file: str) -> None:
    text = files("vfi.ops.backends").joinpath("cuda").joinpath(file).read_text(encoding="utf-8")
    constants = dict(re.findall(r"^constexpr int (\w+) = ([^;]+);", text, re.MULTILINE))
    known = {name: value for name, value in constants.items() if hasattr(cupy_kernels, name)}
    assert known
    for name, value in known.items():
        product = eval(value, {}, {key: int(number) for key, number in constants.items() if number.isdigit()})
        assert getattr(cupy_kernels, name) == product, name


def test_sources_stand_alone() -> None:
    for kernel, dtype in all_kernels():
        assert "#include" not in kernel.source(dtype)


@pytest.mark.skipif(NVCC is None, reason="nvcc is not installed")
@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["compute_80", "compute_90"])
def test_sources_compile(tmp_path: Path, architecture: str) -> None:
    source = tmp_path / "kernels.cu"
    source.write_text(one_source(all_kernels()), encoding="utf-8")
    command = [
        str(NVCC),
        "-std=c++17",
        f"-arch={architecture}",
        "-ptx",
        str(source),
        "-o",
        str(tmp_path / "ptx"),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    if "Unsupported gpu architecture" in done.stderr:
        pytest.skip(f"this nvcc does not know {architecture}")
    assert done.returncode == 0, done.stderr[-3000:]
    compiled = (tmp_path / "ptx").read_text(encoding="utf-8")
    assert len(re.findall(r"\.entry entry_\d+\(", compiled)) == len(all_kernels())
    assert "cp.async" in compiled


@pytest.mark.slow
@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.call)
def test_sources_compile_as_cupy_compiles_them(kernel: Kernel) -> None:
    nvrtc = pytest.importorskip("cuda.bindings.nvrtc", reason="NVRTC is not installed")
    error, program = nvrtc.nvrtcCreateProgram(kernel.source(torch.float16).encode(), b"kernel.cu", 0, [], [])
    assert error == nvrtc.nvrtcResult.NVRTC_SUCCESS
    options = [b"--gpu-architecture=compute_80", b"-std=c++17"]
    (error,) = nvrtc.nvrtcCompileProgram(program, len(options), options)
    assert error == nvrtc.nvrtcResult.NVRTC_SUCCESS


@pytest.mark.parametrize("has_protocol", [True, False])
def test_arguments_and_stream_of_a_launch_by_cupy(
    monkeypatch: pytest.MonkeyPatch, has_protocol: bool
) -> None:
    """Integers of the declared size, pointers, PyTorch's stream; before CuPy 14 and since."""
    launches: list[tuple[tuple[int], tuple[int], tuple[Any, ...]]] = []
    streams: list[object] = []

    class RawKernel:
        def __init__(self, code: str, name: str, options: tuple[str, ...]) -> None:
            assert f"{name}(const float* values" in code

        def __call__(self, grid: tuple[int], block: tuple[int], given: tuple[Any, ...]) -> None:
            assert streams == [1234]
            launches.append((grid, block, given))

    @contextmanager
    def current(pointer: int) -> Iterator[None]:
        streams.append(pointer)
        yield
        streams.pop()

    stream = SimpleNamespace()
    if has_protocol:
        stream.from_external = lambda given: current(given.__cuda_stream__()[1])
    cuda = SimpleNamespace(
        Device=lambda index: nullcontext(),
        Stream=stream,
        ExternalStream=lambda pointer, device: current(pointer),
    )
    monkeypatch.setitem(sys.modules, "cupy", SimpleNamespace(RawKernel=RawKernel, cuda=cuda))
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: SimpleNamespace(cuda_stream=1234))
    monkeypatch.setattr(torch.cuda, "device", lambda device: nullcontext())
    cupy_kernels._compiled.cache_clear()
    values, flow, weight = torch.rand(1, 3, 20, 30), torch.rand(1, 2, 20, 30), torch.rand(1, 1, 20, 30)
    total, norm = cupy_kernels.splat(values, flow, weight, "gaussian")
    cupy_kernels._compiled.cache_clear()
    pointers = [tensor.data_ptr() for tensor in (values, flow, weight, total, norm)]
    ((grid, block, given),) = launches
    assert (grid, block) == ((3,), (256,))
    assert list(given) == [*pointers, 1, 3, 20, 30, 1]
    assert [type(number) for number in given[5:]] == [np.int64, *4 * [np.int32]]


def test_too_many_pixels_and_unknown_types_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cupy_kernels, "_start", lambda *arguments: pytest.fail("started"))
    large = torch.empty(1, 1, 2**16, 2**15, device="meta")
    with pytest.raises(ValueError, match=r"2\^31 - 1 pixels"):
        cupy_kernels.correlation(large, large, 0)
    eight_bits = torch.empty(1, 1, 4, 5, device="meta", dtype=torch.float8_e5m2)
    with pytest.raises(ValueError, match="no kernel for"):
        cupy_kernels.correlation(eight_bits, eight_bits, 1)


def test_splat_respects_deterministic_algorithms() -> None:
    values, flow, weight = (torch.zeros(1, channels, 3, 4, device="meta") for channels in (3, 2, 1))
    try:
        torch.use_deterministic_algorithms(True)
        with pytest.raises(RuntimeError, match="deterministic"):
            cupy_kernels.splat(values, flow, weight, "bilinear")
        torch.use_deterministic_algorithms(True, warn_only=True)
        with pytest.warns(UserWarning, match="deterministic"):
            cupy_kernels._alert_not_deterministic("this")
    finally:
        torch.use_deterministic_algorithms(False)


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Emulator:
    if COMPILER is None:
        pytest.skip("g++ is not installed")
    return Emulator(tmp_path_factory.mktemp("emulator"))


@pytest.mark.slow
@pytest.mark.parametrize("dtype", TOLERANCES, ids=str)
class TestEmulated:
    @pytest.fixture(autouse=True)
    def _on_the_emulator(self, emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(cupy_kernels, "_start", emulator.start)

    @pytest.mark.parametrize("shape", SHAPES, ids=str)
    @pytest.mark.parametrize("reach", [0, 4, 5, 9])
    def test_correlation(self, shape: tuple[int, ...], reach: int, dtype: torch.dtype) -> None:
        a, b = torch.randn(shape).to(dtype), torch.randn(shape).to(dtype)
        tolerance = TOLERANCES[dtype]
        out, expected = cupy_kernels.correlation(a, b, reach), plain_correlation(a, b, reach)
        assert torch.allclose(out, expected, rtol=tolerance, atol=tolerance)
        grad = torch.randn_like(expected)
        for ours, theirs in zip(
            cupy_kernels.correlation_backward(grad, a, b, reach),
            plain_correlation_backward(grad, a, b, reach),
            strict=True,
        ):
            assert torch.allclose(ours, theirs, rtol=tolerance, atol=10 * tolerance)

    def test_memory_that_is_not_aligned(self, dtype: torch.dtype) -> None:
        """A tensor that begins one number after an aligned address must not be read in fours."""
        a, b = (torch.randn(5 * 8 * 32 + 1).to(dtype)[1:].view(1, 5, 8, 32) for _ in range(2))
        tolerance = TOLERANCES[dtype]
        out, expected = cupy_kernels.correlation(a, b, 4), plain_correlation(a, b, 4)
        assert torch.allclose(out, expected, rtol=tolerance, atol=tolerance)

    @pytest.mark.parametrize("shape", [(2, 3, 5, 6), (1, 1, 1, 1), (1, 19, 9, 40), (2, 9, 13, 37)], ids=str)
    @pytest.mark.parametrize("kernel", ["bilinear", "gaussian"])
    def test_splat(self, shape: tuple[int, ...], kernel: str, dtype: torch.dtype) -> None:
        values, weight = torch.randn(shape).to(dtype), torch.rand_like(torch.empty(shape)[:, :1]).to(dtype)
        flow = torch.randn(shape[0], 2, *shape[2:], dtype=torch.float64).mul(4)
        for position, number in enumerate((torch.nan, torch.inf, -1e12, 3e38)[: flow.numel() // 8]):
            flow.view(-1)[position] = number
        self.compare_splats(values, flow.to(torch.promote_types(dtype, torch.float32)), weight, kernel)

    def test_splat_of_mixed_types(self, dtype: torch.dtype) -> None:
        values, weight = torch.randn(1, 3, 6, 7).to(dtype), torch.rand(1, 1, 6, 7)
        self.compare_splats(values, torch.randn(1, 2, 6, 7, dtype=torch.float64), weight, "bilinear")
        self.compare_splats(values, torch.randn(1, 2, 6, 7).to(dtype), weight.bfloat16(), "gaussian")

    def compare_splats(self, values: Tensor, flow: Tensor, weight: Tensor, kernel: str) -> None:
        tolerance = 5 * TOLERANCES[values.dtype]
        inputs = (values, flow, weight)
        for ours, theirs in zip(
            cupy_kernels.splat(*inputs, kernel), plain_splat(*inputs, kernel), strict=True
        ):
            assert ours.dtype == theirs.dtype
            assert torch.allclose(ours, theirs, rtol=tolerance, atol=tolerance)
        grads = torch.randn_like(values), torch.randn_like(weight, dtype=values.dtype)
        for ours, theirs in zip(
            cupy_kernels.splat_backward(*grads, *inputs, kernel),
            plain_splat_backward(*grads, *inputs, kernel),
            strict=True,
        ):
            assert ours.dtype == theirs.dtype
            larger = max(tolerance, TOLERANCES[ours.dtype])
            assert torch.allclose(ours, theirs, rtol=10 * larger, atol=10 * larger)


@pytest.mark.slow
def test_gradient_repeats_to_the_bit(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cupy_kernels, "_start", emulator.start)
    a, b, grad = torch.randn(1, 9, 9, 40), torch.randn(1, 9, 9, 40), torch.randn(1, 81, 9, 40)
    first, second = (cupy_kernels.correlation_backward(grad, a, b, 4) for _ in range(2))
    assert all(torch.equal(*pair) for pair in zip(first, second, strict=True))
    assert emulator.started[-4:] == 2 * [cupy_kernels.GATHER, cupy_kernels.GATHER_REVERSED]
