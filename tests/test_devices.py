"""Devices and types by name; half precision is refused where a CPU would emulate it."""

from __future__ import annotations

import types

import pytest
import torch

from vfi.devices import cpu_computes, require_precision, resolve_device, resolve_dtype
from vfi.errors import ConfigError

CPU = torch.device("cpu")


def pretend(monkeypatch: pytest.MonkeyPatch, **supported: bool) -> None:
    """A CPU that supports these types, such as ``fp16=True``."""
    answers = {
        f"_is_mkldnn_{name}_supported": lambda answer=answer: answer for name, answer in supported.items()
    }
    monkeypatch.setattr(torch.ops, "mkldnn", types.SimpleNamespace(**answers))


def test_words() -> None:
    assert resolve_device("cpu") == resolve_device(CPU) == CPU
    assert resolve_dtype("auto") == resolve_dtype(torch.float32) == torch.float32
    assert resolve_dtype("bfloat16") == torch.bfloat16


def test_this_machine_can_be_asked() -> None:
    assert cpu_computes(torch.float32)
    assert isinstance(cpu_computes(torch.float16), bool)
    assert isinstance(cpu_computes(torch.bfloat16), bool)


@pytest.mark.parametrize(
    ("supported", "dtype", "advice"),
    [
        ({"fp16": False, "bf16": True}, torch.float16, "give dtype float32 or bfloat16, or a GPU"),
        ({"fp16": False, "bf16": False}, torch.float16, "give dtype float32, or a GPU"),
        ({"fp16": True, "bf16": False}, torch.bfloat16, "give dtype float32, or a GPU"),
        ({}, torch.float16, "give dtype float32, or a GPU"),  # a torch without oneDNN
    ],
)
def test_a_cpu_without_the_instructions(
    monkeypatch: pytest.MonkeyPatch, supported: dict[str, bool], dtype: torch.dtype, advice: str
) -> None:
    pretend(monkeypatch, **supported)
    name = str(dtype).removeprefix("torch.")
    with pytest.raises(ConfigError, match=f"^The model m cannot use {name} on this CPU, .* {advice}"):
        require_precision("The model m", CPU, dtype)


def test_what_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch)
    require_precision("The model m", CPU, torch.float32)
    require_precision("The model m", torch.device("cuda"), torch.float16)
    pretend(monkeypatch, fp16=True, bf16=True)
    require_precision("The model m", CPU, torch.float16)
    require_precision("The model m", CPU, torch.bfloat16)
