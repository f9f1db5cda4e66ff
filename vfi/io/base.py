"""What every source of pictures is: information, frames read ahead in a thread of its own, and a close."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Protocol

from typing_extensions import Self

from vfi.io.frames import OutputFrame, SourceFrame, SourceInfo
from vfi.io.threads import Prefetch

if TYPE_CHECKING:
    from typing_extensions import Self


class FrameSource(ABC):
    """A source of pictures with time stamps: a context manager that can be iterated once."""

    def __init__(self, info: SourceInfo, read_ahead: int) -> None:
        """Keep what is known; nothing is decoded before the iteration starts.

        Args:
            info: What is known before the first frame.
            read_ahead: How many decoded frames may wait for the consumer.
        """
        self.info = info
        self.damage: str | None = None
        """After the iteration: one sentence about what was broken, or None. Frames before (and, where
        possible, after) the damage were delivered."""
        self._read_ahead = read_ahead
        self._prefetch: Prefetch[SourceFrame] | None = None
        self._closed = False

    @abstractmethod
    def _frames(self) -> Iterator[SourceFrame]:
        """All frames in order; runs in the reading thread."""

    def __iter__(self) -> Iterator[SourceFrame]:
        """The frames in order of time; as :meth:`stream`."""
        return self.stream()

    def stream(self, first: int = 0) -> Iterator[SourceFrame]:
        """The frames from one on, decoded a few ahead in a thread; once per source.

        Args:
            first: Index of the first frame, from 0.

        Raises:
            RuntimeError: If the source was streamed or closed before.
        """
        if self._prefetch is not None or self._closed:
            raise RuntimeError(f"{self.info.path} can be read once; open it again")
        self._check_range(first)
        name = f"read {self.info.path.name}"
        self._prefetch = Prefetch(lambda: self.read(first), self._read_ahead, name=name)
        return iter(self._prefetch)

    def read(self, first: int = 0, last: int | None = None) -> Iterator[SourceFrame]:
        """Frames ``first`` to ``last``, as the iteration delivers them; may be called again and again.

        Args:
            first: Index of the first frame, from 0.
            last: Index of the last frame, inclusive; None: to the end.

        Raises:
            ValueError: If ``first`` is negative.
        """
        self._check_range(first)
        yield from islice(self._frames(), first, None if last is None else max(first, last + 1))

    def timestamps(self) -> list[tuple[Fraction, Fraction]]:
        """Time and duration of every frame, in seconds, as the iteration delivers them."""
        damage = self.damage
        found = [(frame.time, frame.duration) for frame in self._frames()]
        self.damage = damage  # it is about the frames that were delivered
        return found

    def _check_range(self, first: int) -> None:
        if first < 0:
            raise ValueError(f"frames are counted from 0, so {first} cannot be the first one")

    def close(self) -> None:
        """Stop reading and free everything; may be called twice."""
        self._closed = True
        if self._prefetch is not None:
            self._prefetch.close()

    def __enter__(self) -> Self:
        """The source itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the source."""
        self.close()


@dataclass(frozen=True)
class SinkOptions:
    """How an output is written. Everything has a default that suits most."""

    codec: str = "auto"
    """A key of :data:`vfi.io.video.writing.encoders.CODECS`, FFmpeg's name of an encoder, or ``"auto"``."""
    quality: float | None = None
    """On the codec's own scale (CRF; ProRes profile number; 1 to 100 for jpg and webp); None: a good one."""
    preset: str | None = None
    """The encoder's own name of how slow it works; None: a good one."""
    pixel_format: str = "auto"
    """FFmpeg's name; ``"auto"``: the source's, or the nearest that loses least."""
    audio: Literal["copy", "stretch", "drop"] = "copy"
    """What becomes of sound: packets copied; slowed down by ``time_scale`` with its pitch kept; left out."""
    time_scale: Fraction = Fraction(1)
    """Output seconds per source second."""
    rate: Fraction | None = None
    """Frames per second of the output where it is constant; None where only the timestamps state it."""
    divisions: int = 1
    """Into how many parts the intervals of the source are divided where there is no constant rate."""
    overwrite: bool = False
    """Replace an existing output."""
    resume: bool = False
    """Continue where an interrupted run with the same fingerprint stopped."""
    fingerprint: str = ""
    """Stands for everything that the frames depend on; runs of equal fingerprints give equal frames."""
    start: Fraction | None = None
    """Source time that became output time 0; None: the source was not trimmed at its start."""
    end: Fraction | None = None
    """Source time at which the source was trimmed; None: it was not."""
    size: tuple[int, int] | None = None
    """Height and width of the frames in pixels, if not those of the source."""
    image_format: str = "png"
    """For a folder of images: one of :data:`vfi.io.images.sink.IMAGE_FORMATS`."""
    png_compression: int = 1
    """0 (none) to 9 (smallest, slow)."""
    loop: int = -1
    """How often an animation is played; 0: for ever; -1: as often as the source, for ever if that is none."""
    first_frame: int = 0
    """Index of the first output frame that is written: a shard of an output begins there."""
    segment_frames: int = 120
    """Frames per resumable piece of a video: what an interruption loses at most."""


class FrameSink(Protocol):
    """What frames are written to. A context manager: leaving it without :meth:`finish` aborts."""

    completed: int
    """Frames safely done by interrupted runs, from the first on; the caller starts with this index."""
    held: tuple[range, ...]
    """Indices of all frames safely done by interrupted runs: the caller may leave them out or write them
    again, which does nothing."""

    def write(self, frame: OutputFrame) -> None:
        """Take the next frame; may wait while the encoder is behind."""
        ...

    def flush(self) -> None:
        """Wait until every frame that was handed over is encoded."""
        ...

    def finish(self) -> list[str]:
        """Complete the output under its final name; returns one sentence for everything it does not keep."""
        ...

    def suspend(self) -> None:
        """Stop before the end; what was written is complete and kept for resuming or joining."""
        ...

    def adopt(self, folder: Path) -> None:
        """Take over the frames of a suspended run of the same output, given its unfinished folder."""
        ...

    def abort(self) -> list[str]:
        """Give up; returns a sentence that states what can be resumed, or nothing."""
        ...

    def __enter__(self) -> Self:
        """The sink itself."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Abort unless finished."""
        ...
