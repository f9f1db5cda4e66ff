"""Docstrings name what they speak of: every argument has a noun, every error its condition.

``python -m tests.packaging.test_docstrings vfi/io`` lists what is left in some files or folders.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.packaging.sources import REPOSITORY, module_name, python_files, within

LIBRARY = [path for path in python_files() if within(module_name(path), "vfi")]
_ENTRY = re.compile(r"^( *)(\*{0,2}\w[\w.]*): (.*)$")
_FRAGMENTS = re.compile(r"(Of|From|Also|And|In|As|For|Whether it|The same)\b(?! (value|as))")
_SECTIONS = re.compile(r"^ *(Args|Raises|Returns|Yields|Attributes|Note|Notes|Example|Examples):$")


def entries(docstring: str, section: str) -> Iterator[tuple[str, str]]:
    """The entries of a section of a Google docstring: what is described, and the first line on it."""
    inside, depth = False, None
    for line in docstring.split("\n"):
        if _SECTIONS.match(line):
            inside, depth = line.strip() == f"{section}:", None
        elif inside and line.strip():
            found = _ENTRY.match(line)
            indent = len(line) - len(line.lstrip())
            depth = indent if depth is None else depth
            if indent < depth:
                inside = False
            elif found and indent == depth:
                yield found[2], found[3]


def problems(path: Path) -> list[str]:
    """A line for each entry of a file's docstrings that is a fragment."""
    found: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        docstring = ast.get_docstring(node)
        if docstring is None:
            continue
        place = f"{path.relative_to(REPOSITORY)}:{node.lineno}: {node.name}"
        if node.name == "__init__" and docstring.startswith("Default init"):
            found.append(f"{place}: says nothing")
        for name, text in entries(docstring, "Args"):
            if not re.match(r"[A-Z0-9`:]", text) or _FRAGMENTS.match(text) or len(text.split()) < 2:
                found.append(f"{place}({name}): begin with a capitalised noun phrase, not {text[:40]!r}")
        for name, text in entries(docstring, "Raises"):
            if not re.match(r"(If|When|Always)\b", text):
                found.append(f"{place} raises {name}: begin with 'If', not {text[:40]!r}")
    return found


@pytest.mark.parametrize("path", LIBRARY, ids=module_name)
def test_arguments_have_a_noun_and_errors_a_condition(path: Path) -> None:
    assert not problems(path)


def test_the_rule_itself() -> None:
    docstring = (
        "Does.\n\nArgs:\n    size: Of it.\n        more: x\n    *rest: Frames.\n\nRaises:\n    OSError: bad"
    )
    assert list(entries(docstring, "Args")) == [("size", "Of it."), ("*rest", "Frames.")]
    assert list(entries(docstring, "Raises")) == [("OSError", "bad")]


def main(arguments: list[str]) -> None:
    """Prints what is left in the given files and folders."""
    for argument in arguments:
        path = Path(argument).resolve()
        inside = [one for one in LIBRARY if one == path or path in one.parents]
        print("\n".join(line for one in inside for line in problems(one)))


if __name__ == "__main__":
    main(sys.argv[1:])
