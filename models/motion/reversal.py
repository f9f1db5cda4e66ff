"""Flow reversal: from where frame 0's pixels are at time t, to where the pixels of time t come from.

Source: Liu et al., "Enhanced Quadratic Video Interpolation", ECCV Workshops 2020, after Xu et al., "Quadratic
Video Interpolation", NeurIPS 2019, "Flow reversal layer". No weights.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from vfi.ops import forward_splat


class ReversedFlow(NamedTuple):
    """A reversed flow, and the weight that each of its pixels rests on."""

    flow_t0: Tensor
    """``[B, 2, H, W]`` on the grid of time t, pixels; 0 in holes."""
    weight: Tensor
    """``[B, 1, H, W]``, sum of the Gaussian weights that landed; 0 exactly in holes."""


def reverse_flow(flow_0t: Tensor) -> ReversedFlow:
    """Reverse a flow: every pixel carries its vector to its landing point and leaves it there, negated.

    The four pixels around a landing point take the vector with weight ``exp(-distance^2)``; the result is
    the weighted mean, with no epsilon in the division. The four are chosen by the floor of the flow, so the
    result jumps where a component crosses a whole number: a tiny change of the flow can change single pixels
    visibly. Compare results by mean or quantile.

    Args:
        flow_0t: Flow ``[B, 2, H, W]`` on frame 0's grid, pixels; with frame 1's flow the result is
            ``flow_t1``.

    Returns:
        :class:`ReversedFlow` ``(flow_t0, weight)`` in the flow's type (halves are summed in float32).
    """
    dtype = torch.promote_types(flow_0t.dtype, torch.float32)
    landed, weight = forward_splat(flow_0t.to(dtype), flow_0t, kernel="gaussian")
    # No weight below exp(-2) ever lands, so dividing holes by 1 is all the protection needed.
    flow_t0 = -landed / torch.where(weight > 0, weight, 1)
    return ReversedFlow(flow_t0.to(flow_0t.dtype), weight.to(flow_0t.dtype))
