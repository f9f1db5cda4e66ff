"""What SGM-VFI keeps of frames and pairs, and what it tells of the road to a flow."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from torch import Tensor

from vfi.ops import Padding

from .flow_block import TimeFlow
from .matching import MatchingSteps


class MatchingFeatures(Protocol):
    """The network whose features are matched: :class:`vfi.models.flow.gmflow.GmFlowFeatures`, a module."""

    def encode(self, frame: Tensor) -> Any:
        """What belongs to one frame, ``[B, 3, H, W]`` with sides multiples of 16."""
        ...

    def pair(self, encoded_0: Any, encoded_1: Any) -> Tensor:
        """The features of both, ``[2 B, 128, H / 8, W / 8]``, frame 0's first."""
        ...


class EncodedFrame(NamedTuple):
    """What belongs to one frame, at the size of the flow, whatever pair it takes part in."""

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
    """What the matching features keep of it; None where nothing is matched."""


class LatestFlow:
    """The flow for the time that was asked last: alpha, for one, wants the same once more."""

    def __init__(self) -> None:
        """Nothing is known."""
        self.time: Tensor | None = None
        self.flow: TimeFlow | None = None


class SgmMotion(NamedTuple):
    """What is known of a pair before a time is chosen."""

    encoded_0: EncodedFrame
    encoded_1: EncodedFrame
    known_s8: Tensor
    """``[B, 128, h, w]``, what the first flow block keeps of frames and features."""
    known_s4: Tensor
    """``[B, 128, 2 h, 2 w]``, likewise the second one."""
    matching: Tensor | None
    """``[2 B, 128, h, w]``, to be matched; None where nothing is."""
    flow_match: Tensor | None
    """``[2 B, 2, h, w]``, the matches of all positions; None where they are sparse, which depends on t."""
    known_matching: Tensor | None
    """``[B, 256, h, w]``, what the merging of flows and matches keeps of all features; None likewise."""
    context_0: list[Tensor]
    """Of frame 0 at full size, see :class:`.synthesis.ContextNetwork`."""
    context_1: list[Tensor]
    """Likewise of frame 1."""
    padding: Padding
    """Of the pictures that were reduced for the flow."""
    latest: LatestFlow


class FlowSteps(NamedTuple):
    """How the flow for one time came about, at the size of the flow."""

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
    """``[2 B, 3, H, W]``, the frames fetched along ``local``."""
    warped_matched: Tensor
    """Likewise along ``matched``."""


class TrainingOutputs(NamedTuple):
    """What the training looks at, lists in the order of the authors' code."""

    flows: list[Tensor]
    """``[B, 4, H, W]``: before the matching, and the final one."""
    masks: list[Tensor]
    """``[B, 1, H, W]`` in [0, 1]: after the matching, and the final one."""
    merged: list[Tensor]
    """``[B, 3, H, W]``, blends: before the matching, the final one, and, where there is any, after it."""
    frame: Tensor
    """``[B, 3, H, W]``, in [0, 1]."""
