"""DIS: dense inverse search, a fast optical flow without weights, as OpenCV computes it.

Source: Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016; OpenCV's
``DISOpticalFlow``. It sees 8-bit luma and runs on the CPU whatever the device of the frames.

Settings other than OpenCV's "medium" preset, chosen by what quadratic interpolation gains from them on 14
real clips (mean PSNR of new frames) and by their cost (CPU time of a whole new frame at 854x480):

* The flow has the resolution of the frames given; the preset would stop one level before.
* It starts from the flow of frames half as large, which adds a level at the coarse end that OpenCV's own
  choice of pyramid leaves out: +0.04 dB, more on fast motion.
* Patches every 4 instead of 3 pixels and 2 instead of 5 refinements: a quarter less CPU time, 28.92 dB as
  before. Going on, with patches every 5 pixels, one refinement or half the descent steps (each with patches
  every 4 pixels or more in the smaller frames too), saved 5 to 11 ms and cost 0.05 to 0.09 dB.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, cast

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from vfi.base.flow import FlowEstimator
from vfi.ops import Padding
from vfi.types import FlowPair

LUMA_WEIGHTS = (0.299, 0.587, 0.114)
"""Weights of R, G, B: BT.601."""

PATCH_STRIDE = 4
"""Pixels between patches at the frames' own resolution."""

REFINEMENTS = 2
"""Iterations of the variational refinement at each level."""

SMALLEST_SIDE = 16
"""Pixels; DIS needs room for its patches of 8, smaller frames are padded."""

SMALLEST_COARSE_SIDE = 16
"""Pixels; frames whose half is smaller do not start from it."""


class Lumas(NamedTuple):
    """Frames in OpenCV's format."""

    images: list[np.ndarray]
    """One per sample, ``[H, W]`` uint8, padded to :data:`SMALLEST_SIDE`."""
    padding: Padding
    device: torch.device
    """Device of the frames, where the flows go."""


class DisFlow(FlowEstimator):
    """Both flows between two frames by dense inverse search, the two directions at the same time."""

    def __init__(self) -> None:
        """Set up a search for each direction."""
        super().__init__()
        self._forwards, self._backwards = _Search(), _Search()

    @torch.no_grad()
    def encode(self, frame: Tensor) -> Lumas:
        """The 8-bit luma of ``[B, 3, H, W]`` RGB in [0, 1], any size."""
        padding = Padding.to_fit(*frame.shape[-2:], minimum=SMALLEST_SIDE)
        return Lumas(_lumas(padding.pad(frame.float())), padding, frame.device)

    @torch.no_grad()
    def match(self, encoded_0: Lumas, encoded_1: Lumas) -> FlowPair:
        """Estimate the flows.

        Args:
            encoded_0: Record of :meth:`encode` for frame 0.
            encoded_1: Record of :meth:`encode` for frame 1.

        Returns:
            Flows ``[B, 2, H, W]`` float32 on the frames' device, without gradient or occlusions.
        """
        lumas_0, padding, device = encoded_0
        # OpenCV computes one flow with little use of a second core, and releases Python's lock meanwhile.
        with ThreadPoolExecutor(max_workers=1) as other_core:
            flows_10 = other_core.map(self._backwards.flow, encoded_1.images, lumas_0)
            flows_01 = list(map(self._forwards.flow, lumas_0, encoded_1.images))
            return FlowPair(
                padding.unpad(_stack(flows_01).to(device)),
                padding.unpad(_stack(list(flows_10)).to(device)),
            )


class _Search:
    """OpenCV's estimator with our settings; serves one thread at a time."""

    def __init__(self) -> None:
        # Two, because one that was given a flow to start from goes on using it in later calls without.
        self._from_nothing = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        self._from_start = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        for method in (self._from_nothing, self._from_start):
            method.setFinestScale(0)
            method.setVariationalRefinementIterations(REFINEMENTS)
        self._from_start.setPatchStride(PATCH_STRIDE)

    def flow(self, luma_a: np.ndarray, luma_b: np.ndarray) -> np.ndarray:
        """The flow from a to b, ``[H, W, 2]`` float32, of two ``[H, W]`` uint8."""
        height, width = luma_a.shape
        half_width, half_height = width // 2, height // 2
        if min(half_width, half_height) < SMALLEST_COARSE_SIDE:
            return self._from_nothing.calc(luma_a, luma_b, cast("Any", None))
        half_a, half_b = (
            cv2.resize(luma, (half_width, half_height), interpolation=cv2.INTER_AREA)
            for luma in (luma_a, luma_b)
        )
        coarse = self._from_nothing.calc(half_a, half_b, cast("Any", None))  # OpenCV's stubs forget None
        ratio = np.array([width / half_width, height / half_height], np.float32)
        start = cv2.resize(coarse, (width, height)) * ratio
        return self._from_start.calc(luma_a, luma_b, start)

    def __deepcopy__(self, memo: dict[int, Any]) -> _Search:
        """A new one: OpenCV's objects cannot be copied, and hold nothing worth it."""
        return _Search()

    def __reduce__(self) -> tuple[type[_Search], tuple[()]]:
        """Pickled as a new one."""
        return _Search, ()


def _lumas(frame: Tensor) -> list[np.ndarray]:
    """The luma of each sample, ``[H, W]`` uint8."""
    weights = frame.new_tensor(LUMA_WEIGHTS).view(1, 3, 1, 1)
    luma = F.conv2d(frame * 255, weights).round().clamp(0, 255).to(torch.uint8)
    return list(luma[:, 0].cpu().numpy())


def _stack(flows: list[np.ndarray]) -> Tensor:
    """``[H, W, 2]`` arrays as one ``[B, 2, H, W]`` tensor."""
    return torch.stack([torch.from_numpy(flow).permute(2, 0, 1) for flow in flows]).contiguous()
