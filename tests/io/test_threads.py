"""One bounded queue between two threads: order, bounds, and both ways to end it."""

from __future__ import annotations

import threading

import pytest

from vfi.io.threads import BoundedQueue


def in_thread(work) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_items_come_in_order_and_never_more_than_the_capacity_wait() -> None:
    queue: BoundedQueue[int] = BoundedQueue(3)
    taken, ahead = [0], []

    def produce() -> None:
        for number in range(200):
            assert queue.put(number)
            ahead.append(number + 1 - taken[0])
        queue.close()

    thread = in_thread(produce)
    for number in queue:
        assert number == taken[0]
        taken[0] += 1
    thread.join()
    assert taken == [200]
    assert max(ahead) <= 4  # three wait, and one is in the consumer's hand


def test_cancelling_frees_a_producer_that_waits() -> None:
    queue: BoundedQueue[int] = BoundedQueue(1)
    results: list[bool] = []
    assert queue.put(1)
    thread = in_thread(lambda: results.append(queue.put(2)))
    queue.cancel()
    thread.join()
    assert results == [False]
    assert list(queue) == []


def test_an_error_of_the_consumer_reaches_the_producer_every_time() -> None:
    queue: BoundedQueue[int] = BoundedQueue(1)
    queue.cancel(OSError("the disk is gone"))
    for call in (lambda: queue.put(1), queue.wait_until_done):
        with pytest.raises(OSError, match="the disk is gone"):
            call()


def test_an_error_of_the_producer_comes_behind_its_items() -> None:
    queue: BoundedQueue[int] = BoundedQueue(2)
    queue.put(1)
    queue.close(OSError("the disk is gone"))
    items = iter(queue)
    assert next(items) == 1
    with pytest.raises(OSError, match="the disk is gone"):
        next(items)


def test_waiting_until_done_means_that_the_last_item_was_worked_on() -> None:
    queue: BoundedQueue[int] = BoundedQueue(4)
    done: list[int] = []

    def consume() -> None:
        for item in queue:
            done.append(item)

    thread = in_thread(consume)
    for number in range(4):
        queue.put(number)
    queue.wait_until_done()
    assert done == [0, 1, 2, 3]
    queue.close()
    thread.join()
