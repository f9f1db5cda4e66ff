"""What the documents show works: their Python and commands run, every file and name they mention exists.

README.md and docs/ speak of ``input.mp4``, ``frame_0.png`` and ``frame_1.png``; small ones are written here.
Commands of a block run one after the other in one folder, without a process of their own: importing torch
takes longer than most of them. A block that cannot run everywhere is preceded by a line
``<!-- not run: the reason -->``.
"""

from __future__ import annotations

import importlib
import re
import runpy
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from tests.packaging.sources import REPOSITORY, files_at_top
from vfi.cli.main import main

DOCUMENTS = [*files_at_top(".md"), *sorted((REPOSITORY / "docs").rglob("*.md"))]
SHOWN = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
"""For users; CONTRIBUTING.md prepares a clone."""
NOT_RUN = re.compile(r"<!-- not run: .+ -->\s*$")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
PYTHON_FILE = re.compile(r"`([\w./-]+\.(?:py|toml|txt|yaml|md))`")
LIST_OF_DATA_SET = re.compile(r"(?:.*/)?(?:test-|tri_|sep_|top-half-)[\w-]+\.txt")
DOTTED_NAME = re.compile(r"`(vfi(?:\.\w+)+)(?:\([^`]*)?`")


@dataclass(frozen=True)
class Block:
    """A fenced block of a document."""

    document: str
    language: str
    text: str
    line: int

    @property
    def name(self) -> str:
        """How the test of this block is called."""
        return f"{self.document}-{self.language}-line-{self.line}"


def runnable_blocks(languages: set[str]) -> list[Block]:
    """The blocks in these languages, without those that say why they are not run."""
    blocks: list[Block] = []
    for document in (path for path in SHOWN if path.is_file()):
        text = document.read_text(encoding="utf-8")
        blocks += [
            Block(document.name, match[1], match[2], text.count("\n", 0, match.start()) + 1)
            for match in FENCE.finditer(text)
            if match[1] in languages and not NOT_RUN.search(text[: match.start()])
        ]
    return blocks


def our_commands(block: Block) -> list[list[str]]:
    """The commands of a block that start a program of ours, split as a shell would."""
    lines = block.text.replace("\\\n", " ").splitlines()
    commands = [shlex.split(line.removeprefix("$ "), comments=True) for line in lines]
    return [
        words
        for words in commands
        if words[:1] == ["vfi"] or (words[:1] == ["python"] and words[1:2] and words[1].endswith(".py"))
    ]


def write_input_video(path: Path) -> None:
    """Eight small frames of a moving texture."""
    noise = np.random.default_rng(0).integers(0, 256, (48, 96, 3), dtype=np.uint8)
    texture = cv2.GaussianBlur(noise, (0, 0), 2).astype(np.uint8)
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for index in range(8):
            image = np.ascontiguousarray(texture[:, 2 * index : 2 * index + 64])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
            if index < 2:
                cv2.imwrite(str(path.with_name(f"frame_{index}.png")), image[..., ::-1])
        container.mux(stream.encode())


@pytest.fixture
def reader_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a reader who has the files that the documents speak of, and stands in it."""
    write_input_video(tmp_path / "input.mp4")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("block", runnable_blocks({"python"}), ids=lambda block: block.name)
@pytest.mark.usefixtures("reader_folder")
def test_python_of_the_documents_runs(block: Block) -> None:
    exec(compile(block.text, f"{block.document}:{block.line}", "exec"), {"__name__": "__main__"})


@pytest.mark.parametrize("block", runnable_blocks({"bash", "sh", "console"}), ids=lambda block: block.name)
@pytest.mark.usefixtures("reader_folder")
def test_commands_of_the_documents_run(
    block: Block, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for words in our_commands(block):
        program, *arguments = words
        if program == "vfi":
            code = main(arguments)
            assert code == 0, f"{shlex.join(words)}\n{capsys.readouterr()}"
        else:
            script = REPOSITORY / arguments[0]
            monkeypatch.setattr(sys, "argv", [str(script), *arguments[1:]])
            runpy.run_path(str(script), run_name="__main__")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_mentioned_files_exist(document: Path) -> None:
    text = FENCE.sub("", document.read_text(encoding="utf-8"))
    folders = [REPOSITORY, REPOSITORY / "vfi", document.parent]
    missing = {
        name for name in PYTHON_FILE.findall(text) if not any((folder / name).exists() for folder in folders)
    }
    missing -= set(filter(LIST_OF_DATA_SET.fullmatch, missing))
    assert not missing


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_mentioned_names_exist(document: Path) -> None:
    text = FENCE.sub("", document.read_text(encoding="utf-8"))
    missing = [name for name in sorted(set(DOTTED_NAME.findall(text))) if not exists(name)]
    assert not missing


def exists(name: str) -> bool:
    """Whether a dotted name is a module, or leads from one to an attribute."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for attribute in parts[length:]:
            if not hasattr(found, attribute):
                return False
            found = getattr(found, attribute)
        return True
    return False


def test_exists_distinguishes_real_names_from_others() -> None:
    assert exists("vfi.errors.VfiError")
    assert not exists("vfi.errors.NoSuchError")
    assert not exists("vfi.no_such_module")
