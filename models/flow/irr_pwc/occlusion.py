"""IRR-PWC's occlusion branch: refinement and learned enlargement of the occlusions' logits.

Source: Hur and Roth, "Iterative Residual Refinement for Joint Optical Flow and Occlusion Estimation", CVPR
2019, sections 3.3 and 3.4. It never feeds the flow.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...layers import conv, conv_leaky
from .refinement import NormalisedFilter

GUIDE_CHANNELS = 3 + 3 + 2 + 2
"""Image, warped image, flow, warped opposite flow."""

HIDDEN = 32
RESIDUAL_STEPS = 3
RESIDUAL_WEIGHT = 0.1


class OcclusionRefinement(NormalisedFilter):
    """Refines occlusions by themselves, by features, and by how these differ from the warped ones."""

    def __init__(self, features: int) -> None:
        """``features``: channels of them."""
        super().__init__(1 + 2 * features)

    def forward(self, logit: Tensor, features: Tensor, difference: Tensor) -> Tensor:
        """Filter the logits.

        Args:
            logit: ``[B, 1, H, W]``.
            features: ``[B, features, H, W]``.
            difference: Difference ``[B, features, H, W]`` of the features and the warped ones.

        Returns:
            ``[B, 1, H, W]``.
        """
        return self.filter(torch.cat((logit, features, difference), dim=1), logit)


class OcclusionUpsampler(nn.Module):
    """Doubles the size of the occlusions' logits, guided by images and flows of the larger size."""

    def __init__(self) -> None:
        """One residual block, applied :data:`RESIDUAL_STEPS` times."""
        super().__init__()
        self.init_conv = conv_leaky(1 + GUIDE_CHANNELS, HIDDEN)
        self.res_convs = nn.Sequential(conv_leaky(HIDDEN, HIDDEN), nn.Sequential(conv(HIDDEN, HIDDEN)))
        self.res_end_conv = conv_leaky(HIDDEN, HIDDEN)
        self.out_convs = conv_leaky(HIDDEN, 1)

    def forward(self, logit: Tensor, guide: Tensor) -> Tensor:
        """``[B, 1, h, w]`` and ``[B, GUIDE_CHANNELS, H, W]`` to ``[B, 1, H, W]``; H is 2h or 2h - 1."""
        logit = F.interpolate(logit, scale_factor=2, mode="nearest")
        if logit.shape[-2:] != guide.shape[-2:]:
            logit = F.interpolate(logit, size=guide.shape[-2:], mode="bilinear", align_corners=False)
        start = self.init_conv(torch.cat((logit, guide), dim=1))
        x = start
        for _ in range(RESIDUAL_STEPS):
            x = x + RESIDUAL_WEIGHT * self.res_convs(x)
        return self.out_convs(start + self.res_end_conv(x)) + logit
