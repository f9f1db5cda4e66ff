"""GMFlow: optical flow by global matching of features that a transformer has enhanced.

Source: Xu et al., "GMFlow: Learning Optical Flow via Global Matching", CVPR 2022. :class:`GmFlowFeatures` is
the feature extractor alone, which SGM-VFI uses.
"""

from .features import GmFlowFeatures
from .model import GmFlow, ScaleSettings, build_gmflow, build_gmflow_refine

__all__ = ["GmFlow", "GmFlowFeatures", "ScaleSettings", "build_gmflow", "build_gmflow_refine"]
