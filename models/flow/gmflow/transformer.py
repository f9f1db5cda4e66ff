"""GMFlow's feature transformer: self-attention within each frame and cross-attention between two frames.

Both directions are computed as one batch. The positional encoding and the first self-attention depend on one
frame only (:meth:`FeatureTransformer.encode`) and are separate from the rest, which depends on the pair
(:meth:`FeatureTransformer.pair`). Tokens are kept as ``[B, H, W, C]``.

Deviation from the authors' code: windows that are shifted by half their size are not rolled and masked by
-100; the regions that the mask would separate are cut out of the plane and attended to one by one. A masked
position would have the weight e^-100, less than the rounding of a softmax, and the mask of a large frame
would be enormous.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from vfi.models.attention import sine_positions

from .encoder import FEATURE_CHANNELS

BLOCKS = 6
MLP_EXPANSION = 4
"""Channels of the MLP's hidden layer per channel of its input, which is twice the features."""

TOKENS_AT_ONCE = 2**13
"""Largest number of tokens in the MLP at one time; its hidden layer has eight times their channels."""

TOKENS_ON_CPU = 2**10
"""The same limit on a CPU, where the hidden layer stays in the cache: 20 instead of 28 ms for 3808 tokens."""


class FrameTokens(NamedTuple):
    """Tokens of one frame, independent of the other frame."""

    tokens: Tensor
    """``[B, H, W, C]``, features and positional encoding."""
    attended: Tensor
    """``[B, H, W, C]``, the same after the first self-attention."""


class AttentionLayer(nn.Module):
    """Single-head attention within windows, whose result is added to the tokens."""

    def __init__(self, channels: int, *, feed_forward: bool) -> None:
        """Initialize by Xavier's rule, as for training from scratch.

        Args:
            channels: Number of channels of the tokens.
            feed_forward: Whether an MLP follows the attention.
        """
        super().__init__()
        self.q_proj = nn.Linear(channels, channels, bias=False)
        self.k_proj = nn.Linear(channels, channels, bias=False)
        self.v_proj = nn.Linear(channels, channels, bias=False)
        self.merge = nn.Linear(channels, channels, bias=False)
        self.norm1 = nn.LayerNorm(channels)
        self.mlp = self.norm2 = None
        if feed_forward:
            hidden = 2 * channels * MLP_EXPANSION
            self.mlp = nn.Sequential(
                nn.Linear(2 * channels, hidden, bias=False),
                nn.GELU(),
                nn.Linear(hidden, channels, bias=False),
            )
            self.norm2 = nn.LayerNorm(channels)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)

    def forward(self, source: Tensor, target: Tensor, *, splits: int, shifted: bool) -> Tensor:
        """Let ``source`` attend to ``target``.

        Args:
            source: Tokens ``[B, H, W, C]``.
            target: Tokens ``[B, H, W, C]`` that are attended to.
            splits: Number of windows per axis.
            shifted: Whether the windows are shifted by half their size.

        Returns:
            Tokens ``[B, H, W, C]``: the sum of source and attention.
        """
        attended = window_attention(
            self.q_proj(source), self.k_proj(target), self.v_proj(target), splits=splits, shifted=shifted
        )
        message = self.norm1(self.merge(attended))
        if self.mlp is not None and self.norm2 is not None:
            message = self.norm2(_in_chunks(self.mlp, torch.cat((source, message), dim=-1)))
        return source + message


class TransformerBlock(nn.Module):
    """Self-attention, then cross-attention to the other frame as it was before this block."""

    def __init__(self, channels: int) -> None:
        """``channels`` is the number of channels of the tokens."""
        super().__init__()
        self.self_attn = AttentionLayer(channels, feed_forward=False)
        self.cross_attn_ffn = AttentionLayer(channels, feed_forward=True)


class FeatureTransformer(nn.Module):
    """Six blocks, every other with shifted windows; both frames pass through the same weights."""

    def __init__(self, channels: int = FEATURE_CHANNELS, *, blocks: int = BLOCKS) -> None:
        """Initialize by Xavier's rule; ``channels`` is the number of channels of the features."""
        super().__init__()
        self.layers = nn.ModuleList(TransformerBlock(channels) for _ in range(blocks))

    def encode(self, features: Tensor, *, splits: int = 1) -> FrameTokens:
        """Compute the tokens of one frame.

        Args:
            features: Features ``[B, C, H, W]`` of the encoder; both sides are multiples of ``splits``.
            splits: Number of attention windows per axis; 1: attention over the whole frame.

        Returns:
            The record for :meth:`pair`.

        Raises:
            ValueError: If a side is not a multiple of ``splits``.
        """
        channels, height, width = features.shape[1:]
        if splits < 1 or height % splits or width % splits:
            raise ValueError(
                f"{width}x{height} features cannot be divided into {splits}x{splits} equal windows"
            )
        positions = sine_positions(height // splits, width // splits, channels, like=features)
        tokens = features.permute(0, 2, 3, 1) + positions.repeat(splits, splits, 1)
        return FrameTokens(tokens, self._self_attention(0, tokens, splits))

    def pair(self, encoded_0: FrameTokens, encoded_1: FrameTokens, *, splits: int = 1) -> Tensor:
        """Compute the features of two frames, with attention between the frames.

        Args:
            encoded_0: Record of :meth:`encode` for frame 0, with the same ``splits``.
            encoded_1: Record of :meth:`encode` for frame 1, with the same ``splits``.
            splits: Number of attention windows per axis, see :meth:`encode`.

        Returns:
            Features ``[2 B, C, H, W]``: first those of frame 0, then those of frame 1.

        Raises:
            ValueError: If the frames differ in size or number.
        """
        if encoded_0.tokens.shape != encoded_1.tokens.shape:
            raise ValueError(
                "both frames must have one size, but their features are "
                f"{tuple(encoded_0.tokens.shape)} and {tuple(encoded_1.tokens.shape)}, [B, H, W, C]"
            )
        source = torch.cat((encoded_0.tokens, encoded_1.tokens))
        attended = torch.cat((encoded_0.attended, encoded_1.attended))
        for number, block in enumerate(self.layers):
            assert isinstance(block, TransformerBlock)
            if number:
                attended = self._self_attention(number, source, splits)
            target = source.roll(encoded_0.tokens.shape[0], dims=0)  # the other frame
            source = block.cross_attn_ffn(attended, target, splits=splits, shifted=number % 2 == 1)
        return source.permute(0, 3, 1, 2)

    def _self_attention(self, number: int, tokens: Tensor, splits: int) -> Tensor:
        block = self.layers[number]
        assert isinstance(block, TransformerBlock)
        return block.self_attn(tokens, tokens, splits=splits, shifted=number % 2 == 1)


class WindowRun(NamedTuple):
    """Neighbouring windows of equal length along one axis."""

    start: int
    stop: int
    windows: int


def window_runs(length: int, splits: int, *, shifted: bool) -> list[WindowRun]:
    """The windows along an axis: ``splits`` equal ones or, shifted, with the last one halved at both ends.

    Args:
        length: Length of the axis, a multiple of ``splits``.
        splits: Number of windows.
        shifted: Whether the windows are shifted by half their length; the last one then falls into two
            windows, at the start and at the end of the axis.

    Returns:
        Runs that cover the axis, in order.
    """
    window = length // splits
    shift = window // 2 if shifted and splits > 1 else 0
    if shift == 0:
        return [WindowRun(0, length, splits)]
    last = length - window + shift
    return [WindowRun(0, shift, 1), WindowRun(shift, last, splits - 1), WindowRun(last, length, 1)]


def window_attention(queries: Tensor, keys: Tensor, values: Tensor, *, splits: int, shifted: bool) -> Tensor:
    """Attention within windows, with one head and scores divided by the root of the channels.

    Args:
        queries: Queries ``[B, H, W, C]``.
        keys: Keys ``[B, H, W, C]``.
        values: Values ``[B, H, W, C]``.
        splits: Number of windows per axis, which divides H and W.
        shifted: Whether the windows are shifted by half their size; a window that extends beyond an edge is
            not joined with its remainder at the opposite edge.

    Returns:
        Attended values ``[B, H, W, C]``.
    """
    height, width = queries.shape[1:3]
    columns = window_runs(width, splits, shifted=shifted)
    attended_rows: list[Tensor] = []
    for row in window_runs(height, splits, shifted=shifted):
        strip = [tensor[:, row.start : row.stop] for tensor in (queries, keys, values)]
        attended = [
            _attend(
                *(tensor[:, :, column.start : column.stop] for tensor in strip),
                rows=row.windows,
                columns=column.windows,
            )
            for column in columns
        ]
        attended_rows.append(torch.cat(attended, dim=2))
    return torch.cat(attended_rows, dim=1)


def _attend(queries: Tensor, keys: Tensor, values: Tensor, *, rows: int, columns: int) -> Tensor:
    """Attention within a grid of ``rows`` by ``columns`` equal windows, ``[B, H, W, C]``."""

    def split(tokens: Tensor) -> Tensor:
        return rearrange(
            tokens,
            "batch (rows h) (columns w) channels -> (batch rows columns) 1 (h w) channels",
            rows=rows,
            columns=columns,
        )

    return rearrange(
        F.scaled_dot_product_attention(split(queries), split(keys), split(values)),
        "(batch rows columns) 1 (h w) channels -> batch (rows h) (columns w) channels",
        rows=rows,
        columns=columns,
        h=queries.shape[1] // rows,
    )


def _in_chunks(network: nn.Module, tokens: Tensor) -> Tensor:
    """The output of a network on single tokens, computed in chunks where no gradients are recorded."""
    if torch.is_grad_enabled():
        return network(tokens)
    at_once = TOKENS_ON_CPU if tokens.device.type == "cpu" else TOKENS_AT_ONCE
    chunks = tokens.flatten(0, -2).split(at_once)
    return torch.cat([network(chunk) for chunk in chunks]).unflatten(0, tokens.shape[:-1])
