"""EQVI, "Enhanced Quadratic Video Interpolation" (Liu et al., ECCV Workshops 2020).

:mod:`vfi.models.motion` holds rectified quadratic flow prediction and flow reversal, which have no weights;
:mod:`.refinement` is the flow refinement with the blend mask, :mod:`.rcsn` the residual contextual synthesis
network, :mod:`.model` the interpolator, :mod:`.fusion` multi-scale fusion around it.
"""

from .build import build_eqvi, build_ms_fusion
from .fusion import MsFusionInterpolator
from .model import EqviInterpolator

__all__ = ["EqviInterpolator", "MsFusionInterpolator", "build_eqvi", "build_ms_fusion"]
