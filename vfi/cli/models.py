"""``vfi models``: what can be given as ``--model``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence


def main(arguments: Sequence[str]) -> int:
    """Run ``vfi models``; the exit code."""
    argparse.ArgumentParser(prog="vfi models", description="List the models.").parse_args(arguments)
    from vfi.registry import list_models

    models = list_models()
    width = max(len(model.name) for model in models)
    for model in models:
        print(f"{model.name:<{width}}  {model.window} frames  {model.summary}")
    return 0
