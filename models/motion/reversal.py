"""Flow reversal: the flow from a frame to time t becomes the flow from time t to the frame.

Source: Liu et al., "Enhanced Quadratic Video Interpolation", ECCV Workshops 2020, after Xu et al., "Quadratic
Video Interpolation", NeurIPS 2019, "Flow reversal layer". No weights.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from vfi.ops import forward_splat


class ReversedFlow(NamedTuple):
    """A reversed flow, and the weight of the vectors that each of its pixels averages."""

    flow_t0: Tensor
    """``[B, 2, H, W]`` on the grid of time t, pixels; 0 in holes."""
    weight: Tensor
    """``[B, 1, H, W]``, sum of the splatted Gaussian weights; exactly 0 in holes."""


def reverse_flow(flow_0t: Tensor) -> ReversedFlow:
    """Reverse a flow: every vector is splatted to the point it leads to, and negated.

    The four pixels around that point take the vector with weight ``exp(-distance^2)``; the result is the
    weighted mean, with no epsilon in the division. The four are chosen by the floor of the flow, so that the
    result is discontinuous where a component crosses a whole number: a tiny change of the flow can change
    single pixels visibly. Compare results by mean or quantile.

    Args:
        flow_0t: Flow ``[B, 2, H, W]`` from frame 0 to time t, pixels; ``flow_1t`` gives ``flow_t1``.

    Returns:
        The reversed flow in the type of ``flow_0t``; half types are summed in float32.
    """
    dtype = torch.promote_types(flow_0t.dtype, torch.float32)
    landed, weight = forward_splat(flow_0t.to(dtype), flow_0t, kernel="gaussian")
    # A splatted weight is at least exp(-2): only holes need protection from division by 0.
    flow_t0 = -landed / torch.where(weight > 0, weight, 1)
    return ReversedFlow(flow_t0.to(flow_0t.dtype), weight.to(flow_0t.dtype))
