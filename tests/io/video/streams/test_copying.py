"""What a source holds beside its frames reaches the output, at its place in time."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.stream import Disposition
from PIL import Image

from tests.support.outputs import frames, native_frame, source, times, write_all
from vfi.io.frames import OutputFrame
from vfi.io.open import open_source
from vfi.io.pixels.picture import Picture

RATE = 48_000
SECONDS = 2


def tone(start: int, count: int, click: int | None = None) -> np.ndarray:
    """Samples ``[1, count]`` of a quiet tone, with one loud sample at ``click``."""
    positions = np.arange(start, start + count)
    samples = 0.05 * np.sin(positions * 0.05)
    if click is not None:
        samples = np.where(np.abs(positions - click) < 2, 0.95, samples * 0)
    return samples.astype(np.float32)[None]


def mux_sound(
    container: Any, stream: Any, seconds: Fraction, click: int | None = None, rate: int = RATE
) -> None:
    total, step = int(seconds * rate), 1024
    for start in range(0, total, step):
        samples = tone(start, min(step, total - start), click)
        frame = av.AudioFrame.from_ndarray(samples, "fltp", "mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def make_source(
    path: Path, *, sound: str = "aac", click: int | None = None, seconds: int = SECONDS, extras: bool = False
) -> Path:
    """A clip at 24 frames per second; with ``extras``: two languages, subtitles, a font, chapters, names."""
    with av.open(str(path), "w") as container:
        video: Any = container.add_stream("libx264", rate=24, width=32, height=32)
        video.pix_fmt = "yuv420p"
        video.metadata["language"] = "jpn"
        tracks: list[Any] = [container.add_stream(sound, rate=RATE, layout="mono")]
        tracks[0].metadata.update({"language": "deu", "title": "Ton"})
        subtitle: Any = None
        if extras:
            tracks.append(container.add_stream(sound, rate=RATE, layout="mono"))
            tracks[1].metadata["language"] = "fra"
            subtitle = container.add_mux_stream("subrip")
            subtitle.time_base = Fraction(1, 1000)
            subtitle.metadata["language"] = "eng"
            container.add_attachment("font.ttf", "font/ttf", b"\0\1\0\0 not really a font")
            container.metadata["title"] = "„Über“ 日本"
            container.set_chapters(
                [
                    {
                        "id": number + 1,
                        "start": number * 1000,
                        "end": number * 1000 + 1000,
                        "time_base": Fraction(1, 1000),
                        "metadata": {"title": name},
                    }
                    for number, name in enumerate(("one", "two"))
                ]
            )
        for number in range(24 * seconds):
            level = 235 if click is not None and number == click * 24 // RATE else 16
            frame = av.VideoFrame.from_ndarray(np.full((48, 32), level, np.uint8), "yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 24)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        for track in tracks:
            mux_sound(container, track, Fraction(seconds), click)
        for start in (100, 1200) if extras else ():
            packet = av.Packet(f"line at {start}".encode())
            packet.stream, packet.time_base = subtitle, Fraction(1, 1000)
            packet.pts = packet.dts = start
            packet.duration = 500
            container.mux(packet)
    return path


def double(path: Path, output: Path, **options: Any) -> list[str]:
    """Write every frame of ``path`` twice, as an interpolation would, with all other streams."""
    start, end = options.get("start"), options.get("end")
    scale = options.get("time_scale", Fraction(1))
    with open_source(path, start=start, end=end) as origin:
        assert origin.info.rate is not None
        output_frames = []
        for frame in origin:
            for half in (0, 1):
                time = (frame.time + frame.duration * half / 2 - (start or 0)) * scale
                index = len(output_frames)
                image = frame.image
                output_frames.append(OutputFrame(index, time, frame.duration / 2 * scale, image, str(index)))
        return write_all(output, origin, output_frames, rate=origin.info.rate * 2 / scale, **options)


def packets(path: Path, kind: str, number: int = 0) -> list[tuple[Fraction, Fraction, bytes]]:
    """(time, duration, content) of all packets of a stream."""
    with av.open(str(path)) as container:
        stream = [stream for stream in container.streams if stream.type == kind][number]
        unit = stream.time_base
        assert unit is not None
        return [
            (packet.pts * unit, (packet.duration or 0) * unit, bytes(packet))
            for packet in container.demux(stream)
            if packet.size and packet.pts is not None
        ]


def limits(chapter: Any) -> tuple[Fraction, Fraction]:
    """Start and end of a chapter in seconds."""
    return chapter["start"] * chapter["time_base"], chapter["end"] * chapter["time_base"]


def test_mkv_keeps_everything(tmp_path: Path) -> None:
    origin, output = make_source(tmp_path / "in.mkv", extras=True), tmp_path / "out.mkv"
    assert double(origin, output) == []
    with av.open(str(origin)) as before, av.open(str(output)) as after:
        for one, other in zip(before.streams, after.streams, strict=True):
            assert (one.type, one.language, one.metadata.get("title")) == (
                other.type, other.language, other.metadata.get("title"),
            )  # fmt: skip
            assert one.disposition == other.disposition
        assert after.metadata["title"] == "„Über“ 日本"
        assert before.chapters() == after.chapters()
        assert after.streams.attachments[0].data == before.streams.attachments[0].data
        assert after.streams.video[0].average_rate == 48
    for kind, number in (("audio", 0), ("audio", 1), ("subtitle", 0)):
        assert packets(origin, kind, number) == packets(output, kind, number)
    assert len(times(output)) == 24 * SECONDS * 2


def test_mp4_names_what_it_cannot_take_and_keeps_the_rest(tmp_path: Path) -> None:
    origin, output = make_source(tmp_path / "in.mkv", extras=True), tmp_path / "out.mp4"
    notes = double(origin, output)
    assert [note.split(" was ")[0] for note in notes] == [
        "The subtitle stream 3 (srt, eng)", "The attachment stream 4 (font.ttf)",
    ]  # fmt: skip
    assert "converted to mov_text" in notes[0]
    assert ".mkv" in notes[1]
    assert [(time, length) for time, length, content in packets(output, "subtitle") if len(content) > 2] == [
        (Fraction(1, 10), Fraction(1, 2)), (Fraction(6, 5), Fraction(1, 2)),
    ]  # fmt: skip
    with av.open(str(output)) as container:
        assert [stream.language for stream in container.streams.audio] == ["deu", "fra"]
        assert container.metadata["title"] == "„Über“ 日本"
        chapters = container.chapters()
        assert [(chapter["metadata"]["title"]) for chapter in chapters] == ["one", "two"]
        assert [limits(chapter) for chapter in chapters] == [(0, 1), (1, 2)]
    contents = [content for _, _, content in packets(output, "audio", 1)]
    assert contents == [content for _, _, content in packets(origin, "audio", 1)]


def test_webm_gets_foreign_sound_and_text_in_its_own_codecs_and_takes_opus(tmp_path: Path) -> None:
    notes = double(make_source(tmp_path / "aac.mkv", extras=True), tmp_path / "aac.webm")
    words = [
        "audio stream 1 (aac, deu) was re-encoded",
        "audio stream 2",
        "converted to webvtt",
        "attachment",
    ]
    assert all(word in note for word, note in zip(words, notes, strict=True))
    with av.open(str(tmp_path / "aac.webm")) as container:
        names = [(stream.codec_context.name, stream.language) for stream in container.streams][1:]
    assert names == [("opus", "deu"), ("opus", "fra"), ("webvtt", "eng")]
    origin = make_source(tmp_path / "opus.mkv", sound="libopus")
    assert double(origin, tmp_path / "opus.webm") == []
    assert packets(origin, "audio") == packets(tmp_path / "opus.webm", "audio")


def test_mp4_to_mp4_keeps_sound_to_the_sample(tmp_path: Path) -> None:
    origin, output = make_source(tmp_path / "in.mp4"), tmp_path / "out.mp4"
    assert double(origin, output) == []
    before = packets(origin, "audio")
    assert before[0][0] == Fraction(-1024, RATE)  # the encoder's delay, cut off by an edit list
    assert before == packets(output, "audio")


def test_the_title_of_a_stream_survives_mp4_twice(tmp_path: Path) -> None:
    first, second = tmp_path / "first.mp4", tmp_path / "second.mp4"
    double(make_source(tmp_path / "in.mkv"), first)
    double(first, second)
    with av.open(str(second)) as container:
        assert container.streams.audio[0].metadata["name"] == "Ton"


def test_dropped_sound_is_not_there(tmp_path: Path) -> None:
    assert double(make_source(tmp_path / "in.mkv"), tmp_path / "out.mp4", audio="drop") == []
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert not container.streams.audio


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_trimming_cuts_and_moves_everything(tmp_path: Path, suffix: str) -> None:
    origin, output = make_source(tmp_path / "in.mkv", extras=True), tmp_path / f"out.{suffix}"
    double(origin, output, start=Fraction(1, 2), end=Fraction(3, 2))
    assert times(output)[0] == 0
    assert len(times(output)) == 48
    sound = packets(output, "audio")
    assert Fraction(-22, 1000) < sound[0][0] <= 0
    assert Fraction(97, 100) < sound[-1][0] < 1
    kept = [content for time, length, content in packets(origin, "audio") if time + length > Fraction(1, 2)]
    assert [content for _, _, content in sound] == kept[: len(sound)]
    with av.open(str(output)) as container:
        found = [(chapter["metadata"]["title"], *limits(chapter)) for chapter in container.chapters()]
    assert found == [("one", 0, Fraction(1, 2)), ("two", Fraction(1, 2), 1)]
    if suffix == "mkv":
        shown = [(time, length) for time, length, _ in packets(output, "subtitle")]
        assert shown == [(0, Fraction(1, 10)), (Fraction(7, 10), Fraction(3, 10))]


def test_slow_motion_moves_subtitles_and_chapters(tmp_path: Path) -> None:
    origin, output = make_source(tmp_path / "in.mkv", extras=True), tmp_path / "out.mkv"
    double(origin, output, time_scale=Fraction(5, 2), audio="drop")
    shown = [(time, length) for time, length, _ in packets(output, "subtitle")]
    assert shown == [(Fraction(1, 4), Fraction(5, 4)), (3, Fraction(5, 4))]
    with av.open(str(output)) as container:
        ends = [limits(chapter)[1] for chapter in container.chapters()]
    assert ends == [Fraction(5, 2), 5]


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "mov"])
def test_covers_are_kept_or_named(tmp_path: Path, suffix: str) -> None:
    plain, origin = make_source(tmp_path / "plain.mp4"), tmp_path / "in.mp4"
    cover = tmp_path / "cover.png"
    Image.fromarray(np.full((8, 8, 3), 200, np.uint8)).save(cover)
    with av.open(str(plain)) as clip, av.open(str(cover)) as art, av.open(str(origin), "w") as container:
        targets = {stream: container.add_stream_from_template(stream, opaque=True) for stream in clip.streams}
        image = container.add_stream_from_template(art.streams.video[0], opaque=True)
        image.disposition = Disposition.attached_pic
        for packet in clip.demux():
            if packet.size:
                packet.stream = targets[packet.stream]
                container.mux(packet)
        packet = next(art.demux())
        packet.stream = image
        container.mux(packet)
    output = tmp_path / f"out.{suffix}"
    notes = double(origin, output)
    with av.open(str(output)) as container:
        arts = [s for s in container.streams.video if s.disposition & Disposition.attached_pic]
        assert len(arts) == int(suffix != "mov")
        assert len(notes) == int(suffix == "mov")
        assert len([s for s in container.streams if s.type == "audio"]) == 1


def loudest(path: Path) -> Fraction:
    """Time of the loudest sample of the sound near the end."""
    best, place = 0.0, Fraction(0)
    with av.open(str(path)) as container:
        assert container.duration is not None
        container.seek(max(0, container.duration - 8_000_000))
        for frame in container.decode(audio=0):
            samples = np.abs(frame.to_ndarray()).max(axis=0)
            if samples.max() > best and frame.pts is not None:
                best = float(samples.max())
                place = frame.pts * frame.time_base + Fraction(int(samples.argmax()), frame.sample_rate)
    return place


def brightest(path: Path) -> Fraction:
    """Time of the brightest frame near the end."""
    best, place = -1.0, Fraction(0)
    with av.open(str(path)) as container:
        assert container.duration is not None
        container.seek(max(0, container.duration - 8_000_000))
        for frame in container.decode(video=0):
            level = float(np.asarray(frame.planes[0]).mean())  # type: ignore[arg-type]  # planes are buffers
            if level > best and frame.pts is not None and frame.time_base is not None:
                best, place = level, frame.pts * frame.time_base
    return place


@pytest.mark.parametrize("before", ["mp4", "mkv"])
@pytest.mark.parametrize("after", ["mp4", "mkv"])
def test_a_click_and_a_white_frame_stay_together(tmp_path: Path, before: str, after: str) -> None:
    click = RATE + RATE // 2
    origin, output = make_source(tmp_path / f"in.{before}", click=click), tmp_path / f"out.{after}"
    assert double(origin, output) == []
    assert brightest(output) == Fraction(3, 2)
    assert abs(loudest(output) - Fraction(3, 2)) <= Fraction(1, 1000)


LONG_RATE = Fraction(500, 1001)  # frames per second: a 24000/1001 in which 47 of 48 are missing
LONG_SOUND = 8000
TEN_MINUTES, TWO_HOURS = 300, 3597  # frames


def write_long_video(path: Path, frame_count: int) -> Path:
    """Black and silence, with a white frame and a click near the end, in few packets."""
    size, unit = (16, 16), 1 / LONG_RATE
    sound_total = int(frame_count * unit * LONG_SOUND) // 1000
    click = round((frame_count - 2) * unit * LONG_SOUND)
    with av.open(str(path), "w") as container:
        video: Any = container.add_stream("ffv1", rate=LONG_RATE, width=size[0], height=size[1])
        video.pix_fmt = "yuv420p"
        video.codec_context.gop_size = 1
        sound: Any = container.add_stream("pcm_s16le", rate=LONG_SOUND, layout="mono")
        kinds = []
        for level in (16, 235):
            frame = av.VideoFrame.from_ndarray(np.full((24, 16), level, np.uint8), "yuv420p")
            frame.pts = len(kinds)
            kinds += [bytes(packet) for packet in video.encode(frame)]
        for number in range(max(frame_count, sound_total)):
            if number < frame_count:
                packet = av.Packet(kinds[int(number == frame_count - 2)])
                packet.stream, packet.time_base, packet.is_keyframe = video, unit, True
                packet.pts = packet.dts = number
                packet.duration = 1
                container.mux(packet)
            if number < sound_total:
                samples = np.zeros(1000, np.int16)
                if number == click // 1000:
                    samples[click % 1000] = 30_000
                packet = av.Packet(samples.tobytes())
                packet.stream, packet.time_base = sound, Fraction(1000, LONG_SOUND)
                packet.pts = packet.dts = number
                packet.duration = 1
                container.mux(packet)
    return path


@pytest.mark.parametrize("suffix", ["mkv", "mov"])
@pytest.mark.parametrize("frame_count", [TEN_MINUTES, pytest.param(TWO_HOURS, marks=pytest.mark.slow)])
def test_audio_stays_in_sync(tmp_path: Path, frame_count: int, suffix: str) -> None:
    origin, output = write_long_video(tmp_path / "in.mkv", frame_count), tmp_path / f"out.{suffix}"
    click_frame = frame_count - 2
    expected = click_frame / LONG_RATE
    assert abs(loudest(origin) - expected) < Fraction(1, 1000)
    black, white = (
        Picture.from_frame(av.VideoFrame.from_ndarray(np.full((24, 16), level, np.uint8), "yuv420p"))
        for level in (16, 235)
    )
    duration = 1 / LONG_RATE / 2
    output_frames = (
        OutputFrame(
            index, index * duration, duration, white if index // 2 == click_frame else black, str(index)
        )
        for index in range(2 * frame_count)
    )
    with open_source(origin) as opened:
        assert opened.info.rate == LONG_RATE
        options: dict[str, Any] = {"rate": 2 * LONG_RATE, "preset": "ultrafast", "segment_frames": 2000}
        assert write_all(output, opened, output_frames, **options) == []
    precision = Fraction(1, 1000) if suffix == "mkv" else Fraction(1, LONG_SOUND)
    assert abs(brightest(output) - expected) <= precision
    assert abs(loudest(output) - expected) <= precision
    with av.open(str(output)) as container:
        assert container.duration is not None
        assert abs(Fraction(container.duration, av.time_base) - frame_count / LONG_RATE) <= Fraction(1, 100)


def test_a_stream_that_starts_at_any_time_is_moved_to_the_sources_clock(tmp_path: Path) -> None:
    origin = tmp_path / "in.ts"
    plain = av.open(str(make_source(tmp_path / "plain.mp4")))
    delayed = av.open(str(origin), "w", container_options={"output_ts_offset": "36000"})
    with plain as clip, delayed as container:
        targets = {s.index: container.add_stream_from_template(s, opaque=True) for s in clip.streams}
        for packet in clip.demux():
            if packet.size:
                packet.stream = targets[packet.stream_index]
                container.mux(packet)
    output = tmp_path / "out.mp4"
    double(origin, output)
    with av.open(str(origin)) as container:
        assert (container.start_time or 0) > 35_000 * av.time_base
    assert times(output)[0] < 1
    assert abs(packets(output, "audio")[0][0] - times(output)[0]) < Fraction(1, 10)


def test_images_have_no_other_streams(tmp_path: Path) -> None:
    images = [native_frame(number) for number in range(2)]
    assert write_all(tmp_path / "out.mp4", source(), frames(images)) == []


def test_a_source_that_is_gone_at_the_end_costs_only_its_sound(tmp_path: Path) -> None:
    images = [native_frame(number) for number in range(2)]
    notes = write_all(tmp_path / "out.mp4", source(path=tmp_path / "gone.mp4"), frames(images))
    assert notes == [f"{tmp_path / 'gone.mp4'} is gone: its sound and other streams were left out."]
    assert len(times(tmp_path / "out.mp4")) == 2
