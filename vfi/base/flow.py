"""Base class of all optical flow estimators, networks and classical methods."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from vfi.types import FlowPair


class FlowEstimator(nn.Module, ABC):
    """Estimates both flows between two frames.

    The step for one frame (:meth:`encode`) is separate from the step for a pair (:meth:`match`), so that each
    frame of a clip is encoded once. Calling the estimator does both.
    """

    networks: Sequence[str] = ()
    """Names of the convolutional submodules, which :meth:`Interpolator.accelerate` works on."""

    def encode(self, frame: Tensor) -> Any:
        """Compute the features of one frame, independent of the other frame.

        Args:
            frame: Frame ``[B, 3, H, W]`` RGB in [0, 1].

        Returns:
            The estimator's own record for :meth:`match`; the frame itself where it needs no features.
        """
        return frame

    @abstractmethod
    def match(self, encoded_0: Any, encoded_1: Any) -> FlowPair:
        """Estimate the flows between two encoded frames.

        Args:
            encoded_0: Record of :meth:`encode` for frame 0.
            encoded_1: Record of :meth:`encode` for frame 1, of the same size.

        Returns:
            Both flows in pixels, on their own frame's grid, at the frames' size.
        """

    def forward(self, frame_0: Tensor, frame_1: Tensor) -> FlowPair:
        """Estimate the flows.

        Args:
            frame_0: Frame ``[B, 3, H, W]`` RGB in [0, 1].
            frame_1: Frame ``[B, 3, H, W]`` RGB in [0, 1].

        Returns:
            Both flows in pixels, on their own frame's grid, at the frames' size.
        """
        return self.match(self.encode(frame_0), self.encode(frame_1))
