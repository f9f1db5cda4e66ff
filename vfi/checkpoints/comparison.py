"""Two sets of keys compared, and the difference told in a few words."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

Shape = tuple[int, ...]

SHOWN = 4
"""Names, or groups of them, that a sentence shows of each kind."""


@dataclass(frozen=True)
class Difference:
    """Where a file's keys are not those of the model."""

    missing: tuple[str, ...]
    """Groups of keys as :func:`group_keys` writes them."""
    unexpected: tuple[str, ...]
    reshaped: tuple[str, ...]
    """``"name is [..], must be [..]"``."""
    missing_count: int
    unexpected_count: int
    expected_count: int

    @property
    def count(self) -> int:
        """Keys that are not as they should be."""
        return self.missing_count + self.unexpected_count + len(self.reshaped)

    def __bool__(self) -> bool:
        return self.count > 0

    def sentence(self, shown: int | None = SHOWN) -> str:
        """The difference as part of a sentence.

        Args:
            shown: Groups of each kind; None for all.
        """
        parts: list[str] = []
        if self.missing:
            count = f"{self.missing_count} of {self.expected_count} keys"
            parts.append(f"{count} are missing ({_some(self.missing, shown)})")
        if self.unexpected:
            parts.append(f"{self.unexpected_count} are unexpected ({_some(self.unexpected, shown)})")
        if self.reshaped:
            parts.append(f"{len(self.reshaped)} have another shape ({_some(self.reshaped, shown)})")
        return ", ".join(parts)


def compare_shapes(found: Mapping[str, Shape], expected: Mapping[str, Shape]) -> Difference:
    """How a file's keys and shapes differ from those of the model.

    Args:
        found: In the file.
        expected: By the model.
    """
    missing = [key for key in expected if key not in found]
    unexpected = [key for key in found if key not in expected]
    return Difference(
        missing=tuple(group_keys(missing, expected)),
        unexpected=tuple(group_keys(unexpected, found)),
        reshaped=tuple(
            f"{key} is {list(shape)}, must be {list(expected[key])}"
            for key, shape in found.items()
            if key in expected and shape != expected[key]
        ),
        missing_count=len(missing),
        unexpected_count=len(unexpected),
        expected_count=len(expected),
    )


def group_keys(chosen: Collection[str], among: Collection[str]) -> list[str]:
    """Dotted names with whole branches taken together: ``"up5.* (4)"`` where all of ``up5`` is chosen.

    Args:
        chosen: The names to write.
        among: All names there are, which tell when a branch is whole.
    """
    return _group(sorted(chosen), sorted(among), 0)


def _group(chosen: Sequence[str], among: Sequence[str], depth: int) -> list[str]:
    written: list[str] = []
    for branch in dict.fromkeys(".".join(name.split(".")[: depth + 1]) for name in chosen):
        inside = [name for name in chosen if name == branch or name.startswith(f"{branch}.")]
        whole = [name for name in among if name == branch or name.startswith(f"{branch}.")]
        if inside == [branch]:
            written.append(branch)
        elif len(inside) == len(whole) and len(inside) > 1:
            written.append(f"{branch}.* ({len(inside)})")
        else:
            written += _group(inside, whole, depth + 1)
    return written


def _some(names: Sequence[str], shown: int | None) -> str:
    if shown is None or len(names) <= shown:
        return ", ".join(names)
    return f"{', '.join(names[:shown])}, and {len(names) - shown} more"
