"""EQVI, "Enhanced Quadratic Video Interpolation" (Liu et al., ECCV Workshops 2020).

:mod:`.rqfp` predicts motion from four frames and :mod:`.reversal` turns it round, both without weights and of
use to other models; :mod:`.refinement` and :mod:`.rcsn` are the learned parts, :mod:`.model` the whole,
:mod:`.fusion` MS-Fusion around it.
"""

from .build import build_eqvi, build_ms_fusion
from .fusion import MsFusionInterpolator
from .model import EqviInterpolator

__all__ = ["EqviInterpolator", "MsFusionInterpolator", "build_eqvi", "build_ms_fusion"]
