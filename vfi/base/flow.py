"""What every flow network and classical flow method is: both flows between two frames."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from vfi.types import FlowPair


class FlowEstimator(nn.Module, ABC):
    """Anything that finds both flows between two frames: a network or a classical method.

    What belongs to one frame (:meth:`encode`) is apart from what belongs to a pair (:meth:`match`), so that a
    caller who works through a clip can encode every frame once. Calling the estimator does both.
    """

    networks: Sequence[str] = ()
    """Names of the parts that :meth:`Interpolator.accelerate` may compile and lay out anew."""

    def encode(self, frame: Tensor) -> Any:
        """What the estimator computes of one frame, whatever pair it takes part in.

        Args:
            frame: Frame ``[B, 3, H, W]`` RGB in [0, 1].

        Returns:
            The estimator's own record, to be handed to :meth:`match`; the frame itself where there is
            nothing to compute.
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
