"""Runs a benchmark: every sample by every method, resumable, divided among processes, kept if interrupted."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any, cast

from vfi.errors import ConfigError, InputError
from vfi.evaluation.measuring import Row, estimates, measure
from vfi.evaluation.methods import Method
from vfi.evaluation.metrics import HIGHEST_PSNR
from vfi.evaluation.protocols import Protocol
from vfi.evaluation.samples import FrameReader, Sample


@dataclass(frozen=True)
class Result:
    """What a benchmark measured."""

    protocol: Protocol
    metrics: list[str]
    methods: list[str]
    rows: list[Row]
    samples: int
    """Number of samples of the data set."""
    notes: list[str] = field(default_factory=list[str])

    @property
    def complete(self) -> bool:
        """Whether every sample was measured."""
        return len({row.index for row in self.rows}) == self.samples

    def means(self, method: str, rows: Iterable[Row] | None = None) -> dict[str, float]:
        """Average each metric of a method as the protocol states.

        Args:
            method: Name of the method.
            rows: Only these rows; None: all.
        """
        chosen = [row for row in (self.rows if rows is None else rows) if row.method == method]
        keys = {
            "samples": lambda row: None,
            "groups": lambda row: row.group,
            "times": lambda row: row.t,
        }
        key = cast("Callable[[Row], object]", keys[self.protocol.average])
        parts: dict[object, list[Row]] = {}
        for row in chosen:
            parts.setdefault(key(row), []).append(row)
        return {
            name: fmean(fmean(_finite(name, row) for row in part) for part in parts.values())
            for name in self.metrics
            if parts
        }

    def groups(self) -> list[str]:
        """Names of the groups, in the order of the data set."""
        return list(dict.fromkeys(row.group for row in self.rows))

    def fallbacks(self, method: str) -> int:
        """Number of samples in which a method of four frames lacked an outer one."""
        return len({row.index for row in self.rows if row.method == method and not row.had_neighbors})

    def to_json(self) -> dict[str, Any]:
        """Everything as plain values: the protocol with all its fields, means, and one row per frame."""
        return {
            "protocol": asdict(self.protocol),
            "complete": self.complete,
            "samples": self.samples,
            "metrics": self.metrics,
            "means": {method: self.means(method) for method in self.methods},
            "groups": {
                group: {
                    method: self.means(method, (row for row in self.rows if row.group == group))
                    for method in self.methods
                }
                for group in self.groups()
            },
            "windows_without_neighbors": {
                method: count for method in self.methods if (count := self.fallbacks(method))
            },
            "notes": self.notes,
            "rows": [row.to_json() for row in self.rows],
        }


def _finite(name: str, row: Row) -> float:
    value = row.values[name]
    return min(value, HIGHEST_PSNR) if name == "psnr" else value


class Rows:
    """The rows measured so far, in a file that survives an interruption: one JSON object per line."""

    def __init__(self, path: Path | None, identity: dict[str, object], *, resume: bool) -> None:
        """Open the file, and read it where a run is resumed.

        Args:
            path: File of the rows; None keeps them in memory.
            identity: What the rows are about; rows of anything else are refused.
            resume: Whether rows that are there already count.

        Raises:
            ConfigError: If there are rows already and none are to be resumed, or they are of another run.
            InputError: If the file is damaged.
        """
        self.path = path
        self.found: list[Row] = []
        if path is None:
            return
        if path.exists():
            if not resume:
                raise ConfigError(f"{path} holds rows of an interrupted run: add --resume, or remove it.")
            self.found = _read_rows(path, identity)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8") as file:
            file.write(json.dumps(identity) + "\n")
            file.writelines(json.dumps(row.to_json()) + "\n" for row in self.found)

    def add(self, rows: Sequence[Row]) -> None:
        """Append the rows of a sample."""
        self.found += rows
        if self.path is not None:
            with self.path.open("a", encoding="utf-8") as file:
                file.write("".join(json.dumps(row.to_json()) + "\n" for row in rows))
                file.flush()
                os.fsync(file.fileno())


def _read_rows(path: Path, identity: dict[str, object]) -> list[Row]:
    """The rows of whole samples; a last line that was cut off, and its sample, are left out."""
    lines = path.read_text(encoding="utf-8").split("\n")
    try:
        before = json.loads(lines[0])
    except ValueError as error:
        raise InputError(f"{path} is no file of rows: remove it.") from error
    if before != json.loads(json.dumps(identity)):
        raise ConfigError(
            f"{path} holds rows of another protocol, data set or model: remove it to begin again."
        )
    rows: list[Row] = []
    for line in lines[1:-1]:  # behind the last line end is nothing, or what was cut off
        try:
            rows.append(Row.from_json(json.loads(line)))
        except ValueError as error:
            raise InputError(f"{path} is damaged ({error}): remove it to begin again.") from error
    return rows


def run_benchmark(
    protocol: Protocol,
    samples: Sequence[Sample],
    methods: Sequence[Method],
    metrics: Sequence[str] | None = None,
    *,
    rows: Rows | None = None,
    part: tuple[int, int] = (0, 1),
    progress: Callable[[int, int], None] | None = None,
) -> Result:
    """Measure methods on samples.

    Args:
        protocol: How they are measured.
        samples: Samples of the data set.
        methods: Methods, each with its own name.
        metrics: Names of metrics; None: those of the protocol.
        rows: Takes the rows, and knows those that are there already.
        part: Index and number of the processes that measure together: this one takes every ``number``-th
            sample.
        progress: Receives the number of samples done and of all of this process.

    Returns:
        The result, of the samples of this process.

    Raises:
        ConfigError: If two methods have one name.
        InputError: If a sample cannot be read; the rows before it are kept.
    """
    names = [method.name for method in methods]
    if len(set(names)) < len(names):
        raise ConfigError(f"Each method can be compared once, but {', '.join(names)} repeats one.")
    wanted = list(protocol.metrics if metrics is None else metrics)
    kept = Rows(None, {}, resume=False) if rows is None else rows
    per_sample = {index: len(sample.targets) * len(methods) for index, sample in enumerate(samples)}
    counts: dict[int, int] = {}
    for row in kept.found:
        counts[row.index] = counts.get(row.index, 0) + 1
    done = {index for index, count in counts.items() if count == per_sample.get(index)}
    kept.found = [row for row in kept.found if row.index in done]
    own = range(part[0], len(samples), part[1])
    with FrameReader() as reader:
        for number, index in enumerate(own):
            if index not in done:
                found = estimates(protocol, samples[index], list(methods), reader)
                kept.add([measure(index, samples[index], one, wanted) for one in found])
            if progress is not None:
                progress(number + 1, len(own))
    return Result(protocol, wanted, names, in_order(kept.found, names), len(samples))


def in_order(rows: Iterable[Row], methods: Sequence[str]) -> list[Row]:
    """Rows in the order of the data set, whatever process measured them."""
    return sorted(rows, key=lambda row: (row.index, methods.index(row.method), row.t))
