"""The unfinished output on disk: a folder of short, closed, playable pieces beside the final file.

Every piece holds a fixed number of frames and was encoded on its own, so that a run that is interrupted and
resumed gives the same bytes as one that is not. A piece is written under a temporary name and renamed when
it is complete. Matroska, which takes every codec, keeps only milliseconds; the exact time stamps lie in a
small JSON file beside each piece.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet

from vfi.errors import ConfigError, OutputError
from vfi.io.video import ffmpeg

STATE_FILE = "state.json"
VERSION = 1


@dataclass(frozen=True)
class Segment:
    """One complete piece."""

    path: Path
    stamps: tuple[tuple[int, int], ...]
    """Time stamp and duration in ticks of every packet, in the order of decoding."""

    @property
    def reorder_delay(self) -> int:
        """By how many ticks decoding must run ahead of showing."""
        shown = sorted(stamp for stamp, _ in self.stamps)
        return max(turn - stamp for turn, (stamp, _) in zip(shown, self.stamps, strict=True))

    def packets(self) -> Iterator[Packet]:
        """Its packets in the order of decoding, as stored."""
        with ffmpeg.open_input(self.path) as container:
            yield from (packet for packet in container.demux(video=0) if packet.size)


class PartialFolder:
    """The folder of an unfinished output, recognised by its state file."""

    def __init__(self, output: Path) -> None:
        """Name the folder; nothing is touched yet.

        Args:
            output: The final file or folder.
        """
        self.output = output
        self.path = output.with_name(output.name + ".part")

    def begin(self, identity: Mapping[str, Any], *, resume: bool) -> None:
        """Make the folder ready: empty, or with what an interrupted run of the same identity left.

        Args:
            identity: What must be equal for a run to be continued; plain JSON values.
            resume: Continue if there is something to continue.

        Raises:
            OutputError: If something that is not ours has the folder's name.
            ConfigError: If the interrupted run had other settings.
        """
        state = {"vfi": VERSION, **identity}
        found = self._state()
        if resume and found == state:
            return
        if resume and found is not None:
            raise ConfigError(
                f"{self.path} was begun with other settings or another input: give the same ones to "
                "resume it, or leave --resume out to start anew."
            )
        if found is None and self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
            raise OutputError(
                f"{self.path} is in the way and was not made by vfi: move it away or choose another output."
            )
        self.remove()
        self.path.mkdir(parents=True)
        write_json(self.path / STATE_FILE, state)

    def remove(self) -> None:
        """Delete the folder, which must be ours."""
        if self.path.is_dir():
            shutil.rmtree(self.path)

    def _state(self) -> dict[str, Any] | None:
        try:
            return json.loads((self.path / STATE_FILE).read_text("utf-8"))
        except (OSError, ValueError):
            return None


class SegmentStore:
    """The pieces of an unfinished video in its partial folder."""

    def __init__(self, folder: Path) -> None:
        """Find what is complete and delete what is not.

        Args:
            folder: Of an unfinished output, made by :class:`PartialFolder`.
        """
        self.folder = folder
        self.segments: list[Segment] = []
        while (path := self._path(len(self.segments))).exists():
            stamps = json.loads(path.with_suffix(".json").read_text("utf-8"))
            self.segments.append(Segment(path, tuple((stamp, duration) for stamp, duration in stamps)))
        self.discard_incomplete()

    @property
    def frames(self) -> int:
        """Number of frames in complete pieces."""
        return sum(len(segment.stamps) for segment in self.segments)

    @property
    def last_stamp(self) -> int | None:
        """The greatest time stamp in complete pieces, in ticks."""
        return max((stamp for stamp, _ in self.segments[-1].stamps), default=None) if self.segments else None

    @property
    def end_stamp(self) -> int:
        """When the last complete frame ends, in ticks."""
        return max((stamp + duration for stamp, duration in self.segments[-1].stamps), default=0)

    @property
    def unfinished(self) -> Path:
        """Where the next piece is to be written before :meth:`add`."""
        return self._path(len(self.segments)).with_suffix(".unfinished")

    def add(self, stamps: list[tuple[int, int]]) -> None:
        """Take the piece at :attr:`unfinished` as complete.

        Args:
            stamps: Time stamp and duration in ticks of every packet, in the order of decoding.
        """
        path, unfinished = self._path(len(self.segments)), self.unfinished
        write_json(path.with_suffix(".json"), stamps)
        synchronise(unfinished)
        unfinished.rename(path)
        self.segments.append(Segment(path, tuple(stamps)))

    def discard_incomplete(self) -> None:
        """Delete whatever is in the folder beside complete pieces and the state."""
        kept = {self.folder / STATE_FILE}
        for segment in self.segments:
            kept |= {segment.path, segment.path.with_suffix(".json")}
        for path in self.folder.iterdir():
            if path not in kept:
                path.unlink()

    def template(self) -> InputContainer:
        """The first piece, opened: what its stream says holds for all of them."""
        return ffmpeg.open_input(self.segments[0].path)

    def packets(self) -> Iterator[Packet]:
        """All packets with exact presentation and decoding time stamps and durations, in ticks.

        Decoding times are the sorted presentation times moved back by one delay for all: so they increase
        strictly at any frame rate and across the joints, and their span is the video's true length, which
        is what FFmpeg reads as the duration of mov files.
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
                mend = f"delete {self.folder} and start anew"
                raise OutputError(f"The finished piece {segment.path} is damaged: {mend}.") from error

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:06d}.mkv"


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file whole or not at all."""
    unfinished = path.with_name(path.name + ".unfinished")
    unfinished.write_text(json.dumps(content), "utf-8")
    unfinished.replace(path)


def synchronise(path: Path) -> None:
    """Wait until a file's content is on the disk, so that its renaming cannot overtake it."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
