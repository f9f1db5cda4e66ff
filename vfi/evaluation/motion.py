"""How much a data set moves: statistics of the flow between the frames of each sample, and harder halves.

The two statistics, and the choice of the upper half, are those by which SGM-VFI's authors chose the "-L"
subsets of SNU-FILM and Xiph.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from vfi.base.flow import FlowEstimator
from vfi.errors import InputError
from vfi.evaluation.samples import FrameReader, FrameRef, Sample
from vfi.io.pixels.color import tensor_from_array
from vfi.ops import Padding

TOP_FRACTION = 0.05
"""Fraction of the pixels whose smallest motion is the motion sufficiency."""


@dataclass(frozen=True)
class Motion:
    """How much one sample moves, in pixels between its two inputs."""

    sample: Sample
    mean: float
    """Mean motion magnitude."""
    sufficiency: float
    """The least magnitude of the fastest 5 % of the pixels."""


def mean_magnitude(flow: Tensor) -> Tensor:
    """Mean length of the vectors of a flow.

    Args:
        flow: Flow ``[B, 2, H, W]``, pixels.

    Returns:
        ``[B]``, pixels.
    """
    return flow.norm(dim=1).mean(dim=(1, 2))


def motion_sufficiency(flow: Tensor) -> Tensor:
    """The least length of the longest 5 % of the vectors of a flow.

    Args:
        flow: Flow ``[B, 2, H, W]``, pixels.

    Returns:
        ``[B]``, pixels; of few pixels, the longest vector alone.
    """
    lengths = flow.norm(dim=1).flatten(1)
    count = max(int(lengths.shape[1] * TOP_FRACTION), 1)
    return lengths.topk(count, dim=1).values[:, -1]


@torch.inference_mode()
def measure_motion(
    samples: Iterable[Sample],
    estimator: FlowEstimator,
    *,
    multiple: int = 1,
    reader: FrameReader | None = None,
) -> Iterator[Motion]:
    """Measure the flow between the two inputs of each sample.

    Args:
        samples: Samples of a data set.
        estimator: Flow backbone, on its device.
        multiple: Sides of the frames are padded to multiples of it.
        reader: Reads the frames; None: one of its own.

    Yields:
        The motion of each sample.

    Raises:
        InputError: If a frame cannot be read, or the two differ in size.
    """
    device = next((value.device for value in estimator.parameters()), torch.device("cpu"))
    with reader or FrameReader() as frames:

        def load(frame: FrameRef) -> Tensor:
            return tensor_from_array(frames.read(frame), device)

        for sample in samples:
            start, end = load(sample.start), load(sample.end)
            if start.shape != end.shape:
                raise InputError(f"{sample.start} and {sample.end} differ in size.")
            padding = Padding.to_fit(*start.shape[-2:], multiple=multiple)
            flow = padding.unpad(estimator(padding.pad(start), padding.pad(end)).flow_01)
            yield Motion(sample, float(mean_magnitude(flow)), float(motion_sufficiency(flow)))


def top_half(motions: Sequence[Motion]) -> list[Motion]:
    """The half of the samples with the larger motion sufficiency.

    Args:
        motions: Motions of all samples of a data set.

    Returns:
        Half of them, rounded down, in the order of the data set; of equal ones the earlier.
    """
    ranked = sorted(range(len(motions)), key=lambda at: (-motions[at].sufficiency, at))
    return [motions[at] for at in sorted(ranked[: len(motions) // 2])]


def write_list(path: Path, root: Path, motions: Iterable[Motion]) -> None:
    """Write samples as a list in the format of SGM-VFI: three paths per line, the ground truth in the middle.

    Args:
        path: List file; replaced if it exists.
        root: Folder of the data set, which the paths are relative to.
        motions: Samples to list.

    Raises:
        InputError: If a sample has not one ground-truth frame in an image file.
    """
    lines: list[str] = []
    for motion in motions:
        sample = motion.sample
        frames = [sample.start, *(target.frame for target in sample.targets), sample.end]
        if len(frames) != 3 or any(frame.number is not None for frame in frames):
            raise InputError(f"{sample.name} is no triplet of image files: such a list cannot hold it.")
        lines.append(" ".join(frame.path.relative_to(root).as_posix() for frame in frames))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
