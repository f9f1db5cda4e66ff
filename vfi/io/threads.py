"""What all sinks share: a thread, a bounded queue before it, and errors that reach the caller."""

from __future__ import annotations

import errno
import queue
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from types import TracebackType
from typing import Generic, TypeVar

from av.error import FFmpegError
from typing_extensions import Self

from vfi.errors import OutputError, VfiError
from vfi.io.frames import OutputFrame

Item = TypeVar("Item")

READ_AHEAD_BYTES = 64 << 20
_FEWEST_AHEAD, _MOST_AHEAD = 2, 8


def read_ahead_count(height: int, width: int, bytes_per_pixel: float) -> int:
    """How many pictures of a size to hold ready: small ones by number, large ones by memory."""
    fitting = READ_AHEAD_BYTES / max(1.0, height * width * bytes_per_pixel)
    return max(_FEWEST_AHEAD, min(_MOST_AHEAD, int(fitting)))


class Prefetch(Generic[Item]):
    """Runs an iterator in a thread and hands its items over through a bounded queue.

    An exception of the iterator surfaces in the consumer, after the items before it. The thread is gone
    when the iterator is exhausted or :meth:`close` has returned; the iterator is closed in its own thread.
    """

    def __init__(self, produce: Callable[[], Iterator[Item]], capacity: int, name: str) -> None:
        """Start reading ahead.

        Args:
            produce: Makes the iterator; called in the new thread.
            capacity: How many items may wait.
            name: Name of the thread.
        """
        self._produce = produce
        self._capacity = capacity
        self._items: deque[Item] = deque()
        self._changed = threading.Condition()
        self._stopped = False
        self._finished = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[Item]:
        """The items in order; holds no reference to any that it has handed over."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._items or self._finished or self._stopped)
                if self._stopped:
                    return
                if not self._items:
                    break
                item = self._items.popleft()
                self._changed.notify_all()
            yield item
            del item
        self._thread.join()
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def close(self) -> None:
        """Stop the thread and wait for its end; waiting items are dropped."""
        with self._changed:
            self._stopped = True
            self._items.clear()
            self._changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        try:
            iterator = self._produce()
            try:
                self._pump(iterator)
            finally:
                close = getattr(iterator, "close", None)
                if close is not None:
                    close()
        except BaseException as error:
            self._error = error
        with self._changed:
            self._finished = True
            self._changed.notify_all()

    def _pump(self, iterator: Iterator[Item]) -> None:
        for item in iterator:
            with self._changed:
                self._changed.wait_for(lambda: len(self._items) < self._capacity or self._stopped)
                if self._stopped:
                    return
                self._items.append(item)
                self._changed.notify_all()
            del item  # not kept while the next one is decoded


QUEUE_FRAMES = 4
_POLL_SECONDS = 0.2
_MENDS = {
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
    """Turn what the system or FFmpeg says about writing into one :class:`OutputError` on ``path``."""
    try:
        yield
    except VfiError:
        raise
    except (OSError, FFmpegError) as error:
        mend = _MENDS.get(error.errno or 0, "see whether the disk and the settings are in order")
        raise OutputError(f"Cannot write {path} ({error.strerror or error}): {mend}.") from error


class QueuedSink(ABC):
    """Frames in order in, one output out. Subclasses say what is done with a frame, and at the end.

    ``_consume`` and ``_flush`` run in the sink's thread; everything else in the caller's.
    """

    def __init__(self, path: Path, completed: int) -> None:
        """Start the thread.

        Args:
            path: The output, for messages.
            completed: Number of frames that an interrupted run has done.
        """
        self.path = path
        self.completed = completed
        """Frames that were safely done before; the caller goes on with the frame of this index."""
        self._expected = completed
        self._queue: queue.Queue[OutputFrame | None] = queue.Queue(QUEUE_FRAMES)
        self._error: BaseException | None = None
        self._cancelled = False
        self._closed = False
        self._kept: list[str] = []
        self._thread = threading.Thread(target=self._run, name=f"write {path.name}", daemon=True)
        self._thread.start()

    def write(self, frame: OutputFrame) -> None:
        """Take the next frame; waits while the encoder is behind.

        Raises:
            ValueError: If the frame is not the next one.
            OutputError: If an earlier frame could not be written.
        """
        if self._closed:
            raise ValueError(f"{self.path} is closed")
        if frame.index != self._expected:
            raise ValueError(f"frame {self._expected} is next for {self.path}, not {frame.index}")
        self._put(frame)
        self._expected += 1

    def finish(self) -> list[str]:
        """Complete the output under its final name; waits until that is done.

        Returns:
            One sentence for everything that the output does not keep of its source.

        Raises:
            OutputError: If it cannot be written; what was complete is kept for resuming.
        """
        if self._closed:
            raise ValueError(f"{self.path} is closed")
        try:
            self._put(None)
            self._join()
            with output_errors(self.path):
                notes = self._complete()
        except BaseException:
            with suppress(OutputError):  # the first error is the one to be told
                self.abort()
            raise
        self._closed = True
        return notes

    def abort(self) -> list[str]:
        """Give up: nothing appears under the final name; what can be resumed is kept.

        Returns:
            One sentence that tells what was kept, or nothing; the same again when called again, as after a
            :meth:`finish` that failed.
        """
        if self._closed:
            return self._kept
        self._closed = self._cancelled = True
        if self._thread.is_alive():
            self._offer_end()
            self._thread.join()
        with output_errors(self.path):
            self._kept = self._discard()
        return self._kept

    def suspend(self) -> None:
        """Stop before the end and keep all that was written, complete, for a run that resumes or joins it.

        Raises:
            OutputError: If it cannot be written.
        """
        if self._closed:
            raise ValueError(f"{self.path} is closed")
        self._put(None)
        self._join()
        self._closed = True

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
    def _flush(self) -> None:
        """Write what is left after the last frame."""

    @abstractmethod
    def _complete(self) -> list[str]:
        """Put the finished output in its place and return the notes."""

    @abstractmethod
    def _discard(self) -> list[str]:
        """Release everything, delete what cannot be resumed; return what shall be said."""

    def _put(self, frame: OutputFrame | None) -> None:
        while True:
            self._raise_error()
            try:
                self._queue.put(frame, timeout=_POLL_SECONDS)
                return
            except queue.Full:
                continue

    def _offer_end(self) -> None:
        """Wake a thread that waits; it sees the cancellation even where the queue is full."""
        with suppress(queue.Full):
            self._queue.put_nowait(None)

    def _join(self) -> None:
        while self._thread.is_alive():  # in steps, so that Ctrl-C is heard
            self._thread.join(_POLL_SECONDS)
        self._raise_error()

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            with output_errors(self.path):
                while (frame := self._queue.get()) is not None and not self._cancelled:
                    self._consume(frame)
                if not self._cancelled:
                    self._flush()
        except BaseException as error:  # raised again in the caller's thread
            self._error = error
