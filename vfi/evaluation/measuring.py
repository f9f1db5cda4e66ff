"""From a sample to its numbers: frames prepared, estimates rounded and measured as the protocol states."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from vfi.base.flow import FlowEstimator
from vfi.errors import InputError
from vfi.evaluation import metrics, perceptual
from vfi.evaluation.methods import Method
from vfi.evaluation.protocols import Protocol, Rounding
from vfi.evaluation.samples import FrameReader, FrameRef, Sample, Target
from vfi.registry import load_flow
from vfi.types import FrameKeys, Window

Metric = Callable[[Tensor, Tensor], Tensor]

METRICS: dict[str, Metric] = {
    "psnr": metrics.psnr,
    "ssim": metrics.ssim,
    "ssim_volume": metrics.ssim_volume,
    "ssim_uniform": metrics.ssim_uniform,
    "ie": metrics.interpolation_error,
    "sharpness": metrics.sharpness_ratio,
    "lpips": metrics.lpips,
    "dists": perceptual.dists,
}
"""Metrics of an estimate against its ground truth by name; both are ``[1, 3, H, W]`` in [0, 1]."""
FLOLPIPS = "flolpips"
"""The metric that also looks at the two inputs."""
METRIC_NAMES = (*METRICS, FLOLPIPS)


@dataclass(frozen=True)
class Row:
    """The numbers of one frame of one method."""

    index: int
    """Index of the sample within the data set."""
    sample: str
    group: str
    t: Fraction
    method: str
    had_neighbors: bool
    """Whether a method of four frames had both outer ones; true for methods of two."""
    values: Mapping[str, float]
    """By metric."""

    def to_json(self) -> dict[str, object]:
        """Plain values; the time as text, such as ``"1/2"``."""
        return {
            "index": self.index,
            "sample": self.sample,
            "group": self.group,
            "t": str(self.t),
            "method": self.method,
            "had_neighbors": self.had_neighbors,
            "values": {
                name: value if np.isfinite(value) else str(value) for name, value in self.values.items()
            },
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Row:
        """The row of such values.

        Raises:
            ValueError: If they are not those of a row.
        """
        try:
            return cls(
                **{
                    **values,
                    "t": Fraction(str(values["t"])),
                    "values": {name: float(value) for name, value in values["values"].items()},
                }
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a row of results: {error}") from error


@dataclass(frozen=True)
class Estimate:
    """A frame beside its ground truth, as they are measured: ``[1, 3, H, W]``, RGB in [0, 1]."""

    method: Method
    target: Target
    frame: Tensor
    truth: Tensor
    window: Window
    had_neighbors: bool


def prepare(protocol: Protocol, frame: np.ndarray) -> Tensor:
    """Resize and crop a frame as a protocol states.

    Args:
        protocol: The protocol.
        frame: Frame, uint8 ``[H, W, 3]``, RGB.

    Returns:
        float32 ``[1, 3, H, W]`` in [0, 1].

    Raises:
        InputError: If nothing is left of the frame after cropping.
    """
    samples = frame.astype(np.float32) / 255 if protocol.resize_as == "area_float" else frame
    if protocol.resize is not None:
        samples = cv2.resize(samples, protocol.resize, interpolation=cv2.INTER_AREA)
    if protocol.crop is not None:
        rows, columns = protocol.crop
        height, width = samples.shape[:2]
        if min(height - 2 * rows, width - 2 * columns) < 1:
            raise InputError(
                f"{protocol.name} crops {rows} rows and {columns} columns on either side, "
                f"but the frames are {width}x{height}."
            )
        samples = samples[rows : height - rows, columns : width - columns]
    if samples.dtype == np.uint8:
        samples = samples.astype(np.float32) / 255
    return torch.from_numpy(np.ascontiguousarray(samples.transpose(2, 0, 1)))[None]


def quantize(frame: Tensor, rounding: Rounding) -> Tensor:
    """Round a frame to 8-bit levels.

    Args:
        frame: Samples in [0, 1].
        rounding: ``"none"``; ``"nearest"``, halves to even; or ``"floor"``, which truncates.

    Returns:
        Samples in [0, 1], of the same shape.
    """
    if rounding == "none":
        return frame
    levels = frame.clamp(0, 1) * 255
    return (levels.round() if rounding == "nearest" else levels.floor()) / 255


def estimates(
    protocol: Protocol, sample: Sample, methods: list[Method], reader: FrameReader
) -> Iterator[Estimate]:
    """Interpolate a sample by every method.

    Args:
        protocol: How frames are prepared and estimates rounded.
        sample: Which frames.
        methods: Methods to compare.
        reader: Reads the frames.

    Yields:
        An estimate for each method and each ground-truth frame.

    Raises:
        InputError: If a frame cannot be read, or the frames differ in size.
    """

    def load(frame: FrameRef) -> Tensor:
        return prepare(protocol, reader.read(frame))

    frames = [sample.start, sample.end, sample.prev, sample.next]
    tensors = [None if frame is None else load(frame) for frame in frames]
    truths = [load(target.frame) for target in sample.targets]
    for frame, tensor in zip(
        [*frames, *(target.frame for target in sample.targets)], [*tensors, *truths], strict=True
    ):
        if tensor is not None and tensor.shape != truths[0].shape:
            raise InputError(
                f"{frame} is {tensor.shape[3]}x{tensor.shape[2]}, but {sample.targets[0].frame} is "
                f"{truths[0].shape[3]}x{truths[0].shape[2]}: frames of a sample need one size."
            )
    start, end, prev, following = tensors
    assert start is not None
    assert end is not None
    window = Window(start, end, prev, following, FrameKeys(*((protocol.name, frame) for frame in frames)))
    times = [target.t for target in sample.targets]
    for method in methods:
        complete = method.window == 2 or sample.has_neighbors
        results = method.interpolate(window, times, protocol.padding_multiple)
        for target, truth, frame in zip(sample.targets, truths, results, strict=True):
            rounded = quantize(frame, protocol.rounding)
            yield Estimate(method, target, rounded, truth, window, complete)


def measure(index: int, sample: Sample, estimate: Estimate, names: list[str]) -> Row:
    """Measure an estimate.

    Args:
        index: Index of the sample within the data set.
        sample: The sample.
        estimate: The estimate.
        names: Metrics, of :data:`METRIC_NAMES`.
    """
    values = {name: _value(name, estimate) for name in names}
    return Row(
        index,
        sample.name,
        sample.group,
        estimate.target.t,
        estimate.method.name,
        estimate.had_neighbors,
        values,
    )


def _value(name: str, estimate: Estimate) -> float:
    if name != FLOLPIPS:
        return float(METRICS[name](estimate.frame, estimate.truth))
    window = estimate.window
    return float(perceptual.flolpips(estimate.frame, estimate.truth, window.start, window.end, _dis_flow))


@cache
def _dis() -> FlowEstimator:
    return load_flow("dis", device="cpu")


def _dis_flow(first: Tensor, second: Tensor) -> Tensor:
    return _dis()(first, second).flow_01
