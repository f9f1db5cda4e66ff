"""The joined file: what a container refuses costs a stream with a sentence, never the video."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.error import ArgumentError, FFmpegError, PatchWelcomeError
from av.stream import Discard

from tests.io.video.streams.test_copying import double, make_source
from tests.support.media import HEIGHT, WIDTH, numbered_frame, write_video
from tests.support.outputs import frames, native_frame, source, times, write_all
from vfi.errors import OutputError
from vfi.io.base import SinkOptions
from vfi.io.open import open_sink, open_source
from vfi.io.video.reading.probe import orientation
from vfi.io.video.streams import copying, planning
from vfi.io.video.streams.planning import StreamPlan, Treatment
from vfi.io.video.writing import mux

ONE = 1 << 16  # of the display matrix
LAST = 1 << 30
MATRICES = {
    "flipped left to right": (-ONE, 0, 0, 0, ONE, 0, 0, 0, LAST),
    "flipped upside down": (ONE, 0, 0, 0, -ONE, 0, 0, 0, LAST),
    "transposed": (0, ONE, 0, ONE, 0, 0, 0, 0, LAST),
    "transversed": (0, -ONE, 0, -ONE, 0, 0, 0, 0, LAST),
    "rotated": (0, -ONE, 0, ONE, 0, 0, 0, 0, LAST),
}


def displayed(stored: np.ndarray, matrix: tuple[int, ...]) -> np.ndarray:
    """Samples ``[H, W]`` as a player shows them: x' = ax + cy, y' = bx + dy, moved to begin at 0."""
    a, b, _, c, d = (round(value / ONE) for value in matrix[:5])
    y, x = np.mgrid[: stored.shape[0], : stored.shape[1]]
    right, down = a * x + c * y, b * x + d * y
    right, down = right - right.min(), down - down.min()
    shown = np.zeros((down.max() + 1, right.max() + 1), stored.dtype)
    shown[down, right] = stored
    return shown


def with_matrix(path: Path, matrix: tuple[int, ...]) -> Path:
    """A clip that players turn or mirror."""
    return write_video(path, 3, prepare=lambda stream: stream.set_display_matrix(matrix))


def stored_matrix(path: Path) -> list[int]:
    with av.open(str(path)) as container:
        entries: Any = next(container.decode(video=0)).side_data
        (matrix,) = [entry for entry in entries if entry.type.name == "DISPLAYMATRIX"]
        return np.frombuffer(bytes(matrix), np.int32)[:9].tolist()


@pytest.mark.parametrize("name", list(MATRICES))
@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
def test_the_display_matrix_is_kept_whole(tmp_path: Path, name: str, suffix: str) -> None:
    origin, output = with_matrix(tmp_path / "in.mp4", MATRICES[name]), tmp_path / f"out.{suffix}"
    assert double(origin, output) == []
    found = tuple(stored_matrix(output))
    assert found[:2] + found[3:5] == pytest.approx(MATRICES[name][:2] + MATRICES[name][3:5], abs=2)


@pytest.mark.parametrize("name", list(MATRICES))
def test_images_are_flipped_and_rotated_as_players_show_them(tmp_path: Path, name: str) -> None:
    with open_source(with_matrix(tmp_path / "in.mp4", MATRICES[name])) as opened:
        image = next(iter(opened)).image
    image = type(image).from_rgb(np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3), image)
    shown = displayed(image.rgb()[..., 0], MATRICES[name])
    assert image.upright().rgb()[..., 0].tolist() == shown.tolist()
    assert image.upright().upright().rgb()[..., 0].tolist() == shown.tolist()


@pytest.mark.parametrize(("rotation", "flipped"), [(90, False), (90, True), (0, True), (270, True)])
def test_an_orientation_without_a_matrix_gets_one(tmp_path: Path, rotation: int, flipped: bool) -> None:
    origin = source(rotation=rotation, flipped=flipped)
    write_all(tmp_path / "out.mp4", origin, frames([native_frame(0), native_frame(1)]))
    assert orientation(tuple(stored_matrix(tmp_path / "out.mp4"))) == (rotation, flipped)


def test_no_matrix_is_no_orientation() -> None:
    assert orientation(()) == (0, False)


def with_timecode(path: Path, code: str, rate: Fraction | int = 25) -> Path:
    """A clip as professional cameras write it: the time code of its first frame in a track of its own."""
    return write_video(path, 5, rate=rate, prepare=lambda stream: stream.metadata.update(timecode=code))


OLD_PYAV = int(av.__version__.split(".")[0]) < 18  # hands FFmpeg no frame rate, which the track needs


@pytest.mark.parametrize("suffix", ["mov", "mp4", "mkv"])
@pytest.mark.parametrize(
    ("rate", "code", "expected"),
    [
        (25, "01:00:00:10", "01:00:00:20"),
        (Fraction(24000, 1001), "10:59:59:23", "10:59:59:46"),
        (Fraction(30000, 1001), "01:00:00;10", "01:00:00;20"),
    ],
)
def test_a_time_code_is_counted_in_the_new_frames(
    tmp_path: Path, suffix: str, rate: Fraction | int, code: str, expected: str
) -> None:
    origin, output = with_timecode(tmp_path / "in.mov", code, rate), tmp_path / f"out.{suffix}"
    with av.open(str(origin)) as container:
        assert [stream.type for stream in container.streams] == ["video", "data"]
    notes = double(origin, output)
    with av.open(str(output)) as container:
        (video,) = container.streams.video
        if suffix == "mkv":
            assert (video.metadata["TIMECODE"], notes) == (expected, [])
        elif OLD_PYAV:
            assert notes == [
                f"The time code {expected} was left out: .{suffix} needs PyAV 18 or later for it."
            ]
        else:
            (track,) = container.streams.data
            assert (video.metadata["timecode"], track.metadata["timecode"]) == (expected, expected)
            assert notes == []
    assert len(times(output)) == 10


@pytest.mark.parametrize(
    ("rate", "code", "name", "options", "reason"),
    [
        (25, "01:00:00:10", "out.webm", {}, ".webm is written without one"),
        (25, "01:00:00:10", "out.mov", {"time_scale": Fraction(2), "audio": "drop"}, "slowed or trimmed"),
        (Fraction(60000, 1001), "01:00:00;10", "out.mov", {}, "it cannot count 120 frames per second"),
        (150, "01:00:00:10", "out.mp4", {}, "it cannot count 300 frames per second"),
    ],
)
def test_a_time_code_that_does_not_hold_is_left_out_with_a_sentence(
    tmp_path: Path, rate: Fraction | int, code: str, name: str, options: dict[str, Any], reason: str
) -> None:
    origin, output = with_timecode(tmp_path / "in.mov", code, rate), tmp_path / name
    (note,) = double(origin, output, **options)
    assert note.startswith("The time code 01:00:00")
    assert reason in note
    assert len(times(output)) == 10


@pytest.mark.parametrize("suffix", ["mov", "mp4"])
def test_a_track_that_the_whole_file_is_refused_with_costs_itself_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    # Alone the track is accepted by .mov, beside frames it is not.
    monkeypatch.setattr(planning, "is_timecode", lambda _: False)
    origin, output = with_timecode(tmp_path / "in.mov", "01:00:00:10"), tmp_path / f"out.{suffix}"
    notes = double(origin, output)
    assert notes[0].startswith("The data stream 1 (unknown, eng) was left out")
    assert len(notes) == 1 + OLD_PYAV  # the time code is written in a track of its own
    assert len(times(output)) == 10


def test_telemetry_beside_chapters_is_kept(tmp_path: Path) -> None:
    plain, origin, output = tmp_path / "plain.mov", tmp_path / "in.mov", tmp_path / "out.mov"
    chapter: Any = {"id": 1, "start": 0, "end": 1, "time_base": Fraction(1), "metadata": {"title": "all"}}
    with av.open(str(plain), "w") as container:
        video: Any = container.add_stream("libx264", rate=25, width=WIDTH, height=HEIGHT)
        video.metadata["timecode"] = "01:00:00:00"
        container.set_chapters([chapter])
        for number in range(25):
            frame = numbered_frame(number)
            frame.pts = number
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
    origin.write_bytes(plain.read_bytes().replace(b"tmcd", b"gpmd"))  # an action camera's track
    first = tmp_path / "first.mov"
    assert double(origin, first) == []
    assert double(first, output) == []
    contents = []
    for path in (origin, first, output):
        with av.open(str(path)) as container:
            assert len(container.chapters()) == 1
            telemetry = next(stream for stream in container.streams if stream.type == "data")
            assert telemetry.discard != Discard.all  # as the text of the chapters would be
            contents.append([bytes(packet) for packet in container.demux(telemetry) if packet.size])
    assert contents[0] == contents[1] == contents[2] != []


def test_what_phones_write_of_place_and_maker_is_kept(tmp_path: Path) -> None:
    origin, keys = tmp_path / "in.mov", {"com.apple.quicktime.make": "Apple", "title": "Holiday"}
    options = {"movflags": "use_metadata_tags"}
    with av.open(str(make_source(tmp_path / "plain.mp4"))) as clip, av.open(
        str(origin), "w", container_options=options
    ) as container:  # fmt: skip
        container.metadata.update(keys)
        targets = [container.add_stream_from_template(stream, opaque=True) for stream in clip.streams]
        for packet in clip.demux():
            if packet.size:
                packet.stream = targets[packet.stream_index]
                container.mux(packet)
    for suffix in ("mov", "mp4", "mkv"):
        assert double(origin, tmp_path / f"out.{suffix}") == []
        with av.open(str(tmp_path / f"out.{suffix}")) as container:
            found = {key.lower(): value for key, value in container.metadata.items()}
        assert {key: found[key] for key in keys} == keys


def plan(index: int, kind: str) -> StreamPlan:
    return StreamPlan(index, kind, f"{kind} stream {index}", Treatment.COPY)


@pytest.mark.parametrize(
    ("at_fault", "left_out"), [(set(), set()), ({3}, {3}), ({1, 4}, {1, 4}), ({1, 2, 3, 4}, {1, 2, 3, 4})]
)
def test_only_the_streams_at_fault_are_left_out(at_fault: set[int], left_out: set[int]) -> None:
    plans = [plan(1, "audio"), plan(2, "subtitle"), plan(3, "data"), plan(4, "video")]

    def fits(tried: list[StreamPlan]) -> bool:
        return not at_fault & {one.index for one in tried if one.written}

    settled = planning.settled(plans, fits, ".mov refuses it")
    assert settled is not None
    assert {one.index for one in settled if not one.written} == left_out
    assert all(one.note is not None for one in settled if one.index in left_out)


def test_of_two_that_do_not_go_together_the_less_needed_is_left_out() -> None:
    plans = [plan(1, "audio"), plan(2, "data")]
    settled = planning.settled(plans, lambda tried: sum(one.written for one in tried) < 2, "it is full")
    assert settled is not None
    assert [one.index for one in settled if not one.written] == [2]


def test_frames_that_no_header_takes_are_refused_before_any_is_computed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mux, "_header_fits", lambda *_: False)
    with pytest.raises(OutputError, match=r"A \.mp4 file cannot hold h264 in yuv420p"):
        open_sink(tmp_path / "out.mp4", source(), SinkOptions())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [ValueError("odd"), PatchWelcomeError(0x45574150, "odd")])
def test_a_refusal_while_packets_are_written_costs_one_stream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def breaking(*_: object) -> Iterator[Any]:
        raise error
        yield

    monkeypatch.setattr(copying, "encoded_packets", breaking)
    origin = make_source(tmp_path / "in.mkv", extras=True)
    notes = double(origin, tmp_path / "out.mkv", audio="stretch", time_scale=Fraction(2))
    assert [note.split(":")[0] for note in notes] == [
        "The audio stream 1 (aac, deu) was left out", "The audio stream 2 (aac, fra) was left out",
    ]  # fmt: skip
    with av.open(str(tmp_path / "out.mkv")) as container:
        assert [stream.type for stream in container.streams] == ["video", "subtitle", "attachment"]
    assert len(times(tmp_path / "out.mkv")) == 96


def test_a_full_disk_is_no_refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> list[str]:
        raise FFmpegError(28, "No space left on device", "out.mkv")

    monkeypatch.setattr(mux, "_join", full)
    origin = make_source(tmp_path / "in.mkv")
    with pytest.raises(OutputError):
        double(origin, tmp_path / "out.mkv")


def test_the_trailer_is_tried_again_without_a_stream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = mux._join, []

    def refusing(target: Path, store: Any, assembly: Any, plans: list[StreamPlan]) -> list[str]:
        calls.append([one.kind for one in plans if one.written])
        if "subtitle" in calls[-1]:
            raise ArgumentError(22, "Invalid argument")
        return real(target, store, assembly, plans)

    monkeypatch.setattr(mux, "_join", refusing)
    notes = double(make_source(tmp_path / "in.mkv", extras=True), tmp_path / "out.mkv")
    assert calls[-1] == ["audio", "audio"]
    assert [note.split(" (")[0] for note in notes] == ["The subtitle stream 3", "The attachment stream 4"]


def test_the_remedy_for_a_lost_pixel_shape_fits_the_kind_of_file(tmp_path: Path) -> None:
    origin = source(sample_aspect_ratio=Fraction(4, 3))
    (note,) = write_all(tmp_path / "out.webm", origin, frames([native_frame(0), native_frame(1)]))
    assert "an .mp4 keeps it" in note


def test_a_name_with_a_colon_keeps_its_sound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_source(tmp_path / "plain.mp4", extras=False).rename("Re:Zero 100%d.mp4")
    for output in (Path("12:30.mkv"), Path("out:put's [x]|y.mp4")):
        assert double(Path("Re:Zero 100%d.mp4"), output) == []
        with av.open(f"file:{output}") as container:
            assert len(container.streams.audio) == 1


def with_captions(path: Path) -> Path:
    """A bare stream of H.264 with closed captions (CTA-708, in an SEI message) before every frame."""
    plain = write_video(path.with_name("plain.mp4"), 4, options={"preset": "ultrafast"})
    captions = b"\xb5\x00\x31GA94\x03\xc1\xff\xfc\x94\x20\xff"
    message = b"\0\0\0\1\x06\x04" + bytes([len(captions)]) + captions + b"\x80"
    with av.open(str(plain)) as clip:
        bare = av.BitStreamFilterContext("h264_mp4toannexb", clip.streams.video[0])
        packets = [packet for packet in clip.demux(video=0) if packet.size]
        content = b"".join(message + bytes(out) for packet in packets for out in bare.filter(packet))
    path.write_bytes(content)
    return path


def captions(path: Path) -> list[bool]:
    """Of every frame whether it has closed captions."""
    with av.open(str(path)) as container:
        return [
            any(entry.type.name == "A53_CC" for entry in frame.side_data)  # type: ignore[attr-defined]
            for frame in container.decode(video=0)
        ]


@pytest.mark.parametrize(
    ("codec", "kept"), [("h264", True), ("hevc", True), ("vp9", False), ("av1", False), ("ffv1", False)]
)
def test_closed_captions_are_kept_or_named(tmp_path: Path, codec: str, kept: bool) -> None:
    origin, output = with_captions(tmp_path / "in.h264"), tmp_path / "out.mkv"
    assert all(captions(origin))
    notes = double(origin, output, codec=codec)
    assert any(captions(output)) == kept
    assert [note for note in notes if "closed captions" in note] == ([] if kept else notes)
