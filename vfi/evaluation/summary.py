"""Tables of a benchmark's result, in Markdown: methods side by side, published figures beside ours."""

from __future__ import annotations

from collections.abc import Mapping

from vfi.evaluation.report import table
from vfi.evaluation.runner import Result

METRIC_TITLES = {
    "psnr": "PSNR",
    "ssim": "SSIM",
    "ssim_volume": "SSIM (volume)",
    "ssim_uniform": "SSIM (uniform)",
    "ie": "IE",
    "sharpness": "sharpness",
    "lpips": "LPIPS",
    "dists": "DISTS",
    "flolpips": "FloLPIPS",
}
"""Metrics as tables call them."""
_DIGITS = {"psnr": 2, "ie": 2, "sharpness": 2}
_OTHER_DIGITS = 4

Published = Mapping[str, Mapping[str, float]]
"""The papers' own figures: by method, then by metric."""


def formatted(metric: str, value: float, *, signed: bool = False) -> str:
    """A number with the digits that its metric deserves.

    Args:
        metric: Name of the metric.
        value: The number.
        signed: Whether a plus is written.
    """
    return f"{value:{'+' if signed else ''}.{_DIGITS.get(metric, _OTHER_DIGITS)}f}"


def summary_table(result: Result, published: Published | None = None) -> str:
    """One row per method with the means of its metrics, and the published figures where there are any.

    Args:
        result: The result.
        published: The papers' own figures for this protocol.
    """
    published = {method: figures for method, figures in (published or {}).items() if figures}
    head = ["method"]
    for metric in result.metrics:
        title = METRIC_TITLES[metric]
        head += [title, *([f"paper {title}", "difference"] if _has(published, metric) else [])]
    return table(head, [_row(result, method, published) for method in result.methods])


def group_table(result: Result, metric: str) -> str:
    """One row per group with the mean of one metric by every method.

    Args:
        result: The result.
        metric: Name of the metric.
    """
    rows: list[list[str]] = []
    for group in result.groups():
        inside = [row for row in result.rows if row.group == group]
        means = [result.means(method, inside).get(metric) for method in result.methods]
        rows.append([group, *("-" if mean is None else formatted(metric, mean) for mean in means)])
    return table([METRIC_TITLES[metric], *result.methods], rows)


def remarks(result: Result) -> list[str]:
    """What a reader must know beside the numbers: partial results, and windows that lacked outer frames.

    Args:
        result: The result.
    """
    found = list(result.notes)
    if not result.complete:
        measured = len({row.index for row in result.rows})
        found.append(f"Partial: {measured} of {result.samples} samples were measured.")
    for method in result.methods:
        count = result.fallbacks(method)
        if count:
            found.append(
                f"{method} uses four frames, but {count} of {result.samples} samples lack an outer one: "
                "there it used two."
            )
    return found


def _has(published: Published, metric: str) -> bool:
    return any(metric in figures for figures in published.values())


def _row(result: Result, method: str, published: Published) -> list[str]:
    means, cells = result.means(method), [method]
    for metric in result.metrics:
        mean = means.get(metric)
        cells.append("-" if mean is None else formatted(metric, mean))
        if _has(published, metric):
            paper = published.get(method, {}).get(metric)
            cells.append("-" if paper is None else formatted(metric, paper))
            difference = None if paper is None or mean is None else mean - paper
            cells.append("-" if difference is None else formatted(metric, difference, signed=True))
    return cells
