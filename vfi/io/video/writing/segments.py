"""The finished segments of an unfinished video: short, closed, playable files in its partial folder.

Every segment begins at a fixed output frame and is encoded independently, so that a run that is interrupted
and resumed gives the same bytes as one that is not, and so that segments may be encoded in any order and by
several runs. A segment is written under a temporary name and renamed when it is complete. Matroska, which
supports every codec, keeps only milliseconds; the exact timestamps are in a small JSON file beside each
segment, together with its size and checksum.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet

from vfi.errors import OutputError
from vfi.io.partial import (
    UNFINISHED,
    file_record,
    matches_record,
    read_json,
    require_same_work,
    synchronise,
    write_json,
)
from vfi.io.video import ffmpeg

_SEGMENT_FILE = re.compile(r"(\d{6,})\.mkv")
_LEFTOVER = re.compile(rf"\d{{6,}}(\.mkv|\.json)?({re.escape(UNFINISHED)})?|joined\.\w+")


@dataclass(frozen=True)
class Segment:
    """One complete segment."""

    path: Path
    first: int
    """Index of its first output frame."""
    stamps: tuple[tuple[int, int], ...]
    """Timestamp and duration in ticks of every packet, in the order of decoding."""

    @property
    def frames(self) -> range:
        """Indices of its output frames."""
        return range(self.first, self.first + len(self.stamps))

    @property
    def last_stamp(self) -> int:
        """Timestamp of the last frame in the order of display, in ticks."""
        return max(stamp for stamp, _ in self.stamps)

    @property
    def reorder_delay(self) -> int:
        """Number of ticks by which decoding must run ahead of display."""
        shown = sorted(stamp for stamp, _ in self.stamps)
        return max(turn - stamp for turn, (stamp, _) in zip(shown, self.stamps, strict=True))

    def packets(self) -> Iterator[Packet]:
        """Its packets in the order of decoding, as stored."""
        with ffmpeg.open_input(self.path) as container:
            yield from (packet for packet in container.demux(video=0) if packet.size)


class SegmentStore:
    """The segments of an unfinished video in its partial folder. They need not be contiguous."""

    def __init__(self, folder: Path) -> None:
        """Find the complete and undamaged segments, and delete the others.

        Args:
            folder: Folder of an unfinished video, begun as a :class:`~vfi.io.partial.PartialFolder`.
        """
        self.folder = folder
        self.segments: list[Segment] = _undamaged_segments(folder)
        """In the order of their frames."""
        self.discard_incomplete()

    @property
    def frames(self) -> int:
        """Number of frames in complete segments."""
        return sum(len(segment.stamps) for segment in self.segments)

    @property
    def end_stamp(self) -> int:
        """End of the last complete frame, in ticks."""
        return max((stamp + duration for stamp, duration in self.segments[-1].stamps), default=0)

    def ranges(self) -> list[range]:
        """Indices of the output frames in the store: ascending ranges that neither overlap nor touch."""
        return join_ranges(segment.frames for segment in self.segments)

    def missing(self) -> list[range]:
        """Indices of the output frames that are missing before the last one in the store."""
        return gaps(self.ranges())

    def stamp_before(self, frame: int) -> int | None:
        """The timestamp of the frame before this one, in ticks; None where it is not in the store."""
        return next((segment.last_stamp for segment in self.segments if segment.frames.stop == frame), None)

    def unfinished(self, first: int) -> Path:
        """The path at which a new segment is written before :meth:`add`.

        Args:
            first: Index of its first output frame.
        """
        return self.folder / f"{first:06d}{UNFINISHED}"

    def add(self, first: int, stamps: list[tuple[int, int]]) -> None:
        """Add the segment at :meth:`unfinished` to the store.

        Args:
            first: Index of its first output frame.
            stamps: Timestamp and duration in ticks of every packet, in the order of decoding.
        """
        path, unfinished = self._path(first), self.unfinished(first)
        synchronise(unfinished)
        write_json(path.with_suffix(".json"), {"first": first, "stamps": stamps, **file_record(unfinished)})
        unfinished.replace(path)
        self._insert(Segment(path, first, tuple(stamps)))

    def adopt(self, folder: Path) -> list[range]:
        """Copy the complete segments of another run of the same output, such as one of several shards.

        Args:
            folder: Partial folder of the other run, which has ended; it is not changed.

        Returns:
            Indices of the output frames that were copied; frames already in the store are not.

        Raises:
            OutputError: If the other run had other settings, or one of its segments overlaps with one in the
                store.
        """
        require_same_work(folder, self.folder)
        taken: list[range] = []
        for segment in _undamaged_segments(folder):
            overlaps = [own for own in self.segments if _overlap(own.frames, segment.frames)]
            if any(own.frames == segment.frames for own in overlaps):
                continue
            if overlaps:
                raise OutputError(
                    f"{segment.path} and {overlaps[0].path} contain some frames twice: join only parts "
                    "that were divided at the ends of segments."
                )
            self._copy(segment)
            taken.append(segment.frames)
        return join_ranges(taken)

    def discard_incomplete(self) -> None:
        """Delete incomplete segments, and the remains of joining them."""
        kept = {path for own in self.segments for path in (own.path, own.path.with_suffix(".json"))}
        for path in self.folder.iterdir():
            if path not in kept and _LEFTOVER.fullmatch(path.name):
                path.unlink()

    def template(self) -> InputContainer:
        """The first segment, opened: its stream parameters are those of all of them."""
        return ffmpeg.open_input(self.segments[0].path)

    def packets(self) -> Iterator[Packet]:
        """All packets with exact presentation and decoding timestamps and durations, in ticks.

        Decoding times are the sorted presentation times minus one common delay: so they increase strictly at
        any frame rate and across segments, and their span is the video's true length, which FFmpeg reads as
        the duration of mov files.
        """
        delay = max(segment.reorder_delay for segment in self.segments)
        for segment in self.segments:
            shown = sorted(stamp for stamp, _ in segment.stamps)
            try:
                for packet, turn, (stamp, duration) in zip(
                    segment.packets(), shown, segment.stamps, strict=True
                ):
                    packet.pts, packet.dts, packet.duration = stamp, turn - delay, duration
                    yield packet
            except (ValueError, FFmpegError) as error:
                raise OutputError(
                    f"The finished segment {segment.path} is damaged: give --resume to encode it again."
                ) from error

    def _copy(self, segment: Segment) -> None:
        """Copy a segment of another folder, or link it where the file system can."""
        unfinished = self.unfinished(segment.first)
        unfinished.unlink(missing_ok=True)
        try:
            os.link(segment.path, unfinished)
        except OSError:
            shutil.copyfile(segment.path, unfinished)
        self.add(segment.first, list(segment.stamps))

    def _insert(self, segment: Segment) -> None:
        self.segments = sorted([*self.segments, segment], key=lambda own: own.first)

    def _path(self, first: int) -> Path:
        return self.folder / f"{first:06d}.mkv"


def join_ranges(parts: Iterator[range] | list[range]) -> list[range]:
    """Ranges in ascending order with touching and overlapping ones joined.

    Args:
        parts: Ranges of step 1.
    """
    joined: list[range] = []
    for part in sorted(parts, key=lambda part: part.start):
        if joined and part.start <= joined[-1].stop:
            joined[-1] = range(joined[-1].start, max(joined[-1].stop, part.stop))
        elif part:
            joined.append(part)
    return joined


def gaps(ranges: list[range]) -> list[range]:
    """The ranges between 0 and the end of the last range that none of the ranges covers.

    Args:
        ranges: Joined ranges, as of :func:`join_ranges`.
    """
    starts = [0, *(part.stop for part in ranges)]
    return [
        range(start, part.start) for start, part in zip(starts, ranges, strict=False) if start < part.start
    ]


def _overlap(left: range, right: range) -> bool:
    return left.start < right.stop and right.start < left.stop


def _undamaged_segments(folder: Path) -> list[Segment]:
    """The complete segments of a folder in the order of their frames, without overlaps."""
    found: list[Segment] = []
    numbered = [
        (int(match[1]), path) for path in folder.iterdir() if (match := _SEGMENT_FILE.fullmatch(path.name))
    ]
    for first, path in sorted(numbered):
        record = read_json(path.with_suffix(".json"))
        stamps = _read_stamps(record, first)
        after_others = not found or first >= found[-1].frames.stop
        if stamps and after_others and matches_record(path, record):
            found.append(Segment(path, first, stamps))
    return found


def _read_stamps(record: Any, first: int) -> tuple[tuple[int, int], ...] | None:
    """The timestamps in the record of a segment; None if the record is damaged or of another segment."""
    if not isinstance(record, dict) or record.get("first") != first:
        return None
    with suppress(TypeError, ValueError):
        stamps = tuple((stamp, duration) for stamp, duration in record["stamps"])
        if all(type(number) is int for pair in stamps for number in pair):
            return stamps
    return None
