"""Base class of video models: device, precision, memory format, caches of per-frame results."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from vfi.base.cache import ReuseCache
from vfi.errors import ConfigError


class VideoModel(nn.Module):
    """Module with a device, a precision, networks to accelerate, and caches for overlapping windows."""

    cpu_threads: int | None = None
    """Number of PyTorch threads that speed the model up on a CPU; None for all. Engines that decode and
    encode at the same time set it for their run: more threads only compete with the others for the cores."""
    networks: Sequence[str] = ()
    """Names of the convolutional submodules, which :meth:`accelerate` works on."""

    def __init__(self) -> None:
        """Initialize; subclasses call this first."""
        super().__init__()
        self.variants = 1
        """Number of variants of a window whose results are cached, see :meth:`reserve_cache`."""
        # Gives a model without weights a device and a data type.
        self.register_buffer("_anchor", torch.zeros(()), persistent=False)
        self._anchor: Tensor

    def reserve_cache(self, variants: int) -> None:
        """Set the capacity of the model's caches for several variants of every window, such as flipped ones.

        An ensemble calls the model with its variants of a window in turn; the caches then hold the results of
        all of them until the next window. Windows of the same frames in the opposite order are one variant:
        results of pairs are found in either order (:meth:`~vfi.base.cache.ReuseCache.of_pair`). Applies to
        every cache that is an attribute of the model; a model that wraps another one passes the call on.

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
        """The data type of the frames; flows are always float32."""
        return self._anchor.dtype

    @property
    def precision(self) -> torch.dtype:
        """The data type of most of the arithmetic."""
        return self.dtype

    def set_precision(self, dtype: torch.dtype) -> None:
        """Compute in this type where the accuracy allows it; each model states what stays float32.

        Args:
            dtype: Data type, float32, float16 or bfloat16.
        """
        self.to(dtype)

    def accelerate(self, *, compile_networks: bool = False, channels_last: bool = False) -> None:
        """Compile the networks or change their memory format; results stay the same to rounding.

        Args:
            compile_networks: Whether ``torch.compile`` compiles the networks when they are first used, and
                again when the size of the frames changes. Takes minutes and saves between a few per cent and
                a third of the time.
            channels_last: Whether the weights are converted to the channels-last memory format, which is
                faster on tensor cores (float16, bfloat16). On a CPU the inputs have this format in any case
                (:meth:`network_input`).

        Raises:
            ConfigError: If the model has no networks.
        """
        if not self.networks:
            raise ConfigError(
                f"{type(self).__name__} has no networks to compile or to convert to channels last: "
                "leave the option out."
            )
        for network in map(self.get_submodule, self.networks):
            if channels_last:
                network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue] - not in its stubs
            if compile_networks:
                network.compile()

    def network_input(self, first: Tensor, *others: Tensor) -> Tensor:
        """Concatenate channels as input of a network, in the networks' type and fastest memory format.

        On a CPU this is channels last: convolutions and pooling are faster and keep the format, with the same
        result to rounding. Measured with two threads: 5 to 10 % faster for EQVI's U-Nets, 15 to 20 % for
        SGM-VFI's, 30 % for EQVI's mask network. Networks that normalise over a frame are slower in this
        format and do not use this method. On other devices the format of the weights decides
        (:meth:`accelerate`).

        Args:
            first: Tensor ``[B, C, H, W]``.
            others: Tensors ``[B, C, H, W]``, concatenated with it along C.
        """
        x = (torch.cat((first, *others), dim=1) if others else first).to(self.precision)
        return x.contiguous(memory_format=torch.channels_last) if x.device.type == "cpu" else x
