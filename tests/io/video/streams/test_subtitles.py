"""Text subtitles are converted to what a container takes, at their times; images of text are not."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import Any

import av
import pytest
from av.subtitles.subtitle import SubtitleSet

from tests.io.video.streams.test_copying import double, packets
from tests.support.media import write_video

ASS_HEADER = b"""[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, Bold, Italic
Style: Default,Arial,16,&Hffffff,0,0

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""
LINES = ((100, 400, "caf\u00e9 <one>"), (700, 200, "two\\Nlines"))
FILES = {"subrip": "mkv", "ass": "mkv", "webvtt": "webm", "mov_text": "mp4"}
CODECS = {"mkv": ("subrip", "ass"), "webm": ("webvtt",), "mp4": ("mov_text",), "mov": ("mov_text",)}


def video_with_subtitles(path: Path, codec: str) -> Path:
    """A clip of one second with two lines of text."""
    plain = write_video(path.with_name(f"plain.{path.suffix[1:]}"), 24, codec="libvpx-vp9")
    with av.open(str(plain)) as clip, av.open(str(path), "w") as container:
        video = container.add_stream_from_template(clip.streams.video[0], opaque=True)
        stream: Any = container.add_stream(codec)
        stream.codec_context.subtitle_header = ASS_HEADER
        stream.codec_context.time_base = stream.time_base = Fraction(1, 1000)
        stream.metadata["language"] = "fra"
        container.start_encoding()
        for packet in clip.demux():
            if packet.size:
                packet.stream = video
                container.mux(packet)
        for start, length, text in LINES:
            line = SubtitleSet.create(f"0,0,Default,,0,0,0,,{text}".encode(), 0, length)
            packet = stream.codec_context.encode_subtitle(line)
            packet.pts = packet.dts = start
            packet.duration, packet.time_base, packet.stream = length, stream.time_base, stream
            container.mux(packet)
    return path


def text(content: bytes) -> str:
    """The text of a packet in any codec."""
    return content.decode("utf-8", "replace").replace("\\N", "\n").replace("&lt;", "<").replace("&gt;", ">")


@pytest.mark.parametrize(("before", "suffix"), list(product(FILES, CODECS)))
def test_text_reaches_every_container(tmp_path: Path, before: str, suffix: str) -> None:
    origin = video_with_subtitles(tmp_path / f"in.{FILES[before]}", before)
    output = tmp_path / f"out.{suffix}"
    notes = double(origin, output, start=Fraction(1, 20))
    taken = before in CODECS[suffix] or (before == "webvtt" and suffix == "mkv")
    assert [note for note in notes if "converted" in note] == ([] if taken else notes)
    found = [packet for packet in packets(output, "subtitle") if len(packet[2]) > 2]
    assert [(time, length) for time, length, _ in found] == [
        (Fraction(start, 1000) - Fraction(1, 20), Fraction(length, 1000)) for start, length, _ in LINES
    ]
    assert "caf\u00e9" in text(found[0][2])
    assert "two\nlines" in text(found[1][2])
    with av.open(str(output)) as container:
        assert container.streams.subtitles[0].language == "fra"


@pytest.mark.parametrize(("before", "suffix"), [("subrip", "mkv"), ("subrip", "mp4"), ("mov_text", "mp4")])
def test_slow_motion_moves_and_lengthens_text(tmp_path: Path, before: str, suffix: str) -> None:
    origin, output = (
        video_with_subtitles(tmp_path / f"in.{FILES[before]}", before),
        tmp_path / f"out.{suffix}",
    )
    double(origin, output, time_scale=Fraction(3), audio="drop")
    found = [(time, length) for time, length, content in packets(output, "subtitle") if len(content) > 2]
    assert found == [(Fraction(3 * start, 1000), Fraction(3 * length, 1000)) for start, length, _ in LINES]
