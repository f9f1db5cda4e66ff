"""Resuming reads no more than it needs, and reports the same as a run that was not interrupted."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor

from tests.interpolation.test_video import StoppingBlender
from tests.support.fakes import Blender
from tests.support.media import write_video
from tests.support.outputs import video_packets
from vfi.errors import Interrupted
from vfi.interpolation import interpolate_video
from vfi.io.base import FrameSource
from vfi.io.partial import DECISIONS_FILE, partial_path


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of the first frame of every reading."""
    found: list[int] = []
    stream = FrameSource.stream

    def noted(source: FrameSource, first: int = 0) -> Any:
        found.append(first)
        return stream(source, first)

    monkeypatch.setattr(FrameSource, "stream", noted)
    return found


def stopped(source: Path, output: Path, pairs: int, **options: Any) -> None:
    model = StoppingBlender(pairs)
    with pytest.raises(Interrupted, match="--resume"):
        interpolate_video(source, output, model, **options)
    assert (partial_path(output) / DECISIONS_FILE).exists()


@pytest.mark.parametrize("duplicates", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize("amount", [{"inter_frames": 3}, {"fps": 71}])
def test_the_source_is_read_from_where_it_is_needed(
    tmp_path: Path, begun: list[int], duplicates: bool, amount: dict[str, Any]
) -> None:
    source = write_video(tmp_path / "film.mp4", 60)
    options: dict[str, Any] = {"codec": "ffv1", "duplicates": duplicates, "cuts": "off", **amount}
    interpolate_video(source, tmp_path / "whole.mkv", Blender(), log=tmp_path / "whole.json", **options)
    stopped(source, tmp_path / "out.mkv", 55, log=tmp_path / "out.json", **options)
    report = interpolate_video(
        source, tmp_path / "out.mkv", Blender(), resume=True, log=tmp_path / "out.json", **options
    )
    assert begun[:2] == [0, 0]
    assert begun[2] >= 28 - 12, "half of the output was done"
    assert report.frames_in == 60
    assert video_packets(tmp_path / "out.mkv") == video_packets(tmp_path / "whole.mkv")
    logs = [json.loads((tmp_path / name).read_text())["pairs"] for name in ("out.json", "whole.json")]
    assert logs[0] == logs[1]
    assert not list(tmp_path.glob("*.part*"))


@pytest.mark.slow
def test_without_its_decisions_a_run_is_resumed_by_reading_everything(
    tmp_path: Path, begun: list[int]
) -> None:
    source = write_video(tmp_path / "film.mp4", 60)
    options: dict[str, Any] = {"codec": "ffv1", "inter_frames": 3}
    whole = interpolate_video(source, tmp_path / "whole.mkv", Blender(), **options)
    stopped(source, tmp_path / "out.mkv", 55, **options)
    (partial_path(tmp_path / "out.mkv") / DECISIONS_FILE).unlink()
    model = Blender()
    report = interpolate_video(source, tmp_path / "out.mkv", model, resume=True, **options)
    assert begun == [0, 0, 0]
    assert len(model.asked) < 40
    assert (report.frames_out, report.cuts) == (whole.frames_out, whole.cuts)
    assert video_packets(tmp_path / "out.mkv") == video_packets(tmp_path / "whole.mkv")


def test_nothing_is_left_of_a_run_that_kept_nothing(tmp_path: Path) -> None:
    source = write_video(tmp_path / "film.mp4", 10)
    with pytest.raises(Interrupted):
        interpolate_video(source, tmp_path / "out.mkv", StoppingBlender(3))
    assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"]


class Failing(Blender):
    """A model that breaks at its third window."""

    def interpolate_window(
        self, window: Any, times: Sequence[float | Tensor], **options: Any
    ) -> list[Tensor]:
        if len(self.asked) == 2:
            raise RuntimeError("broken")
        return super().interpolate_window(window, times, **options)


def test_an_error_in_the_model_leaves_nothing_half_written(tmp_path: Path) -> None:
    source = write_video(tmp_path / "film.mp4", 10)
    with pytest.raises(RuntimeError, match="broken"):
        interpolate_video(source, tmp_path / "out.mkv", Failing())
    assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"]
