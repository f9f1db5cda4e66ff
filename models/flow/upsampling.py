"""Convex upsampling of a flow by predicted weights, as in RAFT and GMFlow.

Source: Teed and Deng, "RAFT: Recurrent All-Pairs Field Transforms for Optical Flow", ECCV 2020, section 3.3.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

NEIGHBOURS = 9
"""Number of coarse pixels whose weighted mean is a fine vector."""


def enlarge_convex(flow: Tensor, logits: Tensor) -> Tensor:
    """Enlarge a flow; every fine vector is a weighted mean of the 3x3 coarse vectors around it.

    Args:
        flow: Flow ``[B, 2, h, w]``, pixels of its own resolution.
        logits: Logits ``[B, 9 S S, h, w]`` for S times the resolution, ordered by neighbour, row and column
            within the coarse pixel; the softmax over the neighbours gives the weights.

    Returns:
        Flow ``[B, 2, S h, S w]``, pixels of the new resolution.
    """
    scale = math.isqrt(logits.shape[1] // NEIGHBOURS)
    height, width = flow.shape[-2:]
    weights = logits.unflatten(1, (NEIGHBOURS, scale**2)).softmax(dim=1)  # [B, 9, S S, h, w]
    around = F.unfold(flow * scale, kernel_size=3, padding=1)
    around = around.unflatten(1, (2, NEIGHBOURS)).unflatten(3, (height, width))  # [B, 2, 9, h, w]
    fine = torch.einsum("bnshw,bcnhw->bcshw", weights, around)
    return F.pixel_shuffle(fine.flatten(1, 2), scale)
