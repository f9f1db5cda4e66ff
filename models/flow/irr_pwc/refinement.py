"""IRR-PWC's refinement: every pixel becomes a learned average of its 3x3 neighbourhood.

Source: Hur and Roth, "Iterative Residual Refinement for Joint Optical Flow and Occlusion Estimation", CVPR
2019, section 3.3, "bilateral refinement".
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...layers import conv_leaky

HIDDEN = (128, 128, 64, 64, 32, 32)
"""Channels of the hidden layers."""

NEIGHBOURS = 9


class NormalisedFilter(nn.Module):
    """Chooses a 3x3 kernel of weights that sum to 1 for every pixel, and applies it."""

    def __init__(self, inputs: int) -> None:
        """``inputs`` channels decide the kernel."""
        super().__init__()
        channels = (inputs, *HIDDEN, NEIGHBOURS)
        # The last layer has its leaky ReLU too: released weights depend on it.
        self.convs = nn.Sequential(*(conv_leaky(seen, made) for seen, made in pairwise(channels)))

    def filter(self, guide: Tensor, x: Tensor) -> Tensor:
        """Average ``x`` with the kernels that ``guide`` asks for; the edge's pixels continue outwards.

        Args:
            guide: ``[B, inputs, H, W]``.
            x: ``[B, C, H, W]``; all channels get the same kernel.

        Returns:
            ``[B, C, H, W]`` in the type of ``x``.
        """
        kernel = torch.softmax(-self.convs(guide).to(x.dtype).square(), dim=1)
        height, width = x.shape[-2:]
        padded = F.pad(x, (1, 1, 1, 1), mode="replicate")
        filtered = torch.zeros_like(x)
        for neighbour, weight in enumerate(kernel.split(1, dim=1)):
            row, column = divmod(neighbour, 3)
            filtered = filtered + weight * padded[..., row : row + height, column : column + width]
        return filtered


class FlowRefinement(NormalisedFilter):
    """Refines a flow by its own shape, by how well it explains the image, and by features."""

    def __init__(self, features: int) -> None:
        """``features``: channels of them."""
        super().__init__(2 + 1 + features)

    def forward(self, flow: Tensor, difference: Tensor, features: Tensor) -> Tensor:
        """Filter the flow.

        Args:
            flow: ``[B, 2, H, W]``, any unit.
            difference: Difference ``[B, 3, H, W]`` of the image and the warped one.
            features: ``[B, features, H, W]``.

        Returns:
            ``[B, 2, H, W]``.
        """
        centred = flow - flow.mean(dim=(2, 3), keepdim=True)
        error = difference.norm(dim=1, keepdim=True)
        guide = torch.cat((centred.to(features.dtype), error.to(features.dtype), features), dim=1)
        return self.filter(guide, flow)
