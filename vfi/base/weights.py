"""Identity of a network's weights."""

from __future__ import annotations

import hashlib

import torch
from torch import nn


def weights_hash(network: nn.Module) -> str:
    """Hash of all weights and buffers of a network, with their names.

    Args:
        network: Network on any device.

    Returns:
        SHA-256, hexadecimal.
    """
    digest = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.detach().cpu().reshape(-1).contiguous().view(torch.uint8).numpy())
    return digest.hexdigest()
