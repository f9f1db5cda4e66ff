"""What must not be in the project: large files, paths of one machine, hosts of one registry, open ends."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.packaging.sources import REPOSITORY, python_files, tracked_files

LARGEST_FILE = 1_000_000  # bytes
# Character classes keep these patterns from finding themselves.
MACHINE_PATHS = re.compile(r"(?<![\w./-])/(?:root|work|home/\w+|opt|mnt|Users)/\w|[p]ythonhosted|[p]ypi\.org")
OPEN_ENDS = re.compile(r"\b(?:[T]ODO|[F]IXME|[X]XX|[H]ACK)\b|raise [N]otImplementedError")


@pytest.fixture(scope="module")
def project_files() -> tuple[Path, ...]:
    """The tracked files; skips where there is no git clone."""
    files = tracked_files()
    if not files:
        pytest.skip("not a git clone: which files belong to the project is unknown")
    return files


def find_lines(pattern: re.Pattern[str], paths: Iterable[Path]) -> list[str]:
    """``file:line: text`` of every line that matches; files that are not text are passed over."""
    found: list[str] = []
    for path in paths:
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue
        found += [
            f"{path.relative_to(REPOSITORY)}:{number}: {line.strip()[:120]}"
            for number, line in enumerate(lines, start=1)
            if pattern.search(line)
        ]
    return found


def test_no_file_is_large(project_files: tuple[Path, ...]) -> None:
    large = [
        str(path.relative_to(REPOSITORY)) for path in project_files if path.stat().st_size >= LARGEST_FILE
    ]
    assert not large


def test_no_file_names_a_machine_or_a_registry(project_files: tuple[Path, ...]) -> None:
    assert not find_lines(MACHINE_PATHS, project_files)


def test_no_file_has_open_ends(project_files: tuple[Path, ...]) -> None:
    assert not find_lines(OPEN_ENDS, project_files)


@pytest.mark.parametrize("text", ["/{}/x", "see /{}/y", "'/{}/ann/z'"])
@pytest.mark.parametrize("place", ["root", "work", "home/ann"])
def test_the_pattern_finds_machine_paths(text: str, place: str) -> None:
    assert MACHINE_PATHS.search(text.format(place))


@pytest.mark.parametrize("text", ["docs/{}/x", "a /{}s/ tree", "https://example.org/{}/x"])
@pytest.mark.parametrize("place", ["root", "work", "home"])
def test_the_pattern_leaves_the_rest_alone(text: str, place: str) -> None:
    assert not MACHINE_PATHS.search(text.format(place))


def test_every_python_file_opens_with_a_docstring() -> None:
    silent = [
        str(path.relative_to(REPOSITORY))
        for path in python_files()
        if (text := path.read_text(encoding="utf-8").strip())
        and not (text.startswith('"""') or ast.get_docstring(ast.parse(text)))
    ]
    assert not silent
