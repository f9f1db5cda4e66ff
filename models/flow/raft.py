"""RAFT: recurrent refinement of a flow field by lookups in an all-pairs correlation pyramid.

Source: Teed and Deng, "RAFT: Recurrent All-Pairs Field Transforms for Optical Flow", ECCV 2020; the networks
are torchvision's, and parameters have the names of torchvision's files.

Deviations from torchvision's forward pass, which keep its last result: features and context of a frame are
computed once for both directions and all pairs, and only the last flow is enlarged.

The correlation of all pairs of pixels at 1/8 takes 5.2 GiB per direction at 1920x1080. Where both directions
would take more than 1 GiB, they run one after the other.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torchvision.models.optical_flow import RAFT, raft_large, raft_small

from vfi.base.flow import FlowEstimator
from vfi.ops import Padding, pixel_grid, resize_flow
from vfi.types import FlowPair

from .upsampling import enlarge_convex

REDUCTION = 8
"""Pixels of the frame per pixel of the refined field."""

SMALLEST_SIDE = 128
"""Pixels; the coarsest level of the correlation pyramid, at 1/64, needs two rows and columns."""

ITERATIONS = 12
"""Number of refinement steps; torchvision's default."""

BATCHED_CORRELATIONS = 2**28
"""Largest number of correlations with which both directions are computed as one batch."""


class RaftFrame(NamedTuple):
    """Features of one frame, independent of the other frame."""

    features: Tensor
    """``[B, C, h, w]`` at 1/8 of the padded frame, which are correlated."""
    hidden: Tensor
    """``[B, C, h, w]``, initial hidden state of the refinement of this frame's flow."""
    context: Tensor
    """``[B, C, h, w]``, an input of every refinement step."""
    padding: Padding


class RaftFlow(FlowEstimator):
    """RAFT as a flow estimator. Frames of any size are padded by repeating the edge."""

    def __init__(self, network: RAFT, *, iterations: int = ITERATIONS) -> None:
        """Compose the estimator of torchvision's modules.

        Args:
            network: RAFT of torchvision, ``raft_large()`` or ``raft_small()``.
            iterations: Number of refinement steps; the paper evaluates with 24 to 32.

        Raises:
            ValueError: If ``iterations`` is not positive.
        """
        super().__init__()
        if iterations < 1:
            raise ValueError(f"iterations must be at least 1, not {iterations}")
        self.iterations = iterations
        self.feature_encoder = network.feature_encoder
        self.context_encoder = network.context_encoder
        self.corr_block = network.corr_block
        self.update_block = network.update_block
        self.mask_predictor = network.mask_predictor

    def encode(self, frame: Tensor) -> RaftFrame:
        """Compute features and context of one frame.

        Args:
            frame: Frame ``[B, 3, H, W]`` RGB in [0, 1], any size.

        Returns:
            The record for :meth:`match`.
        """
        padding = Padding.to_fit(*frame.shape[-2:], multiple=REDUCTION, minimum=SMALLEST_SIDE)
        padded = padding.pad(frame.to(next(self.parameters()).dtype)) * 2 - 1
        hidden_channels = self.update_block.hidden_state_size
        both = self.context_encoder(padded)
        hidden, context = both[:, :hidden_channels], both[:, hidden_channels:]
        return RaftFrame(self.feature_encoder(padded), hidden.tanh(), context.relu(), padding)

    def match(self, encoded_0: RaftFrame, encoded_1: RaftFrame) -> FlowPair:
        """Estimate both flows.

        Args:
            encoded_0: Record of :meth:`encode` for frame 0.
            encoded_1: Record of :meth:`encode` for frame 1, of the same size.

        Returns:
            Flows ``[B, 2, H, W]`` in pixels, without occlusions.
        """
        batch, _, height, width = encoded_0.features.shape
        if 2 * batch * (height * width) ** 2 <= BATCHED_CORRELATIONS:
            first, second = (
                torch.cat((encoded_0.features, encoded_1.features)),
                torch.cat((encoded_1.features, encoded_0.features)),
            )
            hidden = torch.cat((encoded_0.hidden, encoded_1.hidden))
            context = torch.cat((encoded_0.context, encoded_1.context))
            flows = self._refine(first, second, hidden, context).chunk(2)
        else:
            flows = [
                self._refine(a.features, b.features, a.hidden, a.context)
                for a, b in ((encoded_0, encoded_1), (encoded_1, encoded_0))
            ]
        return FlowPair(*(encoded_0.padding.unpad(flow) for flow in flows))

    def _refine(self, first: Tensor, second: Tensor, hidden: Tensor, context: Tensor) -> Tensor:
        """The flow ``[B, 2, H, W]`` from ``first`` to ``second``, pixels of the padded frames."""
        start = pixel_grid(*first.shape[-2:], device=first.device, dtype=first.dtype)
        target = start.expand(first.shape[0], -1, -1, -1)
        self.corr_block.build_pyramid(first, second)
        for _ in range(self.iterations):
            target = target.detach()  # as in the paper, gradients pass through the hidden state only
            correlations = self.corr_block.index_pyramid(target)
            hidden, change = self.update_block(hidden, context, correlations, target - start)
            target = target + change
        self.corr_block.corr_pyramid = []  # torchvision keeps it after the call, and it is large
        flow = target - start
        if self.mask_predictor is None:
            height, width = flow.shape[-2:]
            return resize_flow(flow, REDUCTION * height, REDUCTION * width, align_corners=True)
        return enlarge_convex(flow, self.mask_predictor(hidden))


def build_raft(*, iterations: int = ITERATIONS) -> RaftFlow:
    """RAFT without weights, on the CPU.

    Args:
        iterations: Number of refinement steps; the paper evaluates with 24 to 32.
    """
    return RaftFlow(raft_large(), iterations=iterations)


def build_raft_small(*, iterations: int = ITERATIONS) -> RaftFlow:
    """The small RAFT without weights, on the CPU.

    Args:
        iterations: Number of refinement steps; the paper evaluates with 24 to 32.
    """
    return RaftFlow(raft_small(), iterations=iterations)
