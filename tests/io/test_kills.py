"""A run that is killed at any time is resumed to the same bytes; two runs never write one output."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tests.interpolation.conftest import write_images
from tests.support.kills import KILLED, contents, start
from tests.support.media import write_video

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot fork")
KINDS = ("film", "images", "clips")
CASES = [(kind, seed) for kind in KINDS for seed in (1, 2)]
SLOW_CASES = [pytest.param(KINDS[seed % 3], seed, marks=pytest.mark.slow) for seed in range(100, 300)]


def write_source(kind: str, folder: Path) -> Path:
    if kind == "film":
        return write_video(folder / "in.mp4", 6, audio_seconds=0.2)
    if kind == "images":
        return write_images(folder / "in", 4)
    for name in ("a", "b"):
        write_images(folder / "in" / name, 3, seed=ord(name))
    return folder / "in"


@dataclass(frozen=True)
class Whole:
    """A run that was not interrupted."""

    source: Path
    output: Path
    accesses: int
    """Number of accesses to the output's files."""


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Whole]:
    """A function that returns the uninterrupted run of a kind, which is done once for all tests."""

    @cache
    def run(kind: str) -> Whole:
        folder = tmp_path_factory.mktemp(kind)
        source, output = write_source(kind, folder), folder / "whole" / output_name(kind)
        output.parent.mkdir()
        code, count = start(source, output).finish()
        assert code == 0, count
        return Whole(source, output, int(count))

    return run


def output_name(kind: str) -> str:
    return "out.mp4" if kind == "film" else "out"


@pytest.mark.parametrize(("kind", "seed"), [*CASES, *SLOW_CASES])
def test_a_killed_run_is_resumed_to_the_same_bytes(
    tmp_path: Path, whole_run: Callable[[str], Whole], kind: str, seed: int
) -> None:
    chance = random.Random(f"{kind} {seed}")
    whole, killed = whole_run(kind), tmp_path / output_name(kind)
    if kind == "images" and chance.random() < 0.5:  # the images then move one by one
        killed.mkdir()
    for attempt in range(chance.randint(1, 3)):
        access = chance.randint(1, whole.accesses)
        code, message = start(whole.source, killed, access=access, resume=attempt > 0).finish()
        assert code in (0, KILLED), message
    code, message = start(whole.source, killed, resume=True).finish()
    assert code == 0, message
    assert contents(killed) == contents(whole.output)
    assert [path.name for path in killed.parent.iterdir()] == [killed.name]


@pytest.mark.parametrize(
    ("kind", "part"),
    [
        ("film", 0.3),
        ("images", 0.8),
        *(pytest.param("film", n / 10, marks=pytest.mark.slow) for n in range(1, 9)),
        *(pytest.param("images", n / 10, marks=pytest.mark.slow) for n in range(1, 9)),
    ],
)
@pytest.mark.parametrize("options", [{}, {"resume": True, "overwrite": True}])
def test_of_two_runs_on_one_output_the_second_is_refused(
    tmp_path: Path, whole_run: Callable[[str], Whole], kind: str, part: float, options: dict[str, bool]
) -> None:
    whole, both = whole_run(kind), tmp_path / output_name(kind)
    first = start(whole.source, both, access=max(8, round(part * whole.accesses)), wait=True)
    assert first.pipe.recv() == "there"
    code, message = start(whole.source, both, **options).finish()
    assert code == 2
    assert f"is being written by another run (process {first.process.pid} on " in message
    first.pipe.send("go on")
    code, message = first.finish()
    assert code == 0, message
    assert contents(both) == contents(whole.output)
    assert [path.name for path in both.parent.iterdir()] == [both.name]
