"""Unshared baselines: one new frame computed by the parts of our models without any reuse between frames.

They repeat what a straightforward implementation computes again for every new frame. Their frames equal those
of our models, so the results can be compared.
"""

from __future__ import annotations

import torch
from torch import Tensor

from vfi.base.interpolator import Sources
from vfi.models.eqvi import EqviInterpolator
from vfi.models.eqvi.model import EqviContext, EqviMotion
from vfi.models.eqvi.rcsn import context_features
from vfi.models.flow.irr_pwc.model import IrrPwc
from vfi.models.motion.quadratic import linear_motion, rectified_quadratic_motion
from vfi.models.sgm import SgmInterpolator
from vfi.models.sgm.flow_block import reduce
from vfi.models.sgm.model import COARSE, FINE
from vfi.models.sgm.sparse import match_points
from vfi.ops import backward_warp, forward_splat
from vfi.types import FlowPair, Window


def unshared_eqvi(model: EqviInterpolator, window: Window, t: Tensor) -> Tensor:
    """One new frame of EQVI without reuse.

    It takes eight passes of the flow network (four without the outer frames), each with both frames'
    pyramids, the occlusions, and both directions, of which one is used, and the contextual features of both
    frames.

    Args:
        model: EQVI model that supplies the networks.
        window: Frames ``[1, 3, H, W]``, with or without the outer ones.
        t: Time ``[1]`` in (0, 1).

    Returns:
        ``[1, 3, H, W]``.
    """
    start, end = window.start, window.end
    network = model.flownet
    assert isinstance(network, IrrPwc)

    def flow(frame_a: Tensor, frame_b: Tensor) -> Tensor:
        return network.match(network.encode(frame_a), network.encode(frame_b), occlusion=True).flow_01

    flow_01, flow_10 = flow(start, end), flow(end, start)
    if window.outer is None:
        # The motion of either frame computes its flow once more.
        motion_0 = linear_motion(flow(start, end))
        motion_1 = linear_motion(flow(end, start))
    else:
        prev, following = window.outer
        motion_0 = rectified_quadratic_motion(flow(start, prev), flow(start, end), flow(start, following))
        motion_1 = rectified_quadratic_motion(flow(end, following), flow(end, start), flow(end, prev))
    context = EqviContext(*(context_features(model.feat_ext, frame) for frame in (start, end)))
    motion = EqviMotion(FlowPair(flow_01, flow_10), motion_0, motion_1)
    flow_t = model.flow_at(motion, t)
    return model.synthesize(Sources(window, context), motion, flow_t, t, window.rows).frame


def unshared_sgm(model: SgmInterpolator, window: Window, t: Tensor) -> Tensor:
    """One new frame of SGM-VFI without reuse, some parts of it computed several times.

    It takes the features, matching features and context of both frames; reduced frames once per flow block;
    the matching of all positions where half of them are needed; the warps and splats that find the holes of
    the importance map; and warps of the frames for that map, and twice after the last flow block. Results
    that the model does not need are computed and dropped.

    Args:
        model: SGM-VFI model that supplies the networks, with half the points.
        window: Frames ``[1, 3, H, W]`` RGB with sides that are multiples of 16; only the middle two count.
        t: Time ``[1]`` in (0, 1).

    Returns:
        ``[1, 3, H, W]`` RGB.
    """
    frames = (window.start.flip(1), window.end.flip(1))  # to BGR
    alone = Window(*frames)
    motion = model.estimate_motion(alone)
    sources = Sources(alone, model.prepare(alone))
    result = model.synthesize(sources, motion, model.flow_at(motion, t), t, alone.rows)
    if motion.matching is not None and motion.flow_match is None:
        match_points(motion.matching, _second_half(motion.matching))
    assert result.flow_t0 is not None
    assert result.flow_t1 is not None
    flows = (result.flow_t0, result.flow_t1)
    for frame, flow_ta, flow_tb in zip(frames, flows, reversed(flows), strict=True):
        for factor in (FINE, COARSE, COARSE):
            reduce(frame, factor)
        ones = backward_warp(torch.ones_like(frame[:, :1]), flow_ta, padding="border")
        forward_splat(ones, flow_tb)
        for _ in range(3):
            backward_warp(frame, flow_ta, padding="border")
    return result.frame.flip(1)


def _second_half(features: Tensor) -> Tensor:
    """Indices ``[B, K]`` of half the positions of features ``[B, C, h, w]``, for :func:`match_points`."""
    count = features.shape[-2] * features.shape[-1]
    return torch.arange(count // 2, count, device=features.device).expand(features.shape[0], -1)
