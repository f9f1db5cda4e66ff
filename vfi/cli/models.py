"""``vfi models``: list the models that ``--model`` accepts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vfi.cli.parser import CommandParser
from vfi.cli.printing import print_lines
from vfi.errors import ModelError

if TYPE_CHECKING:
    from vfi.checkpoints import CheckpointSpec


def main(arguments: Sequence[str]) -> int:
    """Run ``vfi models`` and return its exit code.

    Args:
        arguments: Arguments after the name of the command.
    """
    CommandParser(
        "vfi models",
        description="List the models: number of input frames, state of the weights, and published PSNR\n"
        "(EQVI's table: REDS_VTSR, twice the frame rate, 30 clips).",
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
        print_lines("  ".join(columns))
    if any(model.checkpoint for model in models):
        print_lines("", "'vfi checkpoints list' shows where to get weights and where to put them.")
    return 0


def _weights(checkpoint: CheckpointSpec | None) -> str:
    """Return the state of the weights in two words."""
    from vfi.checkpoints import find_checkpoint

    if checkpoint is None:
        return "no weights"
    try:
        return "weights found" if find_checkpoint(checkpoint) else "weights missing"
    except ModelError:
        return "weights unclear"


def _published(checkpoint: CheckpointSpec | None) -> str:
    """Return the PSNR that the authors published on the most clips."""
    psnr = [metric.value for metric in checkpoint.metrics if metric.name == "PSNR"] if checkpoint else []
    return f"{psnr[0]:.2f} dB" if psnr else ""
