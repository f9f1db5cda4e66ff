"""Records of SGM-VFI: one frame, a pair, and the steps to the flow of one time."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from torch import Tensor

from vfi.ops import Padding

from .flow_block import TimeFlow
from .matching import MatchingSteps


class MatchingFeatures(Protocol):
    """A network whose features are matched: :class:`vfi.models.flow.gmflow.GmFlowFeatures`, a module."""

    def encode(self, frame: Tensor) -> Any:
        """Features of one frame ``[B, 3, H, W]``, whose sides are multiples of 16."""
        ...

    def pair(self, encoded_0: Any, encoded_1: Any) -> Tensor:
        """The features of both, ``[2 B, 128, H / 8, W / 8]``, frame 0's first."""
        ...


class SgmFrame(NamedTuple):
    """Features of one frame at the size of the flow, whatever pair it takes part in."""

    frame: Tensor
    """``[B, 3, H, W]``."""
    frame_s4: Tensor
    """``[B, 3, H / 4, W / 4]``."""
    frame_s8: Tensor
    """``[B, 3, H / 8, W / 8]``."""
    features_s4: Tensor
    """``[B, 4 F, H / 4, W / 4]``."""
    tokens: Tensor
    """``[B, H / 8, W / 8, 8 F]``, not yet aware of another frame."""
    matching: Any
    """Record of the matching features; None where nothing is matched."""


class SgmMotion(NamedTuple):
    """Features of a pair, independent of t."""

    encoded_0: SgmFrame
    encoded_1: SgmFrame
    static_features_s8: Tensor
    """``[B, 128, h, w]``, first flow block's response to frames and features, see
    :meth:`.FlowBlock.precompute`."""
    static_features_s4: Tensor
    """``[B, 128, 2 h, 2 w]``, that of the second flow block."""
    matching: Tensor | None
    """``[2 B, 128, h, w]``, to be matched; None where nothing is."""
    flow_match: Tensor | None
    """``[2 B, 2, h, w]``, the matches of all positions; None where they are sparse, which depends on t."""
    static_matching: Tensor | None
    """``[B, 256, h, w]``, response of the merging to all features; None where nothing is matched."""
    size: tuple[int, int]
    """Height and width of the frames in pixels."""
    padding: Padding
    """Padding of the frames that were reduced for the flow."""


class SgmContext(NamedTuple):
    """Features of both frames at full size for the synthesis, see :class:`.synthesis.ContextEncoder`."""

    context_0: list[Tensor]
    context_1: list[Tensor]


class SgmFlow(NamedTuple):
    """The flow for one time at the size of the frames, and where it was matched."""

    final: TimeFlow
    importance_s8: Tensor | None
    """``[2 B, 1, h, w]`` at 1/8 of the size of the flow; None where all positions or none are matched."""
    points: Tensor | None
    """``[2 B, K]``, row-major indices of the matched positions; None where all or none are."""


class FlowSteps(NamedTuple):
    """Steps to the flow for one time, at the size of the flow."""

    local: TimeFlow
    """After the first flow block."""
    flow_s8: Tensor
    """``[B, 4, h, w]``, its flow as it came out of the block."""
    matching: MatchingSteps | None
    """None where nothing is matched."""
    matched: TimeFlow
    """With the matching's correction; ``local`` where nothing is matched."""
    final: TimeFlow
    """After the second flow block."""
    warped: Tensor
    """``[2 B, 3, H, W]``, the frames warped by ``local``."""
    warped_matched: Tensor
    """``[2 B, 3, H, W]``, the frames warped by ``matched``."""
