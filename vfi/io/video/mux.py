"""Joins the encoded segments with the source's other streams into the final file, packet by packet."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import av
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.stream import VideoStream

from vfi.io.frames import SourceInfo
from vfi.io.video import streams
from vfi.io.video.encoders import EncodingPlan
from vfi.io.video.segments import SegmentStore
from vfi.io.video.timestamps import Timeline

AudioMode = Literal["copy", "stretch", "drop"]
TimedPackets = Iterator[tuple[Fraction, Packet]]

_IN_BITSTREAM = ("h264", "hevc")  # these tell the shape of their pixels themselves


@dataclass(frozen=True)
class Assembly:
    """What the joining needs to know."""

    plan: EncodingPlan
    info: SourceInfo
    ticks: int
    """Time stamps of the pictures per second."""
    rate: Fraction | None
    """Frames per second if constant."""
    timeline: Timeline
    audio: AudioMode


def assemble(target: Path, store: SegmentStore, assembly: Assembly) -> list[str]:
    """Write the final file.

    Args:
        target: Where to; its suffix says which container.
        store: The finished segments, at least one.
        assembly: The rest.

    Returns:
        One sentence for everything that could not be carried over.
    """
    suffix = target.suffix[1:]
    notes: list[str] = []
    with ExitStack() as stack:
        output = stack.enter_context(
            av.open(
                str(target),
                "w",
                format=streams.container_format(suffix),
                container_options=_container_options(suffix, assembly.ticks),
            )
        )
        template = stack.enter_context(store.template())
        video = _add_video(output, template, suffix, assembly)
        notes += _shape_notes(suffix, assembly)
        feeds: list[TimedPackets] = [_video_packets(store, video, assembly.ticks)]
        source = _reopen(assembly.info)
        if source is not None:
            stack.enter_context(source)
            indices = frozenset(record.index for record in assembly.info.streams)
            others = streams.Carrier(source, output, suffix, assembly.timeline, indices)
            notes += others.plan(assembly.audio)
            feeds += others.feeds()
            _copy_stream_data(source, assembly.info, video)
            end = store.end_stamp * Fraction(1, assembly.ticks)
            streams.copy_container_data(source, output, assembly.timeline, end)
        elif assembly.info.kind == "video":
            notes.append(f"{assembly.info.path} is gone: its sound and other streams were left out.")
        notes += _interleave(output, feeds, video)
    return notes


def _reopen(info: SourceInfo) -> InputContainer | None:
    """The source file, to copy from; None if there is none, or no longer."""
    if info.kind != "video":
        return None
    try:
        return av.open(str(info.path), metadata_errors="replace")
    except (OSError, FFmpegError):
        return None


def mark_alpha(stream: VideoStream, plan: EncodingPlan) -> None:
    """Tell Matroska that the packets carry transparency beside the picture, as VP9 does it."""
    if plan.codec == "vp9" and plan.pixel_format.startswith("yuva"):
        stream.metadata["alpha_mode"] = "1"


def _container_options(suffix: str, ticks: int) -> dict[str, str]:
    if suffix in ("mkv", "webm"):
        # Sound may begin before the pictures, with samples that only prime its decoder: instead of moving
        # everything else back by that time, the negative time stamps are kept.
        return {"avoid_negative_ts": "disabled"}
    timescale = str(ticks)
    return {
        "movflags": "+faststart",
        "video_track_timescale": timescale,
        "movie_timescale": timescale,
    }


def _add_video(
    output: OutputContainer, template: InputContainer, suffix: str, assembly: Assembly
) -> VideoStream:
    plan, info = assembly.plan, assembly.info
    video = output.add_stream_from_template(template.streams.video[0], opaque=True)
    assert isinstance(video, VideoStream)
    video.time_base = Fraction(1, assembly.ticks)
    context = video.codec_context
    context.framerate = assembly.rate or Fraction(0)
    if plan.codec == "hevc" and suffix not in ("mkv", "webm"):
        context.codec_tag = "hvc1"  # Apple's players take no other
    if info.sample_aspect_ratio:
        context.sample_aspect_ratio = info.sample_aspect_ratio
    context.color_primaries, context.color_trc = plan.color.primaries, plan.color.transfer
    context.colorspace, context.color_range = plan.color.matrix, 2 if plan.color.full_range else 1
    if info.rotation:
        video.set_display_rotation(info.rotation)
    mark_alpha(video, plan)
    return video


def _shape_notes(suffix: str, assembly: Assembly) -> list[str]:
    shape = assembly.info.sample_aspect_ratio
    if shape in (None, 1) or suffix not in ("mkv", "webm") or assembly.plan.codec in _IN_BITSTREAM:
        return []
    return [
        f"The pixel shape {shape} was left out: {assembly.plan.codec} in .{suffix} is written without it; "
        "--codec h264 or hevc keeps it."
    ]


def _copy_stream_data(source: InputContainer, info: SourceInfo, video: VideoStream) -> None:
    """Name, language and disposition of the pictures' own stream."""
    others = {record.index for record in info.streams}
    for stream in source.streams.video:
        if stream.index not in others:
            video.metadata.update(streams.lasting_metadata(stream.metadata))
            video.disposition = stream.disposition
            return


def _video_packets(store: SegmentStore, video: VideoStream, ticks: int) -> TimedPackets:
    unit = Fraction(1, ticks)
    for packet in store.packets():
        packet.time_base = unit
        packet.stream = video
        assert packet.dts is not None
        yield packet.dts * unit, packet


def _interleave(output: OutputContainer, feeds: list[TimedPackets], video: VideoStream) -> list[str]:
    """Write the packets of all feeds in the order of their decoding times."""
    refused: dict[int, int] = {}
    merged: Iterator[tuple[Fraction, Any]] = heapq.merge(*feeds, key=lambda timed: timed[0])
    for _, packet in merged:
        index = packet.stream_index
        try:
            output.mux_one(packet)
        except ValueError:  # FFmpeg's "invalid argument": a time stamp that contradicts the one before
            if index == video.index:
                raise
            refused[index] = refused.get(index, 0) + 1
    return [
        f"{count} packets of {streams.stream_title(output.streams[index])} have contradictory time stamps "
        "and were left out."
        for index, count in refused.items()
    ]
