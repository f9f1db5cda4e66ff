"""DIS: dense inverse search, a fast optical flow without weights, as OpenCV computes it.

Source: Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016; OpenCV's
``DISOpticalFlow``. It sees 8-bit luma and runs on the CPU whatever the device of the frames.

Settings other than OpenCV's presets, chosen by what quadratic interpolation of 14 real clips gains from
them: the flow is computed at the resolution of the frames given (a preset stops one or two levels before),
and starts from the flow of frames half as large, which adds a level at the coarse end that OpenCV's own
choice of pyramid leaves out (+0.04 dB, more on fast motion). Other patch sizes, strides, iteration counts and
smoothness weights changed the result by less than 0.03 dB.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from vfi.interpolator import FlowEstimator
from vfi.ops import Padding
from vfi.types import FlowPair

LUMA_WEIGHTS = (0.299, 0.587, 0.114)
"""Of R, G, B: BT.601."""

SMALLEST_SIDE = 16
"""Pixels; DIS needs room for its patches of 8, smaller frames are padded."""

SMALLEST_COARSE_SIDE = 16
"""Pixels; frames whose half is smaller do not start from it."""


class DisFlow(FlowEstimator):
    """Both flows between two frames by dense inverse search."""

    def __init__(self) -> None:
        """Set up OpenCV's estimator."""
        super().__init__()
        # OpenCV's objects, made on first use. Two, because one that was given a flow to start from goes on
        # using it in later calls without.
        self._from_nothing: Any = None
        self._from_start: Any = None

    @torch.no_grad()
    def forward(self, frame_0: Tensor, frame_1: Tensor) -> FlowPair:
        """Estimate the flows.

        Args:
            frame_0: ``[B, 3, H, W]`` RGB in [0, 1], any size.
            frame_1: likewise.

        Returns:
            Flows ``[B, 2, H, W]`` float32 on the frames' device, without gradient or occlusions.
        """
        padding = Padding.to_fit(*frame_0.shape[-2:], minimum=SMALLEST_SIDE)
        lumas_0, lumas_1 = (_lumas(padding.pad(frame.float())) for frame in (frame_0, frame_1))
        pairs = list(zip(lumas_0, lumas_1, strict=True))
        flows_01 = [self._flow(luma_0, luma_1) for luma_0, luma_1 in pairs]
        flows_10 = [self._flow(luma_1, luma_0) for luma_0, luma_1 in pairs]
        return FlowPair(
            padding.unpad(_stack(flows_01).to(frame_0.device)),
            padding.unpad(_stack(flows_10).to(frame_0.device)),
        )

    def _flow(self, luma_a: np.ndarray, luma_b: np.ndarray) -> np.ndarray:
        """The flow from a to b, ``[H, W, 2]`` float32."""
        if self._from_nothing is None:
            self._from_nothing, self._from_start = _dense_inverse_search(), _dense_inverse_search()
        height, width = luma_a.shape
        half_width, half_height = width // 2, height // 2
        if min(half_width, half_height) < SMALLEST_COARSE_SIDE:
            return self._from_nothing.calc(luma_a, luma_b, None)
        half_a, half_b = (
            cv2.resize(luma, (half_width, half_height), interpolation=cv2.INTER_AREA)
            for luma in (luma_a, luma_b)
        )
        coarse = self._from_nothing.calc(half_a, half_b, None)
        ratio = np.array([width / half_width, height / half_height], np.float32)
        start = cv2.resize(coarse, (width, height)) * ratio
        return self._from_start.calc(luma_a, luma_b, start)

    def __getstate__(self) -> dict[str, Any]:
        """OpenCV's objects cannot be copied or pickled; they are made anew."""
        return {**self.__dict__, "_from_nothing": None, "_from_start": None}


def _dense_inverse_search() -> Any:
    method = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    method.setFinestScale(0)
    return method


def _lumas(frame: Tensor) -> list[np.ndarray]:
    """The luma of each sample, ``[H, W]`` uint8."""
    weights = frame.new_tensor(LUMA_WEIGHTS).view(1, 3, 1, 1)
    luma = F.conv2d(frame * 255, weights).round().clamp(0, 255).to(torch.uint8)
    return list(luma[:, 0].cpu().numpy())


def _stack(flows: list[np.ndarray]) -> Tensor:
    """``[H, W, 2]`` arrays as one ``[B, 2, H, W]`` tensor."""
    return torch.stack([torch.from_numpy(flow).permute(2, 0, 1) for flow in flows]).contiguous()
