"""DIS: dense inverse search, a fast optical flow without weights, as OpenCV computes it.

Source: Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016; OpenCV's
``DISOpticalFlow``. It sees 8-bit luma and runs on the CPU whatever the device of the frames.

Settings other than OpenCV's "medium" preset, chosen by what quadratic interpolation gains from them on 14
real clips (mean PSNR of new frames) and by their cost (CPU time of a whole new frame at 854x480):

* The flow has the resolution of the frames given; the preset would stop one level before.
* It is initialised with the flow of frames of half the size, which adds a level at the coarse end that
  OpenCV's own choice of pyramid omits: +0.04 dB, more on fast motion.
* Patches every 4 instead of 3 pixels and 2 instead of 5 refinements: a quarter less CPU time, at
  the same 28.92 dB. Patches every 5 pixels, one refinement or half the descent steps (each with patches every
  4 pixels or more in the smaller frames too) saved a further 5 to 11 ms and cost 0.05 to 0.09 dB.
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
"""Pixels; smaller frames are padded, since the patches of DIS have 8x8 pixels."""

SMALLEST_COARSE_SIDE = 16
"""Pixels; the flow of frames of half the size serves as initialisation only from this side on."""


class Lumas(NamedTuple):
    """Luma of a frame in OpenCV's format."""

    images: list[np.ndarray]
    """One per sample, ``[H, W]`` uint8, padded to :data:`SMALLEST_SIDE`."""
    padding: Padding
    device: torch.device
    """Device of the frames, on which the flows are returned."""


class DisFlow(FlowEstimator):
    """Both flows between two frames by dense inverse search, the two directions in parallel."""

    def __init__(self) -> None:
        """Create a search for each direction."""
        super().__init__()
        self._forwards, self._backwards = _Search(), _Search()

    @torch.no_grad()
    def encode(self, frame: Tensor) -> Lumas:
        """Compute the 8-bit luma of a frame ``[B, 3, H, W]`` RGB in [0, 1], any size."""
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
        # OpenCV hardly uses a second core for one flow, and releases the interpreter lock meanwhile.
        with ThreadPoolExecutor(max_workers=1) as other_core:
            flows_10 = other_core.map(self._backwards.flow, encoded_1.images, lumas_0)
            flows_01 = list(map(self._forwards.flow, lumas_0, encoded_1.images))
            return FlowPair(
                padding.unpad(_stack(flows_01).to(device)),
                padding.unpad(_stack(list(flows_10)).to(device)),
            )


class _Search:
    """OpenCV's estimator with these settings; not thread-safe."""

    def __init__(self) -> None:
        # Two objects: one that was called with an initial flow reuses it in later calls without one.
        self._uninitialised = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        self._initialised = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        for method in (self._uninitialised, self._initialised):
            method.setFinestScale(0)
            method.setVariationalRefinementIterations(REFINEMENTS)
        self._initialised.setPatchStride(PATCH_STRIDE)

    def flow(self, luma_a: np.ndarray, luma_b: np.ndarray) -> np.ndarray:
        """The flow ``[H, W, 2]`` float32 from a to b, of two lumas ``[H, W]`` uint8."""
        height, width = luma_a.shape
        half_width, half_height = width // 2, height // 2
        if min(half_width, half_height) < SMALLEST_COARSE_SIDE:
            return self._uninitialised.calc(luma_a, luma_b, cast("Any", None))
        half_a, half_b = (
            cv2.resize(luma, (half_width, half_height), interpolation=cv2.INTER_AREA)
            for luma in (luma_a, luma_b)
        )
        coarse = self._uninitialised.calc(half_a, half_b, cast("Any", None))  # OpenCV's stubs forget None
        ratio = np.array([width / half_width, height / half_height], np.float32)
        start = cv2.resize(coarse, (width, height)) * ratio
        return self._initialised.calc(luma_a, luma_b, start)

    def __deepcopy__(self, memo: dict[int, Any]) -> _Search:
        """A new search: OpenCV's objects cannot be copied, and hold no state worth copying."""
        return _Search()

    def __reduce__(self) -> tuple[type[_Search], tuple[()]]:
        """Pickle as a new search."""
        return _Search, ()


def _lumas(frame: Tensor) -> list[np.ndarray]:
    """The luma of each sample, ``[H, W]`` uint8."""
    weights = frame.new_tensor(LUMA_WEIGHTS).view(1, 3, 1, 1)
    luma = F.conv2d(frame * 255, weights).round().clamp(0, 255).to(torch.uint8)
    return list(luma[:, 0].cpu().numpy())


def _stack(flows: list[np.ndarray]) -> Tensor:
    """``[H, W, 2]`` arrays as one ``[B, 2, H, W]`` tensor."""
    return torch.stack([torch.from_numpy(flow).permute(2, 0, 1) for flow in flows]).contiguous()
