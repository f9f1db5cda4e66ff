"""IRR-PWC's occlusion branch: refinement and learned upsampling of the occlusion logits.

Source: Hur and Roth, "Iterative Residual Refinement for Joint Optical Flow and Occlusion Estimation", CVPR
2019, sections 3.3 and 3.4. The flow does not depend on it.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...layers import conv, conv_leaky
from .refinement import NormalisedFilter

GUIDE_CHANNELS = 3 + 3 + 2 + 2
"""Number of channels: image, warped image, flow, warped opposite flow."""

HIDDEN = 32
RESIDUAL_STEPS = 3
RESIDUAL_WEIGHT = 0.1


class OcclusionRefinement(NormalisedFilter):
    """Refines occlusions, guided by the occlusions, the features and their difference to warped features."""

    def __init__(self, features: int) -> None:
        """``features`` is the number of channels of the features."""
        super().__init__(1 + 2 * features)

    def forward(self, logit: Tensor, features: Tensor, difference: Tensor) -> Tensor:
        """Refine the logits.

        Args:
            logit: Occlusion logits ``[B, 1, H, W]``.
            features: Features ``[B, features, H, W]``.
            difference: Difference ``[B, features, H, W]`` of the features and the warped features.

        Returns:
            Refined logits ``[B, 1, H, W]``.
        """
        return self.filter(torch.cat((logit, features, difference), dim=1), logit)


class OcclusionUpsampler(nn.Module):
    """Doubles the resolution of occlusion logits, guided by images and flows of the higher resolution."""

    def __init__(self) -> None:
        """Initialize; one residual block is applied :data:`RESIDUAL_STEPS` times."""
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
