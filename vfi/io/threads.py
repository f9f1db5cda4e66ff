"""What sources and sinks share: threads, one bounded queue between them, and errors that reach the caller."""

from __future__ import annotations

import errno
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from types import TracebackType
from typing import Generic, TypeVar

from av.error import FFmpegError
from typing_extensions import Self

from vfi.errors import OutputError, VfiError
from vfi.io.frames import OutputFrame
from vfi.io.partial import PartialFolder

Item = TypeVar("Item")

READ_AHEAD_BYTES = 64 << 20
_FEWEST_AHEAD, _MOST_AHEAD = 2, 8
QUEUE_FRAMES = 4
_POLL_SECONDS = 0.2
"""Waiting is done in steps, because Windows hears Ctrl-C only between them."""
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


def read_ahead_count(height: int, width: int, bytes_per_pixel: float) -> int:
    """How many images of a size to hold ready: small ones by number, large ones by memory.

    Args:
        height: Image height in pixels.
        width: Image width in pixels.
        bytes_per_pixel: Memory of a decoded pixel.
    """
    fitting = READ_AHEAD_BYTES / max(1.0, height * width * bytes_per_pixel)
    return max(_FEWEST_AHEAD, min(_MOST_AHEAD, int(fitting)))


class BoundedQueue(Generic[Item]):
    """A queue of limited length from one thread to another, which either side can end.

    The producer ends it with :meth:`close`: the consumer still gets what waits. Either side ends it with
    :meth:`cancel`: what waits is dropped. An error given to either surfaces on the other side.
    """

    def __init__(self, capacity: int) -> None:
        """Make an empty queue.

        Args:
            capacity: Greatest number of waiting items.
        """
        self._capacity = capacity
        self._items: deque[Item] = deque()
        self._changed = threading.Condition()
        self._in_work = False
        self._closed = False
        self._cancelled = False
        self._error: BaseException | None = None

    @property
    def cancelled(self) -> bool:
        """Whether :meth:`cancel` was called."""
        return self._cancelled

    def put(self, item: Item) -> bool:
        """Add an item; waits while the queue is full.

        Returns:
            Whether it was taken; False once the queue is cancelled.

        Raises:
            BaseException: The error that the queue was cancelled with.
        """
        with self._changed:
            self._wait(lambda: len(self._items) < self._capacity)
            self._raise_error()
            if self._cancelled:
                return False
            self._items.append(item)
            self._changed.notify_all()
            return True

    def close(self, error: BaseException | None = None) -> None:
        """End the queue behind the items that wait.

        Args:
            error: What the consumer gets behind them.
        """
        with self._changed:
            self._closed = True
            self._error = self._error or error
            self._changed.notify_all()

    def cancel(self, error: BaseException | None = None) -> None:
        """End the queue at once and drop what waits.

        Args:
            error: What the producer gets.
        """
        with self._changed:
            self._cancelled = True
            self._error = self._error or error
            self._items.clear()
            self._changed.notify_all()

    def wait_until_done(self) -> None:
        """Wait until the consumer has come back for more after the last item.

        Raises:
            BaseException: The error that the queue was cancelled with.
        """
        with self._changed:
            self._wait(lambda: not self._items and not self._in_work)
            self._raise_error()

    def __iter__(self) -> Iterator[Item]:
        """The items in order, until the queue is ended; holds no reference to any that it has handed over.

        Raises:
            BaseException: The error that the queue was closed with.
        """
        while True:
            with self._changed:
                self._in_work = False
                self._changed.notify_all()
                self._wait(lambda: bool(self._items) or self._closed)
                if self._cancelled:
                    return
                if not self._items:
                    self._raise_error()
                    return
                item = self._items.popleft()
                self._in_work = True
                self._changed.notify_all()
            yield item
            del item

    def _wait(self, ready: Callable[[], bool]) -> None:
        """Wait for a condition or the cancellation; the caller holds the lock."""
        while not self._changed.wait_for(lambda: ready() or self._cancelled, _POLL_SECONDS):
            pass

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error


class Prefetch(Generic[Item]):
    """Runs an iterator in a thread and hands its items over through a bounded queue.

    An exception of the iterator surfaces in the consumer, after the items before it. The thread is gone
    when the iterator is exhausted or :meth:`close` has returned; the iterator is closed in its own thread.
    """

    def __init__(self, produce: Callable[[], Iterator[Item]], capacity: int, name: str) -> None:
        """Start reading ahead.

        Args:
            produce: Makes the iterator; called in the new thread.
            capacity: Greatest number of waiting items.
            name: Name of the thread.
        """
        self._produce = produce
        self._queue: BoundedQueue[Item] = BoundedQueue(capacity)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[Item]:
        """The items in order; holds no reference to any that it has handed over."""
        try:
            yield from self._queue
        except Exception:
            self._thread.join()
            raise
        self._thread.join()

    def close(self) -> None:
        """Stop the thread and wait for its end; waiting items are dropped."""
        self._queue.cancel()
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
        except BaseException as error:  # raised again in the consumer's thread
            self._queue.close(error)
        else:
            self._queue.close()

    def _pump(self, iterator: Iterator[Item]) -> None:
        for item in iterator:
            if not self._queue.put(item):
                return
            del item  # not kept while the next one is decoded


@contextmanager
def output_errors(path: Path) -> Iterator[None]:
    """Turn what the system or FFmpeg says about writing into one :class:`OutputError` on ``path``."""
    try:
        yield
    except VfiError:
        raise
    except (OSError, FFmpegError) as error:
        remedy = _REMEDIES.get(error.errno or 0, "see whether the disk and the settings are in order")
        raise OutputError(f"Cannot write {path} ({error.strerror or error}): {remedy}.") from error


class QueuedSink(ABC):
    """Frames in order in, one output out. Subclasses say what is done with a frame, and at the end.

    ``_consume`` and ``_end`` run in the sink's thread; everything else in the caller's.
    """

    def __init__(self, path: Path, folder: PartialFolder, held: Sequence[range], first: int = 0) -> None:
        """Start the thread.

        Args:
            path: Output, for messages.
            folder: Folder of the unfinished output; it is locked, and is released at the end.
            held: Indices of frames that interrupted runs have done, as ascending ranges with gaps between.
            first: Index of the first frame that is written here; more than 0 for a shard.
        """
        self.path = path
        self.held: tuple[range, ...] = ()
        """Frames that were safely done before; they may be written again, which does nothing, or left out."""
        self.completed = first
        """Index of the frame that the caller goes on with: all before were safely done, from the first on."""
        self._first = first
        self._folder = folder
        self._hold(held)
        self._queue: BoundedQueue[OutputFrame] = BoundedQueue(QUEUE_FRAMES)
        self._closed = False
        self._kept: list[str] = []
        self._thread = threading.Thread(target=self._run, name=f"write {path.name}", daemon=True)
        self._thread.start()

    def write(self, frame: OutputFrame) -> None:
        """Take the next frame; waits while the encoder is behind. Frames of :attr:`held` may be left out.

        Raises:
            ValueError: If the frame is not the next one.
            OutputError: If an earlier frame could not be written.
        """
        self._check_open()
        expected = self._expected
        while expected < frame.index and self._is_held(expected):
            expected += 1
        if frame.index != expected:
            raise ValueError(f"frame {expected} is next for {self.path}, not {frame.index}")
        if not self._is_held(frame.index):
            self._queue.put(frame)
        self._expected = expected + 1

    def flush(self) -> None:
        """Wait until every frame that was handed over is encoded.

        Raises:
            OutputError: If one could not be written.
        """
        self._check_open()
        self._queue.wait_until_done()

    def finish(self) -> list[str]:
        """Complete the output under its final name; waits until that is done.

        Returns:
            One sentence for everything that the output does not keep of its source.

        Raises:
            OutputError: If it cannot be written; what was complete is kept for resuming.
        """
        self._check_open()
        try:
            self._close_queue()
            with output_errors(self.path):
                notes = self._complete()
        except BaseException:
            with suppress(OutputError):  # the first error is the one to be told
                self.abort()
            raise
        self._closed = True
        self._folder.release()
        return notes

    def abort(self) -> list[str]:
        """Give up: nothing appears under the final name; what can be resumed is kept.

        Returns:
            One sentence that states what was kept, or nothing; the same again when called again, as after a
            :meth:`finish` that failed.
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
        """Stop before the end and keep all that was written, complete, for a run that resumes or joins it.

        Raises:
            OutputError: If it cannot be written.
        """
        self._close_queue()
        self._closed = True
        self._folder.release()

    def adopt(self, folder: Path) -> None:
        """Take over the frames of another run of the same output, such as a shard that was suspended.

        Args:
            folder: Folder of the other run's unfinished output; it is left as it is.

        Raises:
            OutputError: If that run had other settings or another input, or nothing can be taken over.
        """
        self._check_open()
        with output_errors(self.path):
            self._hold(self._adopt(folder))

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
        """Write what is left after the last frame."""

    @abstractmethod
    def _complete(self) -> list[str]:
        """Put the finished output in its place and return the notes."""

    @abstractmethod
    def _discard(self) -> list[str]:
        """Release everything, delete what cannot be resumed; return what shall be said."""

    def _adopt(self, folder: Path) -> Sequence[range]:
        """Copy what another run has done; returns all frames that are there then."""
        raise OutputError(f"{self.path} cannot be joined of parts: choose a film or a folder of images.")

    def _hold(self, held: Sequence[range]) -> None:
        """Take frames as done."""
        self.held = tuple(held)
        self.completed = next((part.stop for part in held if self._first in part), self._first)
        self._expected = self.completed

    def _close_queue(self) -> None:
        """Have the thread write what it was given, and wait for its end."""
        self._queue.close()
        while self._thread.is_alive():  # in steps, so that Ctrl-C is heard
            self._thread.join(_POLL_SECONDS)
        self._queue.wait_until_done()

    def _is_held(self, index: int) -> bool:
        return any(index in part for part in self.held)

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
