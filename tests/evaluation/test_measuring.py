"""Every choice of a protocol changes a number, computed here by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.support import datasets as tiny
from vfi.errors import InputError
from vfi.evaluation.measuring import METRICS, Row, estimates, measure, prepare, quantize
from vfi.evaluation.methods import Blend, Method
from vfi.evaluation.protocols import PROTOCOLS, Protocol
from vfi.evaluation.samples import FrameReader, FrameRef, Sample, Target
from vfi.types import Window

PLAIN = Protocol("plain", "", "clips")
FRAME = np.random.default_rng(0).integers(0, 256, (8, 12, 3), np.uint8)


def block_means(frame: np.ndarray) -> np.ndarray:
    """Means of blocks of 2x2 pixels, float64."""
    height, width, _ = frame.shape
    return frame.reshape(height // 2, 2, width // 2, 2, 3).astype(np.float64).mean(axis=(1, 3))


def as_levels(prepared: Tensor) -> np.ndarray:
    """A prepared frame as 8-bit levels ``[H, W, 3]``, not rounded."""
    return prepared[0].permute(1, 2, 0).double().numpy() * 255


class TestPrepare:
    def test_nothing_asked_for(self) -> None:
        np.testing.assert_allclose(as_levels(prepare(PLAIN, FRAME)), FRAME, atol=1e-4)

    def test_area_of_float_samples_is_not_rounded(self) -> None:
        prepared = prepare(replace(PLAIN, resize=(6, 4), resize_as="area_float"), FRAME)
        np.testing.assert_allclose(as_levels(prepared), block_means(FRAME), atol=1e-4)

    def test_area_of_uint8_samples_is_rounded(self) -> None:
        levels = as_levels(prepare(replace(PLAIN, resize=(6, 4), resize_as="area_uint8"), FRAME))
        np.testing.assert_allclose(levels, np.rint(levels), atol=1e-4)
        assert np.abs(levels - block_means(FRAME)).max() <= 0.5 + 1e-4

    def test_crop_is_rows_then_columns_on_either_side(self) -> None:
        prepared = prepare(replace(PLAIN, crop=(1, 3)), FRAME)
        np.testing.assert_allclose(as_levels(prepared), FRAME[1:7, 3:9], atol=1e-4)

    def test_a_crop_that_leaves_nothing(self) -> None:
        with pytest.raises(InputError, match="plain crops 4 rows and 0 columns on either side"):
            prepare(replace(PLAIN, crop=(4, 0)), FRAME)


@pytest.mark.parametrize(
    ("rounding", "levels"),
    [("none", [0.5, 1.5, 2.7, 254.6]), ("nearest", [0, 2, 3, 255]), ("floor", [0, 1, 2, 254])],
)
def test_quantize(rounding: Any, levels: list[float]) -> None:
    frame = torch.tensor([0.5, 1.5, 2.7, 254.6], dtype=torch.float64) / 255
    torch.testing.assert_close(quantize(frame, rounding) * 255, torch.tensor(levels, dtype=torch.float64))


def test_truncation_keeps_exact_levels() -> None:
    frame = torch.arange(256, dtype=torch.float32) / 255
    assert torch.equal(quantize(frame, "floor"), frame)


class Shapes(Method):
    """Blends, and notes what it was given."""

    name = "shapes"
    window = 4

    def __init__(self) -> None:
        self.windows: list[Window] = []
        self.multiples: list[int] = []

    def interpolate(
        self, window: Window, times: Sequence[Fraction], padding_multiple: int = 1
    ) -> list[Tensor]:
        self.windows.append(window)
        self.multiples.append(padding_multiple)
        return [window.start + 0.4 / 255 for _ in times]


def make_sample(root: Path, write: Callable[[Path, int], Path] = tiny.write_frame, **outer: Any) -> Sample:
    """A sample of frames 0, 1, 2."""
    start, middle, end = (FrameRef(write(root / f"{number}.png", number)) for number in (0, 1, 2))
    return Sample("one", "clip", start, end, (Target(Fraction(1, 2), middle),), **outer)


class TestEstimates:
    def test_the_padding_reaches_the_method(self, tmp_path: Path) -> None:
        shapes = Shapes()
        with FrameReader() as reader:
            (estimate,) = estimates(
                replace(PLAIN, padding_multiple=32), make_sample(tmp_path), [shapes], reader
            )
        assert shapes.multiples == [32]
        assert not estimate.had_neighbors
        assert shapes.windows[0].prev is None

    def test_both_neighbors_make_a_window_of_four(self, tmp_path: Path) -> None:
        outer: dict[str, Any] = {
            name: FrameRef(tiny.write_frame(tmp_path / f"{name}.png", 9)) for name in ("prev", "next")
        }
        shapes = Shapes()
        with FrameReader() as reader:
            (estimate,) = estimates(PLAIN, make_sample(tmp_path, **outer), [shapes], reader)
        assert estimate.had_neighbors
        assert shapes.windows[0].outer is not None

    def test_rounding_decides_the_number(self, tmp_path: Path) -> None:
        sample = make_sample(tmp_path, lambda path, _: tiny.write_frame(path, 0))
        errors: dict[str, float] = {}
        for rounding in ("none", "nearest"):
            protocol = replace(PLAIN, rounding=rounding)
            with FrameReader() as reader:
                (estimate,) = estimates(protocol, sample, [Shapes()], reader)
            errors[rounding] = measure(0, sample, estimate, ["psnr"]).values["psnr"]
        assert errors["none"] == pytest.approx(20 * np.log10(255 / 0.4), abs=1e-3)
        assert errors["nearest"] == np.inf

    def test_frames_of_different_sizes_are_refused(self, tmp_path: Path) -> None:
        def write(path: Path, number: int) -> Path:
            return tiny.write_frame(path, number, width=20 + 2 * number)

        with (
            FrameReader() as reader,
            pytest.raises(InputError, match=r"0\.png is 20x12, but .*1\.png is 22x12"),
        ):
            list(estimates(PLAIN, make_sample(tmp_path, write), [Blend()], reader))


class TestMetrics:
    truth = torch.zeros(1, 3, 16, 16)

    def test_interpolation_error_is_a_mean_of_levels(self) -> None:
        estimate = self.truth.clone()
        estimate[:, 0] = 30 / 255
        assert float(METRICS["ie"](estimate, self.truth)) == pytest.approx(10)

    def test_sharpness_of_a_checkerboard_of_half_contrast(self) -> None:
        board = ((torch.arange(16)[:, None] + torch.arange(16)) % 2).float().expand(1, 3, 16, 16)
        softer = 0.25 + board / 2
        assert float(METRICS["sharpness"](softer, board)) == pytest.approx(20 * np.log10(0.5), abs=1e-4)
        assert float(METRICS["sharpness"](board, board)) == 0


def test_a_row_survives_json() -> None:
    row = Row(3, "a", "b", Fraction(1, 3), "blend", False, {"psnr": float("inf"), "ssim": 0.5})
    assert Row.from_json(row.to_json()) == row


VOLUME, UNIFORM, PLAIN_SSIM = (("psnr", ssim) for ssim in ("ssim_volume", "ssim_uniform", "ssim"))


@pytest.mark.parametrize(
    ("name", "frames", "estimates_and_means"),
    [
        ("xtest_2k_sgm", ((2048, 1080), "area_float", None, 32, 0.5), ("nearest", VOLUME, "samples")),
        ("xtest_4k_sgm", (None, "area_float", None, 32, 0.25), ("nearest", VOLUME, "samples")),
        ("snufilm_hard_l_sgm", (None, "area_float", None, 80, 0.8), ("none", VOLUME, "samples")),
        ("xiph_2k_l_sgm", ((2048, 1080), "area_uint8", None, 16, 0.5), ("nearest", UNIFORM, "samples")),
        ("xiph_4k_l_sgm", (None, "area_uint8", (540, 1024), 16, 0.5), ("nearest", UNIFORM, "samples")),
        ("reds_vtsr", (None, "area_float", None, 1, None), ("floor", PLAIN_SSIM, "times")),
    ],
)
def test_the_papers_choices(
    name: str, frames: tuple[object, ...], estimates_and_means: tuple[object, ...]
) -> None:
    p = PROTOCOLS[name]
    assert frames == (p.resize, p.resize_as, p.crop, p.padding_multiple, p.down_scale)
    assert estimates_and_means == (p.rounding, p.metrics, p.average)
