"""The default container of an output, and options of containers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.io.video.streams.test_audio import WAVE, video_with_audio
from vfi.io.video.streams.containers import default_suffix, muxer_options


@pytest.mark.parametrize(
    ("codec", "suffix"), [("aac", ".mp4"), ("mp2", ".mp4"), ("wmav2", ".mkv"), ("pcm_mulaw", ".mkv")]
)
def test_the_default_holds_the_sound(tmp_path: Path, codec: str, suffix: str) -> None:
    assert default_suffix(video_with_audio(tmp_path / "in.avi", codec, WAVE)) == suffix


def test_what_cannot_be_read_becomes_mp4(tmp_path: Path) -> None:
    assert default_suffix(tmp_path / "absent.avi") == ".mp4"
    (tmp_path / "text.wmv").write_text("no video")
    assert default_suffix(tmp_path / "text.wmv") == ".mp4"


def test_titles_stay_where_players_look_for_them() -> None:
    assert muxer_options("mp4", 1000, {"title": "Holiday"})["movflags"] == "+faststart"
    keys = {"com.apple.quicktime.make": "Apple"}
    assert muxer_options("mov", 1000, keys)["movflags"] == "+faststart+use_metadata_tags"
