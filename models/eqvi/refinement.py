"""EQVI's flow refinement and the mask that blends the frames warped by the refined flows.

Source: Liu et al., "Enhanced Quadratic Video Interpolation", ECCV Workshops 2020, after Xu et al., "Quadratic
Video Interpolation", NeurIPS 2019, "Adaptive flow filtering" and "Frame synthesis". Parameters have the names
of the released files.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..layers import DownBlock, UpBlock, conv, leaky

REFINEMENT_INPUTS = 4 * 3 + 4 * 2
"""Both frames, both warped frames, both flows between the frames, both flows from time t."""

FEATURES = 32
"""Channels of the U-Net's features, an input of the mask network."""

SEARCH = 10.0
"""Pixels along each axis; largest offset at which the refinement samples a flow vector."""


class Refinement(NamedTuple):
    """Offsets and residuals of both flows, and features for the mask; see :func:`.model.filter_flow`."""

    offset_t0: Tensor
    """``[B, 2, H, W]``, pixels: relative position at which ``flow_t0`` is sampled."""
    residual_t0: Tensor
    """``[B, 2, H, W]``, pixels: added to the sampled ``flow_t0``."""
    offset_t1: Tensor
    """``[B, 2, H, W]``, pixels: relative position at which ``flow_t1`` is sampled."""
    residual_t1: Tensor
    """``[B, 2, H, W]``, pixels: added to the sampled ``flow_t1``."""
    features: Tensor
    """``[B, FEATURES, H, W]``."""


class RefinementNetwork(nn.Module):
    """U-Net with five poolings; takes any size from 32x32 on."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = conv(REFINEMENT_INPUTS, 32, 7)
        self.conv2 = conv(32, 32, 7)
        self.down1 = DownBlock(32, 64, 5)
        self.down2 = DownBlock(64, 128, 3)
        self.down3 = DownBlock(128, 256, 3)
        self.down4 = DownBlock(256, 512, 3)
        self.down5 = DownBlock(512, 512, 3)
        self.up1 = UpBlock(512, 512)
        self.up2 = UpBlock(512, 256)
        self.up3 = UpBlock(256, 128)
        self.up4 = UpBlock(128, 64)
        self.up5 = UpBlock(64, FEATURES)
        self.conv3 = conv(FEATURES, 8)

    def forward(self, x: Tensor) -> Refinement:
        """``[B, REFINEMENT_INPUTS, H, W]`` to the offsets and residuals in pixels."""
        s1 = leaky(self.conv2(leaky(self.conv1(x))))
        s2 = self.down1(s1)
        s4 = self.down2(s2)
        s8 = self.down3(s4)
        s16 = self.down4(s8)
        x = self.up1(self.down5(s16), s16)
        x = self.up2(x, s8)
        x = self.up3(x, s4)
        x = self.up4(x, s2)
        features = self.up5(x, s1)
        # A leaky ReLU on an output that has both signs: released weights depend on it.
        residual_t0, residual_t1, offset_t0, offset_t1 = leaky(self.conv3(features)).split(2, dim=1)
        return Refinement(
            SEARCH * torch.tanh(offset_t0), residual_t0, SEARCH * torch.tanh(offset_t1), residual_t1, features
        )


class MaskNetwork(nn.Module):
    """Predicts the mask that blends the two warped frames."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = conv(2 * 3 + FEATURES, 32, 5)
        self.conv2 = conv(32, 16)
        self.conv3 = conv(16, 1)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, 6 + FEATURES, H, W]`` to the mask's logit, ``[B, 1, H, W]``."""
        return self.conv3(leaky(self.conv2(leaky(self.conv1(x)))))
