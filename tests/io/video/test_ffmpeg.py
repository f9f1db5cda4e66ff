"""FFmpeg's messages are kept from Python: threads that wait to report them would never be joined."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av.logging
import pytest

from tests.support.media import write_video
from vfi.io import open_source
from vfi.io.open import open_sink


@pytest.fixture(autouse=True)
def reported_to_python() -> Iterator[None]:
    """As importing torchvision leaves it, before version 0.26."""
    av.logging.set_level(av.logging.ERROR)
    yield
    av.logging.set_level(None)


def test_reading_keeps_them_away(tmp_path: Path) -> None:
    video = write_video(tmp_path / "video.mp4", 3)
    with open_source(video) as source:
        assert av.logging.get_level() is None
        av.logging.set_level(av.logging.ERROR)  # while a model is loaded, before the first frame is wanted
        next(iter(source))
        assert av.logging.get_level() is None


def test_writing_keeps_them_away(tmp_path: Path) -> None:
    video = write_video(tmp_path / "video.mp4", 3)
    with open_source(video) as source:
        av.logging.set_level(av.logging.ERROR)
        with open_sink(tmp_path / "out.mp4", source):
            assert av.logging.get_level() is None
