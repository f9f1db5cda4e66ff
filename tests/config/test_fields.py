"""Declarations of options: what each one is, and the marks that decide whether a run may be resumed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

import pytest

from vfi.base.ensemble import SWITCHES
from vfi.config import AssembleConfig, Configuration, InterpolateConfig, parsers
from vfi.config.fields import Spelling, option, options_of
from vfi.config.options import TTA
from vfi.errors import ConfigError

FRAMES_DEPEND_ON = {
    "start", "end", "input_fps", "deinterlace", "inter_frames", "fps", "slow_motion", "model_options", "tta",
    "compile", "channels_last", "cuts", "cut_threshold", "duplicates", "rounding", "naming", "resize", "crop",
    "write_originals",
}  # fmt: skip
FRAMES_DO_NOT_DEPEND_ON = {
    "input", "second", "clips",  # the run's identity holds the files
    "model", "checkpoint", "device", "dtype", "tile", "max_memory",  # it holds weights, precision, tile
    "codec", "quality", "pixel_format", "preset", "image_format",  # the output remembers these
    "output", "log", "overwrite", "resume", "audio",
}  # fmt: skip


def test_every_option_is_marked_on_purpose() -> None:
    """A new option must be put in one of the two sets: forgotten, it would mix two runs without a word."""
    options = options_of(InterpolateConfig)
    assert set(options) == FRAMES_DEPEND_ON | FRAMES_DO_NOT_DEPEND_ON
    assert not FRAMES_DEPEND_ON & FRAMES_DO_NOT_DEPEND_ON
    config = InterpolateConfig.from_values({"input": "film.mp4", "fps": "23.976"})
    assert set(config.pixel_values()) == FRAMES_DEPEND_ON
    assert config.pixel_values()["fps"] == "24000/1001"
    assert AssembleConfig.from_values({"input": "a"}).pixel_values() == {"fps": 24}


def test_frames_depend_on_an_option_unless_it_says_otherwise() -> None:
    assert options_of(TrainConfig)["lr"].affects_pixels
    assert not options_of(TrainConfig)["crop"].affects_pixels


@pytest.mark.parametrize("config", [InterpolateConfig, AssembleConfig])
def test_every_option_has_help_in_small_letters(config: type[Configuration]) -> None:
    for declared in options_of(config).values():
        assert declared.help, declared.key
        assert not declared.help.removesuffix("...").endswith("."), declared.key


def test_the_main_command_stays_small() -> None:
    shown = [declared for declared in options_of(InterpolateConfig).values() if declared.on_command_line]
    assert len(shown) <= 33


def test_every_ensemble_has_a_word() -> None:
    assert list(TTA.values()) == list(SWITCHES)


@dataclass(frozen=True)
class TrainOptions:
    """Training."""

    lr: Annotated[float, Spelling(parsers.number, "LR", (0, 1))] = 1e-3
    """learning rate"""


@dataclass(frozen=True)
class DataOptions:
    """Data."""

    crop: Annotated[int, Spelling(parsers.whole_number, "N", (1, 4096))] = option(256, affects_pixels=False)
    """side of the crops
    in pixels"""


@dataclass(frozen=True)
class TrainConfig(Configuration):
    """Another command with groups of its own."""

    command = "train"

    train: TrainOptions = field(default_factory=TrainOptions)
    data: DataOptions = field(default_factory=DataOptions)


class TestGroups:
    @pytest.mark.parametrize(
        "values",
        [{"train": {"lr": "1e-4"}}, {"train.lr": "1e-4"}, {"lr": 1e-4}, {"train": {"lr": "1/10000"}}],
    )
    def test_nested_and_flat_names_mean_the_same(self, values: dict[str, object]) -> None:
        config = TrainConfig.from_values(values)
        assert config.train.lr == config.lr == 1e-4
        assert config.data.crop == 256
        assert config.to_yaml() == "train:\n  lr: 0.0001\ndata:\n  crop: 256\n"

    def test_later_layers_count(self) -> None:
        layers: list[dict[str, object]] = [
            {"train": {"lr": 0.5}, "crop": 64},
            {"train.lr": 0.25},
            {"crop": None},
        ]
        config = TrainConfig.from_values(*layers)
        assert (config.lr, config.crop) == (0.25, 64)

    def test_changes_are_checked_too(self) -> None:
        config = TrainConfig.from_values({"lr": 0.5})
        assert config.replace(crop=32) == TrainConfig.from_values({"lr": 0.5, "crop": 32})
        with pytest.raises(ConfigError, match="crop is 0"):
            config.replace(crop=0)
        with pytest.raises(ConfigError, match="no option cropp; did you mean crop"):
            config.replace(cropp=1)

    @pytest.mark.parametrize(
        ("values", "sentence"),
        [
            ({"train": 3}, "train is a group of options"),
            ({"train": {"crop": 3}}, "There is no option train.crop"),
            ({"train.lrr": 3}, "There is no option train.lrr"),
            ({"lr": 2}, "lr is 2, but it must lie between 0 and 1."),
            ({"lr": "1e-5000"}, "lr is 1e-5000, but it must lie between 0 and 1."),
        ],
    )
    def test_mistakes(self, values: dict[str, object], sentence: str) -> None:
        with pytest.raises(ConfigError) as caught:
            TrainConfig.from_values(values)
        assert sentence in str(caught.value)

    def test_what_is_no_option_is_no_attribute(self) -> None:
        config = TrainConfig.from_values({})
        with pytest.raises(AttributeError, match="TrainConfig has no option fps"):
            _ = config.fps
        assert options_of(TrainConfig)["crop"].help == "side of the crops in pixels"
