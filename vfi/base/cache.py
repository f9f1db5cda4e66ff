"""A small memory of what was computed for frames that come again."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from torch import Tensor


class ReuseCache:
    """What was computed for the latest frames or pairs of frames, kept for the neighbouring windows.

    Bounded: the least recently used entry goes first. An entry is found again only for the same key, size,
    type and device.
    """

    def __init__(self, capacity: int) -> None:
        """Keep up to ``capacity`` entries for each of the :attr:`windows` that are worked on in turn."""
        self.capacity = capacity
        self.windows = 1
        """Variants of a window that take turns, see :meth:`Interpolator.keep`."""
        self._entries: dict[Hashable, Any] = {}

    def get_or_compute(self, key: Hashable | None, frame: Tensor, compute: Callable[[], Any]) -> Any:
        """The known result for a frame or pair, or a new one.

        Args:
            key: Identity of the frame or, in order, of both frames; None: nothing is looked up or kept.
            frame: One of the frames, for its size, type and device.
            compute: Called without arguments when nothing is known.

        Returns:
            What ``compute`` returned, now or earlier.
        """
        if key is None:
            return compute()
        entry = (key, frame.shape, frame.dtype, frame.device)
        result = self._entries.pop(entry) if entry in self._entries else compute()
        self._entries[entry] = result
        while len(self._entries) > self.capacity * self.windows:
            del self._entries[next(iter(self._entries))]
        return result

    def get_or_compute_pair(
        self,
        keys: tuple[Hashable, Hashable] | None,
        frame: Tensor,
        compute: Callable[[], Any],
        swap: Callable[[Any], Any],
    ) -> Any:
        """The known result for a pair of frames, found in either order, or a new one.

        Args:
            keys: Identities of both frames, in order; None: nothing is looked up or kept.
            frame: One of the frames, for its size, type and device.
            compute: Called without arguments when nothing is known of the pair.
            swap: Makes the result for this order of one for the other.

        Returns:
            What ``compute`` returned, now or earlier, for this order of the frames.
        """
        if keys is None:
            return compute()
        first, result = self.get_or_compute(frozenset(keys), frame, lambda: (keys[0], compute()))
        return result if first == keys[0] else swap(result)
