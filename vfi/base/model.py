"""Base class of models that run on videos: device, precision, memory format, caches of per-frame results."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from vfi.base.cache import ReuseCache
from vfi.errors import ConfigError


class VideoModel(nn.Module):
    """A module with networks that may be accelerated, and caches that windows of a clip share."""

    cpu_threads: int | None = None
    """Number of PyTorch threads that pay on a CPU; None for all. Engines that decode and encode at the same
    time set it for their run: threads beyond it only take the cores from the others."""
    networks: Sequence[str] = ()
    """Names of the submodules that consist of convolutions and little else: for :meth:`accelerate`."""

    def __init__(self) -> None:
        """Initialize; subclasses call this first."""
        super().__init__()
        self.variants = 1
        """Variants of a window whose results are kept in turn, see :meth:`reserve_cache`."""
        # A model without weights has a device and a type all the same.
        self.register_buffer("_anchor", torch.zeros(()), persistent=False)
        self._anchor: Tensor

    def reserve_cache(self, variants: int) -> None:
        """Make room in the model's caches for several variants of every window, such as flipped ones.

        An ensemble gives the model its variants of a window in turn; with room for all of them each still
        finds what was computed for the same variant of the window before. Windows that hold the same frames
        in the opposite order are one variant: results of pairs are found in either order
        (:meth:`~vfi.base.cache.ReuseCache.of_pair`). Concerns every cache that is an attribute of
        the model; a model that wraps another one passes the call on.

        Args:
            variants: Number of variants, 1 or more.
        """
        self.variants = variants
        for value in vars(self).values():
            if isinstance(value, ReuseCache):
                value.variants = variants

    @property
    def device(self) -> torch.device:
        """The device the model computes on."""
        return self._anchor.device

    @property
    def dtype(self) -> torch.dtype:
        """The floating type of the frames; flows stay float32 whatever it is."""
        return self._anchor.dtype

    @property
    def precision(self) -> torch.dtype:
        """The type most of the arithmetic is done in."""
        return self.dtype

    def set_precision(self, dtype: torch.dtype) -> None:
        """Compute in this type where the result allows it; a model states what stays float32.

        Args:
            dtype: float32, float16 or bfloat16.
        """
        self.to(dtype)

    def accelerate(self, *, compile_networks: bool = False, channels_last: bool = False) -> None:
        """Trade start-up time or memory for speed; results stay the same to rounding.

        Args:
            compile_networks: Whether ``torch.compile`` translates the networks when they are first used,
                and again when the size of the frames changes: minutes, for a few per cent to a third of the
                time.
            channels_last: Whether the networks' weights get the channels-last memory format, which tensor
                cores (float16, bfloat16) prefer. On a CPU the inputs have it anyway (:meth:`network_input`).

        Raises:
            ConfigError: If the model has no networks.
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

    def network_input(self, first: Tensor, *others: Tensor) -> Tensor:
        """Parts as channels of one tensor, in the networks' type and the memory format they are fastest in.

        On a CPU that is channels last: convolutions and pooling are faster so and keep the format, at the
        same result to rounding. Measured with two threads: 5 to 10 % for EQVI's U-Nets, 15 to 20 % for
        SGM-VFI's, 30 % for EQVI's mask network; networks that normalise over a frame are slower so and do
        not use this method. On other devices the weights' format decides (:meth:`accelerate`).

        Args:
            first: Tensor ``[B, C, H, W]``.
            others: Tensors ``[B, C, H, W]``, concatenated with it along C.
        """
        x = (torch.cat((first, *others), dim=1) if others else first).to(self.precision)
        return x.contiguous(memory_format=torch.channels_last) if x.device.type == "cpu" else x
