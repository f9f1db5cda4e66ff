"""Runs of the command line within a test, and what they left."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from vfi.cli.main import main


class Outcome(NamedTuple):
    """Exit code and output of a run."""

    code: int
    out: str
    err: str


Vfi = Callable[..., Outcome]
"""Runs the command line with arguments of any type."""


def command_line(capfd: pytest.CaptureFixture[str]) -> Vfi:
    """Return a function that runs the command line."""

    def run(*arguments: object) -> Outcome:
        capfd.readouterr()
        code = main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return Outcome(code, out, err)

    return run


def refused(outcome: Outcome, *words: object, code: int = 2) -> None:
    """Check that the run ended in one sentence with these words."""
    assert outcome.code == code
    assert outcome.err.startswith("vfi: ")
    assert outcome.err.count("\n") == 1, outcome.err
    assert "Traceback" not in outcome.err
    for word in words:
        assert str(word) in outcome.err, outcome.err


def assert_replaced_only_on_request(vfi: Vfi, output: Path, *arguments: object) -> None:
    """Check that a run keeps an existing output, and replaces it with ``--overwrite``."""
    output.write_text("precious")
    refused(vfi(*arguments, "-o", output), output, "--overwrite")
    assert output.read_text() == "precious"
    assert vfi(*arguments, "-o", output, "--overwrite").code == 0
    assert output.read_bytes() != b"precious"


def names(folder: Path) -> list[str]:
    """Return the names of all files in a folder, sorted."""
    return sorted(path.name for path in folder.iterdir())
