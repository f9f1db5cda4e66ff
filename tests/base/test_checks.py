"""Arguments of the Python interface: accepted if unambiguous, else refused in one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.support.fakes import Blender
from vfi.base.checks import as_times, require_finite, whole_number
from vfi.base.clip import interpolate_frames
from vfi.base.ensemble import PLAIN, Ensemble
from vfi.types import Window
from vfi.visual.explanation import explain


def frames(count: int = 2, batch: int = 1) -> list[Tensor]:
    return list(torch.rand(count, batch, 3, 8, 10))


class TestTimes:
    @pytest.mark.parametrize(
        "t",
        [
            Fraction(1, 4),
            Decimal("0.25"),
            np.float32(0.25),
            np.array(0.25),
            np.array(0.25, dtype=np.float16),
            torch.tensor(0.25),
            torch.tensor([0.25]),
            torch.tensor(0.25, dtype=torch.float64),
        ],
        ids=repr,
    )
    def test_one_time_of_any_kind(self, t: Any) -> None:
        start, end = frames()
        result = Blender().interpolate([start, end], t)
        assert isinstance(result, Tensor)
        torch.testing.assert_close(result, torch.lerp(start, end, 0.25))

    @pytest.mark.parametrize(
        "times",
        [
            np.array([0.25, 0.75]),
            (Fraction(1, 4), Decimal("0.75")),
            [np.float32(0.25), torch.tensor(0.75)],
            (t for t in (0.25, 0.75)),
        ],
        ids=lambda times: type(times).__name__,
    )
    def test_several_times_of_any_kind(self, times: Any) -> None:
        start, end = frames()
        result = Blender().interpolate([start, end], times)
        assert isinstance(result, list)
        for frame, t in zip(result, (0.25, 0.75), strict=True):
            torch.testing.assert_close(frame, torch.lerp(start, end, t))

    @pytest.mark.parametrize(
        "t",
        ["0.5", b"0.5", None, {0.5: 1}, [[0.25, 0.75]], np.array([[0.5]]), ["0.5"], 0.5j, object(), [None]],
        ids=lambda value: type(value).__name__,
    )
    def test_what_is_no_time_is_refused(self, t: Any) -> None:
        with pytest.raises(ValueError, match="t must be a number between 0 and 1, a flat list of such, or a"):
            Blender().interpolate(frames(), t)

    @pytest.mark.parametrize(
        "t",
        [
            torch.tensor(0.5, device="meta"),
            torch.tensor([0.5]).to_sparse(),
            torch.tensor(0.5 + 0j),
        ],
        ids=["meta", "sparse", "complex"],
    )
    def test_a_tensor_without_real_numbers_is_refused(self, t: Tensor) -> None:
        with pytest.raises(ValueError, match="t must be a dense tensor of real numbers on a real device"):
            Blender().interpolate(frames(), t)

    @pytest.mark.parametrize(
        "t", [np.int64(1), True, Fraction(-1, 3), Decimal("NaN"), Decimal("1e5000"), 10**400, 1 - 1e-12]
    )
    def test_numbers_of_any_kind_lie_in_the_interval(self, t: Any) -> None:
        with pytest.raises(ValueError, match="t must lie between 0 and 1, both excluded"):
            Blender().interpolate(frames(), t)

    def test_an_empty_list_asks_for_nothing(self) -> None:
        assert as_times(np.array([])) == ([], False)


class TestNumbers:
    @pytest.mark.parametrize(
        "value", [3, 3.0, np.int64(3), np.uint8(3), Fraction(3), Decimal(3), np.array(3)]
    )
    def test_whole_numbers_of_any_kind(self, value: Any) -> None:
        number = whole_number("count", value)
        assert number == 3
        assert type(number) is int

    @pytest.mark.parametrize("value", [0, -1, 2.5, "3", None, float("inf"), float("nan"), Fraction(1, 2), 3j])
    def test_anything_else_is_refused(self, value: Any) -> None:
        with pytest.raises(ValueError, match="count must be a whole number from 1 on, not "):
            whole_number("count", value)

    def test_options_take_them(self) -> None:
        from vfi.models.quadratic import build_quadratic

        assert build_quadratic(flow_reduction=np.int64(3)).flow_reduction == 3  # pyright: ignore[reportArgumentType]
        with pytest.raises(ValueError, match="tile must be a whole number from 1 on, not 0"):
            Blender.__mro__[1].interpolate_window(Blender(), Window.from_frames(frames()), [0.5], tile=0)


class TestFrames:
    @pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
    @pytest.mark.parametrize("number", [0, 1, 3])
    def test_what_is_not_finite_is_named(self, value: float, number: int) -> None:
        given = frames(4)
        given[number][0, 1, 3, 4] = value
        with pytest.raises(ValueError, match=f"frame {number} holds NaN or infinite values: replace them"):
            Blender().interpolate(given)
        name = ("prev", "start", "end", "next")[number]
        with pytest.raises(ValueError, match=f"the window's frame '{name}' holds NaN or infinite values"):
            Blender().interpolate_window(Window.from_frames(given), [0.5])
        with pytest.raises(ValueError, match=f"frame {number} of the clip: frame 0 holds NaN"):
            list(interpolate_frames(Blender(), given))

    def test_the_search_can_be_left_out(self) -> None:
        start, end = frames()
        start[0, 0, 0, 0] = float("nan")
        result = Blender().interpolate([start, end], check_finite=False)
        assert result.isnan().sum() == 1
        assert len(list(interpolate_frames(Blender(), [start, end], check_finite=False))) == 3
        assert len(Blender().interpolate_window(Window(start, end), [0.5], check_finite=False)) == 1

    @pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
    def test_large_values_are_finite(self, dtype: torch.dtype) -> None:
        """Their sum is not, which alone is no reason to refuse them."""
        require_finite(torch.full((4, 8), torch.finfo(dtype).max, dtype=dtype), "frame")

    @pytest.mark.parametrize(
        ("frames", "sentence"),
        [
            (lambda: list(torch.rand(2, 0, 3, 8, 8)), r"frame 0 must have at least one sample and one pixel"),
            (lambda: list(torch.rand(2, 1, 3, 0, 8)), r"at least one sample .* \[1, 3, 0, 8\]"),
            (lambda: [torch.rand(1, 3, 8, 8, device="meta")] * 2, "frame 0 is on the meta device"),
            (
                lambda: [torch.rand(1, 3, 8, 8).to_sparse()] * 2,
                "frame 0 is a sparse tensor: give a dense one",
            ),
            (lambda: [np.zeros((0, 8, 3), np.uint8)] * 2, "frames must have at least one pixel"),
        ],
        ids=["batch", "rows", "meta", "sparse", "array"],
    )
    def test_frames_without_values_are_refused(self, frames: Any, sentence: str) -> None:
        given: Sequence[Any] = frames()
        with pytest.raises(ValueError, match=sentence):
            Blender().interpolate(given)
        if isinstance(given[0], Tensor):
            with pytest.raises(ValueError, match=sentence.replace("frame 0", "the window's frame 'start'")):
                Blender().interpolate_window(Window.from_frames(given), [0.5])

    @pytest.mark.parametrize(
        ("window", "sentence"),
        [
            (frames(), "window must be a vfi.types.Window, not list"),
            (
                Window.from_frames(frames())._replace(end=None),
                "frame 'end' must be a float tensor .* not NoneType",
            ),
            (
                Window(frames()[0], frames()[0].byte()),
                "frame 'end' must be a float tensor .* not torch.uint8",
            ),
            (
                Window.from_frames(list(torch.rand(2, 1, 5, 8, 8))),
                r"'start' must have 3 or 4 channels, but it is \[1, 5, 8, 8\]",
            ),
            (Window(frames()[0], torch.rand(1, 3, 9, 10)), "frames must have one size, but .* 'end'"),
            (
                Window.from_frames(frames())._replace(prev=torch.rand(2, 3, 8, 10)),
                "frames must have one size, but .* 'prev'",
            ),
        ],
    )
    def test_windows_that_are_none(self, window: Any, sentence: str) -> None:
        with pytest.raises(ValueError, match=sentence):
            Blender().interpolate_window(window, [0.5])


@pytest.mark.parametrize(
    ("model", "shown"),
    [("quadratic", "the text 'quadratic'"), (torch.nn.Identity(), "a Identity"), (None, "a NoneType")],
)
def test_what_is_no_model_is_refused(model: Any, shown: str) -> None:
    start, end = frames()
    sentence = f"model must be an Interpolator, as vfi.load_model returns, not {shown}"
    with pytest.raises(ValueError, match=sentence):
        Ensemble(model, [PLAIN])
    with pytest.raises(ValueError, match=sentence):
        interpolate_frames(model, frames())
    with pytest.raises(ValueError, match=sentence):
        explain(model, start, end)
