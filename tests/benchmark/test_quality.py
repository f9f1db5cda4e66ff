"""The quality benchmark on a tiny clip: its output and its file."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from benchmark import quality
from tests.support.films import translation_film


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return translation_film(tmp_path_factory.mktemp("clips"), 9)


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
