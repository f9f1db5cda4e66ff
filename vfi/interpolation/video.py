"""Entry points: interpolate a film, a folder of images, a pair of images, or a folder of such folders."""

from __future__ import annotations

import dataclasses
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vfi.base.interpolator import require_interpolator
from vfi.config import InterpolateConfig
from vfi.errors import ConfigError, InputError, OutputError
from vfi.interpolation.checks import check_source
from vfi.interpolation.job import InterpolationJob
from vfi.io.base import FrameSource
from vfi.io.files import clips_in
from vfi.io.images.animation import ANIMATION_SUFFIXES
from vfi.io.open import find_clips, is_image_folder, open_source
from vfi.io.video.streams.containers import default_suffix
from vfi.io.video.writing.encoders import VIDEO_SUFFIXES
from vfi.jobs.clips import run_clips
from vfi.jobs.report import ProgressCallback, Report
from vfi.jobs.runner import run

if TYPE_CHECKING:
    from vfi.base.interpolator import Interpolator


def interpolate_video(
    input: str | Path | None = None,
    output: str | Path | None = None,
    model: str | Interpolator = "auto",
    inter_frames: int = 1,
    *,
    progress: ProgressCallback | None = None,
    **options: Any,
) -> Report:
    """Insert new frames between those of a film, a folder of images, or two images.

    Args:
        input: Video file, animation, folder of images, or folder of such folders.
        output: Video, animation, or folder of images to write; None: beside the input.
        model: Name of a model (see :func:`vfi.registry.list_models`) or a loaded model.
        inter_frames: Number of new frames between each two. The default of 1 does not apply where ``fps`` or
            ``slow_motion`` is among the options, which determine the number.
        progress: Callback that receives a :class:`~vfi.jobs.report.Progress` now and then.
        options: Further options of :class:`~vfi.config.InterpolateConfig`, spelled as on the command line.

    Returns:
        Numbers of frames in and out and of cuts, seconds, and notes on what was not carried over.

    Raises:
        ConfigError: If ``model`` is neither a name nor an interpolator, or an option is wrong.
        VfiError: If anything else is wrong, in one clear sentence; see :mod:`vfi.errors`.
    """
    if not isinstance(model, str):
        _require_interpolator(model)
    amount_given = any(options.get(name) is not None for name in ("fps", "slow_motion"))
    count = None if amount_given and inter_frames == 1 else inter_frames
    values: dict[str, Any] = {**options, "input": input, "output": output, "inter_frames": count}
    if isinstance(model, str):
        return interpolate(InterpolateConfig.from_values({**values, "model": model}), progress=progress)
    config = InterpolateConfig.from_values({**values, "model": type(model).__name__})
    return interpolate(config, model, progress)


def interpolate(
    config: InterpolateConfig, model: Interpolator | None = None, progress: ProgressCallback | None = None
) -> Report:
    """Interpolate as a configuration states.

    Arguments are those of :func:`open_job` and :func:`interpolate_video`, result and errors of the latter.
    """
    clips = _clips(config)
    if clips:
        return _interpolate_clips(config, clips, model, progress)
    with open_job(config, model) as job:
        return run(job, progress)


def open_job(
    config: InterpolateConfig, model: Interpolator | None = None, output: Path | None = None
) -> InterpolationJob:
    """The job of one film, folder of images or pair, ready to run, whole or in shards.

    Args:
        config: All options.
        model: Loaded model; None: the one that the options name is loaded.
        output: Output; None: the one that the options name.

    Returns:
        A context manager that closes the source; see :mod:`vfi.jobs.runner` and :mod:`vfi.jobs.shards`.

    Raises:
        VfiError: If the options, the source or the model are wrong.
    """
    source = _open(config)
    try:
        output = output or _output(config)
        check_source(config, source.info, output)
        return InterpolationJob(source, config, model or _load(config), output)
    except BaseException:
        source.close()
        raise


def _require_interpolator(model: object) -> None:
    """Refuse anything but an interpolator, such as a flow estimator.

    Raises:
        ConfigError: If the model is no interpolator.
    """
    try:
        require_interpolator(model)
    except ValueError as error:
        raise ConfigError(f"{str(error)[0].upper()}{str(error)[1:]}.") from None


def _clips(config: InterpolateConfig) -> list[Path]:
    """The clip folders of a dataset; empty if the input is no dataset."""
    if not config.clips:
        return [] if config.second is not None else find_clips(config.input)
    if not config.input.is_dir():
        raise InputError(f"{config.input} is not a folder: give the folder that holds the clip folders.")
    clips = clips_in(config.input)
    if not clips:
        raise InputError(
            f"{config.input} holds no folder with images: give the folder that holds the clip folders."
        )
    return clips


def _interpolate_clips(
    config: InterpolateConfig,
    clips: list[Path],
    model: Interpolator | None,
    progress: ProgressCallback | None,
) -> Report:
    """Interpolate every clip of a data set into a folder of its own."""
    root = _output(config)
    if not is_image_folder(root):
        raise OutputError(f"{root} is one file, but there are {len(clips)} clips: name a folder.")

    @cache
    def loaded() -> Interpolator:
        return model or _load(config)

    def check(clip: Path) -> None:
        with _open(_clip_config(config, clip)) as source:
            check_source(_clip_config(config, clip), source.info, root / clip.name)

    report = run_clips(
        root,
        {clip: root / clip.name for clip in clips},
        resume=config.resume,
        check=check,
        open_job=lambda clip: open_job(_clip_config(config, clip), loaded(), root / clip.name),
        progress=progress,
    )
    left_out = [f"{folder} holds no images and is left out." for folder in _folders_without_images(clips)]
    return dataclasses.replace(report, notes=(*report.notes, *left_out))


def _folders_without_images(clips: list[Path]) -> list[Path]:
    """The folders beside those of the clips, hidden ones left out."""
    beside = sorted(clips[0].parent.iterdir())
    return [path for path in beside if path.is_dir() and path not in clips and not path.name.startswith(".")]


def _clip_config(config: InterpolateConfig, clip: Path) -> InterpolateConfig:
    """The configuration for one clip of a dataset."""
    log: Path | None = config.log
    return config.replace(
        input=clip, clips=False, log=log and log.with_name(f"{log.stem}_{clip.name}{log.suffix}")
    )


def _open(config: InterpolateConfig) -> FrameSource:
    return open_source(
        config.input,
        second=config.second,
        start=config.start,
        end=config.end,
        rate=config.input_fps,
        mixed_sizes=config.resize is not None,  # which gives all of them one size
        deinterlace=config.deinterlace,
    )


def _output(config: InterpolateConfig) -> Path:
    return config.output or default_output(config)


def _load(config: InterpolateConfig) -> Interpolator:
    from vfi.registry import load_model  # here, because it imports the networks

    model = load_model(
        config.model,
        checkpoint=config.checkpoint,
        device=config.device,
        dtype=config.dtype,
        **config.model_options,
    )
    if config.compile or config.channels_last:
        model.accelerate(compile_networks=config.compile, channels_last=config.channels_last)
    return model


def default_output(config: InterpolateConfig) -> Path:
    """The path of the output where none is given: beside the input, its name stating what was done.

    Args:
        config: All options.
    """
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
    # An animation keeps its suffix, because it would lose its transparency as a film.
    suffix = own if own[1:] in (*VIDEO_SUFFIXES, *ANIMATION_SUFFIXES) else default_suffix(source)
    return source.with_name(f"{source.stem}{tag}{suffix}")
