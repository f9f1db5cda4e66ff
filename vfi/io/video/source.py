"""A video file as a source of pictures: decoding, seeking, exact times, and what was broken."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.error import FFmpegError

from vfi.io.base import FrameSource
from vfi.io.frames import SourceFrame, trimmed_info
from vfi.io.pixels.picture import Picture
from vfi.io.threads import read_ahead_count
from vfi.io.video.matroska import ends_within_segment
from vfi.io.video.probe import VideoProbe, open_container, probe_video, stream_decoder
from vfi.io.video.timestamps import timed

# How far before the wanted start to look for a key picture whose own time is not after it, in seconds.
_SEEK_BACK = (Fraction(0), Fraction(2), Fraction(15))
# A stream that ends this much before its stated end was cut off.
_SHORTFALL_SECONDS = Fraction(1, 2)
_SHORTFALL_FRAMES = 2


class Decoding:
    """One pass over the pictures of an open container, remembering what went wrong on the way."""

    def __init__(self, container: InputContainer, probe: VideoProbe) -> None:
        """Prepare to decode; the container stays the caller's to close.

        Args:
            container: Freshly opened or freshly sought.
            probe: What is known of the file.
        """
        self.container = container
        self.time = Fraction(0)
        """Time of the latest decoded picture, seconds on the source's clock."""
        self.reached = Fraction(0)
        """End of the latest packet of any stream, seconds on the source's clock."""
        self.packets = 0
        self.lost = False
        """Whether the decoder refused something after the first picture."""
        self.broken_off = False
        """Whether the data ended within a picture."""
        self.sought = False
        """Whether the pass began in the middle of the file."""
        self._probe = probe
        self._stream: Any = container.streams[probe.stream_index]
        self._context: Any = stream_decoder(self._stream, probe.decoder)

    def frames(self) -> Iterator[av.VideoFrame]:
        """The pictures in order of presentation; a last one that was cut off is left out."""
        held: av.VideoFrame | None = None
        for packet in self._packets():
            for frame in self._decode(packet, started=held is not None):
                if held is not None:
                    yield held
                held = frame
        if held is not None and held.is_corrupt:
            self.broken_off = True
        elif held is not None:
            yield held

    def stamp(self, frame: av.VideoFrame) -> Fraction | None:
        """Time of a picture on the source's clock, seconds."""
        ticks = frame.pts if frame.pts is not None else frame.dts
        if ticks is None:
            return None
        return self._probe.grid.snapped(ticks * self._time_base - self._probe.info.clock_zero)

    def duration(self, frame: av.VideoFrame) -> Fraction | None:
        """A picture's own duration where it has one, seconds."""
        own = frame.duration * self._time_base
        if own <= 0:
            return None
        near = abs(own - self._probe.interval) <= self._time_base
        return self._probe.interval if near and self._probe.grid.rate else own

    @property
    def _time_base(self) -> Fraction:
        return Fraction(self._stream.time_base or Fraction(1, 1000))

    def _packets(self) -> Iterator[av.Packet | None]:
        """Packets of pictures, then None to flush; a last one that is incomplete is left out."""
        suspect: av.Packet | None = None
        try:
            for packet in self.container.demux():
                self._note_extent(packet)
                if packet.stream_index != self._probe.stream_index or not packet.size:
                    continue
                if suspect is not None:
                    yield suspect  # more follows, so it was not the end of the data
                suspect = packet if packet.is_corrupt else None
                self.packets += 1
                if suspect is None:
                    yield packet
        except FFmpegError:
            self.broken_off = True
        if suspect is not None:
            self.broken_off = True
        yield None

    def _note_extent(self, packet: av.Packet) -> None:
        if packet.pts is not None and packet.size and not packet.is_corrupt:
            end = (packet.pts + (packet.duration or 0)) * packet.time_base - self._probe.info.clock_zero
            self.reached = max(self.reached, end)

    def _decode(self, packet: av.Packet | None, started: bool) -> list[av.VideoFrame]:
        try:
            return self._context.decode(packet)
        except EOFError:
            return []
        except FFmpegError:
            # Before the first picture that is a seek into the middle of a group, not damage.
            self.lost = self.lost or started
            return []

    def missing(self) -> bool:
        """Whether the data ended before the container's stated end."""
        probe = self._probe
        if self.broken_off:
            return True
        if probe.expected_frames is not None and not self.sought:
            return self.packets + _SHORTFALL_FRAMES < probe.expected_frames
        if _index_exceeds_file(self._stream, probe.info.path) or ends_within_segment(probe.info.path):
            return True
        tolerance = max(_SHORTFALL_SECONDS, _SHORTFALL_FRAMES * probe.interval)
        return probe.expected_end is not None and self.reached + tolerance < probe.expected_end


def _index_exceeds_file(stream: Any, path: Path) -> bool:
    """Whether the container's index points beyond the end of the file."""
    entries = stream.index_entries
    return len(entries) > 0 and entries[-1].pos + entries[-1].size > path.stat().st_size


class VideoSource(FrameSource):
    """The pictures of a video file in stored orientation, with exact times.

    Times are seconds on the container's clock (moved back by ``info.clock_zero``); the rotation tag is
    reported in ``info.rotation`` and kept with every picture, but the pictures are not turned: a video
    output sets the tag again. Each picture lasts until the next one.
    """

    def __init__(self, path: Path, start: Fraction | None = None, end: Fraction | None = None) -> None:
        """Look at the file; nothing but its head is read yet.

        Args:
            path: The file.
            start: Time of the first wanted picture, seconds, inclusive; None: from the beginning.
            end: Time before which the last wanted picture begins, seconds; None: to the end.

        Raises:
            InputError: If it cannot be read or the wanted part is empty.
        """
        self._probe = probe_video(path)
        info = trimmed_info(self._probe.info, start, end)
        bytes_per_pixel = 2 * 3 if info.bits > 8 else 3
        super().__init__(info, read_ahead_count(info.height, info.width, bytes_per_pixel))
        self._start, self._end = start, end

    def _frames(self) -> Iterator[SourceFrame]:
        decoding, frames = self._decode_from(self._start)
        with decoding.container:
            stamped = ((decoding.stamp(frame), decoding.duration(frame), frame) for frame in frames)
            index = 0
            for time, duration, frame in timed(stamped, self._probe.interval):
                if (frame.height, frame.width) != (self.info.height, self.info.width):
                    self.damage = self._resized(frame, time)
                    return
                decoding.time = time
                if self._start is not None and time < self._start:
                    continue
                if self._end is not None:
                    if time >= self._end:
                        self.damage = self._damage(decoding, complete=True)
                        return
                    duration = min(duration, self._end - time)
                yield SourceFrame(index, time, duration, self._picture(frame), f"{index:06d}")
                index += 1
            self.damage = self._damage(decoding, complete=False)

    def _decode_from(self, start: Fraction | None) -> tuple[Decoding, Iterator[av.VideoFrame]]:
        """Open the file and begin to decode at a key picture that is not after ``start``."""
        probe = self._probe
        targets = [] if start is None else [start - back for back in _SEEK_BACK]
        for target in targets:
            if target <= probe.info.start:
                break
            decoding = Decoding(open_container(probe.info.path), probe)
            frames = decoding.frames()
            first = self._first_after_seek(decoding, frames, target)
            if first is not None:
                time = decoding.stamp(first)
                if start is not None and time is not None and time <= start:
                    return decoding, chain([first], frames)
            decoding.container.close()
        decoding = Decoding(open_container(probe.info.path), probe)
        return decoding, decoding.frames()

    def _first_after_seek(
        self, decoding: Decoding, frames: Iterator[av.VideoFrame], target: Fraction
    ) -> av.VideoFrame | None:
        stream = decoding.container.streams[self._probe.stream_index]
        ticks = int((target + self._probe.info.clock_zero) / (stream.time_base or Fraction(1, 1000)))
        try:
            decoding.container.seek(ticks, stream=stream)
            decoding.sought = True
        except FFmpegError:
            return None  # a format that cannot seek is read from its beginning
        return next(frames, None)

    def _picture(self, frame: av.VideoFrame) -> Picture:
        probe = self._probe
        return Picture.from_frame(
            frame,
            tags=probe.info.color,
            has_alpha=probe.info.has_alpha,
            chroma_site=probe.chroma_site,
            rotation=probe.info.rotation,
            mirrored=probe.info.mirrored,
        )

    def _resized(self, frame: av.VideoFrame, time: Fraction) -> str:
        info = self.info
        return (
            f"{info.path} changes its size from {info.width}x{info.height} to {frame.width}x{frame.height} "
            f"at {float(time):.2f} s: convert it to one size to use the rest."
        )

    def _damage(self, decoding: Decoding, complete: bool) -> str | None:
        """One sentence on what was broken, or None; ``complete``: the wanted part ended before the data."""
        path, time = self._probe.info.path, float(decoding.time)
        if not complete and decoding.missing():
            end = self._probe.expected_end or self._probe.info.start + (self._probe.info.duration or 0)
            stated = f" of {float(end):.2f} s" if end > decoding.time else ""
            return f"{path} breaks off at {time:.2f} s{stated}: the file is incomplete, try another copy."
        if decoding.lost:
            return f"{path} is damaged: some pictures could not be decoded and are missing, try another copy."
        return None
