"""GMFlow's flow propagation: self-attention extends the flow to pixels without a match."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vfi.models.attention import SCORES_AT_ONCE, soft_lookup

from .matching import neighbour_scores


class FlowPropagation(nn.Module):
    """Mean of the flow, weighted by the similarity of features within one frame.

    Peculiarities that the released weights were trained with: over the whole frame, keys are projected from
    the queries instead of the features; within a radius, neighbours outside the frame count with similarity 0
    and flow 0.
    """

    def __init__(self, channels: int) -> None:
        """Initialize by Xavier's rule; ``channels`` is the number of channels of the features."""
        super().__init__()
        self.q_proj = nn.Linear(channels, channels)
        self.k_proj = nn.Linear(channels, channels)
        for projection in (self.q_proj, self.k_proj):
            nn.init.xavier_uniform_(projection.weight)

    def forward(
        self, features: Tensor, flow: Tensor, *, radius: int | None, scores_at_once: int = SCORES_AT_ONCE
    ) -> Tensor:
        """Propagate the flow.

        Args:
            features: Features ``[B, C, H, W]``.
            flow: Flow ``[B, 2, H, W]`` of any unit.
            radius: Radius of the attention along each axis, pixels; None: over the whole frame.
            scores_at_once: Largest number of scores in memory, where the attention is over the whole frame.

        Returns:
            Propagated flow ``[B, 2, H, W]`` in the type of ``flow``.
        """
        tokens = features.permute(0, 2, 3, 1)
        queries = self.q_proj(tokens)
        if radius is None:
            keys = self.k_proj(queries)
            found = soft_lookup(
                queries.flatten(1, 2), keys.flatten(1, 2), flow.flatten(2).mT, scores_at_once=scores_at_once
            )
            return found.mT.unflatten(2, flow.shape[-2:]).to(flow.dtype)
        scores = neighbour_scores(
            queries.permute(0, 3, 1, 2), self.k_proj(tokens).permute(0, 3, 1, 2), radius=radius
        )
        around = F.unfold(flow, kernel_size=2 * radius + 1, padding=radius)  # [B, 2 K, H W]
        around = around.unflatten(1, (2, -1)).unflatten(3, flow.shape[-2:])  # [B, 2, K, H, W]
        return torch.einsum("bkhw,bckhw->bchw", scores.softmax(dim=1).to(flow.dtype), around)
