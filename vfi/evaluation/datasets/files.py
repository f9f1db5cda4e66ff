"""Files of data sets: folders, lists of triplets, frames by number."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

from vfi.errors import InputError
from vfi.evaluation.samples import FrameRef, Sample, Target

_DIGITS = re.compile(r"\d+(?=\D*$)")


def data_folder(root: Path) -> Path:
    """The folder of a data set, if it is one.

    Raises:
        InputError: If it is not a folder.
    """
    if not root.is_dir():
        raise InputError(f"{root} is not a folder: give the one that the data set was unpacked to.")
    return root


def no_data(root: Path, wanted: str) -> InputError:
    """The error for a folder that does not hold a data set, with what was wanted."""
    return InputError(f"{root} does not hold this data set: wanted {wanted}.")


def relative_name(root: Path, path: Path) -> str:
    """A path relative to the data set's folder, with slashes."""
    return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()


def existing(paths: Iterable[Path]) -> list[Path]:
    """The paths, all of which must be there."""
    found = list(paths)
    missing = next((path for path in found if not path.is_file()), None)
    if missing is not None:
        raise InputError(f"{missing} is missing: is the data set complete?")
    return found


def triplet(
    name: str,
    group: str,
    start: Path,
    middle: Path,
    end: Path,
    prev: FrameRef | None = None,
    following: FrameRef | None = None,
) -> Sample:
    """A sample of one ground-truth frame in the middle of its inputs."""
    target = Target(Fraction(1, 2), FrameRef(middle))
    return Sample(name, group, FrameRef(start), FrameRef(end), (target,), prev, following)


def find_list(root: Path, name: str) -> Path:
    """A list file by its name or path: as given, in the data set's folder, or in ``eval_modes``."""
    candidates = (Path(name), data_folder(root) / name, root / "eval_modes" / name)
    found = next((path for path in candidates if path.is_file()), None)
    if found is None:
        raise InputError(f"{root} has no list {name}: put it there, or name another with --list.")
    return found


def read_triplets(path: Path, root: Path) -> list[tuple[Path, Path, Path]]:
    """The lines of a list of three paths: first frame, the one in the middle, last frame."""
    lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    if not lines:
        raise InputError(f"{path} is empty: it should hold three paths per line.")
    found: list[tuple[Path, Path, Path]] = []
    for number, words in enumerate(lines, 1):
        if len(words) != 3:
            raise InputError(f"{path}, line {number}: three paths are needed, not {len(words)}.")
        start, middle, end = (_resolve(word, root, path, number) for word in words)
        found.append((start, middle, end))
    return found


def _resolve(word: str, root: Path, list_file: Path, line: int) -> Path:
    """A path of a list, without the leading parts that belong to the folders of the list's authors."""
    parts = Path(word).parts
    for dropped in range(len(parts)):
        candidate = root.joinpath(*parts[dropped:])
        if candidate.is_file():
            return candidate
    raise InputError(f"{list_file}, line {line}: {word} is not below {root}.")


def frame_number(path: Path) -> int:
    """The last number in a file's name."""
    found = _DIGITS.search(path.stem)
    if found is None:
        raise InputError(f"{path}: the name of a frame should hold its number.")
    return int(found[0])


def sibling(path: Path, number: int) -> Path:
    """The frame of another number beside a frame, with as many digits."""
    found = _DIGITS.search(path.stem)
    assert found is not None
    return path.with_name(
        f"{path.stem[: found.start()]}{number:0{len(found[0])}d}{path.stem[found.end() :]}{path.suffix}"
    )


def neighbor(path: Path, number: int) -> FrameRef | None:
    """The frame of another number beside a frame; None where there is none."""
    other = sibling(path, number) if number >= 0 else None
    return FrameRef(other) if other is not None and other.is_file() else None
