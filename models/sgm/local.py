"""SGM-VFI's flow blocks: both flows of the frame to be made and its blend mask, at 1/8, then better at 1/4.

Parameters have the names of the released files. The last convolution is followed by a PReLU like all others,
so flows and mask pass through it; the released weights were trained with that.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vfi.models.layers import conv_prelu

BLOCK_CHANNELS = 128
FLOW_CHANNELS = 4
"""Of both flows: ``flow_t0`` (x, y), then ``flow_t1`` (x, y)."""

MASK_CHANNELS = 1


class TimeFlow(NamedTuple):
    """Where the pixels of a time come from, and from which frame rather."""

    flow: Tensor
    """``[B, 4, H, W]``: ``flow_t0``, ``flow_t1``; pixels."""
    mask_logit: Tensor
    """``[B, 1, H, W]``, of the weight of what comes from frame 0."""

    def __add__(self, other: object) -> TimeFlow:  # pyright: ignore[reportIncompatibleMethodOverride]
        """What another one adds to this one."""
        assert isinstance(other, TimeFlow)
        return TimeFlow(self.flow + other.flow, self.mask_logit + other.mask_logit)


class FlowBlock(nn.Module):
    """Estimates flows and mask, or what they lack, at its own size."""

    def __init__(self, inputs: int, channels: int = BLOCK_CHANNELS, *, inner: int = 2) -> None:
        """Default initialisation.

        Args:
            inputs: Channels of the input.
            channels: Of all layers but the last.
            inner: Convolutions within the skip connection.
        """
        super().__init__()
        self.conv0 = nn.Sequential(conv_prelu(inputs, channels), conv_prelu(channels, channels))
        self.convblock = nn.Sequential(*(conv_prelu(channels, channels) for _ in range(inner)))
        # PReLU on an output that has both signs: see the module's docstring.
        self.lastconv = conv_prelu(channels, FLOW_CHANNELS + MASK_CHANNELS)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, inputs, h, w]`` to ``[B, 5, h, w]``: flows in pixels of this size, and the mask's logit."""
        x = self.conv0(x)
        return self.lastconv(self.convblock(x) + x)


def reduce(picture: Tensor, factor: int) -> Tensor:
    """Reduce by bilinear interpolation without smoothing; the sides are multiples of ``factor``."""
    return F.interpolate(picture, scale_factor=1 / factor, mode="bilinear", align_corners=False)


def enlarge(estimate: Tensor, factor: int, dtype: torch.dtype) -> TimeFlow:
    """A flow block's output at full size.

    Args:
        estimate: ``[B, 5, h, w]`` of :class:`FlowBlock`.
        factor: How many times larger.
        dtype: Of the result; never a half type.

    Returns:
        Flows and mask, ``h * factor`` by ``w * factor``, the flows in pixels of that.
    """
    enlarged = F.interpolate(
        estimate.to(dtype), scale_factor=factor, mode="bilinear", align_corners=False
    )  # [B, 5, H, W]
    flow, mask_logit = enlarged.split((FLOW_CHANNELS, MASK_CHANNELS), dim=1)
    return TimeFlow(flow * factor, mask_logit)
