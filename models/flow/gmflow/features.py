"""GMFlow's features alone, without matching, as SGM-VFI uses them.

Parameters are those of a GMFlow file without ``feature_flow_attn`` and ``upsampler``.
"""

from __future__ import annotations

from torch import Tensor, nn

from .encoder import Encoder
from .transformer import Begun, FeatureTransformer


class GmFlowFeatures(nn.Module):
    """Encoder and transformer at one scale: what belongs to a frame, and what belongs to a pair."""

    def __init__(self, *, attention_splits: int = 1) -> None:
        """Initialize at random.

        Args:
            attention_splits: Windows per axis within which features look at each other; 1: everywhere.
        """
        super().__init__()
        self.attention_splits = attention_splits
        self.backbone = Encoder()
        self.transformer = FeatureTransformer()

    def encode(self, frame: Tensor) -> Begun:
        """What belongs to one frame.

        Args:
            frame: ``[B, 3, H, W]`` in whatever range the weights are used to; both sides are multiples of 8
                and of 8 times ``attention_splits``.

        Returns:
            The record for :meth:`pair`.
        """
        return self.transformer.begin(self.backbone(frame)[0], splits=self.attention_splits)

    def pair(self, encoded_0: Begun, encoded_1: Begun) -> Tensor:
        """The features of two frames, each aware of the other.

        Args:
            encoded_0: Record of :meth:`encode` for frame 0.
            encoded_1: Record of :meth:`encode` for frame 1, of the same size.

        Returns:
            ``[2 B, 128, H / 8, W / 8]``: first frame 0's, then frame 1's.
        """
        return self.transformer.finish(encoded_0, encoded_1, splits=self.attention_splits)

    def forward(self, frame_0: Tensor, frame_1: Tensor) -> Tensor:
        """Both in one: ``[B, 3, H, W]`` twice to ``[2 B, 128, H / 8, W / 8]``."""
        return self.pair(self.encode(frame_0), self.encode(frame_1))
