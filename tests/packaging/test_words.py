"""The field's words: those on the left of a table stand in no name, docstring, comment, message or document.

``python -m tests.packaging.test_words vfi/io docs`` lists what is left in some files or folders.
"""

from __future__ import annotations

import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.packaging.sources import REPOSITORY, files_at_top, python_files

WORDS = {
    "band bands": "tile, strip",
    "believed hopeless": "reliable, confidence",
    "fetch fetches fetched fetching": "warp, sample",
    "findings": "diagnostics, intermediates",
    "foretell foretold": "predict, predicted",
    "grey greys greyscale": "gray, grayscale",
    "likeness": "similarity",
    "likewise": "repeat the noun",
    "made makes": "interpolated, synthesizes, rendered, built, written, created",
    "mend mends mended": "fix, remedy",
    "moment moments": "t in (0, 1), timestamp in seconds",
    "narrow narrows narrowed narrower wide wider widen widens widened": "to_uint8, to_uint16, width, limited",
    "picture pictures": "frame (in time), image (file, still)",
    "places": "positions, locations",
    "push pushes pushed": "splat, splatted",
    "share shares": "fraction, weight; to use together",
    "stranger strangers": "unknown",
    "tell tells told telling": "report, state, output; distinguish",
    "turned mirrored": "rotated, flipped",
}
"""Words that stand nowhere, and what is written instead."""

NAME_WORDS = {
    "early late": "t, 1 - t",
    "held showing": "distinct frame, hold",
    "know": "precompute",
    "stretch stretched": "time_stretch",
}
"""Words that stand in no name; in a sentence they are ordinary English."""

# The class of decoded samples keeps its name, and its module with it.
ALLOWED = re.compile(r"\bPicture\b|\bpixels[./]picture\b|\btest_picture\b")
FOREIGN = {"picture", "push"}
"""Names behind a dot: that module, and a method of PyAV's filters."""
_TEXT_TOKENS = {"STRING", "FSTRING_MIDDLE", "COMMENT"}


def listed(table: dict[str, str]) -> dict[str, str]:
    """Every single word of a table with its replacement."""
    return {word: instead for words, instead in table.items() for word in words.split()}


IN_TEXT = listed(WORDS)
IN_NAMES = IN_TEXT | listed(NAME_WORDS)


def words_of(text: str) -> list[str]:
    """The words of a text in lower case, names split at underscores and capitals."""
    text = ALLOWED.sub(" ", text)
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", text)]


def in_name(name: str) -> list[str]:
    """The words of a name that do not belong there; ``stretch`` does after ``time``."""
    words = words_of(name.replace("time_stretch", "").replace("TIME_STRETCH", ""))
    return [word for word in words if word in IN_NAMES]


def problems_in_python(path: Path) -> Iterator[str]:
    """A line for each word of the tables in a Python file, with what to write instead."""
    with tokenize.open(path) as file:
        tokens = list(tokenize.generate_tokens(file.readline))
    if path.stem not in FOREIGN and in_name(path.stem):
        yield f"{path}: the name of the module: {', '.join(in_name(path.stem))}"
    for before, token in zip([tokens[0], *tokens], tokens, strict=False):
        kind = tokenize.tok_name[token.type]
        if kind == "NAME" and not (before.string == "." and token.string in FOREIGN):
            yield from (_problem(path, token.start[0], word, IN_NAMES) for word in in_name(token.string))
        elif kind in _TEXT_TOKENS:
            for line, text in enumerate(token.string.split("\n"), token.start[0]):
                yield from (_problem(path, line, word, IN_TEXT) for word in words_of(text) if word in IN_TEXT)


def problems_in_text(path: Path) -> Iterator[str]:
    """A line for each word of the first table in a document, with what to write instead."""
    for line, text in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        yield from (_problem(path, line, word, IN_TEXT) for word in words_of(text) if word in IN_TEXT)


def _problem(path: Path, line: int, word: str, table: dict[str, str]) -> str:
    return f"{path.relative_to(REPOSITORY)}:{line}: {word} -> {table[word]}"


def problems(path: Path) -> list[str]:
    """All words of the tables in a file; this file and the history are let through."""
    if path == Path(__file__).resolve() or path.name == "CHANGELOG.md":
        return []
    return list((problems_in_python if path.suffix == ".py" else problems_in_text)(path))


def documents() -> list[Path]:
    """All Markdown documents of the project, and the sources of the compiled package."""
    native = [*(REPOSITORY / "correlation_package").rglob("*.c*"), *(REPOSITORY / "vfi").rglob("*.cu*")]
    return files_at_top(".md") + sorted([*(REPOSITORY / "docs").rglob("*.md"), *native])


@pytest.mark.parametrize("path", [*python_files(), *documents()], ids=lambda path: str(path.name))
def test_words_are_those_of_the_field(path: Path) -> None:
    assert not problems(path)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("fetch_rows", ["fetch"]),
        ("NativePicture", ["picture"]),
        ("Picture", []),
        ("lateral", []),
        ("time_stretch", []),
        ("LATE_FLOW", ["late"]),
    ],
)
def test_the_rule_itself(name: str, found: list[str]) -> None:
    assert in_name(name) == found


def main(arguments: list[str]) -> None:
    """Prints what is left in the given files and folders."""
    for argument in arguments:
        path = Path(argument).resolve()
        inside = [one for one in [*python_files(), *documents()] if one == path or path in one.parents]
        print("\n".join(line for one in inside for line in problems(one)))


if __name__ == "__main__":
    main(sys.argv[1:])
