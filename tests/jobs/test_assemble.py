"""Assembly of films from images: resuming, errors of the disk, memory, and a file in place of a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from weakref import WeakSet

import pytest

from tests.interpolation.conftest import write_images
from tests.interpolation.test_video import names
from tests.support.outputs import video_packets
from vfi.config import AssembleConfig
from vfi.errors import InputError, OutputError
from vfi.interpolation import Interrupted, Report
from vfi.io.base import FrameSource
from vfi.io.pixels.picture import Picture
from vfi.jobs.assemble import assemble, assemble_video


def stop_after(count: int, monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Make the reading of images end in an error."""
    stream = FrameSource.stream

    def stopped(source: FrameSource, first: int = 0) -> Any:
        for frame in stream(source, first):
            if frame.index == count:
                raise error
            yield frame

    monkeypatch.setattr(FrameSource, "stream", stopped)


def test_a_run_continues_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_images(tmp_path / "in", 150)
    fast: dict[str, Any] = {"preset": "ultrafast"}
    whole = assemble_video(folder, tmp_path / "whole.mp4", **fast)
    assert whole == Report(tmp_path / "whole.mp4", 150, 150, 0, whole.seconds, whole.notes)
    with monkeypatch.context() as patch:
        stop_after(140, patch, KeyboardInterrupt())
        with pytest.raises(Interrupted, match=r"120 finished frames .* --resume"):
            assemble_video(folder, tmp_path / "out.mp4", **fast)
    assert names(tmp_path) == ["in", "out.mp4.part", "whole.mp4"]
    with pytest.raises(Exception, match="other settings"):
        assemble_video(folder, tmp_path / "out.mp4", fps=25, resume=True, **fast)
    reported: list[int] = []
    resumed = assemble_video(
        folder,
        tmp_path / "out.mp4",
        resume=True,
        progress=lambda progress: reported.append(progress.done),
        **fast,
    )
    assert reported[0] == 120
    assert resumed.frames_out == 150
    assert video_packets(tmp_path / "out.mp4") == video_packets(tmp_path / "whole.mp4")


def test_a_full_disk_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_images(tmp_path / "in", 3)
    stop_after(2, monkeypatch, OutputError("Cannot write out.mp4 (No space left on device): free some."))
    with pytest.raises(OutputError, match="No space left"):
        assemble_video(folder, tmp_path / "out.mp4")
    assert names(tmp_path) == ["in"]


def test_images_are_released_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images: WeakSet[Picture] = WeakSet()
    alive: list[int] = []
    construct = Picture.__init__

    def noted(image: Picture, *values: Any, **named: Any) -> None:
        construct(image, *values, **named)
        images.add(image)
        alive.append(len(images))

    monkeypatch.setattr(Picture, "__init__", noted)
    assemble_video(write_images(tmp_path / "in", 90), tmp_path / "out.mp4", preset="ultrafast")
    assert len(alive) == 90
    assert max(alive) < 30  # read ahead and the queue of the writer


def test_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "film.mp4").write_text("")
    with pytest.raises(InputError, match="is not a folder"):
        assemble(AssembleConfig.from_values({"input": tmp_path / "film.mp4"}))
