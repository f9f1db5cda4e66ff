"""``vfi benchmark``: models and baselines measured on a data set, by a named protocol."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from vfi.cli.parser import CommandParser
from vfi.cli.printing import print_lines
from vfi.errors import ConfigError, VfiError

# Importing torch takes a while, and --help shall not wait: what needs it is imported within the functions.
if TYPE_CHECKING:
    from vfi.evaluation.methods import Method
    from vfi.evaluation.processes import Processes
    from vfi.evaluation.protocols import Protocol
    from vfi.evaluation.runner import Result
    from vfi.evaluation.samples import Sample

MOST_GROUPS = 60
"""Groups of a table; a data set of more has them in its JSON alone."""
EXAMPLES = """examples:
  vfi benchmark clips --data my_videos/                        the default model and two baselines, x2
  vfi benchmark clips --data my_videos/ --factor 8 --save-worst 10
  vfi benchmark snufilm_hard --data SNU-FILM/ --model sgm.small --model eqvi.stage123 --json hard.json
  vfi benchmark xtest_2k_sgm --data X4K1000FPS/test --model sgm.small --checkpoint sgm.pth
  torchrun --nproc-per-node 2 -m vfi benchmark xiph_4k --data netflix/ --json xiph.json
  vfi benchmark --protocols                                    list the protocols
"""


def main(arguments: Sequence[str]) -> int:
    """Run ``vfi benchmark`` with the arguments behind it, and return the exit code.

    Raises:
        VfiError: If something is wrong with the arguments, the data set or the output.
    """
    options = build_parser().parse_args(arguments)
    if options.protocols:
        print_protocols()
        return 0
    if options.protocol is None or options.data is None:
        raise ConfigError("Name a protocol and its data: vfi benchmark clips --data FOLDER; see --protocols.")
    from vfi.evaluation.processes import launched_processes
    from vfi.evaluation.protocols import find_protocol
    from vfi.evaluation.runner import Result, Rows, in_order, run_benchmark

    protocol = find_protocol(options.protocol)
    if options.json is not None and options.json.exists() and not (options.overwrite or options.resume):
        raise ConfigError(f"{options.json} exists already: add --overwrite, or give another name.")
    metrics = _metrics(options.metrics, protocol)
    samples = _samples(protocol, options)
    methods = [*_models(options, protocol), *_baselines(options.baselines)]
    with launched_processes() as processes:
        path = _rows_file(options.json, processes)
        identity = _identity(options, protocol, metrics, samples, methods)
        rows = Rows(path, identity, resume=options.resume)
        part = processes.index, processes.count
        try:
            with progress_bar(protocol.name, hidden=options.quiet or not processes.is_first) as show:
                result = run_benchmark(
                    protocol, samples, methods, metrics, rows=rows, part=part, progress=show
                )
        except VfiError:
            names = [method.name for method in methods]
            partial = Result(protocol, metrics, names, in_order(rows.found, names), len(samples))
            if processes.count == 1 and partial.rows:
                report(partial, options)
            raise
        result = replace(result, rows=in_order(processes.gather(result.rows), result.methods))
        if processes.is_first:
            report(result, options)
            if options.save_worst:
                from vfi.visual.worst import save_worst

                folder, count = options.worst_folder, options.save_worst
                page = save_worst(folder, protocol, samples, methods, result, count)
                print_lines(f"The worst frames: {page}")
    if path is not None:
        path.unlink()
    return 0


def build_parser() -> argparse.ArgumentParser:
    """The parser of ``vfi benchmark``."""
    parser = CommandParser(
        prog="vfi benchmark",
        usage="vfi benchmark PROTOCOL --data FOLDER [--model NAME ...] [options]",
        description="Measure models and baselines on a data set, by a named protocol.",
        epilog=EXAMPLES,
    )
    add = parser.add_argument
    add("protocol", nargs="?", metavar="PROTOCOL", help="how and on what to measure, see --protocols")
    add("--protocols", action="store_true", help="list the protocols, and stop")
    add = parser.add_argument_group("data").add_argument
    add("--data", type=Path, metavar="FOLDER", help="the data set, as its archive unpacks")
    add("--list", metavar="FILE", help="another list of samples (SNU-FILM, Xiph)")
    add("--factor", type=int, metavar="K", help="clips: every K-th frame goes in (default: 2)")
    add("--limit", type=int, metavar="N", help="only the first N samples")
    add = parser.add_argument_group("methods").add_argument
    add("--model", action="append", metavar="NAME", help="a model, see: vfi models; several: repeat it")
    add("--checkpoint", type=Path, metavar="FILE", help="file with the weights of the model")
    add("--model-options", default={}, type=_mapping, metavar="MAPPING", help="such as '{points: 1/4}'")
    add("--baselines", default="minterpolate,blend", metavar="NAMES",
        help="minterpolate, blend, repeat; or none (default: minterpolate,blend)")  # fmt: skip
    add("--device", default="auto", metavar="NAME", help="auto, cpu, cuda, cuda:1, ...")
    add("--dtype", default="auto", metavar="NAME", help="auto, float32, float16 or bfloat16")
    add = parser.add_argument_group("results").add_argument
    add("--metrics", metavar="NAMES", help="other metrics than the protocol's, with commas; +NAME adds one")
    add("--json", type=Path, metavar="FILE", help="write the result: a row per frame, means, environment")
    add("--markdown", type=Path, metavar="FILE", help="write the tables")
    add("--save-worst", type=int, metavar="N", help="write the N worst frames of each method, and a page")
    add(
        "--worst-folder", type=Path, default=Path("worst"), metavar="FOLDER", help="where to (default: worst)"
    )
    add("--resume", action="store_true", help="continue an interrupted run (needs --json)")
    add("--overwrite", action="store_true", help="replace existing files")
    add("-q", "--quiet", action="store_true", help="no progress bar")
    return parser


def print_protocols() -> None:
    """Print a table of all protocols."""
    from vfi.evaluation.protocols import PROTOCOLS

    width = max(map(len, PROTOCOLS))
    for protocol in PROTOCOLS.values():
        print_lines(f"{protocol.name:<{width}}  {protocol.summary}")


def _metrics(asked: str | None, protocol: Protocol) -> list[str]:
    """The metrics to measure: the protocol's, with those after a plus, or only those named."""
    from vfi.evaluation.measuring import METRIC_NAMES

    names = [name.strip() for name in (asked or "").split(",") if name.strip()]
    added = [name.removeprefix("+") for name in names if name.startswith("+")]
    named = [name for name in names if not name.startswith("+")]
    metrics = list(dict.fromkeys([*(named or protocol.metrics), *added]))
    unknown = next((name for name in metrics if name not in METRIC_NAMES), None)
    if unknown is not None:
        raise ConfigError(f"There is no metric {unknown!r}: choose from {', '.join(METRIC_NAMES)}.")
    return metrics


def _choices(options: argparse.Namespace) -> dict[str, object]:
    """The choices of the layout that the command line gives."""
    choices = {"list_file": options.list, "factor": options.factor}
    return {name: value for name, value in choices.items() if value is not None}


def _samples(protocol: Protocol, options: argparse.Namespace) -> list[Sample]:
    samples = protocol.samples(options.data, **_choices(options))
    if options.limit is not None and options.limit < 1:
        raise ConfigError(f"--limit {options.limit}: give a whole number from 1 on.")
    return samples[: options.limit]


def _models(options: argparse.Namespace, protocol: Protocol) -> list[Method]:
    from vfi.evaluation.methods import ModelMethod
    from vfi.registry import find, load_model

    names = options.model or ["auto"]
    if options.checkpoint is not None and len(names) > 1:
        raise ConfigError("--checkpoint belongs to one model: leave it out, or give one --model.")
    methods: list[Method] = []
    for name in names:
        spec = find("interpolator", name)
        given: dict[str, Any] = dict(options.model_options)
        if protocol.down_scale is not None and "down_scale" in spec.options:
            given.setdefault("down_scale", protocol.down_scale)
        model = load_model(spec.name, options.checkpoint, options.device, options.dtype, **given)
        methods.append(ModelMethod(spec.name, model))
    return methods


def _baselines(names: str) -> list[Method]:
    from vfi.evaluation.methods import find_baseline

    return [] if names == "none" else [find_baseline(name.strip()) for name in names.split(",")]


def _rows_file(path: Path | None, processes: Processes) -> Path | None:
    """The file of the rows that a process has measured so far, beside the result."""
    if path is None:
        return None
    part = "" if processes.count == 1 else f"-{processes.index}-of-{processes.count}"
    return path.with_name(f"{path.name}.rows{part}")


def _identity(
    options: argparse.Namespace,
    protocol: Protocol,
    metrics: list[str],
    samples: list[Sample],
    methods: list[Method],
) -> dict[str, object]:
    """What rows are about: rows of anything else do not count when a run is resumed."""
    return {
        "protocol": asdict(protocol),
        "metrics": metrics,
        "samples": [sample.name for sample in samples],
        "methods": [method.identity() for method in methods],
        "dtype": options.dtype,
    }


@contextmanager
def progress_bar(title: str, *, hidden: bool) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar on the error output, where that is a terminal.

    Args:
        title: Text before the bar.
        hidden: Whether there is none.

    Yields:
        A function that takes the number of samples done and of all.
    """
    with tqdm(desc=title, unit=" samples", disable=True if hidden else None, dynamic_ncols=True) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield show


def report(result: Result, options: argparse.Namespace) -> None:
    """Print the tables of a result, and write the files that were asked for.

    Args:
        result: Result, complete or not.
        options: Arguments of the command line.
    """
    from vfi.evaluation.report import write_result
    from vfi.evaluation.summary import group_table, remarks, summary_table
    from vfi.registry.published import published_figures

    protocol = result.protocol
    published = {name: published_figures(name, protocol.published_as) for name in result.methods}
    parts = [f"{protocol.name}: {protocol.summary}", summary_table(result, published)]
    if 1 < len(result.groups()) <= MOST_GROUPS:
        parts.append(group_table(result, result.metrics[0]))
    parts += remarks(result)
    text = "\n\n".join(parts) + "\n"
    print_lines(*text.split("\n"))
    if options.markdown is not None:
        options.markdown.write_text(text, encoding="utf-8")
    data = {"data": options.data.name, "choices": _choices(options), "limit": options.limit}
    write_result(options.json, {**data, **result.to_json()})


def _mapping(text: str) -> dict[str, object]:
    """Names and values, as argparse wants its converters."""
    from vfi.config import parsers

    try:
        return parsers.mapping(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
