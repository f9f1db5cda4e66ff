"""SGM-VFI in both sizes, with and without GMFlow's features for its global matching."""

from __future__ import annotations

from vfi.models.flow.gmflow import GmFlowFeatures

from .model import SgmInterpolator
from .settings import BASE, DENSE_HEIGHT, SMALL, SgmSettings, Share


def build_local_small(*, down_scale: Share | None = None) -> SgmInterpolator:
    """The small local model, without matching and without weights, on the CPU.

    Args:
        down_scale: See :class:`.settings.SgmSettings`.

    Returns:
        The model.
    """
    return SgmInterpolator(network=SMALL, settings=SgmSettings(down_scale=down_scale))


def build_local_base(*, down_scale: Share | None = None) -> SgmInterpolator:
    """The large local model; as :func:`build_local_small`."""
    return SgmInterpolator(network=BASE, settings=SgmSettings(down_scale=down_scale))


def build_small(
    *,
    points: Share = 0.5,
    down_scale: Share | None = None,
    matching_time: float | None = None,
    dense_height: int = DENSE_HEIGHT,
) -> SgmInterpolator:
    """The small model with global matching, without weights, on the CPU.

    Args:
        points: See :class:`.settings.SgmSettings`, as for all others.
        down_scale: likewise.
        matching_time: likewise.
        dense_height: likewise.

    Returns:
        The model.
    """
    settings = SgmSettings(points, down_scale, matching_time, dense_height)
    return SgmInterpolator(GmFlowFeatures(), network=SMALL, settings=settings)


def build_base(
    *,
    points: Share = 0.5,
    down_scale: Share | None = None,
    matching_time: float | None = None,
    dense_height: int = DENSE_HEIGHT,
) -> SgmInterpolator:
    """The large model with global matching; as :func:`build_small`."""
    settings = SgmSettings(points, down_scale, matching_time, dense_height)
    return SgmInterpolator(GmFlowFeatures(), network=BASE, settings=settings)
