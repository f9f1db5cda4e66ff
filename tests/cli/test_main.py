"""The commands, their help, and what happens to errors."""

from __future__ import annotations

import ast
import io
import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml

import vfi
from tests.interpolation.conftest import write_images
from tests.support.command_line import Vfi
from vfi.cli.main import COMMANDS, main
from vfi.cli.printing import print_json
from vfi.config import InterpolateConfig
from vfi.errors import printable

REPOSITORY = Path(__file__).resolve().parents[2]


def test_help_names_every_command(vfi: Vfi) -> None:
    outcome = vfi("--help")
    assert outcome.code == 0
    assert all(command in outcome.out for command in COMMANDS)
    assert vfi().code == 2


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(capsys: pytest.CaptureFixture[str], command: str) -> None:
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])
    assert caught.value.code == 0
    assert f"vfi {command}" in capsys.readouterr().out


def test_help_is_quick_to_load() -> None:
    program = "import sys; from vfi.cli.main import main; main(['--help']); print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert done.stdout.endswith("False\n")


def test_version(vfi: Vfi) -> None:
    assert vfi("--version").out.startswith("vfi ")


def test_unknown_commands(vfi: Vfi) -> None:
    outcome = vfi("interpolat")
    assert outcome.code == 2
    assert outcome.err.count("\n") == 1
    assert "interpolate" in outcome.err


def test_models(vfi: Vfi) -> None:
    outcome = vfi("models")
    assert outcome.code == 0
    assert outcome.out.startswith("quadratic")


UNPLEASANT = "a\nvfi: b\x1b[31m"
"""A file name with a newline and an escape sequence."""

ODD_NAME = "f\u00efl\u043c\x1b[31m\udc80.mp4"


def printed(monkeypatch: pytest.MonkeyPatch, encoding: str, *arguments: str) -> tuple[int, str]:
    """Return the exit code and everything that a run prints on a terminal of this encoding."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding, write_through=True)
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(sys, "stderr", stream)
    code = main(arguments)
    assert isinstance(stream.buffer, io.BytesIO)
    return code, stream.buffer.getvalue().decode(encoding)


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_errors_on_terminals_that_lack_letters(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    """Names are printed with escapes, control characters too."""
    code, shown = printed(monkeypatch, encoding, "interpolate", "--config", ODD_NAME)
    assert code == 2
    assert shown.startswith("vfi: Cannot read the configuration ")
    assert "\\x1b[31m\\udc80.mp4" in shown
    assert ("f\\xefl\\u043c" if encoding == "ascii" else "f\u00efl\u043c") in shown


def test_summaries_on_terminals_that_lack_letters(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing breaks after the work is done."""
    folder = write_images(tmp_path / "\u043c", 2)
    output = tmp_path / "\u043c\n.mkv"
    code, shown = printed(monkeypatch, "ascii", "assemble", str(folder), "-o", str(output))
    assert code == 0, shown
    assert "\\u043c\\n.mkv: 2 images became" in shown


class TestErrors:
    @pytest.fixture
    def broken(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(arguments):
            raise RuntimeError("two\nlines")

        monkeypatch.setattr("vfi.cli.info.main", fail)

    def test_bugs_are_one_line_too(self, vfi: Vfi, broken: None) -> None:
        outcome = vfi("info")
        assert outcome.code == 1
        assert outcome.err == "vfi: internal error (RuntimeError: two lines); --traceback shows where.\n"

    def test_unless_asked_otherwise(self, vfi: Vfi, broken: None, monkeypatch: pytest.MonkeyPatch) -> None:
        assert "Traceback" in vfi("info", "--traceback").err
        monkeypatch.setenv("VFI_TRACEBACK", "1")
        assert "Traceback" in vfi("info").err

    def test_a_missing_package(self, vfi: Vfi, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(arguments):
            raise ModuleNotFoundError("No module named 'av'", name="av")

        monkeypatch.setattr("vfi.cli.info.main", fail)
        outcome = vfi("info")
        assert outcome.code == 2
        assert outcome.err.startswith("vfi: The package av is missing: ")

    def test_lack_of_memory(self, vfi: Vfi, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(arguments):
            raise MemoryError

        monkeypatch.setattr("vfi.cli.info.main", fail)
        outcome = vfi("info")
        assert outcome.code == 2
        assert "--max-memory" in outcome.err


class TestControlCharacters:
    """A file name can hold a newline or an escape sequence, which must not reach the terminal."""

    @pytest.fixture
    def folder(self, vfi: Vfi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """A folder with an unpleasant name that holds frames, a checkpoint and a film, all named so."""
        folder = write_images(tmp_path / UNPLEASANT, 3)
        for number in (1, 2):
            (folder / f"00{number}.png").rename(folder / f"{UNPLEASANT}{number}.png")
        torch.save({"nothing": torch.zeros(1)}, folder / f"{UNPLEASANT}.pth")
        assert vfi("interpolate", folder, "-o", folder / f"{UNPLEASANT}.mkv", "--quiet").code == 0
        monkeypatch.chdir(folder)
        monkeypatch.setenv("VFI_CHECKPOINTS", str(folder))
        return folder

    @pytest.mark.parametrize(
        ("arguments", "code"),
        [
            (["interpolate", ".", "-o", "{}x.mkv"], 0),
            (["interpolate", "{}none.mkv"], 2),
            (["interpolate", ".", "--{}", "1"], 2),
            (["interpolate", ".", "-o", "film.mkv", "--codec", "{}"], 2),
            (["interpolate", "{}none", "--json"], 2),
            (["interpolate", "{}", "--print-config"], 0),
            (["assemble", ".", "-o", "{}y.mkv"], 0),
            (["assemble", "{}none"], 2),
            (["flow", "{}1.png", "{}2.png", "-o", "{}z"], 0),
            (["flow", "{}.mkv", "-o", "{}film"], 0),
            (["flow", "{}1.png", "{}3.png"], 2),
            (["flow", "{}1.png", "{}2.png", "--{}"], 2),
            (["demo", "--input", "{}.mkv", "-o", "{}demo"], 0),
            (["demo", "--input", "{}none.mkv"], 2),
            (["demo", "--height", "{}"], 2),
            (["checkpoints", "list"], 0),
            (["checkpoints", "verify", "{}.pth"], 2),
            (["checkpoints", "verify", "--json", "{}.pth"], 2),
            (["checkpoints", "convert", "{}.pth"], 2),
            (["checkpoints", "{}"], 2),
            (["models", "{}"], 2),
            (["info", "{}"], 2),
            (["{}"], 2),
            (["info", "--traceback", "{}"], 2),
        ],
        ids=lambda value: " ".join(value) if isinstance(value, list) else None,
    )
    def test_names_are_escaped(self, vfi: Vfi, folder: Path, arguments: list[str], code: int) -> None:
        outcome = vfi(*(argument.replace("{}", UNPLEASANT) for argument in arguments))
        assert outcome.code == code, outcome
        shown = outcome.out + outcome.err
        assert printable(shown.replace("\n", "")) == shown.replace("\n", "")
        assert UNPLEASANT not in shown
        if code and "--traceback" not in arguments:
            assert outcome.err.count("\n") == 1, outcome.err

    def test_warnings_of_the_library_are_escaped(self, vfi: Vfi, monkeypatch: pytest.MonkeyPatch) -> None:
        def warn(arguments):
            logging.getLogger("vfi.io").warning("%s is odd", UNPLEASANT)
            return 0

        monkeypatch.setattr("vfi.cli.info.main", warn)
        assert vfi("info").err == "vfi: a\\nvfi: b\\x1b[31m is odd\n"

    def test_print_is_called_in_one_module_only(self) -> None:
        """Every other module prints with ``print_lines`` or ``print_json``."""
        sources = {path.name: path.read_text("utf-8") for path in Path(vfi.__file__).parent.rglob("*.py")}
        trees = {name: ast.parse(text) for name, text in sources.items() if "print(" in text}
        names = {name: [getattr(node, "id", "") for node in ast.walk(tree)] for name, tree in trees.items()}
        assert [name for name, found in names.items() if "print" in found] == ["printing.py"]

    @pytest.mark.parametrize("name", [UNPLEASANT, "a\x7fb", "\u202efilm", "фильм"])
    def test_json_and_yaml_can_be_read_again(self, capsys: pytest.CaptureFixture[str], name: str) -> None:
        print_json({"output": name})
        shown = capsys.readouterr().out.removesuffix("\n")
        assert json.loads(shown) == {"output": name}
        assert printable(shown) == shown
        text = InterpolateConfig.from_values({"input": name}).to_yaml()
        assert printable(text.replace("\n", "")) == text.replace("\n", "")
        assert yaml.safe_load(text)["source"]["input"] == name
