"""SGM-VFI on whole clips, by the command line: times, cuts, tiles, rates, resuming an interrupted run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from torch import Tensor

from tests.interpolation.conftest import write_images
from tests.interpolation.test_video import names, read_image
from tests.support.fakes import scene_array
from tests.support.media import write_video
from tests.support.official_files import SgmKind
from tests.support.outputs import decoded
from vfi.cli.main import main
from vfi.models.sgm import SgmInterpolator
from vfi.registry import load_model

OPTIONS = {"points": "1/4", "dense_height": 0}
"""Sparse matching in small frames."""


@pytest.fixture(scope="module")
def small(official_sgm: Callable[[SgmKind], Path]) -> Path:
    return official_sgm("full_small")


def interpolate(checkpoint: Path, *arguments: object) -> int:
    chosen = ["--model", "sgm.small", "--checkpoint", checkpoint, "--model-options", json.dumps(OPTIONS)]
    return main(["interpolate", *map(str, (*arguments, *chosen, "--device", "cpu", "--quiet"))])


def two_scenes(number: int, pixel_format: str) -> av.VideoFrame:
    """Four frames of one scene, then another."""
    array = scene_array(1 + number // 4, number)
    return av.VideoFrame.from_ndarray(array, "rgb24").reformat(format=pixel_format)


def test_every_new_image_is_that_of_its_time(tmp_path: Path, small: Path) -> None:
    folder = write_images(tmp_path / "clip", 3)
    assert interpolate(small, folder, "-o", tmp_path / "out", "--inter-frames", 3) == 0
    assert len(names(tmp_path / "out")) == 9
    model = load_model("sgm.small", checkpoint=small, device="cpu", **OPTIONS)
    arrays = [read_image(path) for path in sorted(folder.iterdir())]
    frames = [torch.from_numpy(array).permute(2, 0, 1)[None].float() / 255 for array in arrays]
    for number, t in enumerate((0.25, 0.5, 0.75)):
        expected = model.interpolate(frames[1:], t)[0].permute(1, 2, 0).numpy()
        written = read_image(tmp_path / "out" / f"002_{number}.png")
        assert np.abs(written - 255 * expected).max() < 0.51


def test_cuts_and_rates_of_films(tmp_path: Path, small: Path) -> None:
    film = write_video(tmp_path / "film.mkv", 8, codec="ffv1", pixel_format="yuv444p", make_frame=two_scenes)
    log = tmp_path / "log.json"
    output = tmp_path / "out.mkv"
    assert interpolate(small, film, "-o", output, "--fps", 60, "--codec", "ffv1", "--log", log) == 0
    assert len(decoded(output)) == 20
    pairs = json.loads(log.read_text(encoding="utf-8"))["pairs"]
    assert [pair["first"] for pair in pairs if pair["action"] == "repeated"] == [3]


@pytest.mark.slow
def test_tiles_and_an_interruption_change_nothing(
    tmp_path: Path, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_images(tmp_path / "clip", 4)
    assert interpolate(small, folder, "-o", tmp_path / "whole") == 0
    rendered: list[int] = []

    def stop_at_the_second(self: SgmInterpolator, *arguments: Any, **options: Any) -> Tensor:
        rendered.append(1)
        if len(rendered) == 2:
            raise KeyboardInterrupt
        return render(self, *arguments, **options)

    render = SgmInterpolator._render
    monkeypatch.setattr(SgmInterpolator, "_render", stop_at_the_second)
    tiled = (folder, "-o", tmp_path / "out", "--tile", 16)
    assert interpolate(small, *tiled) == 130
    assert interpolate(small, *tiled, "--resume") == 0
    assert len(rendered) == 4, "the first new image was kept"
    for name in names(tmp_path / "whole"):
        whole, again = (read_image(tmp_path / output / name).astype(int) for output in ("whole", "out"))
        assert np.abs(whole - again).max() <= 1
