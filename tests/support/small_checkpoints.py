"""Networks of a few numbers whose keys belong to known families."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn


class SmallEqvi(nn.Module):
    """As little as may be called EQVI: 8 keys."""

    def __init__(self) -> None:
        super().__init__()
        self.flownet = nn.Sequential(nn.Conv2d(2, 3, 3))
        self.masknet = nn.Sequential(nn.Conv2d(3, 1, 1), nn.Conv2d(1, 1, 1))
        self.refinenet = nn.Linear(2, 2)


class SmallFusion(nn.Module):
    """MS-Fusion around it: 10 keys."""

    def __init__(self) -> None:
        super().__init__()
        self.eqvi = SmallEqvi()
        self.fusion = nn.Conv2d(6, 1, 1)


VERTICAL = torch.tensor([[0.0, -1, 0], [0, 0, 0], [0, 1, 0]])[None, None]
HORIZONTAL = VERTICAL.mT.contiguous()


def official(network: SmallEqvi | SmallFusion, prefix: str = "module.") -> OrderedDict[str, Tensor]:
    """The state dict under the official names, with duplicates, constants and the wrappers' prefix."""
    state = dict(network.state_dict())
    inner = "eqvi." if isinstance(network, SmallFusion) else ""
    flow = {key: state[key] for key in state if key.startswith(f"{inner}flownet.")}
    state |= {key.replace("flownet.", "acc.flownet.", 1): tensor for key, tensor in flow.items()}
    state |= {f"{inner}get_grad.weight_v": VERTICAL, f"{inner}get_grad.weight_h": HORIZONTAL}
    if inner:
        state = {
            key.replace("eqvi.", "QVI_model.", 1).replace("fusion.", "FusionNet.", 1): tensor
            for key, tensor in state.items()
        }
    return OrderedDict((prefix + key, tensor) for key, tensor in state.items())


def equal_weights(one: nn.Module, other: nn.Module) -> bool:
    """Whether two networks have the same weights under the same names."""
    first, second = one.state_dict(), other.state_dict()
    return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)
