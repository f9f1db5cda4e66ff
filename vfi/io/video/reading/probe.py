"""Probes the head of a video file: tags, rate, duration, HDR metadata, the other streams."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition
from av.video.stream import VideoStream

from vfi.errors import ConfigError, InputError
from vfi.io.frames import SourceInfo, StreamRecord
from vfi.io.pixels import convert
from vfi.io.pixels.tags import MATRIX_RGB, UNSPECIFIED, ColorTags
from vfi.io.video import ffmpeg
from vfi.io.video.jumps import clock_looks_broken, may_reset
from vfi.io.video.reading.matroska import tagged_duration
from vfi.io.video.side_data import display_matrix, hdr_metadata, lost_metadata, orientation
from vfi.io.video.timestamps import TimeGrid, constant_rate, likely_rates

# Recordings whose clock starts this late are taken to start at an arbitrary number, not after a pause.
_ARBITRARY_START = Fraction(1, 2)
# How much of the file's head is read to distinguish a constant rate from a variable one.
_HEAD_PACKETS, _HEAD_BYTES = 240, 32 << 20
_FALLBACK_RATE = Fraction(25)
# FFmpeg's flag of formats without timestamps (AVFMT_NOTIMESTAMPS): bare streams of a codec.
_NO_TIMESTAMPS = 0x0080
# FFmpeg opens any text as a video of a terminal, and subtitles as a container.
_NOT_VIDEO = {"tty", "bin", "xbin", "adf", "idf"}


Stamping = Literal["pts", "sorted pts", "sorted dts", "none"]
"""Meaning of a stream's timestamps. pts: presentation times; sorted: times in decoding order, of which each
frame takes the earliest free one; none: no meaning, as in bare streams."""


@dataclass(frozen=True)
class VideoProbe:
    """Everything that is needed to read a video."""

    info: SourceInfo
    stream_index: int
    decoder: str | None
    """A decoder other than FFmpeg's first choice, or None."""
    grid: TimeGrid
    interval: Fraction
    """Seconds between frames where timestamps are missing."""
    expected_end: Fraction | None
    """Stated end of the whole stream on the source's clock; None where no reliable one is stated."""
    expected_frames: int | None
    """Stated number of video packets; None where no reliable one is stated."""
    chroma_site: convert.ChromaSite
    stamping: Stamping = "pts"
    """Which stored times of the packets count."""
    can_seek: bool = True
    """Whether frames can be sought by time: not where timestamps are missing or differ from the packets'."""
    interlaced: bool = False
    """Whether the first frame holds two fields of different times."""
    resets: bool = False
    """Whether the container's clock may jump ahead as well as back."""
    looks_joined: bool = False
    """Whether samples of the container's clock contradict one continuous clock."""


def open_container(path: Path) -> InputContainer:
    """Open a media file.

    Raises:
        InputError: If it cannot be read or is not a media file.
    """
    try:
        container = ffmpeg.open_input(path)
    except PermissionError as error:
        raise InputError(f"{path} may not be read: change its permissions.") from error
    except FFmpegError as error:
        raise InputError(f"{path} is not a readable video: {_reason(path)}.") from error
    if container.format.name in _NOT_VIDEO:
        container.close()
        raise InputError(f"{path} is not a video: give a video file, or a folder of images.")
    return container


def _reason(path: Path) -> str:
    """Why FFmpeg may have refused a file, with the remedy."""
    with path.open("rb") as file:
        head = file.read(12)
    if not head:
        return "it is empty, try another copy"
    if head[4:8] == b"ftyp":
        return "its index is missing, as in an unfinished recording or download, get the complete file"
    return "its format is unknown or it is damaged, convert it or try another copy"


def frame_stream(container: InputContainer, path: Path) -> VideoStream:
    """The first video stream that is not a cover image.

    Raises:
        InputError: If there is no such stream.
    """
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            return stream
    if container.streams.audio:
        raise InputError(f"{path} holds sound but no video: give a video file.")
    raise InputError(f"{path} holds no video: give a video file, or a folder of images.")


def probe_video(path: Path, rate: Fraction | None = None) -> VideoProbe:
    """Probe the head of a video file, up to its first frame and its first timestamps.

    Args:
        path: Video file.
        rate: Frames per second of a bare stream, which has no timestamps; None: the rate in its headers.

    Raises:
        InputError: If it cannot be read, holds no frames, or none can be decoded.
        ConfigError: If a rate is given for a file with timestamps.
    """
    with open_container(path) as container:
        stream = frame_stream(container, path)
        if rate is not None and not container.format.flags & _NO_TIMESTAMPS:
            raise ConfigError(
                f"{path} has timestamps, so --input-fps cannot set its rate: leave it out "
                "(it is for images and for bare streams such as .h264)."
            )
        decoder = alternative_decoder(stream)
        head = _read_head(container, stream, decoder, path)
        return _describe(container, stream, decoder, head, path, rate)


def alternative_decoder(stream: VideoStream) -> str | None:
    """The decoder libvpx for WebM with alpha, which FFmpeg's own VP8 and VP9 decoders ignore; else None."""
    tags = {key.lower(): value for key, value in stream.metadata.items()}
    name = {"vp8": "libvpx", "vp9": "libvpx-vp9"}.get(
        stream.codec_context.name if stream.codec_context else ""
    )
    if name is None or tags.get("alpha_mode") != "1" or name not in av.codecs_available:
        return None
    return name


def stream_decoder(stream: VideoStream, decoder: str | None) -> Any:
    """The decoding context of a stream: its own, with all threads, or that of another decoder."""
    if decoder is None:
        stream.thread_type = "AUTO"
        return stream.codec_context
    context: Any = av.CodecContext.create(decoder, "r")
    context.extradata = stream.codec_context.extradata
    return context


@dataclass(frozen=True)
class _Head:
    frame: av.VideoFrame
    stamps: list[Fraction]
    """Times of the first packets on the container's clock, seconds."""
    decoding_stamps: list[Fraction]
    """Decoding times of the first packets on the container's clock, seconds."""
    leads: set[int | None]
    """Differences between presentation and decoding times that occur, in ticks."""
    packet_duration: Fraction
    """Seconds of the first packet; 0 where unknown."""


def _read_head(container: InputContainer, stream: VideoStream, decoder: str | None, path: Path) -> _Head:
    """Decode the first frame and collect the first timestamps."""
    if stream.codec_context is None:
        raise InputError(f"{path} has a video codec that this FFmpeg build cannot decode: convert it first.")
    context = stream_decoder(stream, decoder)
    frame: av.VideoFrame | None = None
    stamps: list[Fraction] = []
    decoding_stamps: list[Fraction] = []
    leads: set[int | None] = set()
    duration = Fraction(0)
    size = 0
    for packet in _readable_packets(container, stream):
        if packet.size:
            lead = None if packet.pts is None or packet.dts is None else packet.pts - packet.dts
            leads.add(lead)
            if packet.dts is not None:
                decoding_stamps.append(packet.dts * packet.time_base)
            duration = duration or (packet.duration or 0) * packet.time_base
        if packet.pts is not None:
            stamps.append(packet.pts * packet.time_base)
        size += packet.size
        if frame is None:
            frame = next(iter(_decoded(context, packet)), None)
        elif len(stamps) >= _HEAD_PACKETS or size > _HEAD_BYTES:
            break
    if frame is None:
        raise InputError(f"{path} holds no frame that can be decoded: the file is damaged, try another copy.")
    return _Head(frame, stamps, decoding_stamps, leads, duration)


def _readable_packets(container: InputContainer, stream: VideoStream) -> Iterator[av.Packet]:
    try:
        yield from container.demux(stream)
    except FFmpegError:
        return  # the packets read so far decide


def _decoded(context: Any, packet: av.Packet) -> list[av.VideoFrame]:
    try:
        return context.decode(packet)
    except FFmpegError:
        return []


def _describe(
    container: InputContainer,
    stream: VideoStream,
    decoder: str | None,
    head: _Head,
    path: Path,
    rate: Fraction | None,
) -> VideoProbe:
    stamping = _stamping(container, stream, head)
    if stamping == "none":
        clock, end = _bare_clock(stream, head, rate), None
    else:
        clock, end = _clock(container, stream, head, stamping)
    return VideoProbe(
        info=_source_info(container, stream, head.frame, path, clock, end),
        stream_index=stream.index,
        decoder=decoder,
        grid=clock.grid,
        interval=clock.interval,
        expected_end=end if _promises_duration(container) else None,
        expected_frames=stream.frames if container.format.name == "avi" and stream.frames else None,
        chroma_site="center" if "jpeg" in stream.codec_context.name else "left",
        stamping=stamping,
        can_seek=stamping == "pts" or (stamping != "none" and not stream.codec_context.has_b_frames),
        interlaced=bool(head.frame.interlaced_frame),
        resets=may_reset(container.format.flags),
        looks_joined=clock_looks_broken(path, container.format.name),
    )


def _stamping(container: InputContainer, stream: VideoStream, head: _Head) -> Stamping:
    """The meaning of the timestamps.

    Avi stores no presentation times, and other files may lack them. FFmpeg then derives them from the order
    of decoding, which is wrong for streams with B-frames: there all leads are equal.
    """
    if container.format.flags & _NO_TIMESTAMPS:
        return "none"
    same_order = len(head.leads) == 1 and None not in head.leads
    if container.format.name == "avi":
        return "sorted dts"
    return "sorted pts" if same_order and stream.codec_context.has_b_frames else "pts"


def _bare_clock(stream: VideoStream, head: _Head, rate: Fraction | None) -> _Clock:
    """The clock of a bare stream, whose average rate is FFmpeg's default and means nothing."""
    stated = 1 / head.packet_duration if head.packet_duration else None
    rate = rate or likely_rates([stated, stream.guessed_rate, stream.base_rate, _FALLBACK_RATE])[0]
    return _Clock(Fraction(0), TimeGrid(rate, Fraction(0)), 1 / rate, Fraction(0))


@dataclass(frozen=True)
class _Clock:
    zero: Fraction
    """Container time that counts as 0."""
    grid: TimeGrid
    interval: Fraction
    start: Fraction
    """Time of the first frame."""


def _clock(
    container: InputContainer, stream: VideoStream, head: _Head, stamping: Stamping
) -> tuple[_Clock, Fraction | None]:
    """The clock of a stream, and the stated end of the stream."""
    tick = Fraction(stream.time_base or Fraction(1, 1000))
    stamps = head.decoding_stamps if stamping == "sorted dts" else head.stamps
    zero = _clock_zero(container, head.frame, tick)
    named = likely_rates([stream.average_rate, stream.base_rate, stream.guessed_rate])
    rate = constant_rate(stamps, tick, named)
    interval = 1 / rate if rate else _mean_interval(stamps, stream)
    pts = head.frame.pts if stamping == "pts" else None
    first = (pts * tick if pts is not None else min(stamps, default=Fraction(0))) - zero
    grid = TimeGrid.at(rate, tick, first)
    start = grid.snapped(first)
    end = _expected_end(container, stream, start, zero)
    return _Clock(zero, grid, interval, start), None if end is None else grid.snapped(end)


def _clock_zero(container: InputContainer, frame: av.VideoFrame, tick: Fraction) -> Fraction:
    """The container time that counts as 0.

    Audio may begin a little before 0 with samples that prime its decoder, and stays there. A video whose
    first frame lies before 0 would lose it in most containers: its clock wrapped, or was moved by its author.
    """
    zero = Fraction(container.start_time or 0, av.time_base)
    if abs(zero) >= _ARBITRARY_START:
        return zero
    first = None if frame.pts is None else frame.pts * tick
    return first if first is not None and first < 0 else Fraction(0)


def _source_info(
    container: InputContainer,
    stream: VideoStream,
    frame: av.VideoFrame,
    path: Path,
    clock: _Clock,
    end: Fraction | None,
) -> SourceInfo:
    duration = end - clock.start if end is not None and end > clock.start else None
    mastering, light = hdr_metadata(frame)
    matrix = display_matrix(frame)
    rotation, flipped = orientation(matrix)
    return SourceInfo(
        path=path,
        kind="video",
        height=frame.height,
        width=frame.width,
        rate=clock.grid.rate,
        duration=duration,
        frame_count=stream.frames or (round(duration / clock.interval) if duration else None),
        bits=convert.format_bits(frame.format.name),
        has_alpha=convert.format_has_alpha(frame.format.name),
        pixel_format=frame.format.name,
        color=_completed_tags(convert.frame_tags(frame), stream),
        sample_aspect_ratio=stream.sample_aspect_ratio or None,
        rotation=rotation,
        display_matrix=matrix,
        flipped=flipped,
        has_audio=bool(container.streams.audio),
        start=clock.start,
        clock_zero=clock.zero,
        codec=stream.codec_context.name,
        mastering_display=mastering,
        content_light=light,
        lost_metadata=lost_metadata(frame),
        streams=tuple(_stream_record(other) for other in container.streams if other.index != stream.index),
    )


def _mean_interval(stamps: list[Fraction], stream: VideoStream) -> Fraction:
    """Seconds between frames of variable rate, on average."""
    if len(stamps) > 1:
        return (max(stamps) - min(stamps)) / (len(stamps) - 1)
    return 1 / (stream.average_rate or stream.guessed_rate or _FALLBACK_RATE)


def _completed_tags(tags: ColorTags, stream: VideoStream) -> ColorTags:
    """The frame's tags, completed by those of the container where the frame has none."""
    return replace(
        tags,
        primaries=_first_specified(tags.primaries, stream.color_primaries),
        transfer=_first_specified(tags.transfer, stream.color_trc),
        matrix=tags.matrix if tags.matrix == MATRIX_RGB else _first_specified(tags.matrix, stream.colorspace),
    )


def _first_specified(*numbers: int) -> int:
    """The first of several H.273 numbers that is specified; 0 is reserved."""
    return next((int(number) for number in numbers if number not in (0, UNSPECIFIED)), UNSPECIFIED)


def _promises_duration(container: InputContainer) -> bool:
    """Whether the stated duration was written by the muxer; in other formats FFmpeg estimates it."""
    return any(name in container.format.name.split(",") for name in ("matroska", "flv", "asf", "nut"))


def _expected_end(
    container: InputContainer, stream: VideoStream, start: Fraction, clock_zero: Fraction
) -> Fraction | None:
    """The stated end of the stream on the source's clock: its own statement, else that of the container."""
    own = tagged_duration(stream.metadata.get("DURATION", ""))
    if own is not None:  # mkvmerge and FFmpeg write the time of the stream's end
        return own - clock_zero
    if stream.duration is not None and stream.time_base is not None:
        return start + stream.duration * stream.time_base
    if container.duration is not None:
        return Fraction(container.duration + (container.start_time or 0), av.time_base) - clock_zero
    return None


def _stream_record(stream: Any) -> StreamRecord:
    """The record of a stream other than the frames; FFmpeg has no codec for some of them."""
    context = stream.codec_context
    kind = stream.type or "unknown"
    if kind == "video" and stream.disposition & Disposition.attached_pic:
        kind = "cover"
    return StreamRecord(stream.index, kind, context.name if context is not None else "", stream.language)
