"""SGM-VFI's flow blocks: intermediate flows and blend mask at 1/8, and their residual at 1/4.

Parameters have the names of the released files. The last convolution is followed by a PReLU like all others,
although its outputs, flows and mask, have both signs: released weights depend on it.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vfi.models.layers import conv_changing, conv_constant, conv_prelu
from vfi.ops import Padding, backward_warp, resize_flow

BLOCK_CHANNELS = 128
FLOW_CHANNELS = 4
"""Number of channels of both flows: ``flow_t0`` (x, y), then ``flow_t1`` (x, y)."""

MASK_CHANNELS = 1


class TimeFlow(NamedTuple):
    """The intermediate flows of one time, and the blend mask."""

    flow: Tensor
    """``[B, 4, H, W]``: ``flow_t0``, then ``flow_t1``; pixels."""
    mask_logit: Tensor
    """``[B, 1, H, W]``, logit of the weight of frame 0."""

    def plus(self, other: TimeFlow) -> TimeFlow:
        """The sum with a correction of both."""
        return TimeFlow(self.flow + other.flow, self.mask_logit + other.mask_logit)


class FlowBlock(nn.Module):
    """Estimates flows and mask, or a residual of them, at its own resolution.

    Most of the input does not depend on t. The first convolution's response to these channels is computed
    once (:meth:`precompute`) and added to its response to the other channels.
    """

    def __init__(
        self, inputs: int, channels: int = BLOCK_CHANNELS, *, inner: int = 2, changing: slice | None = None
    ) -> None:
        """Initialize at random.

        Args:
            inputs: Number of input channels.
            channels: Number of channels of all layers but the last.
            inner: Number of convolutions within the skip connection.
            changing: Indices of the input channels that depend on t; None for all.
        """
        super().__init__()
        self.changing = changing or slice(0, inputs)
        self.conv0 = nn.Sequential(conv_prelu(inputs, channels), conv_prelu(channels, channels))
        self.convblock = nn.Sequential(*(conv_prelu(channels, channels) for _ in range(inner)))
        # PReLU on an output that has both signs: see the module's docstring.
        self.lastconv = conv_prelu(channels, FLOW_CHANNELS + MASK_CHANNELS)

    def precompute(self, static: Tensor) -> Tensor:
        """The first convolution's response to the channels that do not depend on t.

        Args:
            static: Channels ``[B, C, h, w]`` that do not depend on t, in their order.

        Returns:
            ``[B, channels, h, w]`` for :meth:`forward`.
        """
        return conv_constant(self.conv0.get_submodule("0.0"), static, self.changing)

    def forward(self, x: Tensor, static: Tensor | None = None) -> Tensor:
        """Estimate flows and mask.

        Args:
            x: Channels ``[B, C, h, w]`` that depend on t.
            static: Response ``[B, channels, h, w]`` to the other channels, from :meth:`precompute`; None
                where all channels depend on t.

        Returns:
            ``[B, 5, h, w]``: flows in pixels of this resolution, and the mask's logit.
        """
        if static is None:
            x = self.conv0(x)
        else:
            x = static + conv_changing(self.conv0.get_submodule("0.0"), x, self.changing)
            x = self.conv0[1](self.conv0.get_submodule("0.1")(x))
        x = self.convblock(x) + x
        return self.lastconv(x.to(self.lastconv.get_parameter("0.weight").dtype))

    def set_precision(self, dtype: torch.dtype) -> None:
        """Compute in this type, the last layer in float32 at least: half types are too coarse for flows."""
        self.to(dtype)
        self.lastconv.to(torch.promote_types(dtype, torch.float32))


def reduce(x: Tensor, factor: int) -> Tensor:
    """Bilinear reduction without antialiasing; the sides are multiples of ``factor``."""
    return F.interpolate(x, scale_factor=1 / factor, mode="bilinear", align_corners=False)


def enlarge(estimate: Tensor, factor: int, dtype: torch.dtype) -> TimeFlow:
    """The output of a flow block at full size.

    Args:
        estimate: Output ``[B, 5, h, w]`` of :class:`FlowBlock`.
        factor: Enlargement per side.
        dtype: Data type of the result; float32 or float64.

    Returns:
        Flows and mask of size ``h * factor`` by ``w * factor``, the flows in pixels of that size.
    """
    enlarged = F.interpolate(
        estimate.to(dtype), scale_factor=factor, mode="bilinear", align_corners=False
    )  # [B, 5, H, W]
    flow, mask_logit = enlarged.split((FLOW_CHANNELS, MASK_CHANNELS), dim=1)
    return TimeFlow(flow * factor, mask_logit)


def at_full_size(estimate: TimeFlow, height: int, width: int, padding: Padding) -> TimeFlow:
    """Flows and mask estimated on reduced frames, resized to the size of the frames.

    Args:
        estimate: Flows and mask at the size of the reduced, padded frames.
        height: Frame height in pixels.
        width: Frame width in pixels.
        padding: Padding of the frames before they were reduced.

    Returns:
        Flows and mask of size ``height`` by ``width``, the flows in pixels of that size.
    """
    size = (height + padding.top + padding.bottom, width + padding.left + padding.right)
    if estimate.flow.shape[-2:] == size:
        return estimate
    mask_logit = F.interpolate(estimate.mask_logit, size=size, mode="bilinear", align_corners=False)
    return TimeFlow(padding.unpad(resize_flow(estimate.flow, *size)), padding.unpad(mask_logit))


def warp_both(frames: Tensor, flow: Tensor) -> Tensor:
    """Both frames warped by their flows.

    Args:
        frames: Frames ``[2 B, 3, H, W]``, frame 0, then frame 1.
        flow: Flows ``[B, 4, H, W]``, pixels.

    Returns:
        ``[2 B, 3, H, W]``.
    """
    return backward_warp(frames, torch.cat(flow.chunk(2, dim=1)), padding="border")
