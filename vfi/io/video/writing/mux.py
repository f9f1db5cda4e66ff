"""Joins the encoded segments with the source's other streams into the final file, packet by packet.

Before the first frame is computed the header of the whole output, with all its streams, is written to a
scratch file, so that a stream that the container refuses beside the others is known early. A refusal while
the packets are written costs that stream, never the video.
"""

from __future__ import annotations

import heapq
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.stream import VideoStream

from vfi.errors import OutputError
from vfi.io.frames import SourceInfo
from vfi.io.video import ffmpeg
from vfi.io.video.jumps import ClockJump, find_jumps
from vfi.io.video.streams import copying, planning
from vfi.io.video.streams.containers import MATROSKA_SUFFIXES, muxer_options, open_muxer
from vfi.io.video.streams.planning import StreamPlan, StreamPlanner, StreamRefusal
from vfi.io.video.timestamps import Timeline
from vfi.io.video.writing.encoders import EncodingPlan
from vfi.io.video.writing.segments import SegmentStore

AudioMode = Literal["copy", "stretch", "drop"]
TimedPackets = Iterator[tuple[Fraction, Packet]]

_IN_BITSTREAM = ("h264", "hevc")  # these state the shape of their pixels themselves
_NEVER = Fraction(1 << 62)
_USUAL_RATE = Fraction(25)
# Time codes: the greatest rate that a track of mov files has room for, and those that drop frame numbers.
_MOST_COUNTED, _DROP_FRAME_RATES = 255, (30, 60)


@dataclass(frozen=True)
class Assembly:
    """Settings of the final file."""

    suffix: str
    """Suffix of the output without its dot."""
    plan: EncodingPlan
    info: SourceInfo
    ticks: int
    """Units per second of the frames' timestamps."""
    rate: Fraction | None
    """Frames per second if constant."""
    timeline: Timeline
    audio: AudioMode


def settle_streams(template: InputContainer, assembly: Assembly) -> list[StreamPlan]:
    """The treatment of the source's other streams with which the container accepts the whole output.

    Args:
        template: Encoded segment of the output's frames.
        assembly: Settings of the final file.

    Raises:
        OutputError: If the container refuses even the frames alone.
    """
    plans: list[StreamPlan] = []
    source = _reopen(assembly.info)
    if source is not None:
        with source:
            indices = frozenset(record.index for record in assembly.info.streams)
            scale = assembly.timeline.scale
            plans = StreamPlanner(source, assembly.suffix, indices, assembly.audio, scale).plans()

    def fits(tried: list[StreamPlan]) -> bool:
        return _header_fits(template, assembly, tried)

    settled = planning.settled(plans, fits, f".{assembly.suffix} refuses it beside the other streams")
    if settled is None:
        raise OutputError(
            f"A .{assembly.suffix} file cannot hold {assembly.plan.codec} in {assembly.plan.pixel_format}: "
            "choose another --codec or another kind of file."
        )
    return settled


def assemble(target: Path, store: SegmentStore, assembly: Assembly) -> list[str]:
    """Write the final file.

    Args:
        target: File to write.
        store: Finished segments, at least one.
        assembly: Settings of the final file.

    Returns:
        One sentence per stream or property that is changed or left out.
    """
    with store.template() as template:
        plans = settle_streams(template, assembly)
    reason = f".{assembly.suffix} refuses its packets"
    while True:
        try:
            return _join(target, store, assembly, plans)
        except StreamRefusal as refusal:
            plans = planning.without(plans, refusal.index, reason)
        except FFmpegError as error:
            written = planning.least_needed(plans)
            if not written or not ffmpeg.is_refusal(error):
                raise
            plans = planning.without(plans, written[0].index, reason)


@dataclass
class _Output:
    """An output whose header is written."""

    container: OutputContainer
    video: VideoStream
    writer: copying.StreamWriter | None
    notes: list[str]


def _header_fits(template: InputContainer, assembly: Assembly, plans: list[StreamPlan]) -> bool:
    """Whether the muxer accepts the header of the whole output, tried with a scratch file."""
    try:
        with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
            _begin(stack, Path(folder) / "trial", template, assembly, plans, _NEVER)
    except StreamRefusal:
        return False
    except (ValueError, FFmpegError) as error:
        if not ffmpeg.is_refusal(error):
            raise
        return False
    return True


def _begin(
    stack: ExitStack, target: Path, template: InputContainer, assembly: Assembly, plans: list[StreamPlan],
    end: Fraction,
) -> _Output:  # fmt: skip
    """Open the output, add all streams, chapters and metadata, and write its header.

    Args:
        stack: Exit stack that closes the files.
        target: File to write.
        template: Encoded segment of the output's frames.
        assembly: Settings of the final file.
        plans: Plans of all other streams.
        end: End of the output in seconds.
    """
    suffix, notes = assembly.suffix, _shape_notes(assembly)
    source = _reopen(assembly.info)
    metadata = {} if source is None else copying.lasting_metadata(stack.enter_context(source).metadata)
    options = muxer_options(suffix, assembly.ticks, metadata)
    unchecked = any(plan.unchecked for plan in plans)
    container = stack.enter_context(open_muxer(target, suffix, options, unchecked=unchecked))
    video = _add_video(container, template, assembly)
    writer = None
    if source is not None:
        path, timeline = assembly.info.path, assembly.timeline
        writer = copying.StreamWriter(source, path, container, suffix, timeline)
        notes += writer.add(plans)
        _copy_stream_data(source, assembly.info, video)
        notes += _copy_timecode(source, assembly, video)
        copying.copy_container_data(source, container, timeline, end)
    elif assembly.info.kind == "video":
        notes.append(f"{assembly.info.path} is gone: its sound and other streams were left out.")
    container.start_encoding()
    code = video.metadata.get("timecode")
    if code and suffix != "mkv" and not video.average_rate:  # FFmpeg then writes no track
        notes.append(f"The time code {code} was left out: .{suffix} needs PyAV 18 or later for it.")
    return _Output(container, video, writer, notes)


def _join(target: Path, store: SegmentStore, assembly: Assembly, plans: list[StreamPlan]) -> list[str]:
    end = store.end_stamp * Fraction(1, assembly.ticks)
    with ExitStack() as stack:
        template = stack.enter_context(store.template())
        output = _begin(stack, target, template, assembly, plans, end)
        feeds: list[TimedPackets] = [_video_packets(store, output.video, assembly.ticks)]
        if output.writer is not None:
            output.writer.jumps = _jumps(output.writer.source, assembly.info)
            feeds += output.writer.feeds()
        return [*output.notes, *_interleave(output, feeds)]


def _reopen(info: SourceInfo) -> InputContainer | None:
    """The source file, opened for copying; None if there is none any more."""
    if info.kind != "video":
        return None
    try:
        return ffmpeg.open_input(info.path)
    except (OSError, FFmpegError):
        return None


def mark_alpha(stream: VideoStream, plan: EncodingPlan) -> None:
    """Mark a stream for Matroska as one whose packets hold transparency beside the frame, as VP9 has it."""
    if plan.codec == "vp9" and plan.pixel_format.startswith("yuva"):
        stream.metadata["alpha_mode"] = "1"


def _add_video(output: OutputContainer, template: InputContainer, assembly: Assembly) -> VideoStream:
    plan, info = assembly.plan, assembly.info
    video = output.add_stream_from_template(template.streams.video[0], opaque=True)
    assert isinstance(video, VideoStream)
    video.time_base = Fraction(1, assembly.ticks)
    context = video.codec_context
    context.framerate = assembly.rate or Fraction(0)
    if plan.codec == "hevc" and assembly.suffix not in MATROSKA_SUFFIXES:
        context.codec_tag = "hvc1"  # the only tag that Apple's players accept
    if info.sample_aspect_ratio:
        context.sample_aspect_ratio = info.sample_aspect_ratio
    context.color_primaries, context.color_trc = plan.color.primaries, plan.color.transfer
    context.colorspace, context.color_range = plan.color.matrix, 2 if plan.color.full_range else 1
    if info.display_matrix:
        video.set_display_matrix(info.display_matrix)
    elif info.rotation or info.flipped:  # PyAV flips after rotating, so it rotates the other way
        degrees = -info.rotation if info.flipped else info.rotation
        video.set_display_rotation(degrees, hflip=info.flipped)
    mark_alpha(video, plan)
    return video


def _shape_notes(assembly: Assembly) -> list[str]:
    shape, suffix, codec = assembly.info.sample_aspect_ratio, assembly.suffix, assembly.plan.codec
    if shape in (None, 1) or suffix not in MATROSKA_SUFFIXES or codec in _IN_BITSTREAM:
        return []
    remedy = "an .mp4 keeps it" if suffix == "webm" else "--codec h264 or hevc keeps it"
    return [f"The pixel shape {shape} was left out: {codec} in .{suffix} is written without it; {remedy}."]


def _copy_stream_data(source: InputContainer, info: SourceInfo, video: VideoStream) -> None:
    """Copy name, language and disposition of the frames' own stream."""
    stream = _frame_stream(source, info)
    if stream is not None:
        video.metadata.update(copying.lasting_metadata(stream.metadata))
        video.disposition = stream.disposition


def _frame_stream(source: InputContainer, info: SourceInfo) -> VideoStream | None:
    """The stream of the source that the frames come from; None if it has gone."""
    others = {record.index for record in info.streams}
    return next((stream for stream in source.streams.video if stream.index not in others), None)


def _jumps(source: InputContainer, info: SourceInfo) -> tuple[ClockJump, ...]:
    stream = _frame_stream(source, info)
    rate = info.rate or (stream and (stream.average_rate or stream.guessed_rate)) or _USUAL_RATE
    return () if stream is None else find_jumps(info.path, stream.index, 1 / rate)


def _copy_timecode(source: InputContainer, assembly: Assembly, video: VideoStream) -> list[str]:
    """Copy the time code of the first frame where the output can hold it; else report that it is left out.

    Matroska keeps it as a tag; FFmpeg's mov muxer writes a track for it, counted at the stream's frame rate.
    """
    code = next((s.metadata["timecode"] for s in source.streams if "timecode" in s.metadata), None)
    if code is None:
        return []
    timeline = assembly.timeline
    if assembly.suffix == "webm":
        return [f"The time code {code} was left out: .webm is written without one, .mkv keeps it."]
    if timeline.scale != 1 or timeline.begin:
        return [f"The time code {code} was left out: it is not valid for a slowed or trimmed video."]
    rate, counted = assembly.info.rate, code.replace(";", ":").rpartition(":")
    if rate is None or assembly.rate is None or not counted[2].isdigit():
        return [f"The time code {code} was left out: it counts frames of a constant rate."]
    counts = round(assembly.rate)
    if counts > _MOST_COUNTED or (";" in code and counts not in _DROP_FRAME_RATES):
        return [f"The time code {code} was left out: it cannot count {counts} frames per second."]
    frame = int(counted[2]) * counts // round(rate)
    video.metadata["timecode"] = f"{code[: len(counted[0]) + 1]}{frame:02d}"
    return []


def _video_packets(store: SegmentStore, video: VideoStream, ticks: int) -> TimedPackets:
    unit = Fraction(1, ticks)
    for packet in store.packets():
        packet.time_base = unit
        packet.stream = video
        assert packet.dts is not None
        yield packet.dts * unit, packet


def _interleave(output: _Output, feeds: list[TimedPackets]) -> list[str]:
    """Write the packets of all feeds in the order of their decoding times.

    Raises:
        StreamRefusal: If the muxer cannot continue with a stream.
    """
    refused: dict[int, int] = {}
    merged: Iterator[tuple[Fraction, Any]] = heapq.merge(*feeds, key=lambda timed: timed[0])
    for _, packet in merged:
        index = packet.stream_index
        try:
            output.container.mux_one(packet)
        except FFmpegError as error:
            if index == output.video.index or not ffmpeg.is_refusal(error):
                raise
            if not isinstance(error, ValueError):
                assert output.writer is not None
                raise StreamRefusal(output.writer.origins[index]) from error
            refused[index] = refused.get(index, 0) + 1  # a timestamp that contradicts the one before
    return [
        f"{count} packets of {planning.stream_title(output.container.streams[index])} have contradictory "
        "timestamps and were left out."
        for index, count in refused.items()
    ]
