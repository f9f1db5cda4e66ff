"""Makes sound slower or faster with its pitch kept, and encodes it anew."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction

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

from vfi.io.video.timestamps import Timeline

_ENCODERS = {"webm": "libopus"}
_ENCODER = "aac"
_OPUS_RATE = 48_000
_MOST_AAC_RATE = 96_000
_BITS_PER_CHANNEL = 96_000
_USUAL_LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}
_SEEK_MARGIN = 2  # seconds of sound to decode before the part that is wanted
# One stage of FFmpeg's atempo is good from half to double speed; more is done in several stages.
_SLOWEST, _FASTEST = Fraction(1, 2), Fraction(2)
# Time stamps of sound jitter; only a gap or an overlap longer than this (seconds) is a real one.
_JITTER = Fraction(1, 20)
_SAMPLE_FORMAT = "fltp"
_CHUNK = 1 << 16  # samples of silence at a time


@dataclass(frozen=True)
class StretchTarget:
    """An output stream that is being encoded."""

    stream: AudioStream
    rate: int
    """Samples per second."""
    layout: str
    """FFmpeg's name of the channel layout."""

    @classmethod
    def add(cls, output: OutputContainer, source: Stream, suffix: str) -> StretchTarget:
        """Add a stream for the sound of ``source`` and open its encoder.

        Args:
            output: The container, before its first packet.
            source: An audio stream.
            suffix: Of the container.

        Raises:
            ValueError: If the encoder refuses the sound, or FFmpeg cannot decode it.
        """
        assert isinstance(source, AudioStream)
        context: AudioCodecContext | None = source.codec_context
        if context is None:
            raise ValueError("there is no decoder for this sound")
        encoder = _ENCODERS.get(suffix, _ENCODER)
        rate = _OPUS_RATE if encoder == "libopus" else min(context.sample_rate, _MOST_AAC_RATE)
        layout = _accepted_layout(encoder, rate, context.layout)
        stream = output.add_stream(encoder, rate=rate, layout=layout.name)
        assert isinstance(stream, AudioStream)
        stream.bit_rate = _BITS_PER_CHANNEL * layout.nb_channels
        return cls(stream, rate, layout.name)

    @property
    def channels(self) -> int:
        """Number of channels."""
        return AudioLayout(self.layout).nb_channels


def stretched_packets(
    path: str, index: int, target: StretchTarget, timeline: Timeline
) -> Iterator[tuple[Fraction, Packet]]:
    """Decode one audio stream, change its speed, and encode it.

    The result has exactly ``timeline.scale`` times as many samples as the part of the source that the
    timeline covers, gaps in the source's time stamps filled with silence.

    Args:
        path: The source.
        index: Of the audio stream.
        target: Where the packets go.
        timeline: Which part is used, and how much longer it shall last.

    Yields:
        (decoding time in the output in seconds, packet).
    """
    unit = Fraction(1, target.rate)
    count = None
    for first, samples in _stretched(_placed_samples(path, index, target, timeline), target, timeline):
        count = round(first * target.rate) if count is None else count
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(samples), _SAMPLE_FORMAT, target.layout)
        frame.sample_rate, frame.pts, frame.time_base = target.rate, count, unit
        count += samples.shape[1]
        yield from _timed(target.stream.encode(frame))
    if count is not None:
        yield from _timed(target.stream.encode(None))


def tempo_stages(tempo: Fraction) -> list[Fraction]:
    """Factors within the range of one stage whose product is ``tempo``."""
    stages = []
    while tempo < _SLOWEST:
        stages.append(_SLOWEST)
        tempo /= _SLOWEST
    while tempo > _FASTEST:
        stages.append(_FASTEST)
        tempo /= _FASTEST
    return [*stages, tempo]


def _accepted_layout(encoder: str, rate: int, layout: AudioLayout) -> AudioLayout:
    """The layout itself, its usual sister with as many channels, or stereo: the first that is accepted.

    Raises:
        ValueError: If the encoder takes none of them.
    """
    usual = _USUAL_LAYOUTS.get(layout.nb_channels, "stereo")
    for candidate in (layout, AudioLayout(usual), AudioLayout("stereo")):
        try:
            _try_encoder(encoder, rate, candidate.name)
        except (ValueError, FFmpegError):
            continue
        return candidate
    raise ValueError(f"{encoder} takes no sound at {rate} Hz")


def _try_encoder(name: str, rate: int, layout: str) -> None:
    """Open an encoder for nothing, so that a refusal comes before the output has a stream for it."""
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
    path: str, index: int, target: StretchTarget, timeline: Timeline
) -> Iterator[tuple[Fraction, np.ndarray]]:
    """Decoded samples ``[C, N]`` float32 with their source time, gapless, cut to the timeline's range."""
    resampler = AudioResampler(format=_SAMPLE_FORMAT, layout=target.layout, rate=target.rate)
    expected: Fraction | None = None
    for container_time, samples in _decoded(path, index, resampler, timeline):
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


def _decoded(
    path: str, index: int, resampler: AudioResampler, timeline: Timeline
) -> Iterator[tuple[Fraction, np.ndarray]]:
    """(container time, samples ``[C, N]``) of a stream; ends where the source is damaged.

    The last packet of a stream may tell that it lasts shorter than the samples that its decoder makes of it:
    the surplus is left out.
    """
    time = Fraction(0)
    end: Fraction | None = None
    last: list[tuple[Fraction, np.ndarray]] = []
    with av.open(path, metadata_errors="replace") as container, suppress(FFmpegError):
        if timeline.begin is not None and timeline.begin > _SEEK_MARGIN:
            container.seek(int((timeline.begin + timeline.zero - _SEEK_MARGIN) * av.time_base))
        for frame in container.decode(container.streams[index]):
            assert isinstance(frame, AudioFrame)
            yield from last
            if frame.pts is not None and frame.time_base is not None:
                time = frame.pts * frame.time_base
            end = _stated_end(frame, time)
            last = []
            for resampled in resampler.resample(frame):
                last.append((time, resampled.to_ndarray()))
                time += Fraction(resampled.samples, resampled.sample_rate)
    last += [(time, resampled.to_ndarray()) for resampled in resampler.resample(None)]
    for start, samples in last:
        count = samples.shape[1] if end is None else max(0, round((end - start) * resampler.rate))
        if count:
            yield start, samples[:, :count]


def _stated_end(frame: AudioFrame, time: Fraction) -> Fraction | None:
    """When a frame from ``time`` on ends by its packet's word, where that is before its last sample."""
    if not frame.duration or frame.time_base is None:
        return None
    stated = frame.duration * frame.time_base
    shorter = stated + frame.time_base < Fraction(frame.samples, frame.sample_rate)  # by more than rounding
    return time + stated if shorter else None


def _stretched(
    pieces: Iterator[tuple[Fraction, np.ndarray]], target: StretchTarget, timeline: Timeline
) -> Iterator[tuple[Fraction, np.ndarray]]:
    """(output time of the first sample, samples ``[C, N]``) with exactly ``scale`` times the samples."""
    tempo: _Tempo | None = None
    start = Fraction(0)
    taken = given = 0
    for time, samples in pieces:
        if tempo is None:
            tempo, start = _Tempo(target, 1 / timeline.scale), timeline.place(time)
        taken += samples.shape[1]
        for slower in tempo.change(samples):
            # Never more than belongs to what was read: at the end only silence can be missing.
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

    def __init__(self, target: StretchTarget, tempo: Fraction) -> None:
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
        """Push samples ``[C, N]`` (None: no more come) and yield what is ready."""
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
