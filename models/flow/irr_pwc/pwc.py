"""Building blocks of PWC flow networks: feature pyramid, warp by scaled flow, decoder, context network.

Source: Sun et al., "PWC-Net: CNNs for Optical Flow Using Pyramid, Warping, and Cost Volume", CVPR 2018, in
the sizes of Hur and Roth, "Iterative Residual Refinement for Joint Optical Flow and Occlusion Estimation",
CVPR 2019. Parameters have the names of the released files.

Flow inside these networks (``flow_scaled``) is in pixels *of the input image* times :data:`FLOW_SCALE`,
whatever the resolution of the level.
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...layers import conv, conv_leaky

FLOW_SCALE = 0.05
"""Network units per pixel of the input image."""

PYRAMID_CHANNELS = (16, 32, 64, 96, 128, 196)
"""Numbers of channels of the levels at 1/2, 1/4, ... 1/64 of the image."""

GROWTH = (128, 128, 96, 64, 32)
"""Numbers of channels that the layers of the dense decoder add."""

DENSE_CHANNELS = sum(GROWTH)
"""Number of channels that the dense decoder adds to its input."""

CONTEXT_LAYERS = ((128, 1), (128, 2), (128, 4), (96, 8), (64, 16), (32, 1))
"""Channels and dilation of each hidden layer of the context network."""

VISIBLE = 0.99999
"""Smallest fraction of a sample of :func:`warp_scaled` that must come from inside; others are 0."""


class FeaturePyramid(nn.Module):
    """Six levels of features, each half as large as the one before, rounded up."""

    def __init__(self) -> None:
        """Initialize; each level has two convolutions."""
        super().__init__()
        channels = (3, *PYRAMID_CHANNELS)
        self.convs = nn.ModuleList(
            nn.Sequential(conv_leaky(inputs, outputs, stride=2), conv_leaky(outputs, outputs))
            for inputs, outputs in pairwise(channels)
        )

    def forward(self, frame: Tensor) -> list[Tensor]:
        """``[B, 3, H, W]`` RGB in [0, 1] to the levels at 1/2 ... 1/64, finest first."""
        levels: list[Tensor] = []
        x = frame
        for block in self.convs:
            x = block(x)
            levels.append(x)
        return levels


class DenseDecoder(nn.Module):
    """Five densely connected convolutions, and a convolution without activation that gives the result."""

    def __init__(self, inputs: int, outputs: int) -> None:
        """``inputs`` channels in, ``inputs + DENSE_CHANNELS`` features and ``outputs`` channels out."""
        super().__init__()
        width = inputs
        for number, added in enumerate(GROWTH, start=1):
            setattr(self, f"conv{number}", conv_leaky(width, added))
            width += added
        self.conv_last = nn.Sequential(conv(width, outputs))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """``[B, inputs, H, W]`` to the features ``[B, inputs + DENSE_CHANNELS, H, W]`` and the output."""
        for number in range(1, len(GROWTH) + 1):
            x = torch.cat((getattr(self, f"conv{number}")(x), x), dim=1)  # new features first
        return x, self.conv_last(x)


class DilatedContext(nn.Module):
    """Dilated convolutions with a large receptive field, which predict a residual of the decoder's output."""

    def __init__(self, inputs: int, outputs: int) -> None:
        """``inputs`` is the number of channels of the decoder's features and output together."""
        super().__init__()
        layers: list[nn.Module] = []
        width = inputs
        for channels, dilation in CONTEXT_LAYERS:
            layers.append(conv_leaky(width, channels, dilation=dilation))
            width = channels
        self.convs = nn.Sequential(*layers, nn.Sequential(conv(width, outputs)))

    def forward(self, x: Tensor) -> Tensor:
        """``[B, inputs, H, W]`` to the residual ``[B, outputs, H, W]``."""
        return self.convs(x)


def resize_aligned(x: Tensor, size: tuple[int, int] | torch.Size) -> Tensor:
    """Resize bilinearly with aligned corners, as these networks do with everything; values are not rescaled.

    Args:
        x: Tensor ``[B, C, H, W]``.
        size: Height and width of the result.

    Returns:
        ``[B, C, *size]``.
    """
    if x.shape[-2:] == tuple(size):
        return x
    return F.interpolate(x, size=tuple(size), mode="bilinear", align_corners=True)


def warp_scaled(x: Tensor, flow_scaled: Tensor, image_size: tuple[int, int]) -> Tensor:
    """Warp features or a reduced image by a flow; samples from outside are 0.

    Released weights rely on two peculiarities, reproduced here. The displacement is normalised by the sides
    of the *image* less one, so that a level of width w moves by ``(w - 1) / (W - 1)`` of a pixel per image
    pixel instead of ``w / W``. And a sample of which more than 1e-5 comes from outside is 0 altogether.

    Args:
        x: Tensor ``[B, C, h, w]``.
        flow_scaled: Flow ``[B, 2, h, w]``, image pixels times :data:`FLOW_SCALE`; float32 or float64.
        image_size: Height and width of the image in pixels.

    Returns:
        Warped tensor ``[B, C, h, w]`` in the type of ``x``; half types are sampled in float32.
    """
    height, width = x.shape[-2:]
    dtype, device = flow_scaled.dtype, flow_scaled.device
    # The ends of linspace are exact: a pixel at the edge with no motion must not count as outside.
    columns = torch.linspace(-1, 1, width, device=device, dtype=dtype)
    rows = torch.linspace(-1, 1, height, device=device, dtype=dtype)[:, None]
    image_height, image_width = image_size
    grid = torch.stack(
        (
            columns + flow_scaled[:, 0] * (2 / (max(image_width - 1, 1) * FLOW_SCALE)),
            rows + flow_scaled[:, 1] * (2 / (max(image_height - 1, 1) * FLOW_SCALE)),
        ),
        dim=-1,
    )  # [B, h, w, 2]
    warped = F.grid_sample(x.to(dtype), grid, align_corners=True)
    inside = F.grid_sample(warped.new_ones((grid.shape[0], 1, height, width)), grid, align_corners=True)
    return (warped * (inside >= VISIBLE)).to(x.dtype)
