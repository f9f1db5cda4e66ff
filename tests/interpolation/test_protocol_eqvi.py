"""EQVI itself under its test protocol: its configuration, ensembles, reuse, checkpoints that do not fit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.interpolation.conftest import write_images
from tests.interpolation.test_video import read_image
from tests.support.command_line import names
from vfi.base.ensemble import Ensemble, members_of
from vfi.base.interpolator import Interpolator
from vfi.cli.main import main
from vfi.interpolation import interpolate_video
from vfi.models.eqvi.model import EqviInterpolator
from vfi.models.flow.irr_pwc.model import IrrPwc
from vfi.registry import load_model
from vfi.types import Window

CONFIGURATION = Path(__file__).resolve().parents[2] / "configs" / "interpolate" / "eqvi_stage123.yaml"


@pytest.fixture(scope="module")
def eqvi(official_eqvi: Path) -> Interpolator:
    return load_model("eqvi.stage123", checkpoint=official_eqvi, device="cpu")


def frames_of(folder: Path) -> list[Tensor]:
    arrays = [read_image(path) for path in sorted(folder.iterdir())]
    return [torch.from_numpy(array).permute(2, 0, 1)[None].float() / 255 for array in arrays]


def truncated(frame: Tensor) -> np.ndarray:
    return np.floor((frame[0] * 255).permute(1, 2, 0).numpy())


def test_the_protocol(tmp_path: Path, official_eqvi: Path, eqvi: Interpolator) -> None:
    """First and last pair by two frames, the others by four; sizes, names and samples of the files."""
    folder = write_images(tmp_path / "set" / "clip", 4)
    for number in range(4, 0, -1):
        (folder / f"00{number}.png").rename(folder / f"{4 * number:08d}.png")
    arguments = [
        tmp_path / "set", "-o", tmp_path / "out", "--config", CONFIGURATION, "--checkpoint", official_eqvi,
        "--model", "EQVI", "--device", "cpu", "--set", "images.resize=64x48", "--set", "images.crop=40x36",
        "--naming", "reds_vtsr", "--inter-frames", "1",
        "--log", tmp_path / "log.json", "--quiet",
    ]  # fmt: skip
    assert main(["interpolate", *map(str, arguments)]) == 0
    output = tmp_path / "out" / "clip"
    assert names(output) == [f"{number:08d}.png" for number in (4, 6, 8, 10, 12, 14, 16)]
    cropped = [frame[..., :36, :40] for frame in frames_of(folder)]
    for first, name in enumerate(("00000006.png", "00000010.png", "00000014.png")):
        used = cropped if first == 1 else cropped[first : first + 2]
        assert np.abs(read_image(output / name) - truncated(eqvi.interpolate(used, 0.5))).max() <= 1
    pairs = json.loads((tmp_path / "log_clip.json").read_text())["pairs"]
    assert [pair["reason"] for pair in pairs] == ["first pair", "four frames", "last pair"]


def by_hand(model: Interpolator, frames: list[Tensor], t: float) -> Tensor:
    """The ensemble of ``ms_test`` and ``reverse_rotation``, member by member; nothing is reused."""

    def interpolated(frames: list[Tensor], t: float) -> Tensor:
        return model.interpolate_window(Window.from_frames(frames), [t])[0]

    def resized(frame: Tensor, factor: float) -> Tensor:
        return F.interpolate(frame, scale_factor=factor, mode="bilinear", align_corners=False)

    small = [resized(frame, 0.5) for frame in frames]
    members = [interpolated(frames, t), resized(interpolated(small, t), 2)]
    for turns in (1, 3):
        rotated = [frame.rot90(turns, (-1, -2)) for frame in frames[::-1]]
        members.append(interpolated(rotated, 1 - t).rot90(-turns, (-1, -2)))
    return torch.stack(members).mean(0)


@pytest.mark.slow
def test_the_ensemble_is_the_mean_of_its_members(tmp_path: Path, eqvi: Interpolator) -> None:
    frames = frames_of(write_images(tmp_path / "clip", 4))
    frames = [F.pad(frame, (0, 0, 8, 8), mode="replicate") for frame in frames]
    window = Window.from_frames(frames, keys=range(4))
    ensemble = Ensemble(eqvi, members_of(["ms_test", "reverse_rotation"]))
    (mean,) = ensemble.interpolate_window(window, [0.25])
    torch.testing.assert_close(mean, by_hand(eqvi, frames, 0.25), atol=1e-5, rtol=0)


@pytest.mark.slow
def test_flows_of_every_member_are_reused(
    tmp_path: Path, official_eqvi: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A view of n frames takes n - 1 adjacent and n - 2 skipping passes for any times, its reverse none."""
    count, views = 5, 3
    passes = 0
    match = IrrPwc.match

    def noted(flownet: IrrPwc, *encoded: Any) -> Any:
        nonlocal passes
        passes += 1
        return match(flownet, *encoded)

    monkeypatch.setattr(IrrPwc, "match", noted)
    monkeypatch.setattr(EqviInterpolator, "_render", lambda model, sources, *rest: sources.window.start)
    model = load_model("eqvi.stage123", checkpoint=official_eqvi, device="cpu")
    interpolate_video(
        write_images(tmp_path / "clip", count), tmp_path / "out", model, inter_frames=2, cuts="off",
        flip_test=True, reverse_test=True,
    )  # fmt: skip
    assert passes == (2 * count - 3) * views


class TestRefusals:
    def test_another_models_checkpoint(
        self, tmp_path: Path, official_ms_fusion: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        write_images(tmp_path / "set" / "clip", 3)
        code = main(
            ["interpolate", "--model", "EQVI", "--checkpoint", str(official_ms_fusion),
             "--input", str(tmp_path / "set"), "--output", str(tmp_path / "out")]
        )  # fmt: skip
        assert code == 2
        message = capfd.readouterr().err
        assert message.count("\n") == 1
        assert str(official_ms_fusion) in message
        assert names(tmp_path) == ["set"]

    def test_clips_are_checked_before_weights(
        self, tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """Unsuitable names are reported first, even where the weights are missing too."""
        write_images(tmp_path / "set" / "clip", 3)
        code = main(
            ["interpolate", "--config", str(CONFIGURATION), "--checkpoint", str(tmp_path / "none.ckpt"),
             "--input", str(tmp_path / "set"), "--output", str(tmp_path / "out"),
             "--naming", "reds_vtsr"]
        )  # fmt: skip
        assert code == 2
        assert "not a multiple of 2" in capfd.readouterr().err
        assert names(tmp_path) == ["set"]
