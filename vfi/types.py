"""Records that are passed between flow estimators, interpolators and the engine.

Conventions (all of vfi): frames are ``[B, 3, H, W]`` float RGB in [0, 1]; a flow ``flow_ab`` lies on a's
grid, is ``[B, 2, H, W]`` with channels (x right, y down) in pixels of its own resolution, and adding it to
a's coordinates lands in b. The interval to fill lies between frame 0 (time 0) and frame 1 (time 1); the
frame before has time -1, the one after time 2.

Tensors travel in ``NamedTuple`` records, which DDP, compile and export support; settings are
frozen dataclasses.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from torch import Tensor


class FlowPair(NamedTuple):
    """Both flows between two frames, the result of every flow estimator."""

    flow_01: Tensor
    """``[B, 2, H, W]``, on frame 0's grid, pixels."""
    flow_10: Tensor
    """``[B, 2, H, W]``, on frame 1's grid, pixels."""
    occlusion_0: Tensor | None = None
    """``[B, 1, H, W]`` in [0, 1]; 1 = in frame 0, hidden in frame 1."""
    occlusion_1: Tensor | None = None
    """``[B, 1, H, W]`` in [0, 1]; 1 = in frame 1, hidden in frame 0."""

    def swapped(self) -> FlowPair:
        """The same for the frames in the other order."""
        return FlowPair(self.flow_10, self.flow_01, self.occlusion_1, self.occlusion_0)


FrameName = Literal["prev", "start", "end", "next"]
"""Name of a frame of a window: ``start`` and ``end`` of the interval, ``prev`` before, ``next`` after it."""


class FrameKeys(NamedTuple):
    """Identities of a window's frames, in the order of the fields of :class:`Window`.

    Equal keys mean equal frames, so that a model reuses its results of a neighbouring window. The key of a
    missing frame has no meaning.
    """

    start: Hashable
    end: Hashable
    prev: Hashable = None
    next: Hashable = None


class Window(NamedTuple):
    """The two frames of an interval and, where there are any, their outer neighbours.

    ``prev`` and ``next`` are ``None`` at the ends of a clip and across cuts; a model of four frames
    states what it does then.
    """

    start: Tensor
    """``[B, 3, H, W]`` at time 0."""
    end: Tensor
    """``[B, 3, H, W]`` at time 1."""
    prev: Tensor | None = None
    """``[B, 3, H, W]`` at time -1, or None."""
    next: Tensor | None = None
    """``[B, 3, H, W]`` at time 2, or None."""
    keys: FrameKeys | None = None
    """Identities of the frames. None: nothing is reused."""

    @classmethod
    def from_frames(cls, frames: Sequence[Tensor], keys: Sequence[Hashable] | None = None) -> Window:
        """The window of 2 or 4 consecutive frames.

        Args:
            frames: Consecutive frames, each ``[B, 3, H, W]``: ``start`` and ``end``, or all four in the
                order of time.
            keys: Identities of these frames, in the same order; None: nothing is reused.

        Raises:
            ValueError: If there are not 2 or 4 frames, or another number of keys.
        """
        if keys is not None and len(keys) != len(frames):
            raise ValueError(f"there must be one key per frame, but there are {len(keys)} for {len(frames)}")
        if len(frames) == 2:
            return cls(*frames, keys=None if keys is None else FrameKeys(*keys))
        if len(frames) != 4:
            raise ValueError(f"frames must be 2 or 4 consecutive frames, but there are {len(frames)}")
        prev, start, end, following = frames
        if keys is not None:
            keys = FrameKeys(keys[1], keys[2], keys[0], keys[3])
        return cls(start, end, prev, following, keys)

    @property
    def consecutive(self) -> tuple[Tensor | None, Tensor, Tensor, Tensor | None]:
        """All four frames in the order of time."""
        return self.prev, self.start, self.end, self.next

    @property
    def outer(self) -> tuple[Tensor, Tensor] | None:
        """``prev`` and ``next`` if the window has both, else None."""
        return None if self.prev is None or self.next is None else (self.prev, self.next)

    @property
    def rows(self) -> slice:
        """All rows of the frames."""
        return slice(0, self.start.shape[-2])

    def frame(self, name: FrameName) -> Tensor:
        """The frame of this name.

        Raises:
            ValueError: If the window has no such frame.
        """
        frame: Tensor | None = getattr(self, name)
        if frame is None:
            raise ValueError(f"this window has no frame {name!r}")
        return frame

    def key(self, name: FrameName) -> Hashable | None:
        """The key of the frame of this name; None where the window has no keys."""
        return None if self.keys is None else getattr(self.keys, name)

    def map(self, change: Callable[[Tensor], Tensor]) -> Window:
        """The window with ``change`` applied to every frame; the keys stay the same."""
        return Window(
            change(self.start),
            change(self.end),
            None if self.prev is None else change(self.prev),
            None if self.next is None else change(self.next),
            self.keys,
        )

    def map_keys(self, change: Callable[[Hashable], Hashable]) -> Window:
        """The window with ``change`` applied to every key; without keys the window itself."""
        return self if self.keys is None else self._replace(keys=FrameKeys(*map(change, self.keys)))

    def without_keys(self) -> Window:
        """The window without keys, so that no results are reused."""
        return self._replace(keys=None)

    def reversed(self) -> Window:
        """The window with time running backwards."""
        keys = self.keys
        if keys is not None:
            keys = FrameKeys(keys.end, keys.start, keys.next, keys.prev)
        return Window(self.end, self.start, self.next, self.prev, keys)


class IntermediateFlow(NamedTuple):
    """Flows from the frame at time t into frames 0 and 1."""

    flow_t0: Tensor
    """``[B, 2, H, W]``, from the new frame's grid into frame 0, pixels."""
    flow_t1: Tensor
    """``[B, 2, H, W]``, from the new frame's grid into frame 1, pixels."""


class Intermediates(NamedTuple):
    """Intermediate results that a training loss depends on; a model states their order."""

    flows: list[Tensor]
    """Each ``[B, 4, H, W]``: ``flow_t0``, then ``flow_t1``; pixels."""
    masks: list[Tensor]
    """Each ``[B, 1, H, W]`` in [0, 1], the weight of the candidate from frame 0."""
    merged: list[Tensor]
    """Each ``[B, 3, H, W]``, a blend of both warped frames."""


class Interpolation(NamedTuple):
    """Result of an interpolator for one time ``t``."""

    frame: Tensor
    """``[B, 3, H, W]``, in [0, 1]."""
    flow_t0: Tensor | None = None
    """``[B, 2, H, W]``, from the new frame's grid into frame 0, pixels."""
    flow_t1: Tensor | None = None
    """``[B, 2, H, W]``, from the new frame's grid into frame 1, pixels."""
    blend: Tensor | None = None
    """``[B, 1, H, W]`` in [0, 1], the weight of the candidate from frame 0."""
    coarse: Tensor | None = None
    """``[B, 3, H, W]``, the blend before any learned correction, where the model has one."""
    intermediates: Intermediates | None = None
    """Intermediate results that the model's training losses need; from ``forward`` only, else None."""


@dataclass(frozen=True)
class SizeRequirement:
    """Heights and widths that a network supports; frames of other sizes are padded."""

    multiple: int = 1
    """Both sides are padded to a multiple of this."""
    minimum: int = 1
    """Both sides are padded to at least this."""


@dataclass(frozen=True)
class InputSpec:
    """Input format of a network; callers always pass RGB in [0, 1]."""

    channel_order: str = "rgb"
    """``"rgb"`` or ``"bgr"``."""
    scale: float = 1.0
    """Factor of the network's input range: 1 for [0, 1], 255 for [0, 255]."""
