"""Threads of sources and sinks, and the bounded queue between them, which passes errors on."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")

READ_AHEAD_BYTES = 64 << 20
_FEWEST_AHEAD, _MOST_AHEAD = 2, 8
POLL_SECONDS = 0.2
"""Length of one wait: Windows receives Ctrl-C only between waits."""


def read_ahead_count(height: int, width: int, bytes_per_pixel: float) -> int:
    """The number of decoded images to keep ready: limited by count for small ones, by memory for large ones.

    Args:
        height: Image height in pixels.
        width: Image width in pixels.
        bytes_per_pixel: Memory of a decoded pixel in bytes.
    """
    fitting = READ_AHEAD_BYTES / max(1.0, height * width * bytes_per_pixel)
    return max(_FEWEST_AHEAD, min(_MOST_AHEAD, int(fitting)))


class BoundedQueue(Generic[Item]):
    """A queue of limited length from one thread to another, which either side can end.

    The producer ends it with :meth:`close`: the consumer still gets the waiting items. Either side ends it
    with :meth:`cancel`: waiting items are dropped. An error passed to either method is raised on the other
    side.
    """

    def __init__(self, capacity: int) -> None:
        """Create an empty queue.

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
            Whether the item was taken; False once the queue is cancelled.

        Raises:
            BaseException: If the queue was cancelled with an error; it is that error.
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
        """End the queue behind the waiting items.

        Args:
            error: Error that is raised in the consumer behind them; None: none.
        """
        with self._changed:
            self._closed = True
            self._error = self._error or error
            self._changed.notify_all()

    def cancel(self, error: BaseException | None = None) -> None:
        """End the queue at once and drop the waiting items.

        Args:
            error: Error that is raised in the producer; None: none.
        """
        with self._changed:
            self._cancelled = True
            self._error = self._error or error
            self._items.clear()
            self._changed.notify_all()

    def wait_until_done(self) -> None:
        """Wait until the consumer has asked for another item after the last one.

        Raises:
            BaseException: If the queue was cancelled with an error; it is that error.
        """
        with self._changed:
            self._wait(lambda: not self._items and not self._in_work)
            self._raise_error()

    def __iter__(self) -> Iterator[Item]:
        """The items in order, until the queue is ended; keeps no reference to an item once it is yielded.

        Raises:
            BaseException: If the queue was closed with an error; it is that error.
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
        while not self._changed.wait_for(lambda: ready() or self._cancelled, POLL_SECONDS):
            pass

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error


class Prefetch(Generic[Item]):
    """Runs an iterator in a thread and passes its items on through a bounded queue.

    An exception of the iterator is raised in the consumer after the items before it. The thread has ended
    when the iterator is exhausted or :meth:`close` has returned; the iterator is closed in its own thread.
    """

    def __init__(self, produce: Callable[[], Iterator[Item]], capacity: int, name: str) -> None:
        """Start reading ahead.

        Args:
            produce: Function that creates the iterator; called in the new thread.
            capacity: Greatest number of waiting items.
            name: Name of the thread.
        """
        self._produce = produce
        self._queue: BoundedQueue[Item] = BoundedQueue(capacity)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[Item]:
        """The items in order; keeps no reference to an item once it is yielded."""
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
