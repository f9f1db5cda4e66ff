"""Reading ahead: order, bounds, errors, and no thread or frame left behind."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.media import write_video
from vfi.io import open_source
from vfi.io.pixels.picture import Picture
from vfi.io.threads import Prefetch, read_ahead_count


class Item:
    """Something that can be referred to weakly."""


def reading_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("read ")]


def test_items_come_in_order_and_the_thread_ends() -> None:
    prefetch = Prefetch(lambda: iter(range(1000)), 3, "read numbers")
    assert list(prefetch) == list(range(1000))
    assert "read numbers" not in reading_threads()


def test_no_more_than_the_capacity_is_read_ahead() -> None:
    produced, taken, full = [0], [0], threading.Event()

    def produce() -> Iterator[int]:
        while True:
            produced[0] += 1
            assert produced[0] - taken[0] <= 5  # three wait, one is being produced, one consumed
            if produced[0] == 4:
                full.set()
            yield produced[0]

    prefetch = Prefetch(produce, 3, "read forever")
    assert full.wait(20)
    items = iter(prefetch)
    for number in range(1, 100):
        assert next(items) == number
        taken[0] = number
    prefetch.close()
    prefetch.close()
    assert "read forever" not in reading_threads()
    assert list(prefetch) == []


def test_yielded_items_are_not_referenced() -> None:
    alive: weakref.WeakSet[Item] = weakref.WeakSet()

    def produce() -> Iterator[Item]:
        for _ in range(50):
            item = Item()
            alive.add(item)
            yield item
            del item

    most = 0
    for item in Prefetch(produce, 2, "read items"):
        most = max(most, len(alive))
        del item
    gc.collect()
    assert most <= 4  # two wait, one is in each hand
    assert len(alive) == 0


def test_an_error_surfaces_after_the_items_before_it() -> None:
    closed = threading.Event()

    def produce() -> Iterator[int]:
        try:
            yield 1
            yield 2
            raise OSError("the disk is gone")
        finally:
            closed.set()

    items = iter(Prefetch(produce, 5, "read badly"))
    assert [next(items), next(items)] == [1, 2]
    with pytest.raises(OSError, match="the disk is gone"):
        next(items)
    assert closed.is_set()


def test_closing_before_the_end_closes_the_iterator_in_its_own_thread() -> None:
    closed_in: list[str] = []

    def produce() -> Iterator[int]:
        try:
            while True:
                yield 0
        finally:
            closed_in.append(threading.current_thread().name)

    prefetch = Prefetch(produce, 2, "read on")
    next(iter(prefetch))
    prefetch.close()
    assert closed_in == ["read on"]


def test_read_ahead_is_bounded_by_memory_and_number() -> None:
    assert read_ahead_count(240, 320, 3) == 8
    assert 2 <= read_ahead_count(2160, 3840, 3) <= 3
    assert read_ahead_count(4320, 7680, 6) == 2


def test_few_frames_of_a_long_video_are_in_memory_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_video(tmp_path / "long.mp4", 400)
    alive: weakref.WeakSet[Picture] = weakref.WeakSet()
    make = Picture.from_frame

    def counted(*args: object, **options: object) -> Picture:
        image = make(*args, **options)  # type: ignore[arg-type]  # passed through
        alive.add(image)
        return image

    monkeypatch.setattr(Picture, "from_frame", counted)
    most = count = 0
    with open_source(path) as source:
        for frame in source:
            frame.image.rgb()
            count += 1
            most = max(most, len(alive))
            del frame
    gc.collect()
    assert count == 400
    assert most <= 11  # eight wait, one is in the reader's hand, one in ours, one about to be dropped
    assert len(alive) == 0


def test_a_source_is_read_once_and_leaves_no_thread(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 60)
    with open_source(path) as source:
        next(iter(source))
        with pytest.raises(RuntimeError, match="read once"):
            iter(source)
    source.close()
    assert reading_threads() == []
    closed = open_source(path)
    closed.close()
    with pytest.raises(RuntimeError, match="read once"):
        iter(closed)
