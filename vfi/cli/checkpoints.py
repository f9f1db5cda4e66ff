"""``vfi checkpoints``: which files of weights are there, whether they are right, and converting them."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vfi.errors import ModelError, VfiError

if TYPE_CHECKING:
    from torch import Tensor

    from vfi.checkpoints import CheckpointSpec
    from vfi.checkpoints.loading import Checkpoint, Difference


def main(arguments: Sequence[str]) -> int:
    """Run ``vfi checkpoints``; the exit code.

    Raises:
        VfiError: If a file is missing or not right, or cannot be written.
    """
    asked = _parser().parse_args(arguments)
    if asked.action == "list":
        return list_places(as_json=asked.json)
    if asked.action == "verify":
        return verify(asked.files, as_json=asked.json)
    return convert(asked.file, asked.output or asked.file.with_suffix(".safetensors"), asked.overwrite)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="vfi checkpoints", description="List, verify and convert files with weights of models."
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="where each model's file belongs, and whether it is there")
    checking = actions.add_parser("verify", help="size, SHA-256, and every key against the model")
    checking.add_argument("files", nargs="*", type=Path, metavar="FILE", help="default: those that are found")
    converting = actions.add_parser("convert", help="write a file as safetensors, with its metadata")
    converting.add_argument("file", type=Path, metavar="FILE")
    converting.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="OUT.safetensors",
        help="default: beside FILE",
    )
    converting.add_argument("--overwrite", action="store_true", help="replace an existing output")
    for action in (listing, checking):
        action.add_argument("--json", action="store_true", help="for other programs")
    return parser


def list_places(*, as_json: bool) -> int:
    """Print every model and backbone that has weights, its path, and the file found there."""
    from vfi.checkpoints import checkpoint_folders
    from vfi.registry import list_flows, list_models

    rows = [
        _place(spec.name, kind, spec.checkpoint)
        for kind, specs in (("model", list_models()), ("flow", list_flows()))
        for spec in specs
        if spec.checkpoint is not None
    ]
    folders = [str(folder) for folder in checkpoint_folders()]
    if as_json:
        print(json.dumps({"folders": folders, "checkpoints": rows}, indent=2))
        return 0
    width = max(len(row["name"]) for row in rows)
    for row in rows:
        print(f"{row['name']:<{width}}  {_state(row)}")
    print(f"\nFolders searched, in order: {', '.join(folders)}")
    return 0


def _place(name: str, kind: str, checkpoint: CheckpointSpec) -> dict[str, Any]:
    """Record of one model's file, for output."""
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
    """The models whose keys it has, or comes nearest to."""
    difference: Difference | None = None
    problem: str | None = None
    """Why it cannot be used; None: it can."""


def verify(files: Sequence[Path], *, as_json: bool) -> int:
    """Print what files hold and whether a model takes them.

    Args:
        files: None of them: all that are found in the checkpoints folders.
        as_json: For other programs.

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
        print(json.dumps([_as_record(verdict) for verdict in verdicts], indent=2))
    else:
        print("\n\n".join(_as_text(verdict) for verdict in verdicts))
    wrong = [str(verdict.path) for verdict in verdicts if verdict.problem]
    if wrong:
        raise ModelError(
            f"{len(wrong)} of {len(verdicts)} checkpoints cannot be used: {', '.join(wrong)}."
            if len(verdicts) > 1
            else f"The checkpoint {wrong[0]} cannot be used, see above."
        )
    return 0


def inspect_file(path: Path) -> Verdict:
    """Everything about one file: size, sum, keys against the nearest model of its family, values."""
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
    """The models of a file's family that take it, or come nearest, and their state dict without weights."""
    from vfi.checkpoints.loading import compare_with
    from vfi.registry import reference_states

    def distance(state: Mapping[str, Tensor]) -> int:
        return compare_with(checkpoint, state).count

    states = reference_states(checkpoint.family.name)
    return min(states.items(), key=lambda item: distance(item[1]))


def convert(source: Path, output: Path, overwrite: bool) -> int:
    """Write a checkpoint as safetensors and print what was done.

    Raises:
        VfiError: If it is not a whole checkpoint of a known model, or the output cannot be written.
    """
    from vfi.checkpoints.conversion import write_converted
    from vfi.checkpoints.loading import checked_state, open_checkpoint

    checkpoint = open_checkpoint(source)
    models, reference = nearest_reference(checkpoint)
    state = checked_state(checkpoint, reference)
    left_out = write_converted(checkpoint, state, output, overwrite=overwrite)
    print(f"{output}: {len(state)} tensors, {_megabytes(output.stat().st_size)}, for {models}.")
    for note in (*checkpoint.notes, *(f"{name} of the container is not kept" for name in left_out)):
        print(f"  {note}")
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


def _as_text(verdict: Verdict) -> str:
    rows = [("size", f"{verdict.size:,} bytes"), ("sha256", _sum_text(verdict))] if verdict.size else []
    checkpoint = verdict.checkpoint
    if checkpoint is not None:
        from vfi.checkpoints.reading import FORMAT_TITLES

        raw = checkpoint.raw
        container = f"container with {raw.container}" if raw.container else "bare state dict"
        prefix = f", prefix {checkpoint.prefix}" if checkpoint.prefix else ""
        rows += [
            ("format", f"{FORMAT_TITLES[raw.format]}, {container}{prefix}"),
            ("family", f"{checkpoint.family.name}, for {verdict.models}"),
            ("keys", (verdict.difference and verdict.difference.sentence(None)) or _all_there(checkpoint)),
            *(("note", note) for note in checkpoint.notes),
            *([("also holds", ", ".join(raw.entries))] if raw.entries else []),
        ]
    rows.append(("result", verdict.problem or "can be used"))
    return "\n".join([str(verdict.path), *(f"  {name:<10}  {text}" for name, text in rows)])


def _all_there(checkpoint: Checkpoint) -> str:
    return f"all {len(checkpoint.state)} there, with the model's shapes"


def _sum_text(verdict: Verdict) -> str:
    released = _released_as(verdict)
    if released:
        return f"{verdict.sha256} (the released file of {released})"
    if verdict.checkpoint is not None and _known_sums(verdict.checkpoint.family.name):
        return f"{verdict.sha256} (not that of a released file)"
    return f"{verdict.sha256} (no sum to compare with)"


def _released_as(verdict: Verdict) -> str | None:
    """Name of the released file, if the sum is that of one."""
    if verdict.checkpoint is None or verdict.sha256 is None:
        return None
    known = _known_sums(verdict.checkpoint.family.name)
    return next((name for name, known_sum in known.items() if verdict.sha256.startswith(known_sum)), None)


def _known_sums(family: str) -> dict[str, str]:
    """Sums of released files of a family, by model."""
    from vfi.registry import list_flows, list_models

    specs = ((spec.name, spec.checkpoint) for spec in (*list_models(), *list_flows()))
    return {
        name: spec.sha256
        for name, spec in specs
        if spec is not None and spec.family == family and spec.sha256
    }


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
