"""Processes that measure together (``torchrun``): which part is ours, and all rows in one place."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from vfi.evaluation.measuring import Row


@dataclass(frozen=True)
class Processes:
    """This process among those that measure together."""

    index: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process writes the result."""
        return self.index == 0

    def gather(self, rows: Sequence[Row]) -> list[Row]:
        """Bring the rows of all processes together.

        Args:
            rows: Rows of this process.

        Returns:
            The rows of all processes, in any order.
        """
        if self.count == 1:
            return list(rows)
        from torch import distributed

        parts: list[list[dict[str, object]] | None] = [None] * self.count
        distributed.all_gather_object(parts, [row.to_json() for row in rows])
        return [Row.from_json(row) for part in parts for row in part or []]


@contextmanager
def launched_processes() -> Iterator[Processes]:
    """Join the processes that ``torchrun`` launched; alone without it."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield Processes()
        return
    from torch import distributed

    distributed.init_process_group("gloo")
    try:
        yield Processes(distributed.get_rank(), count)
    finally:
        distributed.destroy_process_group()
