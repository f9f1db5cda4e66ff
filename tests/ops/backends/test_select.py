"""Choice of the implementation of each operator, and the reported reasons for it."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from vfi.cli import info
from vfi.errors import ConfigError
from vfi.ops import live_backend
from vfi.ops.backends import compiled, cupy_kernels

BUILT = {"torch": torch.__version__, "cuda": None, "architectures": None, "without_cuda": "it rained"}
Install = Callable[..., None]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Replaces ``vfi_correlation`` by a fake package whose library loads, or fails with ``error``."""

    def put(
        built: dict[str, str | None] = BUILT, interface: int = compiled.INTERFACE, error: str = ""
    ) -> None:
        def load_library(path: str) -> None:
            if error:
                raise OSError(error)

        package = SimpleNamespace(
            INTERFACE=interface,
            LIBRARY=Path("kernels.so"),
            built_for=lambda: built,
            instructions=lambda: "AVX2",
        )
        monkeypatch.delenv(compiled.SWITCH, raising=False)
        monkeypatch.setattr(compiled, "find_spec", lambda name: package)
        monkeypatch.setattr(compiled.importlib, "import_module", lambda name: package)
        monkeypatch.setattr(torch.ops, "load_library", load_library)

    return put


class TestCompiled:
    def test_none(self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
        monkeypatch.delenv(compiled.SWITCH, raising=False)
        monkeypatch.setattr(compiled, "find_spec", lambda name: None)
        assert compiled.load() == compiled.Compiled({}, "vfi_correlation is not installed")
        assert not caplog.records

    def test_for_the_cpu(self, install: Install, caplog: pytest.LogCaptureFixture) -> None:
        install()
        state = compiled.load()
        assert state.kernels == {"cpu": f"vfi_correlation for PyTorch {torch.__version__}, AVX2 instructions"}
        assert state.missing == "vfi_correlation was built without CUDA, because it rained"
        assert not caplog.records

    def test_for_cuda(self, install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(torch.version, "cuda", "13.0")
        install({**BUILT, "cuda": "13.0", "architectures": "9.0"})
        state = compiled.load()
        assert set(state.kernels) == {"cpu", "cuda"}
        assert state.kernels["cuda"].endswith("GPUs 9.0")

    def test_another_patch_of_pytorch_is_no_misfit(self) -> None:
        release = ".".join(torch.__version__.split("+")[0].split(".")[:2])
        assert compiled.misfit({**BUILT, "torch": f"{release}.99+cpu"}, compiled.INTERFACE) is None

    @pytest.mark.parametrize(
        ("given", "reason"),
        [
            ({"built": {**BUILT, "torch": "1.2.0"}}, "it was built for PyTorch 1.2.0, this is"),
            ({"built": {**BUILT, "cuda": "9.1"}}, "with CUDA 9.1, this one has"),
            ({"interface": 0}, "it implements interface 0 of the operators, vfi has 1"),
            ({"error": "undefined\nsymbol: at"}, r"it cannot be loaded \(undefined symbol: at\)"),
        ],
    )
    def test_a_misfit_is_not_loaded_and_reported(
        self, install: Install, caplog: pytest.LogCaptureFixture, given: dict[str, object], reason: str
    ) -> None:
        install(**given)
        with caplog.at_level(logging.WARNING):
            state = compiled.load()
        assert not state.kernels
        for text in (state.missing, caplog.text):
            assert re.search(reason, text)
            assert "pip install ./correlation_package" in text


class TestSwitch:
    def test_leaves_out(self, install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
        install()
        monkeypatch.setenv(compiled.SWITCH, "compiled, cupy")
        assert compiled.load().missing == "vfi_correlation is left out by VFI_OPS_WITHOUT"
        assert cupy_kernels.missing.__wrapped__() == "CuPy is left out by VFI_OPS_WITHOUT"

    def test_refuses_other_names(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(compiled.SWITCH, "cuda")
        with pytest.raises(ConfigError, match="may name compiled and cupy, not cuda"):
            compiled.left_out()


class TestLiveBackend:
    def test_compiled_comes_first(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(compiled, "STATE", compiled.Compiled({"cpu": "for it", "cuda": "for those"}))
        assert live_backend("correlation", "cpu")[2:] == ("compiled", "for it")
        assert live_backend("correlation", "cuda:1")[2:] == ("compiled", "for those")
        assert live_backend("forward_splat", torch.device("cuda"))[2:] == ("compiled", "for those")
        assert live_backend("forward_splat", "cpu")[2:] == (
            "PyTorch",
            "there is no other implementation for cpu",
        )
        assert live_backend("correlation", "mps")[2:] == (
            "PyTorch",
            "there is no other implementation for mps",
        )

    def test_then_cupy(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(compiled, "STATE", compiled.Compiled({"cpu": "for it"}, "no CUDA"))
        monkeypatch.setattr(cupy_kernels, "missing", lambda: None)
        assert live_backend("correlation", "cuda")[2:] == ("CuPy", "no CUDA, but CuPy is installed")
        assert live_backend("correlation", "cpu").name == "compiled"

    def test_then_pytorch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(compiled, "STATE", compiled.Compiled({}, "nothing built"))
        monkeypatch.setattr(cupy_kernels, "missing", lambda: "no CuPy")
        assert live_backend("forward_splat", "cuda")[2:] == ("PyTorch", "nothing built; no CuPy")
        assert live_backend("correlation", "cpu")[2:] == ("PyTorch", "nothing built")

    def test_unknown_operators_are_refused(self) -> None:
        with pytest.raises(ValueError, match="correlation, forward_splat"):
            live_backend("warp", "cpu")

    def test_info_reports_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(compiled, "STATE", compiled.Compiled({}, "nothing built"))
        assert ("correlation, cpu", "PyTorch (nothing built)") in info.backends()


@pytest.mark.slow
def test_left_out_packages_are_not_loaded() -> None:
    program = (
        "import sys; from vfi.ops import live_backend; print(live_backend('correlation', 'cpu')); "
        "assert not {'vfi_correlation', 'cupy'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, compiled.SWITCH: "compiled,cupy"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "name='PyTorch'" in done.stdout
