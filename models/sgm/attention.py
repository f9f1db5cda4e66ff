"""Inter-frame attention within windows, the last stage of SGM-VFI's feature extractor.

Source: Liu et al., "Sparse Global Matching for Video Frame Interpolation with Large Motion", CVPR 2024, whose
extractor follows Zhang et al., "Extracting Motion and Appearance via Inter-Frame Attention", CVPR 2023.
Parameters have the names of the released files. Tokens are kept as ``[2 B, h, w, C]``, frame 0's first.

Peculiarities that the released weights were trained with, and that are reproduced:

* The result of the attention is added to the normalised tokens, not to the input of the block.
* Where windows are shifted, the mask of the padding is not: its borders lie three positions away from those
  of the padding (:func:`window_mask`).

Deviation from the authors' code, which reuses a mask for every frame of the same padded area: a mask is
computed for height and width.
"""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vfi.models.attention import sine_positions

WINDOW = 7
"""Side of a window, in positions at 1/8."""

SHIFT = 3
"""Shift of the windows of every other block, in positions."""

HEAD_CHANNELS = 32
MLP_EXPANSION = 4
NORM_EPSILON = 1e-6

APART = -100.0
"""Added to the scores between positions that must not attend to each other."""


class CrossFrameAttention(nn.Module):
    """Attention of the positions in each window to the same window of the other frame."""

    def __init__(self, channels: int) -> None:
        """``channels`` is a multiple of :data:`HEAD_CHANNELS`."""
        super().__init__()
        self.heads = channels // HEAD_CHANNELS
        self.q = nn.Linear(channels, channels)
        self.kv = nn.Linear(channels, 2 * channels)
        self.proj = nn.Linear(channels, channels)

    def forward(self, windows: Tensor, mask: Tensor | None) -> Tensor:
        """Attend to the other frame.

        Args:
            windows: Tokens ``[2 B, K, L, C]``: K windows of L positions, frame 0's samples first.
            mask: Mask ``[K, L, L]``, added to the scores; None for none.

        Returns:
            Attended values ``[2 B, K, L, C]``.
        """
        samples = windows.shape[0]
        queries = self.q(windows)
        keys, values = self.kv(windows.roll(samples // 2, dims=0)).chunk(2, dim=-1)
        if mask is not None:
            mask = mask.repeat(samples, 1, 1)[:, None]  # [2 B K, 1, L, L]

        def by_head(tokens: Tensor) -> Tensor:
            return tokens.flatten(0, 1).unflatten(-1, (self.heads, -1)).transpose(1, 2)

        attended = F.scaled_dot_product_attention(
            by_head(queries), by_head(keys), by_head(values), attn_mask=mask
        )
        return self.proj(attended.transpose(1, 2).flatten(2).unflatten(0, (samples, -1)))


class DepthwiseConv(nn.Module):
    """Depthwise 3x3 convolution of tokens."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)

    def forward(self, tokens: Tensor) -> Tensor:
        """``[B, h, w, C]`` to the same."""
        return self.dwconv(tokens.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


class TokenNetwork(nn.Module):
    """MLP of two linear layers with a depthwise convolution between them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = MLP_EXPANSION * channels
        self.fc1 = nn.Linear(channels, hidden)
        self.dwconv = DepthwiseConv(hidden)
        self.fc2 = nn.Linear(hidden, channels)

    def forward(self, tokens: Tensor) -> Tensor:
        """``[B, h, w, C]`` to the same."""
        return self.fc2(F.gelu(self.dwconv(self.fc1(tokens))))


class CrossFrameBlock(nn.Module):
    """Transformer block: inter-frame attention, then an MLP."""

    def __init__(self, channels: int, *, shifted: bool) -> None:
        """Initialize at random.

        Args:
            channels: Number of channels of the tokens.
            shifted: Whether the windows are shifted by :data:`SHIFT`.
        """
        super().__init__()
        self.shift = SHIFT if shifted else 0
        self.norm1 = nn.LayerNorm(channels, eps=NORM_EPSILON)
        self.attn = CrossFrameAttention(channels)
        self.norm2 = nn.LayerNorm(channels, eps=NORM_EPSILON)
        self.mlp = TokenNetwork(channels)

    def forward(self, tokens: Tensor) -> Tensor:
        """``[2 B, h, w, C]``, frame 0's samples first, to the same."""
        height, width, channels = tokens.shape[1:]
        top, bottom, left, right = window_padding(height, width)
        padded = F.pad(tokens, (0, 0, left, right, top, bottom))
        size = padded.shape[1:3]
        windows = partition_windows(padded.roll((-self.shift, -self.shift), dims=(1, 2)))
        positions = sine_positions(WINDOW, WINDOW, channels, like=tokens)
        normed = self.norm1(windows) + positions.flatten(0, 1)
        mask = window_mask(height, width, self.shift, tokens.device)
        # The residual is the normalised tensor: the released weights were trained so.
        normed = normed + self.attn(normed, None if mask is None else mask.to(normed.dtype))
        padded = merge_windows(normed, size[0], size[1]).roll((self.shift, self.shift), dims=(1, 2))
        tokens = padded[:, top : top + height, left : left + width]
        return tokens + self.mlp(self.norm2(tokens))


def window_padding(height: int, width: int) -> tuple[int, int, int, int]:
    """Padding to whole windows: top, bottom, left, right; centred, an odd position at bottom or right."""
    rows, columns = -height % WINDOW, -width % WINDOW
    return rows // 2, rows - rows // 2, columns // 2, columns - columns // 2


def partition_windows(tokens: Tensor) -> Tensor:
    """Partition a plane of tokens into windows, row by row.

    Args:
        tokens: Tokens ``[B, h, w, ...]``, whose sides are multiples of :data:`WINDOW`.

    Returns:
        ``[B, K, WINDOW * WINDOW, ...]``.
    """
    cells = tokens.unflatten(2, (-1, WINDOW)).unflatten(1, (-1, WINDOW))  # [B, rows, 7, columns, 7, ...]
    return cells.transpose(2, 3).flatten(3, 4).flatten(1, 2)


def merge_windows(windows: Tensor, height: int, width: int) -> Tensor:
    """The inverse of :func:`partition_windows`.

    Args:
        windows: Tokens ``[B, K, WINDOW * WINDOW, C]``.
        height: Height of the plane in positions, a multiple of :data:`WINDOW`.
        width: Width of the plane in positions, a multiple of :data:`WINDOW`.

    Returns:
        ``[B, height, width, C]``.
    """
    cells = windows.unflatten(2, (WINDOW, WINDOW)).unflatten(1, (height // WINDOW, width // WINDOW))
    return cells.transpose(2, 3).flatten(3, 4).flatten(1, 2)


def window_mask(height: int, width: int, shift: int, device: torch.device) -> Tensor | None:
    """The mask between positions of a window that must not attend to each other.

    Each side of the padding attends to itself only, and so does, where windows are shifted, the part that was
    rolled in from the opposite edge. The borders of the padding are those without the shift.

    Args:
        height: Height of the plane in positions, before padding.
        width: Width of the plane in positions, before padding.
        shift: Shift of the windows in positions, 0 or :data:`SHIFT`.
        device: Device of the mask.

    Returns:
        ``[K, L, L]``, 0 or :data:`APART`, float32; None where every position attends to its whole window.
    """
    with torch.inference_mode(False):  # the mask is cached, and a later call may be part of training
        return _window_mask(height, width, shift, device)


@lru_cache(maxsize=8)
def _window_mask(height: int, width: int, shift: int, device: torch.device) -> Tensor | None:
    top, bottom, left, right = window_padding(height, width)
    rows, columns = height + top + bottom, width + left + right
    apart = torch.zeros((), dtype=torch.bool, device=device)
    if rows > height or columns > width:
        apart = apart | _in_different_regions(
            _section(rows, top, rows - bottom, device), _section(columns, left, columns - right, device)
        )
    if shift:
        apart = apart | _in_different_regions(
            _section(rows, rows - WINDOW, rows - shift, device),
            _section(columns, columns - WINDOW, columns - shift, device),
        )
    return apart * APART if apart.ndim else None


def _section(length: int, first: int, second: int, device: torch.device) -> Tensor:
    """The section of an axis each position lies in: 0 before ``first``, 1 before ``second``, then 2."""
    position = torch.arange(length, device=device)
    return (position >= first).long() + (position >= second).long()


def _in_different_regions(row_section: Tensor, column_section: Tensor) -> Tensor:
    """Whether two positions of a window lie in different sections of either axis, ``[K, L, L]`` bool."""
    region = partition_windows(3 * row_section[None, :, None] + column_section[None, None])[0]  # [K, L]
    return region[:, :, None] != region[:, None]
