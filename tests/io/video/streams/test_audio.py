"""Slow motion lengthens audio by exactly its factor and keeps its pitch."""

from __future__ import annotations

from fractions import Fraction
from math import prod
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tests.io.video.streams.test_copying import RATE, double, make_source
from vfi.io.video.streams import audio
from vfi.io.video.streams.audio import tempo_stages
from vfi.io.video.timestamps import Timeline

AAC_FRAME = Fraction(1024, RATE)
TONE = 0.05 * RATE / (2 * np.pi)  # hertz, of the sources in test_streams


def sound(path: Path) -> tuple[Fraction, np.ndarray]:
    """Time of the first sample, and all samples ``[N]`` of the first channel."""
    parts, first = [], None
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            if first is None and frame.pts is not None:
                first = frame.pts * frame.time_base
            parts.append(frame.to_ndarray()[0])
    assert first is not None
    return first, np.concatenate(parts)


def pitch(samples: np.ndarray) -> float:
    """The strongest frequency in hertz."""
    middle = samples[len(samples) // 4 : -len(samples) // 4]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    return float(spectrum.argmax() * RATE / len(middle))


@pytest.mark.parametrize(
    ("suffix", "scale"),
    [("mp4", Fraction(2)), ("mkv", Fraction(5, 2)), ("webm", Fraction(4)), ("mp4", Fraction(1, 3))],
)
def test_length_is_exact_and_pitch_is_kept(tmp_path: Path, suffix: str, scale: Fraction) -> None:
    origin, output = make_source(tmp_path / "in.mkv"), tmp_path / f"out.{suffix}"
    assert double(origin, output, time_scale=scale, audio="stretch") == []
    start, samples = sound(output)
    assert abs(start) <= Fraction(1, 1000)
    assert abs(Fraction(len(samples), RATE) - 2 * scale) <= AAC_FRAME
    assert pitch(samples) == pytest.approx(TONE, rel=0.01)
    with av.open(str(output)) as container:
        assert container.streams.audio[0].codec_context.name == ("opus" if suffix == "webm" else "aac")
        assert container.streams.audio[0].language == "deu"


def test_padding_of_the_last_packet_is_not_slowed(tmp_path: Path) -> None:
    origin, output = make_source(tmp_path / "in.mp4"), tmp_path / "out.mp4"
    double(origin, output, time_scale=Fraction(8), audio="stretch")
    with av.open(str(output)) as container:
        stream = container.streams.audio[0]
        assert stream.duration is not None
        assert stream.time_base is not None
        assert stream.duration * stream.time_base == 16


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_a_slowed_click_stays_with_its_frame(tmp_path: Path, suffix: str) -> None:
    origin, output = make_source(tmp_path / "in.mp4", click=RATE + RATE // 2), tmp_path / f"out.{suffix}"
    double(origin, output, time_scale=Fraction(2), audio="stretch")
    start, samples = sound(output)
    place = start + Fraction(int(np.abs(samples).argmax()), RATE)
    assert abs(place - 3) < Fraction(1, 20)  # atempo works in parts of about that length


@pytest.mark.parametrize("suffix", ["mp4", "webm"])
def test_surround_sound_of_another_rate(tmp_path: Path, suffix: str) -> None:
    clip, origin = make_source(tmp_path / "clip.mkv"), tmp_path / "in.mkv"
    with av.open(str(clip)) as film, av.open(str(origin), "w") as container:
        video = container.add_stream_from_template(film.streams.video[0], opaque=True)
        surround: Any = container.add_stream("pcm_s16le", rate=44_100, layout="5.1(side)")
        for packet in film.demux(video=0):
            if packet.size:
                packet.stream = video
                container.mux(packet)
        samples = np.tile(np.sin(np.arange(44_100) * 0.05), (6, 1)) * 8000
        frame = av.AudioFrame.from_ndarray(samples.astype(np.int16), "s16p", "5.1(side)")
        frame.sample_rate, frame.pts = 44_100, 0
        container.mux([*surround.encode(frame), *surround.encode(None)])
    output = tmp_path / f"out.{suffix}"
    assert double(origin, output, time_scale=Fraction(2), audio="stretch") == []
    with av.open(str(output)) as container:
        assert container.streams.audio[0].codec_context.channels == 6
        frames = list(container.decode(audio=0))
    length = sum(Fraction(frame.samples, frame.sample_rate) for frame in frames)
    assert abs(length - 2) <= AAC_FRAME


def test_a_trimmed_part_is_slowed_from_its_first_sample(tmp_path: Path) -> None:
    origin, output = make_source(tmp_path / "in.mp4"), tmp_path / "out.mp4"
    double(origin, output, time_scale=Fraction(2), audio="stretch", start=Fraction(1, 2), end=Fraction(5, 4))
    start, samples = sound(output)
    assert abs(start) <= Fraction(1, RATE)
    assert abs(Fraction(len(samples), RATE) - Fraction(3, 2)) <= AAC_FRAME


def test_audio_at_the_original_speed_is_copied(tmp_path: Path) -> None:
    origin, output = make_source(tmp_path / "in.mp4"), tmp_path / "out.mp4"
    double(origin, output, audio="stretch")
    with av.open(str(origin)) as before, av.open(str(output)) as after:
        contents = [[bytes(p) for p in c.demux(audio=0) if p.size] for c in (before, after)]
    assert contents[0] == contents[1]


def test_gaps_become_silence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = [(Fraction(1, 4), 1000), (Fraction(1, 2), 500)]

    def decoded(*_: object) -> list[tuple[Fraction, np.ndarray]]:
        return [(time, np.ones((1, count), np.float32)) for time, count in parts]

    monkeypatch.setattr(audio, "_decoded", decoded)
    with av.open(str(tmp_path / "unused.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=RATE, layout="mono")
        assert isinstance(stream, av.AudioStream)
        target = audio.SoundTarget(stream, RATE, "mono")
        placed = list(audio._placed_samples(tmp_path, 0, target, Timeline(), ()))
    assert placed[0][0] == Fraction(1, 4)
    joined = np.concatenate([samples for _, samples in placed], axis=1)[0]
    assert len(joined) == RATE // 4 + 500
    assert joined.sum() == 1500
    assert (joined[:1000] == 1).all()
    assert (joined[-500:] == 1).all()


@pytest.mark.parametrize(
    "tempo", [Fraction(1, 8), Fraction(1, 3), Fraction(2, 5), Fraction(1), Fraction(7, 2), Fraction(9)]
)
def test_stages_multiply_to_the_tempo(tempo: Fraction) -> None:
    stages = tempo_stages(tempo)
    assert prod(stages, start=Fraction(1)) == tempo
    assert all(Fraction(1, 2) <= stage <= 2 for stage in stages)


def video_with_audio(path: Path, codec: str, samples: np.ndarray, *, chapters: bool = False) -> Path:
    """A clip of one second whose sound ``[N]`` int16 is encoded by a codec."""
    rate = 44_100
    with av.open(str(path), "w") as container:
        if chapters:
            whole: Any = {
                "id": 1,
                "start": 0,
                "end": 1,
                "time_base": Fraction(1),
                "metadata": {"title": "all"},
            }
            container.set_chapters([whole])
        video: Any = container.add_stream("mpeg4", rate=24, width=32, height=32)
        video.pix_fmt = "yuv420p"
        track: Any = container.add_stream(codec, rate=rate, layout="mono")
        if codec == "wmav2":
            track.bit_rate = 96_000
        for number in range(24):
            frame = av.VideoFrame.from_ndarray(np.full((48, 32), 9 * number, np.uint8), "yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 24)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        frame = av.AudioFrame.from_ndarray(samples[None], "s16p", "mono")
        frame.sample_rate, frame.pts = rate, 0
        container.mux([*track.encode(frame), *track.encode(None)])
    return path


WAVE = (np.sin(np.arange(44_100) * 0.05) * 8000).astype(np.int16)


@pytest.mark.parametrize("codec", ["wmav2", "pcm_mulaw", "pcm_alaw", "adpcm_ms", "adpcm_ima_wav", "mp2"])
def test_mkv_copies_what_its_muxer_takes(tmp_path: Path, codec: str) -> None:
    origin = video_with_audio(tmp_path / "in.avi", codec, WAVE)
    output = tmp_path / "it's [odd] | out.mkv"
    assert double(origin, output) == []
    with av.open(str(origin)) as before, av.open(str(output)) as after:
        assert after.streams.audio[0].codec_context.name == before.streams.audio[0].codec_context.name
        contents = [[bytes(p) for p in c.demux(audio=0) if p.size] for c in (before, after)]
    assert contents[0] == contents[1]


def test_chapters_are_worth_more_than_the_codec_of_the_sound(tmp_path: Path) -> None:
    origin = video_with_audio(tmp_path / "in.nut", "wmav2", WAVE, chapters=True)
    (note,) = double(origin, tmp_path / "out.mkv")
    assert note == "The audio stream 1 (wmav2) was re-encoded: .mkv cannot hold wmav2."
    with av.open(str(tmp_path / "out.mkv")) as container:
        assert [chapter["metadata"]["title"] for chapter in container.chapters()] == ["all"]
        assert container.streams.audio[0].codec_context.name == "aac"


@pytest.mark.parametrize(
    ("codec", "suffix", "encoded"),
    [
        ("wmav2", "mp4", "aac"),
        ("wmav2", "mov", "aac"),
        ("adpcm_ms", "mov", "aac"),
        ("adpcm_ms", "webm", "opus"),
    ],
)
def test_sound_that_does_not_fit_is_re_encoded(tmp_path: Path, codec: str, suffix: str, encoded: str) -> None:
    origin, output = video_with_audio(tmp_path / "in.avi", codec, WAVE), tmp_path / f"out.{suffix}"
    (note,) = double(origin, output)
    assert note == f"The audio stream 1 ({codec}) was re-encoded: .{suffix} cannot hold {codec}."
    with av.open(str(output)) as container:
        assert container.streams.audio[0].codec_context.name == encoded
        rate = container.streams.audio[0].codec_context.sample_rate
    start, samples = sound(output)
    assert abs(start - sound(origin)[0]) <= Fraction(1100, 44_100)  # what primes AAC's decoder
    assert abs(len(samples) / rate - 1) < 0.1
    middle = samples[len(samples) // 4 : len(samples) // 2]
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(8000 / 32768 / np.sqrt(2), rel=0.05)


def test_packed_pcm_becomes_plain_pcm_without_loss(tmp_path: Path) -> None:
    origin, output = video_with_audio(tmp_path / "in.avi", "pcm_mulaw", WAVE), tmp_path / "out.mp4"
    (note,) = double(origin, output)
    assert "was re-encoded" in note
    with av.open(str(output)) as container:
        assert container.streams.audio[0].codec_context.name == "pcm_s16le"
    assert (sound(output)[1] == sound(origin)[1]).all()


def with_changing_sound(path: Path) -> Path:
    """A broadcast whose second half has another sample rate and one channel instead of two."""
    with av.open(str(path), "w", format="mpegts") as container:
        video: Any = container.add_stream("libx264", rate=25, width=32, height=32)
        track = container.add_mux_stream("mp2", rate=48_000)
        track.time_base = Fraction(1, 90_000)
        for number in range(50):
            frame = av.VideoFrame.from_ndarray(np.full((48, 32), 4 * number, np.uint8), "yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        for begin, rate, layout in ((0, 48_000, "stereo"), (1, 44_100, "mono")):
            encoder: Any = av.CodecContext.create("mp2", "w")
            encoder.sample_rate, encoder.layout, encoder.format = rate, layout, "s16"
            encoder.time_base, encoder.bit_rate = Fraction(1, rate), 128_000
            channels = 2 if layout == "stereo" else 1
            wave = (np.sin(np.arange(rate) / rate * 2 * np.pi * TONE) * 8000).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(np.repeat(wave, channels)[None], "s16", layout)
            frame.sample_rate, frame.pts = rate, 0
            for packet in [*encoder.encode(frame), *encoder.encode(None)]:
                packet.pts = packet.dts = round((packet.pts * packet.time_base + begin) * 90_000)
                packet.duration, packet.time_base, packet.stream = 2160, track.time_base, track
                container.mux(packet)
    return path


def test_slow_motion_survives_a_change_of_the_sounds_format(tmp_path: Path) -> None:
    origin, output = with_changing_sound(tmp_path / "in.ts"), tmp_path / "out.mkv"
    assert double(origin, output, time_scale=Fraction(2), audio="stretch") == []
    _, samples = sound(output)
    assert abs(len(samples) / RATE - 4) < 0.15
    for half in (samples[: len(samples) // 2], samples[len(samples) // 2 :]):
        assert pitch(half) == pytest.approx(TONE, rel=0.01)
