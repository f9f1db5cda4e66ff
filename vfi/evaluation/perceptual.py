"""Learned perceptual distances of the ``metrics`` extra: DISTS, and FloLPIPS, which weighs errors by motion.

All are distances: smaller is better, 0 for equal images. Where the extra or the weights of a backbone are
missing, they say so and measure nothing. :func:`vfi.evaluation.metrics.lpips` is the third of them.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn

from vfi.errors import ModelError

INSTALL = 'pip install "vfi[metrics]"'


def dists(estimate: Tensor, truth: Tensor) -> Tensor:
    """Deep image structure and texture similarity of Ding et al. 2020 (DISTS), as a distance.

    Args:
        estimate: Estimated images, ``[B, 3, H, W]`` in [0, 1].
        truth: True images, of the same shape.

    Returns:
        ``[B]``.

    Raises:
        ModelError: If the ``metrics`` extra or the weights of VGG16 are missing.
    """
    network = load_network("DISTS", _build_dists).to(estimate.device)
    with torch.inference_mode():
        return network(estimate.float(), truth.float()).reshape(-1).double()


def flolpips(
    estimate: Tensor,
    truth: Tensor,
    start: Tensor,
    end: Tensor,
    flow: Callable[[Tensor, Tensor], Tensor],
    *,
    network: str = "alex",
) -> Tensor:
    """LPIPS weighted by how wrong the motion is, after Danier et al. 2022 (FloLPIPS).

    The map of LPIPS is averaged with the weights ``|F(a, estimate) - F(a, truth)|``, summed over both
    neighbors a and normalized to 1; where the motion is right everywhere, with equal weights.

    Args:
        estimate: Estimated frames, ``[B, 3, H, W]`` in [0, 1].
        truth: True frames, of the same shape.
        start: Frames before, of the same shape.
        end: Frames after, of the same shape.
        flow: Flow from its first frame to its second one, ``[B, 2, H, W]``, pixels.
        network: Backbone of LPIPS: ``"alex"``, ``"vgg"`` or ``"squeeze"``.

    Returns:
        ``[B]``.

    Raises:
        ModelError: If the ``metrics`` extra or the backbone's weights are missing.
    """
    distance = load_network(f"LPIPS ({network})", lambda: _build_spatial_lpips(network)).to(estimate.device)
    with torch.inference_mode():
        wrong = sum(
            (
                (flow(frame, estimate) - flow(frame, truth)).norm(dim=1, keepdim=True)
                for frame in (start, end)
            ),
            start=torch.zeros_like(estimate[:, :1]),
        )
        total = wrong.sum(dim=(2, 3), keepdim=True)
        weights = torch.where(total > 0, wrong / total.clamp(min=1e-12), 1 / wrong[0].numel())
        spatial = distance(estimate.float() * 2 - 1, truth.float() * 2 - 1)
        return (spatial * weights).sum(dim=(1, 2, 3)).double()


@lru_cache(maxsize=4)
def _built(title: str) -> list[nn.Module]:
    """A place for the network of a title, kept between calls."""
    return []


def load_network(title: str, build: Callable[[], nn.Module]) -> nn.Module:
    """Build a network of a perceptual distance once.

    Args:
        title: Name in messages, one for each network.
        build: Builds it with its weights.

    Returns:
        The network in evaluation mode.

    Raises:
        ModelError: If its package or its weights are missing; the message says how to get them.
    """
    kept = _built(title)
    if not kept:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the packages use torchvision's deprecated spellings
                kept.append(build().eval())
        except ImportError as error:
            raise ModelError(f"{title} needs the metrics extra: {INSTALL}.") from error
        except OSError as error:
            raise ModelError(
                f"The weights of {title} are neither on this machine nor to be downloaded ({error}); put "
                f"torchvision's file into {torch.hub.get_dir()}/checkpoints or leave it out."
            ) from error
    return kept[0]


def _build_dists() -> nn.Module:
    from DISTS_pytorch import DISTS  # pyright: ignore[reportMissingImports]

    network: Any = DISTS()
    return network


def _build_spatial_lpips(network: str) -> nn.Module:
    import lpips  # pyright: ignore[reportMissingImports]

    distance: Any = lpips.LPIPS(net=network, verbose=False, spatial=True)
    return distance
