"""EQVI and MS-Fusion with the flow network that their released weights contain."""

from __future__ import annotations

from vfi.models.flow.irr_pwc import build_irr_pwc

from .fusion import MsFusionInterpolator
from .model import EqviInterpolator


def build_eqvi(*, flow_reduction: int | None = None) -> EqviInterpolator:
    """EQVI without weights, on the CPU.

    Args:
        flow_reduction: See :class:`EqviInterpolator`.

    Returns:
        The model.
    """
    return EqviInterpolator(build_irr_pwc(), flow_reduction=flow_reduction)


def build_ms_fusion(*, flow_reduction: int | None = None) -> MsFusionInterpolator:
    """MS-Fusion without weights, on the CPU.

    Args:
        flow_reduction: See :class:`EqviInterpolator`; of the run at full size.

    Returns:
        The model.
    """
    return MsFusionInterpolator(build_eqvi(flow_reduction=flow_reduction))
