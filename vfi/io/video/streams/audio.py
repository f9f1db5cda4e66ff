"""Re-encodes audio: at another speed and constant pitch, or in another codec."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av import error
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.layout import AudioLayout
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.error import FFmpegError
from av.filter import Graph
from av.packet import Packet
from av.stream import Stream

from vfi.io.video import ffmpeg
from vfi.io.video.jumps import ClockJump, OtherStreamClock
from vfi.io.video.timestamps import Timeline

_ENCODERS = {"webm": "libopus"}
_ENCODER = "aac"
# Plain PCM that represents the samples of PCM variants which a container refuses, by decoded format.
_PLAIN_PCM = {"u8": "pcm_u8", "s16": "pcm_s16le", "s32": "pcm_s24le", "flt": "pcm_f32le", "dbl": "pcm_f64le"}
_OPUS_RATE = 48_000
_MOST_AAC_RATE = 96_000
_BITS_PER_CHANNEL = 96_000
_USUAL_LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}
_SEEK_MARGIN = 2  # seconds of audio to decode before the wanted part
# One stage of FFmpeg's atempo works well from half to double speed; other factors take several stages.
_SLOWEST, _FASTEST = Fraction(1, 2), Fraction(2)
# Timestamps of audio jitter; only a gap or an overlap longer than this (seconds) is a real one.
_JITTER = Fraction(1, 20)
_SAMPLE_FORMAT = "fltp"
_CHUNK = 1 << 16  # samples of silence at a time


@dataclass(frozen=True)
class SoundTarget:
    """An audio stream of the output that is encoded."""

    stream: AudioStream
    rate: int
    """Samples per second."""
    layout: str
    """FFmpeg's name of the channel layout."""

    @classmethod
    def add(cls, output: OutputContainer, source: Stream, suffix: str, *, plain: bool = False) -> SoundTarget:
        """Add a stream for the audio of ``source`` and try its encoder.

        Args:
            output: Output container, before its first packet.
            source: Audio stream of the source.
            suffix: Suffix of the container without its dot.
            plain: Whether PCM of an unsupported variant becomes plain PCM, where the container supports that.

        Raises:
            ValueError: If the encoder refuses the audio, or FFmpeg cannot decode it.
        """
        assert isinstance(source, AudioStream)
        context: AudioCodecContext | None = source.codec_context
        if context is None:
            raise ValueError("there is no decoder for this audio")
        encoder = _plain_pcm(context) if plain else None
        if encoder is not None:
            with suppress(ValueError, FFmpegError):
                return cls._added(output, encoder, context.sample_rate, context.layout)
        encoder = _ENCODERS.get(suffix, _ENCODER)
        rate = _OPUS_RATE if encoder == "libopus" else min(context.sample_rate, _MOST_AAC_RATE)
        return cls._added(output, encoder, rate, context.layout)

    @classmethod
    def _added(cls, output: OutputContainer, encoder: str, rate: int, layout: AudioLayout) -> SoundTarget:
        accepted = _accepted_layout(encoder, rate, layout)
        stream = output.add_stream(encoder, rate=rate, layout=accepted.name)
        assert isinstance(stream, AudioStream)
        if not encoder.startswith("pcm_"):
            stream.bit_rate = _BITS_PER_CHANNEL * accepted.nb_channels
        return cls(stream, rate, accepted.name)

    @property
    def channels(self) -> int:
        """Number of channels."""
        return AudioLayout(self.layout).nb_channels


def _plain_pcm(context: AudioCodecContext) -> str | None:
    """The plain PCM codec for the samples of a PCM stream; None for other codecs."""
    if not context.name.startswith("pcm_") or context.format is None:
        return None
    return _PLAIN_PCM.get(context.format.name.removesuffix("p"))


def encoded_packets(
    path: Path, index: int, target: SoundTarget, timeline: Timeline, jumps: Sequence[ClockJump] = ()
) -> Iterator[tuple[Fraction, Packet]]:
    """Packets of one audio stream that is decoded, brought to the timeline's speed, and encoded.

    The result has exactly ``timeline.scale`` times as many samples as the part of the source that the
    timeline covers; gaps in the source's timestamps are filled with silence.

    Args:
        path: Source file.
        index: Number of the audio stream in the source.
        target: Output stream that is encoded.
        timeline: Part of the source that is used, and its speed.
        jumps: Jumps of the source's clock, in reading order.

    Yields:
        Tuples (decoding time in the output in seconds, packet).
    """
    unit = Fraction(1, target.rate)
    count = None
    for first, samples in _time_stretched(
        _placed_samples(path, index, target, timeline, jumps), target, timeline
    ):
        count = round(first * target.rate) if count is None else count
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(samples), _SAMPLE_FORMAT, target.layout)
        frame.sample_rate, frame.pts, frame.time_base = target.rate, count, unit
        count += samples.shape[1]
        yield from _timed(target.stream.encode(frame))
    if count is not None:
        yield from _timed(target.stream.encode(None))


def tempo_stages(tempo: Fraction) -> list[Fraction]:
    """Factors, each within the range of one atempo stage, whose product is ``tempo``."""
    stages = []
    while tempo < _SLOWEST:
        stages.append(_SLOWEST)
        tempo /= _SLOWEST
    while tempo > _FASTEST:
        stages.append(_FASTEST)
        tempo /= _FASTEST
    return [*stages, tempo]


def _accepted_layout(encoder: str, rate: int, layout: AudioLayout) -> AudioLayout:
    """The layout itself, the usual one of as many channels, or stereo: the first that the encoder accepts.

    Raises:
        ValueError: If the encoder accepts none of them.
    """
    usual = _USUAL_LAYOUTS.get(layout.nb_channels, "stereo")
    for candidate in (layout, AudioLayout(usual), AudioLayout("stereo")):
        try:
            _try_encoder(encoder, rate, candidate.name)
        except (ValueError, FFmpegError):
            continue
        return candidate
    raise ValueError(f"{encoder} accepts no audio at {rate} Hz")


def _try_encoder(name: str, rate: int, layout: str) -> None:
    """Open and discard an encoder, so that it can refuse before the output has a stream for it."""
    context = av.CodecContext.create(name, "w")
    assert isinstance(context, av.AudioCodecContext)
    context.sample_rate, context.layout = rate, layout
    formats = context.codec.audio_formats
    assert formats
    context.format = formats[0]
    context.time_base = Fraction(1, rate)
    context.open()


def _timed(packets: list[Packet]) -> Iterator[tuple[Fraction, Packet]]:
    for packet in packets:
        assert packet.dts is not None
        assert packet.time_base is not None
        yield packet.dts * packet.time_base, packet


def _placed_samples(
    path: Path, index: int, target: SoundTarget, timeline: Timeline, jumps: Sequence[ClockJump]
) -> Iterator[tuple[Fraction, np.ndarray]]:
    """Decoded samples ``[C, N]`` float32 with their source time, gapless, cut to the timeline's range."""
    expected: Fraction | None = None
    for container_time, samples in _decoded(path, index, target, timeline, jumps):
        time = container_time - timeline.zero
        tolerance = _JITTER
        if expected is None:
            expected = time if timeline.begin is None else max(time, timeline.begin)
            tolerance = Fraction(0)
        if time - expected > tolerance:
            for silence in _silence(round((time - expected) * target.rate), len(samples)):
                yield expected, silence
                expected += Fraction(silence.shape[1], target.rate)
        elif expected - time > tolerance:
            samples = samples[:, round((expected - time) * target.rate) :]
        if timeline.end is not None:
            samples = samples[:, : max(0, round((timeline.end - expected) * target.rate))]
        if samples.shape[1]:
            yield expected, samples
            expected += Fraction(samples.shape[1], target.rate)
        elif timeline.end is not None and time >= timeline.end:
            return


def _silence(count: int, channels: int) -> Iterator[np.ndarray]:
    for done in range(0, count, _CHUNK):
        yield np.zeros((channels, min(_CHUNK, count - done)), np.float32)


class _Resampler:
    """Converts the frames of one stream, each of any format, to the target's rate and layout."""

    def __init__(self, target: SoundTarget) -> None:
        self._target = target
        self._resampler: AudioResampler | None = None
        self._setup: tuple[str, str, int] | None = None

    def resample(self, frame: AudioFrame | None) -> list[AudioFrame]:
        """The resampled frame (None: the stream ends), after the remaining samples of another format."""
        if frame is None:
            return self._resampler.resample(None) if self._resampler is not None else []
        setup = frame.format.name, frame.layout.name, frame.sample_rate
        left: list[AudioFrame] = []
        if self._resampler is None or setup != self._setup:  # broadcasts change from stereo to 5.1 and back
            left = self.resample(None)
            target = self._target
            self._resampler = AudioResampler(format=_SAMPLE_FORMAT, layout=target.layout, rate=target.rate)
            self._setup = setup
        return [*left, *self._resampler.resample(frame)]


def _decoded(
    path: Path, index: int, target: SoundTarget, timeline: Timeline, jumps: Sequence[ClockJump]
) -> Iterator[tuple[Fraction, np.ndarray]]:
    """(container time, samples ``[C, N]``) of a stream; ends where the source is damaged.

    The last packet of a stream may state a shorter duration than that of its decoded samples: the surplus is
    left out.
    """
    time = Fraction(0)
    end: Fraction | None = None
    last: list[tuple[Fraction, np.ndarray]] = []
    resampler, clock = _Resampler(target), OtherStreamClock(jumps)
    with ffmpeg.open_input(path) as container, suppress(FFmpegError):
        if timeline.begin is not None and timeline.begin > _SEEK_MARGIN and not jumps:
            container.seek(int((timeline.begin + timeline.zero - _SEEK_MARGIN) * av.time_base))
        for frame in container.decode(container.streams[index]):
            assert isinstance(frame, AudioFrame)
            yield from last
            if frame.pts is not None and frame.time_base is not None:
                time = frame.pts * frame.time_base
                time += clock.offset(time)
            end = _stated_end(frame, time)
            last = []
            for resampled in resampler.resample(frame):
                last.append((time, resampled.to_ndarray()))
                time += Fraction(resampled.samples, resampled.sample_rate)
    last += [(time, resampled.to_ndarray()) for resampled in resampler.resample(None)]
    for start, samples in last:
        count = samples.shape[1] if end is None else max(0, round((end - start) * target.rate))
        if count:
            yield start, samples[:, :count]


def _stated_end(frame: AudioFrame, time: Fraction) -> Fraction | None:
    """The end of a frame by its packet's duration, where that is before its last sample; else None."""
    if not frame.duration or frame.time_base is None:
        return None
    stated = frame.duration * frame.time_base
    shorter = stated + frame.time_base < Fraction(frame.samples, frame.sample_rate)  # by more than rounding
    return time + stated if shorter else None


def _time_stretched(
    parts: Iterator[tuple[Fraction, np.ndarray]], target: SoundTarget, timeline: Timeline
) -> Iterator[tuple[Fraction, np.ndarray]]:
    """(output time of the first sample, samples ``[C, N]``) with exactly ``scale`` times the samples."""
    if timeline.scale == 1:
        yield from ((timeline.place(time), samples) for time, samples in parts)
        return
    tempo: _Tempo | None = None
    start = Fraction(0)
    taken = given = 0
    for time, samples in parts:
        if tempo is None:
            tempo, start = _Tempo(target, 1 / timeline.scale), timeline.place(time)
        taken += samples.shape[1]
        for slower in tempo.change(samples):
            # Never more than corresponds to the samples read: at the end only silence can be missing.
            slower = slower[:, : max(0, round(taken * timeline.scale) - given)]
            given += slower.shape[1]
            if slower.shape[1]:
                yield start, slower
    if tempo is None:
        return
    for slower in [*tempo.change(None), np.zeros((tempo.channels, _CHUNK), np.float32)]:
        slower = slower[:, : max(0, round(taken * timeline.scale) - given)]
        given += slower.shape[1]
        if slower.shape[1]:
            yield start, slower


class _Tempo:
    """A chain of FFmpeg's atempo stages."""

    def __init__(self, target: SoundTarget, tempo: Fraction) -> None:
        self._target = target
        self._taken = 0
        self._graph = Graph()
        self._source = self._graph.add_abuffer(
            sample_rate=target.rate,
            format=_SAMPLE_FORMAT,
            layout=target.layout,
            time_base=Fraction(1, target.rate),
        )
        stages = [self._graph.add("atempo", f"{float(stage):.12g}") for stage in tempo_stages(tempo)]
        form = f"sample_fmts={_SAMPLE_FORMAT}:sample_rates={target.rate}:channel_layouts={target.layout}"
        stages.append(self._graph.add("aformat", form))
        self._sink = self._graph.add("abuffersink")
        self._graph.link_nodes(self._source, *stages, self._sink).configure()
        self.channels = 0

    def change(self, samples: np.ndarray | None) -> Iterator[np.ndarray]:
        """Feed samples ``[C, N]`` (None: the stream ends) and yield those that are ready."""
        if samples is None:
            self._source.push(None)
        else:
            self.channels = len(samples)
            frame = AudioFrame.from_ndarray(
                np.ascontiguousarray(samples), _SAMPLE_FORMAT, self._target.layout
            )
            frame.sample_rate = self._target.rate
            frame.pts, frame.time_base = self._taken, Fraction(1, self._target.rate)
            self._taken += samples.shape[1]
            self._source.push(frame)
        while True:
            try:
                pulled = self._sink.pull()
            except (error.BlockingIOError, error.EOFError):
                return
            assert isinstance(pulled, AudioFrame)
            yield pulled.to_ndarray()
