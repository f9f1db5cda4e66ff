"""Every file in ``configs/`` is understood, what it has commented out too, and names a model that exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from vfi.cli.arguments import parse_command_line
from vfi.cli.interpolate import COMMAND
from vfi.config import InterpolateConfig, load_config
from vfi.registry import find

REPOSITORY = Path(__file__).resolve().parents[2]
INTERPOLATE = sorted((REPOSITORY / "configs" / "interpolate").glob("*.yaml"))
EQVI = [path for path in INTERPOLATE if path.stem.startswith("eqvi_")]


def commented(path: Path) -> list[tuple[str, str]]:
    """The options that a file has commented out, and their values."""
    return re.findall(r"^# (\w+): (\S+)", path.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("path", INTERPOLATE, ids=lambda path: path.stem)
def test_files_for_interpolate(path: Path) -> None:
    needed = {} if "testset_root" in path.read_text(encoding="utf-8") else {"input": "film.mp4"}
    config = load_config(path, **needed)
    files = [str(value) for value in needed.values()]
    assert parse_command_line(COMMAND, [*files, "--config", str(path)]).config == config
    find("interpolator", config.model)
    assert len(commented(path)) > 2
    for name, value in commented(path):
        InterpolateConfig.from_values({"input": "film.mp4", name: value})


@pytest.mark.parametrize("path", EQVI, ids=lambda path: path.stem)
def test_files_for_eqvi(path: Path) -> None:
    config = load_config(path)
    assert config.model == path.stem.replace("_", ".", 1)
    spec = find("interpolator", config.model).checkpoint
    assert spec is not None
    assert dict(commented(path))["checkpoint"] == f"checkpoints/{spec.path.as_posix()}"
    assert (config.resize, config.crop, config.clips) == ((1280, 720), (1280, 720), True)
    assert (config.rounding, config.cuts, config.naming, config.ensemble) == (
        "truncate",
        "off",
        "generic",
        (),
    )
    moved = ["a", "--config", str(path), "-o", "b", "--inter-frames", "3"]
    asked = parse_command_line(COMMAND, moved).config
    assert (asked.input, asked.output, asked.inter_frames) == (Path("a"), Path("b"), 3)
    assert parse_command_line(COMMAND, ["--config", str(path), "-o", "c"]).config.output == Path("c")


def test_every_released_model_of_eqvi_has_one() -> None:
    assert [path.stem for path in EQVI] == [
        "eqvi_stage123",
        "eqvi_stage123_vgg",
        "eqvi_stage3",
        "eqvi_stage4",
    ]


def test_every_file_is_tested() -> None:
    """A new folder of configurations needs a test of its own."""
    tested = {"interpolate"}
    folders = {path.parent.name for path in (REPOSITORY / "configs").rglob("*.y*ml")}
    assert folders <= tested, f"nothing tests configs/{sorted(folders - tested)}"
