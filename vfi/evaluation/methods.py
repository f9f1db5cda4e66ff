"""Methods that a benchmark compares: models, and the baselines that need none.

Each takes the frames of a sample and returns frames at the wanted times, so that all are measured on the
very same samples.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from fractions import Fraction

import torch
from torch import Tensor
from typing_extensions import override

from vfi.base.interpolator import Interpolator
from vfi.base.weights import weights_hash
from vfi.errors import ConfigError
from vfi.evaluation.baselines import minterpolate_between
from vfi.ops import Padding
from vfi.types import Window


class Method(ABC):
    """A way to compute frames between two frames."""

    name: str
    window: int = 2
    """Number of frames it uses: 2, or 4 where there are outer ones."""

    def identity(self) -> object:
        """What results of it are recognised by, as plain JSON values."""
        return self.name

    @abstractmethod
    def interpolate(
        self, window: Window, times: Sequence[Fraction], padding_multiple: int = 1
    ) -> list[Tensor]:
        """Compute frames between the two in the middle.

        Args:
            window: Frames ``[1, 3, H, W]``, RGB in [0, 1].
            times: Times, each in (0, 1).
            padding_multiple: Sides of the frames a network sees are multiples of it.

        Returns:
            One frame ``[1, 3, H, W]`` in [0, 1] per time, on the CPU.
        """


class ModelMethod(Method):
    """An interpolator."""

    def __init__(self, name: str, model: Interpolator, *, max_memory: int | None = None) -> None:
        """Wrap a model.

        Args:
            name: Name in tables.
            model: Interpolator, on its device.
            max_memory: Bytes the model may use; larger frames are synthesized in tiles. None: any.
        """
        self.name = name
        self.window = model.window
        self._model = model
        self._max_memory = max_memory

    @override
    def identity(self) -> object:
        return [self.name, weights_hash(self._model)]

    @override
    def interpolate(
        self, window: Window, times: Sequence[Fraction], padding_multiple: int = 1
    ) -> list[Tensor]:
        height, width = window.start.shape[-2:]
        padding = Padding.to_fit(height, width, multiple=padding_multiple)
        tile = self._model.choose_tile(height, width, self._max_memory)
        frames = self._model.interpolate_window(window.map(padding.pad), [float(t) for t in times], tile=tile)
        return [padding.unpad(frame).cpu().clamp(0, 1) for frame in frames]


class Blend(Method):
    """The cross-fade of both frames."""

    name = "blend"

    @override
    def interpolate(
        self, window: Window, times: Sequence[Fraction], padding_multiple: int = 1
    ) -> list[Tensor]:
        return [torch.lerp(window.start, window.end, float(t)) for t in times]


class Repeat(Method):
    """The frame that is nearer in time; the first one in the middle."""

    name = "repeat"

    @override
    def interpolate(
        self, window: Window, times: Sequence[Fraction], padding_multiple: int = 1
    ) -> list[Tensor]:
        return [window.start if 2 * t <= 1 else window.end for t in times]


class Minterpolate(Method):
    """FFmpeg's ``minterpolate`` at its best settings, see :mod:`vfi.evaluation.baselines`."""

    name = "minterpolate"
    window = 4

    @override
    def interpolate(
        self, window: Window, times: Sequence[Fraction], padding_multiple: int = 1
    ) -> list[Tensor]:
        return minterpolate_between(window, times)


BASELINES: dict[str, type[Method]] = {method.name: method for method in (Minterpolate, Blend, Repeat)}
"""Methods without a model, by name."""


def find_baseline(name: str) -> Method:
    """Create a baseline by its name.

    Args:
        name: A name of :data:`BASELINES`.

    Raises:
        ConfigError: If there is none of this name.
    """
    if name not in BASELINES:
        raise ConfigError(f"There is no baseline {name!r}: choose from {', '.join(BASELINES)}.")
    return BASELINES[name]()
