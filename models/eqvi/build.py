"""Builders of EQVI and MS-Fusion, with the flow network of their released weights or with another one."""

from __future__ import annotations

from vfi.base.flow import FlowEstimator
from vfi.models.flow.irr_pwc.model import build_irr_pwc

from .fusion import MsFusionInterpolator
from .model import EqviInterpolator


def build_eqvi(*, flow: FlowEstimator | None = None, flow_reduction: int | None = None) -> EqviInterpolator:
    """EQVI without weights, on the CPU.

    Args:
        flow: Flow estimator; None for the network of the released weights.
        flow_reduction: Reduction of the frames for the flow per side, see :class:`EqviInterpolator`.

    Returns:
        The model.
    """
    flownet = build_irr_pwc() if flow is None else flow
    return EqviInterpolator(flownet, flow_reduction=flow_reduction)


def build_ms_fusion(
    *, flow: FlowEstimator | None = None, flow_reduction: int | None = None
) -> MsFusionInterpolator:
    """MS-Fusion without weights, on the CPU.

    Args:
        flow: Flow estimator, see :func:`build_eqvi`.
        flow_reduction: Reduction of the frames for the flow at full size, see :func:`build_eqvi`.

    Returns:
        The model.
    """
    return MsFusionInterpolator(build_eqvi(flow=flow, flow_reduction=flow_reduction))
