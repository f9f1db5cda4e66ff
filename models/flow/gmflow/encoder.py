"""GMFlow's convolutional encoder: one frame to features at 1/8, or at 1/4 and 1/8.

Every convolution and normalisation is over one frame, so that features are computed once per frame.
Parameters have the names of the released files. ``downsample.0.bias`` is cancelled by the normalisation that
follows; it exists because the files contain it.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

STEM_CHANNELS, FEATURE_CHANNELS = 64, 128
STAGE_CHANNELS = (64, 96, FEATURE_CHANNELS)


class ResidualBlock(nn.Module):
    """Residual block of two 3x3 convolutions with instance normalisation."""

    def __init__(self, inputs: int, outputs: int, *, stride: int = 1) -> None:
        """Initialize; the shortcut is a 1x1 convolution where size or channels change."""
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        changes = stride != 1 or inputs != outputs
        self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride=stride)) if changes else None

    def forward(self, x: Tensor) -> Tensor:
        """``[B, inputs, H, W]`` to ``[B, outputs, H / stride, W / stride]``, sides rounded up."""
        y = F.relu(F.instance_norm(self.conv1(x)), inplace=True)
        y = F.relu(F.instance_norm(self.conv2(y)), inplace=True)
        shortcut = x if self.downsample is None else F.instance_norm(self.downsample(x))
        return F.relu(shortcut + y, inplace=True)


class Encoder(nn.Module):
    """Encoder to features at one scale (1/8) or two (1/4 and 1/8, by one kernel with two strides)."""

    def __init__(self, *, scales: int = 1) -> None:
        """Initialize at random.

        Args:
            scales: Number of scales, 1 or 2.

        Raises:
            ValueError: If ``scales`` is another number.
        """
        super().__init__()
        if scales not in (1, 2):
            raise ValueError(f"scales must be 1 or 2, not {scales}")
        first, second, third = STAGE_CHANNELS
        self.conv1 = nn.Conv2d(3, STEM_CHANNELS, 7, stride=2, padding=3, bias=False)
        self.layer1 = _stage(STEM_CHANNELS, first, stride=1)
        self.layer2 = _stage(first, second, stride=2)
        self.layer3 = _stage(second, third, stride=2 if scales == 1 else 1)
        self.conv2 = nn.Conv2d(third, FEATURE_CHANNELS, 1)
        self.trident_conv = (
            nn.Conv2d(FEATURE_CHANNELS, FEATURE_CHANNELS, 3, padding=1, bias=False) if scales == 2 else None
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")

    def forward(self, frame: Tensor) -> list[Tensor]:
        """Compute the features of frames.

        Args:
            frame: Frame ``[B, 3, H, W]`` in the range of the training; both sides are multiples of 8.

        Returns:
            Features ``[B, FEATURE_CHANNELS, h, w]`` at 1/8; with two scales at 1/4 and at 1/8.
        """
        x = F.relu(F.instance_norm(self.conv1(frame)), inplace=True)
        x = self.conv2(self.layer3(self.layer2(self.layer1(x))))
        if self.trident_conv is None:
            return [x]
        return [F.conv2d(x, self.trident_conv.weight, stride=stride, padding=1) for stride in (1, 2)]


def _stage(inputs: int, outputs: int, *, stride: int) -> nn.Sequential:
    return nn.Sequential(ResidualBlock(inputs, outputs, stride=stride), ResidualBlock(outputs, outputs))
