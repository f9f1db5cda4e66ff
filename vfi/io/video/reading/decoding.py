"""One decoding pass over an open video file: packets, their clock, frames, and damage."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.error import FFmpegError

from vfi.io.video.jumps import ClockFollower
from vfi.io.video.reading.matroska import ends_within_segment
from vfi.io.video.reading.probe import VideoProbe, stream_decoder
from vfi.io.video.reading.riff import ends_within_riff

# A stream that ends this much before its stated end was cut off.
_SHORTFALL_SECONDS = Fraction(1, 2)
_SHORTFALL_FRAMES = 2
# More frames than any codec delays to reorder them: a packet older than that gave no frame.
_MOST_REORDERED = 32


class Decoding:
    """One pass over the frames of an open container, which records the damage found on the way."""

    def __init__(self, container: InputContainer, probe: VideoProbe) -> None:
        """Prepare to decode; the container stays the caller's to close.

        Args:
            container: Container that was just opened or sought.
            probe: Probe of the same file.
        """
        self.container = container
        self.time = Fraction(0)
        """Time of the latest decoded frame, seconds on the source's clock."""
        self.reached = Fraction(0)
        """End of the latest packet of any stream, seconds on the source's clock."""
        self.packets_read = 0
        """Packets of the video stream, those without content included."""
        self.lost = False
        """Whether the decoder refused something after the first frame."""
        self.broken_off = False
        """Whether the data ended within a frame."""
        self.sought = False
        """Whether the pass began in the middle of the file."""
        self.first_packet: tuple[int | None, bool] | None = None
        """Timestamp of the first packet with content, and whether it is marked as a key frame."""
        self._probe = probe
        self._stream: Any = container.streams[probe.stream_index]
        self._context: Any = stream_decoder(self._stream, probe.decoder)
        self._time_base = Fraction(self._stream.time_base or Fraction(1, 1000))
        self.clock = ClockFollower(probe.interval, resets=probe.resets)
        """The jumps of the container's clock so far."""
        self._free: list[int] = []  # timestamps that no frame has taken yet, where they are sorted

    def frames(self) -> Iterator[av.VideoFrame]:
        """The frames in order of presentation; a last one that was cut off is left out."""
        latest: av.VideoFrame | None = None
        for packet in self.packets():
            for frame in self._decode(packet, started=latest is not None):
                self._take_earliest(frame)
                if latest is not None:
                    yield latest
                latest = frame
        if latest is not None and latest.is_corrupt:
            self.broken_off = True
        elif latest is not None:
            yield latest

    def stamp(self, ticks: int | None) -> Fraction | None:
        """Time on the source's clock, in seconds, of a timestamp from which clock jumps are removed."""
        if ticks is None or self._probe.stamping == "none":
            return None
        return self._probe.grid.snapped(ticks * self._time_base - self._probe.info.clock_zero)

    def frame_stamp(self, frame: av.VideoFrame) -> Fraction | None:
        """Time of a frame on the source's clock, seconds."""
        return self.stamp(frame.pts if frame.pts is not None else frame.dts)

    def duration(self, ticks: int | None) -> Fraction | None:
        """A frame's own duration in seconds where it has one, from that in ticks."""
        own = (ticks or 0) * self._time_base
        if own <= 0 or self._probe.stamping == "none":
            return None
        near = abs(own - self._probe.interval) <= self._time_base
        return self._probe.interval if near and self._probe.grid.rate else own

    def packets(self) -> Iterator[av.Packet | None]:
        """Packets of the video stream, then None to flush; an incomplete last packet is left out.

        Their timestamps are those of one continuous clock: jumps are removed.
        """
        suspect: av.Packet | None = None
        try:
            for packet in self.container.demux():
                self._note_extent(packet)
                if packet.stream_index != self._probe.stream_index:
                    continue
                self.packets_read += packet.size > 0 or packet.dts is not None
                if not packet.size:
                    continue
                if suspect is not None:
                    yield suspect  # more follows, so it was not the end of the data
                self._set_clock(packet)
                suspect = packet if packet.is_corrupt else None
                if suspect is None:
                    yield packet
        except FFmpegError:
            self.broken_off = True
        if suspect is not None:
            self.broken_off = True
        yield None

    def missing(self) -> bool:
        """Whether the data ended before the container's stated end."""
        probe = self._probe
        if self.broken_off:
            return True
        if probe.expected_frames is not None and not self.sought:
            # Empty chunks for frames that were dropped are counted by the header, but not delivered.
            short = self.packets_read + _SHORTFALL_FRAMES < probe.expected_frames
            return short and ends_within_riff(probe.info.path)
        if _index_exceeds_file(self._stream, probe.info.path) or ends_within_segment(probe.info.path):
            return True
        tolerance = max(_SHORTFALL_SECONDS, _SHORTFALL_FRAMES * probe.interval)
        return probe.expected_end is not None and self.reached + tolerance < probe.expected_end

    def _note_extent(self, packet: av.Packet) -> None:
        if packet.pts is not None and packet.size and not packet.is_corrupt:
            end = (packet.pts + (packet.duration or 0)) * packet.time_base - self._probe.info.clock_zero
            self.reached = max(self.reached, end)

    def _set_clock(self, packet: av.Packet) -> None:
        """Remove the clock's jumps from a packet's timestamps, and record those that frames may take."""
        stamping = self._probe.stamping
        if stamping == "sorted dts":
            packet.pts = packet.dts
        ticks = packet.dts if packet.dts is not None else packet.pts
        if ticks is not None and stamping != "none":
            unit = self._time_base
            duration = (packet.duration or 0) * unit
            offset = round(self.clock.follow(ticks * unit, duration, packet.pos, unit) / unit)
            if offset:
                packet.pts = None if packet.pts is None else packet.pts + offset
                packet.dts = None if packet.dts is None else packet.dts + offset
        if self.first_packet is None:
            self.first_packet = packet.pts, packet.is_keyframe
        if stamping.startswith("sorted") and packet.pts is not None:
            heapq.heappush(self._free, packet.pts)

    def _take_earliest(self, frame: av.VideoFrame) -> None:
        """Give a frame the earliest free timestamp, where timestamps increase in decoding order."""
        if not self._free or frame.pts is None:
            return
        while len(self._free) > 1 and self._free[0] < frame.pts - _MOST_REORDERED * self._slot:
            heapq.heappop(self._free)
        frame.pts = heapq.heappop(self._free)

    @property
    def _slot(self) -> int:
        return max(1, round(self._probe.interval / self._time_base))

    def _decode(self, packet: av.Packet | None, started: bool) -> list[av.VideoFrame]:
        try:
            return self._context.decode(packet)
        except EOFError:
            return []
        except FFmpegError:
            # Before the first frame that is a seek into the middle of a group, not damage.
            self.lost = self.lost or started
            return []


def _index_exceeds_file(stream: Any, path: Path) -> bool:
    """Whether the container's index points beyond the end of the file."""
    entries = stream.index_entries
    return len(entries) > 0 and entries[-1].pos + entries[-1].size > path.stat().st_size
