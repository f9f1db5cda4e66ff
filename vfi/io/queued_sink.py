"""Base class of sinks that write in their own thread; write errors as one sentence."""

from __future__ import annotations

import errno
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from types import TracebackType

from av.error import FFmpegError
from typing_extensions import Self

from vfi.errors import OutputError, VfiError
from vfi.io.frames import OutputFrame
from vfi.io.partial import PartialFolder
from vfi.io.threads import POLL_SECONDS, BoundedQueue

QUEUE_FRAMES = 4
_REMEDIES = {
    errno.ENOSPC: "free some space there or write to another disk",
    errno.EDQUOT: "free some space there or write to another disk",
    errno.EFBIG: "write to a file system that allows larger files",
    errno.EACCES: "choose a folder that you may write to",
    errno.EPERM: "choose a folder that you may write to",
    errno.EROFS: "choose a folder that you may write to",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ENOTDIR: "choose another folder",
    errno.EEXIST: "choose another folder",
}


@contextmanager
def output_errors(path: Path) -> Iterator[None]:
    """Turn write errors of the system or of FFmpeg into one :class:`OutputError` on ``path``."""
    try:
        yield
    except VfiError:
        raise
    except (OSError, FFmpegError) as error:
        remedy = _REMEDIES.get(error.errno or 0, "see whether the disk and the settings are in order")
        raise OutputError(f"Cannot write {path} ({error.strerror or error}): {remedy}.") from error


class QueuedSink(ABC):
    """A sink that takes frames in order. Subclasses define how a frame is written and the output completed.

    ``_consume`` and ``_end`` run in the sink's thread; everything else in the caller's.
    """

    def __init__(self, path: Path, folder: PartialFolder, written: Sequence[range], first: int = 0) -> None:
        """Start the thread.

        Args:
            path: Output, for messages.
            folder: Folder of the unfinished output; it is locked, and is released at the end.
            written: Indices of frames that interrupted runs completed, as ascending ranges with gaps between.
            first: Index of the first frame of this sink; greater than 0 for a shard.
        """
        self.path = path
        self.written: tuple[range, ...] = ()
        """Frames that were completed before; they may be left out or written again, which does nothing."""
        self.completed = first
        """Index of the frame that the caller continues with: all before it were completed."""
        self._first = first
        self._folder = folder
        self._mark_written(written)
        self._queue: BoundedQueue[OutputFrame] = BoundedQueue(QUEUE_FRAMES)
        self._closed = False
        self._kept: list[str] = []
        self._thread = threading.Thread(target=self._run, name=f"write {path.name}", daemon=True)
        self._thread.start()

    def write(self, frame: OutputFrame) -> None:
        """Take the next frame; waits while the encoder is behind. Frames in :attr:`written` may be left out.

        Raises:
            ValueError: If the frame is not the next one.
            OutputError: If an earlier frame could not be written.
        """
        self._check_open()
        expected = self._expected
        while expected < frame.index and self._is_written(expected):
            expected += 1
        if frame.index != expected:
            raise ValueError(f"frame {expected} is next for {self.path}, not {frame.index}")
        if not self._is_written(frame.index):
            self._queue.put(frame)
        self._expected = expected + 1

    def flush(self) -> None:
        """Wait until every frame that was handed over is encoded.

        Raises:
            OutputError: If a frame could not be written.
        """
        self._check_open()
        self._queue.wait_until_done()

    def finish(self) -> list[str]:
        """Complete the output under its final name; returns when that is done.

        Returns:
            One sentence per property of the source that the output does not keep.

        Raises:
            OutputError: If it cannot be written; completed frames are kept for resuming.
        """
        self._check_open()
        try:
            self._close_queue()
            with output_errors(self.path):
                notes = self._complete()
        except BaseException:
            with suppress(OutputError):  # the first error is reported
                self.abort()
            raise
        self._closed = True
        self._folder.release()
        return notes

    def abort(self) -> list[str]:
        """Stop without an output under the final name; work that can be resumed is kept.

        Returns:
            One sentence on the work that was kept, or nothing; a second call, as after a :meth:`finish` that
            failed, returns the same.
        """
        if self._closed:
            return self._kept
        self._closed = True
        self._queue.cancel()
        self._thread.join()
        try:
            with output_errors(self.path):
                self._kept = self._discard()
        finally:
            self._folder.release()
        return self._kept

    def suspend(self) -> None:
        """Stop before the end and keep all frames written so far for a run that resumes or joins them.

        Raises:
            OutputError: If it cannot be written.
        """
        self._close_queue()
        self._closed = True
        self._folder.release()

    def adopt(self, folder: Path) -> None:
        """Take over the frames of another run of the same output, such as a shard that was suspended.

        Args:
            folder: Folder of the other run's unfinished output; it is not changed.

        Raises:
            OutputError: If that run had other settings or another input, or nothing can be taken over.
        """
        self._check_open()
        with output_errors(self.path):
            self._mark_written(self._adopt(folder))

    def __enter__(self) -> Self:
        """The sink itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Abort unless :meth:`finish` was called."""
        with suppress(OutputError) if error else nullcontext():
            self.abort()

    @abstractmethod
    def _consume(self, frame: OutputFrame) -> None:
        """Write one frame."""

    @abstractmethod
    def _end(self) -> None:
        """Write what the encoder still has after the last frame."""

    @abstractmethod
    def _complete(self) -> list[str]:
        """Give the finished output its final name; returns the notes."""

    @abstractmethod
    def _discard(self) -> list[str]:
        """Release all resources and delete what cannot be resumed; returns the notes."""

    def _adopt(self, folder: Path) -> Sequence[range]:
        """Copy the frames of another run; returns the indices of all frames that exist then."""
        raise OutputError(f"{self.path} cannot be joined from parts: choose a video or a folder of images.")

    def _mark_written(self, written: Sequence[range]) -> None:
        """Record which frames are complete."""
        self.written = tuple(written)
        self.completed = next((part.stop for part in written if self._first in part), self._first)
        self._expected = self.completed

    def _close_queue(self) -> None:
        """Let the thread write all waiting frames, and wait for its end."""
        self._queue.close()
        while self._thread.is_alive():  # in steps, so that Ctrl-C is heard
            self._thread.join(POLL_SECONDS)
        self._queue.wait_until_done()

    def _is_written(self, index: int) -> bool:
        return any(index in part for part in self.written)

    def _check_open(self) -> None:
        if self._closed:
            raise ValueError(f"{self.path} is closed")

    def _run(self) -> None:
        try:
            with output_errors(self.path):
                for frame in self._queue:
                    self._consume(frame)
                if not self._queue.cancelled:
                    self._end()
        except BaseException as error:  # raised again in the caller's thread
            self._queue.cancel(error)
