"""What every source of pictures is: information, frames read ahead in a thread of its own, and a close."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Generic, TypeVar

from vfi.io.records import SourceFrame, SourceInfo

if TYPE_CHECKING:
    from typing_extensions import Self

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
