"""GMFlow: flow by comparing every pixel with every other, after a transformer made them comparable.

Source: Xu et al., "GMFlow: Learning Optical Flow via Global Matching", CVPR 2022. :class:`GmFlowFeatures` are
its features alone, which SGM-VFI builds on.
"""

from .features import GmFlowFeatures
from .model import GmFlow, ScaleSettings, build_gmflow, build_gmflow_refine

__all__ = ["GmFlow", "GmFlowFeatures", "ScaleSettings", "build_gmflow", "build_gmflow_refine"]
