"""Settings of SGM-VFI at run time."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from vfi.errors import ConfigError
from vfi.models.sgm.settings import SgmSettings, padding_before
from vfi.ops import Padding
from vfi.registry import list_models, load_model


class TestPoints:
    @pytest.mark.parametrize("points", [0.25, "1/4", "0.25", Fraction(1, 4)])
    def test_a_fraction_in_any_form(self, points: float | str | Fraction) -> None:
        assert SgmSettings(points=points).point_count(34, 20) == 170

    def test_the_count_is_rounded_down_but_never_nothing(self) -> None:
        assert SgmSettings(points=0.125).point_count(33, 21) == 86
        assert SgmSettings(points=0.001).point_count(33, 3) == 1

    @pytest.mark.parametrize("height", [1, 32])
    def test_few_rows_are_matched_at_all_positions(self, height: int) -> None:
        """Reproduced: the width does not count."""
        assert SgmSettings(points=0.5).point_count(height, 1000) == "all"
        assert SgmSettings(points=0.5).point_count(33, 4) == 66
        assert SgmSettings(points=0.5, dense_height=0).point_count(height, 1000) == 500 * height

    def test_all_and_none(self) -> None:
        assert SgmSettings(points="all").point_count(34, 20) == "all"
        assert SgmSettings(points="all").matches
        assert SgmSettings(points=1).point_count(34, 20) == 680
        assert not SgmSettings(points=0).matches

    def test_every_model_with_matching_has_its_fraction(self) -> None:
        fractions = {
            spec.name: spec.defaults.get("points") for spec in list_models() if spec.name.startswith("sgm")
        }
        assert fractions == {
            "sgm.local_small": None,
            "sgm.local_base": None,
            "sgm.small": "1/2",
            "sgm.small_quarter": "1/4",
            "sgm.small_eighth": "1/8",
            "sgm.base": "1/2",
            "sgm.base_quarter": "1/4",
            "sgm.base_eighth": "1/8",
        }


class TestScale:
    @pytest.mark.parametrize(
        ("size", "scale"),
        [
            ((272, 448), "1"),
            ((480, 864), "1"),
            ((576, 1024), "1"),
            ((720, 1280), "4/5"),  # SNU-FILM
            ((1088, 1920), "1/2"),
            ((1088, 2048), "1/2"),  # X-TEST at 2K, Xiph
            ((1440, 2560), "2/5"),
            ((2160, 3840), "1/4"),
            ((2176, 4096), "1/4"),  # X-TEST at 4K
            ((4320, 7680), "1/8"),
            ((20000, 20000), "1/10"),
        ],
    )
    def test_flow_of_large_frames_has_the_authors_scale(self, size: tuple[int, int], scale: str) -> None:
        assert SgmSettings().scale(*size) == Fraction(scale)

    @pytest.mark.parametrize("asked", [0.8, "4/5", Fraction(4, 5), 0.5, 1, 1.0, 0.3])
    def test_a_scale_that_is_asked_for(self, asked: float | str | Fraction) -> None:
        assert SgmSettings(down_scale=asked).scale(2160, 3840) == pytest.approx(
            float(Fraction(asked)), abs=1e-9
        )

    @pytest.mark.parametrize("scale", ["4/5", "1/2", "2/5", "1/4", "1/5", "1/8", "1/10", "3/10", "63/64"])
    def test_reduced_frames_fit_the_matching_features(self, scale: str) -> None:
        fraction = Fraction(scale)
        padding = padding_before(1072, 1904, fraction)
        for side in (1072 + padding.top + padding.bottom, 1904 + padding.left + padding.right):
            assert side * fraction % 16 == 0

    def test_nothing_is_padded_where_nothing_is_reduced(self) -> None:
        assert padding_before(1080, 1912, Fraction(1)) == Padding()

    @pytest.mark.parametrize("size", [(2176, 4096, "1/4"), (1088, 2048, "1/2"), (720, 1280, "4/5")])
    def test_the_benchmarks_sizes_fit(self, size: tuple[int, int, str]) -> None:
        height, width, scale = size
        assert padding_before(height, width, Fraction(scale)) == Padding()


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"points": 1.5}, r'points must be a fraction from 0 to 1 or "all", not 1\.5'),
        ({"points": -0.5}, "points must be a fraction"),
        ({"points": "some"}, "points must be a fraction from 0 to 1 or \"all\", not 'some'"),
        ({"points": "1/0"}, "points must be a fraction"),
        ({"points": float("nan")}, "points must be a fraction"),
        ({"down_scale": 0}, "down_scale must lie between 1/64 and 1, not 0"),
        ({"down_scale": 2}, "down_scale must lie between"),
        ({"down_scale": 0.001}, "down_scale must lie between"),
        ({"down_scale": float("inf")}, "down_scale must lie between"),
        ({"down_scale": "half"}, "down_scale must lie between 1/64 and 1, not 'half'"),
        ({"matching_time": 1}, "matching_time must lie between 0 and 1, not 1"),
        ({"dense_height": -1}, "dense_height must not be negative, but it is -1"),
    ],
)
def test_values_out_of_range_are_refused(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        SgmSettings(**values)
    with pytest.raises(ConfigError, match="refuses its options: "):
        load_model("sgm.small", checkpoint="missing.pth", **values)
