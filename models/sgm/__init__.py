"""SGM-VFI, "Sparse Global Matching for Video Frame Interpolation with Large Motion" (Liu et al., CVPR 2024).

:mod:`.features` and :mod:`.flow_block` are the local branch, which estimates the initial intermediate flows;
:mod:`.sparse` and :mod:`.matching` are the sparse global matching branch, which compensates them;
:mod:`.synthesis` is the frame synthesis and :mod:`.model` the interpolator.
"""

from .build import build_sgm
from .model import SgmInterpolator
from .settings import SgmSettings

__all__ = ["SgmInterpolator", "SgmSettings", "build_sgm"]
