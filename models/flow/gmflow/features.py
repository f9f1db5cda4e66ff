"""GMFlow's feature extractor without matching, as SGM-VFI uses it.

Parameters are those of a GMFlow file without ``feature_flow_attn`` and ``upsampler``.
"""

from __future__ import annotations

from torch import Tensor, nn

from .encoder import Encoder
from .transformer import FeatureTransformer, FrameTokens


class GmFlowFeatures(nn.Module):
    """Encoder and transformer at one scale, with separate steps for a frame and for a pair."""

    def __init__(self, *, attention_splits: int = 1) -> None:
        """Initialize at random.

        Args:
            attention_splits: Number of attention windows per axis; 1: attention over the whole frame.
        """
        super().__init__()
        self.attention_splits = attention_splits
        self.backbone = Encoder()
        self.transformer = FeatureTransformer()

    def encode(self, frame: Tensor) -> FrameTokens:
        """Compute the features of one frame that do not depend on the other frame.

        Args:
            frame: Frame ``[B, 3, H, W]`` in the range of the training; both sides are multiples of 8 times
                ``attention_splits``.

        Returns:
            The record for :meth:`pair`.
        """
        return self.transformer.encode(self.backbone(frame)[0], splits=self.attention_splits)

    def pair(self, encoded_0: FrameTokens, encoded_1: FrameTokens) -> Tensor:
        """Compute the features of two frames, with attention between the frames.

        Args:
            encoded_0: Record of :meth:`encode` for frame 0.
            encoded_1: Record of :meth:`encode` for frame 1, of the same size.

        Returns:
            ``[2 B, 128, H / 8, W / 8]``: first frame 0's, then frame 1's.
        """
        return self.transformer.pair(encoded_0, encoded_1, splits=self.attention_splits)

    def forward(self, frame_0: Tensor, frame_1: Tensor) -> Tensor:
        """Features of two frames ``[B, 3, H, W]``: ``[2 B, 128, H / 8, W / 8]``, see :meth:`pair`."""
        return self.pair(self.encode(frame_0), self.encode(frame_1))
