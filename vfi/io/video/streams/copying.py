"""Writes the streams other than the frames, chapters and metadata to the output at their times."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Disposition, Stream

from vfi.io.video import ffmpeg
from vfi.io.video.jumps import ClockJump, OtherStreamClock
from vfi.io.video.streams.audio import SoundTarget, encoded_packets
from vfi.io.video.streams.containers import MATROSKA_SUFFIXES, TEXT_CODECS
from vfi.io.video.streams.planning import COVER_TYPES, StreamPlan, StreamRefusal, Treatment
from vfi.io.video.streams.subtitles import SubtitleConverter
from vfi.io.video.timestamps import Timeline

logger = logging.getLogger(__name__)

_SEEK_MARGIN = 30  # seconds before the range in which a subtitle may begin that reaches into it
_NEVER = Fraction(1 << 62)
_MICROSECOND = Fraction(1, 1_000_000)
# Entries that muxers write themselves, or that describe the source file; all others are the author's.
_FLEETING = {
    "major_brand", "minor_version", "compatible_brands", "encoder", "software", "duration",
    "handler_name", "vendor_id", "timecode", "bps", "number_of_frames", "number_of_bytes", "rotate",
    "alpha_mode",
}  # fmt: skip


def lasting_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    """The entries of a file's or stream's metadata that are also true of the output.

    Args:
        metadata: Metadata entries of the source.
    """
    lasting = {
        key: value
        for key, value in metadata.items()
        if key.lower() not in _FLEETING and not key.startswith("_STATISTICS")
    }
    name = lasting.pop("name", None)  # how mov files spell a stream's title
    return {"title": name, **lasting} if name else lasting


@dataclass
class StreamWriter:
    """Writes the streams of a source other than its frames to an output, as planned."""

    source: InputContainer
    path: Path
    """File of the source, which is opened again where packets are read in another order."""
    output: OutputContainer
    suffix: str
    """Suffix of the output without its dot."""
    timeline: Timeline
    jumps: tuple[ClockJump, ...] = ()
    """Jumps of the source's clock, in reading order."""
    origins: dict[int, int] = field(default_factory=dict)
    """Number of the source's stream of every output stream, by the latter's number."""
    _copied: dict[int, Stream] = field(default_factory=dict)
    _converted: dict[int, SubtitleConverter] = field(default_factory=dict)
    _encoded: list[tuple[int, SoundTarget]] = field(default_factory=list)

    def add(self, plans: list[StreamPlan]) -> list[str]:
        """Add the output streams; returns one sentence per stream that is changed or left out.

        Args:
            plans: Plans of all streams.

        Raises:
            StreamRefusal: If a stream cannot be added.
        """
        notes: list[str] = []
        for plan in plans:
            stream = self.source.streams[plan.index]
            notes += [plan.note] if plan.note else []
            try:
                notes += self._add(stream, plan)
            except (ValueError, FFmpegError) as error:
                if not ffmpeg.is_refusal(error):
                    raise
                raise StreamRefusal(plan.index) from error
        return notes

    def _add(self, stream: Stream, plan: StreamPlan) -> list[str]:
        if plan.treatment is Treatment.COPY:
            self._add_copied(stream)
        elif plan.treatment is Treatment.ATTACH:
            self._attach_cover(stream)
        elif plan.treatment is Treatment.CONVERT:
            self._add_converted(stream)
        elif plan.treatment is Treatment.ENCODE:
            return self._add_encoded(stream, plan)
        return []

    def feeds(self) -> list[Iterator[tuple[Fraction, Packet]]]:
        """Iterators over (decoding time in the output in seconds, packet), each nearly in order."""
        feeds = [self._encoded_packets(index, target) for index, target in self._encoded]
        return [*feeds, self._moved_packets()] if self._copied or self._converted else feeds

    @property
    def _counts_samples(self) -> bool:
        """Whether the output keeps audio times in samples; otherwise in milliseconds."""
        return self.suffix not in MATROSKA_SUFFIXES

    def _describe(self, output: Stream, stream: Stream) -> None:
        output.metadata.update(lasting_metadata(stream.metadata))
        output.disposition = stream.disposition
        self.origins[output.index] = stream.index

    def _add_copied(self, stream: Stream) -> None:
        output = self.output.add_stream_from_template(stream, opaque=True)
        self._describe(output, stream)
        if stream.time_base:
            output.time_base = stream.time_base
        if stream.type == "audio" and self._counts_samples:
            output.time_base = Fraction(1, stream.codec_context.sample_rate)  # type: ignore[attr-defined]  # audio
        self._copied[stream.index] = output

    def _add_converted(self, stream: Stream) -> None:
        converter = SubtitleConverter.add(self.output, stream, TEXT_CODECS[self.suffix])
        self._describe(converter.stream, stream)
        self._converted[stream.index] = converter

    def _attach_cover(self, stream: Stream) -> None:
        """Attach a cover, as Matroska stores it."""
        with ffmpeg.open_input(self.path) as reader:  # opened again, so as not to disturb the other streams
            content = next(
                bytes(packet) for packet in reader.demux(reader.streams[stream.index]) if packet.size
            )
        suffix, kind = COVER_TYPES[stream.codec_context.name]
        self.output.add_attachment(stream.metadata.get("filename", f"cover.{suffix}"), kind, content)

    def _add_encoded(self, stream: Stream, plan: StreamPlan) -> list[str]:
        target = SoundTarget.add(self.output, stream, self.suffix, plain=plan.note is not None)
        self._describe(target.stream, stream)
        self._encoded.append((stream.index, target))
        if target.channels < stream.codec_context.channels:  # type: ignore[attr-defined]  # audio
            return [f"The {plan.title} was mixed down to {target.layout}, which its encoder supports."]
        return []

    def _encoded_packets(self, index: int, target: SoundTarget) -> Iterator[tuple[Fraction, Packet]]:
        """Re-encoded packets; an error of the decoder or encoder costs this stream alone."""
        try:
            yield from encoded_packets(self.path, index, target, self.timeline, self.jumps)
        except (ValueError, FFmpegError) as error:
            if not ffmpeg.is_refusal(error):
                raise
            raise StreamRefusal(index) from error

    def _moved_packets(self) -> Iterator[tuple[Fraction, Packet]]:
        """Copied and converted packets at their times in the output."""
        outputs = {**self._copied, **{index: text.stream for index, text in self._converted.items()}}
        movers = {
            index: _PacketMover(stream, self.timeline, counts_samples=self._counts_samples)
            for index, stream in outputs.items()
        }
        stop = _NEVER if self.timeline.end is None else self.timeline.end + _SEEK_MARGIN
        try:
            for packet, offset in self._read(set(movers)):
                stamp = packet.dts if packet.dts is not None else packet.pts
                mover = movers[packet.stream_index]
                if stamp is not None and self.timeline.source_time(stamp, packet.time_base) + offset > stop:
                    return
                moved = self._converted_packet(packet)
                time = None if moved is None else mover.move(moved, offset)
                if moved is not None and time is not None:
                    yield time, moved
        except FFmpegError as error:  # a damaged source: packets before the damage are kept
            logger.warning("the other streams of %s break off: %s", self.path, error)

    def _converted_packet(self, packet: Packet) -> Packet | None:
        converter = self._converted.get(packet.stream_index)
        if converter is None:
            return packet
        converted = converter.convert(packet)
        if converted is not None:
            converted.pts, converted.dts, converted.duration = packet.pts, packet.dts, packet.duration or 0
            converted.time_base = packet.time_base
        return converted

    def _read(self, wanted: set[int]) -> Iterator[tuple[Packet, Fraction]]:
        """Packets of the wanted streams in the order of the file, each with its clock's offset, seconds."""
        followed = [s for s in self.source.streams if s.type == "video" and self.jumps]
        streams = [s for s in self.source.streams if s.index in wanted and s.type != "attachment"]
        if not streams:
            return
        if self.timeline.begin is not None and self.timeline.begin > _SEEK_MARGIN and not self.jumps:
            target = self.timeline.begin + self.timeline.zero - _SEEK_MARGIN
            self.source.seek(int(target / _MICROSECOND))
        clocks = {stream.index: OtherStreamClock(self.jumps) for stream in (*streams, *followed)}
        passed = 0  # by the stream that is farthest
        for packet in self.source.demux(list({s.index: s for s in (*streams, *followed)}.values())):
            if not packet.size or packet.time_base is None:
                continue
            clock, stamp = clocks[packet.stream_index], packet.dts if packet.dts is not None else packet.pts
            if packet.stream.type in ("audio", "video") and stamp is not None:
                offset = clock.offset(stamp * packet.time_base)
                passed = max(passed, clock.passed)
            else:
                offset = clock.follow(passed)
            if packet.stream_index in wanted:
                yield packet, offset


class _PacketMover:
    """Moves the packets of one stream to their times in the output."""

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

    def move(self, packet: Packet, offset: Fraction) -> Fraction | None:
        """Change a packet's timestamps and stream; returns its decoding time, None if it is cut off.

        Args:
            packet: Packet of the source.
            offset: Seconds to add to its times because of jumps of the source's clock.
        """
        unit = packet.time_base
        stamp = packet.pts if packet.pts is not None else packet.dts
        if self._is_cover:  # it has no time
            packet.pts = packet.dts = 0
            packet.stream = self._output
            return Fraction(0)
        if stamp is None:
            return None
        start = self._smooth(self._timeline.source_time(stamp, unit) + offset, unit)
        stop = start + (packet.duration or 0) * unit if self._expected is None else self._expected
        lead = Fraction(0) if packet.dts is None else (stamp - packet.dts) * unit
        if not self._timeline.covers(start, stop):
            return None
        if self._is_subtitle:  # one that crosses an end of the range is shown as long as it is inside
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
        """The time unit for the muxer: that of samples if the source's is coarser."""
        if self._rate and unit > Fraction(1, self._rate):
            return Fraction(1, self._rate)
        return unit

    def _smooth(self, start: Fraction, unit: Fraction) -> Fraction:
        """Undo the rounding of a container that keeps milliseconds: audio packets follow without gaps."""
        if not self._samples or not self._rate or unit <= Fraction(1, self._rate):
            return start
        if self._expected is not None and abs(start - self._expected) <= unit:
            start = self._expected
        self._expected = start + Fraction(self._samples, self._rate)
        return start


def copy_container_data(
    source: InputContainer, output: OutputContainer, timeline: Timeline, end: Fraction
) -> None:
    """Copy the file's metadata and chapters, the latter trimmed and moved like the frames.

    Args:
        source: Source file.
        output: Output file, before its first packet.
        timeline: Mapping of source times to output times.
        end: End of the output in seconds.
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
