"""The schema of options: spellings, defaults, mistakes, and the way to YAML and back."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vfi.config import AssembleConfig, InterpolateConfig, load_config, parsers
from vfi.config.options import SourceOptions
from vfi.errors import ConfigError


def config(**values: object) -> InterpolateConfig:
    return InterpolateConfig.from_values({"input": "film.mp4", **values})


class TestSpellings:
    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("60", Fraction(60)),
            (25, Fraction(25)),
            (12.5, Fraction(25, 2)),
            ("60000/1001", Fraction(60000, 1001)),
            ("23.976", Fraction(24000, 1001)),
            (23.98, Fraction(24000, 1001)),
            (29.97, Fraction(30000, 1001)),
            ("59.94", Fraction(60000, 1001)),
            ("119.88", Fraction(120000, 1001)),
            ("24.0", Fraction(24)),
        ],
    )
    def test_rates(self, text: object, value: Fraction) -> None:
        assert config(fps=text).fps == value

    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("90", 90),
            (90.5, Fraction(181, 2)),
            ("1:30.5", Fraction(181, 2)),
            ("1:02:03.5", Fraction(7447, 2)),
        ],
    )
    def test_times(self, text: object, value: Fraction) -> None:
        assert config(end=text).end == value

    @pytest.mark.parametrize(
        ("text", "value"),
        [("8GB", 8 * 10**9), ("512 MiB", 2**29), ("1.5g", 15 * 10**8), (1000, 1000), ("2k", 2000)],
    )
    def test_memory(self, text: object, value: int) -> None:
        assert config(max_memory=text).max_memory == value

    @pytest.mark.parametrize("text", ["854x480", "854, 480", "(854,480)", [854, 480], (854, 480)])
    def test_sizes(self, text: object) -> None:
        assert config(resize=text).resize == (854, 480)
        assert config(test_size=text).resize == (854, 480), "EQVI's key"

    def test_switches_and_words(self) -> None:
        assert config(overwrite="yes").overwrite is True
        assert config(cuts=False).cuts == "off"  # how YAML 1.1 reads the bare word
        assert config(model_options="{points: 1/4}").model_options == {"points": "1/4"}
        assert config(tta="reverse, flip").tta == config(tta=["flip", "reverse"]).tta == ("flip", "reverse")


def test_what_is_not_given_has_its_default() -> None:
    assert config() == InterpolateConfig(SourceOptions(input=Path("film.mp4")))
    assert config(inter_frames=None) == config()
    assert config(fps=None).fps is None


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"inter_frames": 0}, "inter_frames is 0"),
        ({"inter_frames": -2}, "inter_frames is -2"),
        ({"inter_frames": 1.5}, "inter_frames: a whole number"),
        ({"inter_frames": 1, "fps": 60}, "either inter_frames or fps"),
        ({"fps": 0}, "fps is 0"),
        ({"fps": "1/0"}, "fps: a number"),
        ({"fps": "fast"}, "fps: a number"),
        ({"slow_motion": -1}, "slow_motion is -1"),
        ({"start": "1:2:3:4"}, "start: a time"),
        ({"start": "1:-2"}, "start: a time"),
        ({"start": 5, "end": 4}, "later than start"),
        ({"start": -1}, "start is -1, but it must lie between 0 and 10 000 000."),
        ({"max_memory": "8 apples"}, "max_memory: an amount"),
        ({"max_memory": "1.2.3"}, "max_memory: a number"),
        ({"tile": 0}, "tile is 0"),
        ({"test_size": "854"}, "resize: a width"),
        ({"test_size": [0, 4]}, "resize: a width"),
        ({"resize": "1e5000x3"}, "resize: a number of a sensible size is expected, not '1e5000'"),
        ({"cuts": "maybe"}, "cuts: repeat, blend or off"),
        ({"cut_threshold": 0}, "cut_threshold is 0"),
        ({"overwrite": "perhaps"}, "overwrite: true or false"),
        ({"model_options": "[1]"}, "model_options: names and values"),
        ({"model_options": "{"}, "model_options: names and values"),
        ({"model": []}, "model: a word"),
        ({"output": ""}, "output: the name of a file"),
        ({"mean": 0.5}, "mean must be 0"),
        ({"std": [1, 1, 2]}, "std must be 1"),
        ({"testset_root": "clips"}, "Give either input or testset_root"),
        ({"input": None}, "No input"),
        ({"output": "a", "store_path": "b"}, "Give either output or store_path"),
        ({"inter_frame": 1}, "did you mean inter_frames?"),
        ({"codecs": 1}, "did you mean codec?"),
        ({"qqqq": 1}, "vfi interpolate --help"),
        ({"pwc_path": "x"}, "please remove it"),
        ({"naming": "reds"}, "naming: generic or reds_vtsr is expected"),
        ({"naming": "reds_vtsr", "fps": 60}, "give inter_frames instead of fps"),
        ({"flip_test": "both"}, "flip_test: true or false"),
        ({"MS_test": "half"}, "MS_test: true or false"),
        ({"overwite": True}, "did you mean overwrite?"),
        ({"tta": "flop"}, "tta: half, flip,"),
        ({"tta": 3, "flip_test": 1}, "flip_test: true or false"),
        ({"mean": "zero"}, "mean: a number such as"),
        ({"test_size": 3, "resize": 3}, "Give either resize or test_size"),
        ({"model": "EQVI"}, "name their file as checkpoint"),
    ],
)
def test_mistakes_are_one_sentence(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config(**values)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_ensembles_that_are_on() -> None:
    assert config().ensemble == ()
    assert config(tta="turn").ensemble == ("turn_test",)
    switched = config(reverse_rotation=True, MS_test="on", flip_test=False)
    assert switched.ensemble == ("ms_test", "reverse_rotation"), "each stands for itself"
    assert InterpolateConfig.from_values(switched.to_values()) == switched


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"input": None}, "No input: name a folder of images."),
        ({"fps": 0}, "fps is 0"),
        ({"fps": "fast"}, "fps: a number"),
        ({"container": "avi"}, "container: mp4, mkv"),
        ({"inter_frames": 1}, "There is no option inter_frames; see: vfi assemble --help"),
    ],
)
def test_mistakes_in_assembling_are_one_sentence(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        AssembleConfig.from_values({"input": "frames", **values})
    assert sentence in str(caught.value)


class TestOtherProgramsNames:
    @pytest.mark.parametrize("name", ["multi", "factor"])
    def test_multiples(self, name: str) -> None:
        assert config(**{name: "4"}).inter_frames == 3
        assert InterpolateConfig.from_values({"input": "a", "fps": 60}, {name: 2}).rate.fps is None

    def test_a_folder_of_eqvi(self) -> None:
        read = InterpolateConfig.from_values(
            {"testset_root": "set", "store_path": "out", "preserve_input": "no"}
        )
        assert (read.input, read.output, read.clips) == (Path("set"), Path("out"), True)
        assert (read.rounding, read.write_originals) == ("truncate", False)
        kept = InterpolateConfig.from_values({"testset_root": "set", "rounding": "nearest"})
        assert kept.rounding == "nearest"
        assert config(rounding="auto").rounding == "nearest"

    def test_numbers_of_other_packages(self) -> None:
        assert config(inter_frames=np.int64(3), fps=None).inter_frames == 3
        assert config(fps=np.float32(25)).fps == config(fps=Decimal("25.0")).fps == 25


class TestNumbersBeyondSense:
    """Refused at once, by the range of the option."""

    @pytest.mark.parametrize(
        "value",
        ["1e9", 1e9, "1e5000", "1e999999999", "1e-999999999", pytest.param(10**5000, id="long"), "9" * 5000],
    )
    @pytest.mark.parametrize("name", ["fps", "slow_motion", "input_fps"])
    def test_rates(self, name: str, value: object) -> None:
        with pytest.raises(ConfigError, match=f"^{name} is .* but it must lie between 0.001 and 10 000.$"):
            config(**{name: value})

    def test_the_limits_themselves(self) -> None:
        assert config(fps=10_000).fps == 10_000
        assert config(fps="0.001").fps == Fraction(1, 1000)
        assert config(inter_frames=1000).inter_frames == 1000
        with pytest.raises(ConfigError, match="inter_frames is 1001"):
            config(inter_frames=1001)
        with pytest.raises(ConfigError, match="fps is 10001"):
            config(fps=10_001)

    def test_yaml_that_stands_for_more_than_any_memory(self, tmp_path: Path) -> None:
        lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
        lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
        path = tmp_path / "laughs.yaml"
        path.write_text("\n".join(lines))
        with pytest.raises(ConfigError, match="are not supported, write the value itself"):
            load_config(path)
        with pytest.raises(ConfigError, match="model_options: names and values"):
            config(model_options="{" + ", ".join(lines) + "}")

    def test_yaml_that_is_deep_or_large(self, tmp_path: Path) -> None:
        path = tmp_path / "deep.yaml"
        path.write_text("{a: " * 3000)
        with pytest.raises(ConfigError, match="nested too deeply"):
            load_config(path)
        path.write_text("#" * 1_000_001)
        with pytest.raises(ConfigError, match="larger than 1 MB"):
            load_config(path)


class TestYaml:
    def test_there_and_back(self, tmp_path: Path) -> None:
        wanted = config(
            fps="23.976",
            slow_motion="5/2",
            start="0:01.5",
            model_options={"points": "1/4", "more": {"a": [1, None]}},
            resize="64x48",
            tta="flip",
            output="ümlaut 'and' \"quotes\".mkv",
            cuts="off",
        )
        path = tmp_path / "saved.yaml"
        path.write_text(wanted.to_yaml(), encoding="utf-8")
        assert load_config(path) == wanted

    def test_overrides_count(self, tmp_path: Path) -> None:
        path = tmp_path / "some.yaml"
        path.write_text("input: a.mp4\ninter_frames: 3\n")
        assert load_config(path, inter_frames=7).inter_frames == 7

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [("input: [", "is not YAML"), ("- 1", "must hold lines"), ("\xff", "is not YAML")],
    )
    def test_bad_files(self, tmp_path: Path, text: str, sentence: str) -> None:
        path = tmp_path / "bad.yaml"
        path.write_bytes(text.encode("latin-1"))
        with pytest.raises(ConfigError, match=sentence) as caught:
            load_config(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)

    def test_missing_and_empty_files(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="Cannot read"):
            load_config(tmp_path / "nowhere.yaml")
        (tmp_path / "empty.yaml").write_text("")
        assert load_config(tmp_path / "empty.yaml", input="a.mp4").input == Path("a.mp4")


@given(st.fractions(min_value=0, max_value=10**6))
def test_every_fraction_survives_its_plain_form(value: Fraction) -> None:
    assert parsers.fraction(parsers.plain(value)) == value
