"""The comparison with another commit: order, ratios, worktree, and HEAD against itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmark import against
from vfi.errors import VfiError

IN_A_CLONE = pytest.mark.skipif(not (against.REPOSITORY / ".git").exists(), reason="needs a git clone")


def test_trees_alternate_and_ratios_are_medians_of_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    log: list[str] = []
    # The reference takes 2 s of 100 bytes; these sources 9 s in the first run, then 1 s, 4 s and 3 s.
    here = iter([(9.0, 900), (1.0, 50), (4.0, 100), (3.0, 200)])

    def run(job: against.Job, tree: Path, output: Path) -> against.Cost:
        log.append(tree.name)
        return against.Cost(2.0, 100) if tree.name == "reference" else against.Cost(*next(here))

    monkeypatch.setattr(against, "REPOSITORY", Path("here"))
    monkeypatch.setattr(against.Job, "run", run)
    result = against.compare(against.Job("quadratic", Path("clip.mp4"), None), Path("reference"), runs=3)
    assert log == ["reference", "here", "here", "reference"] * 2
    assert (result["time_ratio"], result["memory_ratio"]) == (1.5, 1.0)
    assert result["costs"]["here"][0] == {"seconds": 1.0, "peak_bytes": 50}
    assert len(result["costs"]["reference"]) == 3


@IN_A_CLONE
def test_checkout_is_temporary() -> None:
    with against.checkout("HEAD") as tree:
        assert (tree / "vfi" / "__init__.py").is_file()
    assert not tree.exists()
    assert str(tree) not in against._git("worktree", "list").stdout


@IN_A_CLONE
def test_unknown_commits_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with (
        pytest.raises(VfiError, match="no-such-commit cannot be checked out"),
        against.checkout("no-such-commit"),
    ):
        pass
    with pytest.raises(SystemExit, match="no-such-commit cannot be checked out"):
        against.main(["no-such-commit", "--runs", "1"])


@pytest.mark.slow
def test_failing_jobs_are_reported(tmp_path: Path) -> None:
    job = against.Job("quadratic", tmp_path / "missing.mp4", None)
    with pytest.raises(VfiError, match=r"quadratic failed with the sources in .*missing\.mp4"):
        job.run(against.REPOSITORY, tmp_path / "out.mp4")


@IN_A_CLONE
@pytest.mark.slow
def test_head_against_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(against.CLIPS, "quadratic", against.ClipSize(48, 64, 3))
    path = tmp_path / "against.json"
    against.main(["HEAD", "--models", "quadratic", "--runs", "1", "--json", str(path)])
    printed, written = json.loads(capsys.readouterr().out), json.loads(path.read_text(encoding="utf-8"))
    assert written.pop("environment")["command"]
    assert written == printed
    result = printed["models"]["quadratic"]
    assert result["clip"] == {"height": 48, "width": 64, "frames": 3}
    assert 0.2 < result["time_ratio"] < 5
    assert 0.8 < result["memory_ratio"] < 1.25
