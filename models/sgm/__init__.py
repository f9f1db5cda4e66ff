"""SGM-VFI, "Sparse Global Matching for Video Frame Interpolation with Large Motion" (Liu et al., CVPR 2024).

:mod:`.features` and :mod:`.local` estimate the flows of the frame to be made, :mod:`.sparse` and
:mod:`.refine` correct them by global matches, :mod:`.synthesis` makes the frame, :mod:`.model` is the whole.
"""

from .build import build_sgm
from .model import SgmInterpolator
from .settings import SgmSettings

__all__ = ["SgmInterpolator", "SgmSettings", "build_sgm"]
