"""A video file as a source of frames: seeking, exact times, damage."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
from av.error import FFmpegError

from vfi.io.base import FrameSource
from vfi.io.frames import SourceFrame, SourceInfo, trimmed_info
from vfi.io.pixels.picture import Picture
from vfi.io.threads import read_ahead_count
from vfi.io.video.jumps import ClockJump
from vfi.io.video.reading.decoding import Decoding
from vfi.io.video.reading.interlaced import Deinterlacing, Timed, deinterlaced, field_times, interlaced_note
from vfi.io.video.reading.probe import open_container, probe_video
from vfi.io.video.timestamps import timed

logger = logging.getLogger(__name__)

# How far before the wanted start a key frame is sought whose time is not after it, in seconds.
_SEEK_BACK = (Fraction(0), Fraction(2), Fraction(15))
# Codecs in which every packet with content is one displayed frame.
_ONE_FRAME_A_PACKET = {
    "h264", "hevc", "mpeg4", "mpeg2video", "mpeg1video", "mjpeg", "prores", "dnxhd", "ffv1", "png", "vp9",
    "libvpx-vp9",
}  # fmt: skip

FrameTimes = list[tuple[Fraction, Fraction]]


class VideoSource(FrameSource):
    """The frames of a video file in stored orientation, with exact times.

    Times are seconds on the container's clock (moved back by ``info.clock_zero``, and without its jumps); the
    rotation tag is reported in ``info.rotation`` and kept with every frame, but the frames are not rotated: a
    video output gets the tag again. Each frame lasts until the next one.
    """

    def __init__(
        self,
        path: Path,
        start: Fraction | None = None,
        end: Fraction | None = None,
        *,
        rate: Fraction | None = None,
        deinterlace: Deinterlacing = "auto",
    ) -> None:
        """Probe the file: its head is read, and all its packets where its clock jumps.

        Args:
            path: Video file.
            start: Time of the first wanted frame, seconds, inclusive; None: from the beginning.
            end: Time before which the last wanted frame begins, seconds; None: to the end.
            rate: Frames per second of a bare stream; None: the rate in its headers.
            deinterlace: Treatment of interlaced video, one of
                :data:`vfi.io.video.reading.interlaced.DEINTERLACING`.

        Raises:
            InputError: If it cannot be read or the wanted part is empty.
            ConfigError: If a rate is given for a file with timestamps.
        """
        self._probe = probe_video(path, rate)
        self._whole_times: FrameTimes | None = None
        self._times: FrameTimes | None = None
        self.clock_jumps: list[ClockJump] = []
        """Jumps of the container's clock, in reading order. For files whose clock looked broken at opening:
        those found then; else those found so far by reading. The times of the frames are free of them, and
        :class:`vfi.io.video.jumps.OtherStreamClock` moves the packets of other streams by them."""
        whole = self._probe.info
        if self._probe.looks_joined:
            whole = self._measured(whole)
        self._fields = deinterlace == "bwdif" and self._probe.interlaced
        if self._fields:
            count = None if whole.frame_count is None else whole.frame_count * 2
            whole = replace(whole, rate=whole.rate and whole.rate * 2, frame_count=count)
        elif deinterlace == "auto" and self._probe.interlaced:
            whole = replace(whole, notes=(*whole.notes, interlaced_note(path)))
        info = trimmed_info(whole, start, end)
        bytes_per_pixel = 2 * 3 if info.bits > 8 else 3
        super().__init__(info, read_ahead_count(info.height, info.width, bytes_per_pixel))
        self._start, self._end = start, end

    def timestamps(self) -> list[tuple[Fraction, Fraction]]:
        """Time and duration of every frame, in seconds, as reading delivers them.

        Taken from the packets where each is known to be one frame, else found by decoding.
        """
        if self._times is None:
            whole = self._whole_times or self._packet_times()
            if whole is None:
                logger.info("%s is decoded to find the times of its frames", self.info.path)
                self._times = super().timestamps()
            else:
                self._times = list(self._trimmed_times(field_times(whole) if self._fields else whole))
        return list(self._times)

    def _read(self, first: int, last: int | None) -> Iterator[SourceFrame]:
        """Frames as of :meth:`read`, from the key frame before on.

        All times are compared; where the file's index proves to be wrong, the file is read from its beginning
        instead.
        """
        wanted = self.timestamps()[first : None if last is None else last + 1]
        done = 0
        if first and wanted and not self._fields:
            with closing(self._timed_from(wanted[0][0])) as frames:
                for time, _, frame in frames:
                    if time < wanted[done][0]:
                        continue
                    if time > wanted[done][0] or self._other_size(frame):
                        break
                    index = first + done
                    yield SourceFrame(index, *wanted[done], self._image(frame), f"{index:06d}")
                    done += 1
                    if done == len(wanted):
                        return
            logger.info("%s cannot be sought exactly and is read from its beginning", self.info.path)
        yield from super()._read(first + done, last)

    def _frames(self) -> Iterator[SourceFrame]:
        decoding, decoded = self._decode_from(self._start)
        with decoding.container:
            index = 0
            for time, duration, frame in self._timed(decoding, decoded):
                if self._other_size(frame):
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
                yield SourceFrame(index, time, duration, self._image(frame), f"{index:06d}")
                index += 1
            self.damage = self._damage(decoding, complete=False)

    def _timed(self, decoding: Decoding, frames: Iterator[av.VideoFrame]) -> Iterator[Timed]:
        """Time, duration and frame for all frames of a pass; fields as frames where that is wanted."""
        stamped = (
            (decoding.frame_stamp(frame), decoding.duration(frame.duration), frame) for frame in frames
        )
        whole = timed(stamped, self._probe.interval)
        return deinterlaced(whole) if self._fields else whole

    def _timed_from(self, start: Fraction) -> Generator[Timed, None, None]:
        decoding, decoded = self._decode_from(start)
        with decoding.container:
            yield from self._timed(decoding, decoded)

    def _trimmed_times(self, times: FrameTimes) -> Iterator[tuple[Fraction, Fraction]]:
        for time, duration in times:
            if self._start is not None and time < self._start:
                continue
            if self._end is not None and time >= self._end:
                return
            yield time, duration if self._end is None else min(duration, self._end - time)

    def _measured(self, info: SourceInfo) -> SourceInfo:
        """The information on a file whose clock jumps, with the duration that its packets cover."""
        times = self._packet_times() or []
        self._whole_times = times or None
        if not times:
            return replace(info, duration=None, frame_count=None)
        end = sum(times[-1], Fraction(0))
        return replace(info, duration=end - info.start, frame_count=len(times))

    def _packet_times(self) -> FrameTimes | None:
        """Times of all frames from the packets alone; None where packets and frames may differ."""
        probe = self._probe
        if probe.info.codec not in _ONE_FRAME_A_PACKET or probe.stamping == "none":
            return None
        with open_container(probe.info.path) as container:
            decoding = Decoding(container, probe)
            packets: list[tuple[int, int]] = []
            sound = True
            for packet in decoding.packets():
                if packet is None:
                    break
                sound = sound and packet.pts is not None and not packet.is_discard
                packets.append((packet.pts or 0, packet.duration or 0))
            self.clock_jumps = decoding.clock.jumps
            first, is_key = decoding.first_packet or (None, False)
            ordered = sorted(packets)
            distinct = len({stamp for stamp, _ in packets}) == len(packets)
            if not (sound and distinct and is_key and ordered[0][0] == first) or decoding.broken_off:
                return None
            stamped = (
                (decoding.stamp(stamp), decoding.duration(duration), None) for stamp, duration in ordered
            )
            return [(time, duration) for time, duration, _ in timed(stamped, probe.interval)]

    def _decode_from(self, start: Fraction | None) -> tuple[Decoding, Iterator[av.VideoFrame]]:
        """Open the file and begin to decode at a key frame that is not after ``start``."""
        probe = self._probe
        exact = probe.can_seek and not probe.looks_joined and not self.clock_jumps
        targets = [] if start is None or not exact else [start - back for back in _SEEK_BACK]
        for target in targets:
            if target <= probe.info.start:
                break
            decoding = Decoding(open_container(probe.info.path), probe)
            frames = decoding.frames()
            first = self._first_after_seek(decoding, frames, target)
            if first is not None:
                time = decoding.frame_stamp(first)
                if start is not None and time is not None and time <= start:
                    return decoding, chain([first], frames)
            decoding.container.close()
        decoding = Decoding(open_container(probe.info.path), probe)
        self.clock_jumps = decoding.clock.jumps  # filled while reading
        return decoding, decoding.frames()

    def _first_after_seek(
        self, decoding: Decoding, frames: Iterator[av.VideoFrame], target: Fraction
    ) -> av.VideoFrame | None:
        """The key frame at which decoding begins after a seek; None where that is not exact.

        Frames displayed before it depend on frames that were not decoded. Where the decoder does not return
        the frame of the first packet, as with intra refresh, all frames that follow may be incomplete.
        """
        stream = decoding.container.streams[self._probe.stream_index]
        ticks = int((target + self._probe.info.clock_zero) / (stream.time_base or Fraction(1, 1000)))
        try:
            decoding.container.seek(ticks, stream=stream)
            decoding.sought = True
        except FFmpegError:
            return None  # a format that cannot seek is read from its beginning
        for frame in frames:
            stamp, is_key = decoding.first_packet or (None, False)
            if stamp is None or frame.pts is None or not is_key or frame.pts > stamp:
                return None
            if frame.pts == stamp:
                return frame
        return None

    def _other_size(self, frame: av.VideoFrame) -> bool:
        return (frame.height, frame.width) != (self.info.height, self.info.width)

    def _image(self, frame: av.VideoFrame) -> Picture:
        probe = self._probe
        return Picture.from_frame(
            frame,
            tags=probe.info.color,
            has_alpha=probe.info.has_alpha,
            chroma_site=probe.chroma_site,
            rotation=probe.info.rotation,
            flipped=probe.info.flipped,
        )

    def _resized(self, frame: av.VideoFrame, time: Fraction) -> str:
        info = self.info
        return (
            f"{info.path} changes its size from {info.width}x{info.height} to {frame.width}x{frame.height} "
            f"at {float(time):.2f} s: convert it to one size to use the rest."
        )

    def _damage(self, decoding: Decoding, complete: bool) -> str | None:
        """One sentence on the damage, or None; ``complete``: the wanted part ended before the data."""
        path, time = self._probe.info.path, float(decoding.time)
        if not complete and decoding.missing():
            end = self._probe.expected_end or self._probe.info.start + (self._probe.info.duration or 0)
            stated = f" of {float(end):.2f} s" if end > decoding.time else ""
            return f"{path} breaks off at {time:.2f} s{stated}: the file is incomplete, try another copy."
        if decoding.lost:
            return f"{path} is damaged: some frames could not be decoded and are missing, try another copy."
        return None
