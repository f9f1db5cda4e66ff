"""What every source of pictures is: information, frames read ahead in a thread of its own, and a close."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
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
        """The frames in order of time.

        Raises:
            RuntimeError: If the source was iterated or closed before.
        """
        if self._prefetch is not None or self._closed:
            raise RuntimeError(f"{self.info.path} can be read once; open it again")
        self._prefetch = Prefetch(self._frames, self._read_ahead, name=f"read {self.info.path.name}")
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
        return [(frame.time, frame.duration) for frame in self._frames()]

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
    """A key of :data:`vfi.io.video.encoders.CODECS`, FFmpeg's name of an encoder, or ``"auto"``."""
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
    """Frames per second of the output where it is constant; None where only the time stamps tell."""
    divisions: int = 1
    """Into how many parts the intervals of the source are divided where there is no constant rate."""
    overwrite: bool = False
    """Replace an existing output."""
    resume: bool = False
    """Go on where an interrupted run with the same fingerprint stopped."""
    fingerprint: str = ""
    """Stands for everything that the frames depend on; runs of equal fingerprints give equal frames."""
    start: Fraction | None = None
    """Source time that became output time 0; None: the source was not trimmed at its start."""
    end: Fraction | None = None
    """Source time at which the source was trimmed; None: it was not."""
    size: tuple[int, int] | None = None
    """Height and width of the pictures if not those of the source."""
    image_format: str = "png"
    """For a folder of images: one of :data:`vfi.io.images.sink.IMAGE_FORMATS`."""
    png_compression: int = 1
    """0 (none) to 9 (smallest, slow)."""
    loop: int = 0
    """How often an animation is played; 0: for ever."""
    segment_frames: int = 120
    """Frames per resumable piece of a video: what an interruption loses at most."""


class FrameSink(Protocol):
    """What pictures are written to. A context manager: leaving it without :meth:`finish` aborts."""

    completed: int
    """Frames safely done by an interrupted run; the caller starts with the frame of this index."""

    def write(self, frame: OutputFrame) -> None:
        """Take the next frame; may wait while the encoder is behind."""
        ...

    def finish(self) -> list[str]:
        """Complete the output under its final name; returns one sentence for everything it does not keep."""
        ...

    def abort(self) -> list[str]:
        """Give up; returns a sentence that tells what can be resumed, or nothing."""
        ...

    def __enter__(self) -> Self:
        """The sink itself."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Abort unless finished."""
        ...
