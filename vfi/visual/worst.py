"""The worst samples of a benchmark as images and as a page: inputs, result, ground truth, error."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from vfi.evaluation.measuring import Row, estimates
from vfi.evaluation.methods import Method
from vfi.evaluation.protocols import Protocol
from vfi.evaluation.runner import Result
from vfi.evaluation.samples import FrameReader, Sample
from vfi.evaluation.summary import METRIC_TITLES, formatted
from vfi.visual.comparison import error_map
from vfi.visual.comparison_page import PageEntry, comparison_page

SMALLER_IS_BETTER = frozenset({"ie", "lpips", "dists", "flolpips"})
PAGE = "index.html"


def worst_rows(result: Result, method: str, count: int) -> list[Row]:
    """The rows of a method with the worst first metric.

    Args:
        result: The result.
        method: Name of the method.
        count: Number of rows.

    Returns:
        At most this many rows, worst first.
    """
    metric = result.metrics[0]
    sign = -1 if metric in SMALLER_IS_BETTER else 1
    rows = [row for row in result.rows if row.method == method]
    return sorted(rows, key=lambda row: (sign * row.values[metric], row.index, row.t))[:count]


def save_worst(
    folder: Path,
    protocol: Protocol,
    samples: Sequence[Sample],
    methods: Iterable[Method],
    result: Result,
    count: int,
) -> Path:
    """Interpolate the worst samples of each method again, and write their frames and a page of them.

    Args:
        folder: Folder for the images and the page; created if needed.
        protocol: Protocol of the result.
        samples: Samples of the data set.
        methods: Methods of the result.
        result: The result.
        count: Number of frames per method.

    Returns:
        The page.
    """
    folder.mkdir(parents=True, exist_ok=True)
    metric = result.metrics[0]
    sign = -1 if metric in SMALLER_IS_BETTER else 1
    entries: list[PageEntry] = []
    with FrameReader() as reader:
        for method in methods:
            for place, row in enumerate(worst_rows(result, method.name, count)):
                found = estimates(protocol, samples[row.index], [method], reader)
                estimate = next(one for one in found if one.target.t == row.t)
                window = estimate.window
                frames = [rgb8(frame) for frame in (window.start, window.end, estimate.frame, estimate.truth)]
                names = ("start", "end", "result", "truth")
                for name, frame in [*zip(names, frames, strict=True), ("error", error_map(*frames[2:]))]:
                    Image.fromarray(frame).save(folder / f"{method.name}_{place:03d}_{name}.png")
                title = row.sample if len(samples[row.index].targets) == 1 else f"{row.sample}, t = {row.t}"
                detail = ", ".join(
                    f"{METRIC_TITLES[name]} {formatted(name, value)}"
                    for name, value in row.values.items()
                    if name != metric
                )
                score = sign * row.values[metric]
                entries.append(PageEntry(title, row.group, method.name, score, detail, *frames))
    page = folder / PAGE
    title = f"{protocol.name}: the worst {count} frames of each method"
    page.write_text(comparison_page(entries, title=title, score_name=METRIC_TITLES[metric]), encoding="utf-8")
    return page


def rgb8(frame: Tensor) -> np.ndarray:
    """A frame ``[1, 3, H, W]`` in [0, 1] as uint8 ``[H, W, 3]``."""
    levels = (frame[0].clamp(0, 1) * 255).round()
    return np.ascontiguousarray(levels.permute(1, 2, 0).byte().numpy())
