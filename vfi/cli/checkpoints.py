"""``vfi checkpoints``: list, verify and convert files of model weights."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vfi.cli.parser import CommandParser
from vfi.cli.printing import print_json, print_lines
from vfi.errors import ModelError, VfiError

if TYPE_CHECKING:
    from torch import Tensor

    from vfi.checkpoints import CheckpointSpec
    from vfi.checkpoints.loading import Checkpoint, Difference


def main(arguments: Sequence[str]) -> int:
    """Run ``vfi checkpoints`` and return its exit code.

    Args:
        arguments: Arguments after the name of the command.

    Raises:
        VfiError: If a file is missing or invalid, or cannot be written.
    """
    asked = _parser().parse_args(arguments)
    if asked.action == "list":
        return list_files(as_json=asked.json)
    if asked.action == "verify":
        return verify(asked.files, as_json=asked.json)
    return convert(asked.file, asked.output or asked.file.with_suffix(".safetensors"), asked.overwrite)


def _parser() -> argparse.ArgumentParser:
    parser = CommandParser("vfi checkpoints", description="List, verify and convert files of model weights.")
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="list the files of all models, and whether they are found")
    checking = actions.add_parser(
        "verify", help="check size, SHA-256, and the keys and shapes of the state dict"
    )
    checking.add_argument(
        "files", nargs="*", type=Path, metavar="FILE", help="file to verify (default: all that are found)"
    )
    converting = actions.add_parser("convert", help="write a file as safetensors, with its metadata")
    converting.add_argument("file", type=Path, metavar="FILE", help="file to convert")
    converting.add_argument(
        "-o", "--output", type=Path, metavar="OUT", help="file to write (default: FILE with .safetensors)"
    )
    converting.add_argument("--overwrite", action="store_true", help="replace an existing output")
    for action in (listing, checking):
        action.add_argument("--json", action="store_true", help="print JSON")
    return parser


def list_files(*, as_json: bool) -> int:
    """Print every model and flow backbone with weights, and the file that was found for it.

    Args:
        as_json: Whether JSON is printed.

    Returns:
        The exit code.
    """
    from vfi.checkpoints import checkpoint_folders
    from vfi.registry import list_flows, list_models

    rows = [
        _row(spec.name, kind, spec.checkpoint)
        for kind, specs in (("model", list_models()), ("flow", list_flows()))
        for spec in specs
        if spec.checkpoint is not None
    ]
    folders = [str(folder) for folder in checkpoint_folders()]
    if as_json:
        print_json({"folders": folders, "checkpoints": rows}, indent=2)
        return 0
    width = max(len(row["name"]) for row in rows)
    print_lines(*(f"{row['name']:<{width}}  {_state(row)}" for row in rows))
    print_lines("", f"Folders searched, in order: {', '.join(folders)}")
    return 0


def _row(name: str, kind: str, checkpoint: CheckpointSpec) -> dict[str, Any]:
    """Return what is printed on the file of one model."""
    from vfi.checkpoints import find_checkpoint

    path, problem = None, None
    try:
        path = find_checkpoint(checkpoint)
    except ModelError as error:
        problem = str(error)
    return {
        "name": name,
        "kind": kind,
        "description": checkpoint.description,
        "family": checkpoint.family,
        "place": checkpoint.path.as_posix(),
        "page": checkpoint.page,
        "licence": checkpoint.licence,
        "metrics": [metric._asdict() for metric in checkpoint.metrics],
        "file": path and str(path),
        "size": path and path.stat().st_size,
        "problem": problem,
    }


def _state(row: Mapping[str, Any]) -> str:
    if row["problem"]:
        return row["problem"]
    if row["file"]:
        return f"found    {row['file']} ({_megabytes(row['size'])}, {row['family']})"
    return f"missing  {row['place']} ({row['family']}), from {row['page']}"


@dataclass(frozen=True)
class Verdict:
    """Result of inspecting one file."""

    path: Path
    size: int | None = None
    sha256: str | None = None
    checkpoint: Checkpoint | None = None
    models: str | None = None
    """Names of the models that take the file, or that differ least from it."""
    difference: Difference | None = None
    problem: str | None = None
    """Reason why the file cannot be used, if it cannot."""


def verify(files: Sequence[Path], *, as_json: bool) -> int:
    """Print the content of files and whether a model takes them, and return the exit code.

    Args:
        files: Files to verify; if there are none, all that are found in the checkpoint folders.
        as_json: Whether JSON is printed.

    Raises:
        ModelError: If a file cannot be used, or there is none.
    """
    chosen = list(files) or _found_files()
    if not chosen:
        raise ModelError(
            "No checkpoint is found to verify: name a file; 'vfi checkpoints list' shows where they belong."
        )
    verdicts = [inspect_file(path) for path in chosen]
    if as_json:
        print_json([_as_record(verdict) for verdict in verdicts], indent=2)
    else:
        for number, verdict in enumerate(verdicts):
            print_lines(*([""] if number else []), *_as_lines(verdict))
    wrong = [str(verdict.path) for verdict in verdicts if verdict.problem]
    if wrong:
        raise ModelError(
            f"{len(wrong)} of {len(verdicts)} checkpoints cannot be used: {', '.join(wrong)}."
            if len(verdicts) > 1
            else f"The checkpoint {wrong[0]} cannot be used, see above."
        )
    return 0


def inspect_file(path: Path) -> Verdict:
    """Return size, SHA-256 and validity of one file, compared with the nearest model of its family.

    Args:
        path: File to inspect.
    """
    from vfi.checkpoints.conversion import sha256_of
    from vfi.checkpoints.loading import checked_state, compare_with, open_checkpoint

    try:
        size, sha256 = path.stat().st_size, sha256_of(path)
    except OSError as error:
        return Verdict(path, problem=f"It cannot be read: {error.strerror or error}.")
    try:
        checkpoint = open_checkpoint(path)
    except VfiError as error:
        return Verdict(path, size, sha256, problem=str(error))
    models, state = nearest_reference(checkpoint)
    difference, problem = compare_with(checkpoint, state), None
    try:
        checked_state(checkpoint, state)
    except VfiError as error:
        problem = str(error)
    return Verdict(path, size, sha256, checkpoint, models, difference, problem)


def nearest_reference(checkpoint: Checkpoint) -> tuple[str, Mapping[str, Tensor]]:
    """Return the models of a family that differ least from a file, and their state dict without values.

    Args:
        checkpoint: Opened file.
    """
    from vfi.checkpoints.loading import compare_with
    from vfi.registry import reference_states

    def distance(state: Mapping[str, Tensor]) -> int:
        return compare_with(checkpoint, state).count

    states = reference_states(checkpoint.family.name)
    return min(states.items(), key=lambda item: distance(item[1]))


def convert(source: Path, output: Path, overwrite: bool) -> int:
    """Write a checkpoint as safetensors, print a summary, and return the exit code.

    Args:
        source: File to convert.
        output: File to write.
        overwrite: Whether an existing output is replaced.

    Raises:
        VfiError: If the file is no complete checkpoint of a known model, or the output cannot be written.
    """
    from vfi.checkpoints.conversion import write_converted
    from vfi.checkpoints.loading import checked_state, open_checkpoint

    checkpoint = open_checkpoint(source)
    models, reference = nearest_reference(checkpoint)
    state = checked_state(checkpoint, reference)
    left_out = write_converted(checkpoint, state, output, overwrite=overwrite)
    print_lines(f"{output}: {len(state)} tensors, {_megabytes(output.stat().st_size)}, for {models}.")
    notes = (*checkpoint.notes, *(f"{name} of the container is not kept" for name in left_out))
    print_lines(*(f"  {note}" for note in notes))
    return 0


def _found_files() -> list[Path]:
    from vfi.checkpoints import find_checkpoint
    from vfi.registry import list_flows, list_models

    specs = [spec.checkpoint for spec in (*list_models(), *list_flows()) if spec.checkpoint is not None]
    found = [find_checkpoint(spec) for spec in specs]
    return [path for path in dict.fromkeys(found) if path is not None]


def _as_record(verdict: Verdict) -> dict[str, Any]:
    from vfi.checkpoints.conversion import keep_entries

    checkpoint = verdict.checkpoint
    record: dict[str, Any] = {
        "file": str(verdict.path),
        "size": verdict.size,
        "sha256": verdict.sha256,
        "released_as": _released_as(verdict),
        "usable": verdict.problem is None,
        "problem": verdict.problem,
    }
    if checkpoint is not None:
        record |= {
            "format": checkpoint.raw.format,
            "container": checkpoint.raw.container,
            "prefix": checkpoint.prefix,
            "family": checkpoint.family.name,
            "models": verdict.models,
            "keys": len(checkpoint.state),
            "difference": verdict.difference.sentence(None) if verdict.difference else None,
            "left_out": list(checkpoint.notes),
            "entries": keep_entries(checkpoint.raw.entries)[0],
        }
    return record


def _as_lines(verdict: Verdict) -> list[str]:
    rows = [("size", f"{verdict.size:,} bytes"), ("sha256", _checksum_text(verdict))] if verdict.size else []
    checkpoint = verdict.checkpoint
    if checkpoint is not None:
        from vfi.checkpoints.reading import FORMAT_TITLES

        raw = checkpoint.raw
        container = f"container with {raw.container}" if raw.container else "bare state dict"
        prefix = f", prefix {checkpoint.prefix}" if checkpoint.prefix else ""
        rows += [
            ("format", f"{FORMAT_TITLES[raw.format]}, {container}{prefix}"),
            ("family", f"{checkpoint.family.name}, for {verdict.models}"),
            ("keys", (verdict.difference and verdict.difference.sentence(None)) or _complete(checkpoint)),
            *(("note", note) for note in checkpoint.notes),
            *([("also holds", ", ".join(raw.entries))] if raw.entries else []),
        ]
    rows.append(("result", verdict.problem or "can be used"))
    return [str(verdict.path), *(f"  {name:<10}  {text}" for name, text in rows)]


def _complete(checkpoint: Checkpoint) -> str:
    return f"all {len(checkpoint.state)} present, with the shapes of the model"


def _checksum_text(verdict: Verdict) -> str:
    released = _released_as(verdict)
    if released:
        return f"{verdict.sha256} (the released file of {released})"
    if verdict.checkpoint is not None and _published_sums(verdict.checkpoint.family.name):
        return f"{verdict.sha256} (differs from the released files)"
    return f"{verdict.sha256} (no published checksum)"


def _released_as(verdict: Verdict) -> str | None:
    """Return the name of the released file with the same checksum, if there is one."""
    if verdict.checkpoint is None or verdict.sha256 is None:
        return None
    published = _published_sums(verdict.checkpoint.family.name)
    return next((name for name, checksum in published.items() if verdict.sha256.startswith(checksum)), None)


def _published_sums(family: str) -> dict[str, str]:
    """Return the checksums of the released files of a family, by model."""
    from vfi.registry import list_flows, list_models

    specs = ((spec.name, spec.checkpoint) for spec in (*list_models(), *list_flows()))
    return {
        name: spec.sha256
        for name, spec in specs
        if spec is not None and spec.family == family and spec.sha256
    }


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
