"""Checks of options and source before anything is computed, and the timing that the options ask for."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from vfi.config import InterpolateConfig
from vfi.errors import ConfigError, InputError, OutputError
from vfi.interpolation.eqvi_protocol import Transform
from vfi.interpolation.names import number_between
from vfi.interpolation.schedule import Timing, slow_motion_timing
from vfi.io.files import images_in
from vfi.io.frames import SourceInfo
from vfi.io.open import is_image_folder


def check_source(config: InterpolateConfig, info: SourceInfo, output: Path) -> None:
    """Refuse, before anything is computed, an output that this source or these options do not allow.

    Args:
        config: All options.
        info: The source.
        output: A film, an animation, or a folder for images.

    Raises:
        ConfigError: If options make no sense for this source or this kind of output.
        InputError: If there are too few images, or their names do not suit the naming of new ones.
        OutputError: If the log exists and shall not be overwritten.
    """
    if not config.write_originals and not is_image_folder(output):
        raise ConfigError(f"write_originals: false is for folders of images, but {output} is a film.")
    check_log(config, output)
    Transform(config.resize, config.crop).output_size(info.height, info.width)
    if info.kind != "video" and info.frame_count == 1:
        raise one_frame_only(info)
    if config.naming != "generic":
        check_naming(config, info, output)
    elif is_image_folder(output) and info.path.is_dir():
        check_new_names(config, info)


def one_frame_only(info: SourceInfo) -> InputError:
    """The error for a source without a second frame."""
    return InputError(f"{info.path} holds only one frame: interpolation needs two or more.")


def check_log(config: InterpolateConfig, output: Path) -> None:
    """Refuse a log that would replace another file.

    Raises:
        ConfigError: If it has the name of the input or the output.
        OutputError: If it exists and shall not be overwritten.
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
    """Refuse names between whose numbers there is no whole number for each new image.

    Raises:
        ConfigError: If the output is a film, or the source no images.
        InputError: If names of images are no whole numbers, or lie too close together.
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


def check_new_names(config: InterpolateConfig, info: SourceInfo) -> None:
    """Refuse a folder of images that already holds names of the form that new images get.

    Args:
        config: All options.
        info: Information on the folder.

    Raises:
        ConfigError: If the options ask for an impossible timing.
        InputError: If a new image would take the name of the next image of the folder.
    """
    inter_frames = build_timing(config, info, hold_last=False).inter_frames
    if inter_frames is None:
        return  # on a grid, where names are numbers
    for image, following in pairwise(images_in(info.path)):
        number = following.stem.removeprefix(f"{image.stem}_")
        if number != following.stem and number.isdecimal() and int(number) < inter_frames:
            raise InputError(
                f"{info.path} already holds a new frame, {following.stem}: "
                "give a folder that holds original frames only."
            )


def build_timing(config: InterpolateConfig, info: SourceInfo, *, hold_last: bool) -> Timing:
    """Number and speed of the output frames.

    Args:
        config: All options.
        info: The source.
        hold_last: Whether the last frame is held, as in films.

    Raises:
        ConfigError: If an amount is out of range, or the source has no frame rate and slow motion needs one.
    """
    scale = config.slow_motion or Fraction(1)
    count = config.inter_frames if config.inter_frames is not None or config.slow_motion else 1
    try:
        if config.fps is not None:
            timing = Timing(rate=config.fps, time_scale=scale, hold_last=hold_last)
        elif count is not None:
            timing = Timing(inter_frames=count, time_scale=scale, hold_last=hold_last)
        else:
            timing = slow_motion_timing(scale, info.rate, hold_last=hold_last)
    except ValueError as error:
        raise ConfigError(f"{info.path} cannot be interpolated like this: {error}.") from error
    return replace(
        timing,
        origin=config.start or Fraction(0),
        originals=config.write_originals,
        naming=config.naming,
    )
