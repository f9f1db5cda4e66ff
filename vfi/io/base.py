"""Base class of frame sources, protocol of frame sinks, and the options of an output."""

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
    """A source of frames with timestamps: a context manager that can be iterated once."""

    def __init__(self, info: SourceInfo, read_ahead: int) -> None:
        """Store the information; nothing is decoded before the iteration starts.

        Args:
            info: Properties of the source that are known before its first frame is decoded.
            read_ahead: Greatest number of decoded frames that wait for the consumer.
        """
        self.info = info
        self.damage: str | None = None
        """One sentence about damage that the iteration found, or None. Frames before (and, where possible,
        after) the damage were delivered."""
        self._read_ahead = read_ahead
        self._prefetch: Prefetch[SourceFrame] | None = None
        self._closed = False

    @abstractmethod
    def _frames(self) -> Iterator[SourceFrame]:
        """All frames in order; runs in the reading thread."""

    def __iter__(self) -> Iterator[SourceFrame]:
        """The frames in order of time; the same as :meth:`stream`."""
        return self.stream()

    def stream(self, first: int = 0) -> Iterator[SourceFrame]:
        """The frames from ``first`` on, decoded a few ahead in a thread; possible once per source.

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
        """Frames ``first`` to ``last``, as the iteration delivers them; may be called repeatedly.

        Args:
            first: Index of the first frame, from 0.
            last: Index of the last frame, inclusive; None: to the end.

        Raises:
            ValueError: If ``first`` is negative.
        """
        self._check_range(first)
        return self._read(first, last)

    def _read(self, first: int, last: int | None) -> Iterator[SourceFrame]:
        """Frames as of :meth:`read`; overridden by sources that can begin in the middle."""
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
        """Stop reading and free all resources; may be called twice."""
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
    """How an output is written. Every option has a default."""

    codec: str = "auto"
    """A key of :data:`vfi.io.video.writing.encoders.CODECS`, FFmpeg's name of an encoder, or ``"auto"``."""
    quality: float | None = None
    """Quality on the codec's own scale (CRF, ProRes profile number, 1 to 100 for jpg and webp) or None."""
    preset: str | None = None
    """The encoder's own name of its speed setting; None: default."""
    pixel_format: str = "auto"
    """FFmpeg's name of the sample layout; ``"auto"``: that of the source, or the one that loses least."""
    audio: Literal["copy", "stretch", "drop"] = "copy"
    """Treatment of the audio: packets copied; slowed down by ``time_scale`` at constant pitch; left out."""
    time_scale: Fraction = Fraction(1)
    """Output seconds per source second."""
    rate: Fraction | None = None
    """Frames per second of the output where it is constant; None for a variable rate."""
    divisions: int = 1
    """Number of parts that the source's frame intervals are divided into, where the rate is not constant."""
    overwrite: bool = False
    """Replace an existing output."""
    resume: bool = False
    """Continue where an interrupted run with the same fingerprint stopped."""
    fingerprint: str = ""
    """Digest of everything that the frames depend on; runs of equal fingerprints give equal frames."""
    start: Fraction | None = None
    """Source time that became output time 0; None: the source was not trimmed at its start."""
    end: Fraction | None = None
    """Source time at which the source was trimmed; None: it was not."""
    size: tuple[int, int] | None = None
    """Height and width of the frames in pixels, if not those of the source."""
    image_format: str = "png"
    """Format of images in a folder, one of :data:`vfi.io.images.sink.IMAGE_FORMATS`."""
    png_compression: int = 1
    """Compression level of png images, from 0 (none) to 9 (smallest, slow)."""
    loop: int = -1
    """Number of plays of an animation; 0: endless; -1: as the source, endless if it has none."""
    first_frame: int = 0
    """Index of the first output frame that is written: a shard of an output begins there."""
    segment_frames: int = 120
    """Frames per segment of a video: an interruption loses at most the segment in work."""


class FrameSink(Protocol):
    """Destination of frames. A context manager: leaving it without :meth:`finish` aborts."""

    completed: int
    """Index of the frame that the caller starts with: all before were written by interrupted runs."""
    written: tuple[range, ...]
    """Indices of all frames that interrupted runs have completed: the caller may leave them out or write them
    again, which does nothing."""

    def write(self, frame: OutputFrame) -> None:
        """Take the next frame; may wait while the encoder is behind."""
        ...

    def flush(self) -> None:
        """Wait until every frame that was handed over is encoded."""
        ...

    def finish(self) -> list[str]:
        """Complete the output under its final name; returns one sentence per property that it cannot keep."""
        ...

    def suspend(self) -> None:
        """Stop before the end; the frames written so far are kept for resuming or joining."""
        ...

    def adopt(self, folder: Path) -> None:
        """Take over the frames of a suspended run of the same output, given its unfinished folder."""
        ...

    def abort(self) -> list[str]:
        """Stop without an output; returns a sentence on what can be resumed, or nothing."""
        ...

    def __enter__(self) -> Self:
        """The sink itself."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Abort unless finished."""
        ...
