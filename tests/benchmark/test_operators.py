"""The comparison of operators on maps of a few pixels."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from benchmark import operators
from vfi.ops.backends import compiled


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operators, "HEIGHT", 9)
    monkeypatch.setattr(operators, "WIDTH", 12)
    monkeypatch.setattr(operators, "CHANNELS", (3,))
    monkeypatch.setattr(operators, "SPLATTED", (1, 2, 6, 8))


def test_every_implementation_computes_the_same() -> None:
    a, b, grad = torch.randn(1, 3, 9, 12), torch.randn(1, 3, 9, 12), torch.randn(1, 81, 9, 12)
    first, *others = [call() for call in operators.correlation_calls(a, b).values()]
    assert all(torch.allclose(out, first, atol=1e-5) for out in others)
    calls = operators.gradient_calls(a, b, grad)
    expected = calls.pop("reference, both")()
    calls.pop("reference, forward")
    for call in calls.values():
        for ours, theirs in zip(call(), expected, strict=True):
            assert torch.allclose(ours, theirs, atol=1e-5)


def test_ratios_are_of_medians(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter([9.0, 9.0, 1.0, 4.0, 3.0, 6.0, 2.0, 5.0])  # the first of each does not count
    calls = {"reference": lambda: None, "PyTorch": lambda: None}
    found = operators.medians(calls, lambda call: next(seconds), 3)
    assert found == {"reference": 2.0, "PyTorch": 5.0}
    judged = operators._judged(found, traffic=8, bandwidth=4.0)
    assert judged["times_as_fast_as_reference"] == {"reference": 1.0, "PyTorch": 0.4}
    assert judged["times_the_traffic_bound"] == {"reference": 1.0, "PyTorch": 2.5}


def test_result_holds_every_bar(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "operators.json"
    threads = torch.get_num_threads()
    try:
        operators.main(["--device", "cpu", "--runs", "1", "--json", str(path)])
    finally:
        torch.set_num_threads(threads)
    result = json.loads(path.read_text(encoding="utf-8"))
    (correlation,) = result["correlation"]
    names = {"reference", "PyTorch"} | ({"compiled"} if "cpu" in compiled.STATE.kernels else set())
    for direction in ("forward", "backward"):
        assert set(correlation[direction]["seconds"]) == names
    assert "correlation: " in capsys.readouterr().out
