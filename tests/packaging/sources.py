"""The clone as these tests see it: its tracked files, and what each module imports."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PYTHON_FOLDERS = ("vfi", "models", "benchmark", "tests")


@dataclass(frozen=True)
class Import:
    """One imported name, as an absolute dotted path."""

    name: str
    line: int
    function: str | None
    """The innermost function it stands in; None at the module's top."""


@cache
def tracked_files() -> tuple[Path, ...]:
    """Every file git knows, not the notes and logs that someone keeps in the clone; none without git."""
    try:
        done = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ()
    paths = (REPOSITORY / name for name in done.stdout.decode().split("\0") if name)
    return tuple(path for path in paths if path.is_file())


def files_at_top(suffix: str) -> list[Path]:
    """The project's files at the top of the clone that end so."""
    found = sorted(REPOSITORY.glob(f"*{suffix}"))
    known = set(tracked_files())
    return [path for path in found if path in known] if known else found


def python_files() -> list[Path]:
    """Every Python file of the project: the folders and the scripts at the top."""
    inside = [path for folder in PYTHON_FOLDERS for path in (REPOSITORY / folder).rglob("*.py")]
    return files_at_top(".py") + sorted(inside)


def module_name(path: Path) -> str:
    """The import name of a file of the project: ``models/flow/dis.py`` is ``vfi.models.flow.dis``."""
    parts = list(path.relative_to(REPOSITORY).with_suffix("").parts)
    if parts[-1] == "__init__":
        parts.pop()
    return ".".join(["vfi", *parts] if parts[0] == "models" else parts)


@cache
def imports(path: Path) -> tuple[Import, ...]:
    """All imports of a file, those inside functions and those for type checking included."""
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    package = module_name(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    return tuple(_walk(tree, package, None))


def _walk(node: ast.AST, package: list[str], function: str | None) -> Iterator[Import]:
    if isinstance(node, ast.Import):
        yield from (Import(alias.name, node.lineno, function) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        above = package[: len(package) - node.level + 1] if node.level else []
        origin = ".".join([*above, *([node.module] if node.module else [])])
        yield from (Import(f"{origin}.{alias.name}", node.lineno, function) for alias in node.names)
    elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        function = node.name
    for child in ast.iter_child_nodes(node):
        yield from _walk(child, package, function)


def within(name: str, package: str) -> bool:
    """Whether a dotted name is a package or lies in it."""
    return name == package or name.startswith(f"{package}.")
