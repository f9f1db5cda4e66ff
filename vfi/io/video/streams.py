"""Carries a source's other streams, chapters and metadata over to the output."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import av
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Disposition, Stream

from vfi.io.video import audio
from vfi.io.video.timestamps import Timeline

logger = logging.getLogger(__name__)

_FORMATS = {"m4v": "mp4", "mkv": "matroska"}
_KEPT_BY_MKV = ("audio", "subtitle", "attachment")
_SEEK_MARGIN = 30  # seconds before the range in which a subtitle may begin that reaches into it
_NEVER = Fraction(1 << 62)
_MICROSECOND = Fraction(1, 1_000_000)
_COVER_TYPES = {"png": ("png", "image/png"), "mjpeg": ("jpg", "image/jpeg")}
_COVER_SUFFIXES = ("mp4", "m4v")
# What a muxer writes anew, or what describes the file that was read; everything else is the author's.
_FLEETING = {
    "major_brand", "minor_version", "compatible_brands", "encoder", "duration", "handler_name", "vendor_id",
    "timecode", "bps", "number_of_frames", "number_of_bytes", "rotate", "alpha_mode",
}  # fmt: skip


def container_format(suffix: str) -> str:
    """FFmpeg's name of the container that a suffix (without its dot) stands for."""
    return _FORMATS.get(suffix, suffix)


def lasting_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    """The entries of a file's or stream's metadata that still hold for the output."""
    lasting = {
        key: value
        for key, value in metadata.items()
        if key.lower() not in _FLEETING and not key.startswith("_STATISTICS")
    }
    name = lasting.pop("name", None)  # how mov files spell a stream's title
    return {"title": name, **lasting} if name else lasting


def stream_title(stream: Stream) -> str:
    """How messages call a stream."""
    context = stream.codec_context
    codec = context.name if context is not None else stream.name
    language = f", {stream.language}" if stream.language not in (None, "und") else ""
    return f"{stream.type} stream {stream.index} ({codec or 'unknown'}{language})"


@dataclass
class Carrier:
    """The other streams of one source on their way into one output."""

    source: InputContainer
    output: OutputContainer
    suffix: str
    """Of the output, without its dot."""
    timeline: Timeline
    indices: frozenset[int]
    """Of the source streams beside the pictures."""
    copied: dict[int, Stream] = field(default_factory=dict)
    """Output stream of every source stream that is copied, by its index."""
    stretched: list[tuple[int, audio.StretchTarget]] = field(default_factory=list)
    """Index of every source stream whose speed is changed, and where it goes."""

    @property
    def _counts_samples(self) -> bool:
        """Whether the output keeps times of sound in samples; else in milliseconds."""
        return self.suffix not in ("mkv", "webm")

    def plan(self, audio_mode: str) -> list[str]:
        """Add the output streams; returns a sentence for each source stream that finds no place.

        Args:
            audio_mode: ``"copy"``, ``"stretch"`` or ``"drop"``.
        """
        notes = []
        for stream in self._others():
            if stream.type == "audio" and audio_mode == "drop":
                continue
            if stream.type == "audio" and audio_mode == "stretch" and self.timeline.scale != 1:
                notes += self._add_stretched(stream)
            elif stream.disposition & Disposition.attached_pic and self.suffix == "mkv":
                notes += self._attach_cover(stream)
            elif accepts(self.suffix, stream):
                self._add_copied(stream)
            else:
                movable = self.suffix != "mkv" and stream.type in _KEPT_BY_MKV
                keeper = "; .mkv takes nearly everything" if movable else ""
                notes.append(
                    f"The {stream_title(stream)} was left out: .{self.suffix} cannot hold it{keeper}."
                )
        return notes

    def feeds(self) -> list[Iterator[tuple[Fraction, Packet]]]:
        """Iterators over (decoding time in the output, packet), each nearly in order."""
        feeds = [
            audio.stretched_packets(self.source.name, index, target, self.timeline)
            for index, target in self.stretched
        ]
        return [*feeds, self._copied_packets()] if self.copied else feeds

    def _others(self) -> Iterator[Stream]:
        """All other streams, less the text track by which mov files keep chapters: it is made anew."""
        chapters = self.source.chapters()
        for stream in self.source.streams:
            chapter_text = stream.type == "data" and stream.name == "bin_data" and chapters
            if stream.index in self.indices and not chapter_text:
                yield stream

    def _add_copied(self, stream: Stream) -> None:
        output = self.output.add_stream_from_template(stream, opaque=True)
        output.metadata.update(lasting_metadata(stream.metadata))
        output.disposition = stream.disposition
        if stream.time_base:
            output.time_base = stream.time_base
        if stream.type == "audio" and self._counts_samples:
            output.time_base = Fraction(1, stream.codec_context.sample_rate)  # type: ignore[attr-defined]  # audio
        self.copied[stream.index] = output

    def _attach_cover(self, stream: Stream) -> list[str]:
        """Matroska keeps cover pictures as attachments."""
        codec = stream.codec_context.name
        if codec not in _COVER_TYPES:
            return [f"The cover picture was left out: Matroska knows no covers of type {codec}."]
        with av.open(self.source.name) as reader:  # one of its own, so as not to disturb the other streams
            content = next(
                bytes(packet) for packet in reader.demux(reader.streams[stream.index]) if packet.size
            )
        suffix, kind = _COVER_TYPES[codec]
        self.output.add_attachment(stream.metadata.get("filename", f"cover.{suffix}"), kind, content)
        return []

    def _add_stretched(self, stream: Stream) -> list[str]:
        try:
            target = audio.StretchTarget.add(self.output, stream, self.suffix)
        except (ValueError, FFmpegError):
            return [f"The {stream_title(stream)} was left out: it cannot be encoded anew for .{self.suffix}."]
        target.stream.metadata.update(lasting_metadata(stream.metadata))
        target.stream.disposition = stream.disposition
        self.stretched.append((stream.index, target))
        if target.channels < stream.codec_context.channels:  # type: ignore[attr-defined]  # audio
            return [f"The {stream_title(stream)} was mixed down to {target.layout} for its new speed."]
        return []

    def _copied_packets(self) -> Iterator[tuple[Fraction, Packet]]:
        packets = {
            index: _PacketMover(stream, self.timeline, counts_samples=self._counts_samples)
            for index, stream in self.copied.items()
        }
        streams = [s for s in self.source.streams if s.index in packets and s.type != "attachment"]
        if not streams:
            return
        if self.timeline.begin is not None and self.timeline.begin > _SEEK_MARGIN:
            target = self.timeline.begin + self.timeline.zero - _SEEK_MARGIN
            self.source.seek(int(target / _MICROSECOND))
        stop = _NEVER if self.timeline.end is None else self.timeline.end + _SEEK_MARGIN
        try:
            for packet in self.source.demux(streams):
                if not packet.size or packet.time_base is None:
                    continue
                stamp = packet.dts if packet.dts is not None else packet.pts
                if stamp is not None and self.timeline.source_time(stamp, packet.time_base) > stop:
                    return
                time = packets[packet.stream_index].move(packet)
                if time is not None:
                    yield time, packet
        except FFmpegError as error:  # a damaged source: what was read before the damage is kept
            logger.warning("the other streams of %s break off: %s", self.source.name, error)


class _PacketMover:
    """Moves the packets of one stream to their place in the output's time."""

    def __init__(self, output: Stream, timeline: Timeline, *, counts_samples: bool) -> None:
        self._output = output
        self._timeline = timeline
        self._is_subtitle = output.type == "subtitle"
        self._is_cover = bool(output.disposition & Disposition.attached_pic)
        context = output.codec_context
        is_audio = output.type == "audio"
        self._samples = getattr(context, "frame_size", 0) if is_audio else 0
        self._rate = getattr(context, "sample_rate", 0) if is_audio and counts_samples else 0
        self._expected: Fraction | None = None

    def move(self, packet: Packet) -> Fraction | None:
        """Change a packet's time stamps and stream; returns its decoding time, None if it is cut off."""
        unit = packet.time_base
        stamp = packet.pts if packet.pts is not None else packet.dts
        if self._is_cover:  # it has no time
            packet.pts = packet.dts = 0
            packet.stream = self._output
            return Fraction(0)
        if stamp is None:
            return None
        start = self._smooth(self._timeline.source_time(stamp, unit), unit)
        stop = start + (packet.duration or 0) * unit if self._expected is None else self._expected
        lead = Fraction(0) if packet.dts is None else (stamp - packet.dts) * unit
        if not self._timeline.covers(start, stop):
            return None
        if self._is_subtitle:  # one that reaches over an end of the range is shown as long as it is inside
            start = max(start, self._timeline.begin if self._timeline.begin is not None else start)
            stop = min(stop, self._timeline.end if self._timeline.end is not None else stop)
        return self._stamp(packet, start, stop, lead)

    def _stamp(self, packet: Packet, start: Fraction, stop: Fraction, lead: Fraction) -> Fraction:
        place = self._timeline.place(start)
        length = (stop - start) * self._timeline.scale
        unit = self._fine_unit(packet.time_base)
        packet.time_base = unit
        packet.pts = round(place / unit)
        packet.dts = round((place - lead * self._timeline.scale) / unit)
        packet.duration = round(length / unit)
        packet.stream = self._output
        return packet.dts * unit

    def _fine_unit(self, unit: Fraction) -> Fraction:
        """The unit to hand over to the muxer in: that of samples if the source's is coarser."""
        if self._rate and unit > Fraction(1, self._rate):
            return Fraction(1, self._rate)
        return unit

    def _smooth(self, start: Fraction, unit: Fraction) -> Fraction:
        """Undo the rounding of a container that keeps milliseconds: packets of sound follow gaplessly."""
        if not self._samples or not self._rate or unit <= Fraction(1, self._rate):
            return start
        if self._expected is not None and abs(start - self._expected) <= unit:
            start = self._expected
        self._expected = start + Fraction(self._samples, self._rate)
        return start


def accepts(suffix: str, stream: Stream) -> bool:
    """Whether a container takes a stream as it is; asked by writing a header with it to memory."""
    is_cover = bool(stream.disposition & Disposition.attached_pic)
    if stream.type == "unknown" or (suffix == "webm" and stream.type == "attachment"):
        return False  # webm would take an attachment and say nothing, and then not write it
    if is_cover and suffix not in _COVER_SUFFIXES:
        return False  # the same with cover pictures
    try:
        with av.open(io.BytesIO(), "w", format=container_format(suffix)) as trial:
            copy = trial.add_stream_from_template(stream, opaque=True)
            copy.metadata.update(lasting_metadata(stream.metadata))
            trial.start_encoding()
    except (ValueError, FFmpegError):
        return False
    return True


def copy_container_data(
    source: InputContainer, output: OutputContainer, timeline: Timeline, end: Fraction
) -> None:
    """Carry the file's metadata and chapters over, the latter cut and moved with the time.

    Args:
        source: To read from.
        output: To write to, before its first packet.
        timeline: Where source times lie.
        end: Last moment of the output in seconds.
    """
    output.metadata.update(lasting_metadata(source.metadata))
    chapters: list[Any] = []
    for chapter in source.chapters():
        unit = chapter["time_base"] or _MICROSECOND
        start = max(Fraction(0), timeline.place(timeline.source_time(chapter["start"], unit)))
        stop = min(end, timeline.place(timeline.source_time(chapter["end"], unit)))
        if start < stop:
            chapters.append(
                {
                    "id": len(chapters) + 1,
                    "start": round(start / _MICROSECOND),
                    "end": round(stop / _MICROSECOND),
                    "time_base": _MICROSECOND,
                    "metadata": dict(chapter["metadata"]),
                }
            )
    if chapters:
        output.set_chapters(chapters)
