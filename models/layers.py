"""Building blocks of several networks: convolutions with their activations, and the blocks of a U-Net.

All convolutions here keep height and width (divided by the stride, rounded up) and have a bias; leaky ReLUs
have the slope :data:`SLOPE`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SLOPE = 0.1
"""Slope of every leaky ReLU in the PWC and EQVI families."""


def conv(inputs: int, outputs: int, kernel: int = 3, *, stride: int = 1, dilation: int = 1) -> nn.Conv2d:
    """A convolution padded with zeros so that stride 1 keeps the size; ``kernel`` is odd."""
    padding = dilation * (kernel - 1) // 2
    return nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=padding, dilation=dilation)


def conv_leaky(
    inputs: int, outputs: int, kernel: int = 3, *, stride: int = 1, dilation: int = 1
) -> nn.Sequential:
    """:func:`conv` and a leaky ReLU; the convolution's parameters are named ``0.weight`` and ``0.bias``."""
    return nn.Sequential(
        conv(inputs, outputs, kernel, stride=stride, dilation=dilation), nn.LeakyReLU(SLOPE, inplace=True)
    )


def conv_prelu(inputs: int, outputs: int, kernel: int = 3, *, stride: int = 1) -> nn.Sequential:
    """:func:`conv` and a PReLU with one slope per channel, named ``1.weight``."""
    return nn.Sequential(conv(inputs, outputs, kernel, stride=stride), nn.PReLU(outputs))


def conv_constant(layer: nn.Module, x: Tensor, changing: slice) -> Tensor:
    """Convolve the constant input channels, with the bias; the sum with :func:`conv_changing` is the layer.

    A convolution is linear: where only some input channels change between calls, the response to the others
    is computed once.

    Args:
        layer: Convolution, an ``nn.Conv2d``.
        x: Constant channels ``[B, C, H, W]``, in their order.
        changing: Indices of the other channels among all inputs of the layer.

    Returns:
        ``[B, outputs, H, W]``, with the bias.
    """
    assert isinstance(layer, nn.Conv2d)
    weight = torch.cat((layer.weight[:, : changing.start], layer.weight[:, changing.stop :]), dim=1)
    return F.conv2d(x, weight, layer.bias, layer.stride, layer.padding)


def conv_changing(layer: nn.Module, x: Tensor, changing: slice) -> Tensor:
    """Convolve the changing input channels, without the bias: the complement of :func:`conv_constant`.

    Args:
        layer: Convolution, an ``nn.Conv2d``.
        x: Changing channels ``[B, C, H, W]``.
        changing: Indices of these channels among all inputs of the layer.

    Returns:
        ``[B, outputs, H, W]``, without the bias.
    """
    assert isinstance(layer, nn.Conv2d)
    return F.conv2d(x, layer.weight[:, changing], None, layer.stride, layer.padding)


def leaky(x: Tensor) -> Tensor:
    """Leaky ReLU in place, for the output of a convolution that is used nowhere else."""
    return F.leaky_relu(x, SLOPE, inplace=True)


class DownBlock(nn.Module):
    """Encoder block of a U-Net: 2x2 average pooling (drops an odd last row or column), two convolutions."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        """``kernel`` is the kernel size of both convolutions."""
        super().__init__()
        self.conv1 = conv(inputs, outputs, kernel)
        self.conv2 = conv(outputs, outputs, kernel)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, inputs, H, W]`` to ``[B, outputs, H // 2, W // 2]``; both sides at least 2."""
        return leaky(self.conv2(leaky(self.conv1(F.avg_pool2d(x, 2)))))


class UpBlock(nn.Module):
    """Decoder block of a U-Net: bilinear upsampling, a convolution, the skip connection, a convolution."""

    def __init__(self, inputs: int, outputs: int) -> None:
        """The skip connection has ``outputs`` channels too."""
        super().__init__()
        self.conv1 = conv(inputs, outputs)
        self.conv2 = conv(2 * outputs, outputs)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """``[B, inputs, h, w]`` and ``[B, outputs, H, W]`` to ``[B, outputs, H, W]``."""
        x = F.interpolate(x, size=skip.shape[-2:], mode="bilinear", align_corners=False)
        x = leaky(self.conv1(x))
        return leaky(self.conv2(torch.cat((x, skip), dim=1)))
