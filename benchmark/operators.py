"""Speed of the operators: correlation and splatting by every installed implementation, in one run.

    python -m benchmark.speed operators [--device cpu] [--threads 2] [--runs 7] [--json FILE]

The reference is :func:`vfi.ops.reference.correlation_by_shifts` with PyTorch's own gradient, the
straightforward implementation. The implementations take turns; a figure is the median of the runs, a ratio
that of two medians.

On CUDA only the time of the device counts: every call is recorded as a graph and replayed. The times are also
compared with the time to move the inputs and the result once at the bandwidth of a large copy.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from vfi.evaluation.report import table, write_result
from vfi.ops import live_backend, reference
from vfi.ops.backends import compiled, cupy_kernels
from vfi.ops.backends.torch_correlation import plain_correlation, plain_correlation_backward
from vfi.ops.backends.torch_splat import plain_splat, plain_splat_backward

HEIGHT, WIDTH, REACH = 120, 216, 4
CHANNELS = (32, 64, 96, 128)
SPLATTED = (1, 8, 480, 854)
REPLAYS = 20
COPIED = 2**28
"""Number of float32 values in the copy that measures the bandwidth: 1 GiB."""

Call = Callable[[], Any]
Timer = Callable[[Call], float]


def correlation_calls(features_a: Tensor, features_b: Tensor) -> dict[str, Call]:
    """Forward pass by every implementation, on inputs without gradient."""
    a, b = features_a, features_b
    calls: dict[str, Call] = {
        "reference": partial(reference.correlation_by_shifts, a, b, max_displacement=REACH),
        "PyTorch": partial(plain_correlation, a, b, REACH),
    }
    return calls | _faster("correlation", a.device, (a, b, REACH))


def gradient_calls(features_a: Tensor, features_b: Tensor, grad: Tensor) -> dict[str, Call]:
    """Both gradients by every implementation; the reference's includes its forward pass."""
    a, b = features_a.clone().requires_grad_(), features_b.clone().requires_grad_()

    def by_autograd() -> tuple[Tensor, ...]:
        out = reference.correlation_by_shifts(a, b, max_displacement=REACH)
        return torch.autograd.grad(out, (a, b), grad)

    arguments = (grad, features_a, features_b, REACH)
    calls: dict[str, Call] = {
        "reference, both": by_autograd,
        "reference, forward": partial(reference.correlation_by_shifts, a, b, max_displacement=REACH),
        "PyTorch": partial(plain_correlation_backward, *arguments),
    }
    return calls | _faster("correlation_backward", a.device, arguments)


def splat_calls(values: Tensor, flow: Tensor, weight: Tensor) -> tuple[dict[str, Call], dict[str, Call]]:
    """Forward pass and gradient of the splat by every implementation."""
    inputs = (values, flow, weight, "bilinear")
    forward: dict[str, Call] = {"PyTorch": partial(plain_splat, *inputs)}
    given = (values, weight, *inputs)  # any gradient will do
    backward: dict[str, Call] = {"PyTorch": partial(plain_splat_backward, *given)}
    return (
        forward | _faster("splat", values.device, inputs),
        backward | _faster("splat_backward", values.device, given),
    )


def _faster(name: str, device: torch.device, arguments: tuple[Any, ...]) -> dict[str, Call]:
    """Calls of an operator by the compiled package and by CuPy, as far as they are installed."""
    calls: dict[str, Call] = {}
    if device.type in compiled.STATE.kernels and (device.type == "cuda" or name.startswith("correlation")):
        calls["compiled"] = partial(getattr(torch.ops.vfi, name), *arguments)
    if device.type == "cuda" and cupy_kernels.missing() is None:
        calls["CuPy"] = partial(getattr(cupy_kernels, name), *arguments)
    return calls


def wall_seconds(call: Call) -> float:
    """Wall time of one call on the CPU, in seconds."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


class DeviceTimer:
    """Measures the work of a call on the current CUDA device, without the overhead of Python."""

    def __init__(self) -> None:
        self.graphs: dict[Call, torch.cuda.CUDAGraph] = {}

    def __call__(self, call: Call) -> float:
        """Seconds of one call; the first use of a call records it."""
        if call not in self.graphs:
            self.graphs[call] = self._record(call)
        graph = self.graphs[call]
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        for _ in range(REPLAYS):
            graph.replay()
        end.record()
        end.synchronize()
        return begin.elapsed_time(end) / 1e3 / REPLAYS

    @staticmethod
    def _record(call: Call) -> torch.cuda.CUDAGraph:
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(3):
                call()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            call()
        return graph


def medians(calls: dict[str, Call], timer: Timer, runs: int) -> dict[str, float]:
    """Median seconds of each call; the calls take turns, after a round that does not count."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for run in range(runs + 1):
        for name, call in calls.items():
            seconds = timer(call)
            if run:
                times[name].append(seconds)
    return {name: median(values) for name, values in times.items()}


def measure_correlation(
    device: torch.device, batch: int, channels: int, runs: int, bandwidth: float | None
) -> dict[str, Any]:
    """Forward pass and gradient at one size: seconds, ratios to the reference, times the traffic bound."""
    timer: Timer = DeviceTimer() if device.type == "cuda" else wall_seconds
    shape, planes = (batch, channels, HEIGHT, WIDTH), (2 * REACH + 1) ** 2
    a, b = torch.randn(shape, device=device), torch.randn(shape, device=device)
    grad = torch.randn(batch, planes, HEIGHT, WIDTH, device=device)
    forward = medians(correlation_calls(a, b), timer, runs)
    backward = medians(gradient_calls(a, b, grad), timer, runs)
    gradient_only = backward.pop("reference, both") - backward.pop("reference, forward")
    backward = {"reference": gradient_only, **backward}
    pixels = batch * HEIGHT * WIDTH * a.element_size()
    return {
        "shape": list(shape),
        "forward": _judged(forward, pixels * (2 * channels + planes), bandwidth),
        "backward": _judged(backward, pixels * (4 * channels + planes), bandwidth),
    }


def measure_splat(device: torch.device, runs: int, bandwidth: float | None) -> dict[str, Any]:
    """Forward pass and gradient of the splat at one size."""
    timer: Timer = DeviceTimer() if device.type == "cuda" else wall_seconds
    batch, channels, height, width = SPLATTED
    values, weight = torch.randn(SPLATTED, device=device), torch.rand(batch, 1, height, width, device=device)
    coarse = torch.randn(batch, 2, 8, 8, device=device).mul(8)
    flow = F.interpolate(coarse, size=(height, width), mode="bilinear")
    forward, backward = (medians(calls, timer, runs) for calls in splat_calls(values, flow, weight))
    pixels = batch * height * width * values.element_size()
    return {
        "shape": list(SPLATTED),
        "forward": _judged(forward, pixels * (2 * channels + 4), bandwidth),
        "backward": _judged(backward, pixels * (3 * channels + 7), bandwidth),
    }


def _judged(seconds: dict[str, float], traffic: int, bandwidth: float | None) -> dict[str, Any]:
    base = seconds.get("reference", seconds["PyTorch"])
    result: dict[str, Any] = {
        "seconds": seconds,
        "times_as_fast_as_reference": {name: base / value for name, value in seconds.items()},
    }
    if bandwidth is not None:
        bound = traffic / bandwidth
        result["traffic_bound_seconds"] = bound
        result["times_the_traffic_bound"] = {name: value / bound for name, value in seconds.items()}
    return result


def copy_bandwidth(runs: int) -> float:
    """Bandwidth of a large copy on the CUDA device in bytes per second, reads plus writes."""
    source = torch.empty(COPIED, device="cuda")
    target = torch.empty_like(source)
    seconds = medians({"copy": partial(target.copy_, source)}, DeviceTimer(), runs)["copy"]
    return 2 * source.numel() * source.element_size() / seconds


def rows_of(result: dict[str, Any], operator: str) -> list[list[str]]:
    """Rows of the table for one size."""
    lines: list[list[str]] = []
    for direction in ("forward", "backward"):
        judged = result[direction]
        for name, seconds in judged["seconds"].items():
            ratio = judged["times_as_fast_as_reference"][name]
            bound = judged.get("times_the_traffic_bound", {}).get(name)
            shape = "x".join(map(str, result["shape"]))
            beside = "" if bound is None else f"{bound:.2f}"
            lines.append([operator, shape, direction, name, f"{1e3 * seconds:.3f}", f"{ratio:.1f}", beside])
    return lines


def main(arguments: Sequence[str]) -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(
        "python -m benchmark.speed operators", description="Compare implementations of the operators."
    )
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=2, help="on the CPU")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--json", type=Path, help="file for the result")
    options = parser.parse_args(arguments)
    device = torch.device(options.device)
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    on_cuda = device.type == "cuda"
    bandwidth = copy_bandwidth(options.runs) if on_cuda else None
    batches = (1, 8) if on_cuda else (1,)
    correlations = [
        measure_correlation(device, batch, channels, options.runs, bandwidth)
        for batch in batches
        for channels in CHANNELS
    ]
    splat = measure_splat(device, options.runs, bandwidth)
    rows = [row for result in correlations for row in rows_of(result, "correlation")]
    rows += rows_of(splat, "forward_splat")
    print(
        table(
            ["operator", "shape", "pass", "by", "ms", "times as fast as reference", "times the traffic"], rows
        )
    )
    live = [live_backend(operator, device) for operator in ("correlation", "forward_splat")]
    for found in live:
        print(f"{found.operator}: {found.name} ({found.reason})")
    write_result(
        options.json,
        {
            "benchmark_device": str(device),
            "threads": options.threads,
            "runs": options.runs,
            "live": [found._asdict() for found in live],
            "copy_bytes_per_second": bandwidth,
            "correlation": correlations,
            "forward_splat": splat,
        },
    )
