"""IRR-PWC's bilateral refinement: every pixel becomes a weighted mean of its 3x3 neighbourhood.

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
"""Numbers of channels of the hidden layers."""

NEIGHBOURS = 9


class NormalisedFilter(nn.Module):
    """Predicts a 3x3 kernel for every pixel, whose weights sum to 1, and applies it."""

    def __init__(self, inputs: int) -> None:
        """``inputs`` is the number of channels that the kernels are predicted from."""
        super().__init__()
        channels = (inputs, *HIDDEN, NEIGHBOURS)
        # The last layer has a leaky ReLU too: released weights depend on it.
        self.convs = nn.Sequential(*(conv_leaky(before, after) for before, after in pairwise(channels)))

    def filter(self, guide: Tensor, x: Tensor) -> Tensor:
        """Filter ``x`` with the kernels predicted from ``guide``; the edge is replicated.

        Args:
            guide: Guide ``[B, inputs, H, W]``.
            x: Tensor ``[B, C, H, W]``, whose channels have one kernel per pixel in common.

        Returns:
            Filtered tensor ``[B, C, H, W]`` in the type of ``x``.
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
    """Refines a flow, guided by the flow itself, the brightness error of the warped image, and features."""

    def __init__(self, features: int) -> None:
        """``features`` is the number of channels of the features."""
        super().__init__(2 + 1 + features)

    def forward(self, flow: Tensor, difference: Tensor, features: Tensor) -> Tensor:
        """Refine the flow.

        Args:
            flow: Flow ``[B, 2, H, W]`` of any unit.
            difference: Difference ``[B, 3, H, W]`` of the image and the warped other image.
            features: Features ``[B, features, H, W]``.

        Returns:
            Refined flow ``[B, 2, H, W]``.
        """
        centred = flow - flow.mean(dim=(2, 3), keepdim=True)
        error = difference.norm(dim=1, keepdim=True)
        guide = torch.cat((centred.to(features.dtype), error.to(features.dtype), features), dim=1)
        return self.filter(guide, flow)
