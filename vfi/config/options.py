"""The options of the commands, in groups that several commands share.

The first line of a group is its heading in the help, the line below an option its help. Ranges are wide: they
refuse what no film, machine or life is long enough for. See :mod:`vfi.config.fields` for the declarations.
"""

# ruff: noqa: RUF009  (option() returns a dataclass field, which is what a default may be)

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal

from vfi.config import parsers
from vfi.config.fields import Spelling, option

TTA = {
    "half": "ms_test",
    "flip": "flip_test",
    "rotate": "rotation_test",
    "turn": "turn_test",
    "reverse": "reverse_test",
    "reverse-flip": "reverse_flip",
    "reverse-rotate": "reverse_rotation",
}
"""Words of ``--tta``, and the switch of :data:`vfi.base.ensemble.SWITCHES` that each stands for."""

MOST_INTER_FRAMES = 1000

Word = Annotated[str, Spelling(parsers.text, "NAME")]
File = Annotated[Path, Spelling(parsers.path, "PATH")]
Rate = Annotated[Fraction, Spelling(parsers.rate, "F", 0.001, 10_000)]
Factor = Annotated[Fraction, Spelling(parsers.fraction, "K", 0.001, 10_000)]
Time = Annotated[Fraction, Spelling(parsers.time, "TIME", 0, 10_000_000)]
FrameCount = Annotated[int, Spelling(parsers.whole_number, "N", 1, MOST_INTER_FRAMES)]
Rows = Annotated[int, Spelling(parsers.whole_number, "ROWS", 1, parsers.LARGEST_SIDE)]
Memory = Annotated[int, Spelling(parsers.memory, "SIZE", 1, 2**50)]
Quality = Annotated[float, Spelling(parsers.number, "Q", -100, 1000)]
Score = Annotated[float, Spelling(parsers.number, "SCORE", 1e-6, 100)]
Size = Annotated[tuple[int, int], Spelling(parsers.size, "WxH")]
ModelArguments = Annotated[Mapping[str, Any], Spelling(parsers.mapping, "MAPPING")]
Ensembles = Annotated[tuple[str, ...], Spelling(parsers.words(*TTA), "WORDS")]
Audio = Annotated[str, Spelling(parsers.choice("auto", "copy", "stretch", "drop"), "copy|stretch|drop")]
ImageFormat = Annotated[str, Spelling(parsers.choice("png", "jpg", "tif", "webp"), "png|jpg|tif|webp")]
Rounding = Annotated[str, Spelling(parsers.choice("nearest", "truncate"), "nearest|truncate")]
Naming = Annotated[str, Spelling(parsers.choice("generic", "reds_vtsr"), "generic|reds_vtsr")]
Cuts = Annotated[str, Spelling(parsers.choice("repeat", "blend", "off"), "repeat|blend|off")]
Deinterlacing = Annotated[
    Literal["auto", "off", "bwdif"], Spelling(parsers.choice("auto", "off", "bwdif"), "auto|off|bwdif")
]
Container = Annotated[str, Spelling(parsers.choice("mp4", "mkv", "mov", "webm", "gif", "webp"), "NAME")]


@dataclass(frozen=True)
class SourceOptions:
    """Input."""

    input: File | None = option(
        None, "-i", affects_pixels=False
    )  # the run's identity holds the files themselves
    """a video, a folder of images, a folder of such folders, or the first of two images"""
    second: File | None = option(None, affects_pixels=False, on_command_line=False)
    """the second of two images"""
    clips: bool = option(False, affects_pixels=False, on_command_line=False)
    """the input is a folder of clip folders, whatever else lies in it"""
    start: Time | None = None
    """begin here: seconds or 1:02:03.5"""
    end: Time | None = None
    """end before this time"""
    input_fps: Rate | None = None
    """frames per second of a folder of images (default: 24)"""
    deinterlace: Deinterlacing = "auto"
    """interlaced film: auto reports it, bwdif makes a frame of every field, at twice the frame rate"""


@dataclass(frozen=True)
class RateOptions:
    """Frame rate."""

    inter_frames: FrameCount | None = None
    """new frames between each two (default: 1); --multi M, -x M or --factor M is the same for M - 1"""
    fps: Rate | None = None
    """frames per second of the result, such as 60 or 60000/1001; any ratio, up or down"""
    slow_motion: Factor | None = None
    """play this many times slower, such as 4 or 2.5; may be combined with one of the above"""


@dataclass(frozen=True)
class ResultOptions:
    """Output."""

    output: File | None = option(None, "-o", affects_pixels=False)
    """a video (.mp4 .mkv .mov .webm), an animation (.gif .webp) or a folder of images; default: beside the
    input, with _x2 or the like added to its name"""
    log: File | None = option(None, affects_pixels=False)
    """write what was decided for each pair, as JSON"""
    overwrite: bool = option(False, "-y", affects_pixels=False)
    """replace an existing output"""
    resume: bool = option(False, affects_pixels=False)
    """continue an interrupted run"""


@dataclass(frozen=True)
class EncodingOptions:
    """Encoding."""

    # The output remembers its own encoding, and refuses to go on with another.
    codec: Word = option("auto", affects_pixels=False)
    """h264, hevc, vp9, av1, prores, ffv1, ... or the name of an encoder, see: vfi info"""
    quality: Quality | None = option(None, affects_pixels=False)
    """quality on the encoder's own scale (CRF: smaller is better)"""
    pixel_format: Word = option("auto", affects_pixels=False)
    """layout of the samples, such as yuv420p10le"""
    preset: Word | None = option(None, affects_pixels=False)
    """speed of the encoder, such as fast or slow"""


@dataclass(frozen=True)
class SoundOptions:
    """Sound."""

    audio: Audio = option("auto", affects_pixels=False)
    """copy, stretch (slow motion, pitch kept) or drop; auto: copy, or stretch if slowed"""


@dataclass(frozen=True)
class ImageOptions:
    """Images."""

    image_format: ImageFormat = option(
        "png", affects_pixels=False
    )  # remembered by the output, as its encoding
    """png, jpg, tif or webp, for folders of images"""
    rounding: Rounding = "nearest"
    """to whole sample values: nearest, or truncate as EQVI"""
    naming: Naming = "generic"
    """names of new images: generic (001_0.png), or reds_vtsr, whole numbers between those of the input"""
    resize: Size | None = option(None, on_command_line=False)
    """resize every frame to width and height first (Lanczos)"""
    crop: Size | None = option(None, on_command_line=False)
    """then keep its top left part of this width and height"""
    write_originals: bool = option(True, on_command_line=False)
    """for folders of images: write the original images too, not only the new ones"""


@dataclass(frozen=True)
class NetworkOptions:
    """Model."""

    # A run's identity holds the weights, the type of device, the precision and the tile that was chosen.
    model: Word = option("auto", affects_pixels=False)
    """name of the model, see: vfi models"""
    checkpoint: File | None = option(None, affects_pixels=False)
    """file with the model's weights, instead of its own"""
    device: Word = option("auto", affects_pixels=False)
    """auto, cpu, cuda, cuda:1, ..."""
    dtype: Word = option("auto", affects_pixels=False)
    """auto, float32, float16 or bfloat16"""
    model_options: ModelArguments = option({})
    """the model's own options, as a mapping: '{points: 1/4}'"""
    tta: Ensembles = ()
    """average with more runs of the model: half (size), flip, rotate, turn (180 degrees), reverse (in time),
    reverse-flip, reverse-rotate; several with commas"""
    compile: bool = False
    """let torch.compile translate the networks: minutes at first, faster then"""
    channels_last: bool = False
    """use the channels-last memory format in the networks"""
    tile: Rows | None = option(None, affects_pixels=False)
    """tile height in rows"""
    max_memory: Memory | None = option(None, affects_pixels=False)
    """choose the tile so that this much is enough, such as 8GB; default: 60% of the device's memory"""


@dataclass(frozen=True)
class SceneOptions:
    """Scene cuts and duplicates."""

    cuts: Cuts = "repeat"
    """across a scene cut: repeat the nearest frame, blend, or off (interpolate regardless)"""
    cut_threshold: Score = 0.87
    """pairs that score more are cuts (0 to 2); the log holds every pair's score"""
    duplicates: bool = False
    """replace repeated frames (animation on twos) by new ones; the length does not change"""


@dataclass(frozen=True)
class FolderOptions:
    """Input."""

    input: File | None = option(None, "-i", affects_pixels=False)
    """a folder of images, or a folder of such folders"""
    fps: Rate = Fraction(24)
    """images per second (default: 24)"""


@dataclass(frozen=True)
class FilmOptions:
    """Output."""

    output: File | None = option(None, "-o", affects_pixels=False)
    """a video (.mp4 .mkv .mov .webm) or an animation (.gif .webp); for a folder of folders, a folder;
    default: beside the input"""
    container: Container = option("mp4", affects_pixels=False)
    """suffix of films whose name is not given: mp4, mkv, mov, webm, gif or webp (default: mp4)"""
    overwrite: bool = option(False, "-y", affects_pixels=False)
    """replace an existing output"""
    resume: bool = option(False, affects_pixels=False)
    """continue an interrupted run"""
