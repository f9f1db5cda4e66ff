"""What every interpolation network is: motion once per window, then as many frames as wanted.

A model implements :meth:`Interpolator.estimate_motion` (all that does not depend on t) and
:meth:`Interpolator.synthesize` (the rest) on tensors that already have a size it takes. Everything a caller
wants besides, any size, any kind of picture, alpha, many times at once, bounded memory, is here once for
all models.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from vfi.base.arrays import as_array, as_tensors
from vfi.base.cache import ReuseCache
from vfi.errors import ConfigError
from vfi.ops import Padding
from vfi.types import InputSpec, Interpolation, SizeRequirement, Window

SMALLEST_TILE = 64
"""Rows; below this the overhead of a tile exceeds its use."""


class MemoryUse(NamedTuple):
    """Bytes a model needs to work on one window, fitted to measured peaks."""

    per_pixel: float
    """For each pixel of the whole picture, however it is tiled."""
    per_tile_pixel: float
    """For each pixel that is synthesised at once."""
    overlap: int = 0
    """Rows on either side of a tile that are synthesised along with it."""


class Interpolator(nn.Module, ABC):
    """Makes the frames between two frames.

    A subclass states the class attributes and implements :meth:`estimate_motion` and :meth:`synthesize`.
    Training calls the module itself, ``model(window, t)``; applications call :meth:`interpolate`, and
    engines that work through a video :meth:`interpolate_window`.
    """

    window: int = 2
    """Frames it looks at: 2, or 4 (it then states what it does when the outer ones are missing)."""
    size: SizeRequirement = SizeRequirement()
    inputs: InputSpec = InputSpec()
    cpu_threads: int | None = None
    """How many threads of torch pay on a CPU; None for all. Engines that decode and encode at the same time
    set it for their run: threads beyond it only take the cores from the others."""
    networks: Sequence[str] = ()
    """Names of the parts that are convolutions and little else: what :meth:`accelerate` works on."""

    @abstractmethod
    def estimate_motion(self, window: Window) -> Any:
        """All that does not depend on t.

        Args:
            window: Frames ``[B, 3, H, W]`` that satisfy :attr:`size`.

        Returns:
            The model's own motion record, to be handed to :meth:`synthesize` with the same window.
        """

    @abstractmethod
    def synthesize(self, window: Window, motion: Any, t: Tensor) -> Interpolation:
        """Make the frame at time ``t``.

        Args:
            window: As given to :meth:`estimate_motion`.
            motion: What that returned.
            t: ``[B]``, each in (0, 1).

        Returns:
            The frame, and what else the model knows about it.
        """

    def memory_use(self, height: int, width: int) -> MemoryUse:
        """What a window of this size takes beside its own frames; nothing where a model has not measured it.

        Args:
            height: Of the pictures.
            width: Of the pictures.

        Returns:
            Bytes, for one time and a batch of one.
        """
        return MemoryUse(per_pixel=0, per_tile_pixel=0)

    def keep(self, windows: int) -> None:
        """Make room in the model's caches for several variants of every window, such as mirrored ones.

        An ensemble shows the model its variants of a window in turn; with room for all of them each still
        finds what was computed for the same variant of the window before. Windows that hold the same frames
        in the opposite order are one variant: what a model keeps of a pair it finds in either order
        (:meth:`~vfi.base.cache.ReuseCache.get_or_compute_pair`). Concerns every cache that is an attribute of
        the model; a model that wraps another one passes the call on.

        Args:
            windows: How many variants there are, 1 or more.
        """
        for value in vars(self).values():
            if isinstance(value, ReuseCache):
                value.windows = windows

    def forward(self, window: Window, t: Tensor) -> Interpolation:
        """Motion and synthesis in one, as training uses it. See the two methods for shapes."""
        return self.synthesize(window, self.estimate_motion(window), t)

    @property
    def device(self) -> torch.device:
        """Where the model computes."""
        return self._anchor.device

    @property
    def dtype(self) -> torch.dtype:
        """The floating type of its pictures; flows stay float32 whatever it is."""
        return self._anchor.dtype

    @property
    def precision(self) -> torch.dtype:
        """The type most of the arithmetic is done in."""
        return self.dtype

    def set_precision(self, dtype: torch.dtype) -> None:
        """Compute in this type what bears it; a model says what stays float32.

        Args:
            dtype: float32, float16 or bfloat16.
        """
        self.to(dtype)

    def accelerate(self, *, compile_networks: bool = False, channels_last: bool = False) -> None:
        """Trade waiting or memory for speed; results stay the same to rounding.

        Args:
            compile_networks: Let ``torch.compile`` translate the networks when they are first used, and again
                when the size of the pictures changes: minutes, for a few per cent to a third of the time.
            channels_last: Keep the networks' pictures with the channels of a pixel side by side, which
                tensor cores (float16, bfloat16) and some CPUs prefer.

        Raises:
            ConfigError: if the model has no networks.
        """
        if not self.networks:
            raise ConfigError(
                f"{type(self).__name__} has no networks that could be compiled or laid out anew: "
                "leave the option out."
            )
        for network in map(self.get_submodule, self.networks):
            if channels_last:
                network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue] - not in its stubs
            if compile_networks:
                network.compile()

    def __init__(self) -> None:
        """Begin an interpolator; subclasses call this first."""
        super().__init__()
        # A model without weights has a device and a type all the same.
        self.register_buffer("_anchor", torch.zeros(()), persistent=False)
        self._anchor: Tensor

    def interpolate(
        self, frames: Sequence[np.ndarray] | Sequence[Tensor], t: float | Sequence[float] | Tensor = 0.5
    ) -> Any:
        """Make the frame, or the frames, between the middle two of the frames given.

        Args:
            frames: 2 frames around the interval, or 4 consecutive ones with the interval in the middle (a
                model of two frames ignores the outer ones): all uint8 RGB arrays ``[H, W, 3]``, or all float
                RGB tensors ``[B, 3, H, W]`` in [0, 1]. Any height and width, but one for all.
            t: Time or times, each in (0, 1). A tensor ``[B]`` is one time for each sample.

        Returns:
            One frame of the frames' kind, type, size and device for one time, a list of frames for a list.

        Raises:
            ValueError: if the frames differ in kind or size, their number is not 2 or 4, or a time does not
                lie between 0 and 1.
        """
        one = isinstance(t, (int, float, np.floating, Tensor))
        times: list[float | Tensor] = [t] if one else list(t)
        if len(frames) not in (2, 4):
            raise ValueError(f"frames must be 2 or 4 consecutive frames, but there are {len(frames)}")
        tensors, were_arrays = as_tensors(frames)
        outer = (tensors[0], tensors[3]) if len(tensors) == 4 else (None, None)
        middle = tensors[len(tensors) // 2 - 1 : len(tensors) // 2 + 1]
        made = self.interpolate_window(Window(outer[0], middle[0], middle[1], outer[1]), times)
        results = [as_array(frame) if were_arrays else frame.clamp(0, 1).to(tensors[0]) for frame in made]
        return results[0] if one else results

    @torch.inference_mode()
    def interpolate_window(
        self, window: Window, times: Sequence[float | Tensor], *, tile: int | None = None
    ) -> list[Tensor]:
        """Make frames at several times, the motion being estimated once.

        Args:
            window: Frames ``[B, 3, H, W]`` or, with alpha as fourth channel, ``[B, 4, H, W]``, float in
                [0, 1], any size, any device. With :attr:`Window.keys` neighbouring windows share work.
            times: Each in (0, 1): numbers, or tensors ``[B]`` with a time for each sample.
            tile: Rows that are synthesised at once, see :meth:`choose_tile`; None for all. Bounds the memory
                needed; how near the result stays to the untiled one is the model's to say.

        Returns:
            One frame per time, of the window's shape, float32, on the model's device: in [0, 1], or in the
            range of the middle two frames where that is wider.

        Raises:
            ValueError: if a time does not lie between 0 and 1, or a tensor of times has another length.
        """
        moments = [_moment(time, window.start.shape[0], self.device) for time in times]
        padding = self._padding(window)
        ready = _each_frame(window, lambda frame: padding.pad(frame.to(self.device, self.dtype)))
        layers = [_each_frame(ready, lambda frame: self._to_network(frame[:, :3]))]
        if window.start.shape[1] == 4:
            # Alpha moves with the colours: it is synthesised as a grey picture from the same motion. Its
            # frames are others than the colour's, so that it must not be found under their keys.
            alpha = _each_frame(ready, lambda frame: frame[:, 3:].expand(-1, 3, -1, -1))
            layers.append(alpha._replace(keys=None))
        # Frames of films may hold values a little outside [0, 1]; new frames keep within the same range.
        low, high = _value_range(ready)
        made: list[Tensor] = []
        for frames in self._make_layers(layers, moments, tile):
            frame = self._from_network(frames[0])
            if len(frames) > 1:
                frame = torch.cat((frame, frames[1][:, :1]), dim=1)
            made.append(padding.unpad(frame).float().clamp(low, high))
        return made

    @torch.inference_mode()
    def look_inside(self, window: Window, t: float) -> dict[str, Tensor]:
        """What the model knows about a new frame, to be looked at rather than to go on with.

        Args:
            window: Frames ``[B, 3, H, W]`` in [0, 1], any size.
            t: In (0, 1).

        Returns:
            What the model has of the fields of :class:`~vfi.types.Interpolation`, and its
            :meth:`findings`, by name; ``[B, C, H, W]``.
        """
        moment = _moment(t, window.start.shape[0], self.device)
        padding = self._padding(window)
        ready = _each_frame(
            window, lambda frame: self._to_network(padding.pad(frame.to(self.device, self.dtype)))
        )
        motion = self.estimate_motion(ready)
        found = self.synthesize(ready, motion, moment)._asdict() | self.findings(ready, motion, moment)
        inside = {name: padding.unpad(value) for name, value in found.items() if value is not None}
        return {
            name: self._from_network(value) if name in ("frame", "coarse") else value
            for name, value in inside.items()
        }

    def findings(self, window: Window, motion: Any, t: Tensor) -> dict[str, Tensor]:
        """What else a model can show of how a frame came about.

        Args:
            window: As given to :meth:`estimate_motion`.
            motion: What that returned.
            t: ``[B]``.

        Returns:
            Pictures of the window's size by name, ``[B, 1, H, W]``; a name that ends in ``_0`` or ``_1``
            lies on that frame's grid, any other on the new frame's.
        """
        return {}

    def _padding(self, window: Window) -> Padding:
        """What a window of any size needs to satisfy :attr:`size`."""
        height, width = window.start.shape[-2:]
        return Padding.to_fit(height, width, multiple=self.size.multiple, minimum=self.size.minimum)

    def _make_layers(
        self, layers: Sequence[Window], times: Sequence[Tensor], tile: int | None
    ) -> Iterator[list[Tensor]]:
        """Frames of pictures that move alike, the motion being that of the first.

        Args:
            layers: Frames ``[B, 3, H, W]`` that satisfy :attr:`size`.
            times: Each ``[B]``, in (0, 1).
            tile: See :meth:`interpolate_window`.

        Yields:
            For each time the frame ``[B, 3, H, W]`` of every layer.
        """
        motion = self.estimate_motion(layers[0])
        motions = [motion, *(self.transfer_motion(layer, motion) for layer in layers[1:])]
        for t in times:
            yield [
                self.synthesize_frame(layer, moving, t, tile=tile)
                for layer, moving in zip(layers, motions, strict=True)
            ]

    def transfer_motion(self, window: Window, motion: Any) -> Any:
        """The motion for other pictures that move as those it was estimated from (alpha with colours).

        Args:
            window: The other pictures.
            motion: From :meth:`estimate_motion`.

        Returns:
            A motion to be handed to :meth:`synthesize` with the other pictures: the same, unless the model
            keeps something of the pictures themselves in it.
        """
        return motion

    def synthesize_frame(self, window: Window, motion: Any, t: Tensor, *, tile: int | None) -> Tensor:
        """The frame of :meth:`synthesize`; a model that can, works in tiles of this size to save memory.

        Args:
            window: As given to :meth:`estimate_motion`.
            motion: What that returned.
            t: ``[B]``, each in (0, 1).
            tile: Rows; None for all at once.

        Returns:
            ``[B, 3, H, W]``.
        """
        if tile is not None:
            raise ConfigError(f"The model {type(self).__name__} cannot work in tiles: leave --tile out.")
        return self.synthesize(window, motion, t).frame

    def choose_tile(self, height: int, width: int, max_memory: int | None) -> int | None:
        """The largest tile, in rows of full width, with which a window of this size stays within the memory.

        Args:
            height: Of the pictures.
            width: Of the pictures.
            max_memory: Bytes the model may use; None for any.

        Returns:
            The tile for :meth:`interpolate_window`; None if all at once fits.

        Raises:
            ConfigError: if even the smallest tile does not fit; it says how much would.
        """
        memory = self.memory_use(height, width)
        fixed = height * width * memory.per_pixel
        per_row = width * memory.per_tile_pixel
        if max_memory is None or fixed + height * per_row <= max_memory:
            return None
        beside = 2 * memory.overlap
        needed = fixed + min(SMALLEST_TILE + beside, height) * per_row
        if needed > max_memory:
            raise ConfigError(
                f"Frames of {width}x{height} need at least {_in_megabytes(needed)} of memory, more than the "
                f"{_in_megabytes(max_memory)} allowed: raise --max-memory or use smaller frames."
            )
        return max(int((max_memory - fixed) / per_row) - beside, SMALLEST_TILE)

    def _to_network(self, frame: Tensor) -> Tensor:
        """RGB in [0, 1] as the network wants it."""
        frame = frame.flip(1) if self.inputs.channel_order == "bgr" else frame
        return frame * self.inputs.scale if self.inputs.scale != 1 else frame

    def _from_network(self, frame: Tensor) -> Tensor:
        """The inverse of :meth:`_to_network`."""
        frame = frame / self.inputs.scale if self.inputs.scale != 1 else frame
        return frame.flip(1) if self.inputs.channel_order == "bgr" else frame


def _value_range(window: Window) -> tuple[Tensor, Tensor]:
    """Smallest and largest value of the two frames in the middle, but at most 0 and at least 1."""
    low = torch.minimum(window.start.amin(), window.end.amin()).float()
    high = torch.maximum(window.start.amax(), window.end.amax()).float()
    return low.clamp(max=0), high.clamp(min=1)


def _each_frame(window: Window, change: Callable[[Tensor], Tensor]) -> Window:
    """The window with ``change`` applied to the frames that are there."""
    return Window(
        None if window.prev is None else change(window.prev),
        change(window.start),
        change(window.end),
        None if window.next is None else change(window.next),
        keys=window.keys,
    )


def _moment(t: float | Tensor, batch: int, device: torch.device) -> Tensor:
    """A time as a tensor ``[batch]``."""
    moment = torch.as_tensor(t, dtype=torch.float32, device=device)
    if moment.shape not in ((), (batch,)):
        raise ValueError(
            f"t must be a number or a tensor with one time for each of the {batch} samples, "
            f"but its shape is {tuple(moment.shape)}"
        )
    if not bool(((moment > 0) & (moment < 1)).all()):
        raise ValueError(f"t must lie between 0 and 1, both excluded, but it is {t}")
    return moment.expand(batch)


def _in_megabytes(size: float) -> str:
    return f"{size / 2**20:,.0f} MB"
