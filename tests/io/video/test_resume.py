"""An interrupted run leaves playable pieces, and a resumed one gives the same bytes as one that was not."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tests.support.outputs import (
    decoded,
    feed,
    frames,
    native_picture,
    rgb_picture,
    source,
    video_packets,
    write_all,
)
from vfi.errors import ConfigError, OutputError
from vfi.io.base import SinkOptions
from vfi.io.open import open_sink
from vfi.io.video import segments

COUNT, SEGMENT = 23, 5
RATE = Fraction(24000, 1001)


def pictures(count: int = COUNT) -> list[Any]:
    return [native_picture(number) for number in range(count)]


def interrupted(path: Path, after: int, **options: Any) -> list[str]:
    """Write some frames and give up."""
    sink = open_sink(
        path, source(), SinkOptions(rate=RATE, segment_frames=SEGMENT, fingerprint="f", **options)
    )
    with sink:
        feed(sink, list(frames(pictures(), RATE))[sink.completed : after])
        while sink._queue.qsize():  # type: ignore[attr-defined]  # what was handed over is encoded
            time.sleep(0.01)
        time.sleep(0.05)
        return sink.abort()


@pytest.mark.parametrize(
    ("suffix", "codec"), [("mp4", "h264"), ("mp4", "hevc"), ("webm", "vp9"), ("mkv", "av1")]
)
def test_resumed_equals_uninterrupted_to_the_byte(tmp_path: Path, suffix: str, codec: str) -> None:
    whole, resumed = tmp_path / f"whole.{suffix}", tmp_path / f"resumed.{suffix}"
    common: dict[str, Any] = {"rate": RATE, "segment_frames": SEGMENT, "fingerprint": "f", "codec": codec}
    write_all(whole, source(), frames(pictures(), RATE), **common)
    notes = interrupted(resumed, after=13, codec=codec)
    assert f"10 finished frames are kept in {resumed}.part" in notes[0]
    with open_sink(resumed, source(), SinkOptions(resume=True, **common)) as sink:
        assert sink.completed == 10
        feed(sink, frames(pictures(), RATE, start=sink.completed)).finish()
    assert video_packets(resumed) == video_packets(whole)
    assert len(video_packets(whole)) == COUNT
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"resumed.{suffix}", f"whole.{suffix}"]


def test_a_finished_encoding_whose_joining_failed_is_only_joined(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out.mp4"
    common: dict[str, Any] = {"segment_frames": SEGMENT, "fingerprint": "f"}

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr("vfi.io.video.sink.mux.assemble", full)
        with pytest.raises(
            OutputError, match=r"Cannot write .*out\.mp4 \(No space left on device\): free some"
        ):
            write_all(path, source(), frames(pictures(7)), **common)
    assert not path.exists()
    with open_sink(path, source(), SinkOptions(resume=True, **common)) as sink:
        assert sink.completed == 7
        sink.finish()
    assert len(decoded(path)) == 7


def test_segments_are_playable_and_the_state_says_what_they_are(tmp_path: Path) -> None:
    interrupted(tmp_path / "out.mp4", after=13)
    folder = tmp_path / "out.mp4.part"
    assert sorted(path.name for path in folder.iterdir()) == [
        "000000.json", "000000.mkv", "000001.json", "000001.mkv", "state.json",
    ]  # fmt: skip
    assert [len(decoded(folder / f"00000{number}.mkv")) for number in (0, 1)] == [SEGMENT, SEGMENT]


def test_other_settings_are_not_resumed(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    interrupted(path, after=13)
    for changed in ({"fingerprint": "g"}, {"quality": 30}, {"segment_frames": 4}, {"rate": Fraction(25)}):
        options: dict[str, Any] = {"rate": RATE, "segment_frames": SEGMENT, "fingerprint": "f", **changed}
        with pytest.raises(
            ConfigError, match=r"out\.mp4\.part was begun with other settings.*leave --resume out"
        ):
            open_sink(path, source(), SinkOptions(resume=True, **options))
    assert (tmp_path / "out.mp4.part" / "000001.mkv").exists()


def test_without_resume_leftovers_are_removed(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    interrupted(path, after=13)
    with open_sink(path, source(), SinkOptions(segment_frames=SEGMENT, fingerprint="f", rate=RATE)) as sink:
        assert sink.completed == 0
        feed(sink, frames(pictures(3), RATE)).finish()
    assert len(decoded(path)) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


def test_a_strangers_folder_is_not_touched(tmp_path: Path) -> None:
    precious = tmp_path / "out.mp4.part" / "precious.txt"
    precious.parent.mkdir()
    precious.write_text("mine")
    for resume in (False, True):
        with pytest.raises(OutputError, match="was not made by vfi: move it away"):
            open_sink(tmp_path / "out.mp4", source(), SinkOptions(resume=resume))
    assert precious.read_text() == "mine"


def test_an_incomplete_piece_is_done_again(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    interrupted(path, after=13)
    folder = tmp_path / "out.mp4.part"
    (folder / "000001.mkv").rename(folder / "000001.unfinished")
    options = SinkOptions(rate=RATE, segment_frames=SEGMENT, fingerprint="f", resume=True)
    with open_sink(path, source(), options) as sink:
        assert sink.completed == SEGMENT
        feed(sink, frames(pictures(), RATE, start=SEGMENT)).finish()
    assert len(decoded(path)) == COUNT


def test_a_damaged_piece_is_named(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    interrupted(path, after=13)
    piece = tmp_path / "out.mp4.part" / "000000.mkv"
    piece.write_bytes(piece.read_bytes()[:600])
    options = SinkOptions(rate=RATE, segment_frames=SEGMENT, fingerprint="f", resume=True)
    sink = open_sink(path, source(), options)
    with pytest.raises(OutputError, match=r"000000\.mkv is damaged: delete .*out\.mp4\.part and start anew"):
        feed(sink, frames(pictures(), RATE, start=sink.completed)).finish()
    assert not path.exists()


KILLED = """
import sys, time
from fractions import Fraction
from pathlib import Path
from tests.support.outputs import feed, frames, native_picture, rgb_picture, source
from vfi.io.sink import open_sink
from vfi.io.writer import SinkOptions

path = Path(sys.argv[1])
if path.suffix:
    pictures = [native_picture(number) for number in range(23)]
else:
    pictures = [rgb_picture(number) for number in range(23)]
sink = open_sink(path, source(), SinkOptions(rate=Fraction(24000, 1001), segment_frames=5, fingerprint="f"))
feed(sink, list(frames(pictures, Fraction(24000, 1001)))[:13])
print("written", flush=True)
time.sleep(60)
"""


def killed(path: Path, evidence: Path) -> None:
    """Run a writer in a process of its own and kill it as soon as ``evidence`` exists."""
    root = Path(__file__).resolve().parents[3]
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(path)], cwd=root, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "written\n"
        deadline = time.monotonic() + 20
        while not evidence.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
    finally:
        process.send_signal(signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def test_a_killed_video_is_resumed_to_the_same_bytes(tmp_path: Path) -> None:
    path, whole = tmp_path / "killed.mp4", tmp_path / "whole.mp4"
    killed(path, tmp_path / "killed.mp4.part" / "000001.mkv")
    assert not path.exists()
    common: dict[str, Any] = {"rate": RATE, "segment_frames": SEGMENT, "fingerprint": "f"}
    with open_sink(path, source(), SinkOptions(resume=True, **common)) as sink:
        assert sink.completed == 10
        feed(sink, frames(pictures(), RATE, start=10)).finish()
    write_all(whole, source(), frames(pictures(), RATE), **common)
    assert video_packets(path) == video_packets(whole)


def test_a_killed_folder_of_images_is_resumed(tmp_path: Path) -> None:
    folder = tmp_path / "killed"
    killed(folder, tmp_path / "killed.part" / "000012.png")
    options = SinkOptions(rate=RATE, segment_frames=SEGMENT, fingerprint="f", resume=True)
    made = [rgb_picture(number) for number in range(COUNT)]
    with open_sink(folder, source(), options) as sink:
        assert sink.completed in (12, 13)
        feed(sink, frames(made, RATE, start=sink.completed)).finish()
    assert len(list(folder.iterdir())) == COUNT


def test_a_full_disk_while_encoding_is_one_sentence_and_keeps_what_is_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out.mp4"
    real, calls = segments.synchronise, []

    def full_at_third(piece: Path) -> None:
        calls.append(piece)
        if len(calls) == 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(piece)

    monkeypatch.setattr(segments, "synchronise", full_at_third)
    with open_sink(path, source(), SinkOptions(segment_frames=SEGMENT, fingerprint="f")) as sink:
        with pytest.raises(OutputError, match=r"No space left on device\): free some space"):
            feed(sink, frames(pictures())).finish()
        assert sink.abort() == sink.abort()
        assert "10 finished frames are kept" in sink.abort()[0]
    folder = tmp_path / "out.mp4.part"
    assert sorted(piece.name for piece in folder.glob("*.mkv")) == ["000000.mkv", "000001.mkv"]
    assert not list(folder.glob("*.unfinished"))


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's own full disk is Linux's")
def test_a_really_full_disk_is_one_sentence(tmp_path: Path) -> None:
    """The unfinished piece goes to /dev/full, which refuses every byte."""
    with open_sink(tmp_path / "out.mp4", source(), SinkOptions(segment_frames=SEGMENT)) as sink:
        sink._store.unfinished.symlink_to("/dev/full")  # type: ignore[attr-defined]  # inside for the test
        with pytest.raises(OutputError, match=r"Cannot write .*out\.mp4 \(No space left on device"):
            feed(sink, frames(pictures())).finish()
    assert list(tmp_path.iterdir()) == []


def test_the_partial_folder_can_be_deleted_at_any_time(tmp_path: Path) -> None:
    sink = open_sink(tmp_path / "out.mp4", source())
    shutil.rmtree(tmp_path / "out.mp4.part")
    with pytest.raises(OutputError, match=r"Cannot write .*out\.mp4"):
        feed(sink, frames(pictures(2))).finish()
