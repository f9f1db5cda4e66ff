"""Modules, functions and the folders of ``vfi/io`` stay small enough to be read in one sitting."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.packaging.sources import REPOSITORY, module_name, python_files

MODULE_LINES = 400
FUNCTION_LINES = 50  # without the docstring
FOLDER_MODULES = 12  # in any folder of vfi/io, without __init__

SOURCES = [path for path in python_files() if not module_name(path).startswith("tests")]


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function from its ``def`` to its end, without its docstring."""
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function) is not None:
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_modules_and_functions_are_small(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    large = [
        f"{path.relative_to(REPOSITORY)}:{node.lineno} {node.name}: {body_lines(node)} lines"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and body_lines(node) > FUNCTION_LINES
    ]
    assert not large
    assert len(text.splitlines()) <= MODULE_LINES


IO = REPOSITORY / "vfi" / "io"
FOLDERS = sorted({path.parent for path in python_files() if IO in path.parents})


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.relative_to(REPOSITORY)))
def test_folders_of_vfi_io_have_few_modules(folder: Path) -> None:
    modules = sorted(path.name for path in folder.glob("*.py") if path.stem != "__init__")
    assert len(modules) <= FOLDER_MODULES, f"split {folder.relative_to(REPOSITORY)}: {', '.join(modules)}"
