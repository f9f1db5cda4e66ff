"""Maps of the sparse matching for display: the importance of each pixel and the matched positions."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from vfi.ops import Padding

from .types import SgmFlow


def matching_maps(flow: SgmFlow, size: tuple[int, int], padding: Padding) -> dict[str, Tensor]:
    """Maps of importance and matched positions of both frames.

    Args:
        flow: Flow of one time.
        size: Size of the maps, height and width in pixels.
        padding: Padding of the frames that were reduced for the flow.

    Returns:
        ``importance_0``, ``importance_1`` (not negative) and ``points_0``, ``points_1`` (1 at matched
        positions, else 0), each ``[B, 1, *size]`` on its frame's grid; empty where all positions or none are
        matched.
    """
    if flow.importance_s8 is None or flow.points is None:
        return {}
    height, width = flow.importance_s8.shape[-2:]
    matched = torch.zeros(flow.points.shape[0], height * width, device=flow.points.device)
    matched.scatter_(1, flow.points, 1.0)
    padded = (size[0] + padding.top + padding.bottom, size[1] + padding.left + padding.right)

    def enlarge(small: Tensor) -> tuple[Tensor, Tensor]:
        of_0, of_1 = padding.unpad(F.interpolate(small, size=padded, mode="nearest")).chunk(2)
        return of_0, of_1

    importance = enlarge(flow.importance_s8)
    points = enlarge(matched.view(-1, 1, height, width))
    return {
        "importance_0": importance[0],
        "points_0": points[0],
        "importance_1": importance[1],
        "points_1": points[1],
    }
