"""The options of ``vfi interpolate``: one schema for the command line, YAML files and Python.

Every field of :class:`InterpolateConfig` is at once a key of a configuration file (``inter_frames: 3``), an
option of the command line (``--inter-frames 3``) and an argument of :func:`vfi.interpolate_video`. Values
may be written the friendly way (``fps="23.976"``, ``start="1:02:03.5"``, ``max_memory="8GB"``); see
:mod:`vfi.options` for what is understood. A wrong value or an unknown name raises
:class:`~vfi.errors.ConfigError` with one sentence.
"""

# ruff: noqa: RUF009  (option() returns a dataclass field, which is what a default may be)

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import yaml

from vfi import options
from vfi.errors import ConfigError
from vfi.options import option

RETIRED_KEYS = {
    "pwc_path": "the flow network comes with the model",
    "testset": "every folder of clips is read the same way",
}
"""Keys of EQVI's configuration files that have no meaning here, and why."""


_LEAST_LIKENESS = 0.65  # between a wrong name and the option that is suggested for it


@dataclass(frozen=True)
class InterpolateConfig:
    """What to interpolate, how, and where to put it. All values are checked on construction."""

    input: Path | None = option(
        None,
        "a video, a folder of images, a folder of such folders, or the first of two images",
        parse=options.path,
        group="input",
        metavar="PATH",
    )
    second: Path | None = option(
        None, "the second of two images", parse=options.path, group="input", metavar="PATH"
    )
    start: Fraction | None = option(
        None, "begin here: seconds or 1:02:03.5", parse=options.time, group="input", metavar="TIME"
    )
    end: Fraction | None = option(
        None, "end before this time", parse=options.time, group="input", metavar="TIME"
    )
    input_fps: Fraction | None = option(
        None,
        "frames per second of a folder of images (default: 24)",
        parse=options.rate,
        group="input",
        metavar="F",
    )

    inter_frames: int | None = option(
        None,
        "new frames between each two (default: 1)",
        parse=options.whole_number,
        group="amount",
        metavar="N",
    )
    fps: Fraction | None = option(
        None,
        "frames per second of the result, such as 60 or 60000/1001; any ratio, up or down",
        parse=options.rate,
        group="amount",
        metavar="F",
    )
    slow_motion: Fraction | None = option(
        None,
        "play this many times slower, such as 4 or 2.5; may be combined with one of the above",
        parse=options.fraction,
        group="amount",
        metavar="K",
    )

    output: Path | None = option(
        None,
        "a video (.mp4 .mkv .mov .webm), an animation (.gif .webp) or a folder of images; "
        "default: beside the input, with _x2 or the like added to its name",
        parse=options.path,
        flags=("-o",),
        group="output",
        metavar="PATH",
    )
    codec: str = option(
        "auto",
        "h264, hevc, vp9, av1, prores, ffv1, ... or the name of an encoder, see: vfi info",
        parse=options.text,
        group="output",
        metavar="NAME",
    )
    quality: float | None = option(
        None,
        "quality on the encoder's own scale (CRF: smaller is better)",
        parse=options.number,
        group="output",
        metavar="Q",
    )
    pixel_format: str = option(
        "auto",
        "layout of the samples, such as yuv420p10le",
        parse=options.text,
        group="output",
        metavar="NAME",
    )
    preset: str | None = option(
        None, "speed of the encoder, such as fast or slow", parse=options.text, group="output", metavar="NAME"
    )
    audio: str = option(
        "auto",
        "copy, stretch (slow motion, pitch kept) or drop; auto: copy, or stretch if slowed",
        parse=options.choice("auto", "copy", "stretch", "drop"),
        group="output",
        metavar="copy|stretch|drop",
    )
    image_format: str = option(
        "png",
        "png, jpg, tif or webp, for folders of images",
        parse=options.choice("png", "jpg", "tif", "webp"),
        group="output",
        metavar="NAME",
    )
    rounding: str = option(
        "auto",
        "to whole sample values: nearest, or truncate as EQVI; auto: truncate for testset_root",
        parse=options.choice("auto", "nearest", "truncate"),
        group="output",
        metavar="nearest|truncate",
    )
    overwrite: bool = option(False, "replace an existing output", parse=options.switch, group="output")
    resume: bool = option(False, "continue an interrupted run", parse=options.switch, group="output")
    log: Path | None = option(
        None,
        "write what was decided for each pair, as JSON",
        parse=options.path,
        group="output",
        metavar="FILE",
    )

    model: str = option(
        "auto", "name of the model, see: vfi models", parse=options.text, group="model", metavar="NAME"
    )
    checkpoint: Path | None = option(
        None,
        "file with the model's weights, instead of its own",
        parse=options.path,
        group="model",
        metavar="FILE",
    )
    device: str = option(
        "auto", "auto, cpu, cuda, cuda:1, ...", parse=options.text, group="model", metavar="NAME"
    )
    dtype: str = option(
        "auto", "auto, float32, float16 or bfloat16", parse=options.text, group="model", metavar="NAME"
    )
    model_options: Mapping[str, Any] = option(
        {},
        "the model's own options, as a mapping: '{flow: medium}'",
        parse=options.mapping,
        group="model",
        metavar="MAPPING",
    )
    tile: int | None = option(
        None,
        "rows of pixels that are made at once",
        parse=options.whole_number,
        group="model",
        metavar="ROWS",
    )
    max_memory: int | None = option(
        None,
        "choose the tile so that this much is enough, such as 8GB",
        parse=options.memory,
        group="model",
        metavar="SIZE",
    )

    cuts: str = option(
        "repeat",
        "across a scene cut: repeat the nearest frame, blend, or off (interpolate regardless)",
        parse=options.choice("repeat", "blend", "off"),
        group="decisions",
        metavar="repeat|blend|off",
    )
    cut_threshold: float = option(
        0.87,
        "pairs that score more are cuts (0 to 2); the log tells every pair's score",
        parse=options.number,
        group="decisions",
    )
    duplicates: bool = option(
        False,
        "replace repeated frames (animation on twos) by new ones; the length does not change",
        parse=options.switch,
        group="decisions",
    )

    testset_root: Path | None = option(
        None,
        "folder of clip folders (EQVI)",
        parse=options.path,
        group="EQVI's test protocol",
        metavar="FOLDER",
    )
    store_path: Path | None = option(
        None,
        "folder for the results of testset_root",
        parse=options.path,
        group="EQVI's test protocol",
        metavar="FOLDER",
    )
    test_size: tuple[int, int] | None = option(
        None,
        "resize every image to width and height first (Lanczos)",
        parse=options.size,
        group="EQVI's test protocol",
        metavar="WxH",
    )
    test_crop_size: tuple[int, int] | None = option(
        None,
        "then keep its top left part of this width and height",
        parse=options.size,
        group="EQVI's test protocol",
        metavar="WxH",
    )
    preserve_input: bool = option(
        True,
        "for folders of images: write only the new images, not the original ones",
        parse=options.switch,
        group="EQVI's test protocol",
    )
    mean: tuple[float, ...] = option(
        (0.0,), "only 0 is possible", parse=options.numbers, group="EQVI's test protocol"
    )
    std: tuple[float, ...] = option(
        (1.0,), "only 1 is possible", parse=options.numbers, group="EQVI's test protocol"
    )

    def __post_init__(self) -> None:
        _check_amount(self)
        _check_places(self)
        _check_numbers(self)

    @classmethod
    def from_values(cls, values: Mapping[str, object]) -> InterpolateConfig:
        """The configuration from values in any friendly form.

        Args:
            values: From names of fields to strings, numbers or finished values; None is "not given".

        Raises:
            ConfigError: an unknown name, or a value that makes no sense.
        """
        fields = {field.name: field for field in dataclasses.fields(cls)}
        parsed: dict[str, Any] = {}
        for name, value in values.items():
            if name not in fields:
                raise unknown_key(name)
            if value is None:
                continue
            try:
                parsed[name] = fields[name].metadata["parse"](value)
            except (ValueError, TypeError, ZeroDivisionError) as error:
                raise ConfigError(f"{name}: {error}.") from error
        return cls(**parsed)

    def to_values(self) -> dict[str, object]:
        """Every option as plain strings, numbers, lists and mappings: what YAML and JSON can hold."""
        return {field.name: options.plain(getattr(self, field.name)) for field in dataclasses.fields(self)}

    def to_yaml(self) -> str:
        """A configuration file that gives these options again."""
        return yaml.safe_dump(self.to_values(), sort_keys=False, allow_unicode=True)


def load_config(path: Path, **overrides: object) -> InterpolateConfig:
    """Read a configuration file.

    Args:
        path: A YAML file: a mapping of option names to values.
        overrides: Options that count instead of the file's.

    Raises:
        ConfigError: the file is missing, is no YAML mapping, or holds something wrong.
    """
    return InterpolateConfig.from_values({**read_yaml(path), **overrides})


def read_yaml(path: Path) -> dict[str, object]:
    """The mapping in a YAML file, unchecked.

    Raises:
        ConfigError: the file is missing or is no YAML mapping.
    """
    try:
        values: object = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"Cannot read the configuration {path}: {error.strerror or error}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"The configuration {path} is not YAML: {reason}.") from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(f"The configuration {path} must hold lines of the form 'inter_frames: 3'.")
    mapping: dict[Any, Any] = values  # pyright: ignore[reportUnknownVariableType]  # YAML has no types
    return {str(key): value for key, value in mapping.items()}


def unknown_key(name: str) -> ConfigError:
    """The error for a name that is no option, with the nearest one that is."""
    if name in RETIRED_KEYS:
        return ConfigError(
            f"The option {name} is not needed any more: {RETIRED_KEYS[name]}; please remove it."
        )
    known = [field.name for field in dataclasses.fields(InterpolateConfig)]
    near = difflib.get_close_matches(name.replace("-", "_"), known, n=1, cutoff=_LEAST_LIKENESS)
    hint = f"did you mean {near[0]}?" if near else "see: vfi interpolate --help"
    return ConfigError(f"There is no option {name}; {hint}")


def _check_amount(config: InterpolateConfig) -> None:
    if config.inter_frames is not None and config.fps is not None:
        raise ConfigError("Give either inter_frames or fps, not both.")
    if config.inter_frames is not None and config.inter_frames < 1:
        raise ConfigError(f"inter_frames is {config.inter_frames}, but it must be 1 or more.")
    for name in ("fps", "slow_motion", "input_fps"):
        value: Fraction | None = getattr(config, name)
        if value is not None and value <= 0:
            raise ConfigError(f"{name} is {value}, but it must be above 0.")
    if config.start is not None and config.start < 0:
        raise ConfigError("start must not be negative: times count from the beginning of the input.")
    if config.end is not None and config.end <= (config.start or 0):
        raise ConfigError("end must be later than start.")


def _check_places(config: InterpolateConfig) -> None:
    if config.input is None and config.testset_root is None:
        raise ConfigError("No input: name a video, a folder of images, or two images.")
    if config.input is not None and config.testset_root is not None:
        raise ConfigError("Give either an input or testset_root, not both.")
    if config.output is not None and config.store_path is not None:
        raise ConfigError("Give either an output or store_path, not both.")
    if config.testset_root is not None and config.second is not None:
        raise ConfigError("A second image goes with a first one, not with testset_root.")


def _check_numbers(config: InterpolateConfig) -> None:
    if config.cut_threshold <= 0:
        raise ConfigError(f"cut_threshold is {config.cut_threshold}, but it must be above 0.")
    for name in ("tile", "max_memory"):
        value: int | None = getattr(config, name)
        if value is not None and value <= 0:
            raise ConfigError(f"{name} is {value}, but it must be above 0.")
    if any(config.mean) or any(value != 1 for value in config.std):
        raise ConfigError("mean must be 0 and std must be 1: the models take pictures as they are.")
