"""GMFlow's transformer and encoder: windows against rolling and masking, steps per frame and per pair."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from vfi.models.flow.gmflow.encoder import Encoder
from vfi.models.flow.gmflow.features import GmFlowFeatures
from vfi.models.flow.gmflow.transformer import (
    TOKENS_AT_ONCE,
    AttentionLayer,
    FeatureTransformer,
    window_attention,
)


def masked_attention(queries: Tensor, keys: Tensor, values: Tensor, splits: int, shifted: bool) -> Tensor:
    """The authors' way for one sample: roll by half a window, mask regions by -100, roll back."""
    height, width, channels = queries.shape
    window = (height // splits, width // splits)
    shift = (window[0] // 2, window[1] // 2) if shifted else (0, 0)
    region = torch.zeros(height, width)
    if shifted:
        for y, rows in enumerate(
            (slice(0, -window[0]), slice(-window[0], -shift[0]), slice(-shift[0], None))
        ):
            for x, columns in enumerate(
                (slice(0, -window[1]), slice(-window[1], -shift[1]), slice(-shift[1], None))
            ):
                region[rows, columns] = 3 * y + x
    rolled = [tensor.roll((-shift[0], -shift[1]), dims=(0, 1)) for tensor in (queries, keys, values)]
    out = torch.zeros_like(queries)
    for top in range(0, height, window[0]):
        for left in range(0, width, window[1]):
            cut = (slice(top, top + window[0]), slice(left, left + window[1]))
            query, key, value = (tensor[cut].reshape(-1, channels) for tensor in rolled)
            label = region[cut].flatten()
            mask = -100.0 * (label[:, None] != label).to(query.dtype)
            weights = (query @ key.T / channels**0.5 + mask).softmax(dim=-1)
            out[cut] = (weights @ value).view(*window, channels)
    return out.roll(shift, dims=(0, 1))


@pytest.mark.parametrize("shifted", [False, True])
@pytest.mark.parametrize(("splits", "height", "width"), [(2, 8, 12), (2, 6, 10), (4, 8, 16), (8, 16, 24)])
def test_windows_are_those_of_rolling_and_masking(
    splits: int, height: int, width: int, shifted: bool
) -> None:
    queries, keys, values = torch.randn(3, 2, height, width, 16)
    found = window_attention(queries, keys, values, splits=splits, shifted=shifted)
    for sample in range(2):
        expected = masked_attention(queries[sample], keys[sample], values[sample], splits, shifted)
        torch.testing.assert_close(found[sample], expected, atol=1e-5, rtol=0)


def test_one_window_is_the_whole_frame() -> None:
    queries, keys, values = torch.randn(3, 1, 5, 7, 8)
    whole = window_attention(queries, keys, values, splits=1, shifted=True)
    expected = masked_attention(queries[0], keys[0], values[0], 1, shifted=False)
    torch.testing.assert_close(whole[0], expected, atol=1e-5, rtol=0)


def test_windows_of_one_token_are_not_shifted() -> None:
    values = torch.randn(1, 4, 4, 8)
    torch.testing.assert_close(window_attention(values, values, values, splits=4, shifted=True), values)


def test_sizes_that_do_not_divide_into_windows_are_refused() -> None:
    with pytest.raises(ValueError, match="9x8 features cannot be divided into 2x2 equal windows"):
        FeatureTransformer(8, blocks=1).encode(torch.zeros(1, 8, 8, 9), splits=2)


def test_frames_of_two_sizes_are_refused() -> None:
    transformer = FeatureTransformer(8, blocks=1)
    encoded = [transformer.encode(torch.zeros(1, 8, 4, width)) for width in (4, 6)]
    with pytest.raises(ValueError, match=r"must have one size, .* \(1, 4, 4, 8\) and \(1, 4, 6, 8\)"):
        transformer.pair(*encoded)


@torch.inference_mode()
def test_swapped_frames_swap_the_features() -> None:
    network = GmFlowFeatures(attention_splits=2).eval()
    encoded_0, encoded_1 = (network.encode(frame) for frame in torch.rand(2, 2, 3, 32, 48))
    there, back = network.pair(encoded_0, encoded_1), network.pair(encoded_1, encoded_0)
    torch.testing.assert_close(there.roll(2, dims=0), back, atol=1e-4, rtol=0)
    assert there.shape == (4, 128, 4, 6)


@torch.inference_mode()
def test_each_layer_sees_the_other_frame_as_it_was_before_its_block() -> None:
    """The target of the cross-attention is not updated by the self-attention of the same block."""
    transformer = FeatureTransformer(8, blocks=1).eval()
    features = torch.randn(2, 1, 8, 4, 4)
    encoded_0, encoded_1 = (transformer.encode(each) for each in features)
    found = transformer.pair(encoded_0, encoded_1)
    cross = transformer.layers[0].cross_attn_ffn
    assert isinstance(cross, AttentionLayer)
    expected = cross(encoded_0.attended, encoded_1.tokens, splits=1, shifted=False).permute(0, 3, 1, 2)
    torch.testing.assert_close(found[:1], expected)


def test_chunks_do_not_change_the_feed_forward_network() -> None:
    layer = AttentionLayer(4, feed_forward=True)
    tokens = torch.randn(1, 100, TOKENS_AT_ONCE // 40, 4)
    together = layer(tokens, tokens, splits=2, shifted=False)
    with torch.no_grad():
        pieces = layer(tokens, tokens, splits=2, shifted=False)
    torch.testing.assert_close(together.detach(), pieces)


@pytest.mark.parametrize("scales", [1, 2])
@torch.inference_mode()
def test_a_frame_is_encoded_by_itself(scales: int) -> None:
    encoder = Encoder(scales=scales).eval()
    frames = torch.rand(2, 3, 32, 64)
    together, alone = encoder(frames), encoder(frames[1:])
    assert [tuple(level.shape) for level in alone] == [(1, 128, 8, 16), (1, 128, 4, 8)][-scales:]
    for both, one in zip(together, alone, strict=True):
        torch.testing.assert_close(both[1:], one, atol=1e-4, rtol=0)


def test_the_shortcuts_bias_has_no_effect() -> None:
    """The files contain it, though the normalisation after it cancels it."""
    encoder = Encoder().eval()
    frame = torch.rand(1, 3, 32, 32)
    before = encoder(frame)[0]
    with torch.no_grad():
        for name, parameter in encoder.named_parameters():
            if name.endswith("downsample.0.bias"):
                parameter += 1
    torch.testing.assert_close(encoder(frame)[0], before, atol=1e-4, rtol=0)


def test_there_are_one_or_two_scales() -> None:
    with pytest.raises(ValueError, match="scales must be 1 or 2, not 3"):
        Encoder(scales=3)
