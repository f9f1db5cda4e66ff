"""GMFlow against all its reference vectors, with weights from files like the released ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.support.golden import assert_matches_sgm_set, clip
from tests.support.official_files import SgmKind, sgm_weights
from vfi.models.flow.gmflow import GmFlow, GmFlowFeatures
from vfi.ops import Padding
from vfi.registry import load_flow

Official = Callable[[SgmKind], Path]


def golden_pair(height: int, width: int, seed: int) -> tuple[Tensor, Tensor]:
    """Both frames of a set of vectors, in [0, 1]."""
    frames = clip(3, height, width, seed)
    return frames[:1], frames[2:]


@torch.inference_mode()
def test_features_as_sgm_vfi_uses_them() -> None:
    prefix = "gmflow."
    weights = {key.removeprefix(prefix): tensor for key, tensor in sgm_weights("full_small").items()
               if key.startswith(prefix)}  # fmt: skip
    network = GmFlowFeatures().eval()
    network.load_state_dict(weights)
    found: dict[str, Tensor] = {}
    for name, (height, width) in {"feat": (128, 144), "feat_odd": (120, 136)}.items():
        padding = Padding.to_fit(height, width, multiple=16)
        frames = [padding.pad(frame) for frame in golden_pair(height, width, 6)]
        found[f"{name}_cnn"] = torch.cat([network.backbone(frame)[0] for frame in frames])[:, ::4]
        features = network.pair(*map(network.encode, frames))
        found[name] = features[:, ::2, : height // 8, : width // 8]
    assert_matches_sgm_set("gmflow_features", found)


@pytest.mark.parametrize(
    ("name", "kind", "vectors", "seed"),
    [("gmflow", "gmflow_1scale", "gmflow_flow1", 21), ("gmflow.refine", "gmflow_2scale", "gmflow_flow2", 22)],
)
@torch.inference_mode()
def test_flows(official_sgm: Official, name: str, kind: SgmKind, vectors: str, seed: int) -> None:
    frames = golden_pair(128, 192, seed)
    found: dict[str, Tensor] = {}
    if name == "gmflow":
        whole = load_flow(name, official_sgm(kind), device="cpu", attention_splits=1)
        found["fwd_splits1_s2"] = whole(*frames).flow_01[..., ::2, ::2]
    network = load_flow(name, official_sgm(kind), device="cpu")
    assert isinstance(network, GmFlow)
    encoded = [network.encode(frame) for frame in frames]
    for number, scale in enumerate(network.scales(*encoded, both=False)):
        found[f"scale{number}_flow_before_propagation"] = scale.matched
        found[f"scale{number}_flow_after_propagation"] = scale.flow
        found[f"scale{number}_feature0"] = scale.features[:, ::4]
    found["fwd"] = network.estimate(*encoded, both=False)
    pair = network.match(*encoded, occlusion=True)
    found["bidir_s2"] = torch.cat((pair.flow_01, pair.flow_10))[..., ::2, ::2]
    assert pair.occlusion_0 is not None
    assert pair.occlusion_1 is not None
    found["occ_fwd"], found["occ_bwd"] = pair.occlusion_0[:, 0], pair.occlusion_1[:, 0]
    for number, flow in enumerate(network.predictions(*frames)):
        found[f"train{number}_s4"] = flow[..., ::4, ::4]
    assert_matches_sgm_set(vectors, found)
