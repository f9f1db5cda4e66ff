"""Published figures of the models, from the table of their checkpoints."""

from __future__ import annotations

from vfi.registry.table import SPECS


def published_figures(name: str, benchmark: str | None) -> dict[str, float]:
    """The figures that a model's authors published for a benchmark.

    Args:
        name: Name of a model; anything else has no figures.
        benchmark: What the table of checkpoints calls the benchmark; None: nothing.

    Returns:
        Figures by the name of the metric in lower case, such as ``{"psnr": 24.0562}``.
    """
    return {
        metric.name.lower(): metric.value
        for spec in SPECS
        if spec.kind == "interpolator" and spec.name == name and spec.checkpoint is not None
        for metric in spec.checkpoint.metrics
        if metric.dataset == benchmark
    }
