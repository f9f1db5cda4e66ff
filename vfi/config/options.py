"""The options of the commands, in groups that several commands use.

The first line of a group is its heading in the help, and the docstring of an option its help. The limits
exclude only what no video or machine needs. :mod:`vfi.config.fields` explains the declarations.
"""

# ruff: noqa: RUF009  (option() returns a dataclass field, which is what a default may be)

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal

from vfi.config import parsers
from vfi.config.fields import Spelling, choice, option

TTA = {
    "half": "ms_test",
    "flip": "flip_test",
    "rotate": "rotation_test",
    "turn": "turn_test",
    "reverse": "reverse_test",
    "reverse-flip": "reverse_flip",
    "reverse-rotate": "reverse_rotation",
}
"""Words of ``--tta``, and the switch of :data:`vfi.base.ensemble.SWITCHES` for each."""

MOST_INTER_FRAMES = 1000

Word = Annotated[str, Spelling(parsers.text, "NAME")]
File = Annotated[Path, Spelling(parsers.path, "PATH")]
Rate = Annotated[Fraction, Spelling(parsers.rate, "F", (0.001, 10_000))]
Factor = Annotated[Fraction, Spelling(parsers.fraction, "K", (0.001, 10_000))]
Time = Annotated[Fraction, Spelling(parsers.time, "TIME", (0, 10_000_000))]
FrameCount = Annotated[int, Spelling(parsers.whole_number, "N", (1, MOST_INTER_FRAMES))]
Rows = Annotated[int, Spelling(parsers.whole_number, "ROWS", (1, parsers.LARGEST_SIDE))]
Memory = Annotated[int, Spelling(parsers.memory, "SIZE", (1, 2**50))]
Quality = Annotated[float, Spelling(parsers.number, "Q", (-100, 1000))]
Score = Annotated[float, Spelling(parsers.number, "SCORE", (1e-6, 100))]
Size = Annotated[tuple[int, int], Spelling(parsers.size, "WxH")]
ModelArguments = Annotated[Mapping[str, Any], Spelling(parsers.mapping, "MAPPING")]
ENSEMBLES = Spelling(parsers.words(*TTA), "WORDS")
Ensembles = Annotated[tuple[str, ...], ENSEMBLES]
Audio = Annotated[str, choice("auto", "copy", "stretch", "drop")]
ImageFormat = Annotated[str, choice("png", "jpg", "tif", "webp")]
Rounding = Annotated[str, choice("nearest", "truncate")]
Naming = Annotated[str, choice("generic", "reds_vtsr")]
Cuts = Annotated[str, choice("repeat", "blend", "off")]
Deinterlacing = Annotated[Literal["auto", "off", "bwdif"], choice("auto", "off", "bwdif")]
Container = Annotated[str, choice("mp4", "mkv", "mov", "webm", "gif", "webp")]


@dataclass(frozen=True)
class SourceOptions:
    """Input."""

    # The identity of a run holds the input files themselves.
    input: File | None = option(None, "-i", affects_pixels=False)
    """a video, a folder of images, a folder of such folders, or the first of two images"""
    second: File | None = option(None, affects_pixels=False, on_command_line=False)
    """the second of two images"""
    clips: bool = option(False, affects_pixels=False, on_command_line=False)
    """treat the input as a folder of clip folders, whatever else is in it"""
    start: Time | None = None
    """start time, as seconds or 1:02:03.5"""
    end: Time | None = None
    """end time (exclusive)"""
    input_fps: Rate | None = None
    """frame rate of a folder of images (default: 24)"""
    deinterlace: Deinterlacing = "auto"
    """auto reports interlaced video; bwdif deinterlaces it, one frame per field at twice the frame rate"""


@dataclass(frozen=True)
class RateOptions:
    """Frame rate."""

    inter_frames: FrameCount | None = None
    """new frames between two input frames (default: 1); --multi M, -x M and --factor M mean M - 1"""
    fps: Rate | None = None
    """frame rate of the output, such as 60 or 60000/1001; any ratio, up or down"""
    slow_motion: Factor | None = None
    """slow-motion factor, such as 4 or 2.5; can be combined with --inter-frames or --fps"""


@dataclass(frozen=True)
class NetworkOptions:
    """Model."""

    # The identity of a run holds the weights, the type of device, the precision and the chosen tile height.
    model: Word = option("auto", affects_pixels=False)
    """name of the model, see: vfi models"""
    checkpoint: File | None = option(None, affects_pixels=False)
    """file with the model's weights, instead of the released ones"""
    device: Word = option("auto", affects_pixels=False)
    """auto, cpu, cuda, cuda:1, ..."""
    dtype: Word = option("auto", affects_pixels=False)
    """auto, float32, float16 or bfloat16"""
    model_options: ModelArguments = option({})
    """options of the model, as a mapping: '{points: 1/4}'"""
    tta: Ensembles = ()
    """test-time augmentation, averaged: half (size), flip, rotate, turn (by 180 degrees), reverse (time),
    reverse-flip, reverse-rotate; several are separated by commas"""
    compile: bool = False
    """compile the networks with torch.compile: takes minutes at first, then runs faster"""
    channels_last: bool = False
    """use the channels-last memory format in the networks"""
    tile: Rows | None = option(None, affects_pixels=False)
    """tile height in rows"""
    max_memory: Memory | None = option(None, affects_pixels=False)
    """memory limit that determines the tile height, such as 8GB (default: 60% of the device's memory)"""


@dataclass(frozen=True)
class SceneOptions:
    """Scene cuts and duplicates."""

    cuts: Cuts = "repeat"
    """new frames across a scene cut: repeat the nearest frame, blend, or off (interpolate)"""
    cut_threshold: Score = 0.87
    """score above which a pair of frames is a scene cut (0 to 2); --log writes all scores"""
    duplicates: bool = False
    """replace repeated frames (animation on twos) by interpolated ones; the length stays the same"""


@dataclass(frozen=True)
class OutputOptions:
    """Output."""

    output: File | None = option(None, "-o", affects_pixels=False)
    """a video (.mp4 .mkv .mov .webm), an animation (.gif .webp) or a folder of images; default: beside the
    input, with a suffix such as _x2"""
    log: File | None = option(None, affects_pixels=False)
    """write the decisions for each pair of frames as JSON"""


@dataclass(frozen=True)
class FilmOptions:
    """Output."""

    output: File | None = option(None, "-o", affects_pixels=False)
    """a video (.mp4 .mkv .mov .webm) or an animation (.gif .webp), or a folder for several; default: beside
    the input"""
    container: Container = option("mp4", affects_pixels=False)
    """suffix of outputs that are not named (default: mp4)"""


@dataclass(frozen=True)
class ExistingOptions:
    """Existing output."""

    overwrite: bool = option(False, "-y", affects_pixels=False)
    """replace an existing output"""
    resume: bool = option(False, affects_pixels=False)
    """continue an interrupted run"""


@dataclass(frozen=True)
class EncodingOptions:
    """Encoding."""

    # An unfinished output remembers its encoding, and is not resumed with another.
    codec: Word = option("auto", affects_pixels=False)
    """h264, hevc, vp9, av1, prores, ffv1, ... or the name of an encoder, see: vfi info"""
    quality: Quality | None = option(None, affects_pixels=False)
    """quality on the encoder's own scale (CRF: smaller is better)"""
    pixel_format: Word = option("auto", affects_pixels=False)
    """pixel format, such as yuv420p10le"""
    preset: Word | None = option(None, affects_pixels=False)
    """speed preset of the encoder, such as fast or slow"""


@dataclass(frozen=True)
class SoundOptions:
    """Audio."""

    audio: Audio = option("auto", affects_pixels=False)
    """copy, stretch (slow motion with preserved pitch) or drop; auto: stretch in slow motion, else copy"""


@dataclass(frozen=True)
class ImageOptions:
    """Folders of images."""

    image_format: ImageFormat = option("png", affects_pixels=False)  # remembered by an unfinished output
    """file format of new images"""
    rounding: Rounding = "nearest"
    """rounding to integer samples: nearest, or truncate as in EQVI"""
    naming: Naming = "generic"
    """names of new images: generic (001_0.png), or reds_vtsr (numbers between those of the input)"""
    resize: Size | None = option(None, on_command_line=False)
    """resize every frame to this width and height first (Lanczos)"""
    crop: Size | None = option(None, on_command_line=False)
    """then crop the top left part of this width and height"""
    write_originals: bool = option(True, on_command_line=False)
    """for folders of images: write the original images too"""


@dataclass(frozen=True)
class FolderOptions:
    """Input."""

    input: File | None = option(None, "-i", affects_pixels=False)
    """a folder of images, or a folder of such folders"""
    fps: Rate = Fraction(24)
    """images per second (default: 24)"""
