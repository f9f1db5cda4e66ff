"""From the configuration and what is known of a source to the settings of each stage."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from vfi.base.ensemble import Ensemble, members_of
from vfi.config import InterpolateConfig
from vfi.devices import total_memory
from vfi.errors import ConfigError, InputError, OutputError
from vfi.interpolation.eqvi_protocol import Transform
from vfi.interpolation.render import RenderRules
from vfi.interpolation.schedule import Timing, number_between, slow_motion_timing
from vfi.interpolation.windows import SceneRules
from vfi.io.base import SinkOptions
from vfi.io.files import images_in
from vfi.io.frames import SourceInfo
from vfi.io.images.animation import ANIMATION_SUFFIXES
from vfi.io.video.containers import default_suffix
from vfi.io.video.encoders import VIDEO_SUFFIXES
from vfi.version import __version__

if TYPE_CHECKING:
    from vfi.base.interpolator import Interpolator

MEMORY_SHARE = 0.6
"""Of the memory of the device that a model may use where nothing is said: decoder, encoder and everything
else on the machine want some too."""


def check_source(config: InterpolateConfig, info: SourceInfo, output: Path) -> None:
    """Refuse, before anything is computed, what cannot be made of this source.

    Args:
        config: All options.
        info: The source.
        output: A film, an animation, or a folder for images.

    Raises:
        ConfigError: options make no sense for this source or this kind of output.
        InputError: there are too few images, or their names do not suit the naming.
        OutputError: the log exists and shall not be overwritten.
    """
    if not config.write_originals and not is_image_folder(output):
        raise ConfigError(f"write_originals: false is for folders of images, but {output} is a film.")
    check_log(config, output)
    Transform(config.resize, config.crop).output_size(info.height, info.width)
    if info.kind != "video" and info.frame_count == 1:
        raise one_frame_only(info)
    if config.naming != "generic":
        check_naming(config, info, output)


def one_frame_only(info: SourceInfo) -> InputError:
    """The error for a source without a second frame."""
    return InputError(f"{info.path} holds only one frame: interpolation needs two or more.")


def is_image_folder(output: Path) -> bool:
    """Whether an output is a folder of images rather than a film."""
    return output.suffix[1:].lower() not in (*VIDEO_SUFFIXES, *ANIMATION_SUFFIXES)


def check_log(config: InterpolateConfig, output: Path) -> None:
    """Refuse a log that would take the place of something else.

    Raises:
        ConfigError: it has the name of the input or the output.
        OutputError: it exists and shall not be overwritten.
    """
    log = config.log
    if log is None:
        return
    others = [path for path in (config.input, config.second, output) if path is not None]
    if log.resolve() in [path.resolve() for path in others]:
        raise ConfigError(f"The log {log} has the name of the input or the output: choose another --log.")
    if log.exists() and not config.overwrite:
        raise OutputError(f"The log {log} exists: give --overwrite to replace it, or choose another --log.")


def check_naming(config: InterpolateConfig, info: SourceInfo, output: Path) -> None:
    """Make sure that there is a whole number for each new image between those that name its neighbours.

    Raises:
        ConfigError: the output is a film, or the source no images.
        InputError: names of images are no whole numbers, or lie too close together.
    """
    if not is_image_folder(output):
        raise ConfigError(f"naming: {config.naming} is for folders of images, but {output} is a film.")
    if info.kind == "video":
        raise ConfigError(
            f"naming: {config.naming} is for images with numbers for names, but {info.path} is a film."
        )
    timing = build_timing(config, info, hold_last=False)
    if timing.inter_frames is None:
        raise ConfigError(f"naming: {config.naming} counts new images: give inter_frames.")
    images = [info.path, config.second] if config.second else images_in(info.path)
    for image, following in pairwise(images):
        try:
            number_between(image.stem, following.stem, 1, timing.inter_frames)
        except ValueError as error:
            raise InputError(
                f"naming: {config.naming} does not suit {image.parent}: {error}; rename the images or choose "
                "naming: generic."
            ) from error


def build_timing(config: InterpolateConfig, info: SourceInfo, *, hold_last: bool) -> Timing:
    """How many frames to show, and when.

    Raises:
        ConfigError: slow motion by a broken factor of a source without a frame rate.
    """
    scale = config.slow_motion or Fraction(1)
    origin = config.start or Fraction(0)
    if config.fps is not None:
        return Timing(rate=config.fps, time_scale=scale, origin=origin, hold_last=hold_last)
    if config.inter_frames is not None or config.slow_motion is None:
        count = config.inter_frames or 1
        return Timing(inter_frames=count, time_scale=scale, origin=origin, hold_last=hold_last)
    try:
        return slow_motion_timing(scale, info.rate, origin, hold_last=hold_last)
    except ValueError as error:
        raise ConfigError(
            f"{info.path} has no constant frame rate, which slow motion by {float(scale):g} needs: add --fps."
        ) from error


def sink_options(
    config: InterpolateConfig, info: SourceInfo, timing: Timing, transform: Transform, fingerprint: str
) -> SinkOptions:
    """How the output is written.

    Raises:
        ConfigError: the options do not fit the source.
    """
    slowed = timing.time_scale != 1
    audio = ("stretch" if slowed else "copy") if config.audio == "auto" else config.audio
    size = transform.output_size(info.height, info.width)
    options = SinkOptions(
        codec=config.codec,
        quality=config.quality,
        preset=config.preset,
        pixel_format=config.pixel_format,
        time_scale=timing.time_scale,
        rate=timing.output_rate(info.rate),
        divisions=(timing.inter_frames or 0) + 1,
        overwrite=config.overwrite,
        resume=config.resume,
        fingerprint=fingerprint,
        start=config.start,
        end=config.end,
        size=None if size == (info.height, info.width) else size,
        image_format=config.image_format,
    )
    if audio == "stretch" or audio == "drop":
        return replace(options, audio=audio)
    return options


def scene_rules(config: InterpolateConfig) -> SceneRules:
    """What is looked for between frames."""
    return SceneRules(config.cuts != "off", config.cut_threshold, config.duplicates)


def render_rules(config: InterpolateConfig, tile: int | None) -> RenderRules:
    """How frames are made."""
    return RenderRules(
        blend_cuts=config.cuts == "blend",
        rounding="truncate" if config.rounding == "truncate" else "nearest",
        write_originals=config.write_originals,
        tile=tile,
        naming=config.naming,
    )


def with_ensemble(model: Interpolator, config: InterpolateConfig) -> Interpolator:
    """The model as it shall be asked: itself, or the ensemble that is wanted of it."""
    if config.ensemble:
        return Ensemble(model, members_of(config.ensemble))
    model.reserve_cache(1)  # an ensemble of an earlier run may have made it keep more
    return model


def choose_tile(
    config: InterpolateConfig, model: Interpolator, height: int, width: int
) -> tuple[int | None, list[str]]:
    """The rows that are made at once, and what is to be said of that.

    Nothing said, the model gets :data:`MEMORY_SHARE` of the device's memory. It is a share of all memory, not
    of what is free, so that a run that is resumed chooses as it did before.

    Raises:
        ConfigError: the memory does not hold the smallest tile.
    """
    if config.tile is not None:
        return config.tile, []
    limit = config.max_memory or int(MEMORY_SHARE * total_memory(model.device))
    tile = model.choose_tile(height, width, limit)
    if tile is None:
        return None, []
    return tile, [
        f"Frames were made in tiles of {tile} rows, to stay within {limit / 2**30:.1f} GiB of memory "
        "(--max-memory)."
    ]


def default_output(config: InterpolateConfig) -> Path:
    """Where the result goes if nothing is said: beside the input, its name saying what was done."""
    source: Path = config.input
    if not source.name or source.name == "..":
        source = source.resolve()
    if config.fps is not None:
        tag = f"_{float(config.fps):g}fps"
    elif config.inter_frames is not None or config.slow_motion is None:
        tag = f"_x{(config.inter_frames or 1) + 1}"
    else:
        tag = ""
    if config.slow_motion is not None:
        tag += f"_slow{float(config.slow_motion):g}"
    if source.is_dir() or config.second is not None:
        return source.with_name(f"{source.stem if config.second else source.name}{tag}".replace(".", "_"))
    own = source.suffix.lower()
    kept = own[1:] in (*VIDEO_SUFFIXES, *ANIMATION_SUFFIXES)  # as a film it would have no transparency
    suffix = own if kept else default_suffix(source)
    return source.with_name(f"{source.stem}{tag}{suffix}")


def fingerprint(config: InterpolateConfig, info: SourceInfo, model: Interpolator, tile: int | None) -> str:
    """A hash of everything that the output's frames depend on: a run is resumed only if it is the same.

    Args:
        config: All options.
        info: The source; its identity is name, size and time of change of each of its files.
        model: The model, identified by its type, its weights, and the members of an ensemble.
        tile: The tile chosen for it.
    """
    identity = {
        "version": __version__,
        "source": file_identity(info.path) + (file_identity(config.second) if config.second else []),
        "options": config.pixel_values(),
        "tile": tile,
        "model": [*_model_names(model), model.device.type, str(model.precision)],
        "weights": _weights_hash(model),
    }
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def describe_run(
    config: InterpolateConfig, info: SourceInfo, model: Interpolator, output: Path, tile: int | None
) -> dict[str, object]:
    """What was asked for and with what, for the head of the log: plain JSON values."""
    name, *members = _model_names(model)
    return {
        "vfi": __version__,
        "input": str(info.path),
        "output": str(output),
        "size": [info.width, info.height],
        "rate": None if info.rate is None else str(info.rate),
        "model": name,
        "ensemble": members,
        "device": str(model.device),
        "dtype": str(model.precision).removeprefix("torch."),
        "tile": tile,
        "options": config.to_values(),
    }


def file_identity(path: Path) -> list[tuple[str, int, int]]:
    """Name, size and time of change of a file, or of every file in a folder."""
    files = sorted(entry for entry in path.iterdir() if entry.is_file()) if path.is_dir() else [path]
    stats = [(file.name, file.stat()) for file in files]
    return [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]


def _model_names(model: Interpolator) -> list[str]:
    """The model's type and, of an ensemble, its members."""
    if isinstance(model, Ensemble):
        return [*_model_names(model.model), *map(str, model.members)]
    return [type(model).__qualname__]


def _weights_hash(model: Interpolator) -> str:
    digest = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.detach().cpu().reshape(-1).contiguous().view(torch.uint8).numpy())
    return digest.hexdigest()
