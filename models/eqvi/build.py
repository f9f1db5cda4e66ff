"""Builders of EQVI and MS-Fusion, with the flow network of their released weights or with another one."""

from __future__ import annotations

from vfi.base.flow import FlowEstimator
from vfi.models.flow.irr_pwc.model import build_irr_pwc

from .fusion import MsFusionInterpolator
from .model import EqviInterpolator


def build_eqvi(*, flow: FlowEstimator | None = None, flow_reduction: int | None = None) -> EqviInterpolator:
    """EQVI without weights, on the CPU.

    Args:
        flow: Flow estimator; None: the network of the released weights.
        flow_reduction: Factor by which frames are reduced for the flow, see :class:`EqviInterpolator`.

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
        flow_reduction: As for :func:`build_eqvi`; of the run at full size.

    Returns:
        The model.
    """
    return MsFusionInterpolator(build_eqvi(flow=flow, flow_reduction=flow_reduction))
