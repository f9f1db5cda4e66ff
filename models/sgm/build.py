"""Builder of SGM-VFI in both sizes, with and without global matching."""

from __future__ import annotations

from vfi.models.flow.gmflow import GmFlowFeatures

from .model import SgmInterpolator
from .settings import DENSE_HEIGHT, SIZES, Ratio, SgmSettings


def build_sgm(
    *,
    size: str = "small",
    matching: bool = True,
    points: Ratio = 0.5,
    down_scale: Ratio | None = None,
    matching_time: float | None = None,
    dense_height: int = DENSE_HEIGHT,
) -> SgmInterpolator:
    """SGM-VFI without weights, on the CPU.

    Args:
        size: Network size, ``"small"`` or ``"base"``.
        matching: Whether the network has the sparse global matching branch, with GMFlow's features.
        points: Fraction of the positions to match, see :class:`.settings.SgmSettings`.
        down_scale: Scale of the frames for the flow, see :class:`.settings.SgmSettings`.
        matching_time: Time that matches are shifted to, see :class:`.settings.SgmSettings`.
        dense_height: Rows at 1/8 up to which all positions are matched, see :class:`.settings.SgmSettings`.

    Returns:
        The model.

    Raises:
        ValueError: If the size is unknown or a setting lies outside its range.
    """
    if size not in SIZES:
        raise ValueError(f"size must be one of {', '.join(SIZES)}, not {size!r}")
    settings = SgmSettings(points, down_scale, matching_time, dense_height)
    return SgmInterpolator(GmFlowFeatures() if matching else None, network=SIZES[size], settings=settings)
