"""The committed quality of the default model, on a scene whose frames are known."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest

from vfi import load_model
from vfi.data.synthetic import Scene
from vfi.evaluation.methods import Blend, Minterpolate, ModelMethod
from vfi.evaluation.protocols import PROTOCOLS
from vfi.evaluation.runner import run_benchmark


def test_the_default_model_has_its_committed_quality(tmp_path: Path) -> None:
    """A change of these figures is a change of the default model: renew them with the reason."""
    scene = Scene.demo(144, 256, duration=1.0)
    for number in range(13):
        rgb = scene.render_rgb(number / 24)
        cv2.imwrite(str(tmp_path / f"{number}.png"), cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
    protocol = PROTOCOLS["clips"]
    methods = [ModelMethod("quadratic", load_model("quadratic")), Minterpolate(), Blend()]
    result = run_benchmark(protocol, protocol.samples(tmp_path), methods)
    measured = {method: result.means(method)["psnr"] for method in result.methods}
    assert measured["quadratic"] == pytest.approx(30.46, abs=0.05)
    assert measured["minterpolate"] == pytest.approx(27.55, abs=0.05)
    assert measured["blend"] == pytest.approx(24.63, abs=0.05)
