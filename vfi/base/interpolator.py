"""Base class of all frame interpolators: motion is estimated once per window, frames are synthesized per t.

A model implements three steps on tensors that already have a size it takes:
:meth:`~Interpolator.estimate_motion` (everything that does not depend on t), :meth:`~Interpolator.flow_at`
(flows from time t) and :meth:`~Interpolator.synthesize` (rows of the frame). It declares its sizes, tiles,
flow reduction and memory as attributes. Frames of any size, arrays and tensors, alpha, several times, tiles
and reuse between windows are implemented here for all models.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from vfi.base.arrays import as_array, as_tensors
from vfi.base.checks import as_times, require_window, time_tensor, whole_number
from vfi.base.memory import SMALLEST_TILE, MemoryFit, MemoryUse, largest_tile
from vfi.base.model import VideoModel
from vfi.errors import ConfigError
from vfi.ops import Padding
from vfi.types import InputSpec, Interpolation, SizeRequirement, Window

__all__ = ["LARGE_FRAME", "SMALLEST_TILE", "Interpolator", "MemoryFit", "MemoryUse", "Sources", "is_large"]

LARGE_FRAME = 2560 * 1440
"""Pixels; the flow of larger frames is estimated at a smaller size, see
:attr:`Interpolator.usual_reductions`."""


class Sources(NamedTuple):
    """The frames that a new frame is synthesized from, and the model's features of them."""

    window: Window
    context: Any = None
    """Record of :meth:`Interpolator.prepare`."""


class Interpolator(VideoModel, ABC):
    """Interpolates the frames between two frames.

    A subclass sets the class attributes and implements :meth:`estimate_motion`, :meth:`flow_at` and
    :meth:`synthesize`, and :meth:`prepare` if it needs features of the frames themselves. Training calls
    the module itself, ``model(window, t)``; applications call :meth:`interpolate`; engines that work
    through a video call :meth:`interpolate_window`.
    """

    window: int = 2
    """Number of frames the model uses: 2, or 4 (its docstring then states what it does without the outer
    ones)."""
    size: SizeRequirement = SizeRequirement()
    inputs: InputSpec = InputSpec()
    tile_multiple: int | None = None
    """Rows; tiles begin at multiples of it. None: the model does not support tiles."""
    tile_overlap: int = 0
    """Rows on either side of a tile that are synthesized along with it and cut off."""
    usual_reductions: tuple[int, int] = (1, 1)
    """Default reduction of the flow per side: up to :data:`LARGE_FRAME`, and for larger frames."""
    memory: MemoryFit | None = None
    """Memory, fitted to measurements; None where it was not measured."""

    def __init__(self, *, flow_reduction: int | None = None) -> None:
        """Initialize; subclasses call this first.

        Args:
            flow_reduction: Reduction of the frames for the flow per side; None for :attr:`usual_reductions`.

        Raises:
            ValueError: If ``flow_reduction`` is not a positive whole number.
        """
        super().__init__()
        if flow_reduction is not None:
            flow_reduction = whole_number("flow_reduction", flow_reduction)
        self.flow_reduction = flow_reduction

    @abstractmethod
    def estimate_motion(self, window: Window) -> Any:
        """Estimate the motion: everything that does not depend on t.

        Args:
            window: Frames ``[B, 3, H, W]`` that satisfy :attr:`size`.

        Returns:
            The model's own motion record.
        """

    def prepare(self, window: Window) -> Any:
        """Compute the features of the frames that the synthesis needs, independent of the motion.

        Called for the frames that the motion was estimated from, and again for layers of the same motion
        (alpha).

        Args:
            window: Frames ``[B, 3, H, W]`` that satisfy :attr:`size`.

        Returns:
            The model's own record; None where it needs no features.
        """

    @abstractmethod
    def flow_at(self, motion: Any, t: Tensor) -> Any:
        """Compute the flows from time ``t`` into the frames.

        Args:
            motion: Record of :meth:`estimate_motion`.
            t: Time ``[B]``, each in (0, 1).

        Returns:
            The model's own record for the whole frame, such as :class:`~vfi.types.IntermediateFlow`.
        """

    @abstractmethod
    def synthesize(self, sources: Sources, motion: Any, flow: Any, t: Tensor, rows: slice) -> Interpolation:
        """Synthesize rows of the frame at time ``t``.

        Args:
            sources: Whole frames, with the record of :meth:`prepare`.
            motion: Record of :meth:`estimate_motion`.
            flow: Record of :meth:`flow_at` for this time.
            t: Time ``[B]``, each in (0, 1).
            rows: Rows of the frame, ``slice(first, last)`` (``window.rows`` for all); both are multiples of
                :attr:`tile_multiple` or the end of the frame.

        Returns:
            These rows of the frame, and the other fields that the model computes for them.
        """

    def forward(self, window: Window, t: Tensor) -> Interpolation:
        """Interpolate the frame at time ``t`` with gradient: the path of training.

        Args:
            window: Frames ``[B, 3, H, W]`` that satisfy :attr:`size`.
            t: Time ``[B]``, each in (0, 1).

        Returns:
            The whole frame, with ``intermediates`` where the model's losses need them.
        """
        motion = self.estimate_motion(window)
        sources = Sources(window, self.prepare(window))
        return self.synthesize(sources, motion, self.flow_at(motion, t), t, window.rows)

    def interpolate(
        self,
        frames: Sequence[np.ndarray] | Sequence[Tensor],
        t: float | Sequence[float] | np.ndarray | Tensor = 0.5,
        *,
        check_finite: bool = True,
    ) -> Any:
        """Interpolate the frame, or the frames, between the middle two of the frames given.

        Args:
            frames: 2 frames around the interval, or 4 consecutive ones with the interval in the middle (a
                model of two frames ignores the outer ones): all uint8 RGB arrays ``[H, W, 3]``, or all float
                RGB tensors ``[B, 3, H, W]`` in [0, 1]. Any height and width, but one for all.
            t: Time or times, each in (0, 1). A tensor ``[B]`` is one time for each sample, a NumPy array
                ``[K]`` several times like a list.
            check_finite: Whether tensors are searched for NaN and infinity.

        Returns:
            One frame of the frames' kind, type, size and device for one time, a list of frames for a list.

        Raises:
            ValueError: If the frames differ in kind or size or are not finite, their number is not 2 or 4,
                or a time does not lie between 0 and 1.
        """
        times, one = as_times(t)
        if len(frames) not in (2, 4):
            raise ValueError(f"frames must be 2 or 4 consecutive frames, but there are {len(frames)}")
        tensors, were_arrays = as_tensors(frames, check_finite=check_finite)
        new_frames = self.interpolate_window(Window.from_frames(tensors), times, check_finite=False)
        results = [
            as_array(frame) if were_arrays else frame.clamp(0, 1).to(tensors[0]) for frame in new_frames
        ]
        return results[0] if one else results

    @torch.inference_mode()
    def interpolate_window(
        self,
        window: Window,
        times: Sequence[float | Tensor],
        *,
        tile: int | None = None,
        check_finite: bool = True,
    ) -> list[Tensor]:
        """Interpolate frames at several times; the motion is estimated once.

        Args:
            window: Frames ``[B, 3, H, W]`` or, with alpha as fourth channel, ``[B, 4, H, W]``, float in [0,
                1], any size, any device. With :attr:`Window.keys`, results are reused between neighbouring
                windows.
            times: Times, each in (0, 1): numbers, or tensors ``[B]`` with a time for each sample.
            tile: Rows that are synthesized at once, see :meth:`choose_tile`; None for all. Bounds the
                memory; the model states how closely the result equals the untiled one.
            check_finite: Whether the frames are searched for NaN and infinity.

        Returns:
            One frame per time, of the window's shape, float32, on the model's device, in [0, 1] extended to
            the range of the middle two frames.

        Raises:
            ValueError: If the window's frames cannot be used, a time does not lie between 0 and 1, or a
                tensor of times has another length.
        """
        require_window(window, check_finite=check_finite)
        tile = None if tile is None else whole_number("tile", tile)
        t_tensors = [time_tensor(time, window.start.shape[0], self.device) for time in times]
        padding = self._padding(window)
        ready = window.map(lambda frame: padding.pad(frame.to(self.device, self.dtype)))
        layers = [ready.map(lambda frame: self._to_network(frame[:, :3]))]
        if window.start.shape[1] == 4:
            # Alpha moves with the colours: it is synthesized as a gray image from the same motion. The keys
            # identify the colours, so that no result for them may be reused for alpha.
            layers.append(ready.map(lambda frame: frame[:, 3:].expand(-1, 3, -1, -1)).without_keys())
        # Frames of films may have values slightly outside [0, 1]; new frames stay within the same range.
        low, high = _value_range(ready)
        new_frames: list[Tensor] = []
        for frames in self.render_layers(layers, t_tensors, tile):
            frame = self._from_network(frames[0])
            if len(frames) > 1:
                frame = torch.cat((frame, frames[1][:, :1]), dim=1)
            new_frames.append(padding.unpad(frame).float().clamp(low, high))
        return new_frames

    def render_layers(
        self, layers: Sequence[Window], times: Sequence[Tensor], tile: int | None
    ) -> Iterator[list[Tensor]]:
        """Interpolate layers of the same motion, which is estimated from the first.

        Args:
            layers: Windows of frames ``[B, 3, H, W]`` that satisfy :attr:`size`, such as colours and alpha.
            times: Times, each ``[B]``, in (0, 1).
            tile: Rows that are synthesized at once; None for all.

        Yields:
            For each time the frame ``[B, 3, H, W]`` of every layer.
        """
        motion = self.estimate_motion(layers[0])
        sources = [Sources(layer, self.prepare(layer)) for layer in layers]
        for t in times:
            flow = self.flow_at(motion, t)
            yield [self._render(source, motion, flow, t, tile) for source in sources]

    def _render(self, sources: Sources, motion: Any, flow: Any, t: Tensor, tile: int | None) -> Tensor:
        """The whole frame ``[B, 3, H, W]``, synthesized tile by tile."""
        rows = sources.window.rows
        if tile is None:
            return self.synthesize(sources, motion, flow, t, rows).frame
        if self.tile_multiple is None:
            raise ConfigError(f"The model {type(self).__name__} does not support tiles: leave --tile out.")
        step = rows.stop if tile >= rows.stop else max(tile // self.tile_multiple, 1) * self.tile_multiple
        tiles: list[Tensor] = []
        for top in range(0, rows.stop, step):
            first = max(top - self.tile_overlap, 0)
            last = min(top + step + self.tile_overlap, rows.stop)
            frame = self.synthesize(sources, motion, flow, t, slice(first, last)).frame
            tiles.append(frame[:, :, top - first : top - first + step])
        return tiles[0] if len(tiles) == 1 else torch.cat(tiles, dim=2)

    @torch.inference_mode()
    def diagnostics(self, window: Window, t: float) -> dict[str, Tensor]:
        """Compute one new frame with all intermediate results, for display.

        Args:
            window: Frames ``[B, 3, H, W]`` in [0, 1], any size.
            t: Time in (0, 1).

        Returns:
            Images ``[B, C, H, W]`` by name: the fields of :class:`~vfi.types.Interpolation` that the model
            computes, ``frame`` among them, and its :meth:`flow_diagnostics`.

        Raises:
            ValueError: If the frames or the time cannot be used.
        """
        require_window(window, check_finite=True)
        t_tensor = time_tensor(t, window.start.shape[0], self.device)
        padding = self._padding(window)
        ready = window.map(lambda frame: self._to_network(padding.pad(frame.to(self.device, self.dtype))))
        motion = self.estimate_motion(ready)
        flow = self.flow_at(motion, t_tensor)
        sources = Sources(ready, self.prepare(ready))
        result = self.synthesize(sources, motion, flow, t_tensor, ready.rows)._replace(intermediates=None)
        fields = result._asdict() | self.flow_diagnostics(ready, motion, flow)
        shown = {name: padding.unpad(value) for name, value in fields.items() if value is not None}
        return {
            name: self._from_network(value) if name in ("frame", "coarse") else value
            for name, value in shown.items()
        }

    def flow_diagnostics(self, window: Window, motion: Any, flow: Any) -> dict[str, Tensor]:
        """Maps of how the flow of one time was estimated.

        Args:
            window: Frames ``[B, 3, H, W]`` that the motion was estimated from.
            motion: Record of :meth:`estimate_motion`.
            flow: Record of :meth:`flow_at`.

        Returns:
            Maps of the window's size by name, ``[B, 1, H, W]``; a name that ends in ``_0`` or ``_1`` lies
            on that frame's grid, any other on the new frame's.
        """
        return {}

    def reduction(self, height: int, width: int) -> int:
        """The reduction per side of the frames that the flow is estimated on.

        Args:
            height: Frame height in pixels.
            width: Frame width in pixels.
        """
        if self.flow_reduction is not None:
            return self.flow_reduction
        return self.usual_reductions[is_large(height, width)]

    def flow_area(self, height: int, width: int) -> float:
        """Pixels of the flow per pixel of a frame of this height and width, both in pixels."""
        return 1 / self.reduction(height, width) ** 2

    def memory_use(self, height: int, width: int) -> MemoryUse:
        """The memory for a window of this size, without the frames themselves; 0 where it was not measured.

        Args:
            height: Frame height in pixels.
            width: Frame width in pixels.

        Returns:
            Bytes, for one time and a batch of one.
        """
        if self.memory is None:
            return MemoryUse(per_pixel=0, per_tile_pixel=0)
        return self.memory.use(self.flow_area(height, width), self.tile_overlap, self.variants)

    def choose_tile(self, height: int, width: int, max_memory: int | None) -> int | None:
        """The largest tile, in rows of full width, with which a window of this size fits into the memory.

        Args:
            height: Frame height in pixels.
            width: Frame width in pixels.
            max_memory: Largest memory of the model in bytes; None for no limit.

        Returns:
            The tile for :meth:`interpolate_window`; None if the whole frame fits.

        Raises:
            ConfigError: If even the smallest tile does not fit; the message states the memory needed.
        """
        return largest_tile(self.memory_use(height, width), height, width, max_memory)

    def _padding(self, window: Window) -> Padding:
        """The padding with which a window of any size satisfies :attr:`size`."""
        height, width = window.start.shape[-2:]
        return Padding.to_fit(height, width, multiple=self.size.multiple, minimum=self.size.minimum)

    def _to_network(self, frame: Tensor) -> Tensor:
        """RGB in [0, 1] in the channel order and range of :attr:`inputs`."""
        frame = frame.flip(1) if self.inputs.channel_order == "bgr" else frame
        return frame * self.inputs.scale if self.inputs.scale != 1 else frame

    def _from_network(self, frame: Tensor) -> Tensor:
        """The inverse of :meth:`_to_network`."""
        frame = frame / self.inputs.scale if self.inputs.scale != 1 else frame
        return frame.flip(1) if self.inputs.channel_order == "bgr" else frame


def is_large(height: int, width: int) -> bool:
    """Whether a frame of this height and width, in pixels, is larger than :data:`LARGE_FRAME`."""
    return height * width > LARGE_FRAME


def _value_range(window: Window) -> tuple[Tensor, Tensor]:
    """Smallest and largest value of the middle two frames, at most 0 and at least 1.

    NaN, which is allowed with ``check_finite=False``, does not change the range.
    """
    low = torch.minimum(window.start.amin(), window.end.amin()).float()
    high = torch.maximum(window.start.amax(), window.end.amax()).float()
    return low.nan_to_num(nan=0).clamp(max=0), high.nan_to_num(nan=1).clamp(min=1)


def require_interpolator(model: Any) -> Interpolator:
    """Return the model if it is an interpolator.

    Args:
        model: Object to check.

    Raises:
        ValueError: If ``model`` is anything else.
    """
    if not isinstance(model, Interpolator):
        raise ValueError(f"model must be an Interpolator, as vfi.load_model returns, not {_described(model)}")
    return model


def _described(model: Any) -> str:
    """The description of an object that is no model, for a message."""
    return f"the text {model!r}" if isinstance(model, str) else f"a {type(model).__name__}"
