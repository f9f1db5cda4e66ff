"""LRU cache of per-frame and per-pair results, shared by overlapping windows."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from torch import Tensor

from vfi.types import FrameName, Window


class ReuseCache:
    """LRU cache of results for frames or pairs of frames.

    Of more entries than the capacity the least recently used is evicted. An entry is found for the same key,
    size, data type and device only.
    """

    def __init__(self, capacity: int) -> None:
        """Create a cache of up to ``capacity`` entries for each of the :attr:`variants`."""
        self.capacity = capacity
        self.variants = 1
        """Number of variants of a window, see :meth:`Interpolator.reserve_cache`."""
        self._entries: dict[Hashable, Any] = {}

    def __len__(self) -> int:
        """The number of entries."""
        return len(self._entries)

    def of_frame(
        self, window: Window, name: FrameName, compute: Callable[[Tensor], Any], *, variant: Hashable = None
    ) -> Any:
        """The result for one frame of a window: looked up, or computed.

        Args:
            window: Window that contains the frame; without keys nothing is looked up or stored.
            name: Name of the frame.
            compute: Function of the frame, called if its result is not in the cache.
            variant: Value of everything else that the result depends on.

        Returns:
            The result of ``compute``, of this or an earlier call.
        """
        frame = window.frame(name)
        key = None if window.keys is None else (window.key(name), variant)
        return self.get_or_compute(key, frame, lambda: compute(frame))

    def of_pair(
        self,
        window: Window,
        first: FrameName,
        second: FrameName,
        compute: Callable[[], Any],
        swap: Callable[[Any], Any],
    ) -> Any:
        """The result for two frames of a window, found in either order: looked up, or computed.

        Args:
            window: Window that contains the frames; without keys nothing is looked up or stored.
            first: Name of the first frame.
            second: Name of the second frame.
            compute: Function without arguments, called if the result is not in the cache.
            swap: Function from the result for one order of the frames to that for the other order.

        Returns:
            The result of ``compute``, of this or an earlier call, for this order of the frames.
        """
        keys = None if window.keys is None else (window.key(first), window.key(second))
        return self.get_or_compute_pair(keys, window.frame(first), compute, swap)

    def get_or_compute(self, key: Hashable | None, frame: Tensor, compute: Callable[[], Any]) -> Any:
        """The result for a frame or pair: looked up, or computed.

        Args:
            key: Identity of the frame or, in order, of both frames; None: nothing is looked up or stored.
            frame: One of the frames, for its size, type and device.
            compute: Function without arguments, called if the result is not in the cache.

        Returns:
            The result of ``compute``, of this or an earlier call.
        """
        if key is None:
            return compute()
        entry = (key, frame.shape, frame.dtype, frame.device)
        result = self._entries.pop(entry) if entry in self._entries else compute()
        self._entries[entry] = result
        while len(self._entries) > self.capacity * self.variants:
            del self._entries[next(iter(self._entries))]
        return result

    def get_or_compute_pair(
        self,
        keys: tuple[Hashable, Hashable] | None,
        frame: Tensor,
        compute: Callable[[], Any],
        swap: Callable[[Any], Any],
    ) -> Any:
        """The result for a pair of frames, found in either order: looked up, or computed.

        Args:
            keys: Identities of both frames, in order; None: nothing is looked up or stored.
            frame: One of the frames, for its size, type and device.
            compute: Function without arguments, called if the result is not in the cache.
            swap: Function from the result for one order of the frames to that for the other order.

        Returns:
            The result of ``compute``, of this or an earlier call, for this order of the frames.
        """
        if keys is None:
            return compute()
        first, result = self.get_or_compute(frozenset(keys), frame, lambda: (keys[0], compute()))
        return result if first == keys[0] else swap(result)
