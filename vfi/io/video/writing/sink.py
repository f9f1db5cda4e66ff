"""Writes a video file: encodes closed segments, then joins them with the other streams of the source."""

from __future__ import annotations

import io
import os
from contextlib import suppress
from dataclasses import asdict, replace
from fractions import Fraction
from pathlib import Path

import av
from av.error import FFmpegError

from vfi.errors import OutputError
from vfi.io.base import SinkOptions
from vfi.io.frames import OutputFrame, SourceInfo
from vfi.io.partial import PartialFolder, synchronise
from vfi.io.pixels import convert
from vfi.io.queued_sink import QueuedSink
from vfi.io.video import ffmpeg
from vfi.io.video.timestamps import OutputClock, Timeline, choose_ticks
from vfi.io.video.writing import mux
from vfi.io.video.writing.encoders import EncodingPlan, plan_encoding
from vfi.io.video.writing.segments import SegmentStore

_ASSUMED_RATE = Fraction(25)  # for an encoder's rate control, where the rate is unknown
_BEFORE_ALL = 1 << 20  # more than there are frames in a segment
_DEFAULT_TIME_UNIT = Fraction(1, 90_000)
# SVT-AV1 prints its settings to the terminal; only this environment variable turns that off.
os.environ.setdefault("SVT_LOG", "1")


class SegmentEncoder:
    """Encodes one closed segment into a Matroska file."""

    def __init__(
        self, path: Path | io.BytesIO, plan: EncodingPlan, info: SourceInfo, ticks: int, rate: Fraction
    ) -> None:
        """Open encoder and file.

        Args:
            path: File, which is replaced if it exists, or buffer in memory.
            plan: Settings of the encoding.
            info: Information on the source: size and pixel aspect ratio of its frames.
            ticks: Units per second of the timestamps.
            rate: Approximate number of frames per second.
        """
        self._plan = plan
        self._time_base = Fraction(1, ticks)
        self._durations: dict[int, int] = {}
        self._first: int | None = None
        self.stamps: list[tuple[int, int]] = []
        """Timestamp and duration of the packets so far, in the order of decoding."""
        in_memory = isinstance(path, io.BytesIO)
        self._container = (
            av.open(path, "w", format="matroska") if in_memory else ffmpeg.open_output(path, "matroska")
        )
        stream = self._container.add_stream(
            plan.encoder, rate=rate, width=info.width, height=info.height, time_base=self._time_base
        )
        assert isinstance(stream, av.VideoStream)
        self._stream = stream
        context = stream.codec_context
        context.time_base = self._time_base
        context.pix_fmt = plan.pixel_format
        context.color_primaries = plan.color.primaries
        context.color_trc = plan.color.transfer
        context.colorspace = plan.color.matrix
        context.color_range = 2 if plan.color.full_range else 1
        context.options = dict(plan.options)
        if info.sample_aspect_ratio:
            context.sample_aspect_ratio = info.sample_aspect_ratio
        mux.mark_alpha(stream, plan)

    @property
    def frames(self) -> int:
        """Number of frames taken so far."""
        return len(self._durations)

    def encode(self, frame: av.VideoFrame, stamp: int, duration: int) -> None:
        """Encode a frame; the frame itself is not changed.

        Args:
            frame: Frame in the plan's pixel format.
            stamp: Time of the frame in ticks.
            duration: Duration of the frame in ticks.
        """
        if self._first is None:
            self._first = stamp
        self._durations[stamp] = duration
        before = frame.pts, frame.time_base or Fraction(0), frame.pict_type
        convert.tag_frame(frame, self._plan.color)
        frame.pts, frame.time_base = stamp - self._first, self._time_base
        frame.pict_type = 0  # the source's key frames are not kept
        try:
            packets = self._stream.encode(frame)
        finally:
            frame.pts, frame.time_base, frame.pict_type = before
        self._mux(packets)

    def close(self) -> None:
        """Complete the file."""
        self._mux(self._stream.encode(None))
        self._container.close()
        if len(self.stamps) != len(self._durations):
            raise OutputError(
                f"{self._plan.encoder} lost frames ({len(self._durations)} in, {len(self.stamps)} out): "
                "choose another --codec."
            )

    def abandon(self) -> None:
        """Close the incomplete file."""
        with suppress(OSError, FFmpegError):  # it is deleted anyway
            self._container.close()

    def _mux(self, packets: list[av.Packet]) -> None:
        for packet in packets:
            assert packet.pts is not None
            assert self._first is not None
            stamp = packet.pts + self._first
            # The encoder's own decoding times are not needed, and x265's are wrong in very short segments.
            packet.dts = len(self.stamps) - _BEFORE_ALL
            self.stamps.append((stamp, self._durations[stamp]))
            packet.duration = self._durations[stamp]
            self._container.mux(packet)


class VideoSink(QueuedSink):
    """A video file. See :class:`vfi.io.base.FrameSink`."""

    def __init__(self, path: Path, info: SourceInfo, options: SinkOptions) -> None:
        """Plan the encoding, try encoder and container, and open the partial folder.

        Args:
            path: Output file; its folder is created if it is missing.
            info: Information on the source.
            options: Options of the output.

        Raises:
            AlreadyComplete: If a run is to be resumed whose output is complete.
            ConfigError: If an option is wrong.
            OutputError: If the output cannot be written with these options.
        """
        if options.size:
            info = replace(info, height=options.size[0], width=options.size[1])
        self._info = info
        self._options = options
        self._plan = plan_encoding(
            info,
            path.suffix[1:].lower(),
            codec=options.codec,
            quality=options.quality,
            preset=options.preset,
            pixel_format=options.pixel_format,
        )
        self._rate = options.rate or info.rate or _ASSUMED_RATE
        self._clock = OutputClock(choose_ticks(_intervals(info, options)))
        self._timeline = Timeline(info.clock_zero, options.time_scale, options.start, options.end)
        self._encoder: SegmentEncoder | None = None
        self._assembly = mux.Assembly(
            suffix=path.suffix[1:].lower(),
            plan=self._plan,
            info=info,
            ticks=self._clock.ticks,
            rate=options.rate,
            timeline=self._timeline,
            audio=options.audio,
        )
        self._try_encoder()
        self._try_container()
        self._encoder_first = 0
        folder = PartialFolder(path, f"joined{path.suffix.lower()}")
        folder.begin(self._identity(), resume=options.resume, overwrite=options.overwrite)
        with folder.released_on_error():
            self._store = SegmentStore(folder.path)
            super().__init__(path, folder, self._store.ranges(), options.first_frame)

    def _identity(self) -> dict[str, object]:
        plan = asdict(self._plan)
        del plan["notes"]
        return {
            "fingerprint": self._options.fingerprint,
            "segment_frames": self._options.segment_frames,
            "size": [self._info.height, self._info.width],
            "ticks": self._clock.ticks,
            "plan": plan,
        }

    def _try_encoder(self) -> None:
        """Open and discard the encoder, so that it can refuse before any frame is computed."""
        context = av.CodecContext.create(self._plan.encoder, "w")
        assert isinstance(context, av.VideoCodecContext)
        context.width, context.height = self._info.width, self._info.height
        context.pix_fmt = self._plan.pixel_format
        context.time_base, context.framerate = Fraction(1, self._clock.ticks), self._rate
        context.options = dict(self._plan.options)
        try:
            context.open()
        except (ValueError, FFmpegError) as error:
            raise OutputError(
                f"{self._plan.encoder} refuses {self._info.width}x{self._info.height} frames as "
                f"{self._plan.pixel_format}: choose another --codec or --pixel-format."
            ) from error

    def _try_container(self) -> None:
        """Write and discard the whole output's header with a segment of one frame: refusals come early."""
        segment = io.BytesIO()
        encoder = SegmentEncoder(segment, self._plan, self._info, self._clock.ticks, self._rate)
        frame = av.VideoFrame(self._info.width, self._info.height, self._plan.pixel_format)
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        encoder.encode(frame, 0, 1)
        encoder.close()
        segment.seek(0)
        with av.open(segment) as template:
            mux.settle_streams(template, self._assembly)

    def _consume(self, frame: OutputFrame) -> None:
        size = frame.image.height, frame.image.width
        if size != (self._info.height, self._info.width):
            raise ValueError(f"frames of {self._info.height}x{self._info.width} expected, got {size}")
        if self._encoder is None:
            unfinished = self._store.unfinished(frame.index)
            self._encoder = SegmentEncoder(unfinished, self._plan, self._info, self._clock.ticks, self._rate)
            self._encoder_first = frame.index
            self._clock.last = self._store.stamp_before(frame.index)
        native_frame = frame.image.to_video_frame(self._plan.pixel_format, self._plan.color)
        self._encoder.encode(native_frame, *self._clock.stamp(frame.time, frame.duration))
        following = frame.index + 1
        if following % self._options.segment_frames == 0 or self._is_written(following):
            self._end()

    def _end(self) -> None:
        if self._encoder is None:
            return
        self._encoder.close()
        self._store.add(self._encoder_first, self._encoder.stamps)
        self._encoder = None

    def _adopt(self, folder: Path) -> list[range]:
        self._store.adopt(folder)
        return self._store.ranges()

    def _complete(self) -> list[str]:
        if not self._store.segments:
            raise OutputError(f"There are no frames to write to {self.path}: see whether the range is right.")
        for missing in self._store.missing():
            raise OutputError(
                f"The frames {missing.start} to {missing.stop - 1} of {self.path} are missing: give --resume "
                "to compute them."
            )
        joined = self._folder.result
        notes = mux.assemble(joined, self._store, self._assembly)
        synchronise(joined)
        if self.path.exists() and not self._options.overwrite:
            raise OutputError(f"{self.path} appeared meanwhile: give --overwrite and --resume to replace it.")
        self._folder.publish()
        return [*self._plan.notes, *notes]

    def _discard(self) -> list[str]:
        if self._encoder is not None:
            self._encoder.abandon()
            self._encoder = None
        if not self._store.segments:
            self._folder.clear()
            return []
        self._store.discard_incomplete()
        return [
            f"{self._store.frames} finished frames are kept in {self._folder.path}; --resume continues there."
        ]


def _intervals(info: SourceInfo, options: SinkOptions) -> list[Fraction]:
    """Times of which all output times are multiples, in seconds, the most important first."""
    intervals = [1 / options.rate] if options.rate else []
    if info.kind == "video" and options.rate is None:
        unit = _time_unit(info) * options.time_scale
        intervals += [unit, unit / options.divisions]
    elif info.rate:
        intervals.append(options.time_scale / info.rate / options.divisions)
    return [*intervals, (options.start or Fraction(0)) * options.time_scale]


def _time_unit(info: SourceInfo) -> Fraction:
    """The unit of the source's timestamps, in seconds."""
    try:
        with ffmpeg.open_input(info.path) as container:
            return container.streams.video[0].time_base or _DEFAULT_TIME_UNIT
    except (OSError, IndexError, FFmpegError):
        return _DEFAULT_TIME_UNIT
