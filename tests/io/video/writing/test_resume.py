"""An interrupted run leaves playable segments, and a resumed one gives the same bytes as one that was not."""

from __future__ import annotations

import errno
import os
import shutil
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tests.support.kills import spoil
from tests.support.outputs import (
    decoded,
    feed,
    frames,
    native_frame,
    source,
    video_packets,
    write_all,
)
from vfi.errors import ConfigError, OutputError
from vfi.io.base import SinkOptions
from vfi.io.open import open_sink
from vfi.io.video.writing import segments

COUNT, SEGMENT = 23, 5
RATE = Fraction(24000, 1001)


def images(count: int = COUNT) -> list[Any]:
    return [native_frame(number) for number in range(count)]


def interrupted(path: Path, after: int, **options: Any) -> list[str]:
    """Write some frames and give up."""
    sink = open_sink(
        path, source(), SinkOptions(rate=RATE, segment_frames=SEGMENT, fingerprint="f", **options)
    )
    with sink:
        feed(sink, list(frames(images(), RATE))[sink.completed : after])
        sink.flush()
        return sink.abort()


@pytest.mark.parametrize(
    ("suffix", "codec"), [("mp4", "h264"), ("mp4", "hevc"), ("webm", "vp9"), ("mkv", "av1")]
)
def test_resumed_equals_uninterrupted_to_the_byte(tmp_path: Path, suffix: str, codec: str) -> None:
    whole, resumed = tmp_path / f"whole.{suffix}", tmp_path / f"resumed.{suffix}"
    common: dict[str, Any] = {"rate": RATE, "segment_frames": SEGMENT, "fingerprint": "f", "codec": codec}
    write_all(whole, source(), frames(images(), RATE), **common)
    notes = interrupted(resumed, after=13, codec=codec)
    assert f"10 finished frames are kept in {resumed}.part" in notes[0]
    with open_sink(resumed, source(), SinkOptions(resume=True, **common)) as sink:
        assert sink.completed == 10
        feed(sink, frames(images(), RATE, start=sink.completed)).finish()
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
        patched.setattr("vfi.io.video.writing.sink.mux.assemble", full)
        with pytest.raises(
            OutputError, match=r"Cannot write .*out\.mp4 \(No space left on device\): free some"
        ):
            write_all(path, source(), frames(images(7)), **common)
    assert not path.exists()
    with open_sink(path, source(), SinkOptions(resume=True, **common)) as sink:
        assert sink.completed == 7
        sink.finish()
    assert len(decoded(path)) == 7


def test_segments_are_playable_and_the_state_says_what_they_are(tmp_path: Path) -> None:
    interrupted(tmp_path / "out.mp4", after=13)
    folder = tmp_path / "out.mp4.part"
    assert sorted(path.name for path in folder.iterdir()) == [
        "000000.json", "000000.mkv", "000005.json", "000005.mkv", "state.json", "vfi-unfinished-output",
    ]  # fmt: skip
    assert [len(decoded(folder / f"00000{first}.mkv")) for first in (0, 5)] == [SEGMENT, SEGMENT]


def test_other_settings_are_not_resumed(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    interrupted(path, after=13)
    for changed in ({"fingerprint": "g"}, {"quality": 30}, {"segment_frames": 4}, {"rate": Fraction(25)}):
        options: dict[str, Any] = {"rate": RATE, "segment_frames": SEGMENT, "fingerprint": "f", **changed}
        with pytest.raises(
            ConfigError, match=r"out\.mp4\.part was created with other settings.*leave --resume out"
        ):
            open_sink(path, source(), SinkOptions(resume=True, **options))
    assert (tmp_path / "out.mp4.part" / "000005.mkv").exists()


def test_without_resume_leftovers_are_removed(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    interrupted(path, after=13)
    with open_sink(path, source(), SinkOptions(segment_frames=SEGMENT, fingerprint="f", rate=RATE)) as sink:
        assert sink.completed == 0
        feed(sink, frames(images(3), RATE)).finish()
    assert len(decoded(path)) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


def test_a_folder_of_other_origin_is_not_touched(tmp_path: Path) -> None:
    precious = tmp_path / "out.mp4.part" / "precious.txt"
    precious.parent.mkdir()
    precious.write_text("mine")
    for resume in (False, True):
        with pytest.raises(OutputError, match="was not created by vfi: move it away"):
            open_sink(tmp_path / "out.mp4", source(), SinkOptions(resume=resume))
    assert precious.read_text() == "mine"


def test_an_incomplete_segment_is_encoded_again(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    interrupted(path, after=13)
    folder = tmp_path / "out.mp4.part"
    (folder / "000005.mkv").rename(folder / "000005.unfinished")
    options = SinkOptions(rate=RATE, segment_frames=SEGMENT, fingerprint="f", resume=True)
    with open_sink(path, source(), options) as sink:
        assert sink.completed == SEGMENT
        feed(sink, frames(images(), RATE, start=SEGMENT)).finish()
    assert len(decoded(path)) == COUNT


@pytest.mark.parametrize("damage", ["flip", "empty", "cut"])
@pytest.mark.parametrize("first", [0, 5])
def test_a_damaged_segment_is_encoded_again_and_the_others_are_kept(
    tmp_path: Path, damage: str, first: int
) -> None:
    path, whole = tmp_path / "out.mp4", tmp_path / "whole.mp4"
    common: dict[str, Any] = {"rate": RATE, "segment_frames": SEGMENT, "fingerprint": "f"}
    interrupted(path, after=17)
    spoil(tmp_path / "out.mp4.part" / f"{first:06d}.mkv", damage)
    with open_sink(path, source(), SinkOptions(resume=True, **common)) as sink:
        assert sink.completed == first
        assert sink.written[-1].stop == 15
        wanted = [*frames(images()[:10], RATE, first), *frames(images(), RATE, 15)]
        feed(sink, wanted).finish()
    write_all(whole, source(), frames(images(), RATE), **common)
    assert path.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize("content", [b"", b"\0" * 90, b"[1, 2]", b"7", b'{"stamps": 5}', b"\xff\xfe\x80"])
def test_damaged_stamps_mean_that_the_segment_is_encoded_again(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "out.mp4"
    interrupted(path, after=13)
    (tmp_path / "out.mp4.part" / "000000.json").write_bytes(content)
    options = SinkOptions(rate=RATE, segment_frames=SEGMENT, fingerprint="f", resume=True)
    with open_sink(path, source(), options) as sink:
        assert sink.written == (range(5, 10),)
        feed(sink, frames(images(), RATE)).finish()
    assert len(decoded(path)) == COUNT


def test_a_gap_that_is_not_filled_is_refused_and_everything_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    interrupted(path, after=17)
    spoil(tmp_path / "out.mp4.part" / "000005.mkv", "cut")
    options = SinkOptions(rate=RATE, segment_frames=SEGMENT, fingerprint="f", resume=True)
    with (
        open_sink(path, source(), options) as sink,
        pytest.raises(OutputError, match=r"frames 5 to 9 of .* are missing: give --resume"),
    ):
        sink.finish()
    assert len(list((tmp_path / "out.mp4.part").glob("*.mkv"))) == 2


def test_shards_are_joined_to_the_same_bytes(tmp_path: Path) -> None:
    path, whole = tmp_path / "out.mp4", tmp_path / "whole.mp4"
    common: dict[str, Any] = {"rate": RATE, "segment_frames": SEGMENT, "fingerprint": "f"}
    interrupted(path, after=COUNT)
    parts, folder = tmp_path / "parts", tmp_path / "out.mp4.part"
    shutil.copytree(folder, parts)
    for segment in ("000000", "000010"):
        for suffix in ("mkv", "json"):
            (folder / f"{segment}.{suffix}").unlink()
    store = segments.SegmentStore(folder)
    assert (store.ranges(), store.missing()) == ([range(5, 10), range(15, 20)], [range(5), range(10, 15)])
    assert store.adopt(parts) == [range(5), range(10, 15)]
    assert store.ranges() == [range(20)]
    with open_sink(path, source(), SinkOptions(resume=True, **common)) as sink:
        assert sink.completed == 20
        feed(sink, frames(images(), RATE, start=20)).finish()
    write_all(whole, source(), frames(images(), RATE), **common)
    assert path.read_bytes() == whole.read_bytes()


def test_segments_of_other_work_are_not_adopted(tmp_path: Path) -> None:
    interrupted(tmp_path / "a.mp4", after=6)
    interrupted(tmp_path / "b.mp4", after=6, quality=30)
    with pytest.raises(OutputError, match="of other settings or another input"):
        segments.SegmentStore(tmp_path / "a.mp4.part").adopt(tmp_path / "b.mp4.part")


def test_a_full_disk_while_encoding_is_one_sentence_and_keeps_what_is_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out.mp4"
    real, calls = segments.synchronise, []

    def full_at_third(segment: Path) -> None:
        calls.append(segment)
        if len(calls) == 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(segment)

    monkeypatch.setattr(segments, "synchronise", full_at_third)
    with open_sink(path, source(), SinkOptions(segment_frames=SEGMENT, fingerprint="f")) as sink:
        with pytest.raises(OutputError, match=r"No space left on device\): free some space"):
            feed(sink, frames(images())).finish()
        assert sink.abort() == sink.abort()
        assert "10 finished frames are kept" in sink.abort()[0]
    folder = tmp_path / "out.mp4.part"
    assert sorted(segment.name for segment in folder.glob("*.mkv")) == ["000000.mkv", "000005.mkv"]
    assert not list(folder.glob("*.unfinished"))


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's own full disk is Linux's")
def test_a_really_full_disk_is_one_sentence(tmp_path: Path) -> None:
    """The unfinished segment goes to /dev/full, which refuses every byte."""
    with open_sink(tmp_path / "out.mp4", source(), SinkOptions(segment_frames=SEGMENT)) as sink:
        (tmp_path / "out.mp4.part" / "000000.unfinished").symlink_to("/dev/full")
        with pytest.raises(OutputError, match=r"Cannot write .*out\.mp4 \(No space left on device"):
            feed(sink, frames(images())).finish()
    assert list(tmp_path.iterdir()) == []


def test_the_partial_folder_can_be_deleted_at_any_time(tmp_path: Path) -> None:
    sink = open_sink(tmp_path / "out.mp4", source())
    shutil.rmtree(tmp_path / "out.mp4.part")
    with pytest.raises(OutputError, match=r"Cannot write .*out\.mp4"):
        feed(sink, frames(images(2))).finish()
