"""SGM-VFI's frame synthesis: context of both frames, warped by the flows, and the U-Net of the residual.

Parameters have the names of the released files. The context of a frame does not depend on the flows and is
computed once per frame. All inputs have full size; their sides are multiples of 16.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vfi.models.layers import conv, conv_prelu
from vfi.ops import backward_warp

LEVELS = 4
"""Number of levels of the context, at 1/2 to 1/16."""

MULTIPLE = 2**LEVELS
"""Pixels; both sides of a frame must be multiples of it."""

UNET_INPUTS = 17
"""Number of channels: both frames, both warped frames, the mask's logit and both flows."""


class HalvingBlock(nn.Module):
    """Two convolutions with PReLU, the first with stride 2."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = conv_prelu(inputs, outputs, stride=2)
        self.conv2 = conv_prelu(outputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, inputs, H, W]`` to ``[B, outputs, H / 2, W / 2]``."""
        return self.conv2(self.conv1(x))


class ContextEncoder(nn.Module):
    """Context of a frame for the synthesis, a pyramid of four levels."""

    def __init__(self, width: int) -> None:
        """``width`` is the channel count of the model at full size, F."""
        super().__init__()
        self.conv1 = HalvingBlock(3, 2 * width)
        self.conv2 = HalvingBlock(2 * width, 4 * width)
        self.conv3 = HalvingBlock(4 * width, 8 * width)
        self.conv4 = HalvingBlock(8 * width, 16 * width)

    def forward(self, frame: Tensor) -> list[Tensor]:
        """``[B, 3, H, W]`` to ``[B, 2 F, H / 2, W / 2]`` ... ``[B, 16 F, H / 16, W / 16]``."""
        levels: list[Tensor] = []
        for block in (self.conv1, self.conv2, self.conv3, self.conv4):
            frame = block(frame)
            levels.append(frame)
        return levels


class SynthesisUnet(nn.Module):
    """U-Net from frames, flows and warped context to the residual of the blend."""

    def __init__(self, width: int) -> None:
        """``width`` is the channel count of the model at full size, F."""
        super().__init__()
        self.down0 = HalvingBlock(UNET_INPUTS, 4 * width)
        self.down1 = HalvingBlock(8 * width, 8 * width)
        self.down2 = HalvingBlock(16 * width, 16 * width)
        self.down3 = HalvingBlock(32 * width, 32 * width)
        self.up0 = _doubling(64 * width, 16 * width)
        self.up1 = _doubling(32 * width, 8 * width)
        self.up2 = _doubling(16 * width, 4 * width)
        self.up3 = _doubling(8 * width, 2 * width)
        self.conv = conv(2 * width, 3)

    def forward(self, x: Tensor, context_0: list[Tensor], context_1: list[Tensor]) -> Tensor:
        """Compute the residual.

        Args:
            x: Channels ``[B, UNET_INPUTS, H, W]``.
            context_0: Warped context of frame 0, levels as in :class:`ContextEncoder`.
            context_1: Warped context of frame 1, levels as in :class:`ContextEncoder`.

        Returns:
            ``[B, 3, H, W]``, the logit of the residual, whose sigmoid 0 to 1 stands for -1 to 1.
        """
        s2 = self.down0(x)
        s4 = self.down1(torch.cat((s2, context_0[0], context_1[0]), dim=1))
        s8 = self.down2(torch.cat((s4, context_0[1], context_1[1]), dim=1))
        s16 = self.down3(torch.cat((s8, context_0[2], context_1[2]), dim=1))
        x = self.up0(torch.cat((s16, context_0[3], context_1[3]), dim=1))
        x = self.up1(torch.cat((x, s8), dim=1))
        x = self.up2(torch.cat((x, s4), dim=1))
        x = self.up3(torch.cat((x, s2), dim=1))
        return self.conv(x)


def warp_context(context: list[Tensor], flow: Tensor, top: int = 0) -> list[Tensor]:
    """The context of a frame warped by a flow, each level by the flow at its resolution.

    Args:
        context: Context of the whole frame, see :class:`ContextEncoder`.
        flow: Flow ``[B, 2, h, W]``, pixels at full size, on rows ``top`` and following of the new frame.
        top: First row of the flow, pixels; a multiple of :data:`MULTIPLE`, as ``h`` is.

    Returns:
        The same levels on these rows of the new frame.
    """
    warped: list[Tensor] = []
    for level in context:
        flow = F.interpolate(flow, scale_factor=0.5, mode="bilinear", align_corners=False) / 2
        top //= 2
        warped.append(backward_warp(level, flow, padding="border", origin=(top, 0)))
    return warped


def _doubling(inputs: int, outputs: int) -> nn.Sequential:
    """A transposed convolution of stride 2 with PReLU."""
    return nn.Sequential(nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1), nn.PReLU(outputs))
