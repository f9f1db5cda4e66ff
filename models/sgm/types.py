"""Records of SGM-VFI: features of a frame and of a pair, and the steps to the flow of one time."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from torch import Tensor

from vfi.ops import Padding

from .flow_block import TimeFlow
from .matching import MatchingSteps


class MatchingFeatures(Protocol):
    """Module whose features are matched, such as :class:`vfi.models.flow.gmflow.GmFlowFeatures`."""

    def encode(self, frame: Tensor) -> Any:
        """Encode one frame ``[B, 3, H, W]``, whose sides are multiples of 16."""
        ...

    def pair(self, encoded_0: Any, encoded_1: Any) -> Tensor:
        """Compute the features of both frames, ``[2 B, 128, H / 8, W / 8]``, frame 0's first."""
        ...


class SgmFrame(NamedTuple):
    """Features of one frame at the scale of the flow, independent of the other frame."""

    frame: Tensor
    """``[B, 3, H, W]``."""
    frame_s4: Tensor
    """``[B, 3, H / 4, W / 4]``."""
    frame_s8: Tensor
    """``[B, 3, H / 8, W / 8]``."""
    features_s4: Tensor
    """``[B, 4 F, H / 4, W / 4]``."""
    tokens: Tensor
    """``[B, H / 8, W / 8, 8 F]``, before the inter-frame attention."""
    matching: Any
    """Record of the matching features; None without matching."""


class SgmMotion(NamedTuple):
    """Features of a pair, independent of t."""

    encoded_0: SgmFrame
    encoded_1: SgmFrame
    static_features_s8: Tensor
    """``[B, 128, h, w]``, response of the first flow block to frames and features, see
    :meth:`.FlowBlock.precompute`."""
    static_features_s4: Tensor
    """``[B, 128, 2 h, 2 w]``, response of the second flow block."""
    matching: Tensor | None
    """``[2 B, 128, h, w]``, features that are matched; None without matching."""
    flow_match: Tensor | None
    """``[2 B, 2, h, w]``, matches of all positions; None where the matching is sparse and depends on t."""
    static_matching: Tensor | None
    """``[B, 256, h, w]``, response of the flow merge to all features; None without matching."""
    size: tuple[int, int]
    """Height and width of the frames in pixels."""
    padding: Padding
    """Padding of the frames that were reduced for the flow."""


class SgmContext(NamedTuple):
    """Features of both frames at full size for the synthesis, see :class:`.synthesis.ContextEncoder`."""

    context_0: list[Tensor]
    context_1: list[Tensor]


class SgmFlow(NamedTuple):
    """The flow of one time at the size of the frames, and the matched positions."""

    final: TimeFlow
    importance_s8: Tensor | None
    """``[2 B, 1, h, w]`` at 1/8 of the scale of the flow; None where all positions or none are matched."""
    points: Tensor | None
    """``[2 B, K]``, row-major indices of the matched positions; None where all or none are."""


class FlowSteps(NamedTuple):
    """Steps to the flow of one time, at the scale of the flow."""

    local: TimeFlow
    """Initial flows and mask, from the first flow block."""
    flow_s8: Tensor
    """``[B, 4, h, w]``, the initial flows as the block estimated them, pixels at 1/8."""
    matching: MatchingSteps | None
    """Steps of the matching block; None without matching."""
    matched: TimeFlow
    """The sum of ``local`` and the flow compensation; ``local`` itself without matching."""
    final: TimeFlow
    """The sum of ``matched`` and the residual of the second flow block."""
    warped: Tensor
    """``[2 B, 3, H, W]``, the frames warped by the flows of ``local``."""
    warped_matched: Tensor
    """``[2 B, 3, H, W]``, the frames warped by the flows of ``matched``."""
