"""The options of the commands, in groups that several commands share.

Each group is a frozen dataclass of :func:`vfi.config.parsers.option` fields; :mod:`vfi.config.commands`
puts the groups of a command together and checks what one option means for another.
"""

# ruff: noqa: RUF009  (option() returns a dataclass field, which is what a default may be)

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from vfi.config import parsers
from vfi.config.parsers import option


@dataclass(frozen=True)
class InputOptions:
    """What is read."""

    input: Path | None = option(
        None,
        "a video, a folder of images, a folder of such folders, or the first of two images",
        parse=parsers.path,
        group="input",
        metavar="PATH",
    )
    second: Path | None = option(
        None, "the second of two images", parse=parsers.path, group="input", metavar="PATH"
    )
    start: Fraction | None = option(
        None, "begin here: seconds or 1:02:03.5", parse=parsers.time, group="input", metavar="TIME"
    )
    end: Fraction | None = option(
        None, "end before this time", parse=parsers.time, group="input", metavar="TIME"
    )
    input_fps: Fraction | None = option(
        None,
        "frames per second of a folder of images (default: 24)",
        parse=parsers.rate,
        group="input",
        metavar="F",
    )


@dataclass(frozen=True)
class AmountOptions:
    """How many frames there are to be."""

    inter_frames: int | None = option(
        None,
        "new frames between each two (default: 1)",
        parse=parsers.whole_number,
        group="amount",
        metavar="N",
    )
    fps: Fraction | None = option(
        None,
        "frames per second of the result, such as 60 or 60000/1001; any ratio, up or down",
        parse=parsers.rate,
        group="amount",
        metavar="F",
    )
    slow_motion: Fraction | None = option(
        None,
        "play this many times slower, such as 4 or 2.5; may be combined with one of the above",
        parse=parsers.fraction,
        group="amount",
        metavar="K",
    )


@dataclass(frozen=True)
class OutputOptions:
    """Where the result goes."""

    output: Path | None = option(
        None,
        "a video (.mp4 .mkv .mov .webm), an animation (.gif .webp) or a folder of images; "
        "default: beside the input, with _x2 or the like added to its name",
        parse=parsers.path,
        flags=("-o",),
        group="output",
        metavar="PATH",
    )


@dataclass(frozen=True)
class EncodingOptions:
    """How films are encoded."""

    codec: str = option(
        "auto",
        "h264, hevc, vp9, av1, prores, ffv1, ... or the name of an encoder, see: vfi info",
        parse=parsers.text,
        group="output",
        metavar="NAME",
    )
    quality: float | None = option(
        None,
        "quality on the encoder's own scale (CRF: smaller is better)",
        parse=parsers.number,
        group="output",
        metavar="Q",
    )
    pixel_format: str = option(
        "auto",
        "layout of the samples, such as yuv420p10le",
        parse=parsers.text,
        group="output",
        metavar="NAME",
    )
    preset: str | None = option(
        None, "speed of the encoder, such as fast or slow", parse=parsers.text, group="output", metavar="NAME"
    )


@dataclass(frozen=True)
class ResultOptions:
    """What becomes of sound, sample values and names, and what is noted."""

    audio: str = option(
        "auto",
        "copy, stretch (slow motion, pitch kept) or drop; auto: copy, or stretch if slowed",
        parse=parsers.choice("auto", "copy", "stretch", "drop"),
        group="output",
        metavar="copy|stretch|drop",
    )
    image_format: str = option(
        "png",
        "png, jpg, tif or webp, for folders of images",
        parse=parsers.choice("png", "jpg", "tif", "webp"),
        group="output",
        metavar="NAME",
    )
    rounding: str = option(
        "auto",
        "to whole sample values: nearest, or truncate as EQVI; auto: truncate for testset_root",
        parse=parsers.choice("auto", "nearest", "truncate"),
        group="output",
        metavar="nearest|truncate",
    )
    naming: str = option(
        "generic",
        "names of new images: generic (001_0.png), or reds_vtsr, whole numbers between those of the input",
        parse=parsers.choice("generic", "reds_vtsr"),
        group="output",
        metavar="generic|reds_vtsr",
    )
    log: Path | None = option(
        None,
        "write what was decided for each pair, as JSON",
        parse=parsers.path,
        group="output",
        metavar="FILE",
    )


@dataclass(frozen=True)
class KeepingOptions:
    """What becomes of outputs that are there already."""

    overwrite: bool = option(False, "replace an existing output", parse=parsers.switch, group="output")
    resume: bool = option(False, "continue an interrupted run", parse=parsers.switch, group="output")


@dataclass(frozen=True)
class ModelOptions:
    """What makes the frames."""

    model: str = option(
        "auto", "name of the model, see: vfi models", parse=parsers.text, group="model", metavar="NAME"
    )
    checkpoint: Path | None = option(
        None,
        "file with the model's weights, instead of its own",
        parse=parsers.path,
        group="model",
        metavar="FILE",
    )
    device: str = option(
        "auto", "auto, cpu, cuda, cuda:1, ...", parse=parsers.text, group="model", metavar="NAME"
    )
    dtype: str = option(
        "auto", "auto, float32, float16 or bfloat16", parse=parsers.text, group="model", metavar="NAME"
    )
    model_options: Mapping[str, Any] = option(
        {},
        "the model's own options, as a mapping: '{flow: medium}'",
        parse=parsers.mapping,
        group="model",
        metavar="MAPPING",
    )
    compile: bool = option(
        False,
        "let torch.compile translate the networks: minutes at first, faster then",
        parse=parsers.switch,
        group="model",
    )
    channels_last: bool = option(
        False, "another order of the networks' numbers in memory", parse=parsers.switch, group="model"
    )
    tile: int | None = option(
        None,
        "rows of pixels that are made at once",
        parse=parsers.whole_number,
        group="model",
        metavar="ROWS",
    )
    max_memory: int | None = option(
        None,
        "choose the tile so that this much is enough, such as 8GB; default: 60% of the device's memory",
        parse=parsers.memory,
        group="model",
        metavar="SIZE",
    )


@dataclass(frozen=True)
class DecisionOptions:
    """Where the picture does not just move."""

    cuts: str = option(
        "repeat",
        "across a scene cut: repeat the nearest frame, blend, or off (interpolate regardless)",
        parse=parsers.choice("repeat", "blend", "off"),
        group="decisions",
        metavar="repeat|blend|off",
    )
    cut_threshold: float = option(
        0.87,
        "pairs that score more are cuts (0 to 2); the log tells every pair's score",
        parse=parsers.number,
        group="decisions",
    )
    duplicates: bool = option(
        False,
        "replace repeated frames (animation on twos) by new ones; the length does not change",
        parse=parsers.switch,
        group="decisions",
    )


@dataclass(frozen=True)
class EnsembleOptions:
    """In which further ways the model is asked; each of them costs a run of the model and is averaged."""

    ms_test: bool = option(
        False, "average with a run at half size", parse=parsers.switch, group="test-time ensembles"
    )
    flip_test: bool = option(
        False, "with two mirrored runs", parse=parsers.switch, group="test-time ensembles"
    )
    rotation_test: bool = option(
        False, "with two runs turned by 90 degrees", parse=parsers.switch, group="test-time ensembles"
    )
    turn_test: bool = option(
        False,
        "with a run turned by 180 degrees (SGM-VFI's)",
        parse=parsers.switch,
        group="test-time ensembles",
    )
    reverse_test: bool = option(
        False, "with a run backwards in time", parse=parsers.switch, group="test-time ensembles"
    )
    reverse_flip: bool = option(
        False, "with three mirrored runs backwards", parse=parsers.switch, group="test-time ensembles"
    )
    reverse_rotation: bool = option(
        False, "with two turned runs backwards", parse=parsers.switch, group="test-time ensembles"
    )


@dataclass(frozen=True)
class ProtocolOptions:
    """The keys of EQVI's test configurations."""

    testset_root: Path | None = option(
        None,
        "folder of clip folders (EQVI)",
        parse=parsers.path,
        group="EQVI's test protocol",
        metavar="FOLDER",
    )
    store_path: Path | None = option(
        None,
        "folder for the results of testset_root",
        parse=parsers.path,
        group="EQVI's test protocol",
        metavar="FOLDER",
    )
    test_size: tuple[int, int] | None = option(
        None,
        "resize every image to width and height first (Lanczos)",
        parse=parsers.size,
        group="EQVI's test protocol",
        metavar="WxH",
    )
    test_crop_size: tuple[int, int] | None = option(
        None,
        "then keep its top left part of this width and height",
        parse=parsers.size,
        group="EQVI's test protocol",
        metavar="WxH",
    )
    preserve_input: bool = option(
        True,
        "for folders of images: write only the new images, not the original ones",
        parse=parsers.switch,
        group="EQVI's test protocol",
    )
    mean: tuple[float, ...] = option(
        (0.0,), "only 0 is possible", parse=parsers.numbers, group="EQVI's test protocol"
    )
    std: tuple[float, ...] = option(
        (1.0,), "only 1 is possible", parse=parsers.numbers, group="EQVI's test protocol"
    )


@dataclass(frozen=True)
class FolderOptions:
    """Which images become a film, how fast, and where it goes."""

    input: Path | None = option(
        None,
        "a folder of images, or a folder of such folders",
        parse=parsers.path,
        group="input",
        metavar="FOLDER",
    )
    fps: Fraction = option(
        Fraction(24), "images per second (default: 24)", parse=parsers.rate, group="input", metavar="F"
    )
    output: Path | None = option(
        None,
        "a video (.mp4 .mkv .mov .webm) or an animation (.gif .webp); for a folder of folders, a folder; "
        "default: beside the input",
        parse=parsers.path,
        flags=("-o",),
        group="output",
        metavar="PATH",
    )
    container: str = option(
        "mp4",
        "suffix of films whose name is not given: mp4, mkv, mov, webm, gif or webp (default: mp4)",
        parse=parsers.choice("mp4", "mkv", "mov", "webm", "gif", "webp"),
        group="output",
        metavar="NAME",
    )
