"""A run that is killed at any moment is resumed to the same bytes; two runs never share one output."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.interpolation.conftest import write_images
from tests.support.kills import KILLED, contents, finish, start
from tests.support.media import write_video

QUICK_SEEDS = {"film": (1, 2), "images": (1, 2), "clips": (1, 2)}
MOMENTS = {"film": 40, "images": 70, "clips": 120}
"""About how often a whole run touches its output."""
SLOW_SEEDS = range(100, 166)
CASES = [(kind, seed) for kind, seeds in QUICK_SEEDS.items() for seed in seeds]
SLOW_CASES = [
    pytest.param(kind, seed, marks=pytest.mark.slow)
    for kind in QUICK_SEEDS
    for seed in (*SLOW_SEEDS, *([166] if kind != "clips" else []))
]


def make_source(kind: str, folder: Path) -> Path:
    if kind == "film":
        return write_video(folder / "in.mp4", 6, audio_seconds=0.2)
    if kind == "images":
        return write_images(folder / "in", 4)
    for name in ("a", "b"):
        write_images(folder / "in" / name, 3, seed=ord(name))
    return folder / "in"


@pytest.mark.parametrize(("kind", "seed"), [*CASES, *SLOW_CASES])
def test_a_killed_run_is_resumed_to_the_same_bytes(tmp_path: Path, kind: str, seed: int) -> None:
    chance = random.Random(f"{kind} {seed}")
    source = make_source(kind, tmp_path)
    suffix = ".mp4" if kind == "film" else ""
    (tmp_path / "whole").mkdir()
    (tmp_path / "killed").mkdir()
    whole, killed = tmp_path / "whole" / f"out{suffix}", tmp_path / "killed" / f"out{suffix}"
    code, out, err = finish(start(source, whole))
    assert code == 0, err
    flags: list[str] = []
    if kind == "images" and chance.random() < 0.5:  # the images then move one by one
        killed.mkdir()
    for _ in range(chance.randint(1, 3)):
        moment = chance.randint(1, int(out))
        code, _, err = finish(start(source, killed, *flags, moment=moment))
        assert code in (0, KILLED), err
        flags = ["--resume"]
    code, _, err = finish(start(source, killed, "--resume"))
    assert code == 0, err
    assert contents(killed) == contents(whole)
    assert [path.name for path in killed.parent.iterdir()] == [killed.name]


@pytest.mark.parametrize(
    ("kind", "share"),
    [
        ("film", 0.3),
        ("images", 0.8),
        *(pytest.param("film", n / 10, marks=pytest.mark.slow) for n in range(1, 9)),
        *(pytest.param("images", n / 10, marks=pytest.mark.slow) for n in range(1, 9)),
    ],
)
@pytest.mark.parametrize("flags", [(), ("--resume", "--overwrite")])
def test_of_two_runs_on_one_output_the_second_is_refused(
    tmp_path: Path, kind: str, share: float, flags: tuple[str, ...]
) -> None:
    source = make_source(kind, tmp_path)
    suffix = ".mp4" if kind == "film" else ""
    (tmp_path / "whole").mkdir()
    (tmp_path / "both").mkdir()
    whole, both = tmp_path / "whole" / f"out{suffix}", tmp_path / "both" / f"out{suffix}"
    code, out, err = finish(start(source, whole))
    assert code == 0, err
    first = start(source, both, moment=max(8, round(share * int(out))), wait=True)
    assert first.stdout is not None
    assert first.stdout.readline() == "there\n"
    code, _, err = finish(start(source, both, *flags))
    assert code != 0
    assert f"is being written by another run (process {first.pid} on " in err
    _, err = first.communicate("\n", timeout=120)
    assert first.returncode == 0, err
    assert contents(both) == contents(whole)
    assert [path.name for path in both.parent.iterdir()] == [both.name]
