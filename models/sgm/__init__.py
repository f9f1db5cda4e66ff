"""SGM-VFI, "Sparse Global Matching for Video Frame Interpolation with Large Motion" (Liu et al., CVPR 2024).

:mod:`.features` and :mod:`.flow_block` estimate the flows of the new frame, :mod:`.sparse` and
:mod:`.matching` correct them by global matches, :mod:`.synthesis` synthesizes the frame, :mod:`.model` is
the whole.
"""

from .build import build_sgm
from .model import SgmInterpolator
from .settings import SgmSettings

__all__ = ["SgmInterpolator", "SgmSettings", "build_sgm"]
