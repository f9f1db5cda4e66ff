"""The job of interpolation: source frames are released while it runs."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from weakref import ref

from tests.interpolation.conftest import write_images
from tests.support.fakes import Blender
from vfi.config import InterpolateConfig
from vfi.interpolation import open_job
from vfi.io.partial import partial_path
from vfi.jobs.journal import Journal


def test_the_first_frames_are_released(tmp_path: Path) -> None:
    folder, output = write_images(tmp_path / "in", 12), tmp_path / "out"
    config = InterpolateConfig.from_values({"input": folder, "output": output})
    partial_path(output).mkdir()  # where the sink of a run keeps the journal
    with open_job(config, Blender()) as job:
        frames = job.frames(0, Journal(output, resume=False))
        first = [ref(frame.image) for frame in islice(frames, 3)]  # two originals and one new frame
        for _ in islice(frames, 9):
            pass
        assert [image() for image in first] == [None, None, None]
