"""RCSN, the residual contextual synthesis network: the residual of the blend of two warped frames.

Source: Liu et al., "Enhanced Quadratic Video Interpolation", ECCV Workshops 2020, "Residual contextual
synthesis network". Parameters have the names of the released files.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..layers import DownBlock, UpBlock, conv, leaky

CONTEXT_CHANNELS = 64
"""Channels of the contextual features: those of the first convolution of ResNet-18."""

CONTEXT_KERNEL = 7

GRADIENT_EPSILON = 1e-6
"""Added to the squared gradient before the root."""

PAIR_CHANNELS = CONTEXT_CHANNELS + 3 + 3
"""Channels per frame: contextual features, gradients, the frame itself."""


def context_convolution() -> nn.Conv2d:
    """The first convolution of ResNet-18, with stride 1 so that the features have the frame's size."""
    return nn.Conv2d(3, CONTEXT_CHANNELS, CONTEXT_KERNEL, padding=CONTEXT_KERNEL // 2, bias=False)


def gradient_magnitude(frame: Tensor) -> Tensor:
    """Magnitude of the image gradient by central differences, per channel; zeros outside the frame.

    Args:
        frame: Frame ``[B, C, H, W]``.

    Returns:
        ``[B, C, H, W]``: ``sqrt((x[y + 1] - x[y - 1])^2 + (x[.., x + 1] - x[.., x - 1])^2 + epsilon)``.
    """
    padded = F.pad(frame, (1, 1, 1, 1))
    vertical = padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]
    horizontal = padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]
    return (vertical.square() + horizontal.square() + GRADIENT_EPSILON).sqrt()


class ResidualNetwork(nn.Module):
    """U-Net with three poolings; takes any size from 8x8 on."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = conv(2 * PAIR_CHANNELS, 64, 7)
        self.conv2 = conv(64, 32, 7)
        self.conv3 = conv(32, 32)
        self.down1 = DownBlock(32, 64, 5)
        self.down2 = DownBlock(64, 128, 3)
        self.down3 = DownBlock(128, 128, 3)
        self.up1 = UpBlock(128, 128)
        self.up2 = UpBlock(128, 64)
        self.up3 = UpBlock(64, 32)
        self.conv4 = conv(32, 3)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, 2 PAIR_CHANNELS, H, W]`` to the residual of the blend, ``[B, 3, H, W]``."""
        x = leaky(self.conv2(leaky(self.conv1(x))))
        s1 = leaky(self.conv3(x))
        s2 = self.down1(s1)
        s4 = self.down2(s2)
        x = self.up1(self.down3(s4), s4)
        x = self.up2(x, s2)
        return self.conv4(self.up3(x, s1))


def context_features(convolution: nn.Conv2d, frame: Tensor) -> Tensor:
    """Contextual features, gradients and colours of a frame as one tensor, to be warped together.

    Args:
        convolution: Convolution, see :func:`context_convolution`.
        frame: Frame ``[B, 3, H, W]`` RGB in [0, 1], without the normalisation of ResNet's inputs.

    Returns:
        ``[B, PAIR_CHANNELS, H, W]``: features, gradients, frame; in the frame's type.
    """
    features = convolution(frame.to(convolution.weight.dtype)).to(frame.dtype)
    return torch.cat((features, gradient_magnitude(frame), frame), dim=1)
