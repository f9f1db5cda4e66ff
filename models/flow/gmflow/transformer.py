"""GMFlow's transformer: the features of two frames, each aware of its own frame and of the other.

Both directions are computed as one batch. What belongs to one frame, positions and the first layer's look at
the frame itself, is apart (:meth:`FeatureTransformer.begin`) from what belongs to a pair
(:meth:`FeatureTransformer.finish`). Tokens are kept as ``[B, H, W, C]``.

Deviation from the authors' code: windows that are shifted by half their size are not rolled and masked by
-100; what the mask keeps together is cut out of the plane and attended to by itself. The weight of what the
mask leaves out, e^-100, is nothing beside the rounding of a softmax; and the mask of a large frame would be
enormous.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vfi.models.attention import sine_positions

from .encoder import FEATURE_CHANNELS

BLOCKS = 6
MLP_EXPANSION = 4
"""Width of the hidden layer, in units of its input of twice the features."""

TOKENS_AT_ONCE = 2**13
"""Tokens whose hidden layer is held at one time: it is eight times as wide as they are."""

TOKENS_ON_CPU = 2**10
"""The same limit on a CPU: so few that it stays in the cache; 20 instead of 28 ms for 3808 tokens."""


class Begun(NamedTuple):
    """One frame's tokens on their way into the transformer, whatever pair they take part in."""

    tokens: Tensor
    """``[B, H, W, C]``, features and positions."""
    aware: Tensor
    """``[B, H, W, C]``, the same after the first look at the frame itself."""


class AttentionLayer(nn.Module):
    """Tokens look at others within windows, with a single head; what they find is added to them."""

    def __init__(self, channels: int, *, feed_forward: bool) -> None:
        """Xavier initialization, as for training from scratch.

        Args:
            channels: Channels of the tokens.
            feed_forward: Whether what was found passes through a small network, beside the token itself.
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
        """Let ``source`` look at ``target``.

        Args:
            source: ``[B, H, W, C]``.
            target: Tokens ``[B, H, W, C]`` that are attended to.
            splits: Windows per axis.
            shifted: Whether they are shifted by half their size.

        Returns:
            ``[B, H, W, C]``, the source with what it found.
        """
        found = window_attention(
            self.q_proj(source), self.k_proj(target), self.v_proj(target), splits=splits, shifted=shifted
        )
        message = self.norm1(self.merge(found))
        if self.mlp is not None and self.norm2 is not None:
            message = self.norm2(_in_pieces(self.mlp, torch.cat((source, message), dim=-1)))
        return source + message


class TransformerBlock(nn.Module):
    """Each frame looks at itself, then at what the other frame was before this block."""

    def __init__(self, channels: int) -> None:
        """``channels`` is that of the tokens."""
        super().__init__()
        self.self_attn = AttentionLayer(channels, feed_forward=False)
        self.cross_attn_ffn = AttentionLayer(channels, feed_forward=True)


class FeatureTransformer(nn.Module):
    """Six blocks, whose odd ones have shifted windows; both frames through the same weights."""

    def __init__(self, channels: int = FEATURE_CHANNELS, *, blocks: int = BLOCKS) -> None:
        """Xavier initialization; ``channels`` is that of the features."""
        super().__init__()
        self.layers = nn.ModuleList(TransformerBlock(channels) for _ in range(blocks))

    def begin(self, features: Tensor, *, splits: int = 1) -> Begun:
        """What belongs to one frame.

        Args:
            features: ``[B, C, H, W]`` of the encoder; both sides are multiples of ``splits``.
            splits: Windows per axis within which tokens look at each other; 1: at the whole frame.

        Returns:
            The record for :meth:`finish`.

        Raises:
            ValueError: if a side is not a multiple of ``splits``.
        """
        channels, height, width = features.shape[1:]
        if splits < 1 or height % splits or width % splits:
            raise ValueError(f"{width}x{height} features cannot be cut into {splits}x{splits} equal windows")
        positions = sine_positions(
            height // splits, width // splits, channels, device=features.device, dtype=features.dtype
        )
        tokens = features.permute(0, 2, 3, 1) + positions.repeat(splits, splits, 1)
        return Begun(tokens, self._attend_within(0, tokens, splits))

    def finish(self, begun_0: Begun, begun_1: Begun, *, splits: int = 1) -> Tensor:
        """What belongs to a pair.

        Args:
            begun_0: From :meth:`begin`, with the same ``splits``.
            begun_1: Record of :meth:`begin` for the other frame.
            splits: See :meth:`begin`.

        Returns:
            ``[2 B, C, H, W]``: first the features of frame 0, then those of frame 1.

        Raises:
            ValueError: if the frames differ in size or number.
        """
        if begun_0.tokens.shape != begun_1.tokens.shape:
            raise ValueError(
                "both frames must have one size, but their features are "
                f"{tuple(begun_0.tokens.shape)} and {tuple(begun_1.tokens.shape)}, [B, H, W, C]"
            )
        source = torch.cat((begun_0.tokens, begun_1.tokens))
        aware = torch.cat((begun_0.aware, begun_1.aware))
        for number, block in enumerate(self.layers):
            assert isinstance(block, TransformerBlock)
            if number:
                aware = self._attend_within(number, source, splits)
            target = source.roll(begun_0.tokens.shape[0], dims=0)  # frames swapped
            source = block.cross_attn_ffn(aware, target, splits=splits, shifted=number % 2 == 1)
        return source.permute(0, 3, 1, 2)

    def _attend_within(self, number: int, tokens: Tensor, splits: int) -> Tensor:
        block = self.layers[number]
        assert isinstance(block, TransformerBlock)
        return block.self_attn(tokens, tokens, splits=splits, shifted=number % 2 == 1)


class Bands(NamedTuple):
    """Neighbouring bands of equal thickness along one axis."""

    start: int
    stop: int
    windows: int


def window_bands(length: int, splits: int, *, shifted: bool) -> list[Bands]:
    """How windows cut an axis: ``splits`` equal bands, or the first one's first half by itself, and so on.

    Args:
        length: Length of the axis, a multiple of ``splits``.
        splits: Windows.
        shifted: Whether they begin half a window later, so that the one at the end falls apart.

    Returns:
        What covers the axis, in order.
    """
    window = length // splits
    shift = window // 2 if shifted and splits > 1 else 0
    if shift == 0:
        return [Bands(0, length, splits)]
    last = length - window + shift
    return [Bands(0, shift, 1), Bands(shift, last, splits - 1), Bands(last, length, 1)]


def window_attention(queries: Tensor, keys: Tensor, values: Tensor, *, splits: int, shifted: bool) -> Tensor:
    """Attention within windows, with one head and scores divided by the root of the channels.

    Args:
        queries: ``[B, H, W, C]``.
        keys: Keys ``[B, H, W, C]``.
        values: Values ``[B, H, W, C]``.
        splits: Windows per axis, which divides H and W.
        shifted: Whether the windows are shifted by half their size; what that moves beyond an edge stays
            apart from the window at the opposite edge.

    Returns:
        ``[B, H, W, C]``.
    """
    height, width = queries.shape[1:3]
    across = window_bands(width, splits, shifted=shifted)
    rows: list[Tensor] = []
    for y in window_bands(height, splits, shifted=shifted):
        band = [tensor[:, y.start : y.stop] for tensor in (queries, keys, values)]
        found = [
            _attend(*(tensor[:, :, x.start : x.stop] for tensor in band), rows=y.windows, columns=x.windows)
            for x in across
        ]
        rows.append(torch.cat(found, dim=2))
    return torch.cat(rows, dim=1)


def _attend(queries: Tensor, keys: Tensor, values: Tensor, *, rows: int, columns: int) -> Tensor:
    """Attention within equal windows, ``rows`` of them below each other and ``columns`` side by side."""

    def cut(tokens: Tensor) -> Tensor:
        windows = tokens.unflatten(2, (columns, -1)).unflatten(1, (rows, -1))  # [B, rows, h, columns, w, C]
        return windows.transpose(2, 3).flatten(3, 4).flatten(0, 2)[:, None]  # [B rows columns, 1, h w, C]

    batch, height, width, _ = queries.shape
    found = F.scaled_dot_product_attention(cut(queries), cut(keys), cut(values))
    windows = (
        found[:, 0].unflatten(1, (height // rows, width // columns)).unflatten(0, (batch, rows, columns))
    )
    return windows.transpose(2, 3).flatten(3, 4).flatten(1, 2)


def _in_pieces(network: nn.Module, tokens: Tensor) -> Tensor:
    """A network that looks at single tokens, applied to some at a time where no gradients are wanted."""
    if torch.is_grad_enabled():
        return network(tokens)
    at_once = TOKENS_ON_CPU if tokens.device.type == "cpu" else TOKENS_AT_ONCE
    pieces = tokens.flatten(0, -2).split(at_once)
    return torch.cat([network(piece) for piece in pieces]).unflatten(0, tokens.shape[:-1])
