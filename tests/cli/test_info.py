"""``vfi info``: what it lists, and which fallbacks it reports."""

from __future__ import annotations

import pytest
import torch

from tests.support.command_line import Vfi
from vfi.cli import info
from vfi.io.video.writing import encoders
from vfi.ops.backends import compiled, cupy_kernels


def test_info(vfi: Vfi) -> None:
    outcome = vfi("info")
    assert outcome.code == 0
    for word in ("Python", "PyTorch", "OpenCV", "libavcodec", "cpu", "forward_splat", "correlation", "h264"):
        assert word in outcome.out
    for heading in ("versions", "devices", "backends", "encoders", "active fallbacks"):
        assert f"\n{heading}" in f"\n{outcome.out}"


@pytest.fixture
def complete(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation in which nothing is missing."""
    monkeypatch.setattr(compiled, "STATE", compiled.Compiled({"cpu": "built", "cuda": "built"}))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(encoders, "encoder_formats", lambda name: ["yuv420p"])


class TestFallbacks:
    def test_none(self, complete: None, vfi: Vfi) -> None:
        assert info.fallbacks() == []
        assert vfi("info").out.endswith("active fallbacks\n  none\n")

    def test_no_gpu(self, complete: None, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
        monkeypatch.setattr(torch.version, "cuda", "13.0")
        assert info.fallbacks() == [("GPU", "networks run on the CPU: no usable GPU was found")]
        monkeypatch.setattr(torch.version, "cuda", None)
        assert "no GPU support" in info.fallbacks()[0][1]

    def test_no_compiled_kernels(self, complete: None, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(compiled, "STATE", compiled.Compiled({}, "nothing built"))
        monkeypatch.setattr(cupy_kernels, "missing", lambda: "no CuPy")
        assert info.fallbacks() == [
            ("correlation, cpu", "PyTorch kernels: nothing built"),
            ("correlation, cuda", "PyTorch kernels: nothing built; no CuPy"),
            ("forward_splat, cuda", "PyTorch kernels: nothing built; no CuPy"),
        ]
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
        assert info.fallbacks() == [("correlation, cpu", "PyTorch kernels: nothing built")]

    def test_an_encoder_is_missing(self, complete: None, monkeypatch: pytest.MonkeyPatch) -> None:
        missing = {encoder.name for encoder in encoders.CODECS["hevc"].encoders}
        monkeypatch.setattr(encoders, "encoder_formats", lambda name: [] if name in missing else ["yuv420p"])
        assert info.fallbacks() == [("hevc", info.MISSING)]
