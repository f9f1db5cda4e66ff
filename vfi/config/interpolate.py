"""Configuration of ``vfi interpolate`` and :func:`vfi.interpolate_video`.

Every option is a key of configuration files (``inter_frames: 3``, or within its group), an option of the
command line (``--inter-frames 3``) and an argument in Python. Values have friendly spellings
(``fps="23.976"``, ``start="1:02:03.5"``, ``max_memory="8GB"``); see :mod:`vfi.config.parsers`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from vfi.config import eqvi, options, parsers
from vfi.config.base import Configuration
from vfi.config.fields import Spelling
from vfi.errors import ConfigError

MULTIPLE = Spelling(parsers.whole_number, limits=(2, options.MOST_INTER_FRAMES + 1))
"""Spelling of the ratio of the output's number of frames to the input's."""

ANSWERS = {
    **eqvi.ANSWERS,
    "scale": "for a coarser flow, give --model-options '{flow_reduction: 2}', or with a model of SGM-VFI "
    "--model-options '{down_scale: 0.5}'",
    "fp16": "use --dtype float16",
    "half": "use --dtype float16",
    "crf": "use --quality, whose scale is the encoder's (CRF)",
    "exp": "--exp 1 is --multi 2, --exp 2 is --multi 4, --exp 3 is --multi 8",
    "img": "name the two images, or their folder, as INPUT",
    "video": "name the video as INPUT",
    "second": "name the second image after the first",
    "png": "name a folder: -o FOLDER",
    "ext": "give the output a suffix: -o NAME.mkv",
    "uhd": "tiles are chosen to fit the memory: --max-memory 8GB",
    "vcodec": "use --codec",
    "pix_fmt": "use --pixel-format",
    "framerate": "use --fps, and --input-fps for a folder of images",
}


@dataclass(frozen=True)
class InterpolateConfig(Configuration):
    """Input, method and output of an interpolation; all values are checked on construction."""

    command = "interpolate"
    aliases = {"multi": ("-x", "--multi"), "factor": ("--factor",)}  # noqa: RUF012 - a mapping, never changed
    exclusive = (("fps", "inter_frames", *aliases), *eqvi.RENAMED.items())
    answers = ANSWERS

    source: options.SourceOptions = field(default_factory=options.SourceOptions)
    rate: options.RateOptions = field(default_factory=options.RateOptions)
    network: options.NetworkOptions = field(default_factory=options.NetworkOptions)
    scene: options.SceneOptions = field(default_factory=options.SceneOptions)
    result: options.OutputOptions = field(default_factory=options.OutputOptions)
    existing: options.ExistingOptions = field(default_factory=options.ExistingOptions)
    encoding: options.EncodingOptions = field(default_factory=options.EncodingOptions)
    sound: options.SoundOptions = field(default_factory=options.SoundOptions)
    images: options.ImageOptions = field(default_factory=options.ImageOptions)

    def __post_init__(self) -> None:
        if self.source.input is None:
            raise ConfigError("No input: name a video, a folder of images, or two images.")
        if self.source.clips and self.source.second is not None:
            raise ConfigError("A second image goes with a first one, not with a folder of clips.")
        if self.rate.inter_frames is not None and self.rate.fps is not None:
            raise ConfigError("Give either inter_frames or fps, not both.")
        if self.source.end is not None and self.source.end <= (self.source.start or 0):
            raise ConfigError("end must be later than start.")
        if self.images.naming != "generic" and self.rate.fps is not None:
            naming = self.images.naming
            raise ConfigError(f"naming: {naming} counts new images: give inter_frames instead of fps.")

    @classmethod
    def translated(cls, values: dict[str, object]) -> dict[str, object]:
        """Return flat values with EQVI's keys and the aliases replaced by the options.

        Args:
            values: Flat values as they were given.

        Raises:
            ConfigError: If two names of one option are given, or a name has no meaning here.
        """
        values = eqvi.translate(values)
        for alias in cls.aliases.keys() & values:
            if "inter_frames" in values:
                raise ConfigError(f"Give either inter_frames or {alias}, not both.")
            values["inter_frames"] = MULTIPLE(alias, values.pop(alias)) - 1
        return values

    @property
    def ensemble(self) -> tuple[str, ...]:
        """Switches of :data:`vfi.base.ensemble.SWITCHES` for the words of ``tta``."""
        return tuple(options.TTA[word] for word in self.network.tta)


def load_config(path: Path, **overrides: object) -> InterpolateConfig:
    """Return the configuration in a file.

    Args:
        path: YAML file, a mapping of option names to values.
        overrides: Options that override those of the file.

    Raises:
        ConfigError: If the file is missing, is no YAML mapping, or holds something wrong.
    """
    return InterpolateConfig.from_values(parsers.read_yaml(path), overrides)
