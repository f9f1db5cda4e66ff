"""The flags that users of SGM-VFI's three benchmark scripts know, in the terms of ``vfi benchmark``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from vfi.cli.main import main as vfi
from vfi.registry.table import SPECS

ALL_POINTS = -1.0


def build_parser(script: str, protocols: Sequence[str]) -> argparse.ArgumentParser:
    """The parser of a script.

    Args:
        script: Name of its file, without suffix.
        protocols: Protocols it measures.
    """
    parser = argparse.ArgumentParser(
        prog=f"python benchmark/{script}.py",
        description=f"Measure SGM-VFI by {' and '.join(protocols)}, see: vfi benchmark --help",
    )
    add = parser.add_argument
    add("--path", type=Path, required=True, help="folder of the data set")
    add("--exp_name", default="ours-1-2-points", help="run whose weights are log/NAME/ckpt/NAME.pth")
    add("--num_key_points", type=float, help="fraction of the positions that are matched; -1: all")
    add("--json", type=Path, metavar="FOLDER", help="folder for the results, PROTOCOL.json")
    return parser


def benchmark_arguments(protocol: str, options: argparse.Namespace) -> list[str]:
    """The arguments of ``vfi`` that measure by a protocol as the script was asked to.

    Args:
        protocol: Name of the protocol.
        options: Arguments of the script.
    """
    name = options.exp_name
    place = Path("log", name, "ckpt", f"{name}.pth")
    models = [spec.name for spec in SPECS if spec.checkpoint is not None and spec.checkpoint.path == place]
    size = "base" if "base" in name else "small"
    arguments = ["benchmark", protocol, "--data", str(options.path), "--baselines", "none"]
    arguments += ["--model", models[0]] if models else ["--model", f"sgm.{size}", "--checkpoint", str(place)]
    if options.num_key_points is not None:
        points = "all" if options.num_key_points == ALL_POINTS else f"{options.num_key_points:g}"
        arguments += ["--model-options", f"{{points: {points}}}"]
    if options.json is not None:
        arguments += ["--json", str(options.json / f"{protocol}.json")]
    return arguments


def run(script: str, protocols: Sequence[str]) -> None:
    """Measure by each protocol, and exit with the first exit code that is not 0.

    Args:
        script: Name of the script's file, without suffix.
        protocols: Protocols it measures.
    """
    options = build_parser(script, protocols).parse_args()
    codes = [vfi(benchmark_arguments(protocol, options)) for protocol in protocols]
    sys.exit(next((code for code in codes if code), 0))
