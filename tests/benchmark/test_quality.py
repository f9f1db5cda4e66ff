"""The quality benchmark on a tiny clip: what it prints and writes."""

from __future__ import annotations

import json
import sys
from fractions import Fraction
from pathlib import Path

import pytest

from benchmark import quality
from vfi.data.synthetic import Scene, write_clip

HEIGHT, WIDTH, COUNT = 64, 96, 9


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    scene = Scene.translation(HEIGHT, WIDTH, (4.0, 2.0))
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    write_clip(path, (scene.render_rgb(number) for number in range(COUNT)), Fraction(24))
    return path


def test_command_writes_what_it_measured(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    result = tmp_path / "results" / "quality.json"
    arguments = ["--data", str(film.parent), "--clips", film.name, "--json", str(result)]
    monkeypatch.setattr(sys, "argv", ["quality.py", *arguments])
    quality.main()
    written = json.loads(result.read_text(encoding="utf-8"))
    assert set(written["clips"][film.name]) == set(quality.METHODS)
    assert written["mean"] == written["clips"][film.name]
    assert written["mean"]["model"]["psnr"] > written["mean"]["blend"]["psnr"]
    assert written["environment"]["command"].startswith("python -m benchmark.quality --data")
    assert f"{written['mean']['model']['psnr']:.2f} dB" in capsys.readouterr().out
