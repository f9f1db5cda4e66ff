"""What the sparse matching looked at, as pictures: where the local flow fails, and what was matched there."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from vfi.ops import Padding

from .matching import MatchingSteps


def show_matching(steps: MatchingSteps | None, size: tuple[int, int], padding: Padding) -> dict[str, Tensor]:
    """Importance and matched positions of both frames.

    Args:
        steps: Of the matching; None where nothing is matched.
        size: Height and width of the pictures wanted.
        padding: Of the pictures that were reduced for the flow.

    Returns:
        ``importance_0``, ``importance_1`` (not negative) and ``points_0``, ``points_1`` (1 at matched
        positions, else 0), each ``[B, 1, *size]`` on its frame's grid; nothing where all positions or none
        are matched.
    """
    if steps is None or steps.importance_s8 is None or steps.points is None:
        return {}
    height, width = steps.importance_s8.shape[-2:]
    chosen = torch.zeros(steps.points.shape[0], height * width, device=steps.points.device)
    chosen.scatter_(1, steps.points, 1.0)
    padded = (size[0] + padding.top + padding.bottom, size[1] + padding.left + padding.right)

    def enlarge(small: Tensor) -> tuple[Tensor, Tensor]:
        of_0, of_1 = padding.unpad(F.interpolate(small, size=padded, mode="nearest")).chunk(2)
        return of_0, of_1

    importance = enlarge(steps.importance_s8)
    points = enlarge(chosen.view(-1, 1, height, width))
    return {
        "importance_0": importance[0],
        "points_0": points[0],
        "importance_1": importance[1],
        "points_1": points[1],
    }
