"""SGM-VFI's feature extractor: convolutions to 1/8 of each frame, then attention between the two.

Parameters have the names of the released files. Only the attention depends on both frames; the convolutions
are computed once per frame and serve all pairs it belongs to.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from vfi.models.layers import conv, conv_prelu

from .attention import NORM_EPSILON, CrossFrameBlock


class ConvStage(nn.Module):
    """Two convolutions with PReLU at one resolution."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(*conv_prelu(inputs, outputs), *conv_prelu(outputs, outputs))

    def forward(self, x: Tensor) -> Tensor:
        """``[B, inputs, H, W]`` to ``[B, outputs, H, W]``."""
        return self.conv(x)


class TokenEmbedding(nn.Module):
    """Patch embedding: a convolution of stride 2, whose output becomes normalised tokens."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.proj = conv(inputs, outputs, stride=2)
        self.norm = nn.LayerNorm(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, inputs, H, W]`` to ``[B, H / 2, W / 2, outputs]``."""
        return self.norm(self.proj(x).permute(0, 2, 3, 1))


class FrameFeatures(NamedTuple):
    """Features of one frame that do not depend on the other frame."""

    features_s4: Tensor
    """``[B, 4 F, H / 4, W / 4]``."""
    tokens: Tensor
    """``[B, H / 8, W / 8, 8 F]``, input of the attention."""


class FeatureExtractor(nn.Module):
    """Features of two frames, those at 1/8 with attention between the frames."""

    def __init__(self, width: int, depth: int) -> None:
        """Initialize at random.

        Args:
            width: Number of channels at full size, F.
            depth: Number of attention blocks.
        """
        super().__init__()
        self.block1 = ConvStage(3, width)
        self.patch_embed2 = conv_prelu(width, 2 * width, stride=2)
        self.block2 = ConvStage(2 * width, 2 * width)
        self.patch_embed3 = conv_prelu(2 * width, 4 * width, stride=2)
        self.block3 = ConvStage(4 * width, 4 * width)
        self.patch_embed4 = TokenEmbedding(4 * width, 8 * width)
        self.block4 = nn.ModuleList(CrossFrameBlock(8 * width, shifted=j % 2 == 1) for j in range(depth))
        self.norm4 = nn.LayerNorm(8 * width, eps=NORM_EPSILON)

    def pyramid(self, frame: Tensor) -> list[Tensor]:
        """The convolutions' features, finest first.

        Args:
            frame: ``[B, 3, H, W]``, sides multiples of 8.

        Returns:
            ``[B, F, H, W]``, ``[B, 2 F, H / 2, W / 2]``, ``[B, 4 F, H / 4, W / 4]``.
        """
        features = self.block1(frame)
        features_s2 = self.block2(self.patch_embed2(features))
        return [features, features_s2, self.block3(self.patch_embed3(features_s2))]

    def encode(self, frame: Tensor) -> FrameFeatures:
        """Compute the features of one frame that do not depend on the other frame.

        Args:
            frame: Frame ``[B, 3, H, W]``, whose sides are multiples of 8.

        Returns:
            The tokens for :meth:`pair`, and the features at 1/4.
        """
        features_s4 = self.pyramid(frame)[-1]
        return FrameFeatures(features_s4, self.patch_embed4(features_s4))

    def pair(self, tokens_0: Tensor, tokens_1: Tensor) -> Tensor:
        """Compute the features of two frames at 1/8, with attention between the frames.

        Args:
            tokens_0: Tokens ``[B, h, w, 8 F]`` of frame 0 from :meth:`encode`.
            tokens_1: Tokens ``[B, h, w, 8 F]`` of frame 1 from :meth:`encode`.

        Returns:
            ``[2 B, 8 F, h, w]``: first frame 0's, then frame 1's.
        """
        tokens = torch.cat((tokens_0, tokens_1))
        for block in self.block4:
            tokens = block(tokens)
        return self.norm4(tokens).permute(0, 3, 1, 2)
