"""Networks on a fake device other than the CPU: all their tensors are on that device.

Fake tensors have shapes, types and devices but no values, and an operator on two devices raises. Of the
devices that PyTorch has names for, ``lazy`` is one that no build of it initialises.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from vfi.base.interpolator import Interpolator
from vfi.registry import Spec, find, list_flows
from vfi.types import Window

DEVICE = torch.device("lazy:0")
SIZE = (64, 96)

FAKE = FakeTensorMode()  # one for all, since masks are cached from test to test

MODELS: list[Any] = [
    pytest.param("eqvi.stage123", {"flow_reduction": 2}, torch.float32, marks=pytest.mark.slow),
    ("eqvi.stage4", {}, torch.bfloat16),
    ("sgm.local_small", {}, torch.float32),
    ("sgm.small", {"dense_height": 0, "down_scale": "1/2"}, torch.float32),
    pytest.param(
        "sgm.small", {"dense_height": 0, "down_scale": "1/2"}, torch.bfloat16, marks=pytest.mark.slow
    ),
    ("sgm.small", {"points": "all"}, torch.float32),
]
"""Every step of every architecture: MS-Fusion contains EQVI with the flow at full size."""


@pytest.fixture(autouse=True)
def fake_tensors(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # Python numbers become tensors on the device itself, which even a fake device does not support.
    def time_tensor(t: float, batch: int, device: torch.device) -> Tensor:
        return torch.full((batch,), t, device=device)

    monkeypatch.setattr("vfi.base.interpolator.time_tensor", time_tensor)
    # Fake parameters cannot be replaced in place.
    monkeypatch.setattr(nn.Module, "to", with_other_parameters)
    with FAKE:
        yield


def with_other_parameters(network: nn.Module, dtype: torch.dtype) -> nn.Module:
    for module in network.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            setattr(module, name, nn.Parameter(parameter.detach().to(dtype)))
    return network


def built(spec: Spec, **options: Any) -> Any:
    with DEVICE:
        return spec.import_builder()(**options).eval()


@pytest.mark.parametrize(("name", "options", "dtype"), MODELS)
def test_models(name: str, options: dict[str, Any], dtype: torch.dtype) -> None:
    model: Interpolator = built(find("interpolator", name), **options)
    if dtype != torch.float32:
        model.set_precision(dtype)
    frames = [torch.rand(1, 3, *SIZE, device=DEVICE, dtype=dtype) for _ in range(4)]
    prev, start, end, following = frames
    window = Window(start, end, prev, following) if model.window == 4 else Window(start, end)
    (frame,) = model.interpolate_window(window, [0.25], tile=32, check_finite=False)
    assert frame.device == DEVICE
    assert frame.shape == (1, 3, *SIZE)


@pytest.mark.parametrize(
    "spec", [spec for spec in list_flows() if spec.checkpoint is not None], ids=lambda spec: spec.name
)
def test_flows(spec: Spec) -> None:
    estimator = built(spec)
    wanted = {"occlusion": True} if "occlusion" in inspect.signature(estimator.match).parameters else {}
    frames = (torch.rand(1, 3, 130, 190, device=DEVICE) for _ in range(2))
    with torch.no_grad():
        pair = estimator.match(*map(estimator.encode, frames), **wanted)
    for part in pair:
        assert part is None or (part.device == DEVICE and part.shape[-2:] == (130, 190))
