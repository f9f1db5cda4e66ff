"""``vfi models``: what can be given as ``--model``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from vfi.errors import ModelError

if TYPE_CHECKING:
    from vfi.checkpoints import CheckpointSpec


def main(arguments: Sequence[str]) -> int:
    """Run ``vfi models``; the exit code."""
    argparse.ArgumentParser(
        prog="vfi models",
        description="List the models: the frames each looks at, whether its weights are there, and its "
        "published PSNR (EQVI's table: REDS_VTSR, twice the frame rate, 30 clips).",
    ).parse_args(arguments)
    from vfi.registry import list_models

    models = list_models()
    width = max(len(model.name) for model in models)
    for model in models:
        columns = (
            f"{model.name:<{width}}",
            f"{model.window} frames",
            f"{_weights(model.checkpoint):<15}",
            f"{_published(model.checkpoint):<8}",
            model.summary,
        )
        print("  ".join(columns))
    if any(model.checkpoint for model in models):
        print("\n'vfi checkpoints list' shows where to get weights and where to put them.")
    return 0


def _weights(checkpoint: CheckpointSpec | None) -> str:
    """State of the weights in a few words."""
    from vfi.checkpoints import find_checkpoint

    if checkpoint is None:
        return "no weights"
    try:
        return "weights found" if find_checkpoint(checkpoint) else "weights missing"
    except ModelError:
        return "weights unclear"


def _published(checkpoint: CheckpointSpec | None) -> str:
    """The PSNR its authors state, of the most clips."""
    psnr = [metric.value for metric in checkpoint.metrics if metric.name == "PSNR"] if checkpoint else []
    return f"{psnr[0]:.2f} dB" if psnr else ""
